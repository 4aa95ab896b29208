//! Whether the time of an answer tells who has an account.
//!
//! Each pair of cases is asked in turns, twice over. First each call meets delays of the table of its own, as on AWS: this is
//! what a caller sees. Then both of a pair meet the same delays: what differs now is the function's own doing, with the
//! noise taken away that no caller can take away. Times are those inside the function's environment, as Lambda's REPORT line
//! gives them to whoever may ask for the log.

use crate::report::{keep, milliseconds};
use anyhow::{Result, bail};
use common::table::Table;
use harness::backends::{Backends, Behaviour, Call};
use harness::functions::{EMAIL, MOST_FAILURES, PASSWORD, account, binary, device_token, sample_account, variables};
use harness::lambda::Environment;
use harness::statistics::{median, paired_p_value};
use latchkey_salting::{SALT_BYTES, Scheme};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// What the table holds, and what is asked.
struct Case {
    name: &'static str,
    item: Option<Value>,
    conditions_hold: bool,
    /// So many passwords were tried with the address before.
    failures: u32,
}

impl Case {
    /// The counter of attempts, as DynamoDB writes an item.
    fn counter(&self) -> Value {
        json!({ "tickets": { "N": self.failures.to_string() } })
    }
}

/// A function, what it is asked, and the two cases that nobody may tell apart.
struct Pair {
    function: &'static str,
    /// The kinds of password hashes that may remain in the table (`FORMER_PASSWORD_HASHES`).
    former: &'static str,
    event: Value,
    cases: [Case; 2],
}

/// A service whose owner changed the hash, and took over a table of the older sample before.
const FORMER: &str = "argon2id,lambdauth:128";

fn pairs() -> Vec<Pair> {
    let case = |name, item, conditions_hold| Case { name, item, conditions_hold, failures: 0 };
    let unknown = || case("unknown", None, false);
    let known = |name, verified| case(name, Some(account(verified)), true);
    let wrong = || json!({ "email": EMAIL, "password": "not the password" });
    let sign_up = json!({ "email": EMAIL, "password": PASSWORD });
    let token = json!({ "email": EMAIL, "lost": "not-the-token", "password": "a long enough password" });
    let sample = case("of the sample, wrong password", Some(sample_account()), true);
    let existing = case("taken", Some(account(true)), false);
    // The account of the stub has had one password, of generation 0.
    let on = |device: &str| json!({ "email": EMAIL, "password": "not the password", "device": device });
    let [foreign, void, valid] = [("eve@example.com", 0), (EMAIL, 1), (EMAIL, 0)].map(|(to, n)| device_token(to, n));
    let mut other_owner = account(true);
    other_owner["userId"] = json!({ "S": "1".repeat(32) });
    let replaced = case("another's by now, valid token", Some(other_owner), true);
    let closed = |case: Case| Case { failures: MOST_FAILURES, ..case };
    let right = json!({ "email": EMAIL, "password": PASSWORD });
    let mut older = account(true);
    let hash = latchkey_salting::hash(PASSWORD.as_bytes(), &[7; SALT_BYTES], Scheme::Argon2id);
    older["passwordHash"] = json!({ "S": hash.as_str() });
    let older = case("after a change of the hash, not renewed, wrong password", Some(older), true);
    let now = |function, event, cases| Pair { function, former: "", event, cases };
    let after_a_change = |cases| Pair { former: FORMER, ..now("login", wrong(), cases) };
    vec![
        now("login", wrong(), [unknown(), known("known, wrong password", true)]),
        now("login", wrong(), [unknown(), known("unverified, wrong password", false)]),
        now("login", wrong(), [unknown(), sample]),
        now("login", on(""), [unknown(), known("known, wrong password, no token", true)]),
        now("login", on("no token"), [unknown(), known("known, wrong password, malformed token", true)]),
        now("login", on(&foreign), [unknown(), known("known, wrong password, foreign token", true)]),
        now("login", on(&void), [unknown(), known("known, wrong password, void token", true)]),
        // Only who has logged in before holds a valid one, and knows that there was an account.
        now("login", on(&valid), [case("gone, valid token", None, true), replaced]),
        now("login", right, [closed(unknown()), closed(known("closed, right password", true))]),
        after_a_change([unknown(), known("after a change of the hash, renewed, wrong password", true)]),
        after_a_change([unknown(), older]),
        now("lost-password", json!({ "email": EMAIL }), [unknown(), known("known", true)]),
        now("create-user", sign_up, [case("new", None, true), existing]),
        now("reset-password", token, [unknown(), known("known, wrong token", true)]),
    ]
}

