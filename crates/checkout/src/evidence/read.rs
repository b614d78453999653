//! What of the database stands in a report.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use storeward_base::Timestamp;
use storeward_store::{Error as StoreError, Reader};

use super::{
    AlertPart, ApprovalPart, CheckPart, DaysPart, DecisionPart, HeaderPart, Names, Period, PutInPart, Report,
    ScriptPart, SettingsPart, StoppedPart, VersionPart, Who, who,
};
use crate::config::CheckoutSection;
use crate::model::{Alert, Approval, Counted, Decision, HeaderLine, Script, Version};
use crate::staff::Checked;
use crate::{keep, policy, sql, staff};

/// Everything as it is in the database.
pub(super) struct Found {
    pub scripts: Vec<(Script, Vec<Version>)>,
    pub decisions: Vec<Decision>,
    pub alerts: Vec<Alert>,
    pub headers: Vec<HeaderLine>,
    pub checks: Vec<Checked>,
    pub counts: Vec<Counted>,
    /// Kinds of which there is more than a report holds.
    pub cut: Vec<&'static str>,
}

/// What a report holds of a kind; whether there is more.
fn held<T>(mut rows: Vec<T>, kind: &'static str, cut: &mut Vec<&'static str>) -> Vec<T> {
    let most = usize::try_from(staff::MOST_REPORTED).unwrap_or(usize::MAX);
    if rows.len() > most {
        rows.truncate(most);
        cut.push(kind);
    }
    rows
}

pub(super) fn all(reader: &mut Reader<'_>, period: Period, now: Timestamp) -> Result<Found, StoreError> {
    let mut scripts = Vec::new();
    for row in sql::all(reader, now)? {
        let was_there = row.first_seen < period.until && row.last_seen >= period.from;
        let is_approved =
            row.approval.as_ref().is_some_and(|own| own.at < period.until && own.until > period.from);
        if was_there || is_approved {
            let versions = sql::versions(reader, &row.id)?;
            scripts.push((row, versions));
        }
    }
    let (from, until) = (keep::day_of(period.from), keep::day_of(period.until));
    let mut cut = Vec::new();
    Ok(Found {
        scripts,
        decisions: held(staff::decisions_within(reader, period.from, period.until)?, "decisions", &mut cut),
        alerts: held(staff::alerts_within(reader, period.from, period.until)?, "alerts", &mut cut),
        headers: sql::headers(reader)?,
        checks: held(staff::checks_within(reader, &from, &until)?, "days of checks", &mut cut),
        counts: held(staff::counts_within(reader, &from, &until)?, "things that browsers stopped", &mut cut),
        cut,
    })
}

/// The parts of a report that come from the database; the others are empty.
pub(super) fn parts(
    found: Found,
    period: Period,
    (section, hosts): (&CheckoutSection, &[String]),
    names: &Names,
) -> Report {
    let addresses: HashMap<String, String> =
        found.scripts.iter().map(|(row, _)| (row.id.to_string(), row.address.clone())).collect();
    let with = |what: &str| {
        let days = found.checks.iter().filter(|one| one.what == what && one.done > 0);
        days.map(|one| one.day.as_str()).collect::<BTreeSet<_>>().len()
    };
    let (put_in, scripts): (Vec<_>, Vec<_>) = found.scripts.into_iter().partition(|(row, _)| row.is_put_in());
    let days = DaysPart {
        in_period: (period.until.seconds() - period.from.seconds() + 86_399).div_euclid(86_400),
        with_a_page_compared: with("page"),
        with_a_script_fetched: with("fetch"),
    };
    Report {
        form: "",
        report: String::new(),
        standard: "",
        made_at: String::new(),
        made_by: Who { id: String::new(), name: String::new() },
        from: String::new(),
        until: String::new(),
        shop: Vec::new(),
        storeward: "",
        settings: SettingsPart {
            pages: Vec::new(),
            on_change: "",
            providers: Vec::new(),
            approve_days: 0,
            fetch_hours: 0,
        },
        requirements: Vec::new(),
        gaps: Vec::new(),
        decisions: found.decisions.iter().map(|one| decision(one, names)).collect(),
        alerts: found.alerts.iter().map(|one| alert(one, names)).collect(),
        headers: found.headers.into_iter().map(|line| header(line, names)).collect(),
        checks: checks(&found.checks, &addresses, period),
        days,
        stopped: stopped(found.counts),
        put_in: put_in.into_iter().map(|(row, _)| put_in_part(row)).collect(),
        scripts: scripts
            .into_iter()
            .map(|(row, versions)| {
                let by_provider = policy::needs_none(&row, (&section.providers, &section.leads_to), hosts);
                script(row, versions, by_provider, names)
            })
            .collect(),
    }
}

