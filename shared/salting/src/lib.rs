//! Password hashing, and nothing else.
//!
//! A new password is hashed under the configured [`Scheme`] and kept as a PHC string
//! (`$id$parameters$salt$hash`, <https://github.com/P-H-C/phc-string-format>). A [`StoredHash`] is
//! whatever the table holds: that, the form of the SampleAuth sample, or a hash that the owner brought from another
//! system (bcrypt, scrypt, any Argon2, Django, ASP.NET).
//! The floors of the schemes are those of the OWASP Password Storage Cheat Sheet.
//!
//! Salts come in from outside: this crate draws no randomness and reads no clock.

mod forms;
mod function;
mod sample;
mod scheme;
mod stored;

pub use sample::SampleHash;
pub use scheme::{Rounds, RoundsOutOfRange, Scheme};
pub use stored::{Malformed, PasswordHash, StoredHash};

/// Bytes of salt in a new hash. NIST SP 800-63B-4, 3.1.1.2 asks for at least 4, the PHC
/// specification recommends 16.
pub const SALT_BYTES: usize = 16;

/// Hashes a password under a scheme.
///
/// The password goes in as the bytes that are to be compared later: whoever normalizes Unicode does it
/// before. Takes as long as the scheme asks for, on purpose.
#[must_use]
pub fn hash(password: &[u8], salt: &[u8; SALT_BYTES], scheme: Scheme) -> PasswordHash {
    stored::encode(scheme, salt, &scheme.derive(password, salt))
}
