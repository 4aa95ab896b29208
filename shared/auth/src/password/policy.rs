//! The policy for new passwords: length, and what everybody would try first.
//!
//! NIST SP 800-63B-4, 3.1.1.2 and OWASP ASVS 5.0, 6.2.

use super::{Password, blocklist};
use crate::account::email::Email;
use crate::refusal::{Reason, Refusal};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password that passed the policy.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

impl NewPassword {
    /// The password itself.
    pub(crate) fn as_password(&self) -> &Password {
        &self.0
    }
}

/// Which new passwords are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The fewest characters of a new password (`PASSWORD_MIN_LENGTH`).
    pub min_chars: usize,
    /// The service name (`EXTERNAL_NAME`), which makes no good password.
    pub service: String,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars: Self::MIN_CHARS, service: String::new() }
    }
}

impl PasswordPolicy {
    /// The lowest minimum length that can be configured. ASVS 6.2.1 accepts it for any password. NIST SP 800-63B-4, 3.1.1.2
    /// accepts it only beside a second factor, and asks for 15 characters where a password is all there is.
    pub const MIN_CHARS: usize = 8;

    /// Applies the policy to a new password for the account of this address.
    pub fn accept(&self, password: Password, email: &Email) -> Result<NewPassword, Refusal> {
        let password = password.within_limit()?;
        let normalized = Zeroizing::new(password.0.nfc().collect::<String>());
        // Code points of the normalized text are close enough to characters as people count them.
        if normalized.chars().count() < self.min_chars {
            return Err(Refusal::too_short(self.min_chars));
        }
        if blocklist::is_blocked(&normalized, email, &self.service) {
            return Err(Refusal::new(Reason::PasswordTooCommon));
        }
        Ok(NewPassword(password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str, min_chars: usize) -> Result<(), Reason> {
        let policy = PasswordPolicy { min_chars, ..PasswordPolicy::default() };
        policy.accept(text.into(), &ada()).map(drop).map_err(|refusal| refusal.reason())
    }

    fn ada() -> Email {
        Email::parse("ada@example.com").unwrap()
    }

    #[test]
    fn eight_characters_of_any_script_are_enough_by_default() {
        assert_eq!(accepted("aaaaaaa", 8), Err(Reason::PasswordTooShort));
        assert_eq!(accepted("own pass", 8), Ok(()));
        assert_eq!(accepted("日本語を学ぶ人々", 8), Ok(()));
        assert_eq!(accepted("e\u{301}e\u{301}e\u{301}e\u{301}", 8), Err(Reason::PasswordTooShort));
    }

    #[test]
    fn a_password_has_at_most_1024_bytes() {
        let long = "a lane of poplars and one of elms ".repeat(31);
        assert_eq!(accepted(&long[..1_024], 8), Ok(()));
        assert_eq!(accepted(&long[..1_025], 8), Err(Reason::PasswordTooLong));
        assert!(Password::from(&*"a".repeat(1_025)).given().is_err());
        assert!(Password::from("").given().is_err());
    }

    #[test]
    fn a_common_password_is_refused_however_it_is_composed() {
        assert_eq!(accepted("password123", 8), Err(Reason::PasswordTooCommon));
        assert_eq!(accepted("aaaaaaaa", 8), Err(Reason::PasswordTooCommon));
        assert_eq!(accepted("87654321", 8), Err(Reason::PasswordTooCommon));
        assert_eq!(accepted("ada@example.com", 8), Err(Reason::PasswordTooCommon));
    }

    #[test]
    fn a_password_is_not_printed_by_debug() {
        let new = PasswordPolicy::default().accept("correct horse".into(), &ada()).unwrap();
        assert_eq!(format!("{new:?}"), "NewPassword(Password([redacted]))");
    }
}
