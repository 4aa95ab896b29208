//! Requests for mail, sealed on their way from an operation to the mail function.
//!
//! A request waits in a table and passes through a stream. It may hold the token of a link, and whether it holds anything at
//! all must not show: it is encrypted (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03) and padded to a fixed length. It is
//! bound to the ID and the lane under which it is stored, and cannot be moved to another.
//!
//! The caller provides the nonces: this crate draws no randomness.

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead, aead::Payload};
use latchkey_auth::{Email, MailClass, MailRequest, MailTemplate, Timestamp, Token};
use latchkey_keys::{Key, KeyRing};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The length of a request before it is sealed, including padding: more than the longest address and the longest token need.
pub const REQUEST_BYTES: usize = 512;

/// The length of a nonce. 192 random bits do not repeat.
pub const NONCE_BYTES: usize = 24;

/// The name under which a lane's requests are delivered.
///
/// Lanes are delivered side by side, so that no flood of sign-ups delays a reset link.
#[must_use]
pub const fn lane(class: MailClass) -> &'static str {
    match class {
        MailClass::Reset => "reset",
        MailClass::SignUp | MailClass::Change | MailClass::Notice => "other",
    }
}

/// A sealed request cannot be opened: it was sealed with another key or for another ID, or it was changed. The error does not
/// quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request for mail cannot be opened with these keys")]
pub struct Unreadable;

/// The form in which a request is sealed. The names are stable: what was sealed before a deployment is opened after it.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    class: Cow<'a, str>,
    to: Cow<'a, str>,
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// Whether a reset is for an account that nobody verified. No template of its own: a mail function of a former version
    /// sends it as any other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unverified: bool,
}

/// Seals a request into text of a fixed length, with the identifier of the key in front. The nonce must be random and must never
/// be reused.
///
/// # Panics
///
/// Never: the longest request fits.
#[must_use]
pub fn seal(request: &MailRequest, id: &str, keys: &KeyRing, nonce: [u8; NONCE_BYTES]) -> String {
    let (template, token, until) = match &request.template {
        None => (None, None, None),
        Some(MailTemplate::Verification(token)) => (Some("verification"), Some(token.as_str()), None),
        Some(MailTemplate::AlreadyRegistered) => (Some("alreadyRegistered"), None, None),
        Some(MailTemplate::Reset(token) | MailTemplate::UnverifiedReset(token)) => {
            (Some("reset"), Some(token.as_str()), None)
        }
        Some(MailTemplate::PasswordChanged { reset_links_until }) => {
            (Some("passwordChanged"), None, reset_links_until.map(|until| until.0))
        }
        Some(MailTemplate::WrongPasswords) => (Some("wrongPasswords"), None, None),
        Some(MailTemplate::PasswordClosed) => (Some("passwordClosed"), None, None),
    };
    let sealed = Sealed {
        class: request.class.as_str().into(),
        to: request.to.as_str().into(),
        at: request.requested_at.0,
        template: template.map(Cow::Borrowed),
        token: token.map(Cow::Borrowed),
        until,
        unverified: matches!(request.template, Some(MailTemplate::UnverifiedReset(_))),
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(REQUEST_BYTES));
    serde_json::to_writer(&mut *plain, &sealed).expect("text and numbers are JSON");
    assert!(plain.len() <= REQUEST_BYTES, "an address has at most 254 bytes, and a new token 43");
    // JSON may be followed by white space.
    plain.resize(REQUEST_BYTES, b' ');
    let (key_id, key) = keys.writer();
    let bound = bound_to(id, request.class);
    let payload = Payload { msg: &plain, aad: bound.as_bytes() };
    let ciphertext =
        cipher(key).encrypt(&XNonce::from(nonce), payload).expect("far below the cipher's limit of 256 GiB");
    format!("{key_id}.{}", BASE64_STANDARD.encode([&nonce[..], &ciphertext].concat()))
}

/// Opens a request that [`seal`] sealed for this ID and this lane, with whichever of the keys it names.
pub fn open(sealed: &str, id: &str, lane: &str, keys: &KeyRing) -> Result<MailRequest, Unreadable> {
    let (key_id, text) = sealed.split_once('.').ok_or(Unreadable)?;
    let key = keys.find(key_id).ok_or(Unreadable)?;
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| Unreadable)?;
    let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Unreadable)?;
    let bound = bound_to_lane(id, lane);
    let payload = Payload { msg: ciphertext, aad: bound.as_bytes() };
    let plain = Zeroizing::new(cipher(key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unreadable)?);
    let opened: Sealed<'_> = serde_json::from_slice(&plain).map_err(|_| Unreadable)?;
    request(&opened).ok_or(Unreadable)
}

