//! What a report cannot show. An assessor finds it anyhow; better they read it here.

use storeward_base::Timestamp;

use super::{Period, Report, Requirement};
use crate::keep::UNREAD;
use crate::staff::MOST_REPORTED;

/// PCI DSS 11.6.1: at least once every seven days, unless a targeted risk analysis (12.3.1) says otherwise.
const WEEK_DAYS: i64 = 7;

const AUTHORISED: &str = "6.4.3";
const CHANGES: &str = "11.6.1";
const SAQ_A: &str = "SAQ A";

/// Fills in the gaps, and which requirement each bears on.
pub(super) fn fill(report: &mut Report, period: Period, now: Timestamp, cut: &[&str]) {
    let mut found: Vec<(String, &[&str])> = Vec::new();
    for kind in cut {
        let what = format!(
            "There are more {kind} within the period than the {MOST_REPORTED} that a report holds: the last ones are missing here. Reports of shorter periods hold them."
        );
        found.push((what, &[AUTHORISED, CHANGES, SAQ_A]));
    }
    inventory(report, &mut found);
    changes(report, &mut found);
    let learns = report.settings.pages.iter().filter(|own| own.serves != "approved scripts only").count();
    if learns > 0 {
        let what = format!(
            "{learns} of {} paying pages are not held to approved scripts at the moment of this report.",
            report.settings.pages.len()
        );
        found.push((what, &[AUTHORISED, SAQ_A]));
    }
    if period.until > now {
        found.push((
            "The period is not over: it ends with the moment of this report.".to_owned(),
            &[AUTHORISED, CHANGES, SAQ_A],
        ));
    }
    found.push((
        "Scripts that nobody approved and that were not seen for 90 days are forgotten, with their hashes; that they were found stands in the ledger (checkout.script_new).".to_owned(),
        &[AUTHORISED],
    ));
    found.push(("What browsers stopped is kept for 90 days.".to_owned(), &[CHANGES]));
    found.push((
        "Settings and how pages are served are those of the moment of this report; changes within the period stand in the ledger (checkout.page_mode_set, system.config_reloaded).".to_owned(),
        &[AUTHORISED, CHANGES],
    ));
    found.push((
        "Scripts inside a payment provider's frame are the provider's; they are not looked at.".to_owned(),
        &[AUTHORISED, SAQ_A],
    ));
    let bears = |number: &str| {
        let on = found.iter().enumerate().filter(|(_, (_, numbers))| numbers.contains(&number));
        on.map(|(at, _)| at + 1).collect::<Vec<usize>>()
    };
    report.requirements = requirements(report, bears);
    report.gaps = found.into_iter().map(|(what, _)| what).collect();
}

fn requirements(report: &Report, bears: impl Fn(&str) -> Vec<usize>) -> Vec<Requirement> {
    let approved = report.scripts.iter().filter(|row| row.status == "approved").count();
    let fetched: u64 = report.checks.iter().filter(|one| one.what == "fetch").map(|one| one.done).sum();
    vec![
        Requirement {
            number: AUTHORISED,
            asks: "Each script of a payment page is authorised, its integrity is assured, and an inventory says why it is needed.",
            shown_by: format!(
                "{} rows of the inventory, {approved} of them approved, and {} of code that scripts put in, which nobody can approve; {} decisions with owner and justification; hashes of each script.",
                report.scripts.len(),
                report.put_in.len(),
                report.decisions.len()
            ),
            gaps: bears(AUTHORISED),
        },
        Requirement {
            number: CHANGES,
            asks: "Unauthorised changes to scripts and to security-impacting headers of payment pages, as consumers' browsers receive them, alert personnel; looked at once a week or more often.",
            shown_by: format!(
                "{} alerts with their times; headers and scripts compared on {} and scripts fetched on {} of {} days ({fetched} times).",
                report.alerts.len(),
                report.days.with_a_page_compared,
                report.days.with_a_script_fetched,
                report.days.in_period
            ),
            gaps: bears(CHANGES),
        },
        Requirement {
            number: SAQ_A,
            asks: "The shop's site is not susceptible to attacks from scripts that could affect its e-commerce systems (eligibility of SAQ A for embedded forms, PCI SSC FAQ 1588; not for redirects).",
            shown_by: "By techniques like those of 6.4.3 and 11.6.1, above; and how pages are served, under settings.".to_owned(),
            gaps: bears(SAQ_A),
        },
    ]
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn inventory(report: &Report, found: &mut Vec<(String, &'static [&'static str])>) {
    let of = |is: &dyn Fn(&super::ScriptPart) -> bool| report.scripts.iter().filter(|row| is(row)).count();
    if report.scripts.is_empty() && report.put_in.is_empty() {
        found.push((
            "The inventory is empty: no paying page went out within the period, or the guard was off."
                .to_owned(),
            &[AUTHORISED, CHANGES, SAQ_A],
        ));
    }
    for one in report.alerts.iter().filter(|one| one.what == UNREAD) {
        let what = format!("Since {}, and until {} at least: {}.", one.first_at, one.last_at, one.says);
        found.push((what, &[AUTHORISED, CHANGES, SAQ_A]));
    }
    let runs = |row: &super::ScriptPart| {
        let is_frame_s_code = row.kind == "frame" && row.sha256.is_some();
        matches!(row.kind, "script" | "inline" | "handler" | "worker") || is_frame_s_code
    };
    let open = of(&|row| runs(row) && row.status == "new" && !row.by_provider);
    if open > 0 {
        found.push((
            format!(
                "{} authorised by nobody and rejected by nobody.",
                counted(open, "script is", "scripts are")
            ),
            &[AUTHORISED],
        ));
    }
    put_in(report, found);
    let providers = of(&|row| runs(row) && row.by_provider && row.approval.is_none());
    if providers > 0 {
        found.push((format!("{} of payment providers may run by the providers' published hosts (settings, providers), without an approval of its own.", counted(providers, "script", "scripts")), &[AUTHORISED]));
    }
    let expired = of(&|row| row.status == "expired");
    if expired > 0 {
        found.push((
            format!("The approval of {} is over.", counted(expired, "script", "scripts")),
            &[AUTHORISED],
        ));
    }
    let changed = of(&|row| row.status == "changed");
    if changed > 0 {
        found.push((
            format!("{} not what was approved.", counted(changed, "script is", "scripts are")),
            &[AUTHORISED, CHANGES],
        ));
    }
    let loose =
        of(&|row| row.kind == "script" && row.approval.as_ref().is_some_and(|own| own.scope == "address"));
    if loose > 0 {
        found.push((format!("{} approved by address: browsers are not held to a hash of it, changes are told where it can be fetched or a browser reports its hash.", counted(loose, "script is", "scripts are")), &[AUTHORISED]));
    }
}

