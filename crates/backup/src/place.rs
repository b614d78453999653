//! A place that keeps files whole: the one thing that a target has to be.

pub(crate) mod local;
pub(crate) mod s3;
pub(crate) mod sftp;

#[cfg(test)]
pub(crate) mod tests;

use bytes::Bytes;

use crate::Error;

/// What a file in a place is called: parts joined by `/`, of our own making.
pub(crate) type Name<'a> = &'a str;

/// Files that are written once and are there whole or not at all.
pub(crate) trait Place: Send + Sync + 'static {
    /// For people; no password.
    fn shown(&self) -> String;

    /// Makes what the repository needs before its first file.
    fn prepare(&self, folders: &[String]) -> Result<(), Error>;

    /// The files of a folder and of the folders in it, by the last part of their names, with their lengths. Nothing where the
    /// folder is not there.
    fn list(&self, folder: Name<'_>) -> Result<Vec<(String, u64)>, Error>;

    /// The length of a file; `None` where it is not there.
    fn length(&self, name: Name<'_>) -> Result<Option<u64>, Error>;

    fn read(&self, name: Name<'_>) -> Result<Bytes, Error>;

    fn read_part(&self, name: Name<'_>, offset: u64, length: usize) -> Result<Bytes, Error>;

    /// Durable once it returns.
    fn write(&self, name: Name<'_>, parts: &[Bytes]) -> Result<(), Error>;

    /// No error where it is gone already.
    fn remove(&self, name: Name<'_>) -> Result<(), Error>;

    /// Whether each call is a trip over a network, so that fewer and larger ones are better.
    fn is_far(&self) -> bool;
}

/// A folder of a place, as if it were all there is.
pub(crate) struct Within {
    place: std::sync::Arc<dyn Place>,
    folder: &'static str,
}

impl Within {
    pub(crate) fn new(place: std::sync::Arc<dyn Place>, folder: &'static str) -> Self {
        Within { place, folder }
    }

    fn full(&self, name: Name<'_>) -> String {
        format!("{}/{name}", self.folder)
    }
}

impl Place for Within {
    fn shown(&self) -> String {
        format!("{}/{}", self.place.shown().trim_end_matches('/'), self.folder)
    }

    fn prepare(&self, folders: &[String]) -> Result<(), Error> {
        let all: Vec<String> = folders.iter().map(|folder| self.full(folder)).collect();
        self.place.prepare(&all)
    }

    fn list(&self, folder: Name<'_>) -> Result<Vec<(String, u64)>, Error> {
        self.place.list(&self.full(folder))
    }

    fn length(&self, name: Name<'_>) -> Result<Option<u64>, Error> {
        self.place.length(&self.full(name))
    }

    fn read(&self, name: Name<'_>) -> Result<Bytes, Error> {
        self.place.read(&self.full(name))
    }

    fn read_part(&self, name: Name<'_>, offset: u64, length: usize) -> Result<Bytes, Error> {
        self.place.read_part(&self.full(name), offset, length)
    }

    fn write(&self, name: Name<'_>, parts: &[Bytes]) -> Result<(), Error> {
        self.place.write(&self.full(name), parts)
    }

    fn remove(&self, name: Name<'_>) -> Result<(), Error> {
        self.place.remove(&self.full(name))
    }

    fn is_far(&self) -> bool {
        self.place.is_far()
    }
}
