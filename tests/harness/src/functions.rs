//! The functions as they are deployed, and events for them.

use crate::backends::{Backends, Behaviour, OUTBOX};
use crate::lambda::{Environment, REQUEST_ID};
use latchkey_audit::AuditKeys;
pub use latchkey_auth::throttle::MOST_FAILURES;
use latchkey_auth::{DeviceId, DeviceToken, Email, MailClass, MailRequest, MailTemplate, Timestamp, Token, UserId};
use latchkey_keys::KeyRing;
use latchkey_outbox::{NONCE_BYTES, lane, seal};
use latchkey_salting::{SALT_BYTES, Scheme};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The folder of an operation's package and binary, in the order of the contract.
pub const FUNCTIONS: [&str; 6] =
    ["create-user", "verify-user", "login", "change-password", "lost-password", "reset-password"];

/// The function that sends mail.
pub const MAIL: &str = "mail";

/// The password of the account that the stub holds.
pub const PASSWORD: &str = "the password of ada";

/// A token of its links.
pub const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// The address of that account.
pub const EMAIL: &str = "ada@example.com";

/// The key of the audit trail.
pub const AUDIT_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The key that seals mail on its way.
const MAIL_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The key of device tokens.
pub const DEVICE_KEY: &str = "a:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Where the build for Lambda puts a function's binary.
#[must_use]
pub fn binary(target: &Path, function: &str) -> PathBuf {
    target.join(format!("{}-unknown-linux-gnu/release/{function}", std::env::consts::ARCH))
}

/// The settings that are left at their defaults.
const SCHEMA: &str = include_str!("../../../config.schema.json");

/// The defaults of the settings that functions read.
fn defaults() -> impl Iterator<Item = (String, String)> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    let settings = schema["properties"].as_object().cloned().unwrap_or_default();
    settings.into_iter().filter(|(_, setting)| setting["x-latchkey"]["readBy"].is_array()).filter_map(
        |(key, setting)| {
            let default = setting.get("default")?;
            Some((key, default.as_str().map_or_else(|| default.to_string(), str::to_owned)))
        },
    )
}

/// The variables that the template gives a function, and those that Lambda does.
#[must_use]
pub fn variables(backends: &Backends) -> HashMap<String, String> {
    let authority = backends.authority().map(|file| ("AWS_CA_BUNDLE".to_owned(), file.display().to_string()));
    let template = [
        ("AUDIT_KEY", AUDIT_KEY),
        ("MAIL_KEY", MAIL_KEY),
        ("DEVICE_KEY", DEVICE_KEY),
        ("OUTBOX_TABLE", OUTBOX),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("AWS_ENDPOINT_URL", &backends.endpoint),
        ("DDB_TABLE", "Users"),
        ("IDENTITY_POOL_ID", "us-east-1:6a1ed8b7-0c0a-4ad0-9b4c-1f2d3e4f5a6b"),
        ("DEVELOPER_PROVIDER_NAME", "login.example.com"),
        ("EXTERNAL_NAME", "Example"),
        ("EMAIL_SOURCE", "sender@example.com"),
        ("VERIFICATION_PAGE", "https://pages.example/verify.html"),
        ("RESET_PAGE", "https://pages.example/resetPassword.html"),
    ];
    let given = template.map(|(key, value)| (key.to_owned(), value.to_owned()));
    defaults().chain(given).chain(authority).collect()
}

/// A device token for the account of the stub, if it has this password generation, or for another address.
///
/// # Panics
///
/// If the address is none.
#[must_use]
pub fn device_token(address: &str, generation: u32) -> String {
    let keys = KeyRing::parse(DEVICE_KEY).expect("a key");
    let (email, user_id) = (Email::parse(address).expect("an address"), UserId::from_stored("0".repeat(32)));
    DeviceToken::new(&keys, &email, &user_id, generation, &DeviceId::from_bytes([7; 16])).as_str().to_owned()
}

