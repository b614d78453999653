//! Everything at once: payments while messages come three times, out of order, and a tenth of them never, while a twentieth of
//! all calls fails before or after it did something, and while the program is killed again and again. In the end nothing was done
//! twice, nothing is lost, the books sum to zero and every call's outcome is known.
//!
//! A few payments in each run; `cargo xtask chaos payments` asks for the ten thousand payments and fifty kills of the goal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storeward_base::{Actor, Entropy, FixedClock, Secret, SystemClock, SystemEntropy};
use storeward_emulators::{Emulators, Fault, Options, Provider as At, Weather, What};
use storeward_outbound::{AllowList, Client};
use storeward_payments::{
    CallState, CaptureMode, Error, MIGRATIONS, NewPayment, Pace, Payment, Payments, PaymentsParts,
    PaymentsSection, Provider, State, Strength, Wish, ledger,
};
use storeward_seal::{DataKey, PseudonymKey};
use storeward_store::testing::{fresh, options};
use storeward_store::{Db, Engine, OpenOptions};

use crate::support::{CARD, order_of, private, reference};
use crate::till::{Till, free_address};

const PLAN: &str = "STOREWARD_CHAOS_PLAN";
const PAYMENTS: &str = "STOREWARD_CHAOS_PAYMENTS";
const KILLS: &str = "STOREWARD_CHAOS_KILLS";
/// Buyers at the same time: the database writes what all of them want in one commit.
const AT_ONCE: u64 = 64;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn provider_of(order: u64) -> Provider {
    if order.is_multiple_of(2) { Provider::Stripe } else { Provider::PayPal }
}

/// What becomes of each order: most are paid at once, some later, and of some a part is given back.
fn is_later(order: u64) -> bool {
    order % 7 == 3
}

fn gives_back(order: u64) -> i64 {
    if order.is_multiple_of(5) { 300 } else { 0 }
}

fn amount_of(order: u64) -> i64 {
    1000 + i64::try_from(order % 900).unwrap()
}

fn name_of(order: u64) -> String {
    format!("C-{order}")
}

#[test]
fn nothing_twice_nothing_lost_sqlite() {
    check(Engine::Sqlite);
}

#[test]
fn nothing_twice_nothing_lost_postgres() {
    check(Engine::Postgres);
}

fn check(engine: Engine) {
    let Some(place) = fresh(engine) else { return };
    let (payments, kills) = (number(PAYMENTS, 40), number(KILLS, 4));
    let (stand, emulators) = stand();
    let (folder, at) = (tempfile::tempdir().unwrap(), free_address());
    let secret = emulators.control.stripe_webhook(&format!("http://{at}/stripe")).unwrap().1;
    private(folder.path(), "whsec", &secret);
    let webhook = emulators.control.paypal_webhook(&format!("http://{at}/paypal")).unwrap();
    let weather =
        Weather { lose_percent: 10, copies: 3, shuffle: Duration::from_millis(500), ..Weather::default() };
    emulators.control.weather(weather);
    for at in [At::Stripe, At::Paypal] {
        for what in
            [What::DropBefore, What::DropAfter, What::ErrorBefore, What::ErrorAfter, What::Unavailable]
        {
            let fault = Fault { times: None, percent: 1, ..Fault::once(at, what, "/v") };
            emulators.control.fault(fault);
        }
    }
    let section = crate::support::section_text(&emulators, folder.path(), &webhook, "", "");
    let plan = json!({
        "address": place.address(), "folder": folder.path(), "section": section, "at": at.to_string(),
        "control": emulators.control_address, "payments": payments,
    });
    let mut killed = 0;
    loop {
        let is_last = killed >= kills;
        // Spread over the whole, with some room at the end.
        let span = (payments / (kills + 1)).max(4);
        if run(&plan, (!is_last).then_some(span)) {
            break;
        }
        killed += 1;
    }
    judge(&emulators, place.address(), payments);
    stand.send(emulators).ok();
}

