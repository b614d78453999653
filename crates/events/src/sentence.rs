//! One line of plain words for each event.

mod provider;

use crate::{Event, words};
use provider::of_the_provider;

/// The domains' own sentences; each knows its events only.
const DOMAINS: [fn(&Event) -> Option<String>; 14] = [
    of_the_program,
    of_the_office,
    of_clients,
    of_customers,
    of_accounts,
    of_guidance,
    of_the_vault,
    of_the_interface,
    of_the_provider,
    of_the_gate,
    of_backups,
    crate::payment::sentence,
    crate::fraud::sentence,
    crate::checkout::sentence,
];

impl Event {
    /// What happened, for a person who does not know the code.
    pub fn sentence(&self) -> String {
        match self {
            Event::RequestBlocked(b) if b.stage == "route" => {
                format!("Blocked {} {}: the page is closed to this client", b.method, b.path)
            }
            Event::RequestBlocked(b) => {
                format!("Blocked {} {}: {} in {}", b.method, b.path, words::category(&b.category), b.variable)
            }
            Event::RequestFlagged(f) => {
                format!(
                    "Would have blocked {} {}: {} in {}",
                    f.method,
                    f.path,
                    words::category(&f.category),
                    f.variable
                )
            }
            Event::RequestRefused(r) if r.status == 0 => {
                format!("Closed a connection: {}", words::reason(&r.reason))
            }
            Event::RequestRefused(r) => {
                format!("Refused a request with {}: {}", r.status, words::reason(&r.reason))
            }
            Event::RequestLimited(l) => {
                format!("Slowed a client down on {}: over {} requests a second", l.path, l.per_second)
            }
            Event::ResponseLeaked(l) => {
                format!("The shop's answer on {} tells too much: {}", l.path, l.what.to_lowercase())
            }
            Event::CardNumberMasked(c) => {
                let numbers = words::counted(c.count.into(), "card number");
                format!("Masked {numbers} in the {} of {}", c.place, c.path)
            }
            Event::InspectionFailed(i) => {
                format!("Inspection failed on {}; the request was let through", i.path)
            }
            Event::UpstreamDown(u) => {
                format!("The shop at {} does not answer: {}", u.upstream, words::reason(&u.reason))
            }
            Event::UpstreamUp(u) => format!("The shop at {} answers again", u.upstream),
            Event::CertificateIssued(c) => {
                format!("New certificate for {} until {}", c.names.join(", "), c.not_after)
            }
            Event::CertificateExpiring(c) => {
                format!("The certificate for {} ends in {} hours", c.names.join(", "), c.hours_left)
            }
            Event::CertificateFailed(c) => format!("No certificate for {}: {}", c.names.join(", "), c.reason),
            Event::EventsDropped(e) => {
                format!("{} lost because the queue was full", words::counted(e.count, "event"))
            }
            Event::EnrolmentOffered(e) => format!("Offered an enrolment link to {}", e.staff),
            Event::StaffEnrolled(e) => format!("{} enrolled", e.staff),
            Event::StaffSignedIn(e) => format!("{} signed in", e.staff),
            Event::StaffSignInFailed(e) => match e.staff {
                Some(staff) => format!("A sign-in of {staff} failed: {}", words::plain(&e.reason)),
                None => format!("A sign-in failed: {}", words::plain(&e.reason)),
            },
            Event::StaffSignedOut(e) => format!("{} signed out", e.staff),
            Event::StaffReset(e) => {
                format!("Took the password and the second factor of {} away; they enrol again", e.staff)
            }
            Event::StaffRemoved(e) => format!("Removed {} from the staff", e.staff),
            Event::StaffConfirmed(e) => format!("{} confirmed who they are ({})", e.staff, e.factor),
            Event::StaffPasskeyAdded(e) => format!("{} added a passkey", e.staff),
            Event::StaffPasskeyRemoved(e) => format!("{} removed a passkey", e.staff),
            Event::StaffPasswordChanged(e) => format!("{} chose another password", e.staff),
            Event::StaffSessionsEnded(e) => format!("{} ended {} session(s) of their own", e.staff, e.count),
            other => {
                let told = DOMAINS.iter().find_map(|domain| domain(other));
                told.unwrap_or_else(|| other.kind().to_owned())
            }
        }
    }
}

