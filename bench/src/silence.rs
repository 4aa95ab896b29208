//! Whether the time of an answer tells who has an account.
//!
//! Each pair of cases is asked in turns, and both of a pair meet the same delays of table and mail, drawn anew for each pair: what
//! differs is then the function's own doing. Times are those inside the function's environment, as Lambda's REPORT line
//! gives them to whoever may ask for the log.

use crate::Failed;
use bench::backends::{Backends, Behaviour, Call};
use bench::functions::{EMAIL, PASSWORD, account, binary, variables};
use bench::lambda::Environment;
use bench::statistics::{median, paired_p_value};
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
}

struct Pair {
    function: &'static str,
    event: Value,
    cases: [Case; 2],
}

fn pairs() -> Vec<Pair> {
    let case = |name, item, conditions_hold| Case { name, item, conditions_hold };
    let unknown = || case("unknown", None, false);
    let wrong = json!({ "email": EMAIL, "password": "not the password" });
    let token = json!({ "email": EMAIL, "lost": "not-the-token", "password": "a long enough password" });
    vec![
        Pair {
            function: "login",
            event: wrong.clone(),
            cases: [unknown(), case("known, wrong password", Some(account(true)), true)],
        },
        Pair {
            function: "login",
            event: wrong,
            cases: [unknown(), case("unverified, wrong password", Some(account(false)), true)],
        },
        Pair {
            function: "lost-password",
            event: json!({ "email": EMAIL }),
            cases: [unknown(), case("known", Some(account(true)), true)],
        },
        Pair {
            function: "create-user",
            event: json!({ "email": EMAIL, "password": PASSWORD }),
            cases: [case("new", None, true), case("taken", Some(account(true)), false)],
        },
        Pair {
            function: "reset-password",
            event: token,
            cases: [unknown(), case("known, wrong token", Some(account(true)), true)],
        },
    ]
}

/// A few milliseconds for the table; for the mail log-normal, most of it between 20 and 150 ms.
fn delays(random: &mut StdRng) -> HashMap<Call, Duration> {
    let table = |random: &mut StdRng| Duration::from_secs_f64(random.random_range(0.002..0.006));
    // Box and Muller.
    let (u, v): (f64, f64) = (random.random_range(f64::EPSILON..1.0), random.random());
    let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
    let mail = Duration::from_secs_f64((0.055 * (0.5 * normal).exp()).clamp(0.020, 0.150));
    Call::ALL.map(|call| (call, if call == Call::SendEmail { mail } else { table(random) })).into()
}

/// Measures every pair and prints the table.
pub(crate) async fn run(target: &Path, count: usize) -> Result<(), Failed> {
    let backends = Backends::start().await?;
    let mut random = StdRng::seed_from_u64(20_261_121);
    let mut lines = Vec::new();
    println!("| function | case | median | other case | median | median difference | p |");
    println!("|---|---|---|---|---|---|---|");
    for pair in pairs() {
        let environment = Environment::start(&binary(target, pair.function), &variables(&backends)).await?;
        let mut times = [Vec::with_capacity(count), Vec::with_capacity(count)];
        let mut answers = [None, None];
        // The first few warm connections and caches up.
        for n in 0..count + 5 {
            let delays = delays(&mut random);
            for turn in [n % 2, 1 - n % 2] {
                let case = &pair.cases[turn];
                backends.behave(Behaviour {
                    delays: delays.clone(),
                    item: case.item.clone(),
                    conditions_hold: case.conditions_hold,
                    failure: None,
                });
                let outcome = environment.call(pair.event.to_string()).await?;
                answers[turn] = Some((outcome.failed, outcome.body));
                if n >= 5 {
                    times[turn].push(outcome.duration.as_secs_f64() * 1_000.0);
                }
            }
        }
        if answers[0] != answers[1] {
            return Err(format!("{}: the answers differ", pair.function).into());
        }
        let differences: Vec<f64> = times[0].iter().zip(&times[1]).map(|(one, other)| one - other).collect();
        let (difference, p) = (median(&differences), paired_p_value(&differences, 1));
        let [one, other] = [median(&times[0]), median(&times[1])];
        let [name, other_name] = [pair.cases[0].name, pair.cases[1].name];
        println!(
            "| {} | {name} | {one:.2} ms | {other_name} | {other:.2} ms | {difference:+.3} ms | {p:.3} |",
            pair.function
        );
        lines.push(json!({
            "function": pair.function, "pairs": count, "cases": [name, other_name], "medians": [one, other],
            "medianDifference": difference, "p": p,
        }));
    }
    let file = target.join("bench");
    std::fs::create_dir_all(&file)?;
    std::fs::write(file.join("silence.json"), serde_json::to_string_pretty(&lines)?)?;
    Ok(())
}
