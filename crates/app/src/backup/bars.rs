//! How far a backup is: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use storeward_backup::{Bars, Step};

#[derive(Default)]
struct State {
    what: String,
    /// What the line shows, so that it is written only where something changed.
    shown: u64,
}

/// Bars on standard error.
pub fn bars() -> Bars {
    let is_terminal = std::io::stderr().is_terminal();
    let state = Arc::new(Mutex::new(State::default()));
    Bars::new(move |step| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = std::io::stderr();
        // A terminal that cannot be written shows nothing; the backup goes on.
        let _ = match step {
            Step::Began(what) => {
                what.clone_into(&mut state.what);
                state.shown = 0;
                if is_terminal { write!(out, "\r\x1b[K{what} …") } else { writeln!(out, "{what} …") }
            }
            Step::Bytes { done, of } if is_terminal && done.abs_diff(state.shown) >= 256 * 1024 => {
                state.shown = done;
                write!(out, "\r\x1b[K{}", line(&state.what, done, of))
            }
            Step::Bytes { .. } => Ok(()),
            Step::Ended if is_terminal => write!(out, "\r\x1b[K"),
            Step::Ended => Ok(()),
        };
        let _ = out.flush();
    })
}

fn line(what: &str, done: u64, of: u64) -> String {
    if of == 0 {
        return format!("{what} {}", size(done));
    }
    let filled = usize::try_from(done.saturating_mul(40) / of).unwrap_or(40).min(40);
    format!("[{}{}] {what} {} of {}", "█".repeat(filled), "·".repeat(40 - filled), size(done), size(of))
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut unit) = (bytes / 100, 0);
    while whole >= 10_000 && unit + 1 < UNITS.len() {
        whole /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", whole / 10, whole % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (999_949, "999.9 kB"), (24_700_000, "24.7 MB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "18446744.0 TB");
        assert!(line("reading", 5, 10).starts_with(&format!("[{}·", "█".repeat(20))));
        assert_eq!(line("reading", 5, 0), "reading 5 B");
        assert!(line("reading", 50, 10).contains(&"█".repeat(40)));
    }
}
