//! Which calls may be made.
//!
//! Whoever may invoke the function, or write a template that uses it, chooses the call. So the function is deployed with a list, and
//! what would widen anybody's rights is refused even if it is on the list.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The calls that may be made, as `service:Action`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed(BTreeSet<(String, String)>);

/// A call is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowedError {
    /// The list is malformed.
    #[error("ALLOWED_ACTIONS must be a list of service:Action, separated by commas, without wildcards")]
    Malformed,
    /// The call is not on the list.
    #[error("{0}:{1} is not among the actions that the template allows")]
    NotListed(String, String),
    /// The call is of a service that rules rights.
    #[error(
        "{0}:{1} is refused, even if the template allows it: actions of IAM, STS, Organizations and their kin never pass"
    )]
    Rights(String, String),
    /// The call writes a policy.
    #[error("{0}:{1} is refused, even if the template allows it: it writes a policy or grants a permission")]
    Policy(String, String),
    /// A parameter may be read as the name of another call.
    #[error("{0}:{1} is refused: a parameter named Action or Version could name another call")]
    AnotherAction(String, String),
}

/// Services whose whole purpose is who may do what.
const RULING: [&str; 8] = ["iam", "sts", "organizations", "ram", "sso", "ssoadmin", "identitystore", "accessanalyzer"];

/// Actions that write a policy, or share with other accounts, as one attribute among others, whatever their parameters. In lower case.
const SETS_ATTRIBUTES: [&str; 4] =
    ["setqueueattributes", "settopicattributes", "modifydbsnapshotattribute", "modifydbclustersnapshotattribute"];

impl Allowed {
    /// Reads a list such as `SSM:GetParameter, SES:VerifyDomainIdentity`.
    pub fn parse(list: &str) -> Result<Self, AllowedError> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
            let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let (service, action) = entry.split_once(':').ok_or(AllowedError::Malformed)?;
            let words = Some((service, action)).filter(|(service, action)| is_word(service) && is_word(action));
            let (service, action) = words.ok_or(AllowedError::Malformed)?;
            Ok((service.to_ascii_lowercase(), action.to_owned()))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a call may be made with these parameters.
    pub fn check(&self, service: &str, action: &str, parameters: &Map<String, Value>) -> Result<(), AllowedError> {
        let of = |error: fn(String, String) -> AllowedError| error(service.to_owned(), action.to_owned());
        let key = (service.to_ascii_lowercase(), action.to_owned());
        if RULING.contains(&key.0.as_str()) {
            return Err(of(AllowedError::Rights));
        }
        if parameters.keys().any(|name| names_action(name)) {
            return Err(of(AllowedError::AnotherAction));
        }
        if !reads(action) && (writes_policy(action) || parameters.iter().any(|(key, value)| holds_policy(key, value))) {
            return Err(of(AllowedError::Policy));
        }
        if self.0.contains(&key) { Ok(()) } else { Err(of(AllowedError::NotListed)) }
    }
}

/// In the query protocol, the action is a parameter beside the others. Of two, a service may read the second.
fn names_action(parameter: &str) -> bool {
    ["Action", "Version"].iter().any(|name| parameter.eq_ignore_ascii_case(name))
}

fn reads(action: &str) -> bool {
    ["Get", "List", "Describe", "Validate", "Simulate"].iter().any(|verb| action.starts_with(verb))
}

fn writes_policy(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let about = ["policy", "policies", "permission", "grant"].iter().any(|word| action.contains(word));
    SETS_ATTRIBUTES.contains(&action.as_str()) || about
}

