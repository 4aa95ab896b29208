//! How far an import is, in a file beside the users' file, so that one that was stopped goes on.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The size of the users' file in bytes: another size is another file.
    pub file_bytes: u64,
    /// How many of its lines are done, from the first.
    pub lines: u64,
    /// How many accounts are in the table now that were not before.
    pub written: u64,
    /// How many were in the table already, by an earlier import.
    pub again: u64,
    /// How many were refused. The report says which, and why.
    pub refused: u64,
}

impl Progress {
    /// Where the progress of a users' file is kept.
    #[must_use]
    pub fn path(users: &Path) -> PathBuf {
        beside(users, "progress")
    }

    /// What an earlier run left; nothing if there was none.
    pub fn read(users: &Path) -> io::Result<Option<Self>> {
        match std::fs::read_to_string(Self::path(users)) {
            Ok(text) => Ok(serde_json::from_str(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the file at once, so that a run that is stopped meanwhile leaves the old one or the new one.
    pub fn write(&self, users: &Path) -> io::Result<()> {
        let new = beside(users, "progress.new");
        std::fs::write(&new, serde_json::to_string(self)?)?;
        std::fs::rename(new, Self::path(users))
    }
}

/// A file with the same name and one more ending.
pub(crate) fn beside(users: &Path, ending: &str) -> PathBuf {
    let mut name = users.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
