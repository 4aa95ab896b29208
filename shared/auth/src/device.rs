//! Known devices: what a login hands out so that the next one from the same device has a throttle of its own.
//!
//! OWASP calls it a device cookie. A stranger who guesses at an account then makes only unknown devices wait, so that its owner
//! gets in (`docs/decisions/0017-known-devices.md`). A token proves that somebody once logged in or set the password here, and
//! nothing else: whoever has it still needs the password. Nothing is stored for a token itself; its message authentication code
//! makes it the service's own.

use crate::account::email::Email;
use crate::account::{User, UserId};
use crate::operation::Text;
use crate::services::Entropy;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use latchkey_keys::{Key, KeyRing};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The first byte of a token.
const VERSION: u8 = 1;

/// The bytes of the hashes that bind a token to an address and an account.
const BINDING_BYTES: usize = 16;

const DEVICE_BYTES: usize = 16;

const MAC_BYTES: usize = 32;

/// The longest token in characters, with a key identifier of eight characters: more than that is none.
const MAX_CHARS: usize = 126;

/// What sets the code of a token apart from anything else that a key might ever authenticate.
const CONTEXT: &[u8] = b"latchkey device token\n";

/// The random identifier of a device, by which its attempts are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId([u8; DEVICE_BYTES]);

impl DeviceId {
    fn draw(entropy: &impl Entropy) -> Self {
        let mut bytes = [0; DEVICE_BYTES];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Takes an identifier of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; DEVICE_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the identifier.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; DEVICE_BYTES] {
        &self.0
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId([redacted])")
    }
}

/// A device token, as text of at most 126 characters of base64url without padding. In bytes:
///
/// | bytes | |
/// |---|---|
/// | 1 | the version, 1 |
/// | 1, 1 to 8 | the length of the key's identifier, and the identifier |
/// | 16 | of the SHA-256 of the canonical address |
/// | 16 | of the SHA-256 of the user identifier |
/// | 4 | the generation of the password, the most significant byte first |
/// | 16 | the device, random |
/// | 32 | the HMAC-SHA-256 of all of these under the key |
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DeviceToken(String);

impl DeviceToken {
    /// Writes a token for a device of this account, with this generation of its password.
    #[must_use]
    pub fn new(keys: &KeyRing, email: &Email, account: &UserId, generation: u32, device: &DeviceId) -> Self {
        let (id, key) = keys.writer();
        let mut bytes = vec![VERSION, u8::try_from(id.len()).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&binding(email.as_str()));
        bytes.extend_from_slice(&binding(account.as_str()));
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(device.as_bytes());
        let code = authenticate(key, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&code);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken([redacted])")
    }
}

impl Serialize for DeviceToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What a token of this service says. It is not yet held against the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceClaim {
    account: [u8; BINDING_BYTES],
    generation: u32,
    device: DeviceId,
}

impl DeviceClaim {
    /// Reads a token. `None` unless it was made with one of the keys and for this address.
    #[must_use]
    pub fn read(text: &str, keys: &KeyRing, email: &Email) -> Option<Self> {
        if text.len() > MAX_CHARS {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, code) = bytes.split_last_chunk::<MAC_BYTES>()?;
        let (&[version, length], rest) = said.split_first_chunk()?;
        let (id, rest) = rest.split_at_checked(usize::from(length))?;
        let key = keys.find(std::str::from_utf8(id).ok()?)?;
        authenticate(key, said).verify(code.into()).ok()?;
        // Only what this service wrote comes here.
        let (address, rest) = rest.split_first_chunk::<BINDING_BYTES>()?;
        let (account, rest) = rest.split_first_chunk::<BINDING_BYTES>()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let device = DeviceId(rest.try_into().ok()?);
        let names_address = version == VERSION && *address == binding(email.as_str());
        names_address.then(|| Self { account: *account, generation: u32::from_be_bytes(*generation), device })
    }

    /// The device, if the token is of this account and of its present password.
    pub(crate) fn known_to(&self, user: &User) -> Option<DeviceId> {
        let known = self.account == binding(user.user_id.as_str()) && self.generation == user.password_generation;
        known.then_some(self.device)
    }
}

fn binding(text: &str) -> [u8; BINDING_BYTES] {
    let hash: [u8; 32] = Sha256::digest(text).into();
    let (first, _) = hash.split_first_chunk().expect("16 bytes of 32");
    *first
}

fn authenticate(key: &Key, said: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(CONTEXT);
    mac.update(said);
    mac
}

/// The field `device` of a request.
#[derive(Debug)]
pub(crate) enum DeviceField {
    /// The caller knows nothing of devices.
    NotSent,
    /// The caller takes a token. This is the one it has; any text, or none.
    Sent(Text),
}

impl From<Option<Text>> for DeviceField {
    fn from(text: Option<Text>) -> Self {
        text.map_or(Self::NotSent, Self::Sent)
    }
}

impl DeviceField {
    /// What the token says, if it was made by this service for this address.
    pub(crate) fn claim(&self, keys: &KeyRing, email: &Email) -> Option<DeviceClaim> {
        match self {
            Self::NotSent => None,
            Self::Sent(text) => DeviceClaim::read(text, keys, email),
        }
    }