fn request(opened: &Sealed<'_>) -> Option<MailRequest> {
    let token = || Token::parse(opened.token.as_deref()?).ok();
    let template = match opened.template.as_deref() {
        None => None,
        Some("verification") => Some(MailTemplate::Verification(token()?)),
        Some("alreadyRegistered") => Some(MailTemplate::AlreadyRegistered),
        Some("reset") if opened.unverified => Some(MailTemplate::UnverifiedReset(token()?)),
        Some("reset") => Some(MailTemplate::Reset(token()?)),
        Some("passwordChanged") => {
            Some(MailTemplate::PasswordChanged { reset_links_until: opened.until.map(Timestamp) })
        }
        Some("wrongPasswords") => Some(MailTemplate::WrongPasswords),
        Some("passwordClosed") => Some(MailTemplate::PasswordClosed),
        Some(_) => return None,
    };
    Some(MailRequest {
        class: MailClass::ALL.into_iter().find(|class| class.as_str() == opened.class)?,
        to: Email::parse(&opened.to).ok()?,
        template,
        requested_at: Timestamp(opened.at),
    })
}

fn bound_to(id: &str, class: MailClass) -> String {
    bound_to_lane(id, lane(class))
}

fn bound_to_lane(id: &str, lane: &str) -> String {
    format!("{lane} {id}")
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(id: &str, byte: u8) -> KeyRing {
        KeyRing::of(id, Key::from([byte; 32]))
    }

    fn of(class: MailClass, to: &str, template: Option<MailTemplate>) -> MailRequest {
        MailRequest { class, to: Email::parse(to).unwrap(), template, requested_at: Timestamp(1_790_000_000) }
    }

    fn token() -> Token {
        Token::parse(&"t".repeat(43)).unwrap()
    }

    /// Every template, and none.
    fn requests(to: &str) -> Vec<MailRequest> {
        let until = Some(Timestamp(u64::MAX));
        vec![
            of(MailClass::Reset, to, None),
            of(MailClass::Reset, to, Some(MailTemplate::Reset(token()))),
            of(MailClass::Reset, to, Some(MailTemplate::UnverifiedReset(token()))),
            of(MailClass::SignUp, to, Some(MailTemplate::Verification(token()))),
            of(MailClass::SignUp, to, Some(MailTemplate::AlreadyRegistered)),
            of(MailClass::Change, to, Some(MailTemplate::PasswordChanged { reset_links_until: None })),
            of(MailClass::Change, to, Some(MailTemplate::PasswordChanged { reset_links_until: until })),
            of(MailClass::Notice, to, Some(MailTemplate::WrongPasswords)),
            of(MailClass::Notice, to, Some(MailTemplate::PasswordClosed)),
        ]
    }

    #[test]
    fn every_request_is_sealed_to_one_length_and_opened_whole() {
        let domain = ["b", "c", "d"].map(|letter| letter.repeat(58)).join(".");
        // What JSON escapes takes two bytes.
        let longest = format!("\"{}\"@{domain}.example", "\\\"".repeat(31));
        let keys = keys("a", 1);
        let mut lengths: Vec<_> = Vec::new();
        for to in ["a@b.example", &longest] {
            for request in requests(to) {
                let sealed = seal(&request, "id", &keys, [7; NONCE_BYTES]);
                assert_eq!(open(&sealed, "id", lane(request.class), &keys), Ok(request));
                lengths.push(sealed.len());
            }
        }
        lengths.dedup();
        assert_eq!(lengths.len(), 1, "{lengths:?}");
    }

    #[test]
    fn a_sealed_request_shows_nothing_and_opens_under_its_own_id_lane_and_key_only() {
        let keys_a = keys("a", 1);
        let request = of(MailClass::Reset, "ada@example.com", Some(MailTemplate::Reset(token())));
        let sealed = seal(&request, "id", &keys_a, [7; NONCE_BYTES]);
        assert!(!sealed.contains("ada") && !sealed.contains("tttt"));
        assert_eq!(open(&sealed, "other", "reset", &keys_a), Err(Unreadable));
        assert_eq!(open(&sealed, "id", "other", &keys_a), Err(Unreadable));
        assert_eq!(open(&sealed, "id", "reset", &keys("a", 2)), Err(Unreadable));
        assert_eq!(open(&sealed, "id", "reset", &keys("b", 1)), Err(Unreadable));
        let (a, b) = ("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
        let followed = KeyRing::parse(&format!("b:{b},a:{a}")).unwrap();
        assert_eq!(open(&sealed, "id", "reset", &followed), Ok(request));
    }

    #[test]
    fn two_seals_of_one_request_have_nothing_in_common() {
        let request = of(MailClass::Notice, "ada@example.com", None);
        let [one, other] = [[1; NONCE_BYTES], [2; NONCE_BYTES]].map(|nonce| seal(&request, "id", &keys("a", 1), nonce));
        assert_ne!(one[8..60], other[8..60]);
    }

    proptest! {
        #[test]
        fn what_was_changed_does_not_open(place in 2_usize..700, byte in any::<u8>()) {
            let keys = keys("a", 1);
            let request = of(MailClass::Reset, "ada@example.com", Some(MailTemplate::Reset(token())));
            let mut sealed = seal(&request, "id", &keys, [7; NONCE_BYTES]).into_bytes();
            prop_assume!(place < sealed.len() && sealed[place] != byte && byte.is_ascii());
            sealed[place] = byte;
            prop_assert_eq!(open(std::str::from_utf8(&sealed).unwrap(), "id", "reset", &keys), Err(Unreadable));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,900}") {
            prop_assert_eq!(open(&text, "id", "reset", &keys("a", 1)), Err(Unreadable));
        }
    }
}
