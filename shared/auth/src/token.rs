//! Tokens that go out in links: 256 random bits, of which only a hash is kept.
//!
//! OWASP ASVS 5.0, 6.5.x and 7.2.x: out-of-band secrets are random, expire, and are used once.

use crate::Entropy;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A token as it stands in a link: base64url without padding for a new one (43 characters).
///
/// The sample's tokens (256 hexadecimal digits) fit as well.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    const BYTES: usize = 32;
    const MAX_CHARS: usize = 512;

    /// Draws a new token.
    pub(crate) fn draw(entropy: &impl Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        entropy.fill(&mut *bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(*bytes))
    }

    /// Takes a token from a request. `None` for what cannot be one: empty, overlong, or with characters
    /// that no token has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_CHARS).contains(&text.len());
        let possible = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (fits && possible).then(|| Self(text.to_owned()))
    }

    /// Takes a plain token out of a record of the sample.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The token itself: for the link, and to compare with a record of the sample.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of a token: the SHA-256 of its characters. A fast hash is enough for 256 random bits.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// The SHA-256 of a token. Compares in constant time.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The form in which the table holds it: base64url without padding, 43 characters.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads that form; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
        }
    }

    #[test]
    fn a_token_carries_all_its_random_bytes_in_characters_that_need_no_escaping() {
        let token = Token::draw(&Counting);
        assert_eq!(token.as_str(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(Token::parse(token.as_str()), Some(token));
    }

    #[test]
    fn what_cannot_be_a_token_is_none() {
        for text in ["", " ", "a b", "a%20b", "ä", &"a".repeat(513)] {
            assert_eq!(Token::parse(text), None, "{text:?}");
        }
        assert!(Token::parse(&"0f".repeat(128)).is_some(), "the sample's form");
    }

    #[test]
    fn a_hash_survives_the_table_and_is_not_printed() {
        let hash = Token::draw(&Counting).hash();
        assert_eq!(TokenHash::decode(&hash.encode()), Some(hash));
        // By another implementation of SHA-256: `hashlib` of Python.
        assert_eq!(hash.encode(), "6oZqdX5MOLq_qBJ8vppAnT4fk6AP8UiP9zX8-Rev_9A");
        assert_eq!(format!("{hash:?} {:?}", Token::draw(&Counting)), "TokenHash([redacted]) Token([redacted])");
    }
}
