//! What is sent and answered.

use serde_json::Value;
use storeward_api::{UpTo, message};

use super::words::{
    Collection, CustomerWord, FieldWord, Form, ItemName, LookupWord, Moment, Number, PurposeWord, Text,
    Values,
};

message! {
    /// A customer and the first that is kept of them.
    request NewCustomer {
        /// The shop's own number of the customer: with it the same customer is met again, also by an import; who was erased stays erased.
        shop_id: Option<Number>,
        /// What is kept.
        items: UpTo<NewItem, 1, 50>,
    }
}

message! {
    /// Values that belong together, such as an address or an order.
    request NewItem {
        /// Which kind of data it is.
        collection: Collection,
        /// Tells it from others of its collection; `own` where it is left out. `own`, `billing`, `shipping`, `delivery`, `invoice`, `home`, `work` and `newsletter` stand as they are, any other name is kept as a keyed mark, which answers give.
        item: Option<ItemName>,
        /// The values by their fields' names; `GET /api/v1/fields` lists them.
        values: Values,
        /// After this moment they are deleted.
        keep_until: Option<Moment>,
    }
}

message! {
    /// Values of one item: those that are named take the place of what was there.
    request ItemValues {
        /// The values by their fields' names.
        values: Values,
        /// After this moment they are deleted.
        keep_until: Option<Moment>,
    }
}

message! {
    /// A correction that a customer asked for.
    request Correction {
        /// `rights_request` or `legal_claim`, as far as the rules allow it.
        purpose: PurposeWord,
        /// Which kind of data it is.
        collection: Collection,
        /// Which item; `own` where it is left out.
        item: Option<ItemName>,
        /// The values by their fields' names.
        values: Values,
        /// Who asked for it, and how: what a customer agreed or objected to is put right with a reason only. It is kept as a note.
        reason: Option<Text>,
    }
}

message! {
    /// A customer that is kept now.
    answer KeptCustomer {
        /// The id by which everything else is asked.
        id: CustomerWord,
    }
}

message! {
    /// An item that is kept now.
    answer KeptItem {
        /// Whose it is.
        id: CustomerWord,
        /// Which kind of data.
        collection: Collection,
        /// Which item.
        item: ItemName,
        /// As in the header `ETag`, without quotes.
        etag: String,
    }
}

message! {
    /// A page of customers, by their ids.
    answer CustomerPage {
        /// Nothing that says who they are.
        customers: Vec<CustomerLine>,
        /// For `after` of the next page; null on the last one.
        next: Option<String>,
    }
}

message! {
    /// A customer of a list.
    answer CustomerLine {
        /// The id.
        id: CustomerWord,
        /// Since when something is kept.
        created_at: Moment,
        /// Whether the use of the data is restricted.
        restricted: bool,
    }
}

message! {
    /// Which items are kept of a customer. No value is opened for it.
    answer CustomerState {
        /// The id.
        id: CustomerWord,
        /// Since when something is kept.
        created_at: Moment,
        /// Whether the use of the data is restricted.
        restricted: bool,
        /// What there is.
        items: Vec<ItemState>,
    }
}

message! {
    /// Which fields of an item are kept.
    answer ItemState {
        /// Which kind of data.
        collection: Collection,
        /// Which item.
        item: ItemName,
        /// The names of its fields.
        fields: Vec<String>,
        /// For `If-Match`, in quotes.
        etag: String,
        /// When it was written last.
        written_at: Moment,
    }
}

message! {
    /// A question for whoever has exactly this value, or these letters in it.
    request Wanted {
        /// By which field; names and companies by parts, where `vault.find_by_part` has them.
        field: LookupWord,
        /// The whole value, compared in normal form by a keyed mark; of what goes by parts, three letters or more.
        value: Text,
    }
}

message! {
    /// Who has it.
    answer Found {
        /// Their ids; at most 200, by parts 100.
        customers: Vec<CustomerWord>,
    }
}

message! {
    /// What is to be opened, and what for.
    request Opening {
        /// What for: one of the purposes of the key.
        purpose: PurposeWord,
        /// Which fields.
        fields: UpTo<FieldWord, 1, 50>,
        /// The number of an order of this customer: with it the rules show more.
        order: Option<Number>,
    }
}

message! {
    /// What was opened, and what was not.
    answer OpenedCustomer {
        /// Whose data it is.
        id: CustomerWord,
        /// The values that the rules show.
        values: Vec<OpenedValue>,
        /// The fields that they do not.
        refused: Vec<RefusedField>,
    }
}

