//! Passwords: what is accepted, and how they are hashed and checked.
//!
//! NIST SP 800-63B-4, 3.1.1.2 and OWASP ASVS 5.0, 6.2: all of Unicode, normalized to NFC, no composition
//! rules, no truncation, none that everybody would try.

mod breached;
mod guessable;

use crate::{Cause, Email, Entropy, Fault, Reason, Refusal};
pub use breached::is_breached;
use latchkey_salting::{PasswordHash, SALT_BYTES, Scheme, StoredHash};
use serde::Deserialize;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A password as it was typed.
#[derive(Clone, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// The longest password in bytes, as typed. ASVS 6.2.9 asks for at least 64 characters.
    pub const MAX_BYTES: usize = 1_024;

    /// Takes a password that is to be compared. An empty one is a malformed request.
    pub fn given(self) -> Result<Self, Refusal> {
        if self.0.is_empty() {
            return Err(Refusal::new(Reason::InvalidRequest));
        }
        self.within_limit()
    }

    fn within_limit(self) -> Result<Self, Refusal> {
        if self.0.len() > Self::MAX_BYTES { Err(Refusal::new(Reason::PasswordTooLong)) } else { Ok(self) }
    }

    /// The bytes that are hashed: the same for all ways of typing the same characters.
    fn normalized(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.nfc().collect::<String>().into_bytes())
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// A password that passed the policy.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

/// The policy for new passwords, and the work of hashing.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// What new passwords are hashed under.
    pub scheme: Scheme,
    /// The fewest characters of a new password.
    pub min_chars: usize,
    /// The service's name (`EXTERNAL_NAME`), which is no password for it.
    pub service: String,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { scheme: Scheme::default(), min_chars: Self::MIN_CHARS, service: String::new() }
    }
}

impl Passwords {
    /// The least that the minimum length can be set to: NIST SP 800-63B-4, 3.1.1.2 for a password that
    /// is one of several factors, ASVS 6.2.1 for any.
    pub const MIN_CHARS: usize = 8;

    /// Applies the policy to a new password for the account of this address.
    pub fn accept(&self, password: Password, email: &Email) -> Result<NewPassword, Refusal> {
        let password = password.within_limit()?;
        let normalized = Zeroizing::new(password.0.nfc().collect::<String>());
        // Characters as a person counts them, near enough: code points of the normalized text.
        if normalized.chars().count() < self.min_chars {
            return Err(Refusal::too_short(self.min_chars));
        }
        if guessable::is_guessable(&normalized, email, &self.service) {
            return Err(Refusal::new(Reason::PasswordTooCommon));
        }
        Ok(NewPassword(password))
    }

    /// Hashes a new password with a fresh salt.
    pub async fn hash(&self, password: &NewPassword, entropy: &impl Entropy) -> Result<PasswordHash, Fault> {
        self.hash_given(&password.0, entropy).await
    }

    /// Hashes a password that is in use already, whatever today's policy says of it.
    pub(crate) async fn hash_given(&self, password: &Password, entropy: &impl Entropy) -> Result<PasswordHash, Fault> {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let (password, scheme) = (password.normalized(), self.scheme);
        off_the_loop(move || latchkey_salting::hash(&password, &salt, scheme)).await
    }

    /// Whether a password made a stored hash. Without one it is verified against a decoy, along the same way, so that an
    /// unknown address takes as long as a known one.
    pub async fn check(&self, password: &Password, stored: Option<&StoredHash>) -> Result<bool, Fault> {
        let known = stored.is_some();
        let stored = self.or_decoy(stored);
        let bytes = if stored.is_of_normalized() {
            password.normalized()
        } else {
            Zeroizing::new(password.0.as_bytes().to_vec())
        };
        let scheme = self.scheme;
        let matches = off_the_loop(move || stored.matches(&bytes, scheme))
            .await?
            .map_err(|_malformed| Fault::Record(Cause::code("passwordHash")))?;
        Ok(matches && known)
    }

    fn or_decoy(&self, stored: Option<&StoredHash>) -> StoredHash {
        stored.cloned().unwrap_or_else(|| StoredHash::decoy(self.scheme))
    }
}

