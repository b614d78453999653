//! All SQL of customers' records.

use std::collections::BTreeMap;

use crate::indexes::parts_name;
use crate::records::Size;
use storeward_base::{CustomerId, Timestamp};
use storeward_store::{Error, Reader, Row, Tx, params, statements};

statements! {
    INSERT_CUSTOMER = "INSERT INTO vault_customer (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    CUSTOMER = "SELECT created_at, erasure_begun_at, erased_at, restricted_at FROM vault_customer WHERE id = $1";
    BEGIN_ERASURE = "UPDATE vault_customer SET erasure_begun_at = $2 WHERE id = $1 AND erasure_begun_at IS NULL";
    END_ERASURE = "UPDATE vault_customer SET erased_at = $2 WHERE id = $1 AND erased_at IS NULL";
    RESTRICT = "UPDATE vault_customer SET restricted_at = $2 WHERE id = $1";
    BEGUN = "SELECT c.id, CASE WHEN c.erased_at IS NULL OR EXISTS (SELECT 1 FROM vault_field f WHERE f.customer = c.id) \
             OR EXISTS (SELECT 1 FROM vault_mark m WHERE m.customer = c.id) THEN 1 ELSE 0 END \
             FROM vault_customer c WHERE c.erasure_begun_at IS NOT NULL AND c.id > $1 ORDER BY c.id LIMIT 500";

    HOLD = "UPDATE vault_customer SET created_at = created_at WHERE id = $1";
    PAGE = "SELECT id FROM vault_customer WHERE id > $1 ORDER BY id LIMIT 200";
    LIVE = "SELECT id FROM vault_customer WHERE id > $1 AND erasure_begun_at IS NULL ORDER BY id LIMIT 1000";
    MANIFEST = "SELECT revision, sealed FROM vault_manifest WHERE customer = $1 AND part = $2";
    PUT_MANIFEST = "INSERT INTO vault_manifest (customer, part, revision, sealed) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (customer, part) DO UPDATE SET revision = EXCLUDED.revision, sealed = EXCLUDED.sealed";
    DELETE_MANIFEST = "DELETE FROM vault_manifest WHERE customer = $1";
    MARKS = "SELECT field, root, mark, item FROM vault_mark WHERE customer = $1 ORDER BY field, root, item LIMIT 20001";
    // Of whoever was erased nothing is left. Not `NOT IN`: SQLite lets an id be NULL, and one would hide all others.
    STRAY_MARKS = "SELECT DISTINCT t.customer FROM vault_mark t WHERE NOT EXISTS (SELECT 1 FROM vault_customer c WHERE c.id = t.customer \
                   AND c.erased_at IS NULL) LIMIT 100";
    STRAY_FIELDS = "SELECT DISTINCT t.customer FROM vault_field t WHERE NOT EXISTS (SELECT 1 FROM vault_customer c WHERE c.id = t.customer \
                    AND c.erased_at IS NULL) LIMIT 100";
    STRAY_PARTS = "SELECT DISTINCT t.customer FROM vault_manifest t WHERE NOT EXISTS (SELECT 1 FROM vault_customer c WHERE c.id = t.customer \
                   AND c.erased_at IS NULL) LIMIT 100";
    STRAY_IMPORTED = "SELECT DISTINCT t.customer FROM vault_imported t WHERE NOT EXISTS (SELECT 1 FROM vault_customer c WHERE c.id = t.customer \
                      AND c.erased_at IS NULL) LIMIT 100";
    NOBODYS = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_customer WHERE id IS NULL";
    MANIFEST_PARTS = "SELECT part FROM vault_manifest WHERE customer = $1 ORDER BY part LIMIT 32";
    UPSERT = "INSERT INTO vault_field (customer, collection, item, field, form, version, sealed, provenance, \
              written_at, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
              ON CONFLICT (customer, collection, item, field) DO UPDATE SET form = EXCLUDED.form, \
              version = EXCLUDED.version, sealed = EXCLUDED.sealed, provenance = EXCLUDED.provenance, \
              written_at = EXCLUDED.written_at, keep_until = EXCLUDED.keep_until";
    FIELDS = "SELECT collection, item, field, form, version, sealed, provenance, written_at, keep_until \
              FROM vault_field WHERE customer = $1 ORDER BY collection, item, field LIMIT 20001";
    DELETE_FIELDS = "DELETE FROM vault_field WHERE customer = $1";
    OTHERS_WITH = "SELECT DISTINCT customer FROM vault_field WHERE SUBSTR(item, 1, 3) = 'of-' AND item = $1 AND collection = $2 \
                   AND customer <> $3 AND customer > $4 ORDER BY customer LIMIT 100";

    IMPORTED = "SELECT tags FROM vault_imported WHERE customer = $1 AND collection = $2 AND item = $3";
    PUT_IMPORTED = "INSERT INTO vault_imported (customer, collection, item, tags) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (customer, collection, item) DO UPDATE SET tags = EXCLUDED.tags";
    IMPORTED_OF = "SELECT tags FROM vault_imported WHERE customer = $1 AND collection = $2";
    IMPORTED_PLACES = "SELECT collection, item FROM vault_imported WHERE customer = $1";
    DELETE_IMPORTED = "DELETE FROM vault_imported WHERE customer = $1";

    INSERT_MARK = "INSERT INTO vault_mark (field, root, mark, customer, item) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (field, root, mark, customer, item) DO NOTHING";
    DELETE_MARKS_OF_FIELD = "DELETE FROM vault_mark WHERE customer = $1 AND (field = $2 OR field = $4) AND item = $3";
    DELETE_MARKS = "DELETE FROM vault_mark WHERE customer = $1";
    DELETE_FIELD = "DELETE FROM vault_field WHERE customer = $1 AND collection = $2 AND item = $3 AND field = $4";
    COUNTS = "SELECT CAST(COUNT(*) AS BIGINT), \
              CAST(COALESCE(SUM(CASE WHEN erased_at IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT), \
              CAST(COALESCE(SUM(CASE WHEN erasure_begun_at IS NOT NULL AND erased_at IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT) \
              FROM vault_customer";
    COUNT_FIELDS = "SELECT CAST(COUNT(*) AS BIGINT) FROM vault_field";
    BY_MARK = "SELECT DISTINCT customer FROM vault_mark WHERE field = $1 AND root = $2 AND mark = $3 \
               AND customer > $4 ORDER BY customer LIMIT 100";
    IS_MARKED = "SELECT customer FROM vault_mark WHERE field = $1 AND root = $2 AND mark = $3 AND customer = $4 LIMIT 1";
}

