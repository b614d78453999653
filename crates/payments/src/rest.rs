//! Payments for programs: the operations of the REST interface.

mod disputes;
mod kept;
mod messages;
mod orders;

use std::future::Future;
use std::pin::Pin;

use serde_json::json;
use storeward_api::{Act, Answer, Call, FieldFault, Operation, Problem, Repeat};
use storeward_base::PaymentId;
use storeward_fraud::Mode;
use storeward_web::http::{StatusCode, header};

use crate::error::Error;
use crate::judge::OrderFacts;
use crate::methods::Attendance;
use crate::model::{CaptureMode, Line, NewPayment, Payment, Presentation, Saving};
use crate::money::{Currency, Money, MoneyFault};
use crate::payments::Payments;
use crate::verbs::Wish;

use messages::{CreatePayment, Part, PaymentMessage, PaymentPage, RiskMessage};

/// All of them. Without payments they are there to be described.
pub fn operations(payments: Option<&Payments>) -> Vec<Operation> {
    let one = |operation: Operation| {
        operation
            .part(
                "payment",
                "The payment's id.",
                json!({ "type": "string", "pattern": "^pay_[0-9a-z]{26}$" }),
            )
            .about("payments")
            .fails(404, "There is no such payment.")
    };
    let does = |operation: Operation, says: &'static str| {
        one(operation)
            .says(says)
            .takes::<Part>(json!({ "amount": 500 }))
            .gives::<PaymentMessage>(
                200,
                "The payment as it stands. `unknown` where the provider has not said yet what it did: ask again.",
            )
            .fails(409, "The payment stands where this cannot be done, or the provider refused it.")
            .fails(422, "More than is left.")
            .repeats(Repeat::ByKey)
    };
    let mut all = disputes::operations(payments);
    all.extend(kept::operations(payments));
    all.push(creating(payments));
    all.extend(vec![
        Operation::get("listPayments", "/payments", "Payments, the newest first")
            .about("payments")
            .needs(Act::Pay)
            .query("order", "Those of this order alone.", json!({ "type": "string", "minLength": 1, "maxLength": 64 }))
            .paged()
            .gives::<PaymentPage>(200, "A page.")
            .does(with(payments, list)),
        one(Operation::get("getPayment", "/payments/{payment}", "How a payment stands"))
            .says("Changes nothing and asks nobody: good to be asked often.")
            .needs(Act::Pay)
            .gives::<PaymentMessage>(200, "The payment.")
            .does(with(payments, get)),
        does(
            Operation::post("capturePayment", "/payments/{payment}/capture", "Take what is set aside"),
            "All that is left where no amount is named. Parts may be taken one after the other where the provider does that.",
        )
        .needs(Act::Pay)
        .does(with(payments, capture)),
        does(
            Operation::post("refundPayment", "/payments/{payment}/refund", "Give money back"),
            "All that is left where no amount is named.",
        )
        .needs(Act::Refund)
        .does(with(payments, refund)),
        one(Operation::post("voidPayment", "/payments/{payment}/void", "Set free what is set aside"))
            .says("Or end a payment that nobody has paid yet.")
            .needs(Act::Pay)
            .gives::<PaymentMessage>(200, "The payment as it stands.")
            .fails(409, "Money was taken already: give it back instead.")
            .repeats(Repeat::ByKey)
            .does(with(payments, void)),
        orders::tell(payments),
        orders::differences(payments),
    ]);
    all
}

fn creating(payments: Option<&Payments>) -> Operation {
    Operation::post("createPayment", "/payments", "Have an order paid")
            .about("payments")
            .says(
                "Answers with the address of a page on the shop's own host where the buyer chooses how to pay. Lead the buyer there. \
                 For an order that has an unpaid payment of the same amount, that one is answered. With `method` it is paid at once with what \
                 is kept of this customer: where the state is `requires_action` lead the buyer to the page, their bank asks them there.",
            )
            .needs(Act::Pay)
            .takes::<CreatePayment>(json!({
                "order": "A-1001",
                "amount": 1999,
                "currency": "EUR",
                "return_address": "https://shop.example/orders/A-1001",
                "customer": "4711",
                "lines": [{ "name": "A book", "quantity": 1, "unit_amount": 1999 }]
            }))
            .gives::<PaymentMessage>(201, "Created. `Location` leads there, `page` is for the buyer.")
            .fails(409, "The order has another payment already.")
            .fails(422, "A value does not fit; nothing was created.")
            .repeats(Repeat::ByKey)
            .does(with(payments, create))
}

/// What an operation does, with the payments that it does it with.
fn with<W, F>(
    payments: Option<&Payments>,
    work: W,
) -> impl Fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> + Send + Sync + 'static
where
    W: Fn(Payments, Call) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    let payments = payments.cloned();
    move |call| match &payments {
        Some(payments) => Box::pin(work(payments.clone(), call)),
        None => {
            Box::pin(async { Err(Problem::missing("api.no_such_address", "Payments are not taken here.")) })
        }
    }
}