/// Runs what takes long beside the event loop, so that requests to other services go on meanwhile.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_panicked| Fault::Internal(Cause::code("hashing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str, min_chars: usize) -> Result<(), Reason> {
        let passwords = Passwords { min_chars, ..Passwords::default() };
        passwords.accept(text.into(), &ada()).map(drop).map_err(|refusal| refusal.reason())
    }

    fn ada() -> Email {
        Email::parse("ada@example.com").unwrap()
    }

    #[test]
    fn eight_characters_of_any_script_are_enough_by_default() {
        assert_eq!(accepted("aaaaaaa", 8), Err(Reason::PasswordTooShort));
        assert_eq!(accepted("aaaaaaab", 8), Ok(()));
        assert_eq!(accepted("日本語日本語日本", 8), Ok(()));
        assert_eq!(accepted("e\u{301}e\u{301}e\u{301}e\u{301}", 8), Err(Reason::PasswordTooShort));
    }

    #[test]
    fn a_password_has_at_most_1024_bytes() {
        assert_eq!(accepted(&"ä".repeat(512), 8), Ok(()));
        assert_eq!(accepted(&"ä".repeat(513), 8), Err(Reason::PasswordTooLong));
        assert!(Password::from(&*"a".repeat(1_025)).given().is_err());
        assert!(Password::from("").given().is_err());
    }

    #[test]
    fn a_common_password_is_refused_however_it_is_composed() {
        assert_eq!(accepted("password123", 8), Err(Reason::PasswordTooCommon));
        assert_eq!(accepted("ada@example.com", 8), Err(Reason::PasswordTooCommon));
    }

    #[test]
    fn spaces_count_and_are_kept() {
        assert_eq!(&*Password::from(" a b ").normalized(), b" a b ");
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(Password::from("jose\u{301}").normalized(), Password::from("jos\u{e9}").normalized());
    }

    #[test]
    fn two_hashes_of_one_password_have_nothing_in_common() {
        struct Counting(std::cell::Cell<u8>);
        impl Entropy for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                self.0.set(self.0.get() + 1);
                bytes.fill(self.0.get());
            }
        }
        let passwords = Passwords { scheme: Scheme::Argon2id, ..Passwords::default() };
        let (password, entropy) = (Password::from("correct horse"), Counting(std::cell::Cell::new(0)));
        wait_for(async {
            let first = passwords.hash_given(&password, &entropy).await.unwrap();
            let second = passwords.hash_given(&password, &entropy).await.unwrap();
            let parts = |hash: &PasswordHash| hash.as_str().rsplit('$').take(2).map(str::to_owned).collect::<Vec<_>>();
            assert!(parts(&first).iter().all(|part| !parts(&second).contains(part)));
        });
    }

    /// Runs to the end; how many times something was done beside the event loop.
    fn wait_for(work: impl Future<Output = ()>) -> usize {
        let threads = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let started = std::sync::Arc::clone(&threads);
        let event_loop = tokio::runtime::Builder::new_current_thread()
            .on_thread_start(move || {
                started.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            })
            .build()
            .unwrap();
        event_loop.block_on(work);
        drop(event_loop);
        threads.load(std::sync::atomic::Ordering::SeqCst)
    }

    #[test]
    fn a_password_for_no_account_is_checked_along_the_same_way_and_is_never_right() {
        let passwords = Passwords { scheme: Scheme::Argon2id, ..Passwords::default() };
        let password = Password::from("correct horse");
        let beside_the_loop = wait_for(async {
            assert_eq!(passwords.check(&password, None).await, Ok(false));
        });
        assert_eq!(beside_the_loop, 1, "a hash is computed");
        assert!(passwords.or_decoy(None) == StoredHash::decoy(Scheme::Argon2id));
        let stored = StoredHash::decoy(Scheme::default());
        assert!(passwords.or_decoy(Some(&stored)) == stored);
    }

    #[test]
    fn a_hash_of_another_system_gets_the_password_as_it_was_typed() {
        // Of `Zoe\u{308} likes tea`, by `hashlib` of Python.
        const DJANGO: &str = "pbkdf2_sha256$1000$seasalt$xHzmGcCyTRmAY682ODPe0Y0+b+ioc7liGqjbb4FYrf4=";
        let stored = StoredHash::Encoded(PasswordHash::from_stored(DJANGO.to_owned()));
        let passwords = Passwords { scheme: Scheme::Argon2id, ..Passwords::default() };
        wait_for(async {
            assert_eq!(passwords.check(&"Zoe\u{308} likes tea".into(), Some(&stored)).await, Ok(true));
            assert_eq!(passwords.check(&"Zo\u{eb} likes tea".into(), Some(&stored)).await, Ok(false));
        });
    }

    #[test]
    fn a_password_is_not_printed_by_debug() {
        let new = Passwords::default().accept("correct horse".into(), &ada()).unwrap();
        assert_eq!(format!("{new:?}"), "NewPassword(Password([redacted]))");
    }
}
