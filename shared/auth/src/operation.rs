//! What an operation is, and the path of every call: parsed once, run, answered.

use crate::audit::AuditTrail;
use crate::fault::Fault;
use crate::refusal::{Reason, Refusal};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};
use std::fmt;
use zeroize::Zeroizing;

/// A request that runs itself against the services it names.
///
/// `S` is a bundle of services. An implementation is generic over it and names, as bounds, what it asks for.
#[allow(async_fn_in_trait, reason = "Lambda runs one call at a time on one thread: no future needs Send")]
pub trait Operation<S>: Requirements + Sized {
    /// What callers know of the operation.
    const CONTRACT: Contract;

    /// What a success says beside its flag.
    type Success: Serialize + fmt::Debug;

    /// Parses a payload into a request that cannot hold an invalid value.
    fn parse(payload: &str, services: &S) -> Result<Self, Refusal>;

    /// Does the work, and notes in the audit trail what the outcome does not say.
    async fn run(self, services: &S, audit: &AuditTrail<'_>) -> Result<Outcome<Self::Success>, Fault>;
}

/// The part of an operation that callers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The operation's verb: `createUser`.
    pub name: &'static str,
    /// The field of the answer that says yes or no: `created`.
    pub flag: &'static str,
}

/// What a function must have at hand before its first call, known when it is compiled.
pub trait Requirements {
    /// The services and settings it uses.
    const NEEDS: Needs;
}

/// How much of each service a function uses, and which settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The user table.
    pub table: Use,
    /// The outbox, which holds mail for the mail function and the quotas of mail. It is reached over the connections of the
    /// table.
    pub outbox: Use,
    /// The identity service.
    pub identities: Use,
    /// The service that knows compromised passwords.
    pub compromised_passwords: Use,
    /// The groups of settings that are read.
    pub settings: &'static [SettingsGroup],
}

/// How a function uses a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Not at all: the service is not linked into the function.
    Never,
    /// In few calls, one request at a time. Its client is created when it is first needed.
    Rarely,
    /// In most calls, with up to this many requests under way at once. The client is created and as many connections are
    /// opened while the function waits for its first event.
    AtOnce(usize),
}

/// Settings that are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsGroup {
    /// How passwords are hashed.
    PasswordScheme,
    /// Which new passwords are accepted.
    PasswordPolicy,
    /// How long an unverified account is kept.
    SignUp,
    /// Whether callers are told who has an account.
    RevealAccounts,
    /// The keys of device tokens.
    DeviceKeys,
}

impl Needs {
    /// No service and no settings.
    pub const NONE: Self = Self {
        table: Use::Never,
        outbox: Use::Never,
        identities: Use::Never,
        compromised_passwords: Use::Never,
        settings: &[],
    };

    /// Returns true if this group of settings is read.
    #[must_use]
    pub const fn reads(&self, group: SettingsGroup) -> bool {
        let mut at = 0;
        while at < self.settings.len() {
            if self.settings[at] as u8 == group as u8 {
                return true;
            }
            at += 1;
        }
        false
    }
}

impl Use {
    /// The most requests that may be under way at once.
    #[must_use]
    pub const fn at_once(self) -> usize {
        match self {
            Self::Never => 0,
            Self::Rarely => 1,
            Self::AtOnce(requests) => requests,
        }
    }

    /// Returns true unless the service is never used.
    #[must_use]
    pub const fn is_declared(self) -> bool {
        !matches!(self, Self::Never)
    }

    /// The number of connections to open before the first call.
    #[must_use]
    pub const fn warm_connections(self) -> usize {
        match self {
            Self::Never | Self::Rarely => 0,
            Self::AtOnce(requests) => requests,
        }
    }
}

/// How an operation ends when no service fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Yes, with what the operation has to say.
    Success(T),
    /// No.
    Refused(Refusal),
}

/// A success with nothing to say beside its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done;

impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

impl<T> Outcome<T> {
    /// A refusal with the standard sentence of its reason.
    pub(crate) fn refused(reason: Reason) -> Self {
        Self::Refused(Refusal::new(reason))
    }

    /// A refusal that ends by itself after this many seconds.
    pub(crate) fn refused_until(reason: Reason, retry_after: u64) -> Self {
        Self::Refused(Refusal::until(reason, retry_after))
    }

    /// The reason of a refusal.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Success(_) => None,
            Self::Refused(refusal) => Some(refusal.reason()),
        }
    }
}

impl<T: Serialize> Outcome<T> {
    /// The answer in the form of the contract: one object with the flag and the fields of the success or the refusal.
    ///
    /// # Panics
    ///
    /// If a success does not serialize as an object.
    #[must_use]
    pub fn to_json(&self, contract: Contract) -> Value {
        let (mut object, flag) = match self {
            Self::Success(success) => (json!(success), true),
            Self::Refused(refusal) => (json!(refusal), false),
        };
        object[contract.flag] = json!(flag);
        object
    }
}