/// The stand-ins, on a thread of their own: they outlive every program. Giving them back ends them.
fn stand() -> (std::sync::mpsc::Sender<Emulators>, Emulators) {
    let (out, begun) = std::sync::mpsc::channel();
    let (back, ended) = std::sync::mpsc::channel::<Emulators>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            out.send(Emulators::start(Options::default()).await.unwrap()).ok();
            loop {
                match ended.try_recv() {
                    Err(std::sync::mpsc::TryRecvError::Empty) => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Ok(emulators) => return emulators.stop().await,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
        });
    });
    (back, begun.recv().unwrap())
}

/// Starts the program. Kills it after a while (SIGKILL), or lets it run to its end. True when it came to its end.
fn run(plan: &Value, span: Option<u64>) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "chaos::child", "--nocapture"])
        .env(PLAN, plan.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let (seen, came) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // What went wrong in the child is what this test is about.
            if line.starts_with("thread") || line.contains("panicked") || line.contains("came to no end") {
                eprintln!("{line}");
            }
            seen.send(line).ok();
        }
    });
    let mut ended = false;
    let (mut orders, mut steps) = (0, 0);
    let entropy: &dyn Entropy = &SystemEntropy;
    // After so many orders, and some steps of other buyers more: each kill finds it at something else.
    let random = || u64::from_le_bytes(entropy.bytes::<8>());
    let most = span.map_or(u64::MAX, |span| span - random() % (span / 2));
    let more = random() % AT_ONCE;
    while let Ok(line) = came.recv_timeout(Duration::from_secs(600)) {
        ended |= line == "all is done";
        orders += u64::from(line == "order");
        steps += u64::from(orders >= most && line == "step");
        if ended || (orders >= most && steps >= more) {
            break;
        }
    }
    child.kill().ok();
    child.wait().unwrap();
    reader.join().unwrap();
    assert!(ended || span.is_some(), "the program came to no end");
    ended
}

fn open(address: &str) -> Db {
    let fixed = Arc::new(FixedClock::at(storeward_base::Timestamp::EPOCH));
    let options = options(address, MIGRATIONS, fixed);
    Db::open(OpenOptions { clock: Arc::new(SystemClock), ..options }).unwrap()
}

/// The program that is killed. Does nothing in an ordinary run.
#[test]
fn child() {
    let Ok(plan) = std::env::var(PLAN) else { return };
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = open(plan["address"].as_str().unwrap());
        let section: PaymentsSection = toml::from_str(plan["section"].as_str().unwrap()).unwrap();
        let folder = std::path::PathBuf::from(plan["folder"].as_str().unwrap());
        let payments = Payments::open(PaymentsParts {
            db: db.clone(),
            settings: section.settings(&folder).unwrap(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            data_key: DataKey::from_bytes(Secret::new([3; 32])),
            pseudonym_key: PseudonymKey::from_bytes(Secret::new([7; 32])),
            address: "https://shop.example".to_owned(),
            hosts: vec!["shop.example".to_owned()],
            pace: Pace { settle_after: Duration::from_secs(2), first_look: Duration::from_secs(2) },
        });
        let _till = Till::open(plan["at"].as_str().unwrap().parse().unwrap(), &payments, &db).await;
        let control = plan["control"].as_str().unwrap().to_owned();
        let client =
            Client::new(AllowList::new().internal(&control).unwrap(), storeward_outbound::Options::default())
                .unwrap();
        let janitor = payments.clone();
        let round = tokio::spawn(async move {
            loop {
                // A provider that fails is what it is there for.
                janitor.round().await.unwrap();
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        });
        let count = plan["payments"].as_u64().unwrap();
        // Begun anew after each kill, it does not ask one by one after all that came to their end before.
        let ended = Arc::new(ended(&db).await);
        let buyers = (0..AT_ONCE).map(|first| {
            let buyer =
                Buyer { payments: payments.clone(), client: client.clone(), control: control.clone() };
            let ended = Arc::clone(&ended);
            tokio::spawn(async move {
                let mut order = first;
                while order < count {
                    if !ended.contains(&name_of(order)) {
                        buyer.serve(order).await;
                    }
                    order += AT_ONCE;
                }
            })
        });
        for buyer in buyers.collect::<Vec<_>>() {
            buyer.await.unwrap();
        }
        round.abort();
        eprintln!("all is done");
        // The parent ends it.
        tokio::time::sleep(Duration::from_secs(600)).await;
    });
}