fn script(row: Script, versions: Vec<Version>, by_provider: bool, names: &Names) -> ScriptPart {
    ScriptPart {
        script: row.id.to_string(),
        kind: row.kind.word(),
        page: row.page,
        initiator: row.initiator,
        seen_by: row.source.word(),
        first_seen: row.first_seen.rfc3339(),
        last_seen: row.last_seen.rfc3339(),
        sha256: row.hash,
        fetched_at: row.fetched_at.map(|at| at.rfc3339()),
        fetch_failed: row.fetch_code,
        status: row.status.word(),
        by_provider,
        approval: row.approval.map(|own| approval(own, names)),
        versions: versions
            .into_iter()
            .map(|one| VersionPart {
                sha256: one.hash,
                seen_by: one.source,
                first_seen: one.first_seen.rfc3339(),
                last_seen: one.last_seen.rfc3339(),
            })
            .collect(),
        // Code has no address: what staff saw of it.
        address: if row.sample.is_empty() { row.address } else { format!("{}: {}", row.address, row.sample) },
    }
}

fn put_in_part(row: Script) -> PutInPart {
    PutInPart {
        script: row.id.to_string(),
        what: row.address,
        kind: row.kind.word(),
        page: row.page,
        put_in_by: row.initiator,
        status: row.status.word(),
        first_seen: row.first_seen.rfc3339(),
        last_seen: row.last_seen.rfc3339(),
        times: row.seen,
    }
}

fn approval(own: Approval, names: &Names) -> ApprovalPart {
    ApprovalPart {
        scope: own.scope.word(),
        sha256: own.hash,
        owner: own.owner,
        justification: own.justification,
        by: who(names, &own.by),
        at: own.at.rfc3339(),
        until: own.until.rfc3339(),
    }
}

fn decision(one: &Decision, names: &Names) -> DecisionPart {
    DecisionPart {
        at: one.at.rfc3339(),
        by: who(names, &one.by),
        act: one.act.word(),
        script: one.script.to_string(),
        address: one.address.clone(),
        scope: one.scope.map(|scope| scope.word()),
        sha256: one.hash.clone(),
        owner: one.owner.clone(),
        justification: one.justification.clone(),
        until: one.until.map(|at| at.rfc3339()),
        event: one.event.clone(),
    }
}

fn alert(one: &Alert, names: &Names) -> AlertPart {
    AlertPart {
        alert: one.id.clone(),
        what: one.kind.clone(),
        says: one.what.clone(),
        seen_by: one.source.word(),
        first_at: one.at.rfc3339(),
        last_at: one.last_at.rfc3339(),
        times: one.count,
        closed_at: one.closed_at.map(|at| at.rfc3339()),
        closed_by: one.closed_by.as_deref().map(|by| who(names, by)),
        open_hours: one.closed_at.map(|at| (at.seconds() - one.last_at.seconds()).max(0).div_euclid(3_600)),
    }
}

fn header(line: HeaderLine, names: &Names) -> HeaderPart {
    HeaderPart {
        is_as_approved: line.approved_at.is_some() && line.approved == line.value,
        page: line.page,
        header: line.name,
        now: line.value,
        approved: line.approved,
        approved_at: line.approved_at.map(|at| at.rfc3339()),
        approved_by: line.approved_by.as_deref().map(|by| who(names, by)),
    }
}

fn checks(all: &[Checked], addresses: &HashMap<String, String>, period: Period) -> Vec<CheckPart> {
    let mut by_target: BTreeMap<(&str, &str), Vec<&Checked>> = BTreeMap::new();
    for one in all {
        by_target.entry((&one.what, &one.target)).or_default().push(one);
    }
    let part = |((what, target), days): ((&str, &str), Vec<&Checked>)| {
        // Each day's last one: what lies between two of them is no longer than this, and at most a day more than it was.
        let good = days.iter().filter(|one| one.done > 0).map(|one| one.last_at.seconds());
        let mut last = period.from.seconds();
        let mut longest = 0;
        for at in good.chain([period.until.seconds()]) {
            longest = longest.max(at - last);
            last = last.max(at);
        }
        CheckPart {
            what: what.to_owned(),
            target: target.to_owned(),
            address: addresses.get(target).cloned().unwrap_or_else(|| target.to_owned()),
            days: days.iter().filter(|one| one.done > 0).count(),
            done: days.iter().map(|one| one.done).sum(),
            failed: days.iter().map(|one| one.failed).sum(),
            last_at: days.iter().map(|one| one.last_at).max().unwrap_or(period.from).rfc3339(),
            longest_gap_days: longest.div_euclid(86_400),
        }
    };
    by_target.into_iter().map(part).collect()
}

/// By day, way and host: paths add nothing for an assessor.
fn stopped(counts: Vec<Counted>) -> Vec<StoppedPart> {
    let mut sums: BTreeMap<(String, String, String, String), u64> = BTreeMap::new();
    for one in counts {
        *sums.entry((one.day, one.how, one.channel, one.host)).or_default() += one.count;
    }
    sums.into_iter()
        .map(|((day, how, channel, host), times)| StoppedPart { day, how, channel, host, times })
        .collect()
}
