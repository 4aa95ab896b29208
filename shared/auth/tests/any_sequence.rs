//! Whatever is asked in whatever order, with whatever going wrong in between: the service behaves as a model of it that
//! fits on a page. The model knows addresses, passwords and links by name; hashes, records and conditions it does not know.

mod world;

use latchkey_auth::{Answer, Cause, Fault, Reason};
use proptest::prelude::*;
use std::collections::BTreeMap;
use world::{HOUR, World, identity};

const EMAILS: [&str; 2] = ["ada@example.com", "bob@example.com"];
const PASSWORDS: [&str; 3] = ["correct horse", "battery staple", "tr0ub4dor and three"];

const DAY: u64 = 24 * HOUR;

#[derive(Clone, Debug)]
enum Step {
    SignUp {
        who: usize,
        password: usize,
    },
    Verify {
        who: usize,
        link: usize,
    },
    Login {
        who: usize,
        password: usize,
    },
    Change {
        who: usize,
        old: usize,
        new: usize,
    },
    Lose {
        who: usize,
    },
    Reset {
        who: usize,
        link: usize,
        password: usize,
    },
    /// Time goes by.
    Wait {
        seconds: u64,
    },
    /// In the next request, the table fails from this call on.
    TableFails {
        from_call: u32,
    },
    /// In the next request, no mail is taken.
    MailerFails,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..EMAILS.len();
    let password = || 0..PASSWORDS.len();
    // Of the links that were mailed the latest are the ones that matter; one is of nobody.
    let link = || 0..4_usize;
    prop_oneof![
        4 => (who.clone(), password()).prop_map(|(who, password)| Step::SignUp { who, password }),
        4 => (who.clone(), link()).prop_map(|(who, link)| Step::Verify { who, link }),
        5 => (who.clone(), password()).prop_map(|(who, password)| Step::Login { who, password }),
        3 => (who.clone(), password(), password()).prop_map(|(who, old, new)| Step::Change { who, old, new }),
        3 => who.clone().prop_map(|who| Step::Lose { who }),
        4 => (who, link(), password()).prop_map(|(who, link, password)| Step::Reset { who, link, password }),
        4 => prop_oneof![Just(2), Just(61), Just(20 * 60), Just(HOUR + 1), Just(DAY + 1)]
            .prop_map(|seconds| Step::Wait { seconds }),
        1 => (0..2_u32).prop_map(|from_call| Step::TableFails { from_call }),
        1 => Just(Step::MailerFails),
    ]
}

/// What there should be of an account.
#[derive(Clone, Debug)]
struct Account {
    password: usize,
    verified: bool,
    /// Tells accounts that had the same address apart.
    serial: usize,
    /// A link with its end.
    verify: Option<(String, u64)>,
    reset: Option<(String, u64)>,
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
    mailer_fails: bool,
}

impl Model {
    /// The link that a step means: one of the latest three that were mailed to anybody, or none that ever was.
    fn link(&self, choice: usize) -> String {
        self.links.get(choice).cloned().unwrap_or_else(|| "a-link-that-nobody-was-mailed".to_owned())
    }

    fn refused(answer: &Answer, reason: Reason) {
        assert_eq!(answer.reason(), Some(reason));
    }
}

struct Run {
    world: World,
    model: Model,
}

impl Run {
    /// Makes the next request meet what the steps before it broke, and nothing after it.
    fn break_things(&mut self) {
        self.world.users.fail_from(self.model.table_fails_from.take());
        self.world.mailer.fail(std::mem::take(&mut self.model.mailer_fails));
    }

    fn mend_things(&self) -> bool {
        self.world.users.fail_from(None);
        let failing = self.world.mailer.is_failing();
        self.world.mailer.fail(false);
        failing
    }

