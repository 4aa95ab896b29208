//! Random sequences of requests, with faults in between: the service behaves like a model of it that fits on a page. The
//! model knows addresses, passwords and links by name, but no hashes, records or conditions.

mod world;

use latchkey_auth::delivery::SendError;
use latchkey_auth::throttle::{
    Attempt, CountAttempt, FORGOTTEN_AFTER, MOST_DEVICE_FAILURES, MOST_DEVICE_FAILURES_IN_A_ROW, MOST_FAILURES,
    Throttle,
};
use latchkey_auth::{
    Cause, ChangePassword, Clock, DeviceToken, Email, Fault, Login, MAX_RESET_LINKS, MOST_VERIFY_TRIES, Outcome,
    Reason, Requirements, ResetPassword, VerifyUser,
};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use world::{DONE, HOUR, World, identity};

const EMAILS: [&str; 2] = ["ada@example.com", "bob@example.com"];
const PASSWORDS: [&str; 3] = ["correct horse", "battery staple", "tr0ub4dor and three"];

const DAY: u64 = 24 * HOUR;

#[derive(Clone, Debug)]
enum Step {
    CreateUser {
        who: usize,
        password: usize,
    },
    VerifyUser {
        who: usize,
        link: usize,
        password: Option<usize>,
    },
    Login {
        who: usize,
        password: usize,
        device: usize,
    },
    ChangePassword {
        who: usize,
        old: usize,
        new: usize,
        device: usize,
    },
    LostPassword {
        who: usize,
    },
    ResetPassword {
        who: usize,
        link: usize,
        password: usize,
        device: usize,
    },
    /// A stranger guesses nearly a hundred times, with so much time in between that nobody has to wait.
    PatientStranger {
        who: usize,
    },
    /// Time passes.
    Wait {
        seconds: u64,
    },
    /// In the next request, the table fails from this call on.
    TableFails {
        from_call: u32,
    },
    /// In the next request, no mail can be handed over.
    OutboxFails,
    /// The mails of the next request are refused.
    MailerRefuses,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..EMAILS.len();
    let password = || 0..PASSWORDS.len();
    // Of the links that were mailed, the latest ones matter; one choice is a link that never was.
    let link = || 0..4_usize;
    // Not sent, none yet, and the latest device tokens that were handed out.
    let device = || 0..5_usize;
    prop_oneof![
        4 => (who.clone(), password()).prop_map(|(who, password)| Step::CreateUser { who, password }),
        4 => (who.clone(), link(), prop::option::of(password()))
            .prop_map(|(who, link, password)| Step::VerifyUser { who, link, password }),
        6 => (who.clone(), password(), device())
            .prop_map(|(who, password, device)| Step::Login { who, password, device }),
        3 => (who.clone(), password(), password(), device())
            .prop_map(|(who, old, new, device)| Step::ChangePassword { who, old, new, device }),
        1 => who.clone().prop_map(|who| Step::PatientStranger { who }),
        3 => who.clone().prop_map(|who| Step::LostPassword { who }),
        4 => (who, link(), password(), device())
            .prop_map(|(who, link, password, device)| Step::ResetPassword { who, link, password, device }),
        4 => prop_oneof![Just(2), Just(61), Just(20 * 60), Just(HOUR + 1), Just(DAY + 1)]
            .prop_map(|seconds| Step::Wait { seconds }),
        1 => (0..2_u32).prop_map(|from_call| Step::TableFails { from_call }),
        1 => Just(Step::OutboxFails),
        1 => Just(Step::MailerRefuses),
    ]
}

/// What the model knows of an account.
#[derive(Clone, Debug)]
struct Account {
    password: usize,
    verified: bool,
    /// The number of passwords that replaced another one.
    generation: u32,
    /// The failures of known devices with this password.
    device_failures: u32,
    /// The passwords that were tried with the verification link.
    tries: u32,
    /// Tells accounts that had the same address apart.
    serial: usize,
    /// A link with its expiry.
    verify: Option<(String, u64)>,
    /// The reset links that are out, with their expiry, the newest first.
    resets: Vec<(String, u64)>,
}

/// A device token that was handed out.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    who: usize,
    serial: usize,
    generation: u32,
    device: usize,
}

