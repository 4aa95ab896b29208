//! What the logs hold: for callers no more than their answers, for the operator the truth, and for nobody a secret.

use crate::account::{Account, address, text};
use crate::scripts::run;
use crate::service::{Caller, Service};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const GROUPS: [&str; 7] =
    ["CreateUser", "VerifyUser", "Login", "ChangePassword", "LostPassword", "ResetPassword", "Mail"];

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// The messages that a log group got since then.
async fn messages(service: &Service, group: &str, since: u128) -> Vec<String> {
    let since = since.to_string();
    let mut list = vec!["logs", "filter-log-events", "--log-group-name", group, "--start-time", &since];
    list.extend(["--query", "events[].message", "--output", "json"]);
    serde_json::from_str(&run(service, "aws", &list).await.unwrap()).unwrap()
}

/// Every way in which a log could hold a secret.
fn disguises(secret: &str) -> Vec<String> {
    let hex = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let percent = secret.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    });
    let json = json!(secret).to_string();
    let mut all = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        hex.to_uppercase(),
        hex,
        percent.to_lowercase(),
        percent.replace("%20", "+"),
        percent,
    ];
    // Base64 of a text looks different at each of three places; its inner characters do not depend on what is around.
    for before in 0..3 {
        let bytes = [&vec![0; before][..], secret.as_bytes()].concat();
        let whole = bytes.len() / 3 * 3;
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&bytes[..whole]), BASE64_URL_SAFE_NO_PAD.encode(&bytes[..whole])]
        {
            all.push(encoded[if before == 0 { 0 } else { 4 }..].to_owned());
        }
    }
    all
}

/// Calls every operation with everything that can go right or wrong, and gathers every secret on the way.
async fn live(service: &Service) -> (BTreeSet<String>, Account) {
    let mut secrets = BTreeSet::new();
    let mut keep = |secret: &str| {
        assert!(secret.len() >= 8, "too short to be searched for");
        secrets.insert(secret.to_owned());
        secret.to_owned()
    };
    let guest = service.guest().await;
    let email = keep(&address("marked+one"));
    let (first, second, third) = (
        keep("Erstes Geheimnis: ä/+&\"1 first-secret-7d1c"),
        keep("second-secret-51fe %41 ✓"),
        keep("third-secret-99ab 'quoted'"),
    );
    let name = keep("Marked Name ö 4711");
    let account = Account { email: email.clone(), password: first.clone(), guest };
    let guest = &account.guest;
    let attempt = async |operation: &str, payload: String| {
        guest.invoke(operation, Some("live"), payload).await.map(|answer| answer.payload).unwrap_or_default()
    };
    let sign_up = json!({ "email": email, "password": first, "name": name });

    attempt("createUser", json!({ "email": email, "password": "short1a", "name": name }).to_string()).await;
    attempt("createUser", sign_up.to_string()).await;
    let verify = keep(&service.last_mail(&email).await.parameter("verify"));
    // Not of the documented form, in every way.
    for broken in [format!("[{sign_up}]"), sign_up.to_string().replace("email", "mail"), json!(first).to_string()] {
        for operation in ["createUser", "verifyUser", "login", "lostPassword", "resetPassword"] {
            attempt(operation, broken.clone()).await;
        }
    }
    attempt("login", json!({ "email": email, "password": first }).to_string()).await;
    let wrong = keep("wrong-token-wrong-token-wrong-token-wrong-1");
    attempt("verifyUser", json!({ "email": email, "verify": wrong }).to_string()).await;
    attempt("verifyUser", json!({ "email": email, "verify": verify }).to_string()).await;
    service.forget_mails(&email).await;
    attempt("createUser", sign_up.to_string()).await;
    attempt("createUser", sign_up.to_string()).await;
    attempt("login", json!({ "email": email, "password": second }).to_string()).await;
    let answer = attempt("login", json!({ "email": email, "password": first, "device": "" }).to_string()).await;
    keep(text(&answer, "token"));
    let device = keep(text(&answer, "device"));
    attempt("login", json!({ "email": email, "password": second, "device": device }).to_string()).await;
    let user: Caller = service.user(text(&answer, "identityId"), text(&answer, "token")).await.unwrap();
    for (old, new) in [(&third, &second), (&first, &"12345678".to_owned()), (&first, &second)] {
        let change = json!({ "email": email, "oldPassword": old, "newPassword": new });
        user.invoke("changePassword", Some("live"), change.to_string()).await.unwrap();
    }
    let lost = keep(&account.lose_password(service).await);
    let unknown = keep(&address("nobody"));
    attempt("lostPassword", json!({ "email": unknown }).to_string()).await;
    attempt("resetPassword", json!({ "email": email, "lost": wrong, "password": third }).to_string()).await;
    attempt("resetPassword", json!({ "email": email, "lost": lost, "password": third }).to_string()).await;
    attempt("resetPassword", json!({ "email": email, "lost": lost, "password": third }).to_string()).await;
    for _ in 0..6 {
        attempt("login", json!({ "email": unknown, "password": first }).to_string()).await;
    }
    let item = service.item(&email).await.unwrap();
    for attribute in ["passwordHash", "userId"] {
        let value = item[attribute].as_s().unwrap();
        // Of a PHC string its salt and hash, each by itself.
        for part in value.split('$').filter(|part| part.len() >= 20 && !part.contains('=')) {
            keep(part);
        }
    }
    (secrets, account)
}