    /// Takes the links out of the mails that were sent; how many mails there were, to anybody or nowhere.
    fn read_mails(&mut self) -> (usize, Option<String>) {
        let mails = self.world.mailer.take();
        let mut latest = None;
        for mail in &mails {
            let link = mail.text.lines().find(|line| line.starts_with("https://pages."));
            if let Some(token) = link.and_then(|link| link.rsplit_once('=')) {
                let known = EMAILS.contains(&mail.to.as_str());
                if known {
                    latest = Some(token.1.to_owned());
                    self.model.links.insert(0, token.1.to_owned());
                }
            }
        }
        (mails.len(), latest)
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
            Step::MailerFails => {
                self.model.mailer_fails = true;
                return;
            }
            _ => {}
        }
        self.break_things();
        match step {
            Step::SignUp { who, password } => self.sign_up(who, password).await,
            Step::Verify { who, link } => self.verify(who, link).await,
            Step::Login { who, password } => self.log_in(who, password).await,
            Step::Change { who, old, new } => self.change(who, old, new).await,
            Step::Lose { who } => self.lose(who).await,
            Step::Reset { who, link, password } => self.reset(who, link, password).await,
            Step::Wait { .. } | Step::TableFails { .. } | Step::MailerFails => {}
        }
        self.compare();
    }

    /// What the records say, as far as the model knows it.
    fn compare(&self) {
        for (who, email) in EMAILS.iter().enumerate() {
            let (stored, expected) = (self.world.user(email), self.model.accounts.get(&who));
            assert_eq!(stored.is_some(), expected.is_some());
            if let (Some(stored), Some(expected)) = (stored, expected) {
                assert_eq!(stored.verified, expected.verified);
                assert_eq!(stored.reset.is_some(), expected.reset.is_some());
            }
        }
    }

    async fn sign_up(&mut self, who: usize, password: usize) {
        let answer = self.world.sign_up(EMAILS[who], PASSWORDS[password]).await;
        let mailer_failed = self.mend_things();
        let (mails, link) = self.read_mails();
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
                // Nobody was told the link of a mail that failed.
                verify: link.map(|token| (token, self.model.now + DAY)),
                reset: None,
            };
            self.model.accounts.insert(who, account);
        }
        if mailer_failed {
            assert!(matches!(answer, Err(Fault::Mailer(_))));
        } else {
            // The same answer and one mail, whoever has the address.
            assert_eq!((answer, mails), (Ok(Answer::Done), 1));
        }
    }

    async fn verify(&mut self, who: usize, link: usize) {
        let token = self.model.link(link);
        let answer = self.world.call_verify(EMAILS[who], &token).await;
        self.mend_things();
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        let now = self.model.now;
        let account = self.model.accounts.get_mut(&who);
        match account.filter(|account| account.verify.as_ref().is_some_and(|(is, end)| *is == token && now < *end)) {
            Some(account) => {
                assert_eq!(answer, Answer::Done);
                account.verified = true;
            }
            None => assert!(matches!(answer.reason(), Some(Reason::InvalidToken | Reason::TooManyAttempts))),
        }
    }

    async fn log_in(&mut self, who: usize, password: usize) {
        let answer = self.world.call_login(EMAILS[who], PASSWORDS[password]).await;
        self.mend_things();
        let _ = self.read_mails();
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

    async fn change(&mut self, who: usize, old: usize, new: usize) {
        let answer = self.world.call_change(EMAILS[who], PASSWORDS[old], PASSWORDS[new]).await;
        let mailer_failed = self.mend_things();
        let (mails, _) = self.read_mails();
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        if answer.reason() == Some(Reason::TooManyAttempts) {
            return;
        }
        match self.model.accounts.get_mut(&who).filter(|account| account.password == old) {
            Some(account) if account.verified => {
                assert_eq!(answer.reason(), None);
                assert_eq!(mails, usize::from(!mailer_failed), "the owner hears of it");
                account.password = new;
                account.reset = None;
            }
            Some(_) => Model::refused(&answer, Reason::NotVerified),
            None => Model::refused(&answer, Reason::InvalidCredentials),
        }
    }

    async fn lose(&mut self, who: usize) {
        let answer = self.world.lose(EMAILS[who]).await;
        let mailer_failed = self.mend_things();
        let (mails, link) = self.read_mails();
        if answer.as_ref().is_ok_and(|answer| answer.reason() == Some(Reason::TooManyMails)) || table_failed(&answer) {
            assert_eq!(mails, 0);
            return;
        }
        if let Some(account) = self.model.accounts.get_mut(&who) {
            // The older link is void, whether or not the mail with the newer one was taken.
            account.reset = Some((link.unwrap_or_default(), self.model.now + HOUR));
        }
        if mailer_failed {
            assert!(matches!(answer, Err(Fault::Mailer(_))));
        } else {
            // One mail, if only to nowhere.
            assert_eq!((answer, mails), (Ok(Answer::Done), 1));
        }
    }

    async fn reset(&mut self, who: usize, link: usize, password: usize) {
        let token = self.model.link(link);
        let answer = self.world.call_reset(EMAILS[who], &token, PASSWORDS[password]).await;
        let mailer_failed = self.mend_things();
        let (mails, _) = self.read_mails();
        if table_failed(&answer) {
            return;
        }
        let answer = answer.expect("no other fault");
        let now = self.model.now;
        let account = self.model.accounts.get_mut(&who);
        match account.filter(|account| account.reset.as_ref().is_some_and(|(is, end)| *is == token && now < *end)) {
            Some(account) => {
                assert_eq!(answer.reason(), None);
                assert_eq!(mails, usize::from(!mailer_failed), "the owner hears of it");
                account.password = password;
                account.verified = true;
                account.verify = None;
                account.reset = None;
            }
            None => assert!(matches!(answer.reason(), Some(Reason::InvalidToken | Reason::TooManyAttempts))),
        }
    }
}

/// Whether the table failed, in which case nothing may have changed.
fn table_failed(answer: &Result<Answer, Fault>) -> bool {
    *answer == Err(Fault::Table(Cause::code("memory")))
}

proptest! {
    // Each case hashes some twenty times for real. PROPTEST_CASES makes it more.
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
    // A sequence by hand, so that a model that expects nothing cannot pass.
    let mut run = Run { world: World::default(), model: Model::default() };
    let sign_up = Step::SignUp { who: 0, password: 0 };
    for step in [
        sign_up.clone(),
        Step::Verify { who: 1, link: 0 },
        Step::Verify { who: 0, link: 0 },
        Step::Login { who: 0, password: 0 },
        Step::Wait { seconds: 61 },
        Step::Lose { who: 0 },
        Step::Reset { who: 1, link: 0, password: 1 },
        Step::Reset { who: 0, link: 0, password: 1 },
        Step::Login { who: 0, password: 1 },
        Step::Change { who: 0, old: 1, new: 2 },
        Step::Wait { seconds: HOUR },
        sign_up,
    ] {
        run.take(step).await;
    }
    let account = &run.model.accounts[&0];
    assert!(account.verified && account.password == 2);
    assert_eq!(run.model.identities.len(), 1);
    assert_eq!(run.world.call_login(EMAILS[0], PASSWORDS[2]).await.expect("no fault").reason(), None);
}
