//! Symmetric keys, each with an identifier, so that one can follow another without a gap.
//!
//! A ring holds one key or two. The first one writes; all of them read. To change a key, put the new one in front of the old one,
//! wait until nothing that the old one wrote is needed any more, and take the old one out.
//!
//! In its text form a ring is `ID:KEY` or `ID:KEY,ID:KEY`: an identifier of 1 to 8 lower-case letters and digits, and 32
//! random bytes in base64 (RFC 4648, section 4, with padding). A key alone, without an identifier, is read as key `0`.

use base64::{Engine, prelude::BASE64_STANDARD};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The length of a key in bytes.
pub const KEY_BYTES: usize = 32;

/// The most keys in a ring: one that writes, and its predecessor.
pub const MAX_KEYS: usize = 2;

/// The longest identifier of a key, in characters.
const MAX_ID_CHARS: usize = 8;

/// The identifier of a key that is given without one.
const DEFAULT_ID: &str = "0";

/// A text is not a ring of keys. The error does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one or two keys as ID:KEY, separated by a comma, each 32 bytes as base64")]
pub struct InvalidKeys;

/// A key of 32 random bytes. It is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).map_err(|_| InvalidKeys)?);
        <[u8; KEY_BYTES]>::try_from(&**bytes).map(Self).map_err(|_| InvalidKeys)
    }
}

impl From<[u8; KEY_BYTES]> for Key {
    fn from(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// One key or two, of which the first writes.
#[derive(Clone, Debug)]
pub struct KeyRing(Vec<(String, Key)>);

impl KeyRing {
    /// Reads a ring from its text form.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let mut keys: Vec<(String, Key)> = Vec::with_capacity(MAX_KEYS);
        for entry in text.split(',') {
            let (id, key) = entry.split_once(':').unwrap_or((DEFAULT_ID, entry));
            let valid = (1..=MAX_ID_CHARS).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            if !valid || keys.len() == MAX_KEYS || keys.iter().any(|(known, _)| known == id) {
                return Err(InvalidKeys);
            }
            keys.push((id.to_owned(), Key::parse(key)?));
        }
        Ok(Self(keys))
    }

    /// A ring of one key.
    #[must_use]
    pub fn of(id: &str, key: Key) -> Self {
        Self(vec![(id.to_owned(), key)])
    }

    /// The key that writes, with its identifier.
    ///
    /// # Panics
    ///
    /// Never: a ring has at least one key.
    #[must_use]
    pub fn writer(&self) -> (&str, &Key) {
        let (id, key) = self.0.first().expect("a ring has at least one key");
        (id, key)
    }

    /// The key with this identifier.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, key)| key)
    }

    /// All keys, the one that writes first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Key)> {
        self.0.iter().map(|(id, key)| (id.as_str(), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    #[test]
    fn the_first_key_writes_and_both_read() {
        let ring = KeyRing::parse(&format!("b:{TWO},a:{ONE}")).unwrap();
        let (id, key) = ring.writer();
        assert_eq!((id, key.as_bytes()), ("b", &[2; KEY_BYTES]));
        assert_eq!(ring.find("a").map(Key::as_bytes), Some(&[1; KEY_BYTES]));
        assert!(ring.find("c").is_none());
    }

    #[test]
    fn a_key_without_an_identifier_is_key_0() {
        let ring = KeyRing::parse(ONE).unwrap();
        assert_eq!(ring.writer().0, "0");
        let followed = KeyRing::parse(&format!("1:{TWO},{ONE}")).unwrap();
        assert!(followed.find("0").is_some());
    }

    #[test]
    fn what_is_no_ring_is_refused() {
        for text in [
            String::new(),
            ",".to_owned(),
            "a:AAAA".to_owned(),
            format!(":{ONE}"),
            format!("A:{ONE}"),
            format!("ninechars:{ONE}"),
            format!("a:{ONE},a:{TWO}"),
            format!("a:{ONE},"),
            format!("a:{ONE},b:{TWO},c:{ONE}"),
            format!(" {ONE}"),
        ] {
            assert_eq!(KeyRing::parse(&text).unwrap_err(), InvalidKeys, "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let printed = format!("{:?}", KeyRing::parse(&format!("a:{ONE}")).unwrap());
        assert!(printed.contains("[redacted]") && !printed.contains(ONE) && !printed.contains("1, 1"), "{printed}");
    }
}
