//! `[[anchor]]`: places that get the ledger's checkpoint, put together; and what came back from them, for the verification.

use storeward_anchor::{AnchorSection, Anchors, AnchorsParts, Receipt};
use storeward_console::Concern;
use storeward_post::Outbox;
use storeward_seal::Origin;
use storeward_store::Db;

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::open::Opened;

/// Refuses sections that are not whole. Files are read at the start.
pub fn check(config: &Config) -> Done {
    let names: Vec<&str> = config.anchors.iter().map(|one| one.name.as_str()).collect();
    for (at, name) in names.iter().enumerate() {
        if names.iter().skip(at + 1).any(|other| other == name) {
            return Err(Failure::new(format!("[[anchor]] {name} stands there twice")));
        }
    }
    Ok(())
}

/// Whether nothing changed.
pub fn is_same(before: &[AnchorSection], after: &[AnchorSection]) -> bool {
    // Debug shows every setting; what secrets they have lies in files.
    format!("{before:?}") == format!("{after:?}")
}

/// The anchors; nothing without a section.
pub fn start(opened: &Opened, outbox: &Outbox) -> Done<Option<Anchors>> {
    let sections = &opened.loaded.config.anchors;
    if sections.is_empty() {
        return Ok(None);
    }
    let place = |one: &AnchorSection| {
        one.place(opened.data.path())
            .map_err(|why| Failure::new(why.to_string()).hint("see docs/audit.md for what [[anchor]] needs"))
    };
    Ok(Some(Anchors::new(AnchorsParts {
        db: opened.db.clone(),
        places: sections.iter().map(place).collect::<Done<_>>()?,
        outbox: outbox.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
    })))
}

/// What the console says of places that fail.
pub fn concerns(anchors: Option<&Anchors>) -> Vec<Concern> {
    let standings = anchors.map(Anchors::standings).unwrap_or_default();
    let failing = standings.into_iter().filter_map(|one| one.problem.map(|code| (one.place, one.way, code)));
    failing
        .map(|(place, way, code)| Concern {
            what: format!(
                "The ledger's checkpoint does not reach {place} ({way}): {}.",
                storeward_events::words::reason(&code)
            ),
            todo: "Until it does, nobody else can prove what stands in the ledger. See [[anchor]] in the configuration; it is \
                   tried again every five minutes."
                .to_owned(),
        })
        .collect()
}

/// Every receipt, oldest first.
pub fn receipts(db: &Db) -> Done<Vec<Receipt>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let from = after.clone();
        let page = db
            .read_blocking(move |r| storeward_anchor::receipts(r, &from))
            .context("the receipts of checkpoints")?;
        let Some(last) = page.last() else { return Ok(all) };
        after.clone_from(&last.id);
        all.extend(page);
    }
}

/// Names receipts that the ledger tells of and that are gone or were changed.
pub fn look_for_receipts(opened: &Opened) -> Done {
    let harmed = opened
        .db
        .read_blocking(|reader| storeward_anchor::look(reader, None))
        .context("the receipts of checkpoints")?;
    let Some(first) = harmed.first() else { return Ok(()) };
    let words = format!(
        "the ledger holds, and {} receipts of places that took its checkpoint are gone or were changed; the newest is that of entry {}",
        harmed.len(),
        first.row
    );
    let write = opened.db.write_blocking(move |tx| storeward_store::harmed::tell(tx, &harmed));
    write.context("it could not be written down")?;
    Err(Failure::new(words).hint(
        "somebody was at the database: ask the places themselves for what they took, and hold the ledger against it with --anchor",
    ))
}

/// Holds the time stamps among the receipts against the roots of their places, as far as those still stand in the config. Returns
/// how many were good.
pub fn check_stamps(opened: &Opened, receipts: &[Receipt]) -> Done<u64> {
    let mut good = 0;
    for one in receipts.iter().filter(|one| one.way == "rfc3161") {
        let section = opened.loaded.config.anchors.iter().find(|section| section.name == one.place);
        let Some(file) = section.and_then(|section| section.roots_file.as_ref()) else { continue };
        let path = opened.data.path().join(file);
        let roots = storeward_anchor::roots_of(&std::fs::read(&path).context(path.display())?);
        let imprint = storeward_seal::fingerprint::sha256(one.note.as_bytes());
        storeward_seal::timestamp::verify(&one.receipt, &imprint, None, &roots).map_err(|why| {
            Failure::new(format!(
                "the time stamp of {} over {} entries does not hold: {why}",
                one.place, one.size
            ))
            .hint("somebody changed the receipt, or the roots of that place are others now")
        })?;
        good += 1;
    }
    Ok(good)
}

/// The notes that places took, as far as they are of this ledger.
pub fn notes(receipts: &[Receipt], ledger: &Origin) -> Vec<String> {
    let of_this = |one: &&Receipt| one.note.lines().next() == Some(ledger.as_str());
    receipts.iter().filter(of_this).map(|one| one.note.clone()).collect()
}

pub fn metrics(anchors: Option<&Anchors>, text: &mut storeward_console::MetricsText) {
    let failing =
        anchors.map_or(0, |anchors| anchors.standings().iter().filter(|one| one.problem.is_some()).count());
    let what = "Places that the ledger's checkpoint does not reach.";
    text.single("storeward_anchors_failing", "gauge", what, u64::try_from(failing).unwrap_or(u64::MAX));
}
