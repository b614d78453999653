//! `storeward reload`: the config is looked at, the running program is told, and it is seen to have happened.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Done;
use crate::config::Config;
use crate::data::DataDir;
use crate::failure::Failure;

pub fn reload(dir: &Path) -> Done {
    let data = DataDir::open(dir)?;
    let pid = data.running_pid()?.ok_or_else(|| {
        Failure::new(format!("no Storeward runs with {}", dir.display()))
            .hint("start it with `storeward run`, or name the right folder with --dir")
    })?;
    let loaded = Config::load(dir).and_then(|loaded| loaded.config.validate().map(|()| loaded));
    // A config that is refused here is refused by the running one, too: it writes that down.
    rustix::process::kill_process(pid, rustix::process::Signal::HUP)
        .map_err(|e| Failure::new(format!("cannot signal process {}: {e}", pid.as_raw_nonzero())))?;
    let loaded = loaded?;
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        match data.state()? {
            Some(state) if state.config == loaded.fingerprint => {
                println!("The config is in force.");
                return Ok(());
            }
            Some(state) if state.refused.as_ref().is_some_and(|r| r.config == loaded.fingerprint) => {
                let why = state.refused.map(|r| r.why).unwrap_or_default();
                return Err(Failure::new(format!("the running Storeward refused the config: {why}"))
                    .hint("the config before stays in force; mend this and reload again"));
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    Err(Failure::new("the running Storeward did not say within 10 seconds that the config is in force")
        .hint("look at its log"))
}
