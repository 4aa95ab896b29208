//! The parameters of the stack, as `aws cloudformation update-stack` takes them.

use crate::{KeyKind, effective, settings};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The parameters as JSON: those of the settings; the given ones, as `KEY=VALUE`, or `KEY` to keep the stack's value; and
/// `Revision`, which changes with the template and with every value but the keys: those are kept unseen from one deployment to
/// the next, and their identifiers, which count, are a parameter of their own.
#[must_use]
pub fn parameters(config: &Map<String, Value>, template: &str, given: &[&str]) -> String {
    let in_force = effective(config);
    let value = |key: &str| in_force.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
    let mut parameters: Vec<Value> = settings()
        .iter()
        .filter_map(|setting| Some(with_value(setting.schema.latchkey.parameter.as_deref()?, value(&setting.key))))
        .collect();
    parameters.extend(given.iter().map(|parameter| match parameter.split_once('=') {
        Some((key, value)) => with_value(key, value),
        None => json!({ "ParameterKey": parameter, "UsePreviousValue": true }),
    }));

    let mut hash = Sha256::new_with_prefix(template);
    let is_key = |parameter: &Value| KeyKind::ALL.iter().any(|kind| parameter["ParameterKey"] == kind.parameter());
    for parameter in parameters.iter().filter(|parameter| !is_key(parameter)) {
        hash.update(parameter.to_string());
    }
    let revision = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    parameters.push(with_value("Revision", &revision));
    Value::Array(parameters).to_string()
}

fn with_value(key: &str, value: &str) -> Value {
    json!({ "ParameterKey": key, "ParameterValue": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(changes: &Value, template: &str, given: &[&str]) -> Vec<Value> {
        let mut config: Map<String, Value> = serde_json::from_str(include_str!("../../../config.json")).unwrap();
        config.extend(changes.as_object().unwrap().clone());
        serde_json::from_str(&parameters(&config, template, given)).unwrap()
    }

    fn value(parameters: &[Value], key: &str) -> Value {
        parameters.iter().find(|parameter| parameter["ParameterKey"] == key).unwrap()["ParameterValue"].clone()
    }

    #[test]
    fn settings_reach_the_stack_as_they_were_written() {
        let name = r#"Tom's "$(false)" \ & Söhne"#;
        let made = made(&json!({ "EXTERNAL_NAME": name, "PASSWORD_MIN_LENGTH": 15 }), "", &["LoginCode=a=b"]);
        assert_eq!(value(&made, "ServiceName"), name);
        assert_eq!(value(&made, "PasswordMinLength"), "15");
        assert_eq!(value(&made, "RevealAccounts"), "false");
        assert_eq!(value(&made, "LoginCode"), "a=b");
    }

    #[test]
    fn the_revision_changes_with_a_setting_the_code_and_the_template_and_not_with_a_key() {
        let revision = |changes: Value, template, given: &[&str]| value(&made(&changes, template, given), "Revision");
        let first = revision(json!({}), "template", &["LoginCode=1", "AuditKey=drawn"]);
        assert_eq!(first, revision(json!({}), "template", &["LoginCode=1", "AuditKey"]));
        let all = revision(json!({}), "template", &["LoginCode=1", "AuditKey", "MailKey=a", "DeviceKey=b"]);
        assert_eq!(first, all);
        for other in [
            revision(json!({ "UNVERIFIED_DAYS": 8 }), "template", &["LoginCode=1", "AuditKey"]),
            revision(json!({}), "template", &["LoginCode=2", "AuditKey"]),
            revision(json!({}), "other template", &["LoginCode=1", "AuditKey"]),
            revision(json!({}), "template", &["LoginCode=1", "AuditKey", "KeyIds=mail=1,0"]),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_parameter_without_a_value_keeps_the_one_of_the_stack() {
        let made = made(&json!({}), "", &["AuditKey"]);
        assert!(made.contains(&json!({ "ParameterKey": "AuditKey", "UsePreviousValue": true })));
    }
}
