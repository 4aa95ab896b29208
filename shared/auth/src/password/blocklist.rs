//! Passwords that everybody would try: common ones, patterns, and those made of what is known about the account.
//!
//! OWASP ASVS 5.0, 6.2.4 (common ones) and 6.2.11 (context); NIST SP 800-63B-4, 3.1.1.2.

use super::pattern::is_made_of_patterns;
use crate::account::email::Email;

/// One password per line, in lower case, sorted by bytes; see `data/README.txt`.
const COMMON: &str = include_str!("../../data/common-passwords.txt");

/// The letters and digits that a password needs besides the address and the service name.
const OWN_CHARS: usize = 4;

/// Shorter words occur in many passwords by accident.
const WORD_CHARS: usize = 3;

/// Returns true if a normalized password is one of the first that anybody would try for this account.
pub(super) fn is_blocked(password: &str, email: &Email, service: &str) -> bool {
    let lower = password.to_lowercase();
    is_common(&lower)
        || is_made_of_patterns(&lower)
        || is_made_of_context(&lower, email.as_str(), &service.to_lowercase())
}

/// A binary search in the text itself, so that a start does not have to build anything.
fn is_common(lower: &str) -> bool {
    let (mut from, mut to) = (0, COMMON.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = COMMON[..middle].rfind('\n').map_or(0, |end| end + 1).max(from);
        let end = COMMON[middle..].find('\n').map_or(COMMON.len(), |end| middle + end);
        match COMMON[start..end].cmp(lower) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
        }
    }
    false
}

/// Returns true if the password is little more than the email address or the service name.
fn is_made_of_context(lower: &str, email: &str, service: &str) -> bool {
    let local = email.split_once('@').map_or(email, |(local, _)| local);
    let joined: String = service.split_whitespace().collect();
    let parts = local.split(|c: char| !c.is_alphanumeric());
    let mut words: Vec<&str> = [email, local, service, &joined].into_iter().chain(parts).collect();
    words.extend(service.split_whitespace());
    words.retain(|word| word.chars().count() >= WORD_CHARS);
    // The longest first: the address goes before its parts.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    // Each word becomes a space, so that the text around it does not join into a new word.
    let rest = words.iter().fold(lower.to_owned(), |rest, word| rest.replace(word, " "));
    rest != lower && rest.chars().filter(|c| c.is_alphanumeric()).count() < OWN_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(password: &str) -> bool {
        let email = Email::parse("ada.lovelace@example.com").unwrap();
        is_blocked(password, &email, "Analytical Engine")
    }

    #[test]
    fn the_list_is_long_sorted_and_of_lower_case() {
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.len() >= 20_000, "{}", lines.len());
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(lines.iter().all(|line| line.len() >= 8 && *line == line.to_lowercase()));
    }

    #[test]
    fn every_password_of_the_list_is_found_and_its_neighbours_are_not() {
        for line in COMMON.lines() {
            assert!(is_common(line), "{line}");
            assert!(!is_common(&format!("{line}\u{1}")));
        }
        for other in ["", "\n", "!", "~~~~~~~~~~~~~~~~~", "12345678\n12345679", "password\n"] {
            assert!(!is_common(other), "{other:?}");
        }
    }

    #[test]
    fn a_common_password_is_blocked_in_any_case() {
        assert!(blocked("password"));
        assert!(blocked("PassWord1"));
        assert!(blocked("QWERTYUIOP"));
        assert!(!blocked("a lane of poplars"));
    }

    #[test]
    fn what_newer_lists_hold_is_blocked_and_so_is_a_pattern() {
        // Among the first of Django's list, of zxcvbn-ts's, and of SecLists' of 2025; none was in zxcvbn's of 2017.
        for common in
            ["homelesspa", "zag12wsx", "linkedin", "LoveLove", "johnjohn", "Aa@123456", "bismillah", "turktelekom"]
        {
            assert!(blocked(common), "{common}");
        }
        for pattern in ["aaaaaaaa", "87654321", "Qwertzui", "24.12.1985"] {
            assert!(blocked(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_password_made_of_the_address_or_the_services_name_is_blocked() {
        for made in [
            "ada.lovelace@example.com",
            "Ada.Lovelace",
            "adalovelace",
            "Lovelace!99",
            "analyticalengine",
            "Analytical Engine 1",
            "engine-ada-12",
        ] {
            assert!(blocked(made), "{made}");
        }
        for own in ["lovelace likes numbers", "steam engine of 1843", "canada goose"] {
            assert!(!blocked(own), "{own}");
        }
    }
}
