//! The closed vocabulary of facts.
//!
//! **Owns** [`Event`], its stable kinds, severities, retention and its OCSF form.
//! **Holds** an event names people and clients by id or keyed fingerprint only; its JSON form carries a version and is
//! read for ever (`tests/samples`).
//! **Never** personal data, secrets, card numbers, free text from outside that was not masked first.
//! **Emits** nothing: others do, with these words.
#![forbid(unsafe_code)]

pub mod anchor;
pub mod api;
pub mod backup;
pub mod checkout;
pub mod detection;
pub mod edge;
pub mod fraud;
pub mod gate;
pub mod guide;
pub mod identity;
mod ocsf;
pub mod office;
pub mod oidc;
pub mod payment;
pub mod post;
mod sentence;
pub mod staff;
pub mod system;
pub mod vault;
pub mod words;

use serde::{Deserialize, Serialize};
use storeward_base::{Actor, EventId, RequestId, Timestamp};

/// How bad it is; the numbers are OCSF's `severity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
    Critical = 5,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Informational => "Informational",
            Severity::Low => "Low",
            Severity::Medium => "Medium",
            Severity::High => "High",
            Severity::Critical => "Critical",
        }
    }
}

/// How long the fact is kept within reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Thirteen months: covers PCI DSS 10.5.1's twelve with a margin.
    Security,
    /// Ninety days.
    Operations,
    /// As long as the ledger: facts that the proof of the others leans on.
    Ledger,
}

impl Retention {
    /// `None`: for ever.
    pub const fn days(self) -> Option<u32> {
        match self {
            Retention::Security => Some(396),
            Retention::Operations => Some(90),
            Retention::Ledger => None,
        }
    }
}

macro_rules! vocabulary {
    ($($variant:ident($payload:ty) = $kind:literal, $severity:ident, $retention:ident;)+) => {
        /// A fact. `kind` in its JSON form is stable for ever.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "data")]
        pub enum Event { $(#[serde(rename = $kind)] $variant($payload),)+ }

        impl Event {
            /// Every kind there is.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];

            /// Every kind, and how long its facts are kept.
            pub const RETENTIONS: &'static [(&'static str, Retention)] =
                &[$(($kind, Retention::$retention)),+];

            pub const fn kind(&self) -> &'static str {
                match self { $(Event::$variant(_) => $kind,)+ }
            }

            pub const fn severity(&self) -> Severity {
                match self { $(Event::$variant(_) => Severity::$severity,)+ }
            }

            pub const fn retention(&self) -> Retention {
                match self { $(Event::$variant(_) => Retention::$retention,)+ }
            }
        }

        $(impl From<$payload> for Event { fn from(fact: $payload) -> Self { Event::$variant(fact) } })+
    };
}

