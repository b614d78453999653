//! The guard for programs: the operations of the REST interface.

use std::future::Future;
use std::pin::Pin;

use serde_json::json;
use storeward_api::{Act, Answer, Call, FieldFault, Operation, Problem, Repeat, message};
use storeward_base::Timestamp;

use crate::error::Error;
use crate::evidence::{Names, Period};
use crate::guard::Checkout;
use crate::model::{Alert, NewApproval, Scope, Script, ScriptId};

const DAY_SECONDS: i64 = 24 * 3_600;

message! {
    /// Something that runs on a paying page, or that the page speaks to.
    answer ScriptMessage {
        /// Its id.
        id: String,
        /// `script`, `inline`, `handler`, `connect`, `image`, `style`, `font`, `media`, `object`, `worker`, `frame`, `form`, `navigate`.
        kind: String,
        /// Without a query; an origin where it is no file; `inline` for code in the page.
        address: String,
        /// The guarded path where it was seen first.
        page: String,
        /// SHA-256 in base64, the newest that Storeward saw itself.
        sha256: Option<String>,
        /// `new`, `approved`, `changed`, `expired`, `revoked`.
        status: String,
        /// When it was seen first.
        first_seen: String,
        /// When it was seen last.
        last_seen: String,
        /// Who answers for it, where it is approved.
        owner: Option<String>,
        /// Why the page needs it.
        justification: Option<String>,
        /// What of it is approved: `exact`, `shape`, `address`.
        scope: Option<String>,
        /// Until when.
        approved_until: Option<String>,
    }
}

message! {
    /// A page of the inventory.
    answer ScriptPage {
        /// In the order of their ids.
        scripts: Vec<ScriptMessage>,
        /// For the page behind it.
        next: Option<String>,
    }
}

message! {
    /// What is approved, and why.
    request ApproveScript {
        /// `exact` (this very hash), `shape` or `address`.
        scope: String,
        /// The hash that was looked at, SHA-256 in base64 or hexadecimal. `exact` needs it, and it must be the one that the script has now.
        sha256: Option<String>,
        /// Who answers for it: 2 to 100 characters.
        owner: String,
        /// Why the paying page needs it: 2 to 1,000 characters.
        justification: String,
        /// 1 to 366; the setting's where it is left out.
        days: Option<u16>,
    }
}

message! {
    /// What somebody has to look at.
    answer AlertMessage {
        /// Its id.
        id: String,
        /// `script_new`, `script_changed`, `header_changed`, `blocked`, `preconnect`, `tampered`, `unguarded`, `reports_flooded`, `approval_ends`, `approval_over`.
        kind: String,
        /// The script that it is about.
        script: Option<String>,
        /// In words.
        what: String,
        /// `page` and `fetch`: Storeward saw it itself; `report` and `guard`: a browser says so.
        source: String,
        /// When it was told first.
        first_at: String,
        /// When it was told last.
        last_at: String,
        /// How often.
        count: u64,
        /// When somebody had looked.
        closed_at: Option<String>,
    }
}

message! {
    /// Open ones first, then the newest; no more than 500.
    answer AlertPage {
        /// The alerts.
        alerts: Vec<AlertMessage>,
    }
}

message! {
    /// From when until when.
    request MakeReport {
        /// The first day, UTC.
        from: String,
        /// The last day; until now where it is left out.
        until: Option<String>,
    }
}

