//! Customers: kept, listed, found, opened, written.

use serde_json::json;
use storeward_api::{Act, Answer, Call, FieldFault, Operation, Problem, Repeat, UpTo};
use storeward_base::CustomerId;
use storeward_web::http::header;

use super::messages::{
    Catalogue, CatalogueField, CustomerLine, CustomerPage, CustomerState, Found, ItemState, ItemValues,
    KeptCustomer, KeptItem, NewCustomer, OpenedCustomer, OpenedValue, Opening, RefusedField, Wanted,
};
use super::words::{
    Collection, CustomerWord, FieldWord, ItemName, Moment, collection_schema, customer_schema, item_schema,
};
use super::{again, ask, asker, item_of, items_of, problem, with, writing};
use crate::catalogue::Lookup;
use crate::opening::{self, Opened};
use crate::programs::Expected;
use crate::records::{Item, Provenance, Vault};
use crate::values::Rule;
use crate::{Error, FIELDS, Field};

pub const CUSTOMER: &str = "The customer's id.";

pub fn operations(vault: Option<&Vault>) -> Vec<Operation> {
    let one = |operation: Operation| operation.part("customer", CUSTOMER, customer_schema());
    vec![
        Operation::get("listFields", "/fields", "The fields there are")
            .gives::<Catalogue>(200, "All of them.")
            .does(|_| async { Ok(Answer::of(200, &catalogue())) }),
        Operation::get("listCustomers", "/customers", "Who is kept")
            .says("By their ids. Nothing is opened for it.")
            .needs(Act::Read)
            .paged()
            .gives::<CustomerPage>(200, "A page.")
            .does(with(vault, list)),
        Operation::post("createCustomer", "/customers", "Keep a customer")
            .needs(Act::Write)
            .takes::<NewCustomer>(example())
            .gives::<KeptCustomer>(201, "Kept. `Location` leads there.")
            .fails(404, "Whoever has this number in the shop was erased, and stays it.")
            .fails(422, "A value does not fit its field; nothing was written.")
            .repeats(Repeat::ByKey)
            .again(again(vault))
            .does(with(vault, create)),
        Operation::post("findCustomers", "/customers/find", "Find by an exact value")
            .says("In a body, because an address is logged everywhere. That somebody looked is in the ledger, the value is not.")
            .needs(Act::Read)
            .takes::<Wanted>(json!({ "field": "contact.email", "value": "ada@shop.example" }))
            .gives::<Found>(200, "Whoever has it; nobody is an empty list.")
            .fails(422, "The value is none that is looked for by this field.")
            .does(with(vault, find)),
        one(Operation::get("getCustomer", "/customers/{customer}", "Which items are kept of a customer"))
            .says(
                "Their names and states; nothing is opened for it. Of names that a program gave there are marks: they say nothing, and name \
                 the item where one is asked for.",
            )
            .needs(Act::Read)
            .gives::<CustomerState>(200, "What there is.")
            .does(with(vault, state)),
        one(Operation::post("openCustomer", "/customers/{customer}/open", "Open fields for a purpose"))
            .says(
                "The rules decide about each field, and how much of it is shown. What was opened, for what and by which key is in the \
                 ledger before it is answered.",
            )
            .needs(Act::Read)
            .takes::<Opening>(json!({
                "purpose": "shipping",
                "fields": ["address.name", "address.street", "address.postcode", "address.city", "address.country"],
                "order": "A-1001"
            }))
            .gives::<OpenedCustomer>(200, "What the rules show.")
            .does(with(vault, open)),
        one(Operation::put(
            "putItem",
            "/customers/{customer}/items/{collection}/{item}",
            "Write values of an item",
        ))
        .says("Those that are named take the place of what was there; the others stay.")
        .part("collection", "Which kind of data it is.", collection_schema())
        .part(
            "item",
            "Which item: `own` where there is one only, a name that was given before, or the mark by which answers name it.",
            item_schema(),
        )
        .needs(Act::Write)
        .takes::<ItemValues>(json!({ "values": { "city": "Berlin", "country": "DE" } }))
        .gives::<KeptItem>(200, "Written. `ETag` is its new state.")
        .fails(422, "A value does not fit its field; nothing was written.")
        .conditional()
        .repeats(Repeat::ByKey)
        .again(again(vault))
        .does(with(vault, put)),
    ]
}

