//! How threads that work beside the serving ones are scheduled.

/// The thread that calls this takes no core from one that serves at the moment in which it is woken: Linux looks whom to prefer when
/// somebody wakes, and may put the thread that woke another off in its favour; a thread of `SCHED_BATCH` waits for the next tick or
/// for a free core (sched(7)). Its part of the time stays what its nice value, which is given, says. Elsewhere, and without leave,
/// nothing changes.
pub fn wake_behind_others(nice: i32) {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{NormalThreadSchedulePolicy, ThreadSchedulePolicy};
        use thread_priority::{ThreadPriority, ThreadPriorityValue};
        let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
        // The crate reckons nice values 19 to -20 as 0 to 99; the middle of what it rounds down to one.
        let hundredths = (18.5 - f64::from(nice.clamp(-20, 19))) * 99.0 / 39.0;
        let value = (0..=99u8).take_while(|value| f64::from(*value) < hundredths).last().unwrap_or(0);
        let Ok(value) = ThreadPriorityValue::try_from(value) else { return };
        let own = thread_priority::unix::thread_native_id();
        // A nice value below the thread's own is not to be had; the policy is, all the same.
        let _ =
            thread_priority::set_thread_priority_and_policy(own, ThreadPriority::Crossplatform(value), batch);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    /// Nice value and policy of the thread that asks (proc(5): fields 19 and 41 of stat).
    fn own() -> (i32, u32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields: Vec<_> = stat[stat.rfind(')').unwrap() + 1..].split_whitespace().collect();
        (fields[16].parse().unwrap(), fields[38].parse().unwrap())
    }

    #[test]
    fn a_thread_wakes_behind_others_with_the_nice_value_it_had() {
        for more in [0, 3, 5] {
            let seen = std::thread::spawn(move || {
                let (before, _) = own();
                let nice = (before + more).min(19);
                super::wake_behind_others(nice);
                (nice, own())
            });
            let (nice, (now, policy)) = seen.join().unwrap();
            // sched(7): 3 is SCHED_BATCH.
            assert_eq!((now, policy), (nice, 3));
        }
        assert_ne!(own().1, 3, "nobody else is");
    }
}