/// Where a customer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerRow {
    pub created_at: Timestamp,
    pub erasure_begun_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
    pub restricted_at: Option<Timestamp>,
}

/// A field as it lies there.
#[derive(Clone, Debug)]
pub struct FieldRow {
    pub collection: String,
    pub item: String,
    pub field: String,
    pub form: u16,
    pub version: u64,
    pub sealed: Vec<u8>,
    pub provenance: String,
    pub written_at: Timestamp,
    pub keep_until: Option<Timestamp>,
}

fn field(row: &Row<'_>) -> Result<FieldRow, Error> {
    Ok(FieldRow {
        collection: row.get(0)?,
        item: row.get(1)?,
        field: row.get(2)?,
        form: row.get(3)?,
        version: row.get(4)?,
        sealed: row.get(5)?,
        provenance: row.get(6)?,
        written_at: row.get(7)?,
        keep_until: row.get(8)?,
    })
}

pub fn customer(reader: &mut Reader<'_>, id: CustomerId) -> Result<Option<CustomerRow>, Error> {
    reader.query_optional(CUSTOMER, params![id], |row| {
        Ok(CustomerRow {
            created_at: row.get(0)?,
            erasure_begun_at: row.get(1)?,
            erased_at: row.get(2)?,
            restricted_at: row.get(3)?,
        })
    })
}

pub fn insert_customer(tx: &mut Tx<'_>, id: CustomerId) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(INSERT_CUSTOMER, params![id, now]).map(drop)
}

/// Whether this was the first who asked.
pub fn begin_erasure(tx: &mut Tx<'_>, id: CustomerId) -> Result<bool, Error> {
    let now = tx.now();
    tx.execute(BEGIN_ERASURE, params![id, now]).map(|rows| rows == 1)
}

pub fn end_erasure(tx: &mut Tx<'_>, id: CustomerId) -> Result<bool, Error> {
    let now = tx.now();
    tx.execute(END_ERASURE, params![id, now]).map(|rows| rows == 1)
}

pub fn restrict(tx: &mut Tx<'_>, id: CustomerId, since: Option<Timestamp>) -> Result<(), Error> {
    tx.execute(RESTRICT, params![id, since]).map(drop)
}