/// A parameter that is a policy, such as `Policy` of a new key, or in `Attributes` of a new queue. A role that a service is handed
/// is no policy: IAM's `iam:PassRole` guards it.
fn holds_policy(key: &str, value: &Value) -> bool {
    // The query protocol writes paths with dots, and a template may write them itself: `Attributes.entry.1.key`.
    let key = key.rsplit('.').next().unwrap_or_default();
    let inside = match value {
        Value::Object(object) => object.iter().any(|(key, value)| holds_policy(key, value)),
        Value::Array(items) => items.iter().any(|item| holds_policy("", item)),
        // Attributes as pairs of name and value.
        Value::String(text) => {
            let is_name = ["attributename", "name", "key"].iter().any(|name| key.eq_ignore_ascii_case(name));
            is_name && text.eq_ignore_ascii_case("policy")
        }
        _ => false,
    };
    key.to_ascii_lowercase().ends_with("policy") || inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(list: &str, service: &str, action: &str, parameters: &Value) -> Result<(), AllowedError> {
        Allowed::parse(list).unwrap().check(service, action, parameters.as_object().unwrap())
    }

    #[test]
    fn only_what_is_listed_by_name_may_be_called() {
        let list = "SSM:GetParameter, SES:VerifyDomainIdentity";
        assert_eq!(check(list, "ssm", "GetParameter", &json!({ "Name": "n" })), Ok(()));
        assert_eq!(check(list, "SES", "VerifyDomainIdentity", &json!({})), Ok(()));
        for (service, action) in [("SSM", "PutParameter"), ("SSM", "getparameter"), ("SES", "GetParameter")] {
            let refused = check(list, service, action, &json!({})).unwrap_err();
            assert_eq!(refused, AllowedError::NotListed(service.to_owned(), action.to_owned()));
            assert!(refused.to_string().contains(action));
        }
        for list in ["SSM:*", "*:*", "SSM", "SSM:", ":GetParameter", "SSM:Get Parameter"] {
            assert_eq!(Allowed::parse(list), Err(AllowedError::Malformed), "{list}");
        }
    }

    #[test]
    fn what_rules_rights_is_refused_even_if_listed() {
        for (service, action) in [("IAM", "CreateUser"), ("STS", "AssumeRole"), ("Organizations", "LeaveOrganization")]
        {
            let refused = check(&format!("{service}:{action}"), service, action, &json!({})).unwrap_err();
            assert!(matches!(refused, AllowedError::Rights(..)), "{refused}");
        }
    }

    #[test]
    fn what_writes_a_policy_is_refused_even_if_listed() {
        for (service, action, parameters) in [
            ("KMS", "PutKeyPolicy", json!({})),
            ("KMS", "CreateGrant", json!({})),
            ("KMS", "CreateKey", json!({ "Policy": "{}" })),
            ("SNS", "AddPermission", json!({})),
            ("SNS", "SetTopicAttributes", json!({ "AttributeName": "Policy" })),
            ("SQS", "SetQueueAttributes", json!({ "Attributes": { "Policy": "{}" } })),
            ("SQS", "CreateQueue", json!({ "Attributes": { "Policy": "{}" } })),
            ("SecretsManager", "PutResourcePolicy", json!({})),
            ("ECR", "SetRepositoryPolicy", json!({})),
            ("KMS", "putKeyPolicy", json!({})),
            ("RDS", "ModifyDBSnapshotAttribute", json!({ "AttributeName": "restore", "ValuesToAdd": ["all"] })),
            // As the query protocol writes a map, in each way in which a template can say it.
            ("SNS", "CreateTopic", json!({ "Attributes": { "entry": { "1": { "key": "Policy", "value": "{}" } } } })),
            ("SNS", "CreateTopic", json!({ "Attributes.entry.1.key": "Policy", "Attributes.entry.1.value": "{}" })),
            ("SNS", "CreateTopic", json!({ "Attributes.entry": { "1.key": "Policy", "1.value": "{}" } })),
        ] {
            let refused = check(&format!("{service}:{action}"), service, action, &parameters).unwrap_err();
            assert!(matches!(refused, AllowedError::Policy(..)), "{service}:{action}");
        }
        for (service, action, parameters) in [
            ("KMS", "GetKeyPolicy", json!({ "PolicyName": "default" })),
            ("SSM", "GetParameter", json!({ "Name": "policy" })),
            ("SSM", "PutParameter", json!({ "Name": "/retention/policy", "Value": "7" })),
        ] {
            assert_eq!(check(&format!("{service}:{action}"), service, action, &parameters), Ok(()), "{action}");
        }
    }

    #[test]
    fn a_parameter_that_could_name_another_action_is_refused() {
        for name in ["Action", "action", "Version"] {
            let refused = check("SES:VerifyDomainIdentity", "SES", "VerifyDomainIdentity", &json!({ name: "x" }));
            assert!(matches!(refused, Err(AllowedError::AnotherAction(..))), "{name}");
        }
    }
}
