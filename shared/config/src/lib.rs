//! The settings of a function, read once and typed.
//!
//! The owner writes `config.json`, which `config.schema.json` describes; `template.yaml` passes each function the settings
//! it needs as environment variables of the same names, defaults included: the schema is the only place that has them. A
//! function with a missing or invalid setting logs its name at the start and does not serve.

use latchkey_audit::AuditKeys;
use latchkey_auth::delivery::MailBudgets;
use latchkey_auth::{PasswordPolicy, SignUp};
use latchkey_keys::KeyRing;
use latchkey_salting::{FormerHash, InvalidScheme, Scheme, Schemes};
use std::fmt;

/// A setting is missing or invalid. The error does not quote the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the setting {key} should be {expected}")]
pub struct InvalidSetting {
    /// The name of the setting.
    pub key: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

/// Looks up settings by name.
pub struct Settings<'a>(Lookup<'a>);

type Lookup<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

impl Settings<'static> {
    /// Looks settings up in the environment of this process.
    #[must_use]
    pub fn from_environment() -> Self {
        Self(Box::new(|key| std::env::var(key).ok()))
    }
}

impl<'a> Settings<'a> {
    /// Looks settings up in any other place.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self(Box::new(lookup))
    }

    /// The name of the table.
    pub fn table(&self) -> Result<String, InvalidSetting> {
        self.text("DDB_TABLE", "the name of the user table")
    }

    /// The identity pool that turns logins into identities.
    pub fn identity_pool_id(&self) -> Result<String, InvalidSetting> {
        self.text("IDENTITY_POOL_ID", "the id of the identity pool")
    }

    /// The name by which the identity pool knows this service.
    pub fn developer_provider_name(&self) -> Result<String, InvalidSetting> {
        self.text("DEVELOPER_PROVIDER_NAME", "the developer provider name of the identity pool")
    }

    /// How many seconds an identity token is valid: `IDENTITY_TOKEN_SECONDS`, 60 to 86,400, which is the longest that Cognito
    /// allows.
    pub fn identity_token_seconds(&self) -> Result<u32, InvalidSetting> {
        const INVALID: InvalidSetting =
            InvalidSetting { key: "IDENTITY_TOKEN_SECONDS", expected: "a whole number from 60 to 86400" };
        let seconds = self.get(INVALID.key).and_then(|text| text.parse().ok());
        seconds.filter(|seconds| (60..=86_400).contains(seconds)).ok_or(INVALID)
    }

    /// The service name that appears in mail.
    pub fn service_name(&self) -> Result<String, InvalidSetting> {
        self.text("EXTERNAL_NAME", "the name of your service, as mails give it")
    }

    /// The sender of all mail.
    pub fn sender(&self) -> Result<String, InvalidSetting> {
        self.text("EMAIL_SOURCE", "the address that mails are sent from")
    }

    /// The name of the outbox. The template gives it; it is not a setting of `config.json`.
    pub fn outbox_table(&self) -> Result<String, InvalidSetting> {
        self.text("OUTBOX_TABLE", "the name of the outbox's table")
    }

    /// The keys that seal mail on its way. `init.sh` draws them; they are not a setting of `config.json`.
    pub fn mail_keys(&self) -> Result<KeyRing, InvalidSetting> {
        self.keys("MAIL_KEY")
    }

    /// The keys of device tokens. `init.sh` draws them; they are not a setting of `config.json`.
    pub fn device_keys(&self) -> Result<KeyRing, InvalidSetting> {
        self.keys("DEVICE_KEY")
    }

    fn keys(&self, key: &'static str) -> Result<KeyRing, InvalidSetting> {
        self.get(key).and_then(|text| KeyRing::parse(&text).ok()).ok_or(invalid_keys(key))
    }

    /// How many mails the whole service may send in an hour.
    pub fn mail_budgets(&self) -> Result<MailBudgets, InvalidSetting> {
        let number = |key| {
            let invalid = InvalidSetting { key, expected: "a whole number up to 1000000" };
            self.get(key).and_then(|text| text.parse().ok()).filter(|mails| *mails <= 1_000_000).ok_or(invalid)
        };
        Ok(MailBudgets { sign_ups: number("SIGN_UP_MAILS_PER_HOUR")?, notices: number("NOTICE_MAILS_PER_HOUR")? })
    }

    /// How long an unverified account is kept.
    pub fn sign_up(&self) -> Result<SignUp, InvalidSetting> {
        Ok(SignUp { unverified_seconds: self.unverified_seconds()? })
    }

    /// The page that verification links open.
    pub fn verification_page(&self) -> Result<String, InvalidSetting> {
        self.page("VERIFICATION_PAGE")
    }

    /// The page that reset links open.
    pub fn reset_page(&self) -> Result<String, InvalidSetting> {
        self.page("RESET_PAGE")
    }

    /// The keys that seal audit records. `init.sh` draws them; they are not a setting of `config.json`.
    pub fn audit_keys(&self) -> Result<AuditKeys, InvalidSetting> {
        const KEY: &str = "AUDIT_KEY";
        self.get(KEY).and_then(|text| AuditKeys::parse(&text).ok()).ok_or(invalid_keys(KEY))
    }

    /// Which new passwords are accepted.
    pub fn password_policy(&self) -> Result<PasswordPolicy, InvalidSetting> {
        Ok(PasswordPolicy { min_chars: self.password_min_length()?, service: self.service_name()? })
    }

    /// The fewest characters of a new password: 8 to 64.
    fn password_min_length(&self) -> Result<usize, InvalidSetting> {
        const INVALID: InvalidSetting =
            InvalidSetting { key: "PASSWORD_MIN_LENGTH", expected: "a whole number from 8 to 64" };
        self.get(INVALID.key).and_then(|text| text.parse().ok()).filter(|chars| (8..=64).contains(chars)).ok_or(INVALID)
    }

    /// The service that knows compromised passwords (`BREACHED_PASSWORDS_URL`): the address to which five hexadecimal digits
    /// are appended. No check is made if unset.
    pub fn breached_passwords_url(&self) -> Result<Option<String>, InvalidSetting> {
        const KEY: &str = "BREACHED_PASSWORDS_URL";
        self.get(KEY).map(|_| self.page(KEY)).transpose()
    }

    /// The scheme for new password hashes, and the kinds of hashes that may remain from before it.
    pub fn password_schemes(&self) -> Result<Schemes, InvalidSetting> {
        Ok(Schemes::new(self.password_scheme()?, self.former_password_hashes()?))
    }

    /// The kinds of hashes that may remain in the table from before the current scheme. The scripts keep the list as a parameter
    /// of the stack; it is not a setting of `config.json`.
    fn former_password_hashes(&self) -> Result<Vec<FormerHash>, InvalidSetting> {
        const INVALID: InvalidSetting = InvalidSetting {
            key: "FORMER_PASSWORD_HASHES",
            expected: "kinds of password hashes such as pbkdf2-sha512:210000, with commas between them",
        };
        let list = self.get(INVALID.key).unwrap_or_default();
        list.split_terminator(',').map(|kind| kind.parse().map_err(|_| INVALID)).collect()
    }

    /// The scheme for new password hashes: `PASSWORD_HASH` with `PASSWORD_HASH_ROUNDS`.
    fn password_scheme(&self) -> Result<Scheme, InvalidSetting> {
        const HASH: InvalidSetting =
            InvalidSetting { key: "PASSWORD_HASH", expected: "pbkdf2-sha512, pbkdf2-sha256 or argon2id" };
        const ROUNDS: InvalidSetting = InvalidSetting {
            key: "PASSWORD_HASH_ROUNDS",
            expected: "a whole number from 210000 to 20000000 for pbkdf2-sha512, from 600000 for pbkdf2-sha256, and left out \
                       with argon2id",
        };
        let name = self.get(HASH.key).ok_or(HASH)?;
        let rounds = self.get(ROUNDS.key).map(|text| text.parse().map_err(|_| ROUNDS)).transpose()?;
        Scheme::named(&name, rounds).map_err(|error| if error == InvalidScheme::Name { HASH } else { ROUNDS })
    }

    /// How many seconds an unverified account is kept: `UNVERIFIED_DAYS`, 1 to 365.
    fn unverified_seconds(&self) -> Result<u64, InvalidSetting> {
        const INVALID: InvalidSetting =
            InvalidSetting { key: "UNVERIFIED_DAYS", expected: "a whole number from 1 to 365" };
        let days = self.get(INVALID.key).and_then(|text| text.parse::<u64>().ok());
        days.filter(|days| (1..=365).contains(days)).map(|days| days * 24 * 60 * 60).ok_or(INVALID)
    }

    /// Whether callers are told who has an account.
    pub fn reveal_accounts(&self) -> Result<bool, InvalidSetting> {
        match self.get("REVEAL_ACCOUNTS").as_deref() {
            Some("false") => Ok(false),
            Some("true") => Ok(true),
            None | Some(_) => Err(InvalidSetting { key: "REVEAL_ACCOUNTS", expected: "true or false" }),
        }
    }

    /// A setting as text; for functions with settings that no other one has. An empty one counts as missing, because a template cannot
    /// omit a variable.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        (self.0)(key).filter(|text| !text.is_empty())
    }

    fn text(&self, key: &'static str, expected: &'static str) -> Result<String, InvalidSetting> {
        self.get(key).ok_or(InvalidSetting { key, expected })
    }

    /// The address of a page. Links append a query, so it must not have one. They carry tokens, so it is reached over TLS or on
    /// this machine.
    fn page(&self, key: &'static str) -> Result<String, InvalidSetting> {
        let invalid = InvalidSetting { key, expected: "an https address without a query; http on localhost only" };
        let page = self.get(key).ok_or(invalid)?;
        let safe = page.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
            || page.strip_prefix("http://").is_some_and(is_on_this_machine);
        let plain = !page.contains(|c: char| c == '?' || c == '#' || c.is_whitespace() || c.is_control());
        if safe && plain { Ok(page) } else { Err(invalid) }
    }
}

