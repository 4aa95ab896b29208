//! The file of parameters that a deployment gives, as `aws cloudformation update-stack --parameters` takes it.

use crate::template::{Given, Values};
use serde::Deserialize;

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "ParameterKey")]
    key: String,
    #[serde(rename = "ParameterValue")]
    value: Option<String>,
    #[serde(default, rename = "UsePreviousValue")]
    keeps_value: bool,
}

/// That a file holds no parameters. Values may be secret, so nothing of the file is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no JSON list of ParameterKey with ParameterValue or UsePreviousValue")]
pub struct NoParameters;

/// Reads a file of parameters.
pub fn parse(json: &str) -> Result<Values, NoParameters> {
    let parameters: Vec<Parameter> = serde_json::from_str(json).map_err(|_| NoParameters)?;
    let given = parameters.into_iter().map(|parameter| {
        let value = match (parameter.value, parameter.keeps_value) {
            (Some(value), false) => Given::Value(value),
            (None, true) => Given::Previous,
            _ => return Err(NoParameters),
        };
        Ok((parameter.key, value))
    });
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_given_or_kept() {
        let values =
            parse(r#"[{"ParameterKey": "A", "ParameterValue": "1"}, {"ParameterKey": "B", "UsePreviousValue": true}]"#);
        let values = values.unwrap();
        assert!(values["A"] == Given::Value("1".into()) && values["B"] == Given::Previous);
    }

    #[test]
    fn what_says_neither_or_both_is_refused_without_a_word_of_it() {
        for text in [
            r#"[{"ParameterKey": "A"}]"#,
            r#"[{"ParameterKey": "A", "ParameterValue": "s3cr3t", "UsePreviousValue": true}]"#,
            r#"{"A": "s3cr3t"}"#,
            "s3cr3t",
        ] {
            assert!(!parse(text).err().unwrap().to_string().contains("s3cr3t"));
        }
    }
}
