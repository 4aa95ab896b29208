//! Many people at once, each through the whole journey again and again with a new address: no wrong answer, no lost account.
//!
//! In `test.sh` eight people go once. `./bench.sh load` sends fifty for a minute (`LATCHKEY_LOAD`, people and seconds) and
//! shows what is printed here.

#![allow(clippy::print_stdout, reason = "the figures are for whoever started it")]

use crate::account::address;
use crate::service::{Caller, Service, UNREACHED, target};
use futures_util::{StreamExt, future::join_all, stream};
use harness::statistics::quantile;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often one request is made before the person gives up, and the first wait between two; each further one is twice
/// as long.
const TRIES: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest that a person waits because an answer asks for it: a lost call for a mail costs the address a minute.
const LONGEST_WAIT: u64 = 61;

/// Between one person's arrival and the next one's. All in one instant would be that many processes started side by side,
/// which two cores do not get through within the functions' time limits.
const ARRIVAL: Duration = Duration::from_millis(200);

/// How many accounts are looked for at once when all is over.
const AT_ONCE: usize = 8;

/// What says of itself that it can be tried again: the functions' faults, and a Lambda or a connection that had no room.
const TRY_AGAIN: [&str; 6] = [
    "TableUnavailable",
    "MailerUnavailable",
    "IdentityUnavailable",
    "Sandbox.Timedout",
    "TooManyRequestsException",
    UNREACHED,
];

/// Why a journey ended before its end. What was wrong is in the report.
enum Ended {
    GaveUp,
    Wrong,
}

/// An account as its owner knows it.
struct Kept {
    email: String,
    /// The password in force; two while nobody answered which.
    passwords: Vec<String>,
    verified: bool,
    /// Whether a call for it ended in a fault: then it may count as an attempt that its owner does not know of.
    faulted: bool,
}

#[derive(Default)]
struct Report {
    /// Milliseconds of each answer, by operation.
    answered: BTreeMap<&'static str, Vec<f64>>,
    /// How many, by operation and code.
    faults: BTreeMap<String, usize>,
    wrong: Vec<String>,
    journeys: usize,
    given_up: usize,
    accounts: Vec<Kept>,
    lost: Vec<String>,
}

struct Load {
    service: Service,
    report: RefCell<Report>,
}

impl Load {
    /// Makes a request until it is answered, as a person does who is told to try again. Says whether one before may have been
    /// carried out.
    async fn insist<T>(
        &self,
        operation: &'static str,
        mut request: impl AsyncFnMut() -> Result<T, String>,
    ) -> Result<(T, bool), Ended> {
        for attempt in 0..TRIES {
            let began = Instant::now();
            match request().await {
                Ok(answer) => {
                    let took = began.elapsed();
                    self.report.borrow_mut().answered.entry(operation).or_default().push(took.as_secs_f64() * 1e3);
                    return Ok((answer, attempt > 0));
                }
                Err(code) if TRY_AGAIN.iter().any(|known| code.starts_with(known)) => {
                    *self.report.borrow_mut().faults.entry(format!("{operation}: {code}")).or_default() += 1;
                    tokio::time::sleep(PATIENCE * 2_u32.pow(attempt)).await;
                }
                Err(code) => return Err(self.wrong(operation, &code)),
            }
        }
        Err(Ended::GaveUp)
    }

    fn wrong(&self, operation: &str, what: &str) -> Ended {
        self.report.borrow_mut().wrong.push(format!("{operation}: {what}"));
        Ended::Wrong
    }