    /// The token for the answer, if the caller takes one: for this device, or a new one.
    pub(crate) fn answer<S: DeviceKeys + Entropy>(
        &self,
        services: &S,
        email: &Email,
        account: &UserId,
        generation: u32,
        device: Option<DeviceId>,
    ) -> Option<DeviceToken> {
        match self {
            Self::NotSent => None,
            Self::Sent(_) => {
                let device = device.unwrap_or_else(|| DeviceId::draw(services));
                Some(DeviceToken::new(services.device_keys(), email, account, generation, &device))
            }
        }
    }
}

/// The keys of device tokens.
pub trait DeviceKeys {
    /// The keys, of which the first writes.
    fn device_keys(&self) -> &KeyRing;
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_salting::{PasswordHash, StoredHash};
    use proptest::prelude::*;

    const GENERATION: u32 = 7;

    fn keys(id: &str, byte: u8) -> KeyRing {
        KeyRing::of(id, Key::from([byte; 32]))
    }

    fn ada() -> Email {
        Email::parse("ada@example.com").unwrap()
    }

    fn account(text: &str) -> UserId {
        UserId::from_stored(text.to_owned())
    }

    fn device() -> DeviceId {
        DeviceId([9; DEVICE_BYTES])
    }

    fn token(keys: &KeyRing) -> DeviceToken {
        DeviceToken::new(keys, &ada(), &account("ada"), GENERATION, &device())
    }

    fn user(id: &str, generation: u32) -> User {
        let password = StoredHash::Encoded(PasswordHash::from_stored(String::new()));
        User { password_generation: generation, ..User::new(account(id), password) }
    }

    #[test]
    fn a_token_names_its_device_to_its_account_and_password_only() {
        for id in ["0", "eightlet"] {
            let keys = keys(id, 1);
            let token = token(&keys);
            assert!(token.as_str().len() <= MAX_CHARS);
            let claim = DeviceClaim::read(token.as_str(), &keys, &ada()).unwrap();
            assert_eq!(claim.known_to(&user("ada", GENERATION)), Some(device()));
            assert_eq!(claim.known_to(&user("ada", GENERATION + 1)), None, "a new password");
            assert_eq!(claim.known_to(&user("eve", GENERATION)), None, "an address that changed hands");
        }
    }

    #[test]
    fn a_token_of_another_key_or_address_is_none() {
        let token = token(&keys("a", 1));
        let read = |keys: &KeyRing, email: &Email| DeviceClaim::read(token.as_str(), keys, email);
        assert_eq!(read(&keys("a", 2), &ada()), None);
        assert_eq!(read(&keys("b", 1), &ada()), None);
        assert_eq!(read(&keys("a", 1), &Email::parse("eve@example.com").unwrap()), None);
        let (a, b) = ("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
        let followed = KeyRing::parse(&format!("b:{b},a:{a}")).unwrap();
        assert!(read(&followed, &ada()).is_some(), "the former key still reads");
    }

    /// By another implementation, of Python:
    /// `hmac.new(bytes([1]) * 32, b"latchkey device token\n" + said, "sha256")`.
    #[test]
    fn the_code_is_the_one_that_another_implementation_makes() {
        let token = token(&keys("a", 1));
        assert_eq!(token.as_str(), EXPECTED);
    }

    const EXPECTED: &str = "AQFhtfyF5VdV-eDQMKEKtEKba_3uQw1AvVfe6sGGzZeQAz0AAAAHCQkJCQkJCQkJCQkJCQkJCRwJ7AOlE3DlOO1Y4ikN1Y-MOIlJ1Yi5HUg0XKq4tkgv";

    #[test]
    fn a_token_and_its_device_are_not_printed() {
        let printed = format!("{:?} {:?}", token(&keys("a", 1)), device());
        assert_eq!(printed, "DeviceToken([redacted]) DeviceId([redacted])");
    }

    proptest! {
        #[test]
        fn any_text_is_no_token(text in "\\PC{0,200}") {
            prop_assert_eq!(DeviceClaim::read(&text, &keys("a", 1), &ada()), None);
        }

        #[test]
        fn any_bytes_are_no_token(bytes in prop::collection::vec(any::<u8>(), 0..130)) {
            let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(DeviceClaim::read(&text, &keys("a", 1), &ada()), None);
        }

        #[test]
        fn a_token_of_which_any_bit_was_changed_is_none(bit in 0_usize..(87 * 8)) {
            let keys = keys("a", 1);
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(token(&keys).as_str()).unwrap();
            prop_assert_eq!(bytes.len(), 87);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(DeviceClaim::read(&BASE64_URL_SAFE_NO_PAD.encode(bytes), &keys, &ada()), None);
        }

        #[test]
        fn what_was_written_is_read(byte in any::<u8>(), generation in any::<u32>(), id in any::<[u8; DEVICE_BYTES]>()) {
            let keys = keys("a", byte);
            let token = DeviceToken::new(&keys, &ada(), &account("ada"), generation, &DeviceId(id));
            let claim = DeviceClaim::read(token.as_str(), &keys, &ada()).expect("its own token");
            prop_assert_eq!(claim.known_to(&user("ada", generation)), Some(DeviceId(id)));
        }
    }
}