/// Nobody can approve it, so it is counted by whether it runs. A page that is held stops it, whatever staff decided of the row.
fn put_in(report: &Report, found: &mut Vec<(String, &'static [&'static str])>) {
    let is_held = |page: &str| {
        report.settings.pages.iter().any(|own| own.page == page && own.serves == "approved scripts only")
    };
    let runs = report.put_in.iter().filter(|row| !is_held(&row.page)).count();
    if runs > 0 {
        let what = format!(
            "{} into pages that are not held to approved scripts: it runs there without an authorisation of its own, as browsers report it without a hash and nobody can give one (under put_in, with the script that did it). Let that script load a file, or the shop write the code into the page, and approve that; or hold the page, which stops it.",
            counted(runs, "piece of code that a script put", "pieces of code that scripts put")
        );
        found.push((what, &[AUTHORISED]));
    }
}

fn changes(report: &Report, found: &mut Vec<(String, &'static [&'static str])>) {
    let files = |row: &&super::ScriptPart| row.kind == "script" && row.address.starts_with("http");
    for row in report.scripts.iter().filter(files) {
        if let Some(code) = &row.fetch_failed {
            found.push((
                format!("{} could not be fetched the last time ({code}).", row.address),
                &[AUTHORISED, CHANGES],
            ));
        }
        let has_check =
            report.checks.iter().any(|one| one.what == "fetch" && one.target == row.script && one.done > 0);
        if !has_check {
            found.push((
                format!("{} was not fetched and compared within the period.", row.address),
                &[CHANGES],
            ));
        }
    }
    for one in report.checks.iter().filter(|one| one.longest_gap_days >= WEEK_DAYS && one.done > 0) {
        let what = match one.what.as_str() {
            "page" => "went out to no browser and was not compared",
            _ => "was not fetched and compared",
        };
        found.push((format!("{} {what} for up to {} days.", one.address, one.longest_gap_days), &[CHANGES]));
    }
    for own in &report.settings.pages {
        if !report.checks.iter().any(|one| one.what == "page" && one.target == own.page && one.done > 0) {
            found.push((
                format!("{} did not go out within the period: its headers were not compared.", own.page),
                &[CHANGES],
            ));
        }
        let lines: Vec<_> = report.headers.iter().filter(|line| line.page == own.page).collect();
        if lines.iter().all(|line| line.approved_at.is_none()) {
            found.push((format!("Nobody approved the headers of {}.", own.page), &[CHANGES]));
        } else if lines.iter().any(|line| !line.is_as_approved) {
            found.push((format!("Headers of {} are not as approved.", own.page), &[CHANGES]));
        }
    }
    let open = report.alerts.iter().filter(|one| one.closed_at.is_none()).count();
    if open > 0 {
        found.push((
            format!("{} looked at by nobody yet.", counted(open, "alert was", "alerts were")),
            &[CHANGES],
        ));
    }
}
