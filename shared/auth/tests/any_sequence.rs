//! Random sequences of requests, with faults in between: the service behaves like a model of it that fits on a page. The
//! model knows addresses, passwords and links by name, but no hashes, records or conditions.

mod world;

use latchkey_auth::delivery::SendError;
use latchkey_auth::{Cause, Fault, MAX_RESET_LINKS, Outcome, Reason};
use proptest::prelude::*;
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
    },
    Login {
        who: usize,
        password: usize,
    },
    ChangePassword {
        who: usize,
        old: usize,
        new: usize,
    },
    LostPassword {
        who: usize,
    },
    ResetPassword {
        who: usize,
        link: usize,
        password: usize,
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
    prop_oneof![
        4 => (who.clone(), password()).prop_map(|(who, password)| Step::CreateUser { who, password }),
        4 => (who.clone(), link()).prop_map(|(who, link)| Step::VerifyUser { who, link }),
        5 => (who.clone(), password()).prop_map(|(who, password)| Step::Login { who, password }),
        3 => (who.clone(), password(), password()).prop_map(|(who, old, new)| Step::ChangePassword { who, old, new }),
        3 => who.clone().prop_map(|who| Step::LostPassword { who }),
        4 => (who, link(), password()).prop_map(|(who, link, password)| Step::ResetPassword { who, link, password }),
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
    /// Tells accounts that had the same address apart.
    serial: usize,
    /// A link with its expiry.
    verify: Option<(String, u64)>,
    /// The reset links that are out, with their expiry, the newest first.
    resets: Vec<(String, u64)>,
}

#[derive(Default)]
struct Model {
    now: u64,
    serials: usize,
    accounts: BTreeMap<usize, Account>,
    /// Every link that was ever mailed to an address, the latest first.
    links: Vec<String>,
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
            _ => {}
        }
        self.break_things();
        match step {
            Step::CreateUser { who, password } => self.create_user(who, password).await,
            Step::VerifyUser { who, link } => self.verify_user(who, link).await,
            Step::Login { who, password } => self.login(who, password).await,
            Step::ChangePassword { who, old, new } => self.change_password(who, old, new).await,
            Step::LostPassword { who } => self.lost_password(who).await,
            Step::ResetPassword { who, link, password } => self.reset_password(who, link, password).await,
            Step::Wait { .. } | Step::TableFails { .. } | Step::OutboxFails | Step::MailerRefuses => {}
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

    async fn verify_user(&mut self, who: usize, link: usize) {
        let token = self.model.link(link);
        let answer = self.world.call_verify_user(EMAILS[who], &token).await;
        self.mend_things();
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        let now = self.model.now;
        let account = self.model.accounts.get_mut(&who);
        match account.filter(|account| account.verify.as_ref().is_some_and(|(is, end)| *is == token && now < *end)) {
            Some(account) => {
                assert_eq!(answer, DONE);
                account.verified = true;
            }
            None => assert!(matches!(answer.reason(), Some(Reason::InvalidToken | Reason::TooManyAttempts))),
        }
    }

    async fn login(&mut self, who: usize, password: usize) {
        let answer = self.world.call_login(EMAILS[who], PASSWORDS[password]).await;
        self.mend_things();
        let _ = self.read_mails().await;
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        if answer.reason() == Some(Reason::TooManyAttempts) {
            return;
        }
        match self.model.accounts.get(&who).filter(|account| account.password == password) {
            Some(account) if account.verified => {
                // Always the same identity for an account, and never another account's.
                let serial = account.serial;
                let first = self.model.identities.entry(serial).or_insert_with(|| identity(&answer).to_owned());
                assert_eq!(first, identity(&answer));
                let others = self.model.identities.iter().filter(|(other, _)| **other != serial);
                assert!(others.into_iter().all(|(_, other)| other != identity(&answer)));
            }
            Some(_) => Model::refused(&answer, Reason::NotVerified),
            None => Model::refused(&answer, Reason::InvalidCredentials),
        }
    }

    async fn change_password(&mut self, who: usize, old: usize, new: usize) {
        let answer = self.world.call_change_password(EMAILS[who], PASSWORDS[old], PASSWORDS[new]).await;
        let outbox_failed = self.mend_things();
        let (mails, _) = self.read_mails().await;
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        if answer.reason() == Some(Reason::TooManyAttempts) {
            assert_eq!(mails, 0);
            return;
        }
        match self.model.accounts.get_mut(&who).filter(|account| account.password == old) {
            Some(account) if account.verified => {
                assert_eq!(answer.reason(), None);
                assert_eq!(mails, usize::from(!outbox_failed), "the owner hears of it");
                // Changes void no reset link.
                account.password = new;
            }
            Some(_) => Model::refused(&answer, Reason::NotVerified),
            None => Model::refused(&answer, Reason::InvalidCredentials),
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

    async fn reset_password(&mut self, who: usize, link: usize, password: usize) {
        let token = self.model.link(link);
        let answer = self.world.call_reset_password(EMAILS[who], &token, PASSWORDS[password]).await;
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
                account.verified = true;
                account.verify = None;
                account.resets.clear();
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
        Step::VerifyUser { who: 1, link: 0 },
        Step::VerifyUser { who: 0, link: 0 },
        Step::Login { who: 0, password: 0 },
        Step::Wait { seconds: 61 },
        Step::LostPassword { who: 0 },
        Step::ResetPassword { who: 1, link: 0, password: 1 },
        Step::ResetPassword { who: 0, link: 0, password: 1 },
        Step::Login { who: 0, password: 1 },
        Step::ChangePassword { who: 0, old: 1, new: 2 },
        Step::Wait { seconds: HOUR },
        create_user,
    ] {
        run.take(step).await;
    }
    let account = &run.model.accounts[&0];
    assert!(account.verified && account.password == 2);
    assert_eq!(run.model.identities.len(), 1);
    assert_eq!(run.world.call_login(EMAILS[0], PASSWORDS[2]).await.expect("no fault").reason(), None);
}
