//! Events as OCSF 1.6.0 (Open Cybersecurity Schema Framework) objects.
//!
//! Classes used: HTTP Activity 4002, Detection Finding 2004, Authentication 3002, Account Change 3001, Application
//! Lifecycle 6002, Datastore Activity 6005. `type_uid` is class × 100 + activity, as the schema defines it.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use storeward_base::{Actor, CustomerId};

use crate::{Event, Record};

/// Class, category and activity of one event.
struct Class {
    category: u32,
    class: u32,
    activity: u32,
    /// 1 success, 2 failure, 99 other.
    status: u32,
}

const fn http(activity: u32, status: u32) -> Class {
    Class { category: 4, class: 4002, activity, status }
}
const fn finding() -> Class {
    Class { category: 2, class: 2004, activity: 1, status: 1 }
}
const fn authentication(activity: u32, status: u32) -> Class {
    Class { category: 3, class: 3002, activity, status }
}
const fn account(activity: u32) -> Class {
    Class { category: 3, class: 3001, activity, status: 1 }
}
const fn lifecycle(activity: u32, status: u32) -> Class {
    Class { category: 6, class: 6002, activity, status }
}

const fn datastore(activity: u32, status: u32) -> Class {
    Class { category: 6, class: 6005, activity, status }
}

fn class_of(event: &Event) -> Class {
    match event {
        Event::RequestBlocked(_) | Event::RequestRefused(_) | Event::RequestLimited(_) => http(99, 2),
        Event::RequestFlagged(_) | Event::CardNumberMasked(_) | Event::ResponseLeaked(_) => http(99, 1),
        Event::FindingRaised(_)
        | Event::ClientBanned(_)
        | Event::ClientChallenged(_)
        | Event::BanLifted(_) => finding(),
        Event::EnrolmentOffered(_) | Event::CustomerSignedUp(_) | Event::ShopAccountLinked(_) => account(1),
        Event::StaffEnrolled(_) => account(2),
        Event::StaffReset(_) | Event::RecoveryFinished(_) => account(4),
        Event::StaffRemoved(_) | Event::AccountClosed(_) => account(6),
        Event::StaffSignInFailed(_) => authentication(1, 2),
        Event::StaffSignedOut(_) => authentication(2, 1),
        Event::StaffSignedIn(_) | Event::CustomerSignedIn(_) | Event::StepUpPassed(_) => authentication(1, 1),
        Event::CustomerSignInFailed(_) | Event::FactorFailed(_) | Event::StepUpFailed(_) => {
            authentication(1, 2)
        }
        Event::CustomerSignedOut(_) | Event::SessionsRevoked(_) => authentication(2, 1),
        // 3001: 3 password change, 4 password reset, 5 disable, 2 enable, 6 delete, 9 lock, 12 unlock, 10 and 11 the factors.
        Event::CustomerPasswordChanged(_) | Event::StaffPasswordChanged(_) => account(3),
        Event::AccountLocked(_) => account(9),
        Event::AccountUnlocked(_) => account(12),
        Event::BackOfficeAllowed(_) => account(99),
        Event::FactorAdded(_) | Event::StaffPasskeyAdded(_) => account(10),
        Event::FactorRemoved(_) | Event::StaffPasskeyRemoved(_) => account(11),
        Event::StaffConfirmed(_) => authentication(99, 1),
        Event::CustomerPasswordDisabled(_)
        | Event::StaffSessionsEnded(_)
        | Event::AccountLookedUp(_)
        | Event::RecoveryWaitBegun(_)
        | Event::RecoveryWaitCancelled(_)
        | Event::RecoveryWaitShortened(_)
        | Event::RecoveryWaitEnded(_)
        | Event::RecoveryCodesMade(_)
        | Event::CustomerAddressChanged(_)
        | Event::DeviceTrusted(_)
        | Event::DevicesRevoked(_)
        | Event::StepUpForced(_)
        | Event::RecoveryBegun(_) => account(99),
        Event::StepUpAsked(_) | Event::RecoveryCodeUsed(_) => authentication(99, 1),
        Event::ReminderChoiceMade(_) => account(99),
        Event::MessageReported(_) | Event::MessageCodesGuessed(_) | Event::ShopSignInBroken(_) => finding(),
        Event::DeviceTokenReused(_) | Event::ThisWasNotMe(_) | Event::SmsHeldBack(_) => finding(),
        Event::Started(_) => lifecycle(3, 1),
        Event::Stopped(_) => lifecycle(4, 1),
        Event::LedgerAccepted(_)
        | Event::ConfigReloaded(_)
        | Event::LedgerVerified(_)
        | Event::EntriesForgotten(_)
        | Event::CertificateIssued(_)
        | Event::UpstreamUp(_)
        | Event::ShopSignInMended(_)
        | Event::ReminderSent(_)
        | Event::ReminderHeldBack(_)
        | Event::ReminderFollowed(_)
        | Event::LessonFinished(_)
        | Event::ReportClosed(_)
        | Event::AnchorPlaced(_)
        | Event::PostSent(_) => lifecycle(99, 1),
        Event::ConfigRefused(_)
        | Event::CertificateExpiring(_)
        | Event::CertificateFailed(_)
        | Event::UpstreamDown(_)
        | Event::PostFailed(_)
        | Event::InspectionFailed(_)
        | Event::EventsDropped(_)
        | Event::LedgerCutBack(_)
        | Event::AnchorFailed(_)
        | Event::AnchorOverdue(_)
        | Event::WritesResumed(_)
        | Event::JobFailed(_) => lifecycle(99, 2),
        other => class_of_records(other)
            .or_else(|| class_of_backups(other))
            .or_else(|| class_of_gate(other))
            .or_else(|| class_of_payments(other))
            .or_else(|| class_of_checkout(other))
            .unwrap_or_else(|| class_of_provider(other)),
    }
}