/// What became of a client, and why.
fn of_clients(event: &Event) -> Option<String> {
    Some(match event {
        Event::FindingRaised(f) => {
            let seen = words::counted(f.observations.into(), "observation");
            format!("{} {} ({seen})", f.client, words::behaviour(&f.scenario))
        }
        Event::ClientBanned(b) => {
            let why = words::behaviour(&b.reason);
            format!("Banned {} until {}: it {why} (level {})", b.client, b.until, b.level)
        }
        Event::BanLifted(b) => format!("Lifted the ban of {}", b.client),
        Event::ClientChallenged(c) => {
            let why = words::behaviour(&c.reason);
            format!("{} has to solve a puzzle first until {}: it {why}", c.client, c.until)
        }
        _ => return None,
    })
}

/// What the program itself did.
fn of_the_program(event: &Event) -> Option<String> {
    Some(match event {
        Event::Started(s) => format!("Storeward {} started", s.version),
        Event::Stopped(s) => format!("Storeward stopped ({})", s.reason),
        Event::ConfigReloaded(_) => "A changed config is in force".to_owned(),
        Event::ConfigRefused(c) => format!("A changed config was refused: {}", c.reason),
        Event::PostSent(p) => format!("Sent {} {} to {}", p.channel.name(), p.topic, p.recipient),
        Event::PostFailed(p) => {
            format!("Gave up {} {} to {}: {}", p.channel.name(), p.topic, p.recipient, p.reason)
        }
        Event::LedgerVerified(l) => format!("Verified the ledger's {} entries", l.entries),
        Event::EntriesForgotten(e) => {
            format!("Forgot {} entries of the ledger that were kept long enough", e.count())
        }
        Event::LedgerAccepted(l) => {
            format!("An operator accepted the ledger as it stands ({} entries)", l.found)
        }
        Event::LedgerCutBack(l) => format!(
            "The ledger does not continue where it was: {} entries were kept, {} are there ({})",
            l.kept,
            l.found,
            words::plain(&l.how)
        ),
        Event::AnchorPlaced(a) => {
            format!("Handed the checkpoint over {} entries to {} ({})", a.size, a.place, a.way)
        }
        Event::AnchorFailed(a) => {
            format!("The checkpoint did not reach {} ({}): {}", a.place, a.way, words::reason(&a.reason))
        }
        Event::AnchorOverdue(a) => {
            format!("{} ({}) has had no checkpoint for {}", a.place, a.way, words::counted(a.hours, "hour"))
        }
        Event::WritesResumed(w) => {
            format!("Nothing could be written for {} ({})", words::counted(w.seconds, "second"), w.reason)
        }
        Event::BreachServiceSilent(_) => {
            "The service that knows stolen passwords does not answer; they are not looked for there"
                .to_owned()
        }
        Event::BreachServiceAnswers(_) => "The service that knows stolen passwords answers again".to_owned(),
        Event::JobFailed(j) => {
            format!("Gave up {} ({}) after {} attempts: {}", j.kind, j.job, j.attempts, j.code)
        }
        _ => return None,
    })
}

