//! Runs the stand-ins alone: `emulators [--stripe ADDRESS] [--paypal ADDRESS] [--control ADDRESS] [--live] [--seed NUMBER]`.
//! Prints one line of JSON with the addresses and keys, and ends with Ctrl-C.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use storeward_emulators::{Emulators, Mode, Options};

const USAGE: &str = "usage: emulators [--stripe 127.0.0.1:0] [--paypal 127.0.0.1:0] [--control 127.0.0.1:0] [--live] [--seed 1]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(options) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match Emulators::start(options).await {
        Ok(emulators) => {
            let addresses = emulators.control.addresses();
            let line = serde_json::json!({ "control": emulators.control_address, "providers": addresses });
            // Whoever reads no further than this line may be gone.
            let _unread = writeln!(std::io::stdout(), "{line}");
            let _cannot_listen = tokio::signal::ctrl_c().await;
            emulators.stop().await;
            ExitCode::SUCCESS
        }
        Err(cause) => {
            eprintln!("emulators: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--stripe" => options.stripe = arguments.next()?.parse().ok()?,
            "--paypal" => options.paypal = arguments.next()?.parse().ok()?,
            "--control" => options.control = arguments.next()?.parse().ok()?,
            "--live" => options.mode = Mode::Live,
            "--seed" => options.seed = arguments.next()?.parse().ok()?,
            _ => return None,
        }
    }
    Some(options)
}
