//! What holds for any text that is sent as a device token.

use latchkey_auth::Email;
use latchkey_auth::device::DeviceClaim;
use latchkey_keys::{Key, KeyRing};

/// The only token that was made with this key: the seed `read`.
const MADE: &str = "AQFhtfyF5VdV-eDQMKEKtEKba_3uQw1AvVfe6sGGzZeQAz0AAAAHCQkJCQkJCQkJCQkJCQkJCRwJ7AOlE3DlOO1Y4ikN1Y-MOIlJ1Yi5HUg0XKq4tkgv";

/// Reads a text as a token, and says whether it is one.
pub(crate) fn check(text: &str) -> bool {
    let keys = KeyRing::of("a", Key::from([1; 32]));
    let email = Email::parse("ada@example.com").expect("an address");
    let is_read = DeviceClaim::read(text, &keys, &email).is_some();
    assert!(!is_read || text == MADE, "a token that this service did not make was read");
    is_read
}