/// The shop's own staff pages.
fn of_the_office(event: &Event) -> Option<String> {
    Some(match event {
        Event::CustomersShown(o) => {
            let count = u64::try_from(o.customers.len() + o.others.len()).unwrap_or(u64::MAX);
            let customers = words::counted(count.saturating_add(o.more), "customer");
            let masked = words::counted(o.masked, "value");
            format!("The shop's page {} showed {customers} ({masked} masked)", o.page)
        }
        Event::MaskRefused(o) => {
            format!("Held a form of the page {} back: it would have stored masks as data", o.page)
        }
        Event::PageWithheld(o) => {
            format!("Held the shop's page {} back: {}", o.page, words::reason(&o.reason))
        }
        Event::UnusualReading(o) => {
            let customers = words::counted(o.customers, "customer");
            let why = match o.reason.as_str() {
                "many" | "day" => "far more than usual",
                "hour" => "at an hour when they are never here",
                "without_order" => "without an order",
                "in_a_row" => "one after the other, as a program does",
                "orders" => "by naming orders that are not theirs",
                "lookups" => "by looking for what nobody has",
                _ => "otherwise than usual",
            };
            format!("Reads customers' data {why}: {customers} in {}", words::counted(o.minutes, "minute"))
        }
        _ => return None,
    })
}

/// What customers were told, and what they made of it.
fn of_guidance(event: &Event) -> Option<String> {
    Some(match event {
        Event::ReminderSent(e) => format!("Reminded {} of {}", e.customer, words::topic(&e.topic)),
        Event::ReminderHeldBack(e) => {
            format!("Did not remind {} of {}, to compare", e.customer, words::topic(&e.topic))
        }
        Event::ReminderFollowed(e) => format!(
            "{} followed a reminder of {} after {} ({})",
            e.customer,
            words::topic(&e.topic),
            words::counted(e.hours.into(), "hour"),
            e.act
        ),
        Event::LessonFinished(e) => {
            format!(
                "{} went through the lesson {}: {} of {} right",
                e.customer, e.lesson, e.right, e.questions
            )
        }
        Event::ReminderChoiceMade(e) if e.wanted => {
            format!("{} wants reminders of {} ({})", e.customer, words::topic(&e.topic), e.way)
        }
        Event::ReminderChoiceMade(e) => {
            format!("{} wants no more reminders of {} ({})", e.customer, words::topic(&e.topic), e.way)
        }
        Event::MessageCodesGuessed(e) => {
            format!("Somebody tries codes of messages; they wait {} seconds", e.wait_seconds)
        }
        Event::MessageReported(e) => {
            let links = words::counted(e.links.into(), "link");
            format!("A message with {links} was reported as false ({})", e.report)
        }
        Event::ReportClosed(e) => format!("Closed {}: {}", e.report, e.verdict.replace('_', " ")),
        _ => return None,
    })
}

