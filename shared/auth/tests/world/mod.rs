//! The whole service in memory, for tests that live through it.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test binary uses what it needs")]

use latchkey_audit::{AuditKeys, AuditRecord};
use latchkey_auth::memory::MemoryServices;
use latchkey_auth::{
    AuditTrail, ChangePassword, Changed, CreateUser, Done, Email, Fault, LoggedIn, Login, LostPassword, Mail,
    Operation, Outcome, PendingVerification, ResetPassword, Token, User, UserId, VerifyUser, handle,
};
use latchkey_salting::{LegacyHash, StoredHash};
use serde::Serialize;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::ops::Deref;
use std::time::Duration;

pub const ADA: &str = "ada@example.com";
pub const PASSWORD: &str = "correct horse";
pub const OTHER: &str = "battery staple";
pub const HOUR: u64 = 60 * 60;
pub const DONE: Outcome<Done> = Outcome::Success(Done);

/// The whole service in memory.
pub struct World {
    pub services: MemoryServices,
    /// The audit record of the last call.
    pub record: RefCell<AuditRecord>,
    audit_keys: AuditKeys,
}

impl Default for World {
    fn default() -> Self {
        Self {
            services: MemoryServices::default(),
            record: RefCell::default(),
            audit_keys: AuditKeys::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("a key"),
        }
    }
}

impl Deref for World {
    type Target = MemoryServices;

    fn deref(&self) -> &MemoryServices {
        &self.services
    }
}

impl World {
    /// Calls an operation, which may use only what it declares.
    pub async fn call<O: Operation<MemoryServices>>(&self, payload: Value) -> Result<Outcome<O::Success>, Fault> {
        self.services.declare(O::NEEDS);
        let audit = AuditTrail::new(O::CONTRACT.name, &self.audit_keys, || Duration::ZERO);
        let outcome = handle::<O, _>(&payload.to_string(), &self.services, &audit).await;
        self.record.replace(audit.into_record());
        outcome
    }

    pub async fn create_user(&self, email: &str, password: &str) -> Result<Outcome<Done>, Fault> {
        self.create_user_raw(json!({ "email": email, "password": password })).await
    }

    pub async fn create_user_raw(&self, payload: Value) -> Result<Outcome<Done>, Fault> {
        self.call::<CreateUser>(payload).await
    }

    pub async fn verify_user(&self, email: &str, token: &str) -> Outcome<Done> {
        self.call_verify_user(email, token).await.expect("no fault")
    }

