//! One line of plain words for each event.

use crate::Event;

impl Event {
    /// What happened, for a person who does not know the code.
    pub fn sentence(&self) -> String {
        match self {
            Event::RequestBlocked(b) => {
                format!("Blocked {} {}: {} in {}", b.method, b.path, b.category, b.variable)
            }
            Event::RequestFlagged(f) => {
                format!("Would have blocked {} {}: {} in {}", f.method, f.path, f.category, f.variable)
            }
            Event::RequestRefused(r) => format!("Refused a request with {}: {}", r.status, r.reason),
            Event::CardNumberMasked(c) => {
                format!("Masked {} card number(s) in the {} of {}", c.count, c.place, c.path)
            }
            Event::InspectionFailed(i) => {
                format!("Inspection failed on {}; the request was let through", i.path)
            }
            Event::UpstreamDown(u) => format!("The shop at {} does not answer: {}", u.upstream, u.reason),
            Event::UpstreamUp(u) => format!("The shop at {} answers again", u.upstream),
            Event::CertificateIssued(c) => {
                format!("New certificate for {} until {}", c.names.join(", "), c.not_after)
            }
            Event::CertificateExpiring(c) => {
                format!("The certificate for {} ends in {} hours", c.names.join(", "), c.hours_left)
            }
            Event::CertificateFailed(c) => format!("No certificate for {}: {}", c.names.join(", "), c.reason),
            Event::EventsDropped(e) => format!("{} events were lost because the queue was full", e.count),
            Event::FindingRaised(f) => {
                format!("{} behaves like {} ({} observations)", f.client, f.scenario, f.observations)
            }
            Event::ClientBanned(b) => {
                format!("Banned {} until {} for {} (level {})", b.client, b.until, b.reason, b.level)
            }
            Event::BanLifted(b) => format!("Lifted the ban of {}", b.client),
            Event::EnrolmentOffered(e) => format!("Offered an enrolment link to {}", e.staff),
            Event::StaffEnrolled(e) => format!("{} enrolled", e.staff),
            Event::StaffSignedIn(e) => format!("{} signed in", e.staff),
            Event::StaffSignInFailed(e) => match e.staff {
                Some(staff) => format!("A sign-in of {staff} failed: {}", e.reason),
                None => format!("A sign-in failed: {}", e.reason),
            },
            Event::StaffSignedOut(e) => format!("{} signed out", e.staff),
            Event::Started(s) => format!("Storeward {} started", s.version),
            Event::Stopped(s) => format!("Storeward stopped ({})", s.reason),
            Event::ConfigReloaded(_) => "A changed config is in force".to_owned(),
            Event::ConfigRefused(c) => format!("A changed config was refused: {}", c.reason),
            Event::LedgerVerified(l) => format!("Verified the ledger's {} entries", l.entries),
        }
    }
}