/// What happened to a customer's account. (A kind without a sentence is found by `tests/it.rs`.)
fn of_customers(event: &Event) -> Option<String> {
    Some(match event {
        Event::CustomerSignedUp(e) => format!("{} opened an account", e.customer),
        Event::CustomerSignedIn(e) => {
            let noticed = match e.noticed.as_slice() {
                [] => String::new(),
                reasons => format!(", and what spoke against it was noticed: {}", reasons.join(", ")),
            };
            format!("{} signed in ({}, {}; {}){noticed}", e.customer, e.acr, e.amr.join(" "), e.door)
        }
        Event::CustomerSignInFailed(e) => match e.customer {
            Some(customer) => format!("A sign-in of {customer} failed: {}", words::plain(&e.reason)),
            None => format!("A customer's sign-in failed: {}", words::plain(&e.reason)),
        },
        Event::CustomerSignedOut(e) => format!("{} signed out", e.customer),
        Event::CustomerPasswordDisabled(e) => {
            format!("The password of {} counts no more after {} failures in a row", e.customer, e.failures)
        }
        Event::FactorAdded(e) => format!("{} added a factor: {}", e.customer, e.factor),
        Event::FactorRemoved(e) => format!("{} removed a factor: {}", e.customer, e.factor),
        Event::FactorFailed(e) => {
            format!("A {} of {} did not fit: {}", e.factor, e.customer, words::plain(&e.reason))
        }
        Event::RecoveryCodeUsed(e) => format!("{} showed a recovery code", e.customer),
        Event::RecoveryCodesMade(e) => format!("{} has {} new recovery codes", e.customer, e.count),
        Event::CustomerPasswordChanged(e) => {
            format!("{} has a new password ({})", e.customer, words::plain(&e.reason))
        }
        Event::CustomerAddressChanged(e) => format!("{} has another e-mail address", e.customer),
        Event::SessionsRevoked(e) => {
            format!("{} session(s) of {} were ended ({})", e.count, e.customer, words::plain(&e.reason))
        }
        Event::DeviceTrusted(e) => format!("{} trusts a device for {} days", e.customer, e.days),
        Event::DevicesRevoked(e) => {
            format!("{} device(s) of {} are known no more ({})", e.count, e.customer, words::plain(&e.reason))
        }
        Event::DeviceTokenReused(e) => {
            format!("A device token of {} was used twice: somebody has a copy of it", e.customer)
        }
        Event::StepUpAsked(e) if e.reasons.is_empty() => {
            format!("Asked {} for more than a password ({})", e.customer, e.purpose)
        }
        Event::StepUpAsked(e) => {
            format!("Asked {} for more than a password ({}): {}", e.customer, e.purpose, e.reasons.join(", "))
        }
        Event::StepUpPassed(e) => format!("{} met the challenge ({}, {})", e.customer, e.purpose, e.acr),
        Event::StepUpFailed(e) => {
            format!("{} did not meet the challenge ({}): {}", e.customer, e.purpose, e.reason)
        }
        Event::RecoveryBegun(e) => match e.customer {
            Some(customer) => format!("Somebody asked for a way back into the account of {customer}"),
            None => "Somebody asked for a way back into an account that does not exist".to_owned(),
        },
        Event::RecoveryFinished(e) => format!("{} came back into their account", e.customer),
        _ => return None,
    })
}

/// What became of a customer's account as a whole.
fn of_accounts(event: &Event) -> Option<String> {
    Some(match event {
        Event::AccountLocked(e) => format!("The account of {} was locked", e.customer),
        Event::BackOfficeAllowed(e) => {
            format!("What {} added opens the shop's back office", e.customer)
        }
        Event::AccountUnlocked(e) => format!("The account of {} was unlocked", e.customer),
        Event::AccountClosed(e) => {
            format!("The account of {} was closed ({})", e.customer, words::plain(&e.reason))
        }
        Event::StepUpForced(e) => {
            format!("{} must show a second factor next time ({})", e.customer, words::plain(&e.reason))
        }
        Event::ThisWasNotMe(e) => format!("{} said: this was not me", e.customer),
        Event::AccountLookedUp(e) => match e.customer {
            Some(customer) => format!("Looked at the account of {customer}"),
            None => "Looked for an account by an address that has none".to_owned(),
        },
        Event::SmsHeldBack(e) => format!("Sent {} no code by short message ({})", e.customer, e.reason),
        Event::RecoveryWaitBegun(e) => {
            format!("All second factors of {} are said to be lost; asked by: {}", e.customer, e.by)
        }
        Event::RecoveryWaitCancelled(e) => {
            format!("The waiting time of {} was cancelled ({})", e.customer, e.by)
        }
        Event::RecoveryWaitShortened(e) => {
            format!("The waiting time of {} was shortened, as {} asked", e.customer, e.asked_by)
        }
        Event::RecoveryWaitEnded(e) => format!("The waiting time of {} is over", e.customer),
        Event::ShopSignInBroken(e) => {
            format!(
                "The test account could not be seen to sign in at the shop ({}, adapter {})",
                e.reason, e.adapter
            )
        }
        Event::ShopSignInMended(e) => {
            format!("The test account signs in at the shop as before (adapter {})", e.adapter)
        }
        Event::ShopWatchBegun(_) => "Lets Storeward look on at a sign-in at the shop".to_owned(),
        Event::AdapterWithdrawn(e) => {
            format!("Took back what was learnt of the shop's sign-in as {}", e.adapter)
        }
        Event::AdapterSaved(e) => format!("Saved what was learnt of the shop's sign-in as {}", e.adapter),
        Event::ShopAccountLinked(e) => format!("The shop's account is known as {}", e.customer),
        _ => return None,
    })
}