/// Statuses are `web`'s; where in the body a value does not fit is ours.
fn problem(error: Error) -> Problem {
    let misfit = |pointer: String, detail: String| Problem::misfit(vec![FieldFault { pointer, detail }]);
    match error {
        Error::Misfit { field, why } => misfit(format!("/{field}"), why.to_owned()),
        Error::Money(fault @ MoneyFault::Currency) => misfit("/currency".to_owned(), fault.to_string()),
        Error::Money(fault) => misfit("/amount".to_owned(), fault.to_string()),
        Error::NoMethod => misfit("/method".to_owned(), error.to_string()),
        Error::TooMuch { left } => misfit("/amount".to_owned(), Error::TooMuch { left }.to_string()),
        Error::Refused { .. } => Problem::new(StatusCode::CONFLICT, "payments.refused", error.to_string()),
        Error::RefusedInPart { .. } => {
            Problem::new(StatusCode::CONFLICT, "payments.refused_in_part", error.to_string())
        }
        other => other.into(),
    }
}

async fn message(payments: &Payments, payment: &Payment) -> Result<PaymentMessage, Problem> {
    let risk = risk(payments, payment).await.map_err(problem)?;
    Ok(shown(payments, payment, risk))
}

fn shown(payments: &Payments, payment: &Payment, risk: Option<RiskMessage>) -> PaymentMessage {
    let count = |minor: i64| u64::try_from(minor).unwrap_or(0);
    PaymentMessage {
        id: payment.id.text(),
        order: payment.order.clone(),
        state: payment.shown_state().to_owned(),
        currency: payment.currency().to_string(),
        amount: count(payment.amount.minor),
        authorized: count(payment.authorized),
        captured: count(payment.captured),
        refunded: count(payment.refunded),
        capturable: count(payment.capturable()),
        refundable: count(payment.refundable()),
        provider: payment.provider.map(|provider| provider.word().to_owned()),
        risk,
        page: payments.page(payment.id),
        created_at: payment.created_at.rfc3339(),
        expires_at: payment.expires_at.rfc3339(),
    }
}

async fn risk(payments: &Payments, payment: &Payment) -> Result<Option<RiskMessage>, Error> {
    let found = payments.last_judgements(vec![payment.id]).await?;
    let Some(last) = found.into_iter().next() else { return Ok(None) };
    let review = payments.review_of(payment.id).await?;
    let rules = |mode: Mode| {
        let fired = last.fired.iter().filter(|hit| hit.mode == mode);
        fired.map(|hit| hit.rule.code().to_owned()).collect::<Vec<_>>()
    };
    let weighed = last.weighed.iter().filter(|one| one.points > 0.0);
    let signals = last.facts.map(|facts| facts.signals);
    let shifted = signals.map(|signals| signals.liability_shifted);
    Ok(Some(RiskMessage {
        three_d_secure: signals
            .and_then(|signals| crate::judge::secure_word(signals.secure))
            .map(str::to_owned),
        liability_shifted: shifted.and_then(|known| match known {
            storeward_fraud::Known::Unknown => None,
            storeward_fraud::Known::No => Some(false),
            storeward_fraud::Known::Yes => Some(true),
        }),
        answer: crate::judge::answer_word(last.answer).to_owned(),
        score_permille: crate::judge::permille(last.score),
        rules: rules(Mode::Active),
        watched: rules(Mode::Observe),
        reasons: weighed.map(|one| one.feature.clone()).collect(),
        review: review.as_ref().map(|one| one.state.clone()),
        review_due_at: review.and_then(|one| one.due_at).map(|at| at.rfc3339()),
    }))
}

