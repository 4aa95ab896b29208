//! The keys of the stack (`latchkey_keys`), as `scripts/keys.sh` draws, changes and drops them.
//!
//! Keys come in by files and by standard input and go out by standard output, never by an argument: whoever lists the
//! processes of a machine sees those.

use latchkey_keys::change::{self, NotNow};
use latchkey_keys::{InvalidKeys, KEY_BYTES, Key, KeyRing};
use std::io::Read;
use zeroize::Zeroizing;

/// Why a step cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No ring.
    #[error("the functions' keys are {0}")]
    Ring(#[from] InvalidKeys),
    /// Another step is due.
    #[error("{0}")]
    Step(#[from] NotNow),
    /// Nothing to make a key of.
    #[error("standard input should have {KEY_BYTES} random bytes: {0}")]
    Random(std::io::Error),
}

/// A ring of one new key.
pub fn first(random: impl Read) -> Result<Zeroizing<String>, Failed> {
    Ok(change::first(key(random)?).to_text())
}

/// The ring with a new key behind the one that writes. A change that has begun already is left as it is.
pub fn begin(ring: &str, random: impl Read) -> Result<Zeroizing<String>, Failed> {
    let ring = parse(ring)?;
    if change::has_begun(&ring) {
        return Ok(ring.to_text());
    }
    Ok(change::begin(&ring, key(random)?)?.to_text())
}

/// The ring with the new key in front.
pub fn complete(ring: &str) -> Result<Zeroizing<String>, Failed> {
    Ok(change::complete(&parse(ring)?)?.to_text())
}

/// The ring without the former key.
pub fn drop_former(ring: &str) -> Result<Zeroizing<String>, Failed> {
    Ok(change::drop_former(&parse(ring)?)?.to_text())
}

/// The identifiers of the keys, separated by commas, the one that writes first.
pub fn ids(ring: &str) -> Result<String, Failed> {
    Ok(parse(ring)?.iter().map(|(id, _)| id).collect::<Vec<_>>().join(","))
}

fn parse(ring: &str) -> Result<KeyRing, Failed> {
    Ok(KeyRing::parse(ring.trim_end_matches('\n'))?)
}

fn key(mut random: impl Read) -> Result<Key, Failed> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    random.read_exact(&mut *bytes).map_err(Failed::Random)?;
    Ok(Key::from(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_followed_by_another_in_two_steps_and_dropped_in_a_third() {
        let ring = first(&[1; KEY_BYTES][..]).unwrap();
        assert_eq!(*ring, "0:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
        let begun = begin(&ring, &[2; KEY_BYTES][..]).unwrap();
        assert_eq!(ids(&begun).unwrap(), "0,1");
        let complete = complete(&format!("{}\n", *begun)).unwrap();
        assert_eq!(ids(&complete).unwrap(), "1,0");
        assert_eq!(*drop_former(&complete).unwrap(), "1:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    }

    #[test]
    fn a_change_that_was_begun_and_not_completed_goes_on_with_the_same_key() {
        let begun = begin(&first(&[1; KEY_BYTES][..]).unwrap(), &[2; KEY_BYTES][..]).unwrap();
        assert_eq!(begin(&begun, &[3; KEY_BYTES][..]).unwrap(), begun);
    }

    #[test]
    fn a_third_key_too_few_bytes_and_no_ring_are_refused_without_being_quoted() {
        let begun = begin(&first(&[1; KEY_BYTES][..]).unwrap(), &[2; KEY_BYTES][..]).unwrap();
        let both = complete(&begun).unwrap();
        assert!(matches!(begin(&both, &[3; KEY_BYTES][..]), Err(Failed::Step(NotNow::TwoKeys))));
        assert!(matches!(first(&[1; 31][..]), Err(Failed::Random(_))));
        let failed = ids("0:m4rk3d").unwrap_err();
        assert!(!failed.to_string().contains("m4rk3d"), "{failed}");
    }
}