/// What happened to the keys at the top, and to those by which customers are found.
fn of_roots(event: &Event) -> Option<String> {
    Some(match event {
        Event::RootKeyMoved(e) => {
            format!("The customers' keys went from the root key {} to {}", e.from, e.to)
        }
        Event::KeyStoreTaken(e) => {
            format!("The key store belongs to the data directory with {} from now on", e.shelf)
        }
        Event::EpochsCopyForgotten(e) => {
            format!("Said that an earlier copy of the epochs' keys is destroyed; {} others are known", e.left)
        }
        Event::IndexBegun(e) => format!("Root {} of the blind indexes began", e.version),
        Event::IndexEnded(e) => format!("Root {} of the blind indexes was destroyed", e.version),
        Event::IndexMade(e) => {
            let what = if e.field.is_empty() { "The blind indexes" } else { "The index over parts of " };
            let (field, version, count, out) = (&e.field, e.version, e.customers, e.left_out);
            format!("{what}{field} were made with root {version}: {count} customers, {out} left out")
        }
        _ => return None,
    })
}

/// What happened to customers' records and their keys.
fn of_the_vault(event: &Event) -> Option<String> {
    Some(match event {
        Event::KeyStoreNoted(_) => "Noted how far the key store has come".to_owned(),
        Event::EpochBegun(e) => format!("Epoch {} of the customers' keys began", e.epoch),
        Event::EpochDestroyed(e) => format!("The key of epoch {} was destroyed", e.epoch),
        Event::KeysRewrapped(e) => {
            format!("{} customers' keys were wrapped anew for epoch {}", e.count, e.epoch)
        }
        Event::CustomerKeyMade(e) => format!("{} got a key", e.customer),
        Event::CustomerKeyDestroyed(e) => format!("The key of {} was destroyed", e.customer),
        Event::FieldsWritten(e) => {
            format!("Wrote {} of {} ({}; {})", e.collection, e.customer, e.fields.join(", "), e.provenance)
        }
        Event::FieldsOpened(e) => {
            format!("Opened {} of {} ({}) for {}", e.collection, e.customer, e.fields.join(", "), e.purpose)
        }
        Event::OpeningDenied(e) => format!(
            "Refused to open {} of {} ({}) for {}: {}",
            e.collection,
            e.customer,
            e.fields.join(", "),
            e.purpose,
            e.reason
        ),
        Event::ErasureBegun(e) => format!("The erasure of {} began", e.customer),
        Event::CustomerErased(e) => {
            format!(
                "{} was erased: {} fields; it holds for old backups when epoch {} ends",
                e.customer, e.fields, e.epoch
            )
        }
        Event::CustomersFound(e) => {
            format!("Looked customers up by {}: {} found", e.field, e.count)
        }
        Event::ShopImported(e) => format!(
            "Read the {} shop's database: {} rows of new customers, {} of known ones, {} values or rows left out",
            e.shop, e.new, e.known, e.left_out
        ),
        Event::CustomersGone(e) => {
            format!(
                "{} customers are not in the {} shop any more; what is kept of them stays",
                e.count, e.shop
            )
        }
        Event::CustomerExported(e) => {
            format!("Handed out what is kept of {} ({} values, {})", e.customer, e.fields, e.form)
        }
        Event::RestrictionChanged(e) if e.restricted => {
            format!("The use of what is kept of {} is restricted", e.customer)
        }
        Event::RestrictionChanged(e) => format!("What is kept of {} may be used again", e.customer),
        Event::ReadingLimitReached(e) => {
            format!("Opened the data of {} customers within an hour; no more is opened", e.customers)
        }
        Event::FieldsForgotten(e) => format!("Deleted {} values whose time is over", e.count),
        other => return of_custody(other),
    })
}

