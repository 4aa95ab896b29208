//! Links that are mailed: each carries a token for one purpose, of which a hash and an expiry are stored.

pub(crate) mod token;

use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::fault::Fault;
use crate::refusal::{Reason, Refusal};
use crate::throttle::{Attempt, CountAttempt, Quota, Throttle};
use crate::time::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use token::{Token, TokenHash};

/// The lifetime of a verification link, in seconds: 24 hours.
pub(crate) const VERIFICATION_SECONDS: u64 = 24 * 60 * 60;

/// The most passwords that are tried with a verification link.
pub const MOST_VERIFY_TRIES: u32 = 10;

/// The lifetime of a reset link, in seconds: one hour.
pub(crate) const RESET_SECONDS: u64 = 60 * 60;

/// The most reset links of an account that work at once. It is the number of mails that its quota permits within the lifetime of
/// a link, so that a request that is refused means that a working link is in the mailbox.
pub const MAX_RESET_LINKS: usize = Quota::Reset.limit();

/// A verification link that was mailed and has not been replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingVerification {
    /// Latchkey's form.
    Hashed {
        /// The hash of the token in the link.
        token: TokenHash,
        /// When the token expires.
        expires_at: Timestamp,
    },
    /// The form of a legacy record: the token itself, without expiry.
    Plain(Token),
}

impl PendingVerification {
    /// Accepts the token of this link, or says why it is not acceptable.
    pub(crate) fn accept(&self, token: &Token, now: Timestamp) -> Result<(), AuditDetail> {
        match self {
            Self::Hashed { token: hash, expires_at } => accept(hash, *expires_at, token, now),
            Self::Plain(plain) if plain == token => Ok(()),
            Self::Plain(_) => Err(AuditDetail::WrongToken),
        }
    }
}

/// A reset link that was mailed, while no reset was completed. There is no plain form: the plain `lostToken` of a legacy record
/// is never honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingReset {
    /// The hash of the token in the link.
    pub token: TokenHash,
    /// When the token expires.
    pub expires_at: Timestamp,
}

/// Finds the link of this token among those that are out, or says why none is acceptable.
pub(crate) fn accept_reset(links: &[PendingReset], token: &Token, now: Timestamp) -> Result<PendingReset, AuditDetail> {
    let mut refused = AuditDetail::NoLink;
    for link in links {
        match accept(&link.token, link.expires_at, token, now) {
            Ok(()) => return Ok(*link),
            // That the right token has expired says more than that another link has another token.
            Err(detail) => refused = if refused == AuditDetail::LinkExpired { refused } else { detail },
        }
    }
    Err(refused)
}

/// Until when the last of the links works that are out.
pub(crate) fn reset_links_until(links: &[PendingReset], now: Timestamp) -> Option<Timestamp> {
    links.iter().map(|link| link.expires_at).filter(|expires_at| now < *expires_at).max()
}

fn accept(hash: &TokenHash, expires_at: Timestamp, token: &Token, now: Timestamp) -> Result<(), AuditDetail> {
    if *hash != token.hash() {
        Err(AuditDetail::WrongToken)
    } else if now < expires_at {
        Ok(())
    } else {
        Err(AuditDetail::LinkExpired)
    }
}

/// Counts a wrong token as an attempt, and returns its refusal. The right token is never counted, so that nobody can get
/// in its owner's way.
pub(crate) async fn refuse_token<S: CountAttempt>(
    services: &S,
    audit: &AuditTrail<'_>,
    throttle: Throttle<'_>,
    now: Timestamp,
) -> Result<Refusal, Fault> {
    Ok(match audit.step(Step::Attempt, services.count_attempt(throttle, now)).await? {
        Attempt::Counted { number, .. } => {
            audit.attempt(number);
            Refusal::new(Reason::InvalidToken)
        }
        Attempt::Throttled { retry_after } => Refusal::until(Reason::TooManyAttempts, retry_after),
        // Only a device wears out.
        Attempt::WornOut => Refusal::new(Reason::InvalidToken),
    })
}

/// All characters but those that RFC 3986 calls unreserved.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address in a mail: `<page>?email=…&<parameter>=…`, percent-encoded.
pub(crate) fn url(page: &str, email: &Email, parameter: &str, token: &Token) -> String {
    let encode = |text| utf8_percent_encode(text, QUERY);
    format!("{page}?email={}&{parameter}={}", encode(email.as_str()), encode(token.as_str()))
}