/// A few milliseconds for each call to a table. None of these functions calls anything else here.
fn delays(random: &mut StdRng) -> HashMap<Call, Duration> {
    Call::ALL.map(|call| (call, Duration::from_secs_f64(random.random_range(0.002..0.006)))).into()
}

/// Whose delays the two calls of a pair meet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delays {
    /// Each its own.
    Own,
    /// Both the same.
    Same,
}

/// Measures every pair and prints the table.
pub(crate) async fn run(target: &Path, count: usize) -> Result<()> {
    let backends = Backends::start().await?;
    let mut random = StdRng::seed_from_u64(20_261_121);
    let mut lines = Vec::new();
    println!("Median difference of {count} pairs, and the p-value of a permutation test of it.\n");
    let header = "function | case | median | other case | median | as a caller sees it | p | with the same delays | p";
    let mut table = Table::new(header);
    for pair in pairs() {
        let Pair { function, former, cases: [Case { name, .. }, Case { name: other_name, .. }], .. } = pair;
        let mut variables = variables(&backends);
        variables.insert("FORMER_PASSWORD_HASHES".to_owned(), former.to_owned());
        let environment = Environment::start(&binary(target, function), &variables).await?;
        let mut cells = vec![function.to_owned(), name.to_owned(), String::new(), other_name.to_owned(), String::new()];
        let mut line = json!({ "function": function, "pairs": count, "cases": [name, other_name] });
        for whose in [Delays::Own, Delays::Same] {
            let times = measure(&environment, &backends, &pair, count, whose, &mut random).await?;
            let differences: Vec<f64> = times[0].iter().zip(&times[1]).map(|(one, other)| one - other).collect();
            let (difference, p) = (median(&differences), paired_p_value(&differences, 1));
            let medians = [median(&times[0]), median(&times[1])];
            cells.extend([format!("{difference:+.3} ms"), format!("{p:.4}")]);
            let key = if whose == Delays::Own { "ownDelays" } else { "sameDelays" };
            if whose == Delays::Own {
                [cells[2], cells[4]] = medians.map(|median| format!("{median:.2} ms"));
            }
            line[key] = json!({ "medians": medians, "medianDifference": difference, "p": p });
        }
        table.row(cells);
        lines.push(line);
    }
    print!("{table}");
    keep(target, "silence", &Value::Array(lines))
}

/// Milliseconds of so many calls of each case, in turns.
async fn measure(
    environment: &Environment,
    backends: &Backends,
    Pair { function, event, cases, .. }: &Pair,
    count: usize,
    whose: Delays,
    random: &mut StdRng,
) -> Result<[Vec<f64>; 2]> {
    let mut times = [Vec::with_capacity(count), Vec::with_capacity(count)];
    let mut answers = [None, None];
    // The first few warm connections and caches up.
    for n in 0..count + 5 {
        let first = delays(random);
        let second = if whose == Delays::Own { delays(random) } else { first.clone() };
        for (turn, delays) in [(n % 2, first), (1 - n % 2, second)] {
            let case = &cases[turn];
            backends.behave(Behaviour {
                delays,
                item: case.item.clone(),
                conditions_hold: case.conditions_hold,
                counter: Some(case.counter()),
                ..Behaviour::default()
            });
            let outcome = environment.call(event.to_string()).await?;
            answers[turn] = Some((outcome.failed, outcome.body));
            if n >= 5 {
                times[turn].push(milliseconds(outcome.duration));
            }
        }
    }
    if answers[0] != answers[1] {
        bail!("{function}: the answers differ");
    }
    Ok(times)
}
