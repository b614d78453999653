//! Looking on while a member of staff signs in at the shop: put together, served, ended.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use storeward_edge::Shared;
use storeward_edge::asking::{Desk, questions};
use storeward_host::{OwnPages, SessionStage, Stop};
use storeward_identity::Identity;
use storeward_identity::teach::{Keep, Teach, TeachParts};

use crate::Done;
use crate::config::Config;
use crate::data;
use crate::failure::Context;
use crate::open::Opened;

/// Of a file, when it is looked for what it is.
const FIRST_LINE_BYTES: u64 = 256;

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
        keep: keep_in(dir),
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

/// Files of adapters in the data directory. What was laid down and never placed is written over by the next of that name.
fn keep_in(dir: PathBuf) -> Keep {
    let laid = |dir: &Path, file: &str| dir.join(format!("{file}.laid"));
    let (beside, shelf, bin) = (dir.clone(), dir.clone(), dir.clone());
    Keep {
        list: Arc::new(move || adapters_in(&shelf)),
        take: Arc::new(move |file| {
            match std::fs::remove_file(bin.join(file)) {
                Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                done => done?,
            }
            File::open(&bin)?.sync_all()?;
            Ok(true)
        }),
        lay: Arc::new(move |file, text| {
            if beside.join(file).exists() {
                return Ok(false);
            }
            let written = data::write_atomically(&laid(&beside, file), text.as_bytes());
            written.map(|()| true).map_err(|failure| std::io::Error::other(failure.to_string()))
        }),
        place: Arc::new(move |file| {
            let laid = laid(&dir, file);
            // Unlike a rename it takes no file's place.
            let placed = match std::fs::hard_link(&laid, dir.join(file)) {
                Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => false,
                done => done.map(|()| true)?,
            };
            std::fs::remove_file(&laid)?;
            File::open(&dir)?.sync_all()?;
            Ok(placed)
        }),
    }
}

/// Names and first lines of the directory's TOML files, at most a hundred. What cannot be read is left out.
fn adapters_in(dir: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)?.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // The config itself holds what is nobody's business here, and is none.
        if !name.ends_with(".toml") || name == "storeward.toml" || found.len() >= 100 {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        let mut first = Vec::new();
        if BufReader::new(file.take(FIRST_LINE_BYTES)).read_until(b'\n', &mut first).is_ok() {
            found.push((name, String::from_utf8_lossy(&first).into_owned()));
        }
    }
    Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_there_once_it_is_placed_and_takes_no_others_place() {
        let dir = tempfile::tempdir().unwrap();
        let keep = keep_in(dir.path().to_owned());
        let file = dir.path().join("kiln.toml");
        assert!((keep.lay)("kiln.toml", "one").unwrap() && !file.exists());
        assert!((keep.lay)("kiln.toml", "two").unwrap(), "nobody placed the first");
        assert!((keep.place)("kiln.toml").unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "and nothing beside it");
        assert!(!(keep.lay)("kiln.toml", "three").unwrap());
        // Two at once: the second finds the place taken.
        assert!((keep.lay)("own.toml", "one").unwrap());
        std::fs::write(dir.path().join("own.toml"), "another's").unwrap();
        assert!(!(keep.place)("own.toml").unwrap());
        assert_eq!(std::fs::read_to_string(dir.path().join("own.toml")).unwrap(), "another's");
        assert!((keep.place)("none.toml").is_err());
        std::fs::remove_file(dir.path().join("own.toml.laid")).ok();
        std::fs::write(dir.path().join("storeward.toml"), "# [mail] password").unwrap();
        std::fs::write(dir.path().join("long.toml"), "x".repeat(9_000)).unwrap();
        let mut listed = (keep.list)().unwrap();
        listed.sort();
        let names: Vec<_> = listed.iter().map(|(name, first)| (name.as_str(), first.len())).collect();
        assert_eq!(names, [("kiln.toml", 3), ("long.toml", 256), ("own.toml", 9)]);
        assert!((keep.take)("kiln.toml").unwrap() && !file.exists());
        assert!(!(keep.take)("kiln.toml").unwrap(), "once");
    }
}