#[derive(Default)]
struct Model {
    now: u64,
    serials: usize,
    accounts: BTreeMap<usize, Account>,
    /// Every link that was ever mailed to an address, the latest first.
    links: Vec<String>,
    /// Every device token that was handed out, the latest first.
    tokens: Vec<Token>,
    /// The failures in a row of each device.
    rows: Vec<u32>,
    /// The failures at each address since the last new password, but those of known devices.
    failures: [u32; EMAILS.len()],
    /// The identity of each account that has logged in.
    identities: BTreeMap<usize, String>,
    table_fails_from: Option<u32>,
    outbox_fails: bool,
    mailer_refuses: bool,
}

impl Model {
    /// The link that a step chooses: one of the latest three that were mailed, or one that never was.
    fn link(&self, choice: usize) -> String {
        self.links.get(choice).cloned().unwrap_or_else(|| "a-link-that-nobody-was-mailed".to_owned())
    }

    /// The token that a step chooses; `None` if the field is not sent.
    fn token(&self, choice: usize) -> Option<String> {
        (choice > 0)
            .then(|| self.tokens.get(choice.wrapping_sub(2)).map(|token| token.text.clone()).unwrap_or_default())
    }

    /// The device, if this token makes it a known one at this address.
    fn known(&self, who: usize, token: Option<&str>) -> Option<usize> {
        let account = self.accounts.get(&who)?;
        let token = self.tokens.iter().find(|known| Some(&*known.text) == token)?;
        let fits = (token.who, token.serial, token.generation) == (who, account.serial, account.generation);
        let trusted =
            account.device_failures < MOST_DEVICE_FAILURES && self.rows[token.device] < MOST_DEVICE_FAILURES_IN_A_ROW;
        (fits && trusted).then_some(token.device)
    }

    /// Whether an attempt from no known device is told nothing.
    fn closed(&self, who: usize, known: Option<usize>) -> bool {
        known.is_none() && self.failures[who] >= MOST_FAILURES
    }

    /// Counts an attempt as a failure, which a success takes back.
    fn count(&mut self, who: usize, known: Option<usize>) {
        match known {
            Some(device) => self.rows[device] += 1,
            None => self.failures[who] += 1,
        }
    }

    fn succeed(&mut self, who: usize, known: Option<usize>) {
        match known {
            Some(device) => self.rows[device] = 0,
            None => self.failures[who] -= 1,
        }
    }

    /// Counts a failure of a known device on its account.
    fn fail(&mut self, who: usize, known: Option<usize>) {
        if let (Some(_), Some(account)) = (known, self.accounts.get_mut(&who)) {
            account.device_failures += 1;
        }
    }

    /// Holds the token of an answer against what it should be.
    fn keep_token(&mut self, who: usize, sent: Option<&str>, known: Option<usize>, handed_out: Option<&DeviceToken>) {
        assert_eq!(handed_out.is_some(), sent.is_some(), "only for callers that send the field");
        let Some(text) = handed_out.map(|token| token.as_str().to_owned()) else { return };
        let device = known.unwrap_or_else(|| {
            self.rows.push(0);
            self.rows.len() - 1
        });
        let account = &self.accounts[&who];
        let token = Token { text, who, serial: account.serial, generation: account.generation, device };
        match self.tokens.iter().find(|former| former.text == token.text) {
            Some(former) => assert_eq!(former.device, token.device),
            None => self.tokens.insert(0, token),
        }
    }

    fn refused<T>(answer: &Outcome<T>, reason: Reason) {
        assert_eq!(answer.reason(), Some(reason));
    }
}

struct Run {
    world: World,
    model: Model,
}

impl Run {
    /// Applies the faults of the steps before to the next request only.
    fn break_things(&mut self) {
        self.world.users.fail_from(self.model.table_fails_from.take());
        self.world.mailer.fail(std::mem::take(&mut self.model.outbox_fails));
    }

    fn mend_things(&self) -> bool {
        self.world.users.fail_from(None);
        let failing = self.world.mailer.is_failing();
        self.world.mailer.fail(false);
        failing
    }