vocabulary! {
    RequestBlocked(edge::RequestBlocked) = "edge.request_blocked", Medium, Security;
    RequestFlagged(edge::RequestFlagged) = "edge.request_flagged", Low, Security;
    RequestRefused(edge::RequestRefused) = "edge.request_refused", Low, Operations;
    RequestLimited(edge::RequestLimited) = "edge.request_limited", Low, Operations;
    ResponseLeaked(edge::ResponseLeaked) = "edge.response_leaked", Medium, Security;
    CardNumberMasked(edge::CardNumberMasked) = "edge.card_number_masked", High, Security;
    InspectionFailed(edge::InspectionFailed) = "edge.inspection_failed", High, Security;
    UpstreamDown(edge::UpstreamDown) = "edge.upstream_down", High, Operations;
    UpstreamUp(edge::UpstreamUp) = "edge.upstream_up", Informational, Operations;
    CertificateIssued(edge::CertificateIssued) = "edge.certificate_issued", Informational, Security;
    CertificateExpiring(edge::CertificateExpiring) = "edge.certificate_expiring", High, Operations;
    CertificateFailed(edge::CertificateFailed) = "edge.certificate_failed", High, Operations;
    EventsDropped(edge::EventsDropped) = "edge.events_dropped", High, Security;
    FindingRaised(detection::FindingRaised) = "detection.finding_raised", Medium, Security;
    ClientBanned(detection::ClientBanned) = "detection.client_banned", Medium, Security;
    ClientChallenged(detection::ClientChallenged) = "detection.client_challenged", Low, Security;
    BanLifted(detection::BanLifted) = "detection.ban_lifted", Informational, Security;
    EnrolmentOffered(staff::EnrolmentOffered) = "staff.enrolment_offered", Medium, Security;
    StaffEnrolled(staff::StaffEnrolled) = "staff.enrolled", Medium, Ledger;
    StaffSignedIn(staff::StaffSignedIn) = "staff.signed_in", Informational, Security;
    StaffSignInFailed(staff::StaffSignInFailed) = "staff.sign_in_failed", Low, Security;
    StaffSignedOut(staff::StaffSignedOut) = "staff.signed_out", Informational, Security;
    StaffReset(staff::StaffReset) = "staff.reset", Medium, Security;
    StaffRemoved(staff::StaffRemoved) = "staff.removed", Medium, Ledger;
    StaffConfirmed(staff::StaffConfirmed) = "staff.confirmed", Informational, Security;
    StaffPasskeyAdded(staff::StaffPasskeyAdded) = "staff.passkey_added", Medium, Security;
    StaffPasskeyRemoved(staff::StaffPasskeyRemoved) = "staff.passkey_removed", Medium, Security;
    StaffPasswordChanged(staff::StaffPasswordChanged) = "staff.password_changed", Medium, Security;
    StaffSessionsEnded(staff::StaffSessionsEnded) = "staff.sessions_ended", Low, Security;
    StaffSessionsRevoked(staff::StaffSessionsRevoked) = "staff.sessions_revoked", Medium, Security;
    StaffLocked(staff::StaffLocked) = "staff.locked", Medium, Ledger;
    StaffUnlocked(staff::StaffUnlocked) = "staff.unlocked", Medium, Ledger;
    StaffGroupsChanged(staff::StaffGroupsChanged) = "staff.groups_changed", Medium, Ledger;
    GatePassed(gate::GatePassed) = "gate.passed", Informational, Security;
    GateRefused(gate::GateRefused) = "gate.refused", Medium, Security;
    GateRevoked(gate::GateRevoked) = "gate.revoked", Medium, Security;
    GateLeft(gate::GateLeft) = "gate.signed_out", Informational, Security;
    CustomerSignedUp(identity::CustomerSignedUp) = "identity.signed_up", Informational, Security;
    CustomerSignedIn(identity::CustomerSignedIn) = "identity.signed_in", Informational, Security;
    CustomerSignInFailed(identity::CustomerSignInFailed) = "identity.sign_in_failed", Low, Security;
    CustomerSignedOut(identity::CustomerSignedOut) = "identity.signed_out", Informational, Security;
    CustomerPasswordDisabled(identity::CustomerPasswordDisabled) = "identity.password_disabled", High, Security;
    FactorAdded(identity::FactorAdded) = "identity.factor_added", Low, Security;
    FactorRemoved(identity::FactorRemoved) = "identity.factor_removed", Medium, Security;
    FactorFailed(identity::FactorFailed) = "identity.factor_failed", Low, Security;
    RecoveryCodesMade(identity::RecoveryCodesMade) = "identity.recovery_codes_made", Low, Security;
    RecoveryCodeUsed(identity::RecoveryCodeUsed) = "identity.recovery_code_used", Low, Security;
    CustomerPasswordChanged(identity::CustomerPasswordChanged) = "identity.password_changed", Low, Security;
    CustomerAddressChanged(identity::CustomerAddressChanged) = "identity.address_changed", Medium, Security;
    SessionsRevoked(identity::SessionsRevoked) = "identity.sessions_revoked", Low, Security;
    DeviceTrusted(identity::DeviceTrusted) = "identity.device_trusted", Low, Security;
    DevicesRevoked(identity::DevicesRevoked) = "identity.devices_revoked", Low, Security;
    DeviceTokenReused(identity::DeviceTokenReused) = "identity.device_token_reused", High, Security;
    StepUpAsked(identity::StepUpAsked) = "identity.step_up_asked", Low, Security;
    StepUpPassed(identity::StepUpPassed) = "identity.step_up_passed", Informational, Security;
    StepUpFailed(identity::StepUpFailed) = "identity.step_up_failed", Low, Security;
    RecoveryBegun(identity::RecoveryBegun) = "identity.recovery_begun", Low, Security;
    RecoveryFinished(identity::RecoveryFinished) = "identity.recovery_finished", Medium, Security;
    AccountLocked(identity::AccountLocked) = "identity.account_locked", Medium, Security;
    AccountClosed(identity::AccountClosed) = "identity.account_closed", Medium, Security;
    BackOfficeAllowed(identity::BackOfficeAllowed) = "identity.back_office_allowed", Medium, Security;
    AccountUnlocked(identity::AccountUnlocked) = "identity.account_unlocked", Medium, Security;
    StepUpForced(identity::StepUpForced) = "identity.step_up_forced", Medium, Security;
    ThisWasNotMe(identity::ThisWasNotMe) = "identity.this_was_not_me", High, Security;
    ShopAccountLinked(identity::ShopAccountLinked) = "identity.shop_account_linked", Informational, Security;
    ShopSignInBroken(identity::ShopSignInBroken) = "identity.shop_sign_in_broken", High, Security;
    ShopSignInMended(identity::ShopSignInMended) = "identity.shop_sign_in_mended", Informational, Security;
    ShopWatchBegun(identity::ShopWatchBegun) = "identity.shop_watch_begun", Low, Security;
    AdapterSaved(identity::AdapterSaved) = "identity.adapter_saved", Medium, Security;
    AdapterWithdrawn(identity::AdapterWithdrawn) = "identity.adapter_withdrawn", Medium, Security;
    ReminderSent(guide::ReminderSent) = "guide.reminder_sent", Informational, Security;
    ReminderHeldBack(guide::ReminderHeldBack) = "guide.reminder_held_back", Informational, Security;
    ReminderFollowed(guide::ReminderFollowed) = "guide.reminder_followed", Informational, Security;
    LessonFinished(guide::LessonFinished) = "guide.lesson_finished", Informational, Security;
    ReminderChoiceMade(guide::ReminderChoiceMade) = "guide.reminder_choice_made", Informational, Security;
    MessageCodesGuessed(guide::MessageCodesGuessed) = "guide.message_codes_guessed", Low, Security;
    MessageReported(guide::MessageReported) = "guide.message_reported", Medium, Security;
    ReportClosed(guide::ReportClosed) = "guide.report_closed", Low, Security;
    AccountLookedUp(identity::AccountLookedUp) = "identity.account_looked_up", Low, Security;
    SmsHeldBack(identity::SmsHeldBack) = "identity.sms_held_back", Medium, Security;
    RecoveryWaitBegun(identity::RecoveryWaitBegun) = "identity.recovery_wait_begun", Medium, Security;
    RecoveryWaitCancelled(identity::RecoveryWaitCancelled) = "identity.recovery_wait_cancelled", Medium, Security;
    RecoveryWaitShortened(identity::RecoveryWaitShortened) = "identity.recovery_wait_shortened", High, Security;
    RecoveryWaitEnded(identity::RecoveryWaitEnded) = "identity.recovery_wait_ended", Medium, Security;
    OidcClientAdded(oidc::ClientAdded) = "oidc.client_added", Medium, Security;
    OidcClientScopesChanged(oidc::ClientScopesChanged) = "oidc.client_scopes_changed", Medium, Security;
    OidcClientSecretRotated(oidc::ClientSecretRotated) = "oidc.client_secret_rotated", Medium, Security;
    OidcClientRemoved(oidc::ClientRemoved) = "oidc.client_removed", Medium, Security;
    OidcClientRefused(oidc::ClientRefused) = "oidc.client_refused", Low, Security;
    OidcKeyRotated(oidc::KeyRotated) = "oidc.key_rotated", Low, Security;
    OidcSignedInTo(oidc::SignedInTo) = "oidc.signed_in", Informational, Security;
    OidcConsentGiven(oidc::ConsentGiven) = "oidc.consent_given", Informational, Security;
    OidcCodeReused(oidc::CodeReused) = "oidc.code_reused", High, Security;
    OidcRefreshTokenReused(oidc::RefreshTokenReused) = "oidc.refresh_token_reused", High, Security;
    OidcAccessWithdrawn(oidc::AccessWithdrawn) = "oidc.access_withdrawn", Low, Security;
    OidcTokensRevoked(oidc::TokensRevoked) = "oidc.tokens_revoked", Low, Security;
    OidcSignedOutBy(oidc::SignedOutBy) = "oidc.signed_out", Informational, Security;
    OidcLogoutTold(oidc::LogoutTold) = "oidc.logout_told", Informational, Security;
    PostSent(post::PostSent) = "post.sent", Informational, Security;
    PostFailed(post::PostFailed) = "post.failed", Medium, Security;
    EpochBegun(vault::EpochBegun) = "vault.epoch_begun", Informational, Security;
    EpochDestroyed(vault::EpochDestroyed) = "vault.epoch_destroyed", Medium, Security;
    KeysRewrapped(vault::KeysRewrapped) = "vault.keys_rewrapped", Informational, Operations;
    RootKeyMoved(vault::RootKeyMoved) = "vault.root_key_moved", High, Ledger;
    IndexBegun(vault::IndexBegun) = "vault.index_begun", Informational, Security;
    IndexEnded(vault::IndexEnded) = "vault.index_ended", Medium, Security;
    IndexMade(vault::IndexMade) = "vault.index_made", Informational, Security;
    CustomerKeyMade(vault::CustomerKeyMade) = "vault.customer_key_made", Informational, Ledger;
    CustomerKeyDestroyed(vault::CustomerKeyDestroyed) = "vault.customer_key_destroyed", Medium, Ledger;
    FieldsWritten(vault::FieldsWritten) = "vault.fields_written", Informational, Security;
    FieldsOpened(vault::FieldsOpened) = "vault.fields_opened", Informational, Security;
    OpeningDenied(vault::OpeningDenied) = "vault.opening_denied", Low, Security;
    ErasureBegun(vault::ErasureBegun) = "vault.erasure_begun", Medium, Security;
    CustomerErased(vault::CustomerErased) = "vault.customer_erased", Medium, Security;
    CustomersFound(vault::CustomersFound) = "vault.customers_found", Informational, Security;
    ShopImported(vault::ShopImported) = "vault.shop_imported", Informational, Security;
    CustomersGone(vault::CustomersGone) = "vault.customers_gone", Medium, Security;
    CustomerExported(vault::CustomerExported) = "vault.customer_exported", Medium, Security;
    RestrictionChanged(vault::RestrictionChanged) = "vault.restriction_changed", Low, Security;
    ReadingLimitReached(vault::ReadingLimitReached) = "vault.reading_limit_reached", High, Security;
    FieldsForgotten(vault::FieldsForgotten) = "vault.fields_forgotten", Informational, Security;
    AnchorPlaced(anchor::AnchorPlaced) = "anchor.placed", Informational, Security;
    AnchorFailed(anchor::AnchorFailed) = "anchor.failed", High, Security;
    AnchorOverdue(anchor::AnchorOverdue) = "anchor.overdue", High, Security;
    CustomersShown(office::CustomersShown) = "office.customers_shown", Informational, Security;
    MaskRefused(office::MaskRefused) = "office.mask_refused", Medium, Security;
    PageWithheld(office::PageWithheld) = "office.page_withheld", Medium, Security;
    UnusualReading(office::UnusualReading) = "office.unusual_reading", High, Security;
    RecordHarmed(vault::RecordHarmed) = "vault.record_harmed", High, Security;
    RecordsVerified(vault::RecordsVerified) = "vault.records_verified", Informational, Security;
    RevisionsNoted(vault::RevisionsNoted) = "vault.revisions_noted", Informational, Security;
    OlderDataAccepted(vault::OlderDataAccepted) = "vault.older_data_accepted", High, Security;
    KeyStoreNoted(vault::KeyStoreNoted) = "vault.key_store_noted", Informational, Operations;
    KeyStoreTaken(vault::KeyStoreTaken) = "vault.key_store_taken", Medium, Security;
    AccountLeft(vault::AccountLeft) = "vault.account_left", Medium, Security;
    EpochsCopyForgotten(vault::EpochsCopyForgotten) = "vault.epochs_copy_forgotten", High, Security;
    AccessRequested(vault::AccessRequested) = "vault.access_requested", Low, Security;
    AccessApproved(vault::AccessApproved) = "vault.access_approved", Medium, Security;
    AccessRefused(vault::AccessRefused) = "vault.access_refused", Low, Security;
    AccessWithdrawn(vault::AccessWithdrawn) = "vault.access_withdrawn", Medium, Security;
    GlassBroken(vault::GlassBroken) = "vault.glass_broken", High, Ledger;
    GlassReviewed(vault::GlassReviewed) = "vault.glass_reviewed", Medium, Ledger;
    RulesChanged(vault::RulesChanged) = "vault.rules_changed", High, Ledger;
    PleaReceived(vault::PleaReceived) = "vault.plea_received", Low, Ledger;
    PleaExtended(vault::PleaExtended) = "vault.plea_extended", Low, Ledger;
    PleaClosed(vault::PleaClosed) = "vault.plea_closed", Low, Ledger;
    ConsentChanged(vault::ConsentChanged) = "vault.consent_changed", Low, Security;
    ObjectionChanged(vault::ObjectionChanged) = "vault.objection_changed", Low, Security;
    RetentionChanged(vault::RetentionChanged) = "vault.retention_changed", Medium, Ledger;
    FieldsRemoved(vault::FieldsRemoved) = "vault.fields_removed", Low, Security;
    SearchDenied(vault::SearchDenied) = "vault.search_denied", Low, Security;
    BackupMade(backup::BackupMade) = "backup.made", Informational, Security;
    BackupTookOver(backup::BackupTookOver) = "backup.took_over", Medium, Security;
    BackupFailed(backup::BackupFailed) = "backup.failed", High, Operations;
    BackupRestored(backup::BackupRestored) = "backup.restored", Medium, Security;
    BackupsThinnedOut(backup::BackupsThinnedOut) = "backup.thinned_out", Informational, Operations;
    DrillPassed(backup::DrillPassed) = "backup.drill_passed", Informational, Security;
    DrillFailed(backup::DrillFailed) = "backup.drill_failed", High, Security;
    RetentionFrozen(backup::RetentionFrozen) = "backup.retention_frozen", High, Security;
    RetentionReleased(backup::RetentionReleased) = "backup.retention_released", Medium, Security;
    PaymentCreated(payment::PaymentCreated) = "payment.created", Informational, Security;
    PaymentBegun(payment::PaymentBegun) = "payment.begun", Informational, Operations;
    PaymentAsked(payment::PaymentAsked) = "payment.asked", Low, Security;
    PaymentAuthorized(payment::PaymentAuthorized) = "payment.authorized", Informational, Security;
    PaymentCaptured(payment::PaymentCaptured) = "payment.captured", Informational, Security;
    PaymentRefunded(payment::PaymentRefunded) = "payment.refunded", Low, Security;
    RefundFailed(payment::RefundFailed) = "payment.refund_failed", High, Security;
    PaymentVoided(payment::PaymentVoided) = "payment.voided", Informational, Security;
    PaymentDeclined(payment::PaymentDeclined) = "payment.declined", Low, Security;
    PaymentExpired(payment::PaymentExpired) = "payment.expired", Informational, Operations;
    PaymentUnsure(payment::PaymentUnsure) = "payment.unsure", Medium, Security;
    PaymentResolved(payment::PaymentResolved) = "payment.resolved", Informational, Security;
    SettledByHand(payment::SettledByHand) = "payment.settled_by_hand", Medium, Security;
    KeysRefused(payment::KeysRefused) = "payment.keys_refused", High, Security;
    KeysTaken(payment::KeysTaken) = "payment.keys_taken", Informational, Security;
    PaymentRefused(payment::PaymentRefused) = "payment.refused", Medium, Security;
    PaymentMismatch(payment::PaymentMismatch) = "payment.mismatch", High, Security;
    PaidTwice(payment::PaidTwice) = "payment.paid_twice", High, Security;
    DisputeOpened(payment::DisputeOpened) = "payment.dispute_opened", High, Security;
    DisputeDue(payment::DisputeDue) = "payment.dispute_due", High, Security;
    DisputeAnswered(payment::DisputeAnswered) = "payment.dispute_answered", Medium, Security;
    DisputeNoted(payment::DisputeNoted) = "payment.dispute_noted", Low, Security;
    DisputeClosed(payment::DisputeClosed) = "payment.dispute_closed", Medium, Security;
    MethodKept(payment::MethodKept) = "payment.method_kept", Low, Security;
    MethodRemoved(payment::MethodRemoved) = "payment.method_removed", Low, Security;
    WebhookRefused(payment::WebhookRefused) = "payment.webhook_refused", Medium, Security;
    DayReconciled(payment::DayReconciled) = "payment.reconciled", Informational, Security;
    DifferenceFound(payment::DifferenceFound) = "payment.difference", High, Security;
    ShopNotTold(payment::ShopNotTold) = "payment.shop_not_told", High, Operations;
    FraudJudged(fraud::FraudJudged) = "fraud.judged", Informational, Operations;
    FraudRefused(fraud::FraudRefused) = "fraud.refused", Medium, Security;
    ReviewOpened(fraud::ReviewOpened) = "fraud.review_opened", Medium, Security;
    ReviewClosed(fraud::ReviewClosed) = "fraud.review_closed", Medium, Security;
    FraudLabelled(fraud::FraudLabelled) = "fraud.labelled", Low, Security;
    CardTestingBegan(fraud::CardTestingBegan) = "fraud.card_testing_began", High, Security;
    CardTestingOver(fraud::CardTestingOver) = "fraud.card_testing_over", Medium, Security;
    FraudRuleChanged(fraud::FraudRuleChanged) = "fraud.rule_changed", Medium, Ledger;
    ScorerChanged(fraud::ScorerChanged) = "fraud.scorer_changed", Medium, Ledger;
    ScorerDrifted(fraud::ScorerDrifted) = "fraud.scorer_drifted", High, Operations;
    ScriptNew(checkout::ScriptNew) = "checkout.script_new", Medium, Security;
    ScriptChanged(checkout::ScriptChanged) = "checkout.script_changed", High, Security;
    ScriptApproved(checkout::ScriptApproved) = "checkout.script_approved", Medium, Security;
    ScriptRevoked(checkout::ScriptRevoked) = "checkout.script_revoked", Medium, Security;
    HeaderChanged(checkout::HeaderChanged) = "checkout.header_changed", High, Security;
    HeadersApproved(checkout::HeadersApproved) = "checkout.headers_approved", Medium, Security;
    CheckoutBlocked(checkout::Blocked) = "checkout.blocked", Medium, Security;
    GuardTampered(checkout::GuardTampered) = "checkout.guard_tampered", High, Security;
    CheckoutUnguarded(checkout::Unguarded) = "checkout.unguarded", High, Security;
    ReportsFlooded(checkout::ReportsFlooded) = "checkout.reports_flooded", Medium, Operations;
    LastGood(checkout::LastGood) = "checkout.last_good", High, Security;
    CheckoutAlertClosed(checkout::AlertClosed) = "checkout.alert_closed", Low, Security;
    PageModeSet(checkout::PageModeSet) = "checkout.page_mode_set", High, Security;
    EvidenceReported(checkout::EvidenceReported) = "checkout.evidence_reported", Medium, Ledger;
    ApprovalEnds(checkout::ApprovalEnds) = "checkout.approval_ends", High, Security;
    ApiKeyMade(api::ApiKeyMade) = "api.key_made", Medium, Ledger;
    ApiKeyRevoked(api::ApiKeyRevoked) = "api.key_revoked", Medium, Ledger;
    ApiKeysBound(api::ApiKeysBound) = "api.keys_bound", Medium, Ledger;
    ApiCalled(api::ApiCalled) = "api.called", Informational, Security;
    ApiRefused(api::ApiRefused) = "api.refused", Low, Security;
    Started(system::Started) = "system.started", Informational, Security;
    Stopped(system::Stopped) = "system.stopped", Informational, Security;
    ConfigReloaded(system::ConfigReloaded) = "system.config_reloaded", Low, Security;
    ConfigRefused(system::ConfigRefused) = "system.config_refused", Medium, Security;
    LedgerVerified(system::LedgerVerified) = "system.ledger_verified", Informational, Security;
    LedgerCutBack(system::LedgerCutBack) = "system.ledger_cut_back", Critical, Security;
    LedgerAccepted(system::LedgerAccepted) = "system.ledger_accepted", Medium, Security;
    WritesResumed(system::WritesResumed) = "system.writes_resumed", High, Security;
    BreachServiceSilent(system::BreachServiceSilent) = "system.breach_service_silent", Medium, Security;
    BreachServiceAnswers(system::BreachServiceAnswers) = "system.breach_service_answers", Informational, Security;
    RowHarmed(system::RowHarmed) = "system.row_harmed", High, Security;
    JobFailed(system::JobFailed) = "system.job_failed", High, Operations;
    EntriesForgotten(system::EntriesForgotten) = "system.entries_forgotten", Informational, Ledger;
}

/// An event as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this form: [`Record::VERSION`].
    pub v: u16,
    pub id: EventId,
    pub at: Timestamp,
    pub actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    #[serde(flatten)]
    pub event: Event,
}

impl Record {
    pub const VERSION: u16 = 1;

    /// The bytes that the ledger hashes: JSON with the fields in the order of their declaration.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every field of an event has a JSON form")
    }

    /// Reads what [`Record::to_bytes`] wrote, in this or an earlier version of the program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The event in the Open Cybersecurity Schema Framework's form (1.6.0). `address` is the client's address where
    /// it is still known.
    pub fn ocsf(&self, address: Option<std::net::IpAddr>) -> serde_json::Value {
        ocsf::record(self, address)
    }

    /// One line of plain words for a person.
    pub fn sentence(&self) -> String {
        self.event.sentence()
    }
}