    /// One journey after the other until then, and at least one.
    async fn keep_going(&self, arrival: Duration, until: Instant) {
        tokio::time::sleep(arrival).await;
        loop {
            let ended = self.journey().await;
            let mut report = self.report.borrow_mut();
            match ended {
                Ok(()) => report.journeys += 1,
                Err(Ended::GaveUp) => report.given_up += 1,
                Err(Ended::Wrong) => {}
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    async fn journey(&self) -> Result<(), Ended> {
        let (guest, _) = self.insist("credentials of a guest", || self.service.new_guest()).await?;
        let person =
            Person { load: self, guest, email: address("load"), device: RefCell::default(), faulted: Cell::new(false) };
        let outcome = person.travel().await;
        if let Some(kept) = self.report.borrow_mut().accounts.iter_mut().find(|kept| kept.email == person.email) {
            kept.faulted = person.faulted.get();
        }
        outcome
    }

    /// Whether an account is in the table and its owner can still log in.
    async fn find(&self, kept: &Kept) -> bool {
        let Ok((guest, _)) = self.insist("credentials of a guest", || self.service.new_guest()).await else {
            return false;
        };
        let faulted = Cell::new(kept.faulted);
        let person = Person { load: self, guest, email: kept.email.clone(), device: RefCell::default(), faulted };
        for password in &kept.passwords {
            let input = json!({ "email": kept.email, "password": password });
            let Ok((answer, _)) = person.ask(&person.guest, "login", &input).await else { continue };
            // Only whoever gave the right password is told that the address is not verified.
            if answer["login"] == true || (!kept.verified && answer["reason"] == "not_verified") {
                return self.service.item(&kept.email).await.is_some();
            }
        }
        false
    }
}

/// Somebody on one journey.
struct Person<'a> {
    load: &'a Load,
    guest: Caller,
    email: String,
    /// The latest device token, as a browser keeps it: a person logs in more often than a stranger may try.
    device: RefCell<String>,
    faulted: Cell<bool>,
}

impl Person<'_> {
    /// From sign-up to a password that was changed and then lost.
    async fn travel(&self) -> Result<(), Ended> {
        let Self { load, guest, email, .. } = self;
        let [first, second, third] =
            ["first", "second", "third"].map(|which| format!("the {which} password of {email}"));
        let kept = |passwords: &[&String], verified| {
            let passwords = passwords.iter().map(|password| (*password).clone()).collect();
            let kept = Kept { email: email.clone(), passwords, verified, faulted: false };
            let mut report = load.report.borrow_mut();
            report.accounts.retain(|known| known.email != *email);
            report.accounts.push(kept);
        };

        self.done(guest, "createUser", &json!({ "email": email, "password": first }), None).await?;
        kept(&[&first], false);
        let verify = self.mailed("verify").await?;
        self.done(guest, "verifyUser", &json!({ "email": email, "verify": verify }), None).await?;
        kept(&[&first], true);

        self.is_refused("not the password").await?;
        let (identity, token) = self.logs_in(&first).await?;
        let exchange = || load.service.user(&identity, &token);
        let (user, _) = load.insist("credentials of a user", exchange).await?;

        kept(&[&first, &second], true);
        let change = json!({ "email": email, "oldPassword": first, "newPassword": second });
        self.done(&user, "changePassword", &change, Some("invalid_credentials")).await?;
        kept(&[&second], true);
        self.is_still(&identity, &second).await?;
        self.is_refused(&first).await?;

        self.done(guest, "lostPassword", &json!({ "email": email }), None).await?;
        let lost = self.mailed("lost").await?;
        kept(&[&second, &third], true);
        let reset = json!({ "email": email, "lost": lost, "password": third });
        self.done(guest, "resetPassword", &reset, Some("invalid_token")).await?;
        kept(&[&third], true);
        self.is_still(&identity, &third).await?;
        self.is_refused(&second).await
    }

    /// What a function answers in the end, and whether the request may have been carried out before.
    async fn ask(&self, caller: &Caller, operation: &'static str, input: &Value) -> Result<(Value, bool), Ended> {
        let judges_a_password = ["login", "changePassword", "resetPassword"].contains(&operation);
        let request = async || {
            let mut input = input.clone();
            if judges_a_password {
                input["device"] = json!(*self.device.borrow());
            }
            let answer = caller.invoke(operation, Some("live"), input.to_string()).await?;
            match answer.error {
                None => Ok(answer.payload),
                Some(_) => Err(answer.payload["errorType"].as_str().unwrap_or("no errorType").to_owned()),
            }
        };
        let (mut answer, mut before) = self.load.insist(operation, request).await?;
        self.faulted.set(self.faulted.get() || before);
        // Only a request that ended in a fault can have used up an attempt or a mail: all else asks within its rights.
        let excused = self.faulted.get();
        if let Some(wait) = answer["retryAfter"].as_u64().filter(|wait| excused && *wait <= LONGEST_WAIT) {
            self.excuse(operation, &answer);
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let again = self.load.insist(operation, request).await?;
            (answer, before) = (again.0, before || again.1);
        }
        if let Some(device) = answer.as_object_mut().and_then(|answer| answer.remove("device")) {
            device.as_str().unwrap_or_default().clone_into(&mut self.device.borrow_mut());
        }
        Ok((answer, before))
    }

    /// Counts a refusal that only the person's own request before explains, which ended in a fault.
    fn excuse(&self, operation: &str, answer: &Value) {
        let what = format!("{operation}: {}", answer["reason"].as_str().unwrap_or_default());
        *self.load.report.borrow_mut().faults.entry(what).or_default() += 1;
    }

    fn wrong(&self, operation: &str, answer: &Value) -> Ended {
        // A token is no use to anybody here, and none of a report's business.
        let mut answer = answer.clone();
        answer.as_object_mut().map(|answer| answer.remove("token"));
        self.load.wrong(operation, &answer.to_string())
    }

    /// That the answer is yes and nothing more; or what shows that it was carried out before. That it truly was, the next
    /// login shows.
    async fn done(
        &self,
        caller: &Caller,
        operation: &'static str,
        input: &Value,
        done_before: Option<&str>,
    ) -> Result<(), Ended> {
        let (answer, before) = self.ask(caller, operation, input).await?;
        let flag = match operation {
            "createUser" => "created",
            "verifyUser" => "verified",
            "lostPassword" => "sent",
            _ => "changed",
        };
        if answer == json!({ flag: true }) {
            return Ok(());
        }
        if before && done_before.is_some_and(|reason| answer["reason"] == reason) {
            self.excuse(operation, &answer);
            return Ok(());
        }
        Err(self.wrong(operation, &answer))
    }

    async fn logs_in(&self, password: &str) -> Result<(String, String), Ended> {
        let input = json!({ "email": self.email, "password": password });
        let (answer, _) = self.ask(&self.guest, "login", &input).await?;
        match (&answer["login"], answer["identityId"].as_str(), answer["token"].as_str()) {
            (Value::Bool(true), Some(identity), Some(token)) => Ok((identity.to_owned(), token.to_owned())),
            _ => Err(self.wrong("login", &answer)),
        }
    }

    /// That the password is in force, and the person still the same to AWS.
    async fn is_still(&self, identity: &str, password: &str) -> Result<(), Ended> {
        let (found, _) = self.logs_in(password).await?;
        if found == identity { Ok(()) } else { Err(self.load.wrong("login", "another identity")) }
    }

    /// That a password is not in force.
    async fn is_refused(&self, password: &str) -> Result<(), Ended> {
        let input = json!({ "email": self.email, "password": password });
        let (answer, _) = self.ask(&self.guest, "login", &input).await?;
        let refused = answer["login"] == false && answer["reason"] == "invalid_credentials";
        if refused { Ok(()) } else { Err(self.wrong("login", &answer)) }
    }

    /// What the newest mailed link of this kind says, once everything that was asked for is delivered.
    async fn mailed(&self, name: &str) -> Result<String, Ended> {
        let began = Instant::now();
        let mails = self.load.service.mails(&self.email).await;
        let took = began.elapsed().as_secs_f64() * 1e3;
        self.load.report.borrow_mut().answered.entry("list of mails").or_default().push(took);
        match mails.iter().rfind(|mail| mail.has(name)) {
            Some(mail) => Ok(mail.parameter(name)),
            None => Err(self.load.wrong(name, "no mail with such a link")),
        }
    }
}

/// The figures for a terminal, and for whoever wants to compare runs.
fn show(report: &Report, people: u32, seconds: f64) {
    let found = report.accounts.len() - report.lost.len();
    println!("\n{people} people at once, {seconds:.0} seconds until the last had finished the journey begun in time");
    println!("\n| | target | here |\n|---|---|---|");
    println!("| wrong answers | 0 | {} |", report.wrong.len());
    println!("| lost accounts | 0 | {} |", report.lost.len());
    println!("| accounts made, and found again afterwards | all | {}, {found} |", report.accounts.len());
    println!("| whole journeys | | {} |", report.journeys);
    println!("| journeys given up after {TRIES} tries | | {} |", report.given_up);
    println!("\nMilliseconds on this machine, of the emulator and whatever waits for it: no measure of the service.\n");
    println!("| operation | answers | lower quartile | median | upper quartile | longest |\n|---|---|---|---|---|---|");
    let mut operations = BTreeMap::new();
    for (operation, took) in &report.answered {
        let quartiles = [0.25, 0.5, 0.75, 1.0].map(|share| quantile(took, share).round());
        let [lower, median, upper, longest] = quartiles;
        println!("| {operation} | {} | {lower} | {median} | {upper} | {longest} |", took.len());
        operations.insert(*operation, json!({ "answers": took.len(), "quartiles and longest, ms": quartiles }));
    }
    println!("\n| fault, tried again | times |\n|---|---|");
    println!("| all | {} |", report.faults.values().sum::<usize>());
    for (what, times) in &report.faults {
        println!("| {what} | {times} |");
    }
    for wrong in &report.wrong {
        println!("wrong: {wrong}");
    }
    let figures = json!({
        "people": people,
        "seconds": seconds,
        "wrong": report.wrong,
        "journeys": report.journeys,
        "given up": report.given_up,
        "accounts": report.accounts.len(),
        "found again": found,
        "operations": operations,
        "faults": report.faults,
    });
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("load.json"), format!("{figures:#}\n")).unwrap();
}

