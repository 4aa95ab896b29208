//! Passwords that were published in breaches (OWASP ASVS 5.0, 6.2.12), looked up by k-anonymity: the service gets the first
//! twenty bits of the SHA-1 of a password, and never the password.

use super::policy::NewPassword;
use crate::audit::{AuditTrail, Step};
use crate::services::CompromisedPasswords;
use sha1::{Digest, Sha1};
use std::fmt::Write;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The number of hexadecimal digits that are sent.
const PREFIX: usize = 5;

/// Returns true if the service knows this password. A service that does not answer keeps nobody from signing up; the
/// audit trail notes that the password was not checked.
pub async fn is_compromised(
    password: &NewPassword,
    services: &impl CompromisedPasswords,
    audit: &AuditTrail<'_>,
) -> bool {
    let digits = digits(password);
    let (prefix, suffix) = digits.split_at(PREFIX);
    match audit.step(Step::Compromised, services.compromised_range(prefix)).await {
        Ok(range) => range.is_some_and(|range| contains(&range, suffix)),
        Err(fault) => {
            audit.unchecked(&fault);
            false
        }
    }
}

/// The SHA-1 in upper-case hexadecimal digits.
fn digits(password: &NewPassword) -> Zeroizing<String> {
    let hash = Zeroizing::new(<[u8; 20]>::from(Sha1::digest(&*password.as_password().normalized())));
    let mut digits = Zeroizing::new(String::with_capacity(40));
    for byte in *hash {
        let _ = write!(digits, "{byte:02X}");
    }
    digits
}

/// Looks for a suffix in lines of `SUFFIX:COUNT`. Padding has a count of zero.
fn contains(range: &str, suffix: &str) -> bool {
    range.lines().filter_map(|line| line.trim().split_once(':')).any(|(known, count)| {
        let same: bool = known.to_ascii_uppercase().as_bytes().ct_eq(suffix.as_bytes()).into();
        same && count.parse::<u64>().is_ok_and(|count| count > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::email::Email;
    use crate::password::policy::PasswordPolicy;
    use proptest::prelude::*;

    /// The SHA-1 of `correct horse` computed by Python's `hashlib`.
    const SHA1: &str = "2F9E53523B62ABC141A2B4D6019D23CBA835DBD0";

    #[test]
    fn the_first_five_digits_of_the_sha1_are_sent() {
        let ada = Email::parse("ada@example.com").unwrap();
        let password = PasswordPolicy::default().accept("correct horse".into(), &ada).unwrap();
        assert_eq!(*digits(&password), SHA1);
    }

    #[test]
    fn a_suffix_is_found_whatever_its_case_and_padding_is_not() {
        let range = "0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n00d4f6e8fa6eecad2a3aa415eec418d38ec:2\r\n011053FD0102E94D6AE2F8B83D76FAF94F6:0";
        assert!(contains(range, "0018A45C4D1DEF81644B54AB7F969B88D65"));
        assert!(contains(range, "00D4F6E8FA6EECAD2A3AA415EEC418D38EC"));
        assert!(!contains(range, "011053FD0102E94D6AE2F8B83D76FAF94F6"));
        assert!(!contains(range, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"));
        assert!(!contains("", ""));
    }

    proptest! {
        #[test]
        fn any_answer_of_the_service_is_read_without_a_panic(range in "(?s).*", suffix in "[0-9A-F]{35}") {
            let _ = contains(&range, &suffix);
        }
    }
}