    /// Delivers what was handed over, and takes the links from the mails. Returns how much was handed over, and the latest link.
    async fn read_mails(&mut self) -> (usize, Option<String>) {
        let refuses = std::mem::take(&mut self.model.mailer_refuses);
        self.world.mailer.fail_sending(refuses.then(|| SendError::Refused(Cause::code("memory"))));
        let ends = self.world.services.deliver().await;
        let mut latest = None;
        for mail in self.world.mailer.take_sent() {
            let link = mail.text.lines().find(|line| line.starts_with("https://pages."));
            if let Some((_, token)) = link.and_then(|link| link.rsplit_once('=')) {
                latest = Some(token.to_owned());
                self.model.links.insert(0, token.to_owned());
            }
        }
        (ends.len(), latest)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Wait { seconds } => {
                self.world.clock.advance(seconds);
                self.model.now += seconds;
                return;
            }
            Step::TableFails { from_call } => {
                self.model.table_fails_from = Some(from_call);
                return;
            }
            Step::OutboxFails => {
                self.model.outbox_fails = true;
                return;
            }
            Step::MailerRefuses => {
                self.model.mailer_refuses = true;
                return;
            }
            Step::PatientStranger { who } => {
                // No hash is needed for what the throttle counts.
                let email = Email::parse(EMAILS[who]).expect("an address");
                self.world.services.declare(Login::NEEDS);
                for _guess in 1..MOST_FAILURES {
                    let guess = self.world.count_attempt(Throttle::Password(&email), self.world.now()).await;
                    self.model.failures[who] += u32::from(matches!(guess, Ok(Attempt::Counted { .. })));
                    self.world.clock.advance(FORGOTTEN_AFTER);
                    self.model.now += FORGOTTEN_AFTER;
                }
                return;
            }
            _ => {}
        }
        self.break_things();
        match step {
            Step::CreateUser { who, password } => self.create_user(who, password).await,
            Step::VerifyUser { who, link, password } => self.verify_user(who, link, password).await,
            Step::Login { who, password, device } => self.login(who, password, device).await,
            Step::ChangePassword { who, old, new, device } => self.change_password(who, old, new, device).await,
            Step::LostPassword { who } => self.lost_password(who).await,
            Step::ResetPassword { who, link, password, device } => {
                self.reset_password(who, link, password, device).await;
            }
            Step::Wait { .. }
            | Step::TableFails { .. }
            | Step::OutboxFails
            | Step::MailerRefuses
            | Step::PatientStranger { .. } => {}
        }
        self.compare();
    }

    /// Compares the records with what the model knows.
    fn compare(&self) {
        for (who, email) in EMAILS.iter().enumerate() {
            let (stored, expected) = (self.world.user(email), self.model.accounts.get(&who));
            assert_eq!(stored.is_some(), expected.is_some());
            if let (Some(stored), Some(expected)) = (stored, expected) {
                assert_eq!(stored.verified, expected.verified);
                assert_eq!(stored.resets.len(), expected.resets.len());
                assert_eq!(
                    (stored.password_generation, stored.device_failures, stored.verify_tries),
                    (expected.generation, expected.device_failures, expected.tries)
                );
            }
        }
    }

    async fn create_user(&mut self, who: usize, password: usize) {
        let answer = self.world.create_user(EMAILS[who], PASSWORDS[password]).await;
        let outbox_failed = self.mend_things();
        let (mails, link) = self.read_mails().await;
        if answer.as_ref().is_ok_and(|answer| answer.reason() == Some(Reason::TooManyMails)) || table_failed(&answer) {
            assert_eq!(mails, 0);
            return;
        }
        let taken = self.model.accounts.get(&who).is_some_and(|account| account.verified);
        if !taken {
            self.model.serials += 1;
            let account = Account {
                password,
                verified: false,
                generation: 0,
                device_failures: 0,
                tries: 0,
                serial: self.model.serials,
                // Nobody knows the link of a mail that was not sent.
                verify: link.map(|token| (token, self.model.now + DAY)),
                // Sign-ups void no reset link.
                resets: self.model.accounts.get(&who).map(|old| old.resets.clone()).unwrap_or_default(),
            };
            self.model.accounts.insert(who, account);
        }
        if outbox_failed {
            assert!(matches!(answer, Err(Fault::Mailer(_))));
        } else {
            // The same answer and one request, whether or not the address has an account.
            assert_eq!((answer, mails), (Ok(DONE), 1));
        }
    }

    async fn verify_user(&mut self, who: usize, link: usize, password: Option<usize>) {
        let token = self.model.link(link);
        let mut payload = json!({ "email": EMAILS[who], "verify": token });
        if let Some(password) = password {
            payload["password"] = json!(PASSWORDS[password]);
        }
        let answer = self.world.call::<VerifyUser>(payload).await;
        self.mend_things();
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        let now = self.model.now;
        let account = self.model.accounts.get_mut(&who);
        match account.filter(|account| account.verify.as_ref().is_some_and(|(is, end)| *is == token && now < *end)) {
            Some(account) if account.verified => assert_eq!(answer, DONE),
            Some(account) if account.tries >= MOST_VERIFY_TRIES => Model::refused(&answer, Reason::InvalidToken),
            Some(account) => {
                account.tries += u32::from(password.is_some());
                if password.is_some_and(|password| password != account.password) {
                    Model::refused(&answer, Reason::InvalidCredentials);
                } else {
                    assert_eq!(answer, DONE);
                    account.verified = true;
                    account.tries = 0;
                    self.model.failures[who] = 0;
                }
            }
            None => assert!(matches!(answer.reason(), Some(Reason::InvalidToken | Reason::TooManyAttempts))),
        }
    }

    /// Counts the attempt that the last call made, if it was counted. Returns whether the right password is told so.
    fn count(&mut self, who: usize, known: Option<usize>) -> bool {
        let closed = self.model.closed(who, known);
        if self.world.record.borrow().attempt.is_some() {
            self.model.count(who, known);
        }
        !closed
    }

    async fn login(&mut self, who: usize, password: usize, device: usize) {
        let sent = self.model.token(device);
        let known = self.model.known(who, sent.as_deref());
        let payload = json!({ "email": EMAILS[who], "password": PASSWORDS[password], "device": sent });
        let answer = self.world.call::<Login>(payload).await;
        self.mend_things();
        let _ = self.read_mails().await;
        let open = self.count(who, known);
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        if answer.reason() == Some(Reason::TooManyAttempts) {
            return;
        }
        match self.model.accounts.get(&who).filter(|account| open && account.password == password) {
            Some(account) if account.verified => {
                // Always the same identity for an account, and never another account's.
                let serial = account.serial;
                let first = self.model.identities.entry(serial).or_insert_with(|| identity(&answer).to_owned());
                assert_eq!(first, identity(&answer));
                let others = self.model.identities.iter().filter(|(other, _)| **other != serial);
                assert!(others.into_iter().all(|(_, other)| other != identity(&answer)));
                self.model.succeed(who, known);
                let Outcome::Success(success) = &answer else { panic!("{answer:?}") };
                self.model.keep_token(who, sent.as_deref(), known, success.device.as_ref());
            }
            Some(_) => {
                Model::refused(&answer, Reason::NotVerified);
                self.model.succeed(who, known);
            }
            None => {
                Model::refused(&answer, Reason::InvalidCredentials);
                self.model.fail(who, known);
            }
        }
    }

    async fn change_password(&mut self, who: usize, old: usize, new: usize, device: usize) {
        let sent = self.model.token(device);
        let known = self.model.known(who, sent.as_deref());
        let payload = json!({
            "email": EMAILS[who], "oldPassword": PASSWORDS[old], "newPassword": PASSWORDS[new], "device": sent,
        });
        let answer = self.world.call::<ChangePassword>(payload).await;
        let outbox_failed = self.mend_things();
        let (mails, _) = self.read_mails().await;
        let open = self.count(who, known);
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        if answer.reason() == Some(Reason::TooManyAttempts) {
            assert_eq!(mails, 0);
            if self.world.record.borrow().attempt.is_some() {
                // The password was right, and the changes of this hour are used up.
                self.model.succeed(who, known);
            }
            return;
        }
        match self.model.accounts.get_mut(&who).filter(|account| open && account.password == old) {
            Some(account) if account.verified => {
                assert_eq!(answer.reason(), None);
                assert_eq!(mails, usize::from(!outbox_failed), "the owner hears of it");
                // Changes void no reset link.
                account.password = new;
                account.generation += 1;
                account.device_failures = 0;
                self.model.failures[who] = 0;
                if let Some(device) = known {
                    self.model.rows[device] = 0;
                }
                let Outcome::Success(success) = &answer else { panic!("{answer:?}") };
                self.model.keep_token(who, sent.as_deref(), known, success.device.as_ref());
            }
            Some(_) => {
                Model::refused(&answer, Reason::NotVerified);
                self.model.succeed(who, known);
            }
            None => {
                Model::refused(&answer, Reason::InvalidCredentials);
                self.model.fail(who, known);
            }
        }
    }

    async fn lost_password(&mut self, who: usize) {
        let answer = self.world.lost_password(EMAILS[who]).await;
        let outbox_failed = self.mend_things();
        let (mails, link) = self.read_mails().await;
        if answer.as_ref().is_ok_and(|answer| answer.reason() == Some(Reason::TooManyMails)) || table_failed(&answer) {
            assert_eq!(mails, 0);
            return;
        }
        if let Some(account) = self.model.accounts.get_mut(&who) {
            // Requests void no link. Nobody knows one that was not sent, but it has its place.
            account.resets.insert(0, (link.unwrap_or_default(), self.model.now + HOUR));
            account.resets.truncate(MAX_RESET_LINKS);
        }
        if outbox_failed {
            assert!(matches!(answer, Err(Fault::Mailer(_))));
        } else {
            // One request, if only without a recipient.
            assert_eq!((answer, mails), (Ok(DONE), 1));
        }
    }

    async fn reset_password(&mut self, who: usize, link: usize, password: usize, device: usize) {
        let (token, sent) = (self.model.link(link), self.model.token(device));
        let payload = json!({ "email": EMAILS[who], "lost": token, "password": PASSWORDS[password], "device": sent });
        let answer = self.world.call::<ResetPassword>(payload).await;
        let outbox_failed = self.mend_things();
        let (mails, _) = self.read_mails().await;
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        let now = self.model.now;
        let account = self.model.accounts.get_mut(&who);
        match account.filter(|account| account.resets.iter().any(|(is, end)| *is == token && now < *end)) {
            Some(account) => {
                assert_eq!(answer.reason(), None);
                assert_eq!(mails, usize::from(!outbox_failed), "the owner hears of it");
                account.password = password;
                account.generation += 1;
                account.device_failures = 0;
                account.tries = 0;
                if !account.verified {
                    // The account of a stranger, perhaps, ends here.
                    self.model.serials += 1;
                    account.serial = self.model.serials;
                }
                account.verified = true;
                account.verify = None;
                account.resets.clear();
                self.model.failures[who] = 0;
                let Outcome::Success(success) = &answer else { panic!("{answer:?}") };
                self.model.keep_token(who, sent.as_deref(), None, success.device.as_ref());
            }
            None => assert!(matches!(answer.reason(), Some(Reason::InvalidToken | Reason::TooManyAttempts))),
        }
    }
}