fn example() -> serde_json::Value {
    json!({
        "shop_id": "4711",
        "items": [
            { "collection": "contact", "values": { "name": "Ada Lovelace", "email": "ada@shop.example" } },
            {
                "collection": "address",
                "item": "shipping",
                "values": { "street": "12 St James's Square", "postcode": "SW1Y 4JH", "city": "London", "country": "GB" }
            },
            { "collection": "order", "item": "row-97", "values": { "number": "A-1001", "items": "two books" } }
        ]
    })
}

async fn list(vault: Vault, call: Call) -> Result<Answer, Problem> {
    vault.may_find(&asker(&call)).map_err(problem)?;
    let limit = call.limit()?;
    let wrong = || Problem::malformed("`after` is no cursor of this list.");
    let after = call.after()?.map(|text| text.parse::<CustomerId>().map_err(|_| wrong())).transpose()?;
    // One more than is shown: it tells whether there is another page.
    let mut found = vault.list(after, limit + 1).await.map_err(problem)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= shown;
    found.truncate(shown);
    let next = found.last().filter(|_| !is_last).map(|last| call.cursor(&last.id.to_string()));
    let line = |one: &crate::programs::Listed| CustomerLine {
        id: CustomerWord(one.id),
        created_at: Moment(one.created_at),
        restricted: one.is_restricted,
    };
    Ok(Answer::of(200, &CustomerPage { customers: found.iter().map(line).collect(), next }))
}

async fn create(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let NewCustomer { shop_id, items } = call.body()?;
    let mut items = items_of(&vault, items.0, "/items")?;
    let customer = match &shop_id {
        Some(number) => {
            items.insert(0, numbered(number.0.clone()));
            vault.kept_of_shop(&number.0).await.map_err(problem)?
        }
        None => CustomerId::of(call.begun_at, call.chance),
    };
    vault.keep(&writing(&call, customer), items).await.map_err(problem)?;
    let place = format!("{}/customers/{customer}", storeward_api::PREFIX);
    Ok(Answer::of(201, &KeptCustomer { id: CustomerWord(customer) }).with(header::LOCATION, &place))
}

/// The shop's own number, as a value: the page of a customer is found by it.
pub fn numbered(number: String) -> Item {
    let field = Field::find("contact.shop_id").expect("the catalogue has it");
    Item {
        id: "own".to_owned(),
        values: vec![(field, storeward_base::Secret::new(number))],
        provenance: Provenance::Shop,
        keep_until: None,
    }
}

async fn find(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let Wanted { field, value } = call.body()?;
    let found = vault.look_up(&asker(&call), field.0, value.0.expose()).await.map_err(|why| match why {
        Error::Value { why, .. } => {
            Problem::misfit(vec![FieldFault { pointer: "/value".to_owned(), detail: why.to_owned() }])
        }
        other => problem(other),
    })?;
    Ok(Answer::of(200, &Found { customers: found.into_iter().map(CustomerWord).collect() }))
}

async fn state(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    vault.may_find(&asker(&call)).map_err(problem)?;
    let (listed, items) = vault.inventory(customer.0).await.map_err(problem)?;
    let mut states = Vec::new();
    for one in items {
        let collection: Collection = word(&one.collection)?;
        let item = ItemName(vault.shown_name(collection.0, &one.item));
        states.push(ItemState {
            collection,
            item,
            fields: one.fields,
            etag: one.tag,
            written_at: Moment(one.written_at),
        });
    }
    Ok(Answer::of(
        200,
        &CustomerState {
            id: customer,
            created_at: Moment(listed.created_at),
            restricted: listed.is_restricted,
            items: states,
        },
    ))
}

async fn open(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    let Opening { purpose, fields, order } = call.body()?;
    let mut asked = ask(&call, customer.0, purpose.0)?;
    if let Some(order) = order {
        asked = asked.about_order(&order.0);
    }
    let opening = vault.open(&asked, &once(fields)).await.map_err(problem)?;
    let (values, refused) = shown(&vault, opening);
    Ok(Answer::of(200, &OpenedCustomer { id: customer, values, refused }))
}