async fn create(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let wanted: CreatePayment = call.body()?;
    let currency: Currency = wanted.currency.parse().map_err(|why| problem(Error::Money(why)))?;
    let minor = i64::try_from(wanted.amount).unwrap_or(i64::MAX);
    let money = Money::new(minor, currency).map_err(|why| problem(Error::Money(why)))?;
    let capture = match wanted.capture.as_deref().map(CaptureMode::of_word) {
        None => None,
        Some(Some(mode)) => Some(mode),
        Some(None) => {
            return Err(problem(Error::Misfit { field: "capture", why: "this is `at_once` or `later`" }));
        }
    };
    let saving = match wanted.save_method.as_deref().map(Saving::of_word) {
        None => Saving::No,
        Some(Some(saving)) => saving,
        Some(None) => {
            return Err(problem(Error::Misfit { field: "save_method", why: "this is `no`, `ask` or `yes`" }));
        }
    };
    let presentation = match wanted.presentation.as_deref().map(Presentation::of_word) {
        None => Presentation::Redirect,
        Some(Some(presentation)) => presentation,
        Some(None) => {
            let why = "this is `redirect` or `embedded`";
            return Err(problem(Error::Misfit { field: "presentation", why }));
        }
    };
    let lines = wanted.lines.unwrap_or_default().into_iter().map(|line| Line {
        name: line.name,
        quantity: u32::from(line.quantity),
        unit_amount: line.unit_amount.0,
    });
    let new = NewPayment {
        id: Some(PaymentId::of(call.begun_at, call.chance)),
        order: wanted.order,
        amount: money,
        capture,
        customer: wanted.customer,
        email: wanted.email,
        return_address: wanted.return_address,
        lines: lines.collect(),
        saving,
        presentation,
        signed_until: None,
    };
    if wanted.method.is_some() && new.customer.is_none() {
        return Err(problem(Error::Misfit { field: "customer", why: "whose means of payment is it?" }));
    }
    let facts = wanted.risk.map_or_else(OrderFacts::default, |risk| OrderFacts {
        shipping: risk.shipping,
        product: risk.product,
        coupon: risk.coupon,
        express: risk.express,
        first_order_coupon: risk.first_order_coupon,
    });
    let mut payment = payments.create_with(call.caller.actor(), new, &facts).await.map_err(problem)?;
    if let Some(method) = wanted.method {
        let attendance =
            if wanted.off_session == Some(true) { Attendance::Away } else { Attendance::Present };
        // Sent again under its idempotency key it is the same try.
        let name = PaymentId::of(call.begun_at, call.chance).text();
        payment = match payments.pay_with_as(payment.id, (&method, Some(&name)), attendance).await {
            Ok(after) => after,
            // How it stands says it; the buyer may pay on its page.
            Err(Error::Unsure | Error::Stopped { .. } | Error::Refused { .. } | Error::NotReached { .. }) => {
                payments.find(payment.id).await.map_err(problem)?.unwrap_or(payment)
            }
            Err(other) => return Err(problem(other)),
        };
    }
    let place = format!("{}/payments/{}", storeward_api::PREFIX, payment.id);
    Ok(Answer::of(201, &message(&payments, &payment).await?).with(header::LOCATION, &place))
}

async fn list(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    if let Some(order) = call.asked("order") {
        let found = payments.of_order(order).await.map_err(problem)?;
        let all = messages(&payments, &found).await?;
        return Ok(Answer::of(200, &PaymentPage { payments: all, next: None }));
    }
    let wrong = || Problem::malformed("`after` is no cursor of this list.");
    let before = call.after()?.map(|text| text.parse::<PaymentId>().map_err(|_| wrong())).transpose()?;
    // One more than is shown: it tells whether there is another page.
    let mut found = payments.list(before, limit.saturating_add(1)).await.map_err(problem)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= shown;
    found.truncate(shown);
    let next = found.last().filter(|_| !is_last).map(|last| call.cursor(&last.id.text()));
    let all = messages(&payments, &found).await?;
    Ok(Answer::of(200, &PaymentPage { payments: all, next }))
}

async fn get(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let found = payments.find(call.part("payment")?).await.map_err(problem)?;
    let payment = found.ok_or_else(|| problem(Error::NoPayment))?;
    Ok(Answer::of(200, &message(&payments, &payment).await?))
}

/// A wish whose name follows from the request: sent again under its idempotency key it is the same one.
fn wish(call: &Call, amount: Option<u64>) -> Wish {
    Wish {
        actor: call.caller.actor(),
        amount: amount.map(|amount| i64::try_from(amount).unwrap_or(i64::MAX)),
        name: Some(PaymentId::of(call.begun_at, call.chance).text()),
    }
}

async fn capture(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let part: Part = call.body()?;
    let after = payments.capture(call.part("payment")?, wish(&call, part.amount)).await;
    told(&payments, after).await
}

async fn refund(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let part: Part = call.body()?;
    let after = payments.refund(call.part("payment")?, wish(&call, part.amount)).await;
    told(&payments, after).await
}

async fn void(payments: Payments, call: Call) -> Result<Answer, Problem> {
    let after = payments.void(call.part("payment")?, wish(&call, None)).await;
    told(&payments, after).await
}

async fn messages(payments: &Payments, found: &[Payment]) -> Result<Vec<PaymentMessage>, Problem> {
    let mut all = Vec::with_capacity(found.len());
    for payment in found {
        all.push(message(payments, payment).await?);
    }
    Ok(all)
}

async fn told(payments: &Payments, after: Result<Payment, Error>) -> Result<Answer, Problem> {
    let payment = after.map_err(problem)?;
    Ok(Answer::of(200, &message(payments, &payment).await?))
}