/// Returns true if the table failed, in which case nothing may have changed.
fn table_failed<T>(answer: &Result<Outcome<T>, Fault>) -> bool {
    answer.as_ref().err() == Some(&Fault::Table(Cause::code("memory")))
}

proptest! {
    // Each case computes some twenty real hashes. PROPTEST_CASES sets their number.
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn any_sequence_of_requests_and_faults_ends_as_the_model_says(steps in prop::collection::vec(step(), 1..40)) {
        let event_loop = tokio::runtime::Builder::new_current_thread().build().expect("an event loop");
        event_loop.block_on(async {
            let mut run = Run { world: World::default(), model: Model::default() };
            run.world.wait();
            run.model.now += 61;
            for step in steps {
                run.take(step).await;
            }
        });
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

#[tokio::test]
async fn the_model_is_reached_everywhere() {
    // A handwritten sequence, so that a model that expects nothing cannot pass.
    let mut run = Run { world: World::default(), model: Model::default() };
    let create_user = Step::CreateUser { who: 0, password: 0 };
    for step in [
        create_user.clone(),
        Step::VerifyUser { who: 1, link: 0, password: None },
        Step::VerifyUser { who: 0, link: 0, password: Some(1) },
        Step::VerifyUser { who: 0, link: 0, password: Some(0) },
        Step::Login { who: 0, password: 0, device: 0 },
        Step::Login { who: 0, password: 0, device: 1 },
        Step::Wait { seconds: 61 },
        Step::LostPassword { who: 0 },
        Step::ResetPassword { who: 1, link: 0, password: 1, device: 0 },
        Step::ResetPassword { who: 0, link: 0, password: 1, device: 1 },
        Step::Login { who: 0, password: 1, device: 2 },
        // Closed to others, and not to this device.
        Step::PatientStranger { who: 0 },
        Step::Login { who: 0, password: 0, device: 0 },
        Step::Login { who: 0, password: 1, device: 0 },
        Step::Login { who: 0, password: 1, device: 2 },
        Step::ChangePassword { who: 0, old: 1, new: 2, device: 2 },
        Step::Wait { seconds: HOUR },
        create_user,
    ] {
        run.take(step).await;
    }
    let account = &run.model.accounts[&0];
    assert!(account.verified && account.password == 2);
    assert_eq!(run.model.identities.len(), 1);
    assert_eq!(run.model.failures, [0, 0], "the account was closed, and the change reopened it");
    let devices: Vec<_> = run.model.tokens.iter().map(|token| (token.device, token.generation)).collect();
    assert_eq!(devices, [(1, 2), (1, 1), (0, 0)], "the latest token first");
    assert_eq!(run.world.call_login(EMAILS[0], PASSWORDS[2]).await.expect("no fault").reason(), None);
}
