//! What is sent and answered.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storeward_api::{Book, Shape, message};

/// An amount that may be below zero, such as a discount.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signed(pub i64);

impl Shape for Signed {
    fn schema(_: &mut Book) -> Value {
        json!({ "type": "integer" })
    }
}

message! {
    /// An order that is to be paid.
    request CreatePayment {
        /// The shop's number of the order: 1 to 64 visible signs.
        order: String,
        /// In minor units: 1999 of EUR are 19.99, 1999 of JPY are 1999.
        amount: u64,
        /// ISO 4217, in capitals.
        currency: String,
        /// Where the buyer goes when it is over: on one of the shop's own hosts.
        return_address: String,
        /// `at_once` or `later`; the setting's where it is left out.
        capture: Option<String>,
        /// The shop's number of the customer. Kept as a keyed mark.
        customer: Option<String>,
        /// For the provider's form and receipt. Kept sealed.
        email: Option<String>,
        /// What is bought, as the buyer reads it at the provider. Their sum is the amount.
        lines: Option<Vec<PaymentLine>>,
        /// Whether what the buyer pays with is kept for this customer: `no` (where it is left out), `ask` (the page asks), `yes` (the shop has the buyer's word).
        save_method: Option<String>,
        /// `redirect` (where it is left out): the buyer types at the provider; `embedded`: in Stripe's frame on Storeward's page.
        presentation: Option<String>,
        /// A means of payment that is kept of this customer: it is paid with at once.
        method: Option<String>,
        /// True where the buyer is not there: what their bank would ask is declined.
        off_session: Option<bool>,
        /// For those who judge the attempt.
        risk: Option<OrderRisk>,
    }
}

message! {
    /// One thing that is bought.
    request PaymentLine {
        /// Its name.
        name: String,
        /// How many.
        quantity: u16,
        /// Of one, in minor units.
        unit_amount: Signed,
    }
}

message! {
    /// How much.
    request Part {
        /// In minor units; all that is left where it is left out.
        amount: Option<u64>,
    }
}

message! {
    /// A payment as it stands.
    answer PaymentMessage {
        /// Its id.
        id: String,
        /// The shop's number of the order.
        order: String,
        /// `created`, `requires_action`, `processing`, `declined`, `authorized`, `partially_captured`, `captured`, `partially_refunded`, `refunded`, `voided`, `failed`; `unknown` while the provider has not said what a call did.
        state: String,
        /// ISO 4217.
        currency: String,
        /// What it is to bring, in minor units, as all amounts here.
        amount: u64,
        /// What was set aside.
        authorized: u64,
        /// What was taken.
        captured: u64,
        /// What was given back.
        refunded: u64,
        /// What can still be taken.
        capturable: u64,
        /// What can still be given back.
        refundable: u64,
        /// `stripe` or `paypal`, once the buyer has chosen.
        provider: Option<String>,
        /// What was judged of the last attempt to pay; null before the first one.
        risk: Option<RiskMessage>,
        /// Where the buyer pays.
        page: String,
        /// When it was created (RFC 3339).
        created_at: String,
        /// Until when it can be begun.
        expires_at: String,
    }
}

message! {
    /// What was judged of an attempt to pay.
    answer RiskMessage {
        /// `allow`, `challenge` (3-D Secure is asked for), `review` (somebody looks before anything is taken), `block`.
        answer: String,
        /// The scorer's probability of fraud in thousandths, where a scorer is in place.
        score_permille: Option<u16>,
        /// Codes of the rules that fired and act.
        rules: Vec<String>,
        /// Codes of the rules that fired and are only watched.
        watched: Vec<String>,
        /// Figures that spoke most for fraud, where a scorer is in place.
        reasons: Vec<String>,
        /// What came of 3-D Secure: `authenticated`, `attempted` (the bank took note), `exempted`, `failed`; null where nobody asked.
        three_d_secure: Option<String>,
        /// Whether the bank bears the loss if it was fraud, as the provider tells; null where it does not.
        liability_shifted: Option<bool>,
        /// `passing`, `waiting`, `open` while nothing is taken; `passed`, `approved`, `declined`, `expired`, `withdrawn`, `voided` afterwards.
        review: Option<String>,
        /// Until when somebody has to decide.
        review_due_at: Option<String>,
    }
}

message! {
    /// What is known of an order beside its amount. Kept as keyed marks; the words are not kept.
    request OrderRisk {
        /// Where it is sent to, in one line.
        shipping: Option<String>,
        /// The number of the dearest product.
        product: Option<String>,
        /// The coupon that was used.
        coupon: Option<String>,
        /// Whether it is for first orders.
        first_order_coupon: Option<bool>,
        /// Whether delivery is express.
        express: Option<bool>,
    }
}

message! {
    /// A page of payments.
    answer PaymentPage {
        /// The newest first.
        payments: Vec<PaymentMessage>,
        /// For `after` of the next page; null on the last one.
        next: Option<String>,
    }
}