#[tokio::test]
async fn many_people_at_once_get_right_answers_on_the_whole_journey_and_no_account_is_lost() {
    let size = std::env::var("LATCHKEY_LOAD").unwrap_or_else(|_| "8 0".to_owned());
    let (people, seconds) = size.split_once(' ').expect("LATCHKEY_LOAD is people and seconds");
    let (people, seconds): (u32, u64) = (people.parse().unwrap(), seconds.parse().unwrap());

    let load = Load { service: Service::running(), report: RefCell::default() };
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    join_all((0..people).map(|person| load.keep_going(ARRIVAL * person, until))).await;
    let took = began.elapsed().as_secs_f64();

    let accounts = std::mem::take(&mut load.report.borrow_mut().accounts);
    let answered = load.report.borrow().answered.clone();
    let searched = stream::iter(&accounts).map(async |kept| (kept, load.find(kept).await)).buffer_unordered(AT_ONCE);
    let lost = searched.filter_map(async |(kept, found)| (!found).then(|| kept.email.clone())).collect().await;
    // Logging in afterwards is no part of the storm.
    let report = Report { answered, accounts, lost, ..load.report.take() };
    show(&report, people, took);
    assert_eq!((&report.wrong, &report.lost), (&Vec::new(), &Vec::new()), "wrong answers, lost accounts");
    assert!(report.journeys > 0, "nobody came to the end");
}