/// What happens to customers' records and their keys.
fn class_of_records(event: &Event) -> Option<Class> {
    Some(match event {
        // 6005: 1 read, 2 update, 7 delete.
        Event::FieldsOpened(_) | Event::CustomersFound(_) | Event::CustomerExported(_) => datastore(1, 1),
        Event::OpeningDenied(_) | Event::ReadingLimitReached(_) => datastore(1, 2),
        Event::CustomersShown(_) => datastore(1, 1),
        Event::MaskRefused(_) | Event::PageWithheld(_) => datastore(1, 2),
        Event::UnusualReading(_) => finding(),
        Event::FieldsWritten(_) | Event::RestrictionChanged(_) | Event::ShopImported(_) => datastore(2, 1),
        Event::CustomersGone(_) => datastore(99, 1),
        Event::ErasureBegun(_)
        | Event::CustomerErased(_)
        | Event::FieldsForgotten(_)
        | Event::CustomerKeyDestroyed(_) => datastore(7, 1),
        Event::ApiCalled(e) => datastore(99, if e.status < 400 { 1 } else { 2 }),
        Event::ApiKeyMade(_) | Event::ApiKeyRevoked(_) | Event::ApiKeysBound(_) => account(99),
        Event::ApiRefused(_) => authentication(1, 2),
        Event::CustomerKeyMade(_)
        | Event::KeysRewrapped(_)
        | Event::RootKeyMoved(_)
        | Event::IndexBegun(_)
        | Event::IndexEnded(_)
        | Event::EpochBegun(_)
        | Event::EpochDestroyed(_) => lifecycle(99, 1),
        other => return class_of_custody(other),
    })
}

/// Who was let see more, what customers asked for, and whether records are as they were written.
fn class_of_custody(event: &Event) -> Option<Class> {
    Some(match event {
        Event::KeyStoreNoted(_) | Event::IndexMade(_) => lifecycle(99, 1),
        Event::RecordHarmed(_) | Event::RowHarmed(_) | Event::AccountLeft(_) => finding(),
        Event::RecordsVerified(_)
        | Event::AccessRequested(_)
        | Event::AccessApproved(_)
        | Event::GlassBroken(_)
        | Event::GlassReviewed(_) => datastore(1, 1),
        Event::AccessRefused(_) | Event::AccessWithdrawn(_) | Event::SearchDenied(_) => datastore(1, 2),
        Event::OlderDataAccepted(_)
        | Event::KeyStoreTaken(_)
        | Event::EpochsCopyForgotten(_)
        | Event::RulesChanged(_)
        | Event::PleaReceived(_)
        | Event::PleaExtended(_)
        | Event::PleaClosed(_)
        | Event::ConsentChanged(_)
        | Event::ObjectionChanged(_)
        | Event::RetentionChanged(_) => datastore(2, 1),
        Event::FieldsRemoved(_) => datastore(7, 1),
        Event::RevisionsNoted(_) => lifecycle(99, 1),
        _ => return None,
    })
}

/// What is put away, and what is read out of it.
fn class_of_backups(event: &Event) -> Option<Class> {
    Some(match event {
        Event::BackupMade(_)
        | Event::BackupTookOver(_)
        | Event::BackupsThinnedOut(_)
        | Event::DrillPassed(_)
        | Event::RetentionReleased(_) => lifecycle(99, 1),
        Event::BackupFailed(_) | Event::DrillFailed(_) => lifecycle(99, 2),
        Event::BackupRestored(_) => datastore(1, 1),
        Event::RetentionFrozen(_) => finding(),
        _ => return None,
    })
}

