//! The functions: `stacks/functions.toml`, which also says what each field means.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const LIST: &str = include_str!("../../../stacks/functions.toml");

/// One Lambda function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its name in camel case.
    pub name: String,
    /// The operations that it answers.
    pub operations: Vec<String>,
    /// Who may invoke it.
    pub callers: Vec<Caller>,
    /// Megabytes.
    pub memory: u32,
    /// Seconds.
    pub timeout: u32,
    /// What people notice when it fails: one sentence.
    pub failing: String,
    /// The keys that it gets beside the audit trail's, which every function has.
    #[serde(default)]
    pub keys: Vec<KeyKind>,
    /// How a new version is tried before it is live.
    #[serde(default)]
    pub trial: Trial,
    /// The actions that its role may take, by statement of `stacks/statements.yaml`.
    #[serde(default)]
    pub allow: BTreeMap<String, Vec<String>>,
}

/// How a new version of a function is tried before it is live.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What it is called with: JSON.
    pub event: String,
    /// What its answer must hold: JSON.
    pub answer: String,
}

impl Default for Trial {
    /// An operation refuses an empty object before it does anything.
    fn default() -> Self {
        Self { event: "{}".to_owned(), answer: r#"{"reason":"invalid_request"}"#.to_owned() }
    }
}

/// The function that tries new versions: its name in the stack, and its package in `providers/`.
pub const TRIGGER: (&str, &str) = ("Trigger", "lambda-trigger");

/// The function that mails alarms, if the owner asks for that: its name in the stack, and its package in `tools/`.
pub const NOTIFIER: (&str, &str) = ("Notifier", "notifier");

/// A kind of identity of the pool.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Caller {
    /// Not logged in.
    Guests,
    /// Logged in.
    Users,
}

/// What a ring of keys is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum KeyKind {
    /// Sealing audit records.
    Audit,
    /// Sealing mail on its way to the mail function.
    Mail,
    /// Authenticating device tokens.
    Device,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Audit, Self::Mail, Self::Device];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Mail => "mail",
            Self::Device => "device",
        }
    }

    /// The stack's parameter, which CloudFormation does not show.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Audit => "AuditKey",
            Self::Mail => "MailKey",
            Self::Device => "DeviceKey",
        }
    }

    /// The environment variable of the functions that have it.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Audit => "AUDIT_KEY",
            Self::Mail => "MAIL_KEY",
            Self::Device => "DEVICE_KEY",
        }
    }
}

impl Function {
    /// Whether it gets the keys of this kind.
    #[must_use]
    pub fn has_key(&self, kind: KeyKind) -> bool {
        kind == KeyKind::Audit || self.keys.contains(&kind)
    }

    /// The name as functions and resources have it: `ChangePassword`.
    #[must_use]
    pub fn resource(&self) -> String {
        let mut letters = self.name.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    }

    /// The name as Cargo has it: `change-password`.
    #[must_use]
    pub fn package(&self) -> String {
        let mut package = String::new();
        for letter in self.name.chars() {
            if letter.is_ascii_uppercase() {
                package.push('-');
            }
            package.push(letter.to_ascii_lowercase());
        }
        package
    }
}

/// All functions, in the order of the list.
///
/// # Panics
///
/// If the list that was compiled in is not one, which a test rules out.
#[must_use]
pub fn functions() -> &'static [Function] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        function: Vec<Function>,
    }
    static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
        toml::from_str::<List>(LIST).unwrap_or_else(|error| panic!("functions.toml: {error}")).function
    });
    &FUNCTIONS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_package_of_the_functions_folder_is_in_the_list_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
        let packages =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let listed: BTreeSet<_> = functions().iter().map(Function::package).collect();
        assert_eq!(listed, packages.collect(), "stacks/functions.toml and functions/ differ");
    }

    #[test]
    fn a_trial_is_json_that_the_template_can_quote() {
        for Function { name, trial, .. } in functions() {
            for text in [&trial.event, &trial.answer] {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
                assert!(parsed.is_ok_and(|value| value.is_object()) && !text.contains('\''), "{name}: {text}");
            }
        }
    }

    #[test]
    fn no_script_lists_the_functions_again() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in [root.clone(), root.join("scripts")] {
            let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            for script in files.filter(|file| file.extension().is_some_and(|extension| extension == "sh")) {
                let text = std::fs::read_to_string(&script).unwrap();
                let words: BTreeSet<_> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
                // Mail is an everyday word.
                let package = |one: &Function| one.package() != "mail" && words.contains(one.package().as_str());
                let named = |one: &&Function| package(one) || words.contains(one.resource().as_str());
                // One may be named, as an example of all.
                let named: Vec<_> = functions().iter().filter(named).map(|one| &one.name).collect();
                assert!(named.len() <= 1, "{}: {named:?}", script.display());
            }
        }
    }

    #[test]
    fn every_operation_is_answered_by_one_function() {
        let mut seen = BTreeSet::new();
        for function in functions() {
            assert!(!function.operations.is_empty(), "{} answers nothing", function.name);
            for operation in &function.operations {
                assert!(seen.insert(operation), "{operation} is listed twice");
            }
        }
    }

    #[test]
    fn memory_and_time_limits_are_within_what_lambda_offers() {
        for Function { name, memory, timeout, .. } in functions() {
            assert!((128..=10_240).contains(memory), "{name}: {memory} MB");
            assert!((1..=900).contains(timeout), "{name}: {timeout} s");
        }
    }

    #[test]
    fn every_function_says_what_people_notice_when_it_fails() {
        for Function { name, failing, .. } in functions() {
            assert!(
                failing.len() > 10 && failing.ends_with('.') && !failing.contains(['\n', '$']),
                "{name}: {failing}"
            );
        }
    }
}
