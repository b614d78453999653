//! The part of `cargo xtask bench passwords` that is ours. For each line `memory_kib passes count` on standard input it
//! hashes `count` passwords as a thread of the pool does, and prints the CPU time that took in microseconds.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on should stop")]

use std::collections::HashMap;
use std::io::stdin;

use storeward_base::{Secret, SystemEntropy};
use storeward_passwords::{Cost, Hasher, Recipe};

fn main() {
    let mut hashers = HashMap::new();
    for line in stdin().lines() {
        let line = line.unwrap();
        let numbers: Vec<u32> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [memory_kib, passes, count] = numbers.try_into().unwrap();
        let cost = Cost { memory_kib, passes, lanes: 1 };
        let hasher = hashers.entry((memory_kib, passes)).or_insert_with(|| {
            // Its memory is taken when the pool starts, not with the first password.
            Hasher::new(Recipe { cost, peppers: Vec::new() })
        });
        let password = Secret::new("correct horse battery staple".to_owned());
        let before = own_cpu_ns();
        for _ in 0..count {
            hasher.hash(&password, &SystemEntropy).unwrap();
        }
        println!("{}", (own_cpu_ns() - before) / 1_000);
    }
}

/// Time on a core, as the kernel's scheduler has counted it for this thread.
fn own_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}
