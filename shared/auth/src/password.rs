//! Passwords: how they are normalized, hashed and checked, and the operations around them.
//!
//! NIST SP 800-63B-4, 3.1.1.2 and OWASP ASVS 5.0, 6.2: all of Unicode, normalized to NFC, no composition rules, no
//! truncation. Which new passwords are accepted is up to the [`policy`].

mod blocklist;
pub(crate) mod change_password;
pub(crate) mod compromised;
pub(crate) mod login;
pub(crate) mod lost_password;
mod pattern;
pub mod policy;
pub(crate) mod reset_password;

pub use change_password::ChangePassword;
pub use compromised::is_compromised;
pub use login::{LoggedIn, Login};
pub use lost_password::LostPassword;
pub use policy::{NewPassword, PasswordPolicy};
pub use reset_password::ResetPassword;

use crate::account::User;
use crate::account::email::Email;
use crate::audit::{AuditDetail, AuditTrail, Step};
use crate::device::{DeviceClaim, DeviceField, DeviceId, DeviceKeys, DeviceToken};
use crate::fault::{Cause, Fault};
use crate::mail::{MailClass, MailRequest, MailTemplate};
use crate::operation::Text;
use crate::refusal::{Reason, Refusal};
use crate::services::{Entropy, FindUser, HandOverMail, HashingScheme};
use crate::throttle::{
    Attempt, CountAttempt, CountDeviceFailure, FREE_ATTEMPTS, MOST_DEVICE_FAILURES, MOST_FAILURES, Throttle,
};
use crate::time::Timestamp;
use futures_util::future::join;
use latchkey_salting::{PasswordHash, SALT_BYTES, Schemes, StoredHash};
use serde::Serialize;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password as it was typed. It is wiped when dropped.
#[derive(Clone)]
pub struct Password(Text);

impl Password {
    /// The longest password in bytes, as typed. ASVS 6.2.9 asks for at least 64 characters.
    pub const MAX_BYTES: usize = 1_024;

    /// Accepts a password that is going to be checked. An empty one is an invalid request.
    pub fn given(self) -> Result<Self, Refusal> {
        if self.0.is_empty() {
            return Err(Refusal::new(Reason::InvalidRequest));
        }
        self.within_limit()
    }

    fn within_limit(self) -> Result<Self, Refusal> {
        if self.0.len() > Self::MAX_BYTES { Err(Refusal::new(Reason::PasswordTooLong)) } else { Ok(self) }
    }

    /// The bytes that are hashed: the same for all ways of typing the same characters.
    fn normalized(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.nfc().collect::<String>().into_bytes())
    }
}

impl From<Text> for Password {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}

/// What a new password hands out beside its flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Only for callers that take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceToken>,
}

/// A user whose password was right.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) user: User,
    /// The device, if it is known.
    pub(crate) device: Option<DeviceId>,
}

impl Proven {
    /// The throttle that the attempt was counted at.
    pub(crate) fn throttle<'a>(&'a self, email: &'a Email) -> Throttle<'a> {
        self.device.as_ref().map_or(Throttle::Password(email), Throttle::Device)
    }
}

