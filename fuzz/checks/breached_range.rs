//! What holds for any answer of a range service, which is somebody else's.

use futures_util::FutureExt;
use latchkey_auth::{Breaches, Email, Fault, NewPassword, Passwords, Trail, is_breached};
use std::time::Duration;

/// The SHA-1 of `correct horse`, without the five digits that are sent.
const SUFFIX: &str = "3523B62ABC141A2B4D6019D23CBA835DBD0";

struct Answering<'a>(&'a str);

impl Breaches for Answering<'_> {
    async fn range(&self, _prefix: &str) -> Result<Option<String>, Fault> {
        Ok(Some(self.0.to_owned()))
    }
}

/// Judges an answer, and says whether it holds the password.
pub(crate) fn check(range: &str) -> bool {
    let email = Email::parse("ada@example.com").expect("an address");
    let password = Passwords::default().accept("correct horse".into(), &email).expect("a good password");
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
    let trail = Trail::new(|| Duration::ZERO);
    is_breached(password, &Answering(range), &trail).now_or_never().expect("it waits for nothing")
}
