//! The gates from `[[gate]]`: checked, put together, served.

use std::sync::Arc;

use storeward_console::entrance::{Entrance, EntranceParts};
use storeward_gate::{Gate, GateParts, GateSection};
use storeward_host::{OwnPages, SessionStage};
use storeward_oidc::{Keys, KeysParts, Ring};

use crate::Done;
use crate::config::Config;
use crate::failure::{Context, Failure};
use crate::open::Opened;

/// The gates at work.
#[derive(Clone)]
pub struct Standing {
    pub gate: Gate,
    /// What the console has to know of them.
    pub entrance: Entrance,
    public_port: Option<u16>,
}

impl Standing {
    /// What has to be there before changed sections are in force.
    pub fn prepare(&self, config: &Config) -> Done {
        prepare(&self.gate, config)
    }

    /// Takes changed sections.
    pub fn reload(&self, config: &Config) {
        self.gate.set_sections(&config.gates);
    }

    /// Everything serves: at this port, unless clients come by another.
    pub fn began(&self, port: u16, console: &str) {
        self.gate.began(self.public_port.unwrap_or(port), console);
    }
}

/// Refuses sections that do not fit.
pub fn check(config: &Config) -> Done {
    match GateSection::check(&config.gates, &config.domain.list()).first() {
        Some(fault) => Err(Failure::new(fault.to_string()).hint("see docs/gate.md for what [[gate]] needs")),
        None => Ok(()),
    }
}

/// What works, and yet hardly as it was meant.
pub fn doubt(config: &Config) -> Option<String> {
    let console = &config.console;
    let is_hidden = console.listen.ip().is_loopback() && console.names.is_empty();
    (!config.gates.is_empty() && is_hidden).then(|| {
        "[[gate]] leads staff to the console to sign in, and that answers on this machine only: set \
         console.listen and console.names to where they reach it"
            .to_owned()
    })
}

/// The gates, and the pages with their own among them. Where there are pages of ours anyway they are put together without a
/// section, too, so that the first one needs no restart.
pub fn start(opened: &Opened, own: Option<OwnPages>) -> Done<(Option<Standing>, Option<OwnPages>)> {
    let config = &opened.loaded.config;
    if config.gates.is_empty() && own.is_none() {
        return Ok((None, own));
    }
    let entrance = Entrance::new(EntranceParts {
        db: opened.db.clone(),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        doors: config.gates.iter().map(GateSection::door).collect(),
    });
    let gate = Gate::new(GateParts {
        sections: config.gates.clone(),
        entrance: entrance.clone(),
        keys: Keys::new(KeysParts {
            ring: Ring::Gate,
            db: opened.db.clone(),
            clock: opened.clock.clone(),
            entropy: opened.entropy.clone(),
            data_key: opened.data_key.clone(),
        }),
        clock: opened.clock.clone(),
        entropy: opened.entropy.clone(),
        data_key: opened.data_key.clone(),
        shop_names: config.domain.list(),
    });
    prepare(&gate, config)?;
    let own = gate.answer(own).context("[[gate]]")?;
    let public_port = config.listen.public_port;
    Ok((Some(Standing { gate, entrance, public_port }), Some(own)))
}

/// The keys that sign what a gate says; none where there is no gate.
fn prepare(gate: &Gate, config: &Config) -> Done {
    if config.gates.is_empty() {
        return Ok(());
    }
    crate::oidc::finished(gate.prepare())?
        .map_err(|failure| Failure::new(format!("the keys that sign what the gate says: {}", failure.code())))
}

/// The gates before whatever else stands between client and shop.
pub fn stage(
    standing: Option<&Standing>,
    shield: Option<Arc<dyn SessionStage>>,
) -> Option<Arc<dyn SessionStage>> {
    let gate = standing.map(|standing| Arc::new(standing.gate.clone()) as Arc<dyn SessionStage>);
    storeward_host::Chain::of(gate, shield)
}
