//! The steps by which one key follows another.
//!
//! Functions are deployed one after the other, so a key must be known to all of them before one of them writes with it. A
//! change therefore takes two deployments: [`begin`] puts the new key behind the one that writes, and [`complete`] puts it in
//! front. Much later, when nothing that the former key wrote is needed any more, [`drop_former`] ends it.
//!
//! Which step a ring is at can be seen from its identifiers: new keys are numbered, each one higher than those before it.

use crate::{Key, KeyRing};

/// A step cannot be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The former key has to be dropped before another one is added.
    #[error("there are two keys already, of which the former has to be dropped first")]
    TwoKeys,
    /// The ring has one key.
    #[error("there is one key only, and nothing to drop")]
    OneKey,
    /// No change has begun.
    #[error("there is no new key to put in front")]
    NotBegun,
    /// The new key is there and does not write yet.
    #[error("the new key does not write yet: complete the change first")]
    NotComplete,
    /// The identifiers are used up.
    #[error("the key has the highest number that there is")]
    LastNumber,
}

/// A ring of one key, numbered as the first.
#[must_use]
pub fn first(key: Key) -> KeyRing {
    KeyRing::of(crate::DEFAULT_ID, key)
}

/// Returns true if there is a new key that does not write yet.
#[must_use]
pub fn has_begun(ring: &KeyRing) -> bool {
    matches!(&ring.0[..], [(writer, _), (other, _)] if number(other) > number(writer))
}

/// Adds a key that is read from now on, and does not write yet.
pub fn begin(ring: &KeyRing, key: Key) -> Result<KeyRing, NotNow> {
    let [(writer, current)] = &ring.0[..] else { return Err(NotNow::TwoKeys) };
    // An identifier that is no number was chosen by hand, and counts as lower than any.
    let next = number(writer).map_or(0, |number| number + 1);
    if next > LARGEST {
        return Err(NotNow::LastNumber);
    }
    Ok(KeyRing(vec![(writer.clone(), current.clone()), (next.to_string(), key)]))
}

/// Puts the new key in front, so that it writes.
pub fn complete(ring: &KeyRing) -> Result<KeyRing, NotNow> {
    if !has_begun(ring) {
        return Err(NotNow::NotBegun);
    }
    Ok(KeyRing(ring.0.iter().rev().cloned().collect()))
}

/// Takes the former key out.
pub fn drop_former(ring: &KeyRing) -> Result<KeyRing, NotNow> {
    match &ring.0[..] {
        _ if has_begun(ring) => Err(NotNow::NotComplete),
        [(writer, current), _] => Ok(KeyRing::of(writer, current.clone())),
        _ => Err(NotNow::OneKey),
    }
}

/// The largest number that an identifier can be: eight digits.
const LARGEST: u32 = 99_999_999;

fn number(id: &str) -> Option<u32> {
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KEY_BYTES;

    fn key(byte: u8) -> Key {
        Key::from([byte; KEY_BYTES])
    }

    fn ids(ring: &KeyRing) -> Vec<&str> {
        ring.iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn a_new_key_is_read_before_it_writes_and_the_former_until_it_is_dropped() {
        let ring = first(key(1));
        assert_eq!((ids(&ring), has_begun(&ring)), (vec!["0"], false));
        let ring = begin(&ring, key(2)).unwrap();
        assert_eq!((ids(&ring), has_begun(&ring)), (vec!["0", "1"], true));
        assert_eq!(ring.writer().1.as_bytes(), &[1; KEY_BYTES]);
        let ring = complete(&ring).unwrap();
        assert_eq!((ids(&ring), has_begun(&ring)), (vec!["1", "0"], false));
        assert_eq!(ring.writer().1.as_bytes(), &[2; KEY_BYTES]);
        let ring = drop_former(&ring).unwrap();
        assert_eq!((ids(&ring), ring.writer().1.as_bytes()), (vec!["1"], &[2; KEY_BYTES]));
        let again = begin(&ring, key(3)).and_then(|ring| complete(&ring)).unwrap();
        assert_eq!(ids(&again), ["2", "1"]);
    }

    #[test]
    fn a_step_out_of_turn_is_refused() {
        let one = first(key(1));
        let begun = begin(&one, key(2)).unwrap();
        let complete_ring = complete(&begun).unwrap();
        assert_eq!(complete(&one).unwrap_err(), NotNow::NotBegun);
        assert_eq!(drop_former(&one).unwrap_err(), NotNow::OneKey);
        assert_eq!(begin(&begun, key(3)).unwrap_err(), NotNow::TwoKeys);
        assert_eq!(drop_former(&begun).unwrap_err(), NotNow::NotComplete);
        assert_eq!(begin(&complete_ring, key(3)).unwrap_err(), NotNow::TwoKeys);
        assert_eq!(complete(&complete_ring).unwrap_err(), NotNow::NotBegun);
        assert_eq!(begin(&KeyRing::of("99999999", key(1)), key(2)).unwrap_err(), NotNow::LastNumber);
    }

    #[test]
    fn a_key_with_an_identifier_that_was_chosen_by_hand_is_followed_by_a_number() {
        let ring = begin(&KeyRing::of("mine", key(1)), key(2)).unwrap();
        assert_eq!((ids(&ring), has_begun(&ring)), (vec!["mine", "0"], true));
        assert_eq!(ids(&complete(&ring).unwrap()), ["0", "mine"]);
    }

    #[test]
    fn the_text_of_every_step_is_read_again() {
        let begun = begin(&KeyRing::of("99999998", key(1)), key(2)).unwrap();
        for ring in [&begun, &complete(&begun).unwrap()] {
            assert_eq!(ids(&KeyRing::parse(&ring.to_text()).unwrap()), ids(ring));
        }
    }
}