/// Checks the password of an account, if the throttle permits. Every step is the same for an address without an account.
///
/// Without a known device, the attempt is counted while the account is read: two requests to the table are under way at once.
/// With a token that this service made for this address, the account is read first, because it says whether the device is known.
/// So the order of requests depends on the token alone, and not on what the table has.
pub(crate) async fn check_password<S>(
    services: &S,
    audit: &AuditTrail<'_>,
    email: &Email,
    password: &Password,
    device: &DeviceField,
    now: Timestamp,
) -> Result<Result<Proven, Refusal>, Fault>
where
    S: FindUser + CountAttempt + CountDeviceFailure + HashingScheme + HandOverMail + DeviceKeys,
{
    audit.account(email);
    let count = async |throttle: Throttle<'_>| audit.step(Step::Attempt, services.count_attempt(throttle, now)).await;
    let find = audit.step(Step::Find, services.find_user(email));
    let (user, attempt, device) = match device.claim(services.device_keys(), email) {
        None => {
            let (user, attempt) = join(find, count(Throttle::Password(email))).await;
            (user, attempt?, None)
        }
        Some(claim) => {
            let user = find.await?;
            let known = user.as_ref().and_then(|user| known_device(&claim, user));
            let attempt = match &known {
                Some(device) => count(Throttle::Device(device)).await?,
                None => Attempt::WornOut,
            };
            match attempt {
                Attempt::WornOut => (Ok(user), count(Throttle::Password(email)).await?, None),
                attempt => (Ok(user), attempt, known),
            }
        }
    };
    let (number, failures) = match attempt {
        Attempt::Counted { number, failures } => (number, failures),
        Attempt::Throttled { retry_after } => {
            return Ok(Err(Refusal::until(Reason::TooManyAttempts, retry_after)));
        }
        Attempt::WornOut => return Err(Fault::Internal(Cause::code("throttle"))),
    };
    audit.attempt(number);
    let user = user?;
    // A known device has a limit of its own.
    let closed = device.is_none() && failures >= MOST_FAILURES;
    let stored = user.as_ref().map(|user| &user.password);
    let matches = matches_hash(password, stored, services.hashing_schemes());
    let right = audit.step(Step::Check, matches).await?;
    match user {
        Some(user) if right && !closed => Ok(Ok(Proven { user, device })),
        user => {
            audit.detail(match &user {
                Some(_) if right => AuditDetail::Closed,
                Some(_) => AuditDetail::WrongPassword,
                None => AuditDetail::UnknownAccount,
            });
            if let (Some(user), Some(_)) = (&user, &device) {
                let counted = services.count_device_failure(email, user.password_generation);
                // The device's own limit has counted this failure as well.
                let _ = audit.step(Step::Failure, counted).await;
            }
            if device.is_none() && failures.saturating_add(1) == MOST_FAILURES {
                notify_owner(services, audit, email, user.as_ref(), MailTemplate::PasswordClosed, now).await;
            } else if number == FREE_ATTEMPTS {
                notify_owner(services, audit, email, user.as_ref(), MailTemplate::WrongPasswords, now).await;
            }
            Ok(Err(Refusal::new(Reason::InvalidCredentials)))
        }
    }
}

/// The device of a token, if this account knows it and has not lost its trust in devices.
fn known_device(claim: &DeviceClaim, user: &User) -> Option<DeviceId> {
    claim.known_to(user).filter(|_| user.device_failures < MOST_DEVICE_FAILURES)
}

/// Asks for a notice, when the waiting begins or the account is closed to unknown devices. What is handed over has one length,
/// whether or not there is an owner.
async fn notify_owner<S: HandOverMail>(
    services: &S,
    audit: &AuditTrail<'_>,
    email: &Email,
    user: Option<&User>,
    template: MailTemplate,
    now: Timestamp,
) {
    let template = user.filter(|user| user.verified).map(|_| template);
    let request = MailRequest { class: MailClass::Notice, to: email.clone(), template, requested_at: now };
    // The attempt is refused either way; a fault in place of the refusal would only invite another one.
    let _ = audit.step(Step::Mail, services.hand_over_mail(&request)).await;
}

/// Hashes a password under the configured scheme with a fresh salt.
pub(crate) async fn hash_password<S: HashingScheme + Entropy>(
    services: &S,
    password: &Password,
) -> Result<PasswordHash, Fault> {
    let mut salt = [0; SALT_BYTES];
    services.fill(&mut salt);
    let (password, scheme) = (password.normalized(), services.hashing_scheme());
    off_the_event_loop(move || latchkey_salting::hash(&password, &salt, scheme)).await
}

/// Returns true if the password matches the stored hash. Without one, it is checked against decoys in the same way, so that
/// an unknown address takes as long as a known one, whichever kind of hash that has.
pub(crate) async fn matches_hash(
    password: &Password,
    stored: Option<&StoredHash>,
    schemes: &Schemes,
) -> Result<bool, Fault> {
    let normalized = stored.is_none_or(StoredHash::is_of_normalized);
    let bytes = if normalized { password.normalized() } else { Zeroizing::new(password.0.as_bytes().to_vec()) };
    let (stored, schemes) = (stored.cloned(), schemes.clone());
    off_the_event_loop(move || schemes.check(stored.as_ref(), &bytes))
        .await?
        .map_err(|_malformed| Fault::Record(Cause::code("passwordHash")))
}