message! {
    /// A value.
    answer OpenedValue {
        /// Which kind of data.
        collection: Collection,
        /// Which item.
        item: ItemName,
        /// The field's name.
        field: String,
        /// As much of it as the rules show.
        value: String,
        /// `whole`, `part` or `hidden`.
        mask: String,
        /// The rules that allowed it.
        rules: Vec<String>,
        /// Where it comes from.
        from: String,
        /// When it was written.
        written_at: Moment,
    }
}

message! {
    /// A field that is kept and was not shown.
    answer RefusedField {
        /// Its full name.
        field: FieldWord,
        /// Such as `no_rule`, `purpose`, `restricted`, `too_many`, `no_consent`, `not_their_order`, `too_many_orders`.
        reason: String,
    }
}

message! {
    /// Why something is done that only a customer's right or a claim allows.
    request Reason {
        /// `rights_request` or `legal_claim`, as far as the rules allow it.
        purpose: PurposeWord,
    }
}

message! {
    /// Whether the use of a customer's data is restricted.
    request Restriction {
        /// `rights_request` or `legal_claim`, as far as the rules allow it.
        purpose: PurposeWord,
        /// True: it is kept and not used (GDPR article 18).
        restricted: bool,
    }
}

message! {
    /// Whether it is.
    answer RestrictionState {
        /// Whose data it is.
        id: CustomerWord,
        /// Whether the use is restricted.
        restricted: bool,
    }
}

message! {
    /// How a copy is to be handed out.
    request Copy {
        /// `rights_request` or `legal_claim`, as far as the rules allow it.
        purpose: PurposeWord,
        /// `json`, also where it is left out, or `csv`.
        form: Option<Form>,
    }
}

message! {
    /// All that is kept of a customer.
    answer CopiedCustomer {
        /// Whose data it is.
        id: CustomerWord,
        /// One object a value.
        values: Vec<OpenedValue>,
        /// The fields that the rules keep back.
        refused: Vec<RefusedField>,
    }
}

message! {
    /// What became of an erasure.
    answer ErasureState {
        /// Whose.
        id: CustomerWord,
        /// From then on nothing of them is opened.
        begun_at: Moment,
        /// When their key was destroyed; null while it is under way.
        erased_at: Option<Moment>,
        /// Whether no backup of the keys opens what was kept of them, either.
        beyond_backups: bool,
        /// How many accounts of their address stayed open, because they have a second factor or only a program said whose the address is.
        accounts_left: u64,
    }
}

message! {
    /// Many customers, each with what is to be kept.
    request BulkWriting {
        /// They are written one by one; one that does not fit keeps no other back.
        customers: UpTo<BulkCustomer, 1, 100>,
    }
}

message! {
    /// One of many.
    request BulkCustomer {
        /// Who it is, by the id; or
        id: Option<CustomerWord>,
        /// by the shop's own number. One of the two.
        shop_id: Option<Number>,
        /// What is kept.
        items: UpTo<NewItem, 1, 50>,
    }
}

message! {
    /// What became of each.
    answer BulkWritten {
        /// In the order of the request.
        results: Vec<BulkResult>,
    }
}

message! {
    /// What became of one.
    answer BulkResult {
        /// Who it is; null where that is not known.
        id: Option<CustomerWord>,
        /// The status that it would have had by itself.
        status: u16,
        /// What is wrong; null where nothing is.
        problem: Option<Value>,
    }
}

message! {
    /// Many customers of whom the same is to be opened.
    request BulkOpening {
        /// What for: one of the purposes of the key.
        purpose: PurposeWord,
        /// Which fields.
        fields: UpTo<FieldWord, 1, 50>,
        /// Whose.
        customers: UpTo<BulkAsked, 1, 100>,
    }
}

message! {
    /// One of many.
    request BulkAsked {
        /// Who it is.
        id: CustomerWord,
        /// The number of an order of this customer.
        order: Option<Number>,
    }
}

message! {
    /// What was opened of each.
    answer BulkOpened {
        /// In the order of the request.
        results: Vec<BulkOpenedResult>,
    }
}

message! {
    /// What was opened of one.
    answer BulkOpenedResult {
        /// Whose data it is.
        id: CustomerWord,
        /// The status that it would have had by itself.
        status: u16,
        /// The values that the rules show.
        values: Vec<OpenedValue>,
        /// The fields that they do not.
        refused: Vec<RefusedField>,
        /// What is wrong; null where nothing is.
        problem: Option<Value>,
    }
}

message! {
    /// The fields there are.
    answer Catalogue {
        /// By their collections.
        fields: Vec<CatalogueField>,
    }
}

message! {
    /// A field.
    answer CatalogueField {
        /// Which kind of data.
        collection: Collection,
        /// Its name.
        field: String,
        /// What it takes, in words.
        takes: String,
        /// Whether customers are found by it as a whole.
        found_by: bool,
    }
}
