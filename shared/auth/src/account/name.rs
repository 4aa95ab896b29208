//! The name that a user may give at sign-up.

use crate::refusal::{Reason, Refusal};
use std::fmt;

/// A name to be stored with the account: 1 to 100 characters, none of them a control character.
///
/// It is never put into a mail: anyone could sign up with somebody else's address and write to them that way.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The longest name in characters.
    pub const MAX_CHARS: usize = 100;

    /// Trims a name; white space alone is no name. A name that is too long or has control characters is refused as
    /// `invalid_name`.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        // Line and paragraph separators break lines although Unicode does not call them controls.
        let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if text.chars().take(Self::MAX_CHARS + 1).count() > Self::MAX_CHARS || text.chars().any(breaks) {
            return Err(Refusal::new(Reason::InvalidName));
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_at_most_a_hundred_characters_of_any_script() {
        assert!(Name::parse(&"ß".repeat(100)).unwrap().is_some());
        assert!(Name::parse(&"ß".repeat(101)).is_err());
    }

    #[test]
    fn a_name_that_breaks_the_line_is_refused() {
        for text in ["Ada\r\nBcc: eve@example.com", "Ada\0", "Ada\u{2028}Eve", "Ada\u{85}Eve"] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_not_printed_by_debug() {
        assert_eq!(format!("{:?}", Name::parse("Ada").unwrap().unwrap()), "Name([redacted])");
    }

    #[test]
    fn white_space_is_no_name() {
        assert_eq!(Name::parse("  ").unwrap(), None);
    }
}
