//! Password hashing, and nothing else.
//!
//! New passwords are hashed under the configured [`Scheme`] and stored as PHC strings
//! (`$id$parameters$salt$hash`, <https://github.com/P-H-C/phc-string-format>). A [`StoredHash`] is
//! any form that the table may hold: a PHC string, the form of a legacy record, or a hash imported from another system
//! (bcrypt, scrypt, any Argon2, Django, ASP.NET). [`Schemes`] checks a password at one cost, whatever is stored.
//! The floors of the schemes are those of the OWASP Password Storage Cheat Sheet.
//!
//! The caller provides the salts: this crate draws no randomness and reads no clock.

mod forms;
mod function;
mod legacy;
mod scheme;
mod schemes;
mod stored;

pub use legacy::{LegacyForm, LegacyHash};
pub use scheme::{InvalidScheme, Rounds, RoundsOutOfRange, Scheme};
pub use schemes::{FormerHash, Schemes, UnknownHash};
pub use stored::{Malformed, PasswordHash, StoredHash};

/// The length of the salt in a new hash. NIST SP 800-63B-4, 3.1.1.2 requires at least 4 bytes, the PHC
/// specification recommends 16.
pub const SALT_BYTES: usize = 16;

/// Hashes a password under a scheme.
///
/// The password is hashed as given: normalize Unicode before. Takes as long as the scheme requires, on purpose.
#[must_use]
pub fn hash(password: &[u8], salt: &[u8; SALT_BYTES], scheme: Scheme) -> PasswordHash {
    stored::encode(scheme, salt, &scheme.derive(password, salt))
}