/// Takes a payload through an operation, and notes in the audit trail how it ended.
pub async fn handle<O: Operation<S>, S>(
    payload: &str,
    services: &S,
    audit: &AuditTrail<'_>,
) -> Result<Outcome<O::Success>, Fault> {
    let outcome = match O::parse(payload, services) {
        Ok(operation) => operation.run(services, audit).await,
        Err(refusal) => Ok(Outcome::Refused(refusal)),
    };
    match &outcome {
        Ok(Outcome::Success(_)) => audit.done(),
        Ok(Outcome::Refused(refusal)) => audit.refused(refusal.reason()),
        Err(fault) => audit.failed(fault),
    }
    outcome
}

/// The text of one field of a payload. It may be a password, so it is wiped when dropped.
pub(crate) type Text = Zeroizing<String>;

/// More than the largest valid payload: two passwords of 1,024 bytes, each byte written as `\u00XX`,
/// and the other fields.
const MAX_PAYLOAD_BYTES: usize = 32 * 1024;

/// Reads the fields of a payload, all of which are text, in the order of their names.
///
/// A payload that is not an object, lacks a required field, or has an unknown or repeated one is an invalid request,
/// whatever its other fields hold: the form is checked before any value is. Serde's message is dropped, because it quotes
/// the offending value.
pub(crate) fn fields<const R: usize, const O: usize>(
    payload: &str,
    required: [&'static str; R],
    optional: [&'static str; O],
) -> Result<([Text; R], [Option<Text>; O]), Refusal> {
    let values = (payload.len() <= MAX_PAYLOAD_BYTES)
        .then(|| read(payload, &[&required[..], &optional[..]].concat()).ok())
        .flatten()
        .and_then(|mut values| {
            let optional = values.split_off(R).try_into().ok()?;
            let required: Option<Vec<_>> = values.into_iter().collect();
            Some((required?.try_into().ok()?, optional))
        });
    values.ok_or_else(|| Refusal::new(Reason::InvalidRequest))
}

fn read(payload: &str, names: &[&'static str]) -> serde_json::Result<Vec<Option<Text>>> {
    let mut json = serde_json::Deserializer::from_str(payload);
    let values = json.deserialize_map(TextFields(names))?;
    json.end()?;
    Ok(values)
}

/// Reads an object with at most these fields. A field that is null is read as missing.
struct TextFields<'a>(&'a [&'static str]);

impl<'de> Visitor<'de> for TextFields<'_> {
    type Value = Vec<Option<Text>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.0.len()];
        let mut seen = vec![false; self.0.len()];
        while let Some(name) = map.next_key::<String>()? {
            let known = self.0.iter().position(|known| *known == name);
            let at = known.ok_or_else(|| A::Error::custom("an unknown field"))?;
            if std::mem::replace(&mut seen[at], true) {
                return Err(A::Error::custom("a repeated field"));
            }
            values[at] = map.next_value::<Option<String>>()?.map(Zeroizing::new);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_two(payload: &str) -> Option<(String, Option<String>)> {
        let ([email], [name]) = fields(payload, ["email"], ["name"]).ok()?;
        Some((email.to_string(), name.map(|name| name.to_string())))
    }

    #[test]
    fn fields_are_read_by_name_and_an_optional_one_may_be_missing_or_null() {
        let both = Some(("a".to_owned(), Some("b".to_owned())));
        assert_eq!(read_two(r#"{"email":"a","name":"b"}"#), both);
        assert_eq!(read_two(r#" {"name":"\u0062","\u0065mail":"a"} "#), both);
        let one = Some(("a".to_owned(), None));
        assert_eq!(read_two(r#"{"email":"a"}"#), one);
        assert_eq!(read_two(r#"{"email":"a","name":null}"#), one);
    }

    #[test]
    fn a_payload_of_another_form_is_an_invalid_request() {
        for payload in [
            "",
            "null",
            "[]",
            r#"["a","b"]"#,
            "{}",
            r#"{"email":null}"#,
            r#"{"email":1}"#,
            r#"{"email":["a"]}"#,
            r#"{"email":"a","email":"a"}"#,
            r#"{"email":"a","name":null,"name":"b"}"#,
            r#"{"email":"a","admin":true}"#,
            r#"{"email":"a"} {}"#,
            r#"{"email":"a""#,
            &format!(r#"{{"email":"{}"}}"#, "a".repeat(MAX_PAYLOAD_BYTES)),
        ] {
            assert_eq!(read_two(payload), None, "{payload}");
        }
    }

    #[test]
    fn settings_are_read_only_where_they_are_declared() {
        let needs = Needs { settings: &[SettingsGroup::SignUp, SettingsGroup::PasswordPolicy], ..Needs::NONE };
        assert!(needs.reads(SettingsGroup::SignUp) && !needs.reads(SettingsGroup::RevealAccounts));
    }
}