/// An event that a function answers with yes, where the stub holds [`account`] and conditions hold.
#[must_use]
pub fn event(function: &str) -> Value {
    match function {
        "create-user" => json!({ "email": EMAIL, "password": "a long enough password" }),
        "verify-user" => json!({ "email": EMAIL, "verify": TOKEN, "password": PASSWORD }),
        "login" => json!({ "email": EMAIL, "password": PASSWORD }),
        "change-password" => {
            json!({ "email": EMAIL, "oldPassword": PASSWORD, "newPassword": "a long enough password" })
        }
        "lost-password" => json!({ "email": EMAIL }),
        "reset-password" => json!({ "email": EMAIL, "lost": TOKEN, "password": "a long enough password" }),
        MAIL => json!({ "Records": [request()] }),
        _ => json!({}),
    }
}

/// A request for a reset mail, as the outbox's stream brings it.
#[allow(clippy::disallowed_methods, reason = "the function under test reads the real clock")]
fn request() -> Value {
    let requested_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let request = MailRequest {
        class: MailClass::Reset,
        to: Email::parse(EMAIL).expect("an address"),
        template: Token::parse(TOKEN).ok().map(MailTemplate::Reset),
        requested_at: Timestamp(requested_at),
    };
    let keys = KeyRing::parse(MAIL_KEY).expect("a key");
    let sealed = seal(&request, "mail:1", &keys, [7; NONCE_BYTES]);
    let text = |text: &str| json!({ "S": text });
    let item = json!({ "id": text("mail:1"), "lane": text(lane(request.class)), "sealed": text(&sealed) });
    json!({ "eventName": "INSERT", "dynamodb": { "SequenceNumber": "1", "NewImage": item } })
}

/// How long a function takes for [its event](event). One that is not answered with yes is an error: it may have been quicker.
pub async fn granted(environment: &Environment, function: &str) -> io::Result<Duration> {
    let outcome = environment.call(event(function).to_string()).await?;
    let answer = String::from_utf8_lossy(&outcome.body);
    if outcome.failed || answer.contains("false") {
        return Err(io::Error::other(format!("{function}: {answer}")));
    }
    Ok(outcome.duration)
}

/// Milliseconds of each step of the last call, by name, as its line in the log says to who has the key. Steps may run side by
/// side. For an environment that was [started with its log](Environment::start_with_log).
pub async fn steps(environment: &Environment) -> io::Result<HashMap<String, f64>> {
    let line: Value = serde_json::from_str(&environment.logged().await?)?;
    let keys = AuditKeys::parse(AUDIT_KEY).map_err(io::Error::other)?;
    let record = keys.open(line["audit"].as_str().unwrap_or_default(), REQUEST_ID).map_err(io::Error::other)?;
    let steps: Vec<(String, f64)> = serde_json::from_value(record["steps"].clone())?;
    Ok(steps.into_iter().map(|(step, tenths)| (step, tenths / 10.0)).collect())
}

/// An account with both links out, as DynamoDB writes an item.
#[must_use]
pub fn account(verified: bool) -> Value {
    let hash = latchkey_salting::hash(PASSWORD.as_bytes(), &[7; SALT_BYTES], Scheme::default());
    // The SHA-256 of the token, as the table keeps it.
    let token = TOKEN_HASH;
    json!({
        "email": { "S": EMAIL },
        "userId": { "S": "0".repeat(32) },
        "passwordHash": { "S": hash.as_str() },
        "verified": { "BOOL": verified },
        "createdAt": { "N": "1700000000" },
        "updatedAt": { "N": "1700000000" },
        "passwordChangedAt": { "N": "1700000000" },
        "verifyTokenHash": { "S": token },
        "verifyTokenExpiresAt": { "N": "99999999999" },
        "resetLink1": { "S": format!("{token}.99999999999") },
    })
}

/// An account as the sample kept it, with the sample's hash of another password.
#[must_use]
pub fn sample_account() -> Value {
    let vector = include_str!("../../../shared/salting/tests/sample_vector.txt").trim();
    let (salt, hash) = vector.split_once('\n').unwrap_or_default();
    json!({
        "email": { "S": EMAIL },
        "passwordHash": { "S": hash },
        "passwordSalt": { "S": salt },
        "verified": { "BOOL": true },
    })
}

const TOKEN_HASH: &str = "g0tuZ6q412zO9IRkeAUs8HN6MQeXPsGce37J3Rsc8wQ";

/// Services that answer at once, let every write through, and hold the account that this function expects.
#[must_use]
pub fn willing(function: &str) -> Behaviour {
    Behaviour { item: Some(account(function != "verify-user")), conditions_hold: true, ..Behaviour::default() }
}