#[tokio::test]
async fn no_flow_leaves_a_secret_in_any_log_in_any_form() {
    let service = Service::running();
    let since = now();
    let (secrets, account) = live(&service).await;
    assert!(secrets.len() >= 13, "{} secrets", secrets.len());
    let groups = ["logs", "describe-log-groups", "--query", "logGroups[].logGroupName", "--output", "json"];
    let groups: Vec<String> = serde_json::from_str(&run(&service, "aws", &groups).await.unwrap()).unwrap();
    let mut searched = 0;
    for group in &groups {
        let text = messages(&service, group, since).await.join("\n");
        searched += usize::from(!text.is_empty());
        for secret in &secrets {
            for disguise in disguises(secret) {
                // The secret stays out of the test's own output.
                assert!(!text.contains(&disguise), "{group} holds a secret of {} characters", secret.len());
            }
        }
    }
    assert!(searched >= GROUPS.len(), "only {searched} groups had anything to search");
    // Nor does the opened trail.
    let trail = open(&service, &account.email).await;
    for secret in &secrets {
        for disguise in disguises(secret) {
            assert!(!trail.iter().any(|record| record.to_string().contains(&disguise)), "the trail holds a secret");
        }
    }
}

/// The opened trail of an account.
async fn open(service: &Service, email: &str) -> Vec<Value> {
    let config = service.folder.join("config.json");
    let arguments = ["--config", config.to_str().unwrap(), "--since", "15m", "--account", email];
    let printed = run(service, "./audit.sh", &arguments).await.unwrap();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_trail_tells_the_operator_what_the_answers_do_not() {
    let service = Service::running();
    let eve = Account::verified(&service, "eve").await;
    eve.guest.call("login", &json!({ "email": eve.email, "password": "not the password" })).await;
    let identity = eve.log_in(&eve.password).await["identityId"].clone();
    let lost = eve.lose_password(&service).await;
    eve.reset_password("a-token-that-nobody-was-mailed-AAAAAAAAAAAA", "another password of eve").await;
    eve.reset_password(&lost, "another password of eve").await;
    eve.reset_password(&lost, "another password of eve").await;
    let told: Vec<_> = open(&service, &eve.email)
        .await
        .into_iter()
        .map(|record| {
            [&record["operation"], &record["outcome"], &record["truth"]].map(|v| v.as_str().unwrap_or("").to_owned())
        })
        .map(|words| words.join(" ").trim().to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "createUser done",
            "verifyUser done",
            "login refused wrong_password",
            "login done",
            "lostPassword done",
            "resetPassword refused wrong_token",
            "resetPassword done",
            "resetPassword refused no_link",
        ]
    );
    let trail = open(&service, &eve.email).await;
    assert_eq!(trail[3]["identity"], identity);
    assert!(trail[3]["milliseconds"]["check"].as_f64().unwrap() > 1.0, "a hash takes time");
    assert!(trail[3]["at"].as_str().unwrap().ends_with('Z'));

    let nobody = address("nobody");
    eve.guest.call("login", &json!({ "email": nobody, "password": "not the password" })).await;
    assert_eq!(open(&service, &nobody).await[0]["truth"], "unknown_account");
}