const fn invalid_keys(key: &'static str) -> InvalidSetting {
    InvalidSetting { key, expected: "one or two keys as ID:KEY, each 32 bytes as base64" }
}

/// Whether an address, after its scheme, names this machine: its loopback interface, a port or none, and a path.
fn is_on_this_machine(address: &str) -> bool {
    let Some((host, _)) = address.split_once('/') else { return false };
    let after = ["localhost", "127.0.0.1", "[::1]"].into_iter().find_map(|name| host.strip_prefix(name));
    after.is_some_and(|port| {
        let digits = port.strip_prefix(':');
        port.is_empty()
            || digits
                .is_some_and(|digits| (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
    })
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(pairs: &'a [(&'a str, &'a str)]) -> Settings<'a> {
        Settings::from_lookup(|key| pairs.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_defaults_of_the_schema_are_safe() {
        let schema: serde_json::Value = serde_json::from_str(include_str!("../../../config.schema.json")).unwrap();
        // As the template hands them over; a setting without a default is an empty variable.
        let settings = Settings::from_lookup(|key| {
            let default = &schema["properties"][key]["default"];
            Some(default.as_str().map_or_else(|| default.to_string(), str::to_owned)).filter(|_| !default.is_null())
        });
        assert_eq!(settings.password_scheme(), Ok(Scheme::default()));
        assert_eq!(settings.password_min_length(), Ok(8));
        assert_eq!(settings.breached_passwords_url(), Ok(None));
        assert_eq!(settings.identity_token_seconds(), Ok(300));
        assert_eq!(settings.reveal_accounts(), Ok(false));
        assert_eq!(settings.unverified_seconds(), Ok(7 * 24 * 60 * 60));
        // SES begins with 50,000 mails a day outside of the sandbox: this leaves a quarter of them to resets.
        assert_eq!(settings.mail_budgets(), Ok(MailBudgets { sign_ups: 1_000, notices: 250 }));
    }

    #[test]
    fn a_missing_setting_is_named() {
        assert_eq!(with(&[]).table().unwrap_err().key, "DDB_TABLE");
        assert_eq!(with(&[("EMAIL_SOURCE", "")]).sender().unwrap_err().key, "EMAIL_SOURCE");
        assert_eq!(with(&[("AUDIT_KEY", "AAAA")]).audit_keys().unwrap_err().key, "AUDIT_KEY");
        assert_eq!(with(&[("DEVICE_KEY", "a:AAAA")]).device_keys().unwrap_err().key, "DEVICE_KEY");
        assert_eq!(with(&[("MAIL_KEY", "")]).mail_keys().unwrap_err().key, "MAIL_KEY");
        // A default that went missing on the way is no reason to guess one.
        assert_eq!(with(&[]).password_scheme().unwrap_err().key, "PASSWORD_HASH");
        assert_eq!(with(&[]).password_min_length().unwrap_err().key, "PASSWORD_MIN_LENGTH");
        assert_eq!(with(&[]).identity_token_seconds().unwrap_err().key, "IDENTITY_TOKEN_SECONDS");
        assert_eq!(with(&[]).reveal_accounts().unwrap_err().key, "REVEAL_ACCOUNTS");
        assert_eq!(with(&[]).unverified_seconds().unwrap_err().key, "UNVERIFIED_DAYS");
    }

    #[test]
    fn a_hash_below_its_floor_is_refused() {
        for (hash, rounds) in [("pbkdf2-sha512", "209999"), ("pbkdf2-sha256", "210000"), ("argon2id", "3"), ("md5", "")]
        {
            let pairs = [("PASSWORD_HASH", hash), ("PASSWORD_HASH_ROUNDS", rounds)];
            assert!(with(&pairs).password_scheme().is_err(), "{hash} {rounds}");
        }
        assert_eq!(with(&[("PASSWORD_HASH", "argon2id")]).password_scheme(), Ok(Scheme::Argon2id));
        let more = with(&[("PASSWORD_HASH", "pbkdf2-sha512"), ("PASSWORD_HASH_ROUNDS", "300000")]);
        assert_eq!(more.password_scheme(), Ok(Scheme::pbkdf2_sha512(300_000).unwrap()));
    }

    #[test]
    fn the_kinds_of_hashes_that_may_remain_are_read_from_their_list() {
        let schemes = |list| {
            let pairs = [("PASSWORD_HASH", "argon2id"), ("FORMER_PASSWORD_HASHES", list)];
            with(&pairs).password_schemes().map(|schemes| schemes.former().to_vec())
        };
        assert_eq!(schemes(""), Ok(vec![]));
        let sha512 = FormerHash::Scheme(Scheme::default());
        assert_eq!(schemes("pbkdf2-sha512:210000"), Ok(vec![sha512]));
        assert_eq!(schemes("lambdauth:128,pbkdf2-sha512:210000").map(|former| former.len()), Ok(2));
        for wrong in ["md5", "pbkdf2-sha512", ",", "argon2id,,"] {
            assert_eq!(schemes(wrong).unwrap_err().key, "FORMER_PASSWORD_HASHES", "{wrong}");
        }
    }

    #[test]
    fn a_minimum_length_below_eight_is_refused() {
        for wrong in ["7", "65", "-8", "eight"] {
            assert!(with(&[("PASSWORD_MIN_LENGTH", wrong)]).password_min_length().is_err(), "{wrong}");
        }
        assert_eq!(with(&[("PASSWORD_MIN_LENGTH", "15")]).password_min_length(), Ok(15));
    }

    #[test]
    fn an_identity_token_lives_between_a_minute_and_a_day() {
        let seconds = |text| with(&[("IDENTITY_TOKEN_SECONDS", text)]).identity_token_seconds().ok();
        assert_eq!(
            [seconds("59"), seconds("60"), seconds("86400"), seconds("86401")],
            [None, Some(60), Some(86_400), None]
        );
    }

    #[test]
    fn accounts_are_revealed_and_kept_unverified_as_the_owner_says_and_not_otherwise() {
        let reveal = |text| with(&[("REVEAL_ACCOUNTS", text)]).reveal_accounts().ok();
        assert_eq!(
            [reveal("false"), reveal("true"), reveal("yes"), reveal("1")],
            [Some(false), Some(true), None, None]
        );
        let days = |text| with(&[("UNVERIFIED_DAYS", text)]).unverified_seconds().ok();
        assert_eq!([days("0"), days("1"), days("365"), days("366")], [None, Some(86_400), Some(31_536_000), None]);
    }

    /// Addresses that a page may have, and addresses that it may not. The schema judges the same ones.
    const PAGES: &str = include_str!("../tests/pages.txt");

    #[test]
    fn a_page_is_reached_over_tls_or_on_this_machine_and_links_can_extend_it() {
        for line in PAGES.lines() {
            let (verdict, page) = line.split_once(' ').unwrap();
            for key in ["VERIFICATION_PAGE", "RESET_PAGE", "BREACHED_PASSWORDS_URL"] {
                let pairs = [(key, page)];
                let settings = with(&pairs);
                let accepted = match key {
                    "VERIFICATION_PAGE" => settings.verification_page().is_ok(),
                    "RESET_PAGE" => settings.reset_page().is_ok(),
                    _ => settings.breached_passwords_url().is_ok(),
                };
                assert_eq!(accepted, verdict == "yes", "{key} {page}");
            }
        }
        assert!(with(&[("RESET_PAGE", "")]).reset_page().is_err());
        for broken in ["https://e.example/ x", "https://e.example/\n"] {
            assert!(with(&[("RESET_PAGE", broken)]).reset_page().is_err(), "{broken}");
        }
    }
}