/// Who was let see more, what customers asked for, and whether records are as they were written.
fn of_custody(event: &Event) -> Option<String> {
    Some(match event {
        Event::RecordHarmed(e) if e.place.is_empty() => {
            format!("The record of {} is not as it was written last: {}", e.customer, words::plain(&e.harm))
        }
        Event::RecordHarmed(e) => {
            format!("{} of {} is not as it was written last: {}", e.place, e.customer, words::plain(&e.harm))
        }
        Event::RowHarmed(e) => {
            format!("Row {} of {} is not what Storeward wrote: {}", e.row, e.table, words::plain(&e.harm))
        }
        Event::RecordsVerified(e) => format!(
            "Held {} values of {} customers against what was written last: {} faults",
            e.values, e.customers, e.faults
        ),
        Event::RevisionsNoted(e) => format!("Noted how far {} records have come", e.records.len()),
        Event::AccountLeft(e) => {
            let why = match e.reason.as_str() {
                "factor" => "it has a second factor",
                _ => "only a program said whose the address is",
            };
            format!("{} was erased; account {} of that address stays open: {why}", e.customer, e.account)
        }
        Event::OlderDataAccepted(e) => format!("Accepted older data of {} customers", e.customers),
        Event::AccessRequested(e) => {
            format!("Asked to see {} of {} for {}", e.fields.join(", "), e.customer, e.purpose)
        }
        Event::AccessApproved(e) => format!(
            "Let {} see {} of {} for {} until {}",
            e.staff,
            e.fields.join(", "),
            e.customer,
            e.purpose,
            e.until
        ),
        Event::AccessWithdrawn(e) => {
            format!("Took back what {} was let see of {}", e.staff, e.customer)
        }
        Event::AccessRefused(e) => format!("Did not let {} see data of {}", e.staff, e.customer),
        Event::GlassBroken(e) => format!(
            "Opened {} of {} for {} in an emergency, without a second person",
            e.fields.join(", "),
            e.customer,
            e.purpose
        ),
        Event::GlassReviewed(e) => {
            format!("Found {} what {} opened of {} in an emergency", e.verdict, e.staff, e.customer)
        }
        Event::RulesChanged(e) if e.version == 0 => {
            format!(
                "Other rules about customers' data are in force, which nobody saved at the console ({} rules)",
                e.rules
            )
        }
        Event::RulesChanged(e) => {
            format!(
                "Version {} of the rules about customers' data is in force ({} rules)",
                e.version, e.rules
            )
        }
        Event::PleaReceived(e) => format!("{} asked for {}; due {}", e.customer, e.right, e.due_at),
        Event::PleaExtended(e) => format!("The answer to {} is due {}", e.customer, e.due_at),
        Event::PleaClosed(e) => format!("The request of {} for {}: {}", e.customer, e.right, e.outcome),
        Event::ConsentChanged(e) if e.given => format!("{} agreed to {}", e.customer, e.purpose),
        Event::ConsentChanged(e) => format!("{} withdrew the consent to {}", e.customer, e.purpose),
        Event::ObjectionChanged(e) if e.objected => format!("{} objects to {}", e.customer, e.purpose),
        Event::ObjectionChanged(e) => format!("{} objects to {} no more", e.customer, e.purpose),
        Event::RetentionChanged(e) => match e.days {
            Some(days) => format!("Values of {} are kept for {days} days", e.class),
            None => format!("Values of {} are kept until they are erased", e.class),
        },
        Event::FieldsRemoved(e) => {
            format!("Took {} of {} away ({})", e.collection, e.customer, e.fields.join(", "))
        }
        Event::SearchDenied(e) => format!("Refused to look a customer up by {}: {}", e.field, e.reason),
        other => return of_roots(other),
    })
}