/// All of them. Without a guard they are there to be described.
pub fn operations(checkout: Option<&Checkout>) -> Vec<Operation> {
    let one = |operation: Operation| {
        operation
            .part("script", "The script's id.", json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }))
            .about("checkout")
            .fails(404, "There is no such script.")
    };
    vec![
        Operation::get("listScripts", "/checkout/scripts", "What runs on paying pages")
            .about("checkout")
            .needs(Act::Scripts)
            .paged()
            .gives::<ScriptPage>(200, "A page of the inventory.")
            .does(with(checkout, list)),
        one(Operation::get("getScript", "/checkout/scripts/{script}", "One of them"))
            .needs(Act::Scripts)
            .gives::<ScriptMessage>(200, "The script.")
            .does(with(checkout, get)),
        one(Operation::post("approveScript", "/checkout/scripts/{script}/approve", "Approve it"))
            .says("For a release of the shop that brings new hashes of its own files. In force with the next page; in the ledger under the key's id.")
            .needs(Act::Approve)
            .takes::<ApproveScript>(json!({
                "scope": "exact",
                "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "owner": "Web team",
                "justification": "Shows the total."
            }))
            .gives::<ScriptMessage>(200, "The script as it stands.")
            .fails(409, "It is not what was looked at any more.")
            .fails(422, "A value does not fit.")
            .repeats(Repeat::ByKey)
            .does(with(checkout, approve)),
        one(Operation::post("revokeScript", "/checkout/scripts/{script}/revoke", "Take an approval back"))
            .says("Or say of something new that it shall not run.")
            .needs(Act::Approve)
            .gives::<ScriptMessage>(200, "The script as it stands.")
            .fails(409, "Somebody else changed it at the same moment.")
            .repeats(Repeat::ByKey)
            .does(with(checkout, revoke)),
        Operation::get("listScriptAlerts", "/checkout/alerts", "What somebody has to look at")
            .about("checkout")
            .needs(Act::Scripts)
            .gives::<AlertPage>(200, "The alerts.")
            .does(with(checkout, alerts)),
        Operation::post("closeScriptAlert", "/checkout/alerts/{alert}/close", "Say that somebody has looked at it")
            .part("alert", "The alert's id.", json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }))
            .about("checkout")
            .says("It comes back if Storeward sees the same happen again. Closing the last one of scripts takes a page out of its last good state.")
            .needs(Act::Approve)
            .gives::<AlertMessage>(200, "The alert as it stands.")
            .fails(404, "There is no such alert, or it is closed.")
            .repeats(Repeat::ByKey)
            .does(with(checkout, close)),
        Operation::post("makeScriptReport", "/checkout/reports", "The evidence report of a period")
            .about("checkout")
            .says("For PCI DSS 4.0.1, 6.4.3 and 11.6.1, and SAQ A. Its SHA-256 goes into the ledger with the first bytes to the last: keep the body as it came. Who did what is named by ids.")
            .needs(Act::Scripts)
            .takes::<MakeReport>(json!({ "from": "2026-09-01", "until": "2026-11-30" }))
            .gives_text(200, "application/json", "The report, of the form `storeward-checkout-evidence/2`.")
            .fails(422, "The period does not fit.")
            .repeats(Repeat::ByKey)
            .does(with(checkout, report)),
    ]
}

/// What an operation does, with the guard that it does it with.
fn with<W, F>(
    checkout: Option<&Checkout>,
    work: W,
) -> impl Fn(Call) -> Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>> + Send + Sync + 'static
where
    W: Fn(Checkout, Call) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Answer, Problem>> + Send + 'static,
{
    let checkout = checkout.cloned();
    move |call| match &checkout {
        Some(checkout) => Box::pin(work(checkout.clone(), call)),
        None => Box::pin(async {
            Err(Problem::missing("api.no_such_address", "Paying pages are not guarded here."))
        }),
    }
}

fn problem(error: Error) -> Problem {
    match error {
        Error::Misfit { field, why } => {
            Problem::misfit(vec![FieldFault { pointer: format!("/{field}"), detail: why.to_owned() }])
        }
        other => other.into(),
    }
}

fn message(row: &Script) -> ScriptMessage {
    let approval = row.approval.as_ref();
    ScriptMessage {
        id: row.id.to_string(),
        kind: row.kind.word().to_owned(),
        address: row.address.clone(),
        page: row.page.clone(),
        sha256: row.hash.clone(),
        status: row.status.word().to_owned(),
        first_seen: row.first_seen.rfc3339(),
        last_seen: row.last_seen.rfc3339(),
        owner: approval.map(|own| own.owner.clone()),
        justification: approval.map(|own| own.justification.clone()),
        scope: approval.map(|own| own.scope.word().to_owned()),
        approved_until: approval.map(|own| own.until.rfc3339()),
    }
}

