//! Looking on while a member of staff signs in at the shop: put together, served, ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use storeward_edge::Shared;
use storeward_edge::asking::{Desk, questions};
use storeward_host::{OwnPages, SessionStage, Stop};
use storeward_identity::Identity;
use storeward_identity::teach::{Teach, TeachParts};

use crate::Done;
use crate::config::Config;
use crate::data;
use crate::failure::Context;
use crate::open::Opened;

/// At work, where customers have accounts.
pub struct Standing {
    pub teach: Teach,
    in_force: Arc<ArcSwap<Option<String>>>,
    desk: Mutex<Option<Desk>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    public_port: Option<u16>,
}

/// With its pages among those that there are.
pub fn start(
    opened: &Opened,
    identity: Option<&Identity>,
    own: Option<OwnPages>,
) -> Done<(Option<Standing>, Option<OwnPages>)> {
    let (Some(identity), Some(own)) = (identity, own.clone()) else { return Ok((None, own)) };
    let config = &opened.loaded.config;
    let (shop, desk) = questions();
    let in_force = Arc::new(ArcSwap::from_pointee(adapter_of(config)));
    let (dir, told) = (opened.data.path().to_owned(), in_force.clone());
    let teach = Teach::new(TeachParts {
        identity: identity.clone(),
        shop: Arc::new(shop),
        keep: Arc::new(move |file, text| {
            let path = dir.join(file);
            if path.exists() {
                return Ok(false);
            }
            let written = data::write_atomically(&path, text.as_bytes());
            written.map(|()| true).map_err(|failure| std::io::Error::other(failure.to_string()))
        }),
        in_force: Arc::new(move || told.load().as_ref().clone()),
    });
    let own = teach.answer(own).context("the pages that teach")?;
    let standing = Standing {
        teach,
        in_force,
        desk: Mutex::new(Some(desk)),
        thread: Mutex::default(),
        public_port: config.listen.public_port,
    };
    Ok((Some(standing), Some(own)))
}

fn adapter_of(config: &Config) -> Option<String> {
    config.shield.as_ref().map(|section| section.adapter.clone())
}

impl Standing {
    pub fn stage(&self) -> Arc<dyn SessionStage> {
        Arc::new(self.teach.clone())
    }

    /// Everything serves, and where is known.
    pub fn began(&self, port: u16, console: &str, shared: &Arc<Shared>, stop: &Stop) {
        self.teach.began(self.public_port.unwrap_or(port), console);
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner).take();
        match desk.map(|desk| desk.serve(shared.clone(), stop.clone())).transpose() {
            Ok(thread) => *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = thread,
            // What was learnt cannot be tried then; whoever tries is told that the shop does not answer.
            Err(error) => crate::run::log("error", &format!("questions to the shop: {error}"), &[]),
        }
    }

    /// Takes a changed config.
    pub fn reload(&self, config: &Config) {
        self.in_force.store(Arc::new(adapter_of(config)));
    }

    /// After the stop.
    pub fn finish(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has said so.
        let _ = thread.map(JoinHandle::join);
    }
}