/// Each field once, whatever was asked twice.
pub fn once<const LEAST: usize, const MOST: usize>(
    fields: UpTo<FieldWord, LEAST, MOST>,
) -> Vec<&'static Field> {
    let mut all: Vec<&'static Field> = Vec::new();
    for FieldWord(field) in fields.0 {
        if !all.contains(&field) {
            all.push(field);
        }
    }
    all
}

/// As messages have it.
pub fn shown(vault: &Vault, opening: opening::Opening) -> (Vec<OpenedValue>, Vec<RefusedField>) {
    let values = opening.values.into_iter().map(|one| value(vault, one)).collect();
    let refused = opening
        .refused
        .into_iter()
        .map(|one| RefusedField { field: FieldWord(one.field), reason: one.reason.to_owned() });
    (values, refused.collect())
}

fn value(vault: &Vault, one: Opened) -> OpenedValue {
    OpenedValue {
        collection: Collection(one.field.class),
        item: ItemName(vault.shown_name(one.field.class, &one.item)),
        field: one.field.name.to_owned(),
        value: one.value.expose().clone(),
        mask: one.mask.name().to_owned(),
        rules: one.rules,
        from: one.provenance,
        written_at: Moment(one.written_at),
    }
}

/// A word that we wrote ourselves.
fn word<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::from(Error::Seal(storeward_seal::Error::Sealed)))
}

async fn put(vault: Vault, call: Call) -> Result<Answer, Problem> {
    let customer: CustomerWord = call.part("customer")?;
    let (collection, item): (Collection, ItemName) = (call.part("collection")?, call.part("item")?);
    let ItemValues { values, keep_until } = call.body()?;
    let new = item_of(&vault, collection.0, item.0.clone(), values.0, Provenance::Shop, "/values")?;
    let new = Item { keep_until: keep_until.map(|moment| moment.0), ..new };
    // A customer that nobody made is not made by a slip of the pen in an address.
    vault.inventory(customer.0).await.map_err(problem)?;
    let expected = expected(call.if_match.as_deref())?;
    let item = ItemName(vault.shown_name(collection.0, &item.0));
    let kept = vault.keep_expecting(&writing(&call, customer.0), new, expected).await;
    let etag = kept.map_err(problem)?;
    let quoted = format!("\"{etag}\"");
    Ok(Answer::of(200, &KeptItem { id: customer, collection, item, etag }).with(header::ETAG, &quoted))
}

/// RFC 9110 section 13.1.1: `*`, or one tag in quotes. A list of tags is not taken: an item has one.
fn expected(line: Option<&str>) -> Result<Expected, Problem> {
    let Some(line) = line.map(str::trim) else { return Ok(Expected::Any) };
    if line == "*" {
        return Ok(Expected::Kept);
    }
    let tag = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let fits =
        |tag: &&str| (1..=98).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    let tag = tag.filter(fits).ok_or_else(|| Problem::malformed("If-Match is `*` or one ETag in quotes."))?;
    Ok(Expected::Tag(tag.to_owned()))
}

fn catalogue() -> Catalogue {
    let line = |field: &Field| CatalogueField {
        collection: Collection(field.class),
        field: field.name.to_owned(),
        takes: takes(field.rule),
        found_by: field.lookup == Lookup::Whole,
    };
    Catalogue { fields: FIELDS.iter().map(line).collect() }
}

fn takes(rule: Rule) -> String {
    match rule {
        Rule::Line(most) => format!("one line of at most {most} characters"),
        Rule::Text(most) => format!("text of at most {most} characters"),
        Rule::Email => "an e-mail address".to_owned(),
        Rule::Phone => "a telephone number with its country, such as +49 30 1234567".to_owned(),
        Rule::Date => "a date such as 2026-11-26".to_owned(),
        Rule::Moment => "a moment such as 2026-11-26T12:00:00Z".to_owned(),
        Rule::Country => "a country of two letters such as DE".to_owned(),
        Rule::Currency => "a currency of three letters such as EUR".to_owned(),
        Rule::Amount => "a whole number of minor units".to_owned(),
        Rule::LastFour => "four digits".to_owned(),
    }
}