/// Whose erasures were begun, as texts that are empty where they are none, and whether something of them is left here to be done.
pub fn begun(reader: &mut Reader<'_>, after: &str) -> Result<Vec<(String, bool)>, Error> {
    reader.query_many(BEGUN, params![after], |row| {
        Ok((row.get(0).unwrap_or_default(), row.get::<i64>(1)? == 1))
    })
}

/// Nobody else changes the customer's record until the transaction ends, also from another machine.
pub fn hold(tx: &mut Tx<'_>, customer: CustomerId) -> Result<(), Error> {
    tx.execute(HOLD, params![customer]).map(drop)
}

/// Customers, and what stands in the place of an id and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub customers: Vec<CustomerId>,
    /// Texts; empty where it is no text either.
    pub others: Vec<String>,
    /// Behind which the next page begins; nothing where this is the last.
    pub last: Option<String>,
}

/// Customers behind `after` whom nobody erases, in order; the empty text begins.
pub fn live(reader: &mut Reader<'_>, after: &str) -> Result<Vec<String>, Error> {
    reader.query_many(LIVE, params![after], |row| Ok(row.get(0).unwrap_or_default()))
}

/// The customers behind `after`; the empty text begins.
pub fn page(reader: &mut Reader<'_>, after: &str) -> Result<Page, Error> {
    let ids: Vec<String> =
        reader.query_many(PAGE, params![after], |row| Ok(row.get(0).unwrap_or_default()))?;
    let mut page = Page { customers: Vec::new(), others: Vec::new(), last: None };
    for id in ids {
        match id.parse::<CustomerId>() {
            Ok(customer) if customer.text() == id => page.customers.push(customer),
            // One that is read as somebody's and written otherwise is found by nobody.
            Ok(_) | Err(_) => page.others.push(id.clone()),
        }
        // What is no text stands behind all that is one.
        if !id.is_empty() {
            page.last = Some(id);
        }
    }
    Ok(page)
}

/// Whether a row bears no id at all, which SQLite allows: it stands on no page.
pub fn has_nobodys(reader: &mut Reader<'_>) -> Result<bool, Error> {
    reader.query_one(NOBODYS, &[], |row| row.get::<u64>(0)).map(|count| count > 0)
}

