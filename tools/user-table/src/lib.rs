//! Looks through the user table as a whole.
//!
//! The samples stored an address as it was typed. Latchkey looks accounts up by the canonical address, so a record under any other
//! key is moved. Where two records claim one address, neither is touched, and the owner is told.

use latchkey_auth::{Email, Fault};
use latchkey_dynamodb::{DynamoUsers, Moved};
use latchkey_salting::{FormerHash, StoredHash};
use std::collections::BTreeMap;
use std::fmt;

/// What was found in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Records that are to be moved: the key, and the address that it should be.
    pub moves: Vec<(String, Email)>,
    /// The keys that claim one address, by address. None of them is moved.
    pub collisions: BTreeMap<String, Vec<String>>,
    /// Keys that are no address which Latchkey accepts. Their owners cannot log in.
    pub unusable: Vec<String>,
    /// How many records have a hash of each kind that Latchkey or a sample makes.
    pub hashes: BTreeMap<String, u64>,
}

/// The keys of a table, sorted out as they are read.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The keys that are not canonical, by the address that they should be.
    misplaced: BTreeMap<Email, Vec<String>>,
    unusable: Vec<String>,
    hashes: BTreeMap<String, u64>,
}

impl Keys {
    /// Takes the key and the hash of one account.
    pub fn add(&mut self, key: &str, password: Option<&StoredHash>) {
        match Email::parse(key) {
            Ok(email) if email.as_str() == key => {}
            Ok(email) => self.misplaced.entry(email).or_default().push(key.to_owned()),
            Err(_) => self.unusable.push(key.to_owned()),
        }
        if let Some(kind) = password.and_then(StoredHash::kind) {
            *self.hashes.entry(kind.to_string()).or_default() += 1;
        }
    }

    /// Tells moves from collisions. `is_there` says whether an address that other keys should be has an account already.
    fn sort_out(self, is_there: &[bool]) -> Findings {
        let mut findings = Findings { unusable: self.unusable, hashes: self.hashes, ..Findings::default() };
        for ((email, mut keys), is_there) in self.misplaced.into_iter().zip(is_there) {
            if *is_there || keys.len() > 1 {
                if *is_there {
                    keys.insert(0, email.as_str().to_owned());
                }
                findings.collisions.insert(email.as_str().to_owned(), keys);
            } else {
                findings.moves.extend(keys.pop().map(|key| (key, email)));
            }
        }
        findings
    }
}

/// Reads the whole table and changes nothing.
pub async fn look(table: &DynamoUsers) -> Result<Findings, Fault> {
    let mut keys = Keys::default();
    table.scan_accounts(|key, password| keys.add(key, password)).await?;
    let mut is_there = Vec::new();
    for email in keys.misplaced.keys() {
        is_there.push(table.has_key(email.as_str()).await?);
    }
    Ok(keys.sort_out(&is_there))
}

/// How often a record is read again that changes while it is moved.
const TRIES: usize = 5;

/// Moves what [`look`] finds, and returns what it left: collisions and unusable keys. The moves in the result were made.
pub async fn move_keys(table: &DynamoUsers) -> Result<Findings, Fault> {
    let mut findings = look(table).await?;
    let mut made = Vec::new();
    for (key, email) in std::mem::take(&mut findings.moves) {
        let mut moved = Moved::Changed;
        for _ in 0..TRIES {
            moved = table.move_account(&key, &email).await?;
            if moved != Moved::Changed {
                break;
            }
        }
        match moved {
            Moved::Moved => made.push((key, email)),
            Moved::Gone => {}
            // Somebody signed up with the address in the meantime, or the record did not stand still: the next run looks again.
            Moved::Taken | Moved::Changed => {
                findings.collisions.insert(email.as_str().to_owned(), vec![email.as_str().to_owned(), key]);
            }
        }
    }
    findings.moves = made;
    Ok(findings)
}

/// How many accounts have a hash of one of these kinds.
pub async fn remaining(table: &DynamoUsers, kinds: &[FormerHash]) -> Result<u64, Fault> {
    let mut count = 0;
    table
        .scan_accounts(|_, password| {
            if password.is_some_and(|password| kinds.iter().any(|kind| kind.holds(password))) {
                count += 1;
            }
        })
        .await?;
    Ok(count)
}

/// A line for each finding: what it is, and the keys, with tabs between them. Whatever could break a line is escaped.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, email) in &self.moves {
            writeln!(f, "move\t{}\t{}", key.escape_debug(), email.as_str())?;
        }
        for keys in self.collisions.values() {
            let keys: Vec<_> = keys.iter().map(|key| key.escape_debug().to_string()).collect();
            writeln!(f, "collision\t{}", keys.join("\t"))?;
        }
        for key in &self.unusable {
            writeln!(f, "unusable\t{}", key.escape_debug())?;
        }
        for (kind, count) in &self.hashes {
            writeln!(f, "hash\t{kind}\t{count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_salting::LegacyHash;

    fn found(keys: &[&str], there: &[bool]) -> Findings {
        let mut sorted = Keys::default();
        for key in keys {
            sorted.add(key, None);
        }
        sorted.sort_out(there)
    }

    #[test]
    fn a_key_that_differs_from_its_address_by_case_is_moved_unless_another_claims_the_address() {
        let keys = ["ada@example.com", "Grace@Example.com", "Kurt@example.com", "KURT@example.com", "Ada@example.com"];
        // In the order of the addresses: ada, grace, kurt.
        let findings = found(&keys, &[true, false, false]);
        assert_eq!(
            findings.to_string(),
            "move\tGrace@Example.com\tgrace@example.com\n\
             collision\tada@example.com\tAda@example.com\n\
             collision\tKurt@example.com\tKURT@example.com\n"
        );
    }

    #[test]
    fn a_key_that_is_no_address_is_reported_on_one_line() {
        let findings = found(&["jos\u{e9}@example.com", "a\n@b", " ada@example.com"], &[false]);
        assert_eq!(
            findings.to_string(),
            "move\t ada@example.com\tada@example.com\nunusable\tjos\u{e9}@example.com\nunusable\ta\\n@b\n"
        );
    }

    #[test]
    fn hashes_are_counted_by_kind() {
        let record = include_str!("../../../shared/salting/tests/lambdauth_records.txt").lines().next().unwrap();
        let [_, _, _, salt, hash, _] = record.split('\t').collect::<Vec<_>>()[..] else { panic!("{record}") };
        let older = StoredHash::Legacy(LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() });
        let (salt, hash) =
            include_str!("../../../shared/salting/tests/sample_vector.txt").trim().split_once('\n').unwrap();
        let newer = StoredHash::Legacy(LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() });
        let mut keys = Keys::default();
        for (key, password) in [("a@example.com", &older), ("b@example.com", &older), ("c@example.com", &newer)] {
            keys.add(key, Some(password));
        }
        assert_eq!(keys.sort_out(&[]).to_string(), "hash\tlambdauth:128\t2\nhash\tsampleauth\t1\n");
    }
}
