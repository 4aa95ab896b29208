//! The whole service in memory, for tests that live through it.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test binary uses what it needs")]

use latchkey_auth::memory::{
    MemoryBreaches, MemoryClock, MemoryEntropy, MemoryIdentities, MemoryLimits, MemoryMailer, MemoryUsers,
};
use latchkey_auth::{
    Answer, ChangePassword, CreateUser, Email, Fault, Findings, Letters, Login, LostPassword, Operation, Passwords,
    PendingVerification, ResetPassword, Token, Trail, User, UserId, VerifyUser, handle,
};
use latchkey_salting::{SampleHash, Scheme, StoredHash};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::Duration;

pub const ADA: &str = "ada@example.com";
pub const PASSWORD: &str = "correct horse";
pub const OTHER: &str = "battery staple";
pub const HOUR: u64 = 60 * 60;

/// The whole service in memory.
pub struct World {
    pub users: MemoryUsers,
    pub limits: MemoryLimits,
    pub mailer: MemoryMailer,
    pub clock: MemoryClock,
    pub entropy: MemoryEntropy,
    pub passwords: Passwords,
    pub breaches: MemoryBreaches,
    pub reveal_accounts: bool,
    /// Of the last call.
    pub findings: RefCell<Findings>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            users: MemoryUsers::default(),
            limits: MemoryLimits::default(),
            mailer: MemoryMailer::default(),
            clock: MemoryClock::default(),
            entropy: MemoryEntropy::default(),
            // The quickest that is allowed.
            passwords: Passwords { scheme: Scheme::Argon2id, ..Passwords::default() },
            breaches: MemoryBreaches::default(),
            reveal_accounts: false,
            findings: RefCell::default(),
        }
    }
}

impl World {
    pub fn letters() -> Letters {
        Letters::new("Example")
    }

    pub fn create_user(&self) -> impl Operation {
        CreateUser {
            users: &self.users,
            limits: &self.limits,
            mailer: &self.mailer,
            breaches: &self.breaches,
            clock: &self.clock,
            entropy: &self.entropy,
            passwords: self.passwords.clone(),
            letters: Self::letters(),
            verification_page: "https://pages.example/verify.html".to_owned(),
            unverified_seconds: 7 * 24 * HOUR,
            reveal_accounts: self.reveal_accounts,
        }
    }

    pub fn verify_user(&self) -> impl Operation {
        VerifyUser { users: &self.users, limits: &self.limits, clock: &self.clock }
    }

    pub fn log_in(&self) -> impl Operation {
        Login {
            users: &self.users,
            limits: &self.limits,
            mailer: &self.mailer,
            identities: MemoryIdentities,
            clock: &self.clock,
            entropy: &self.entropy,
            passwords: self.passwords.clone(),
            letters: Self::letters(),
        }
    }

    pub fn change_password(&self) -> impl Operation {
        ChangePassword {
            users: &self.users,
            limits: &self.limits,
            mailer: &self.mailer,
            breaches: &self.breaches,
            clock: &self.clock,
            entropy: &self.entropy,
            passwords: self.passwords.clone(),
            letters: Self::letters(),
        }
    }

    pub fn lost_password(&self) -> impl Operation {
        LostPassword {
            users: &self.users,
            limits: &self.limits,
            mailer: &self.mailer,
            clock: &self.clock,
            entropy: &self.entropy,
            letters: Self::letters(),
            reset_page: "https://pages.example/resetPassword.html".to_owned(),
            reveal_accounts: self.reveal_accounts,
        }
    }

    pub fn reset_password(&self) -> impl Operation {
        ResetPassword {
            users: &self.users,
            limits: &self.limits,
            mailer: &self.mailer,
            breaches: &self.breaches,
            clock: &self.clock,
            entropy: &self.entropy,
            passwords: self.passwords.clone(),
            letters: Self::letters(),
        }
    }

    pub async fn call<O: Operation>(&self, operation: O, payload: Value) -> Result<Answer, Fault> {
        let trail = Trail::new(|| Duration::ZERO);
        let outcome = handle(&operation, &payload.to_string(), &trail).await;
        self.findings.replace(trail.findings());
        outcome
    }

    pub async fn sign_up(&self, email: &str, password: &str) -> Result<Answer, Fault> {
        self.sign_up_raw(json!({ "email": email, "password": password })).await
    }

    pub async fn sign_up_raw(&self, payload: Value) -> Result<Answer, Fault> {
        self.call(self.create_user(), payload).await
    }

    pub async fn verify(&self, email: &str, token: &str) -> Answer {
        self.call_verify(email, token).await.expect("no fault")
    }

    pub async fn call_verify(&self, email: &str, token: &str) -> Result<Answer, Fault> {
        self.call(self.verify_user(), json!({ "email": email, "verify": token })).await
    }

    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.call_login(email, password).await.expect("no fault")
    }

    pub async fn call_login(&self, email: &str, password: &str) -> Result<Answer, Fault> {
        self.call(self.log_in(), json!({ "email": email, "password": password })).await
    }

    pub async fn change(&self, email: &str, old: &str, new: &str) -> Answer {
        self.call_change(email, old, new).await.expect("no fault")
    }

    pub async fn call_change(&self, email: &str, old: &str, new: &str) -> Result<Answer, Fault> {
        let payload = json!({ "email": email, "oldPassword": old, "newPassword": new });
        self.call(self.change_password(), payload).await
    }

    pub async fn lose(&self, email: &str) -> Result<Answer, Fault> {
        self.call(self.lost_password(), json!({ "email": email })).await
    }

    pub async fn reset(&self, email: &str, token: &str, password: &str) -> Answer {
        self.call_reset(email, token, password).await.expect("no fault")
    }

    pub async fn call_reset(&self, email: &str, token: &str, password: &str) -> Result<Answer, Fault> {
        let payload = json!({ "email": email, "lost": token, "password": password });
        self.call(self.reset_password(), payload).await
    }

    /// Waits until another mail may be sent.
    pub fn wait(&self) {
        self.clock.advance(61);
    }

    /// The token of the only mail that was sent since the last look.
    pub fn mailed_token(&self) -> String {
        let mails = self.mailer.take();
        let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
        let link = mail.text.lines().find(|line| line.starts_with("https://")).expect("a link");
        link.rsplit_once('=').expect("a token").1.to_owned()
    }

    pub async fn verified(&self, email: &str, password: &str) {
        assert_eq!(self.sign_up(email, password).await, Ok(Answer::Done));
        assert_eq!(self.verify(email, &self.mailed_token()).await, Answer::Done);
    }

    pub fn user(&self, email: &str) -> Option<User> {
        self.users.get(&Email::parse(email).expect("an address"))
    }
}

pub fn identity(answer: &Answer) -> &str {
    let Answer::LoggedIn(login) = answer else { panic!("not logged in: {answer:?}") };
    &login.identity_id
}

pub fn sample_user(verified: bool, verify_token: Option<&str>) -> User {
    let (salt, hash) =
        include_str!("../../../salting/tests/sample_vector.txt").trim().split_once('\n').expect("two lines");
    User {
        user_id: UserId::from_stored(ADA.to_owned()),
        password: StoredHash::Sample(SampleHash { hash: hash.to_owned(), salt: salt.to_owned() }),
        verified,
        verification: verify_token.map(|token| PendingVerification::Plain(Token::from_stored(token.to_owned()))),
        reset: None,
    }
}
