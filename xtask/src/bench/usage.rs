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

#[cfg(test)]
mod tests {
    use super::*;

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