/// Payments: rows that change; what does not add up is a finding.
fn class_of_payments(event: &Event) -> Option<Class> {
    if let Some(class) = class_of_fraud(event) {
        return Some(class);
    }
    Some(match event {
        Event::PaymentCreated(_)
        | Event::PaymentBegun(_)
        | Event::PaymentAsked(_)
        | Event::PaymentAuthorized(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentRefunded(_)
        | Event::PaymentVoided(_)
        | Event::PaymentExpired(_)
        | Event::PaymentResolved(_)
        | Event::SettledByHand(_)
        | Event::KeysRefused(_)
        | Event::KeysTaken(_)
        | Event::DisputeAnswered(_)
        | Event::DisputeNoted(_)
        | Event::MethodKept(_)
        | Event::MethodRemoved(_)
        | Event::DisputeClosed(_) => datastore(2, 1),
        Event::PaymentDeclined(_)
        | Event::PaymentRefused(_)
        | Event::PaymentUnsure(_)
        | Event::RefundFailed(_)
        | Event::ShopNotTold(_) => datastore(2, 2),
        Event::DayReconciled(_) => datastore(1, 1),
        Event::PaymentMismatch(_)
        | Event::PaidTwice(_)
        | Event::DisputeOpened(_)
        | Event::DisputeDue(_)
        | Event::WebhookRefused(_)
        | Event::DifferenceFound(_) => finding(),
        _ => return None,
    })
}

/// What was decided about payments: findings, and rows that staff change.
fn class_of_fraud(event: &Event) -> Option<Class> {
    Some(match event {
        Event::FraudJudged(_) => datastore(1, 1),
        Event::ReviewClosed(_)
        | Event::FraudLabelled(_)
        | Event::FraudRuleChanged(_)
        | Event::ScorerChanged(_) => datastore(2, 1),
        Event::FraudRefused(_)
        | Event::ReviewOpened(_)
        | Event::CardTestingBegan(_)
        | Event::CardTestingOver(_)
        | Event::ScorerDrifted(_) => finding(),
        _ => return None,
    })
}

/// What the gate states, and what is done to staff who come to it.
fn class_of_gate(event: &Event) -> Option<Class> {
    Some(match event {
        Event::GatePassed(_) => authentication(1, 1),
        Event::GateRefused(_) | Event::GateRevoked(_) => authentication(1, 2),
        Event::GateLeft(_) => authentication(2, 1),
        Event::StaffLocked(_) => account(9),
        Event::StaffUnlocked(_) => account(12),
        Event::StaffSessionsRevoked(_) | Event::StaffGroupsChanged(_) => account(99),
        _ => return None,
    })
}

/// What the OpenID Connect provider and the breach service state. (`tests/it.rs` lists the kinds that may fall through to the last line.)
fn class_of_provider(event: &Event) -> Class {
    match event {
        Event::OidcSignedInTo(_) => authentication(1, 1),
        Event::OidcSignedOutBy(_) | Event::OidcLogoutTold(_) | Event::OidcTokensRevoked(_) => {
            authentication(2, 1)
        }
        Event::OidcClientRefused(_) => authentication(1, 2),
        Event::ShopWatchBegun(_) | Event::AdapterSaved(_) | Event::AdapterWithdrawn(_) => lifecycle(99, 1),
        Event::BreachServiceSilent(_) => lifecycle(99, 2),
        Event::OidcConsentGiven(_) | Event::OidcAccessWithdrawn(_) => account(99),
        Event::OidcCodeReused(_) | Event::OidcRefreshTokenReused(_) => finding(),
        _ => lifecycle(99, 1),
    }
}

pub(crate) fn record(record: &Record, address: Option<IpAddr>) -> Value {
    let class = class_of(&record.event);
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("category_uid", json!(class.category));
    put("class_uid", json!(class.class));
    put("activity_id", json!(class.activity));
    if class.activity == 99 {
        put("activity_name", json!(record.event.kind()));
    }
    put("type_uid", json!(class.class * 100 + class.activity));
    put("severity_id", json!(record.event.severity() as u32));
    put("severity", json!(record.event.severity().name()));
    put("status_id", json!(class.status));
    put("time", json!(record.at.micros().div_euclid(1_000)));
    put("message", json!(record.sentence()));
    put("metadata", metadata(record));
    put("actor", actor(&record.actor));
    if let Actor::Client { client } = record.actor {
        put("src_endpoint", endpoint(&client.to_string(), address));
    }
    for (key, value) in of_class(record, class.class) {
        put(key, value);
    }
    put("unmapped", details(record));
    Value::Object(out)
}

fn metadata(record: &Record) -> Value {
    json!({
        "version": "1.6.0",
        "uid": record.id.to_string(),
        "event_code": record.event.kind(),
        "correlation_uid": record.request.map(|r| r.to_string()),
        "product": { "name": "Storeward", "vendor_name": "Storeward", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// Scripts of paying pages: an inventory that staff keep, and findings.
fn class_of_checkout(event: &Event) -> Option<Class> {
    Some(match event {
        Event::ScriptApproved(_)
        | Event::ScriptRevoked(_)
        | Event::HeadersApproved(_)
        | Event::CheckoutAlertClosed(_)
        | Event::PageModeSet(_) => datastore(2, 1),
        Event::EvidenceReported(_) => datastore(1, 1),
        Event::ScriptNew(_)
        | Event::ScriptChanged(_)
        | Event::HeaderChanged(_)
        | Event::CheckoutBlocked(_)
        | Event::GuardTampered(_)
        | Event::CheckoutUnguarded(_)
        | Event::ReportsFlooded(_)
        | Event::LastGood(_)
        | Event::ApprovalEnds(_) => finding(),
        _ => return None,
    })
}

fn actor(actor: &Actor) -> Value {
    match actor {
        Actor::System => json!({ "app_name": "storeward" }),
        Actor::Operator => json!({ "user": { "type_id": 2, "uid": "operator" } }),
        Actor::Client { client } => json!({ "user": { "type_id": 0, "uid": client.to_string() } }),
        Actor::Staff { id } => json!({ "user": { "type_id": 1, "uid": id.to_string() } }),
        Actor::Customer { id } => json!({ "user": { "type_id": 1, "uid": id.to_string() } }),
        Actor::Key { id } => json!({ "user": { "type_id": 4, "uid": id.to_string() } }),
    }
}

fn endpoint(uid: &str, address: Option<IpAddr>) -> Value {
    match address {
        Some(ip) => json!({ "uid": uid, "ip": ip.to_string() }),
        None => json!({ "uid": uid }),
    }
}

/// What the class requires beyond what every event has.
fn of_class(record: &Record, class: u32) -> Vec<(&'static str, Value)> {
    match class {
        4002 => http_parts(record),
        2004 => vec![(
            "finding_info",
            json!({ "uid": record.id.to_string(), "title": record.sentence(), "types": [record.event.kind()] }),
        )],
        3001 | 3002 => vec![("user", user_of(record)), ("is_mfa", json!(class == 3002))],
        6005 => {
            let kind = record.event.kind();
            let name = ["backup", "payment", "checkout"]
                .into_iter()
                .find(|name| kind.starts_with(name))
                .unwrap_or("vault");
            vec![("database", json!({ "name": name, "type_id": 1 }))]
        }
        _ => vec![("app", json!({ "name": "Storeward", "version": env!("CARGO_PKG_VERSION") }))],
    }
}

fn http_parts(record: &Record) -> Vec<(&'static str, Value)> {
    let blocked = matches!(
        record.event,
        Event::RequestBlocked(_) | Event::RequestRefused(_) | Event::RequestLimited(_)
    );
    let (action, disposition) = if blocked { (2, 2) } else { (1, 15) };
    let mut parts = vec![("action_id", json!(action)), ("disposition_id", json!(disposition))];
    match &record.event {
        Event::RequestBlocked(b) => {
            parts.push(("http_request", request(&b.method, &b.path)));
            parts.push(("firewall_rule", json!({ "uid": b.rule_id.to_string(), "category": b.category })));
            parts.push(("http_response", json!({ "code": 403 })));
        }
        Event::RequestFlagged(f) => {
            parts.push(("http_request", request(&f.method, &f.path)));
            parts.push(("firewall_rule", json!({ "uid": f.rule_id.to_string(), "category": f.category })));
        }
        Event::RequestRefused(r) => parts.push(("http_response", json!({ "code": r.status }))),
        Event::RequestLimited(l) => {
            parts.push(("http_request", request("", &l.path)));
            parts.push(("http_response", json!({ "code": 429 })));
        }
        Event::ResponseLeaked(l) => {
            parts.push(("http_request", request("", &l.path)));
            parts.push(("firewall_rule", json!({ "uid": l.rule_id.to_string(), "category": "leak" })));
        }
        Event::CardNumberMasked(c) => parts.push(("http_request", request("", &c.path))),
        _ => {}
    }
    parts
}

fn request(method: &str, path: &str) -> Value {
    json!({ "http_method": method, "url": { "path": path } })
}

fn user_of(record: &Record) -> Value {
    let id = match &record.event {
        Event::EnrolmentOffered(e) => Some(e.staff),
        Event::StaffEnrolled(e) => Some(e.staff),
        Event::StaffSignedIn(e) => Some(e.staff),
        Event::StaffSignedOut(e) => Some(e.staff),
        Event::StaffReset(e) => Some(e.staff),
        Event::StaffRemoved(e) => Some(e.staff),
        Event::StaffConfirmed(e) => Some(e.staff),
        Event::StaffPasskeyAdded(e) => Some(e.staff),
        Event::StaffPasskeyRemoved(e) => Some(e.staff),
        Event::StaffPasswordChanged(e) => Some(e.staff),
        Event::StaffSessionsEnded(e) => Some(e.staff),
        Event::StaffSignInFailed(e) => e.staff,
        Event::StaffSessionsRevoked(e) => Some(e.staff),
        Event::StaffLocked(e) => Some(e.staff),
        Event::StaffUnlocked(e) => Some(e.staff),
        Event::StaffGroupsChanged(e) => Some(e.staff),
        Event::GatePassed(e) => Some(e.staff),
        Event::GateRefused(e) => e.staff,
        Event::GateRevoked(e) => Some(e.staff),
        Event::GateLeft(e) => Some(e.staff),
        _ => None,
    };
    let uid = id.map(|id| id.to_string()).or_else(|| customer_of(&record.event).map(|id| id.to_string()));
    json!({ "type_id": 1, "uid": uid.unwrap_or_else(|| "unknown".to_owned()) })
}

/// The customer that an event of `identity` is about.
fn customer_of(event: &Event) -> Option<CustomerId> {
    match event {
        Event::CustomerSignedUp(e) => Some(e.customer),
        Event::CustomerSignedIn(e) => Some(e.customer),
        Event::CustomerSignedOut(e) => Some(e.customer),
        Event::CustomerPasswordDisabled(e) => Some(e.customer),
        Event::FactorAdded(e) => Some(e.customer),
        Event::FactorRemoved(e) => Some(e.customer),
        Event::FactorFailed(e) => Some(e.customer),
        Event::RecoveryCodesMade(e) => Some(e.customer),
        Event::RecoveryCodeUsed(e) => Some(e.customer),
        Event::CustomerPasswordChanged(e) => Some(e.customer),
        Event::CustomerAddressChanged(e) => Some(e.customer),
        Event::SessionsRevoked(e) => Some(e.customer),
        Event::DeviceTrusted(e) => Some(e.customer),
        Event::DevicesRevoked(e) => Some(e.customer),
        Event::StepUpAsked(e) => Some(e.customer),
        Event::StepUpPassed(e) => Some(e.customer),
        Event::StepUpFailed(e) => Some(e.customer),
        Event::RecoveryFinished(e) => Some(e.customer),
        Event::AccountLocked(e) => Some(e.customer),
        Event::AccountUnlocked(e) => Some(e.customer),
        Event::AccountClosed(e) => Some(e.customer),
        Event::BackOfficeAllowed(e) => Some(e.customer),
        Event::StepUpForced(e) => Some(e.customer),
        Event::ShopAccountLinked(e) => Some(e.customer),
        Event::ReminderChoiceMade(e) => Some(e.customer),
        Event::OidcSignedInTo(e) => Some(e.customer),
        Event::OidcConsentGiven(e) => Some(e.customer),
        Event::OidcAccessWithdrawn(e) => Some(e.customer),
        Event::OidcTokensRevoked(e) => Some(e.customer),
        Event::OidcSignedOutBy(e) => Some(e.customer),
        Event::OidcLogoutTold(e) => Some(e.customer),
        Event::CustomerSignInFailed(e) => e.customer,
        Event::RecoveryBegun(e) => e.customer,
        Event::AccountLookedUp(e) => e.customer,
        Event::RecoveryWaitBegun(e) => Some(e.customer),
        Event::RecoveryWaitCancelled(e) => Some(e.customer),
        Event::RecoveryWaitShortened(e) => Some(e.customer),
        Event::RecoveryWaitEnded(e) => Some(e.customer),
        _ => None,
    }
}

/// The event's own fields, so that nothing is lost in the mapping.
fn details(record: &Record) -> Value {
    let mut whole = serde_json::to_value(&record.event).unwrap_or(Value::Null);
    whole.get_mut("data").map(Value::take).unwrap_or(Value::Null)
}
