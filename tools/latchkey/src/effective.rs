//! The configuration with its defaults filled in, as text.

use crate::settings::{Setting, settings, text};
use serde_json::{Map, Value};

/// The name of the bucket in the sample's file. As the bucket's name and in the pages' addresses it means the default.
const PLACEHOLDER: &str = "BUCKET";

/// Every setting with its effective value; empty where there is none.
#[must_use]
pub fn effective(config: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let kept = settings().iter().filter(|setting| !setting.schema.deprecated);
    kept.map(|setting| (setting.key.as_str(), value(config, setting))).collect()
}

fn value(config: &Map<String, Value>, setting: &Setting) -> String {
    let given = config.get(&setting.key).map(text);
    let depends_on_others = setting.default().is_some() && setting.fixed_default().is_none();
    let placeholder =
        |value: &String| depends_on_others && (value == PLACEHOLDER || value.contains(&format!("://{PLACEHOLDER}.")));
    if let Some(given) = given.filter(|value| !placeholder(value)) {
        return given;
    }
    let mut value = setting.default().unwrap_or_default();
    for other in settings() {
        let name = format!("{{{}}}", other.key);
        if value.contains(&name) {
            value = value.replace(&name, &self::value(config, other));
        }
    }
    // Bucket names are global, so account and region are part of the default; and they have no capitals.
    if setting.key == "BUCKET" { value.to_lowercase() } else { value }
}

/// Returns true if alarms are mailed, which takes a function more.
#[must_use]
pub fn has_alarms(config: &Map<String, Value>) -> bool {
    effective(config).iter().any(|(key, value)| *key == "ALARM_EMAIL" && !value.is_empty())
}

/// The settings as assignments that a POSIX shell evaluates to exactly these values.
#[must_use]
pub fn shell(settings: &[(&str, String)]) -> String {
    // Between single quotes a shell takes everything as it stands, but a single quote.
    let assignment = |(key, value): &(&str, String)| format!("{key}='{}'", value.replace('\'', r"'\''"));
    settings.iter().map(assignment).collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::process::Command;

    fn settings(changes: &Value) -> Vec<(&'static str, String)> {
        let text = include_str!("../../../config.json");
        let mut config: Map<String, Value> = serde_json::from_str(text).unwrap();
        config.extend(changes.as_object().unwrap().clone());
        effective(&config)
    }

    fn value(settings: &[(&'static str, String)], key: &str) -> String {
        settings.iter().find(|(name, _)| *name == key).unwrap().1.clone()
    }

    #[test]
    fn the_samples_placeholder_becomes_a_bucket_of_ones_own() {
        let settings = settings(&json!({}));
        let bucket = "sampleauth-123412341234-us-east-1";
        assert_eq!(value(&settings, "BUCKET"), bucket);
        let page = format!("https://{bucket}.s3.us-east-1.amazonaws.com/verify.html");
        assert_eq!(value(&settings, "VERIFICATION_PAGE"), page);
    }

    #[test]
    fn what_the_owner_chose_is_kept() {
        let settings = settings(&json!({
            "BUCKET": "pages", "VERIFICATION_PAGE": "https://example.com/v", "MAX_AGE": 60, "REVEAL_ACCOUNTS": true
        }));
        assert_eq!(value(&settings, "BUCKET"), "pages");
        assert_eq!(value(&settings, "VERIFICATION_PAGE"), "https://example.com/v");
        assert_eq!(value(&settings, "MAX_AGE"), "60");
        assert_eq!(value(&settings, "REVEAL_ACCOUNTS"), "true");
    }

    #[test]
    fn the_samples_placeholder_is_a_word_like_any_other_elsewhere() {
        assert_eq!(value(&settings(&json!({ "EXTERNAL_NAME": "BUCKET" })), "EXTERNAL_NAME"), "BUCKET");
    }

    #[test]
    fn a_shell_reads_back_exactly_what_was_set() {
        let name = "Tom's \"$(false)\" `false` \\ & Söhne $HOME";
        let assignments = shell(&settings(&json!({ "EXTERNAL_NAME": name })));
        let script = format!("{assignments}printf %s \"$EXTERNAL_NAME\"");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), name);
    }
}
