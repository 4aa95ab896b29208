//! E-mail addresses: the key of every account.

use crate::refusal::{Reason, Refusal};
use email_address::{EmailAddress, Options};
use std::borrow::Cow;
use std::fmt;

/// An address in its canonical form: trimmed, lower case.
///
/// An address is ASCII of at most 254 bytes (RFC 5321, 4.5.3.1.3, less the angle brackets): a local part and a domain,
/// without display name, comment or control characters. RFC 5321 allows local parts that differ only by case; no major
/// provider does, and two accounts for one mailbox would be worse. SES does not send to non-ASCII addresses (RFC 6531), so
/// such an account could never be verified. Internationalized domains have an ASCII form, `xn--…`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

impl Email {
    /// The longest address in bytes.
    pub const MAX_BYTES: usize = 254;

    /// Brings an address into its canonical form, or refuses it as `invalid_email`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new(Reason::InvalidEmail);
        let canonical = text.trim().to_ascii_lowercase();
        if canonical.len() > Self::MAX_BYTES || !canonical.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused());
        }
        let options = Options::default().without_display_text().without_domain_literal();
        EmailAddress::parse_with_options(&canonical, options).map_err(|_| refused())?;
        Ok(Self(canonical))
    }

    /// The canonical address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as its mailbox is usually written. Only for limits: where a provider does it otherwise, these are two
    /// mailboxes, and so two accounts.
    ///
    /// - Without quotes: `"ada"` and `"a\da"` are `ada` (RFC 5321, 4.1.2).
    /// - Without its tag: `ada+news@example.com` reaches `ada@example.com` at the providers that know tags (RFC 5233).
    /// - At Gmail, without dots, and under the first of its two domains.
    #[must_use]
    pub fn mailbox(&self) -> Cow<'_, str> {
        let Some((local, domain)) = self.0.rsplit_once('@') else { return Cow::Borrowed(&self.0) };
        let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let mut mailbox = quoted.map_or_else(|| local.to_owned(), |quoted| quoted.replace('\\', ""));
        if let Some(tag) = mailbox.find('+').filter(|at| *at > 0) {
            mailbox.truncate(tag);
        }
        let is_gmail = matches!(domain, "gmail.com" | "googlemail.com");
        if is_gmail {
            mailbox.retain(|c| c != '.');
        }
        if mailbox == local && (!is_gmail || domain == "gmail.com") {
            return Cow::Borrowed(&self.0);
        }
        Cow::Owned(format!("{mailbox}@{}", if is_gmail { "gmail.com" } else { domain }))
    }
}

/// Addresses are personal data and must not appear in logs, so `Debug` is redacted.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> Option<String> {
        Email::parse(text).ok().map(|email| email.0)
    }

    #[test]
    fn an_address_is_trimmed_and_lower_case() {
        assert_eq!(canonical("  Ada.Lovelace@Example.COM\n").as_deref(), Some("ada.lovelace@example.com"));
    }

    #[test]
    fn a_tag_is_no_part_of_the_mailbox() {
        let mailbox = |text: &str| Email::parse(text).unwrap().mailbox().into_owned();
        assert_eq!(mailbox("Ada+a+b@example.com"), "ada@example.com");
        assert_eq!(mailbox("ada@example.com"), "ada@example.com");
        assert_eq!(mailbox("+ada@example.com"), "+ada@example.com");
    }

    #[test]
    fn another_way_to_write_a_mailbox_makes_no_other_one() {
        let mailbox = |text: &str| Email::parse(text).unwrap().mailbox().into_owned();
        // RFC 5321, 4.1.2.
        for text in ["\"ada\"@example.com", "\"a\\da\"@example.com", "\"ada+news\"@example.com"] {
            assert_eq!(mailbox(text), "ada@example.com", "{text}");
        }
        // Google's own.
        for text in ["ada.love@gmail.com", "a.d.a.love+news@googlemail.com", "\"ada.love\"@gmail.com"] {
            assert_eq!(mailbox(text), "adalove@gmail.com", "{text}");
        }
        assert_eq!(mailbox("ada.love@example.com"), "ada.love@example.com");
    }

    #[test]
    fn an_address_that_no_mail_could_reach_is_refused() {
        // The last one would become `kim@example.com` in lower case.
        for text in ["jos\u{e9}@example.com", "ada@b\u{fc}cher.example", "\u{212a}im@example.com"] {
            assert_eq!(canonical(text), None);
        }
        assert!(canonical("ada@xn--bcher-kva.example").is_some());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        // Each part by itself is short enough.
        let too_long = format!("{}@{}example.com", "a".repeat(64), format!("{}.", "b".repeat(60)).repeat(3));
        for text in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@@example.com",
            "ada@example.com, eve@example.com",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada\0@example.com",
            "ada@exam ple.com",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "ada@example.com.",
            "ada@example..com",
            "ada(news)@example.com",
            ".ada@example.com",
            &too_long,
        ] {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_not_printed_by_debug() {
        let email = Email::parse("ada@example.com").unwrap();
        assert_eq!(format!("{email:?}"), "Email([redacted])");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_and_a_canonical_address_stays_as_it_is(text in "\\PC*@?\\PC*") {
            if let Some(once) = canonical(&text) {
                prop_assert!(once.len() <= Email::MAX_BYTES);
                prop_assert_eq!(canonical(&once), Some(once));
            }
        }
    }
}
