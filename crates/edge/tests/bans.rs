//! Bans through their door: who is kept out, for how long, and who never is.
#![allow(clippy::unwrap_used, reason = "what these tests build must work")]

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use storeward_base::{Actor, AddressList, ClientIp, Clock, FixedClock, PageSize, Timestamp};
use storeward_detect::{Finding, Response};
use storeward_edge::bans::{
    BanBook, BanMode, BanOptions, BanRefusal, BansSection, Ended, NotBanned, Reaction, Responder,
};
use storeward_host::RecordedEmissions;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

struct World {
    clock: Arc<FixedClock>,
    emit: Arc<RecordedEmissions>,
    dir: PathBuf,
}

impl World {
    fn new() -> World {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("storeward-bans-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_795_541_880)));
        World { clock, emit: Arc::default(), dir }
    }

    fn book(&self) -> Arc<BanBook> {
        self.book_with(BanOptions::default())
    }

    fn book_with(&self, options: BanOptions) -> Arc<BanBook> {
        BanBook::in_memory(options, self.clock.clone(), self.emit.clone())
    }

    fn open(&self) -> Arc<BanBook> {
        BanBook::open(&self.dir, BanOptions::default(), self.clock.clone(), self.emit.clone()).unwrap()
    }

    fn finding(&self, client: &str, response: Response) -> Finding {
        let client: ClientIp = client.parse().unwrap();
        Finding {
            scenario: "probing",
            title: "",
            client,
            block: client.block(),
            request: None,
            observations: 11,
            first_at: self.clock.now(),
            at: self.clock.now(),
            response,
            held_back: false,
            host: None,
            path: "/".into(),
        }
    }

    /// Sets the clock back.
    fn at(&self, moment: Timestamp) -> World {
        World { clock: Arc::new(FixedClock::at(moment)), emit: self.emit.clone(), dir: self.dir.clone() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn ip(text: &str) -> ClientIp {
    text.parse().unwrap()
}

#[test]
fn a_ban_keeps_out_and_ends_by_itself() {
    let world = World::new();
    let (book, client) = (world.book(), ip("192.0.2.1"));
    assert_eq!(book.check(client), None);
    let ban = book.ban(client, "probing", Actor::System).unwrap();
    assert_eq!((ban.level, ban.until), (1, world.clock.now().plus(10 * MINUTE)));
    assert_eq!(book.check(client).unwrap().until, ban.until);
    assert_eq!(book.check(ip("192.0.2.2")), None);
    world.clock.advance(10 * MINUTE);
    assert_eq!(book.check(client), None);
    assert!(book.active(PageSize::default(), None).rows.is_empty());
    let past = book.history(PageSize::default(), None).rows.remove(0);
    assert_eq!((past.ended, past.ended_at), (Ended::Expired, ban.until));
    assert_eq!(world.emit.of_kind("detection.client_banned").len(), 1);
}

#[test]
fn requests_of_a_banned_client_are_counted_and_do_not_extend_the_ban() {
    let world = World::new();
    let (book, client) = (world.book(), ip("192.0.2.1"));
    let until = book.ban(client, "probing", Actor::System).unwrap().until;
    for _ in 0..500 {
        assert!(book.check(client).is_some());
        world.clock.advance(Duration::from_secs(1));
    }
    // A finding that was still on its way changes nothing either.
    assert_eq!(book.ban(client, "probing", Actor::System), Err(BanRefusal::AlreadyBanned { until }));
    let ban = book.get(client.block()).unwrap();
    assert_eq!((ban.until, ban.level, ban.turned_away), (until, 1, 500));
}

#[test]
fn each_further_ban_is_longer_until_it_is_forgotten() {
    let world = World::new();
    let (book, client) = (world.book(), ip("192.0.2.1"));
    for (level, length) in [(1, 10 * MINUTE), (2, HOUR), (3, 6 * HOUR), (4, DAY), (5, DAY)] {
        let ban = book.ban(client, "probing", Actor::System).unwrap();
        assert_eq!((ban.level, ban.until.since(ban.since)), (level, length));
        world.clock.advance(length + DAY);
    }
    world.clock.advance(7 * DAY);
    assert_eq!(book.ban(client, "probing", Actor::System).unwrap().level, 1);
}

#[test]
fn lifting_works_at_once_and_forgives() {
    let world = World::new();
    let (book, client) = (world.book(), ip("192.0.2.1"));
    book.ban(client, "probing", Actor::System).unwrap();
    let lifted = book.lift(client.block(), Actor::Operator).unwrap();
    assert_eq!(lifted.client, client);
    assert_eq!(book.check(client), None);
    assert_eq!(book.lift(client.block(), Actor::Operator), Err(NotBanned));
    assert_eq!(world.emit.of_kind("detection.ban_lifted").len(), 1);
    assert_eq!(book.history(PageSize::default(), None).rows[0].ended, Ended::Lifted { by: Actor::Operator });
    assert_eq!(book.ban(client, "probing", Actor::System).unwrap().level, 1);
}

#[test]
fn the_operators_own_address_can_never_be_banned() {
    let world = World::new();
    let (book, office) = (world.book(), ip("198.51.100.7"));
    book.note_operator(office);
    assert_eq!(book.ban(office, "probing", Actor::System), Err(BanRefusal::Operator));
    assert_eq!(book.ban_for(office, HOUR, "staff", Actor::Operator), Err(BanRefusal::Operator));
    // Nor by a neighbour in the same /64.
    book.note_operator(ip("2001:db8:1:2::1"));
    assert_eq!(book.ban(ip("2001:db8:1:2:ffff::9"), "probing", Actor::System), Err(BanRefusal::Operator));
    // The protection is a lease: whoever gets the address later is a client like others.
    world.clock.advance(13 * HOUR);
    assert!(book.ban(office, "probing", Actor::System).is_ok());
    // And signing in ends a ban that is in force.
    assert!(book.check(office).is_some());
    book.note_operator(office);
    assert_eq!(book.check(office), None);
    assert!(book.get(office.block()).is_none());
    assert_eq!(world.emit.of_kind("detection.ban_lifted").len(), 1);
}

#[test]
fn the_never_block_list_beats_bans_before_and_during() {
    let world = World::new();
    let book = world.book();
    for local in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(book.ban(ip(local), "probing", Actor::System), Err(BanRefusal::NeverBlocked), "{local}");
    }
    book.ban(ip("192.0.2.1"), "probing", Actor::System).unwrap();
    book.ban(ip("2001:db8::9"), "probing", Actor::System).unwrap();
    let never_block = AddressList::parse(&["192.0.2.0/24", "2001:db8::8"]).unwrap();
    book.set_options(BanOptions { never_block, ..BanOptions::default() });
    assert_eq!(book.check(ip("192.0.2.1")), None);
    assert_eq!(book.active(PageSize::default(), None).rows.len(), 1);
    // Of the banned /64, the address on the list comes in and its neighbour does not.
    assert_eq!(book.check(ip("2001:db8::8")), None);
    assert!(book.check(ip("2001:db8::9")).is_some());
    // Loopback was left out of the new list, so it can be banned now.
    assert!(book.ban(ip("127.0.0.1"), "probing", Actor::System).is_ok());
}

#[test]
fn the_config_has_defaults_and_refuses_what_it_does_not_know() {
    let read = |text: &str| serde_json::from_str::<BansSection>(text);
    let section = read("{}").unwrap();
    assert_eq!(section.mode, BanMode::Ban);
    assert!(section.never_block.contains(Ipv4Addr::LOCALHOST.into()));
    let section = read(r#"{"mode":"note","never_block":[],"lengths_minutes":[1,2]}"#).unwrap();
    assert!(section.never_block.is_empty());
    assert_eq!(BanOptions::from(&section).lengths, [MINUTE, 2 * MINUTE]);
    assert!(read(r#"{"never_block":["office"]}"#).is_err());
    assert!(read(r#"{"neverblock":[]}"#).is_err());
}

#[test]
fn an_empty_or_endless_list_of_lengths_does_no_harm() {
    let world = World::new();
    let book = world.book_with(BanOptions { lengths: Vec::new(), ..BanOptions::default() });
    let ban = book.ban(ip("192.0.2.1"), "probing", Actor::System).unwrap();
    assert_eq!(ban.until.since(ban.since), 10 * MINUTE);
    let ban = book.ban_for(ip("192.0.2.2"), Duration::MAX, "staff", Actor::Operator).unwrap();
    assert!(ban.until > ban.since);
}

#[test]
fn forged_addresses_cannot_grow_memory_without_bound() {
    let world = World::new();
    let book = world.book_with(BanOptions { max_bans: 100, ..BanOptions::default() });
    // A whole /64 is one client.
    let first = ip("2001:db8:7:7::1");
    book.ban(first, "probing", Actor::System).unwrap();
    for n in 2..1_000u16 {
        let forged = ClientIp::new(Ipv6Addr::new(0x2001, 0xdb8, 7, 7, 0, 0, 0, n).into());
        assert!(book.check(forged).is_some());
        assert!(book.ban(forged, "probing", Actor::System).is_err());
    }
    assert_eq!(book.stats().active, 1);
    // And many networks make room for each other: the ban that ends soonest goes.
    let long = book.ban_for(ip("192.0.2.200"), DAY, "staff", Actor::Operator).unwrap();
    for n in 0..5_000u32 {
        let forged = ClientIp::new(Ipv4Addr::from_bits(0x0A00_0000 + n).into());
        book.ban(forged, "probing", Actor::System).unwrap();
        world.clock.advance(Duration::from_millis(10));
    }
    let stats = book.stats();
    assert_eq!((stats.active, stats.made_room), (100, 4_902));
    assert!(stats.remembered <= 200);
    assert_eq!(book.get(long.block), Some(long));
    assert!(book.history(PageSize::new(500), None).rows.len() <= 500);
}

#[test]
fn a_clock_set_back_moves_the_leases_along() {
    let world = World::new();
    let (book, client) = (world.book(), ip("192.0.2.1"));
    // The clock was a year ahead when the ban was laid.
    let true_now = world.clock.now();
    world.clock.advance(365 * DAY);
    book.ban(client, "probing", Actor::System).unwrap();
    // FixedClock goes forwards only; the file takes the ban over to a clock that is right again.
    let ahead = World { clock: world.clock.clone(), emit: world.emit.clone(), dir: world.dir.join("ahead") };
    let book = ahead.open();
    book.ban(client, "probing", Actor::System).unwrap();
    book.save().unwrap();
    let right = ahead.at(true_now);
    drop(book);
    let book = right.open();
    let ban = book.get(client.block()).unwrap();
    assert_eq!(ban.until, true_now.plus(10 * MINUTE));
    assert!(book.check(client).is_some());
    assert_eq!(book.stats().clock_resets, 1);
    right.clock.advance(10 * MINUTE);
    assert_eq!(book.check(client), None);
}

#[test]
fn bans_survive_a_restart() {
    let world = World::new();
    let book = world.open();
    let (client, office) = (ip("192.0.2.1"), ip("198.51.100.7"));
    let ban = book.ban(client, "probing", Actor::System).unwrap();
    book.ban(ip("192.0.2.2"), "probing", Actor::System).unwrap();
    book.lift(ip("192.0.2.2").block(), Actor::Operator).unwrap();
    book.note_operator(office);
    book.check(client);
    book.save().unwrap();
    let mode = fs::metadata(world.dir.join("bans.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(book);
    let book = world.open();
    let mut wanted = ban.clone();
    wanted.turned_away = 1;
    assert_eq!(book.get(client.block()), Some(wanted));
    assert!(book.check(client).is_some());
    assert_eq!(book.history(PageSize::default(), None).rows.len(), 1);
    assert_eq!(book.ban(office, "probing", Actor::System), Err(BanRefusal::Operator));
    drop(book);
    // What ended while the program was down is over, and counts for the next one.
    world.clock.advance(HOUR);
    let book = world.open();
    assert_eq!(book.check(client), None);
    assert_eq!(book.ban(client, "probing", Actor::System).unwrap().level, 2);
}

#[test]
fn the_background_thread_writes_by_itself() {
    let world = World::new();
    let book = world.open();
    book.ban(ip("192.0.2.1"), "probing", Actor::System).unwrap();
    let written = || fs::read_to_string(world.dir.join("bans.json")).is_ok_and(|t| t.contains("192.0.2.1"));
    let begun = std::time::Instant::now();
    while !written() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert!(written());
}

#[test]
fn an_unreadable_file_is_put_aside_and_told() {
    for text in ["{", "[]", r#"{"v":99,"saved_at":0,"bans":[],"memory":[],"operators":[],"history":[]}"#] {
        let world = World::new();
        fs::write(world.dir.join("bans.json"), text).unwrap();
        let book = world.open();
        assert!(book.stats().journal_was_unreadable, "{text}");
        assert_eq!(fs::read_to_string(world.dir.join("bans.json.unreadable")).unwrap(), text);
        assert!(book.ban(ip("192.0.2.1"), "probing", Actor::System).is_ok());
    }
}

#[test]
fn version_1_of_the_file_is_read_for_ever() {
    let world = World::at(&World::new(), Timestamp::from_seconds(1_795_541_880));
    fs::create_dir_all(&world.dir).unwrap();
    fs::write(world.dir.join("bans.json"), include_str!("bans_sample_v1.json")).unwrap();
    let book = world.open();
    let ban = book.get(ip("2001:db8::5").block()).unwrap();
    assert_eq!((ban.reason.as_str(), ban.level, ban.turned_away), ("sign_in_failures", 2, 41));
    assert_eq!(book.history(PageSize::default(), None).rows[0].ended, Ended::Expired);
    assert_eq!(book.ban(ip("192.0.2.9"), "probing", Actor::System).unwrap().level, 4);
    assert_eq!(book.ban(ip("198.51.100.7"), "probing", Actor::System), Err(BanRefusal::Operator));
}

#[test]
fn a_list_that_cannot_be_written_is_counted_and_bans_still_hold() {
    let world = World::new();
    let book = world.open();
    fs::remove_dir_all(&world.dir).unwrap();
    book.ban(ip("192.0.2.1"), "probing", Actor::System).unwrap();
    assert!(book.save().is_err());
    assert!(book.stats().write_errors >= 1);
    assert!(book.check(ip("192.0.2.1")).is_some());
}

#[test]
fn findings_lead_to_what_the_mode_says() {
    let world = World::new();
    let book = world.book();
    let responder = Responder::new(Arc::clone(&book), world.emit.clone(), BanMode::Off);
    let finding = world.finding("192.0.2.1", Response::Ban);
    assert_eq!(responder.respond(&finding), Reaction::Ignored);
    assert!(world.emit.all().is_empty());
    responder.set_mode(BanMode::Note);
    assert_eq!(responder.respond(&finding), Reaction::Noted);
    assert_eq!(world.emit.of_kind("detection.finding_raised").len(), 1);
    assert_eq!(book.check(finding.client), None);
    responder.set_mode(BanMode::Ban);
    assert_eq!(responder.respond(&world.finding("192.0.2.1", Response::Note)), Reaction::Noted);
    assert!(matches!(responder.respond(&finding), Reaction::Banned(ban) if ban.reason == "probing"));
    assert!(book.check(finding.client).is_some());
    let local = world.finding("127.0.0.1", Response::Ban);
    assert_eq!(responder.respond(&local), Reaction::NotBanned(BanRefusal::NeverBlocked));
    assert_eq!(responder.recent().len(), 4);
}

#[test]
fn a_flood_is_challenged_first_and_banned_when_it_goes_on() {
    let world = World::new();
    let book = world.book();
    let responder = Responder::new(Arc::clone(&book), world.emit.clone(), BanMode::Ban);
    let finding = world.finding("192.0.2.1", Response::Challenge);
    assert_eq!(responder.respond(&finding), Reaction::Challenged);
    assert!(book.challenges(finding.client) && book.check(finding.client).is_none());
    assert!(matches!(responder.respond(&finding), Reaction::Banned(_)));
    // A crowd behind one address is never banned for one of it, however long that goes on.
    let crowd = Finding { held_back: true, ..world.finding("192.0.2.9", Response::Challenge) };
    for _ in 0..5 {
        assert_eq!(responder.respond(&crowd), Reaction::Challenged);
    }
    assert!(book.challenges(crowd.client) && book.check(crowd.client).is_none());
    assert_eq!(world.emit.of_kind("detection.client_challenged").len(), 2);
    // It ends by itself, and never holds for those whom no ban hits.
    world.clock.advance(Duration::from_secs(3_600));
    assert!(!book.challenges(crowd.client));
    let local = world.finding("127.0.0.1", Response::Challenge);
    responder.respond(&local);
    assert!(!book.challenges(local.client));
}

#[test]
fn events_hold_no_address_and_no_free_text() {
    let world = World::new();
    let book = world.book();
    book.ban_for(ip("192.0.2.1"), HOUR, "Mrs. Smith <smith@shop.example>", Actor::Operator).unwrap();
    book.lift(ip("192.0.2.1").block(), Actor::Operator).unwrap();
    for emission in world.emit.all() {
        let text = serde_json::to_string(&emission.event).unwrap();
        assert!(!text.contains("192.0.2.1") && !text.contains('@') && !text.contains(' '), "{text}");
        assert_eq!(emission.client, Some(ip("192.0.2.1")));
    }
}

#[test]
fn staff_can_set_another_length() {
    let world = World::new();
    let (book, client) = (world.book(), ip("192.0.2.1"));
    book.ban(client, "probing", Actor::System).unwrap();
    let ban = book.ban_for(client, 3 * HOUR, "staff", Actor::Operator).unwrap();
    assert_eq!((ban.level, ban.until), (1, world.clock.now().plus(3 * HOUR)));
    assert_eq!(book.active(PageSize::default(), None).rows, [ban]);
    assert_eq!(book.history(PageSize::default(), None).rows[0].ended, Ended::Replaced);
}

#[test]
fn lists_have_pages() {
    let world = World::new();
    let book = world.book();
    for n in 1..=25u8 {
        book.ban(ip(&format!("192.0.2.{n}")), "probing", Actor::System).unwrap();
        if n % 2 == 0 {
            world.clock.advance(Duration::from_secs(1));
        }
    }
    let (mut before, mut active) = (None, Vec::new());
    loop {
        let page = book.active(PageSize::new(4), before);
        active.extend(page.rows.iter().map(|ban| ban.client));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let mut sorted = active.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((active.len(), sorted.len()), (25, 25));
    assert_eq!(active[0], ip("192.0.2.25"));
    for client in active {
        book.lift(client.block(), Actor::Operator).unwrap();
    }
    let (mut before, mut past) = (None, 0);
    loop {
        let page = book.history(PageSize::new(5), before);
        past += page.rows.len();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(past, 25);
}

#[test]
fn many_cores_at_once_agree() {
    let world = World::new();
    let book = world.book();
    std::thread::scope(|scope| {
        for core in 0..4u32 {
            let book = &book;
            scope.spawn(move || {
                for n in 0..2_000u32 {
                    let client =
                        ClientIp::new(Ipv4Addr::from_bits(0x0A00_0000 + n % 200 + core * 1_000).into());
                    book.ban(client, "probing", Actor::System).unwrap();
                    assert!(book.check(client).is_some());
                    book.lift(client.block(), Actor::Operator).unwrap();
                    assert_eq!(book.check(client), None);
                }
            });
        }
    });
    assert_eq!(book.stats().active, 0);
}
