//! What `rustic_core` does not survive.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::*;
use crate::place::Place;
use crate::place::local::Local;
use crate::repository::{Missing, Part, Reading, Repo, asked};

/// A folder in which the piece that is read first is damaged, and every other comes late.
struct Late {
    local: Local,
    damaged: Mutex<Option<(String, u64)>>,
}

impl Place for Late {
    fn shown(&self) -> String {
        self.local.shown()
    }

    fn prepare(&self, folders: &[String]) -> Result<(), Error> {
        self.local.prepare(folders)
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, Error> {
        self.local.list(folder)
    }

    fn length(&self, name: &str) -> Result<Option<u64>, Error> {
        self.local.length(name)
    }

    fn read(&self, name: &str) -> Result<Bytes, Error> {
        self.local.read(name)
    }

    fn read_part(&self, name: &str, offset: u64, length: usize) -> Result<Bytes, Error> {
        let this = (name.to_owned(), offset);
        let is_damaged = *self.damaged.lock().unwrap().get_or_insert_with(|| this.clone()) == this;
        if is_damaged {
            return Ok(Bytes::from(vec![7; length]));
        }
        // Longer than `rustic_core` waits for its own threads.
        std::thread::sleep(Duration::from_secs(1));
        self.local.read_part(name, offset, length)
    }

    fn write(&self, name: &str, parts: &[Bytes]) -> Result<(), Error> {
        self.local.write(name, parts)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.local.remove(name)
    }

    fn is_far(&self) -> bool {
        false
    }
}

/// On a busy machine each look at a damaged folder ended the program, instead of naming the fault.
#[test]
fn a_library_that_gives_up_on_a_damaged_folder_ends_no_program_and_hides_no_fault() {
    let house = House::new(1);
    let target = house.at("target");
    for name in ["a", "b"] {
        std::fs::create_dir(house.at("shop").join(name)).unwrap();
        std::fs::write(house.at("shop").join(name).join("file"), name).unwrap();
    }
    let backups = house.backups(&target);
    house.run(&backups, 1).unwrap();
    let late = Late { local: Local::new(target.join("files")), damaged: Mutex::default() };
    let password = &backups.plan().password;
    let repo = Repo::open(Part::Files, Arc::new(late), password, Missing::Refuse, Bars::none()).unwrap();
    let faults = repo.check(Reading::All).unwrap();
    assert!(faults.len() > 1 && faults.iter().any(|fault| fault.contains("to its end")), "{faults:?}");
    let ended = asked("there", || -> Result<(), _> { panic!("as it does in its index.rs") });
    assert!(matches!(ended, Err(Error::Damaged(_))), "{ended:?}");
}