/// Runs slow work on a thread of its own, so that requests to other services continue in the meantime.
async fn off_the_event_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_panicked| Fault::Internal(Cause::code("hashing")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_salting::{FormerHash, Scheme};
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The quickest scheme, and a source of bytes that counts its calls.
    struct Argon2(Cell<u8>, Schemes);

    impl HashingScheme for Argon2 {
        fn hashing_schemes(&self) -> &Schemes {
            &self.1
        }
    }

    impl Entropy for Argon2 {
        fn fill(&self, bytes: &mut [u8]) {
            self.0.set(self.0.get() + 1);
            bytes.fill(self.0.get());
        }
    }

    #[test]
    fn spaces_count_and_are_kept() {
        assert_eq!(&*Password::from(" a b ").normalized(), b" a b ");
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(Password::from("jose\u{301}").normalized(), Password::from("jos\u{e9}").normalized());
    }

    #[test]
    fn two_hashes_of_one_password_have_nothing_in_common() {
        let (password, services) = (Password::from("correct horse"), Argon2(Cell::new(0), Scheme::Argon2id.into()));
        run(async {
            let first = hash_password(&services, &password).await.unwrap();
            let second = hash_password(&services, &password).await.unwrap();
            let parts = |hash: &PasswordHash| hash.as_str().rsplit('$').take(2).map(str::to_owned).collect::<Vec<_>>();
            assert!(parts(&first).iter().all(|part| !parts(&second).contains(part)));
        });
    }

    /// Runs some work to its end, and returns how many threads it used beside the event loop.
    fn run(work: impl Future<Output = ()>) -> usize {
        let threads = Arc::new(AtomicUsize::new(0));
        let started = Arc::clone(&threads);
        let event_loop = tokio::runtime::Builder::new_current_thread()
            .on_thread_start(move || {
                started.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap();
        event_loop.block_on(work);
        drop(event_loop);
        threads.load(Ordering::SeqCst)
    }

    #[test]
    fn a_password_for_no_account_is_checked_along_the_same_way_and_is_never_right() {
        let password = Password::from("correct horse");
        // With former hashes and without: `Schemes` counts what each check pays in its own tests.
        let former = vec![FormerHash::Scheme(Scheme::Argon2id)];
        for schemes in [Scheme::Argon2id.into(), Schemes::new(Scheme::default(), former)] {
            let made = latchkey_salting::hash(b"correct horse", &[7; SALT_BYTES], Scheme::Argon2id);
            let threads = |stored: Option<StoredHash>, right| {
                run(async {
                    assert_eq!(matches_hash(&password, stored.as_ref(), &schemes).await, Ok(right));
                })
            };
            assert_eq!(threads(None, false), 1, "hashes are computed, one after the other");
            assert_eq!(threads(Some(StoredHash::Encoded(made)), true), 1);
            assert_eq!(threads(Some(StoredHash::decoy(schemes.current())), false), 1);
        }
    }

    #[test]
    fn a_hash_of_another_system_gets_the_password_as_it_was_typed() {
        // Of `Zoe\u{308} likes tea`, by `hashlib` of Python.
        const DJANGO: &str = "pbkdf2_sha256$1000$seasalt$xHzmGcCyTRmAY682ODPe0Y0+b+ioc7liGqjbb4FYrf4=";
        let stored = StoredHash::Encoded(PasswordHash::from_stored(DJANGO.to_owned()));
        run(async {
            let matches = async |text: &str| matches_hash(&text.into(), Some(&stored), &Scheme::Argon2id.into()).await;
            assert_eq!(matches("Zoe\u{308} likes tea").await, Ok(true));
            assert_eq!(matches("Zo\u{eb} likes tea").await, Ok(false));
        });
    }
}