message! {
    /// A dispute as it stands.
    answer DisputeMessage {
        /// Its id: the provider's word, a point, and the provider's own id.
        id: String,
        /// The payment that it is about.
        payment: String,
        /// `stripe` or `paypal`.
        provider: String,
        /// The provider's word for why.
        reason: String,
        /// `open`, `won`, `lost`.
        state: String,
        /// The provider's word for where it stands.
        status: String,
        /// ISO 4217.
        currency: String,
        /// What is disputed, in minor units, as all amounts here.
        amount: u64,
        /// What the provider holds back, or took.
        withdrawn: u64,
        /// What the provider takes for its trouble.
        fee: u64,
        /// `none`, `sending`, `sent`, `conceding`, `conceded`.
        answer: String,
        /// Until when the provider takes an answer (RFC 3339).
        due_at: Option<String>,
        /// When Storeward heard of it.
        opened_at: String,
        /// When it was over.
        closed_at: Option<String>,
    }
}

message! {
    /// A page of disputes.
    answer DisputePage {
        /// The newest first.
        disputes: Vec<DisputeMessage>,
        /// For `after` of the next page; null on the last one.
        next: Option<String>,
    }
}

message! {
    /// What the shop knows of a disputed order.
    request AddFact {
        /// `carrier`, `tracking_number`, `shipped_on`, `delivered_on`, `shipped_to`, `communication`, `terms`, `sign_in` or `explanation`.
        about: String,
        /// 1 to 5,000 signs of plain text. Kept sealed.
        text: String,
    }
}

message! {
    /// Something that the shop knows of a disputed order.
    answer DisputeFact {
        /// Its id.
        id: String,
        /// What it is about.
        about: String,
        /// As it was given.
        text: String,
        /// When.
        at: String,
    }
}

message! {
    /// A means of payment that a buyer let the shop keep.
    answer MethodMessage {
        /// Its id.
        id: String,
        /// `stripe` or `paypal`.
        provider: String,
        /// Such as `visa`, or `paypal`.
        brand: String,
        /// The last four digits of a card.
        last_four: Option<String>,
        /// Year and month, `2029-12`.
        expires: Option<String>,
        /// Since when (RFC 3339).
        created_at: String,
    }
}

message! {
    /// What is kept of a customer, all of it: there are at most fifty.
    answer MethodList {
        /// The oldest first.
        methods: Vec<MethodMessage>,
    }
}

message! {
    /// Whose it is.
    request OfCustomer {
        /// The shop's number of the customer.
        customer: String,
    }
}

message! {
    /// What went.
    answer Forgotten {
        /// How many means of payment.
        methods: u64,
    }
}

message! {
    /// How the shop has its orders.
    request OrdersToTell {
        /// 1 to 500 of them.
        orders: Vec<OrderToTell>,
    }
}

message! {
    /// One order, as the shop has it.
    request OrderToTell {
        /// The shop's number of the order, as it was named when the payment was asked for.
        order: String,
        /// What it costs, in minor units.
        amount: u64,
        /// ISO 4217, in capitals.
        currency: String,
        /// `open` (not paid), `paid`, `refunded` (all of it) or `cancelled`.
        state: String,
        /// What was given back of it, in minor units, where the shop knows.
        refunded: Option<u64>,
        /// It is paid in another way, such as by bank transfer; false where it is left out.
        elsewhere: Option<bool>,
        /// Since when it is so (RFC 3339); now where it is left out.
        at: Option<String>,
    }
}

message! {
    /// What became of the orders of a call.
    answer OrdersTold {
        /// Written, or the same as before.
        taken: u64,
        /// Older than what is known, and so left as they are.
        older: u64,
    }
}

message! {
    /// Where provider, books and shop do not say the same.
    answer DifferenceMessage {
        /// `missing_here`, `missing_there`, `amount`, `not_in_the_books`, `not_read`, `line_not_read`, `row_harmed`, `shop_not_told`; of orders `order_missing`, `order_unpaid`, `order_cancelled`, `order_without_payment`, `order_amount`, `order_currency`, `order_not_refunded`, `payment_not_refunded`.
        what: String,
        /// `stripe` or `paypal`; `shop` where an order is held against payments.
        provider: String,
        /// Of which day (UTC).
        day: String,
        /// The provider's object, the piece of news, or the order.
        reference: String,
        /// The payment's id.
        payment: Option<String>,
        /// What the provider has, or the payment; minor units.
        there: Option<u64>,
        /// What the books have, or the shop; minor units.
        here: Option<u64>,
        /// ISO 4217.
        currency: Option<String>,
        /// When it was found (RFC 3339).
        found_at: String,
    }
}

message! {
    /// A page of differences.
    answer DifferencePage {
        /// The newest first.
        differences: Vec<DifferenceMessage>,
        /// For `after` of the next page; null on the last one.
        next: Option<String>,
    }
}
