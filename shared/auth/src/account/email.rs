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

    /// The address without its tag: `ada+news@example.com` reaches the mailbox `ada@example.com` at the providers that know
    /// tags (RFC 5233). Only for limits: at a provider that knows none, these are two mailboxes, and so two accounts.
    #[must_use]
    pub fn mailbox(&self) -> Cow<'_, str> {
        let untagged = self.0.rsplit_once('@').and_then(|(local, domain)| {
            let (mailbox, _tag) = local.split_once('+').filter(|(mailbox, _)| !mailbox.is_empty())?;
            (!mailbox.starts_with('"')).then(|| format!("{mailbox}@{domain}"))
        });
        untagged.map_or(Cow::Borrowed(&self.0), Cow::Owned)
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