/// Orders that came to their end, as far as the rows say; the judge looks at each of them once more.
async fn ended(db: &Db) -> std::collections::BTreeSet<String> {
    let (mut all, mut after) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let from = after.clone();
        let page: Vec<(String, String, String, i64)> = db
            .read(move |reader| {
                let sql =
                    "SELECT id, order_id, state, unsure FROM payment WHERE id > $1 ORDER BY id LIMIT 1000";
                reader.query_many(sql, storeward_store::params![from], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
            })
            .await
            .unwrap_or_else(|why: storeward_store::Error| panic!("{why}"));
        let Some((last, ..)) = page.last() else { return all };
        after.clone_from(last);
        for (_, order, state, unsure) in page {
            let number: u64 = order.trim_start_matches("C-").parse().unwrap();
            let wanted = if gives_back(number) > 0 { State::PartiallyRefunded } else { State::Captured };
            if unsure == 0 && state == wanted.word() {
                all.insert(order);
            }
        }
    }
}

/// Whether an order came to its end.
fn is_done(order: u64, payment: &Payment) -> bool {
    let wanted = if gives_back(order) > 0 { State::PartiallyRefunded } else { State::Captured };
    !payment.is_unsure && payment.state == wanted
}

struct Buyer {
    payments: Payments,
    client: Client,
    control: String,
}

impl Buyer {
    /// Brings one order to its end, from wherever it was left.
    async fn serve(&self, order: u64) {
        let later = is_later(order).then_some(CaptureMode::Later);
        let wanted = NewPayment { capture: later, ..order_of(&name_of(order), amount_of(order), "EUR") };
        for turn in 0..2000 {
            let known = self.payments.of_order(&name_of(order)).await.unwrap().into_iter().next();
            let payment = match known {
                Some(payment) => payment,
                None => self.payments.create(Actor::System, wanted.clone()).await.unwrap(),
            };
            if is_done(order, &payment) {
                eprintln!("order");
                return;
            }
            self.step(order, &payment).await;
            eprintln!("step");
            // A buyer is patient: the rest is done by messages and by the janitor.
            tokio::time::sleep(Duration::from_millis(if turn < 5 { 20 } else { 200 })).await;
        }
        panic!("order {order} came to no end: {:?}", self.payments.of_order(&name_of(order)).await);
    }

    async fn step(&self, order: u64, payment: &Payment) {
        if payment.is_unsure {
            return;
        }
        let whole = self.payments.whole(payment.id).await.unwrap().unwrap();
        // What was refused for good (a 500 that Stripe keeps) is wished for anew, under another name; everything else under the same.
        let refused = whole.calls.iter().filter(|call| call.state == CallState::Refused).count();
        let wish = |amount: Option<i64>, name: &str| Wish {
            actor: Actor::System,
            amount,
            name: Some(format!("{name}/{order}/{refused}")),
        };
        let done = match payment.state {
            State::Created | State::Declined | State::RequiresAction => {
                return self.pay(order, payment).await;
            }
            State::Authorized => self.payments.capture(payment.id, wish(None, "capture")).await,
            State::Captured => {
                self.payments.refund(payment.id, wish(Some(gives_back(order)), "refund")).await
            }
            _ => return,
        };
        match done {
            Ok(_) | Err(Error::Unsure | Error::NotReached { .. } | Error::Raced | Error::State(_)) => {}
            // A 500 that was kept: it was not done, and the next wish has another name.
            Err(Error::Refused { .. } | Error::TooMuch { .. }) => {}
            Err(other) => panic!("order {order}: {other:?}"),
        }
    }

