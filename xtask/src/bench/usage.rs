//! What a tree of processes has used, as the kernel counts it.

use std::fs;

/// Clock ticks a second of `/proc/PID/stat`; the kernel's interface has fixed it at 100 (USER_HZ, proc(5)).
const TICKS: f64 = 100.0;

/// A process and all its descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        if let Some(parent) = field(&stat, 4).and_then(|parent| u32::try_from(parent).ok()) {
            parents.push((id, parent));
        }
    }
    let mut all = vec![root];
    let mut at = 0;
    while let Some(&parent) = all.get(at) {
        all.extend(parents.iter().filter(|(_, above)| *above == parent).map(|(id, _)| *id));
        at += 1;
    }
    all
}

/// A numbered field of proc(5); the name in the second one may hold anything, so counting begins behind it.
fn field(stat: &str, number: usize) -> Option<u64> {
    let rest = stat.get(stat.rfind(')')? + 1..)?;
    rest.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// User and system time of all of them, in seconds.
pub fn cpu_seconds(tree: &[u32]) -> f64 {
    let mut ticks = 0;
    for id in tree {
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        ticks += field(&stat, 14).unwrap_or_default() + field(&stat, 15).unwrap_or_default();
    }
    // Far below 2^52.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let seconds = ticks as f64 / TICKS;
    seconds
}

/// Proportional set size of all of them, in KB: shared pages count once.
pub fn pss_kb(tree: &[u32]) -> f64 {
    let mut sum = 0.0;
    for id in tree {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kb =
            line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse::<f64>().ok());
        sum += kb.unwrap_or_default();
    }
    sum
}

/// What a host took from this machine's cores since it began, and all that passed on them, both in ticks: proc_stat(5).
pub fn stolen_and_all() -> (f64, f64) {
    stolen_of(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// User, nice, system, idle, iowait, irq, softirq, steal; what follows is of guests and counted in the first two.
fn stolen_of(stat: &str) -> (f64, f64) {
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or_default(), ticks.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_took_is_the_eighth_number() {
        assert_eq!(stolen_of("cpu  10 1 5 80 0 0 1 3 9 9\ncpu0 1 1 1 1\n"), (3.0, 100.0));
        assert_eq!(stolen_of(""), (0.0, 0.0));
    }

    #[test]
    fn fields_are_counted_behind_the_name() {
        let stat = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 0 0 0 123 45 0 0 20 0 1 0 5";
        assert_eq!(field(stat, 4), Some(7));
        assert_eq!((field(stat, 14), field(stat, 15)), (Some(123), Some(45)));
        assert_eq!(field("no stat", 4), None);
    }

    #[test]
    fn the_own_process_is_seen() {
        let own = tree(std::process::id());
        assert!(own.contains(&std::process::id()));
        assert!(pss_kb(&own) > 100.0);
    }
}