/// What programs did by the REST interface, and what became of their keys.
fn of_the_interface(event: &Event) -> Option<String> {
    Some(match event {
        Event::ApiKeyMade(e) => {
            let acts = e.acts.join(", ");
            format!("Made {}: it may {acts} as {} for {}", e.key, e.roles.join(", "), e.purposes.join(", "))
        }
        Event::ApiKeyRevoked(e) => format!("Revoked {}", e.key),
        Event::ApiKeysBound(e) => {
            let keys = u64::try_from(e.keys.len()).unwrap_or(u64::MAX);
            format!("Held {} of an earlier version against the ledger", words::counted(keys, "key"))
        }
        Event::ApiCalled(e) => format!("Called {} of the REST interface ({})", e.operation, e.status),
        Event::ApiRefused(e) => {
            let whose = e.key.map_or_else(|| "no key that is known".to_owned(), |key| key.to_string());
            let calls = words::counted(e.count, "call");
            format!("Refused {calls} of the REST interface with {whose}: {}", words::plain(&e.reason))
        }
        _ => return None,
    })
}

/// Who came through a gate, and what was done to staff by others.
fn of_the_gate(event: &Event) -> Option<String> {
    Some(match event {
        Event::GatePassed(e) => format!("{} came through the gate {} ({})", e.staff, e.gate, e.factor),
        Event::GateRefused(e) => {
            let who = e.staff.map_or_else(|| "Somebody".to_owned(), |staff| staff.to_string());
            format!("{who} was refused at the gate {}: {}", e.gate, words::plain(&e.reason))
        }
        Event::GateRevoked(e) => {
            format!("{} may not pass the gate {} any more: {}", e.staff, e.gate, words::plain(&e.reason))
        }
        Event::GateLeft(e) => format!("{} signed out of the gates", e.staff),
        Event::StaffSessionsRevoked(e) => {
            format!("Ended {} of {}", words::counted(e.count, "session"), e.staff)
        }
        Event::StaffLocked(e) => format!("Locked {}", e.staff),
        Event::StaffUnlocked(e) => format!("Unlocked {}", e.staff),
        Event::StaffGroupsChanged(e) if e.groups.is_empty() => format!("{} is in no group now", e.staff),
        Event::StaffGroupsChanged(e) => format!("{} is in {} now", e.staff, e.groups.join(", ")),
        _ => return None,
    })
}

/// What was put away, and whether it can be had back.
fn of_backups(event: &Event) -> Option<String> {
    Some(match event {
        Event::BackupMade(e) if e.takes_over => format!(
            "{} was made at a target that was another Storeward's until then: {} files; {} of the shop's could not be read",
            e.run, e.files, e.unread
        ),
        Event::BackupMade(e) if e.unread > 0 => format!(
            "{} was made: {} files; {} of the shop's could not be read and are not in it",
            e.run, e.files, e.unread
        ),
        Event::BackupMade(e) => {
            format!("{} was made: {} files, {} new bytes", e.run, e.files, e.added_bytes)
        }
        Event::BackupTookOver(e) => {
            format!("{} began though the newest backup at its target is another Storeward's", e.run)
        }
        Event::BackupFailed(e) => format!("{} was not made: {}", e.run, e.code),
        Event::BackupRestored(e) => format!("{} was read out: {} files", e.run, e.files),
        Event::BackupsThinnedOut(e) => {
            format!("Deleted {} that need not be kept", words::counted(e.count, "backup"))
        }
        Event::DrillPassed(e) => format!(
            "{} was restored on trial and is what was put away: {} s until it was open, {} s old",
            e.run,
            e.recovery_ms.div_ceil(1_000),
            e.age_ms / 1_000
        ),
        Event::DrillFailed(e) => match e.run {
            Some(run) => format!("{run} could not be restored on trial: {}", e.code),
            None => format!("No backup could be restored on trial: {}", e.code),
        },
        Event::RetentionFrozen(e) => format!(
            "{} of {} files look as after an attack ({}): no old backup is deleted until somebody has looked",
            e.changed, e.of_files, e.code
        ),
        Event::RetentionReleased(e) => format!("Old backups may be deleted again (stopped at {})", e.run),
        _ => return None,
    })
}
