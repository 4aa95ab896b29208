//! What holds for any answer of a range service, which is somebody else's.

use futures_util::FutureExt;
use latchkey_audit::AuditKeys;
use latchkey_auth::services::CompromisedPasswords;
use latchkey_auth::{AuditTrail, Email, Fault, NewPassword, PasswordPolicy, is_compromised};
use std::time::Duration;

/// The SHA-1 of `correct horse`, without the five digits that are sent.
const SUFFIX: &str = "3523B62ABC141A2B4D6019D23CBA835DBD0";

struct Answering<'a>(&'a str);

impl CompromisedPasswords for Answering<'_> {
    async fn compromised_range(&self, _prefix: &str) -> Result<Option<String>, Fault> {
        Ok(Some(self.0.to_owned()))
    }
}

/// Checks an answer, and returns whether it contains the password.
pub(crate) fn check(range: &str) -> bool {
    let email = Email::parse("ada@example.com").expect("an address");
    let password = PasswordPolicy::default().accept("correct horse".into(), &email).expect("a good password");
    let holds = holds(range, &password);
    assert!(!holds || range.to_ascii_uppercase().contains(SUFFIX), "found what is not there: {range:?}");
    // Whatever stands before it, and whatever ends the lines.
    for end in ["\n", "\r\n"] {
        assert!(self::holds(&format!("{range}{end}{SUFFIX}:7{end}"), &password), "not found after {range:?}");
        assert_eq!(self::holds(&format!("{range}{end}{SUFFIX}:0"), &password), holds, "padding counts after {range:?}");
    }
    holds
}

fn holds(range: &str, password: &NewPassword) -> bool {
    let keys = AuditKeys::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("a key");
    let audit = AuditTrail::new("createUser", &keys, || Duration::ZERO);
    is_compromised(password, &Answering(range), &audit).now_or_never().expect("it waits for nothing")
}
