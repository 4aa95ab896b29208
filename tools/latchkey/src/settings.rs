//! The settings: the keys of `config.json` as `config.schema.json` lists them.
//!
//! The schema's standard keywords say what a value may be and what it is by default. `x-latchkey`, which validators ignore,
//! says where it goes: `parameter` is the stack's parameter, `value` an expression of the template in place of one, and
//! `readBy` the functions that get it as an environment variable of the same name. A statement of `stacks/statements.yaml`
//! in `readBy` means every function to which it is allowed: who may use the table needs its name.

use crate::functions::Function;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::LazyLock;

pub(crate) const SCHEMA: &str = include_str!("../../../config.schema.json");

/// One key of `config.json`.
#[derive(Debug)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// Whether the file must have it.
    pub required: bool,
    /// What the schema says of it.
    pub(crate) schema: Property,
}

/// The part of a property's schema that the generator uses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Property {
    pub(crate) description: String,
    default: Option<Value>,
    pattern: Option<String>,
    #[serde(rename = "enum")]
    values: Option<Vec<Value>>,
    /// A number, which the file may give as text.
    any_of: Option<Vec<Alternative>>,
    /// Written by `init.sh`.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// Accepted and ignored.
    #[serde(default)]
    pub(crate) deprecated: bool,
    #[serde(default, rename = "x-latchkey")]
    pub(crate) latchkey: Latchkey,
}

#[derive(Debug, Deserialize)]
struct Alternative {
    minimum: Option<i64>,
    maximum: Option<i64>,
    pattern: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Latchkey {
    pub(crate) parameter: Option<String>,
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) read_by: Vec<String>,
}

/// What a value may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// A number within these bounds.
    Number { minimum: i64, maximum: i64 },
    /// One of these. The flag says whether they are numbers.
    Values(Vec<String>, bool),
    /// A text that this pattern matches.
    Text(String),
    /// Anything.
    Anything,
}

impl Setting {
    /// The default as text; `{KEY}` in it stands for the value of another setting.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        self.schema.default.as_ref().map(text)
    }

    /// Whether a function gets it as an environment variable.
    #[must_use]
    pub fn is_read_by(&self, function: &Function) -> bool {
        self.schema
            .latchkey
            .read_by
            .iter()
            .any(|reader| *reader == function.name || function.allow.contains_key(reader))
    }

    /// The default, unless it depends on other settings.
    pub(crate) fn fixed_default(&self) -> Option<String> {
        self.default().filter(|default| !default.contains('{'))
    }

    /// What a value may be. A number without a default is a text, because only a text can be empty.
    pub(crate) fn allowed(&self) -> Allowed {
        let schema = &self.schema;
        let filled = self.required || schema.default.is_some();
        let or_empty = |pattern: &String| if filled { pattern.clone() } else { format!("^$|{pattern}") };
        if let Some(values) = &schema.values {
            let mut texts: Vec<String> = Vec::new();
            for value in values.iter().map(text) {
                if !texts.contains(&value) {
                    texts.push(value);
                }
            }
            return Allowed::Values(texts, values[0].is_number());
        }
        if let Some(alternatives) = &schema.any_of {
            let number = alternatives.iter().find_map(|one| Some((one.minimum?, one.maximum?)));
            let pattern = alternatives.iter().find_map(|one| one.pattern.as_ref());
            return match (number, pattern) {
                (Some((minimum, maximum)), _) if schema.default.is_some() => Allowed::Number { minimum, maximum },
                (_, Some(pattern)) => Allowed::Text(or_empty(pattern)),
                _ => Allowed::Anything,
            };
        }
        schema.pattern.as_ref().map_or(Allowed::Anything, |pattern| Allowed::Text(or_empty(pattern)))
    }
}

/// All settings, in the order of the schema.
///
/// # Panics
///
/// If the schema that was compiled in does not have this form, which a test rules out.
#[must_use]
pub fn settings() -> &'static [Setting] {
    static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        #[derive(Deserialize)]
        struct Schema {
            required: Vec<String>,
            properties: Map<String, Value>,
        }
        let schema: Schema = serde_json::from_str(SCHEMA).expect("config.schema.json has required and properties");
        let setting = |(key, property): (String, Value)| {
            let property = serde_json::from_value(property).unwrap_or_else(|error| panic!("{key}: {error}"));
            Setting { required: schema.required.contains(&key), key, schema: property }
        };
        schema.properties.into_iter().map(setting).collect()
    });
    &SETTINGS
}

/// A JSON value as a shell or an environment variable has it.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_default_is_a_value_that_the_schema_accepts() {
        let sample: Map<String, Value> = serde_json::from_str(include_str!("../../../config.json")).unwrap();
        for setting in settings() {
            // Of a default that depends on others, the value in force is checked.
            let Some(default) = setting.schema.default.clone() else { continue };
            let mut config = sample.clone();
            config.remove(&setting.key);
            let value = match setting.fixed_default() {
                Some(_) => default,
                None => json!(crate::effective(&config).into_iter().find(|(key, _)| *key == setting.key).unwrap().1),
            };
            config.insert(setting.key.clone(), value);
            assert_eq!(crate::check(&Value::Object(config).to_string()).err(), None, "{}", setting.key);
        }
    }

    #[test]
    fn every_setting_that_a_function_reads_has_a_source_in_the_stack() {
        for Setting { key, schema, .. } in settings() {
            let Latchkey { parameter, value, read_by } = &schema.latchkey;
            assert!(parameter.is_none() || value.is_none(), "{key}: a parameter or a value, not both");
            assert!(read_by.is_empty() || parameter.is_some() || value.is_some(), "{key}: from which parameter?");
        }
    }

    #[test]
    fn every_reader_of_a_setting_is_a_function_or_a_statement_that_one_is_allowed() {
        for setting in settings() {
            for reader in &setting.schema.latchkey.read_by {
                let known = crate::functions().iter().any(|one| one.name == *reader || one.allow.contains_key(reader));
                assert!(known, "{}: {reader}", setting.key);
            }
        }
    }
}