/// The only line of a call's log, without what differs from call to call.
async fn line(guest: &Caller, operation: &str, payload: &Value, nonces: &mut BTreeSet<String>) -> (Value, usize) {
    let answer = guest.invoke(operation, Some("live"), payload.to_string()).await.unwrap();
    let lines: Vec<_> = answer.log.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(lines.len(), 1, "one line for {operation}");
    let mut line: Value = serde_json::from_str(lines[0]).unwrap();
    let fields = line.as_object_mut().unwrap();
    fields.remove("requestId").unwrap();
    fields.remove("timestamp").unwrap();
    let sealed = fields.remove("audit").unwrap();
    // Its 24 bytes stand as 32 characters after the nine of the key's identifier.
    let nonce = text(&json!({ "audit": sealed }), "audit")[9..41].to_owned();
    assert!(nonces.insert(nonce), "a nonce is never used again");
    (line, sealed.as_str().unwrap().len())
}

#[tokio::test]
async fn the_log_of_a_call_is_the_same_whoever_has_an_account() {
    let service = Service::running();
    let (known, unverified) = (Account::verified(&service, "known").await, Account::signed_up(&service, "new").await);
    let guest = &known.guest;
    let unknown = address("unknown");
    let mut nonces = BTreeSet::new();
    for operation in ["createUser", "login", "lostPassword", "verifyUser", "resetPassword"] {
        let mut lines = Vec::new();
        for email in [&known.email, &unverified.email, &unknown] {
            service.forget_mails(email).await;
            let payload = match operation {
                "lostPassword" => json!({ "email": email }),
                "verifyUser" => json!({ "email": email, "verify": "a-token-that-nobody-was-mailed-AAAAAAAAAAAA" }),
                "resetPassword" => {
                    let lost = "a-token-that-nobody-was-mailed-AAAAAAAAAAAA";
                    json!({ "email": email, "lost": lost, "password": "a password of nobody" })
                }
                _ => json!({ "email": email, "password": format!("a password for {operation}") }),
            };
            lines.push(line(guest, operation, &payload, &mut nonces).await);
        }
        assert!(lines.iter().all(|line| *line == lines[0]), "{operation}: {lines:?}");
    }
}

#[tokio::test]
async fn metrics_are_counted_from_the_lines_that_callers_may_see() {
    let service = Service::running();
    let since = now();
    let guest = service.guest().await;
    let email = address("counted");
    guest.call("login", &json!({ "email": email, "password": "not the password" })).await;
    for operation in GROUPS {
        let group = format!("/aws/lambda/{}{operation}", service.setting("FUNCTION_PREFIX"));
        let list = ["logs", "describe-metric-filters", "--log-group-name", &group, "--output", "json"];
        let described: Value = serde_json::from_str(&run(&service, "aws", &list).await.unwrap()).unwrap();
        let mut metrics = Vec::new();
        for filter in described["metricFilters"].as_array().unwrap() {
            let metric = &filter["metricTransformations"][0];
            let namespace = format!("Latchkey/{}", service.setting("FUNCTION_PREFIX"));
            assert_eq!(metric["metricNamespace"], json!(namespace));
            metrics.push(text(metric, "metricName").to_owned());
            // The emulator counts nothing. On CloudWatch this form matches the lines of JSON that have the field.
            let pattern = text(filter, "filterPattern");
            let counted = pattern.strip_prefix("{ $.").and_then(|rest| rest.strip_suffix(" = * }")).unwrap();
            let lines = messages(&service, &group, since).await;
            let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let lines: Vec<_> = lines.filter(|line| line.get(counted).is_some()).collect();
            assert!(operation != "Login" || !lines.is_empty(), "the filter finds its lines");
            for line in lines {
                for (_, field) in metric["dimensions"].as_object().unwrap() {
                    let field = field.as_str().unwrap().trim_start_matches("$.");
                    assert!(line[field].is_string(), "{field} is in every line that is counted");
                }
            }
        }
        metrics.sort_unstable();
        assert_eq!(metrics, ["Calls", "Refusals"]);
    }
}
