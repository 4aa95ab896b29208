//! The tokens in links: 256 random bits, of which only a hash is stored.
//!
//! OWASP ASVS 5.0, 6.5.x and 7.2.x: out-of-band secrets are random, expire, and are used once.

use crate::refusal::{Reason, Refusal};
use crate::services::Entropy;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A token as it appears in a link: 43 characters of base64url without padding.
///
/// The tokens of legacy records (256 hexadecimal digits) are accepted as well.
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

    /// Parses the token of a request. Text that cannot be a token, because it is empty, too long or has other characters,
    /// is refused like a wrong token.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let fits = (1..=Self::MAX_CHARS).contains(&text.len());
        let possible = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits && possible { Ok(Self(text.to_owned())) } else { Err(Refusal::new(Reason::InvalidToken)) }
    }

    /// Takes a plain token from a legacy record.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The token itself: for the link, and to compare with a legacy record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The SHA-256 of the token's characters, which is what is stored. A fast hash is enough for 256 random bits.
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
    /// The stored form: 43 characters of base64url without padding.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads the stored form; `None` for anything else.
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
        assert_eq!(Token::parse(token.as_str()), Ok(token));
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_like_a_wrong_one() {
        for text in ["", " ", "a b", "a%20b", "ä", &"a".repeat(513)] {
            assert_eq!(Token::parse(text), Err(Refusal::new(Reason::InvalidToken)), "{text:?}");
        }
        assert!(Token::parse(&"0f".repeat(128)).is_ok(), "the legacy form");
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