/// Which parts of a manifest lie there.
pub fn manifest_parts(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<i64>, Error> {
    reader.query_many(MANIFEST_PARTS, params![customer], |row| row.get(0))
}

/// A part of a manifest with its revision.
pub fn manifest_part(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    part: u8,
) -> Result<Option<(u64, Vec<u8>)>, Error> {
    reader.query_optional(MANIFEST, params![customer, part], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub fn put_manifest_part(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    part: u8,
    revision: u64,
    sealed: &[u8],
) -> Result<(), Error> {
    let revision = i64::try_from(revision).unwrap_or(i64::MAX);
    tx.execute(PUT_MANIFEST, params![customer, part, revision, sealed]).map(drop)
}

/// What imports brought of an item, by its collection and name ([`crate::import`]).
pub fn imported(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    (collection, item): (&str, &str),
) -> Result<Option<String>, Error> {
    reader.query_optional(IMPORTED, params![customer, collection, item], |row| row.get(0))
}

/// Of which items imports, or programs, said something.
pub fn imported_places(
    reader: &mut Reader<'_>,
    customer: CustomerId,
) -> Result<Vec<(String, String)>, Error> {
    reader.query_many(IMPORTED_PLACES, params![customer], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Whether a shop, or a program, ever said this field of a customer.
pub fn was_imported(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    collection: &str,
    field: &str,
) -> Result<bool, Error> {
    let all = reader.query_many(IMPORTED_OF, params![customer, collection], |row| row.get::<String>(0))?;
    let names = [format!("\"{field}\":"), format!("\"/{field}\":")];
    Ok(all.iter().any(|list| names.iter().any(|name| list.contains(name.as_str()))))
}

pub fn put_imported(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    (collection, item): (&str, &str),
    tags: &str,
) -> Result<(), Error> {
    tx.execute(PUT_IMPORTED, params![customer, collection, item, tags]).map(drop)
}

/// By what a customer is found: field, version of the index's root, mark and item.
pub type MarkRow = (String, u32, Vec<u8>, String);

pub fn marks(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<MarkRow>, Error> {
    reader
        .query_many(MARKS, params![customer], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
}

/// Of whom something is left, and there is no record, or none any more: texts as they lie there, each with a table that has it.
pub fn strays(reader: &mut Reader<'_>) -> Result<BTreeMap<String, &'static str>, Error> {
    let mut all = BTreeMap::new();
    for (table, statement) in [
        ("vault_mark", STRAY_MARKS),
        ("vault_field", STRAY_FIELDS),
        ("vault_manifest", STRAY_PARTS),
        ("vault_imported", STRAY_IMPORTED),
    ] {
        let found: Vec<String> =
            reader.query_many(statement, &[], |row| Ok(row.get(0).unwrap_or_default()))?;
        for customer in found {
            all.entry(customer).or_insert(table);
        }
    }
    Ok(all)
}

pub fn upsert(tx: &mut Tx<'_>, customer: CustomerId, row: &FieldRow) -> Result<(), Error> {
    let version = i64::try_from(row.version).unwrap_or(i64::MAX);
    let values = params![
        customer,
        &row.collection,
        &row.item,
        &row.field,
        row.form,
        version,
        &row.sealed,
        &row.provenance,
        row.written_at,
        row.keep_until,
    ];
    tx.execute(UPSERT, values).map(drop)
}

pub fn fields(reader: &mut Reader<'_>, customer: CustomerId) -> Result<Vec<FieldRow>, Error> {
    reader.query_many(FIELDS, params![customer], field)
}

/// A hundred behind one whose records beside this customer's hold an item of this collection and name, which is a mark of the shop's own
/// name for it: texts as they lie there.
pub fn others_with(
    reader: &mut Reader<'_>,
    customer: CustomerId,
    (collection, item): &(&'static str, String),
    behind: &str,
) -> Result<Vec<String>, Error> {
    let values = params![item, *collection, customer, behind];
    reader.query_many(OTHERS_WITH, values, |row| Ok(row.get(0).unwrap_or_default()))
}

pub fn delete_fields(tx: &mut Tx<'_>, customer: CustomerId) -> Result<u64, Error> {
    tx.execute(DELETE_MARKS, params![customer])?;
    tx.execute(DELETE_IMPORTED, params![customer])?;
    tx.execute(DELETE_MANIFEST, params![customer])?;
    tx.execute(DELETE_FIELDS, params![customer])
}

/// The marks of one value, of each root and of its parts, in the place of those that it had.
pub fn replace_marks(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    field: &str,
    item: &str,
    marks: &[crate::indexes::Mark],
) -> Result<(), Error> {
    tx.execute(DELETE_MARKS_OF_FIELD, params![customer, field, item, parts_name(field)])?;
    for (name, root, mark) in marks {
        tx.execute(INSERT_MARK, params![name, *root, mark, customer, item])?;
    }
    Ok(())
}

/// A hundred texts behind one by which a mark names customers, as they lie there: one that is no text is empty.
pub fn by_mark(
    reader: &mut Reader<'_>,
    (field, root, mark): &crate::indexes::Mark,
    behind: &str,
) -> Result<Vec<String>, Error> {
    reader.query_many(BY_MARK, params![field, *root, mark, behind], |row| Ok(row.get(0).unwrap_or_default()))
}

/// Whether a mark leads to this customer.
pub fn is_marked(
    reader: &mut Reader<'_>,
    (field, root, mark): &crate::indexes::Mark,
    customer: CustomerId,
) -> Result<bool, Error> {
    let found = reader
        .query_optional(IS_MARKED, params![field, *root, mark, customer], |row| row.get::<CustomerId>(0))?;
    Ok(found.is_some())
}

/// One value with its marks.
pub fn delete_field(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    collection: &str,
    item: &str,
    field: &str,
) -> Result<(), Error> {
    let name = format!("{collection}.{field}");
    tx.execute(DELETE_MARKS_OF_FIELD, params![customer, &name, item, parts_name(&name)])?;
    tx.execute(DELETE_FIELD, params![customer, collection, item, field]).map(drop)
}

pub fn size(reader: &mut Reader<'_>) -> Result<Size, Error> {
    let fields = reader.query_one(COUNT_FIELDS, &[], |row| row.get(0))?;
    reader.query_one(COUNTS, &[], |row| {
        let (all, erased, unfinished_erasures): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Size {
            customers: all.saturating_sub(erased).saturating_sub(unfinished_erasures),
            fields,
            erased,
            unfinished_erasures,
        })
    })
}
