//! CPU time of one value: sealed, opened, and its customer's key unwrapped.

use std::hint::black_box;
use std::time::{Duration, Instant};

use storeward_base::SystemEntropy;
use storeward_seal::IndexRoot;
use storeward_seal::envelope::{CustomerKey, EpochId, EpochKey, FieldPlace};

/// Prints nanoseconds for one of each; each for a quarter of the span.
pub fn measure(bytes: usize, span: Duration) {
    let (entropy, owner) = (SystemEntropy, "cust_00000000000000000000000001");
    let epoch = EpochKey::generate(EpochId(1), &entropy);
    let key = CustomerKey::generate(1, &entropy);
    let place = FieldPlace { customer: owner, collection: "note", field: "own.text", schema: 1, version: 1 };
    let plain = vec![b'x'; bytes];
    let sealed = key.seal(&plain, &place, &entropy);
    let wrapped = epoch.wrap(&key, owner, &entropy);
    let index = IndexRoot::generate(&entropy).field("contact.email", 1);
    let each = span / 4;
    let seal = of_one(each, || drop(black_box(key.seal(black_box(&plain), &place, &entropy))));
    let open = of_one(each, || drop(black_box(key.open(black_box(&sealed), &place).unwrap())));
    let unwrap =
        of_one(each, || drop(black_box(epoch.unwrap_customer(black_box(&wrapped), owner, 1).unwrap())));
    let mark = of_one(each, || {
        black_box(index.mark(black_box("ada.1@shop.example")));
    });
    println!(
        "{{\"seal_ns\":{seal:.1},\"open_ns\":{open:.1},\"unwrap_ns\":{unwrap:.1},\"mark_ns\":{mark:.1}}}"
    );
}

/// The least of the slices: what else the machine does only adds.
fn of_one(span: Duration, mut work: impl FnMut()) -> f64 {
    const SLICE: u32 = 20_000;
    let began = Instant::now();
    let mut least = f64::INFINITY;
    while began.elapsed() < span {
        let before = own_cpu_ns();
        for _ in 0..SLICE {
            work();
        }
        let took = own_cpu_ns() - before;
        least = least.min(super::as_f64(took) / f64::from(SLICE));
    }
    least
}

/// Time on a core, as the kernel's scheduler has counted it for this thread.
fn own_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}
