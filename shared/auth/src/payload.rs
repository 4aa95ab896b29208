//! The door: JSON text becomes a request, or a refusal that quotes nothing of it.

use crate::{Reason, Refusal, Token};
use serde::Deserialize;

/// More than the largest valid payload: two passwords of 1,024 bytes, each byte written as `\u00XX`,
/// and the other fields.
const MAX_BYTES: usize = 32 * 1024;

/// Parses a payload. Serde's message is dropped, because it quotes the offending value.
pub(crate) fn parse<'a, T: Deserialize<'a>>(payload: &'a str) -> Result<T, Refusal> {
    // An array would otherwise fill a struct's fields by position.
    let is_object = payload.trim_start().starts_with('{');
    if payload.len() > MAX_BYTES || !is_object {
        return Err(Refusal::new(Reason::InvalidRequest));
    }
    serde_json::from_str(payload).map_err(|_| Refusal::new(Reason::InvalidRequest))
}

/// A token; what cannot be one is answered like one that is not valid.
pub(crate) fn token(text: &str) -> Result<Token, Refusal> {
    Token::parse(text).ok_or_else(|| Refusal::new(Reason::InvalidToken))
}