async fn list(checkout: Checkout, call: Call) -> Result<Answer, Problem> {
    let limit = call.limit()?;
    let wrong = || Problem::malformed("`after` is no cursor of this list.");
    let after = call.after()?.map(|text| text.parse::<ScriptId>().map_err(|_| wrong())).transpose()?;
    // One more than is shown: it tells whether there is another page.
    let mut found = checkout.scripts(after, limit.saturating_add(1)).await.map_err(problem)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = found.len() <= shown;
    found.truncate(shown);
    let next = found.last().filter(|_| !is_last).map(|last| call.cursor(last.id.as_str()));
    Ok(Answer::of(200, &ScriptPage { scripts: found.iter().map(message).collect(), next }))
}

async fn told(checkout: &Checkout, id: &ScriptId) -> Result<Answer, Problem> {
    let found = checkout.script(id).await.map_err(problem)?;
    let whole = found.ok_or_else(|| problem(Error::NoScript))?;
    Ok(Answer::of(200, &message(&whole.script)))
}

async fn get(checkout: Checkout, call: Call) -> Result<Answer, Problem> {
    told(&checkout, &call.part("script")?).await
}

async fn approve(checkout: Checkout, call: Call) -> Result<Answer, Problem> {
    let (id, wanted): (ScriptId, ApproveScript) = (call.part("script")?, call.body()?);
    let unknown = || problem(Error::Misfit { field: "scope", why: "this is `exact`, `shape` or `address`" });
    let what = NewApproval {
        scope: Scope::of_word(&wanted.scope).ok_or_else(unknown)?,
        owner: wanted.owner,
        justification: wanted.justification,
        days: wanted.days.map_or_else(|| checkout.approve_days(), u32::from),
        hash: wanted.sha256,
    };
    checkout.approve(&id, what, call.caller.actor()).await.map_err(problem)?;
    told(&checkout, &id).await
}

async fn revoke(checkout: Checkout, call: Call) -> Result<Answer, Problem> {
    let id: ScriptId = call.part("script")?;
    checkout.revoke(&id, call.caller.actor()).await.map_err(problem)?;
    told(&checkout, &id).await
}

fn alert_message(alert: Alert) -> AlertMessage {
    AlertMessage {
        id: alert.id,
        kind: alert.kind,
        script: alert.script.map(|id| id.to_string()),
        what: alert.what,
        source: alert.source.word().to_owned(),
        first_at: alert.at.rfc3339(),
        last_at: alert.last_at.rfc3339(),
        count: alert.count,
        closed_at: alert.closed_at.map(|at| at.rfc3339()),
    }
}

async fn alerts(checkout: Checkout, _: Call) -> Result<Answer, Problem> {
    let found = checkout.alerts(500).await.map_err(problem)?;
    Ok(Answer::of(200, &AlertPage { alerts: found.into_iter().map(alert_message).collect() }))
}

async fn close(checkout: Checkout, call: Call) -> Result<Answer, Problem> {
    let id: String = call.part("alert")?;
    checkout.close_alert(&id, call.caller.actor()).await.map_err(problem)?;
    let closed = checkout.alert(&id).await.map_err(problem)?;
    let closed = closed.ok_or_else(|| problem(Error::NoAlert))?;
    Ok(Answer::of(200, &alert_message(closed)))
}

async fn report(checkout: Checkout, call: Call) -> Result<Answer, Problem> {
    let wanted: MakeReport = call.body()?;
    let day = |text: &str, field| {
        let start = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).filter(|_| text.len() == 10);
        start.ok_or_else(|| problem(Error::Misfit { field, why: "this is a day, such as 2026-11-30" }))
    };
    let until = match &wanted.until {
        Some(text) => Timestamp::from_seconds(day(text, "until")?.seconds() + DAY_SECONDS),
        None => checkout.0.clock.now(),
    };
    let period = Period { from: day(&wanted.from, "from")?, until };
    let made = checkout.evidence(period, call.caller.actor(), Names::new()).await.map_err(problem)?;
    let text = String::from_utf8(made.json).map_err(|_| problem(Error::Unwritable))?;
    Ok(Answer::text("application/json", text))
}