    pub async fn call_verify_user(&self, email: &str, token: &str) -> Result<Outcome<Done>, Fault> {
        self.call::<VerifyUser>(json!({ "email": email, "verify": token })).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Outcome<LoggedIn> {
        self.call_login(email, password).await.expect("no fault")
    }

    pub async fn call_login(&self, email: &str, password: &str) -> Result<Outcome<LoggedIn>, Fault> {
        self.call::<Login>(json!({ "email": email, "password": password })).await
    }

    pub async fn change_password(&self, email: &str, old: &str, new: &str) -> Outcome<Done> {
        self.call_change_password(email, old, new).await.expect("no fault")
    }

    pub async fn call_change_password(&self, email: &str, old: &str, new: &str) -> Result<Outcome<Done>, Fault> {
        let payload = json!({ "email": email, "oldPassword": old, "newPassword": new });
        self.call::<ChangePassword>(payload).await.map(without_device)
    }

    /// Changes a password on a device that has this token, or none yet.
    pub async fn change_on(&self, email: &str, old: &str, new: &str, device: &str) -> Outcome<Changed> {
        let payload = json!({ "email": email, "oldPassword": old, "newPassword": new, "device": device });
        self.call::<ChangePassword>(payload).await.expect("no fault")
    }

    /// Logs in on a device that has this token, or none yet.
    pub async fn login_on(&self, email: &str, password: &str, device: &str) -> Outcome<LoggedIn> {
        self.call_login_on(email, password, device).await.expect("no fault")
    }

    pub async fn call_login_on(&self, email: &str, password: &str, device: &str) -> Result<Outcome<LoggedIn>, Fault> {
        self.call::<Login>(json!({ "email": email, "password": password, "device": device })).await
    }

    /// The token of a device that logs in for the first time.
    pub async fn known_device(&self, email: &str, password: &str) -> String {
        device(&self.login_on(email, password, "").await)
    }

    /// Verifies with the password.
    pub async fn verify_with(&self, email: &str, token: &str, password: &str) -> Outcome<Done> {
        let payload = json!({ "email": email, "verify": token, "password": password });
        self.call::<VerifyUser>(payload).await.expect("no fault")
    }

    pub async fn lost_password(&self, email: &str) -> Result<Outcome<Done>, Fault> {
        self.call::<LostPassword>(json!({ "email": email })).await
    }

    pub async fn reset_password(&self, email: &str, token: &str, password: &str) -> Outcome<Done> {
        self.call_reset_password(email, token, password).await.expect("no fault")
    }

    pub async fn call_reset_password(&self, email: &str, token: &str, password: &str) -> Result<Outcome<Done>, Fault> {
        let payload = json!({ "email": email, "lost": token, "password": password });
        self.call::<ResetPassword>(payload).await.map(without_device)
    }

    /// Resets a password on a device that has this token, or none yet.
    pub async fn reset_on(&self, email: &str, token: &str, password: &str, device: &str) -> Outcome<Changed> {
        let payload = json!({ "email": email, "lost": token, "password": password, "device": device });
        self.call::<ResetPassword>(payload).await.expect("no fault")
    }

    /// Waits until another mail may be sent.
    pub fn wait(&self) {
        self.clock.advance(61);
    }

    /// Delivers what was handed over, and takes the mails that were sent since the last look.
    pub async fn mails(&self) -> Vec<Mail> {
        for end in self.services.deliver().await {
            end.expect("nothing has to be tried again");
        }
        self.mailer.take_sent()
    }

    /// The token of the only mail that was sent since the last look.
    pub async fn mailed_token(&self) -> String {
        let mails = self.mails().await;
        let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
        let link = mail.text.lines().find(|line| line.starts_with("https://")).expect("a link");
        link.rsplit_once('=').expect("a token").1.to_owned()
    }

    pub async fn verified(&self, email: &str, password: &str) {
        assert_eq!(self.create_user(email, password).await, Ok(DONE));
        assert_eq!(self.verify_user(email, &self.mailed_token().await).await, DONE);
    }

    pub fn user(&self, email: &str) -> Option<User> {
        self.users.get(&Email::parse(email).expect("an address"))
    }
}

/// The answer of an operation, as its callers see it.
pub fn to_json<O: Operation<MemoryServices>>(outcome: &Outcome<impl Serialize>) -> Value {
    outcome.to_json(O::CONTRACT)
}

/// The answer to a caller that did not send the field `device`.
fn without_device(outcome: Outcome<Changed>) -> Outcome<Done> {
    match outcome {
        Outcome::Success(Changed { device }) => {
            assert_eq!(device, None, "handed out to a caller that does not know it");
            DONE
        }
        Outcome::Refused(refusal) => Outcome::Refused(refusal),
    }
}

/// The device token of a login.
pub fn device(outcome: &Outcome<LoggedIn>) -> String {
    let Outcome::Success(LoggedIn { device: Some(token), .. }) = outcome else { panic!("no token: {outcome:?}") };
    token.as_str().to_owned()
}

/// The device token of a new password.
pub fn new_device(outcome: &Outcome<Changed>) -> String {
    let Outcome::Success(Changed { device: Some(token) }) = outcome else { panic!("no token: {outcome:?}") };
    token.as_str().to_owned()
}

pub fn identity(outcome: &Outcome<LoggedIn>) -> &str {
    let Outcome::Success(LoggedIn { token, .. }) = outcome else { panic!("not logged in: {outcome:?}") };
    &token.identity_id
}

/// A record that the SampleAuth sample wrote, with the password `wonderland`.
pub fn legacy_user(verified: bool, verify_token: Option<&str>) -> User {
    let (salt, hash) =
        include_str!("../../../salting/tests/sample_vector.txt").trim().split_once('\n').expect("two lines");
    let password = StoredHash::Legacy(LegacyHash { hash: hash.to_owned(), salt: salt.to_owned() });
    User {
        verified,
        verification: verify_token.map(|token| PendingVerification::Plain(Token::from_stored(token.to_owned()))),
        ..User::new(UserId::from_stored(ADA.to_owned()), password)
    }
}