    async fn pay(&self, order: u64, payment: &Payment) {
        let provider = provider_of(order);
        let begun = match self.payments.begin(payment.id, provider, Strength::Usual).await {
            Ok(begun) => begun,
            Err(
                Error::Unsure
                | Error::NotReached { .. }
                | Error::Refused { .. }
                | Error::State(_)
                | Error::Raced,
            ) => return,
            Err(other) => panic!("order {order}: {other:?}"),
        };
        let page = reference(provider, &begun.address);
        let (path, body) = match provider {
            Provider::Stripe => ("/stripe/pay", json!({ "session": page, "number": CARD })),
            Provider::PayPal => ("/paypal/approve", json!({ "order": page })),
        };
        // Who has paid already is told so, and whose click is lost clicks again: both are fine.
        let url = format!("{}{path}", self.control);
        drop(self.client.post(&url, "application/json", body.to_string()).await);
    }
}

fn judge(emulators: &Emulators, address: &str, count: u64) {
    let db = open(address);
    let mut captured: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut refunded: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for effect in emulators.control.effects() {
        let words = effect.reference;
        let payment = ["storeward_payment", "custom_id"].into_iter().find_map(|key| words[key].as_str());
        let into = match effect.kind {
            "capture" => &mut captured,
            "refund" => &mut refunded,
            _ => continue,
        };
        // A refund at PayPal bears the name of its call.
        into.entry(payment.unwrap_or_default().to_owned()).or_default().push(effect.amount);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let all = db.read(ledger::balances).await.unwrap();
        assert_eq!(all.iter().map(|(_, _, sum)| sum).sum::<i64>(), 0, "{all:?}");
    });
    let mut given = 0;
    for order in 0..count {
        let name = name_of(order);
        let found = runtime.block_on(rows(&db, &name));
        assert_eq!(found.len(), 1, "{name}: one payment");
        let (id, taken, back, unsure) = &found[0];
        assert_eq!((*taken, *back, *unsure), (amount_of(order), gives_back(order), 0), "{name}");
        assert_eq!(captured.get(id), Some(&vec![amount_of(order)]), "{name}: taken once");
        given += gives_back(order);
    }
    let really: i64 = refunded.values().flatten().sum();
    assert_eq!(really, given, "given back once: {refunded:?}");
    assert_eq!(captured.len(), usize::try_from(count).unwrap());
    let open_calls: Vec<String> = runtime.block_on(unsettled(&db));
    assert_eq!(open_calls, Vec::<String>::new(), "every call's outcome is known");
    let clearing: i64 = {
        let all = runtime.block_on(db.read(ledger::balances)).unwrap();
        all.iter()
            .filter(|(name, ..)| name != "fees" && name.starts_with("customer"))
            .map(|(_, _, sum)| sum)
            .sum()
    };
    assert_eq!(-clearing, (0..count).map(amount_of).sum::<i64>(), "the books say what was taken");
    db.close();
}

async fn rows(db: &Db, order: &str) -> Vec<(String, i64, i64, i64)> {
    let order = order.to_owned();
    let read = db.read(move |reader| {
        let sql = "SELECT id, captured, refunded, unsure FROM payment WHERE order_id = $1 LIMIT 10";
        reader.query_many(sql, storeward_store::params![order], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
    });
    read.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
}

async fn unsettled(db: &Db) -> Vec<String> {
    let read = db.read(move |reader| {
        let sql = "SELECT operation FROM payment_call WHERE settled_at IS NULL LIMIT 50";
        reader.query_many(sql, &[], |row| row.get(0))
    });
    read.await.unwrap_or_else(|why: storeward_store::Error| panic!("{why}"))
}
