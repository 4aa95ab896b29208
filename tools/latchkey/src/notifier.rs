//! `notifier.json`, the settings of `notifier.sh`: for each account its stacks, and for each stack the parameters of its template under
//! their own names.
//!
//! What the script finds out itself is no setting: where the code is, and what one account has to know of the other.

use latchkey_guard::document::{self, Node};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The stacks, by account, in the order in which they are made.
static SIDES: LazyLock<[Side; 2]> = LazyLock::new(|| {
    let bucket = include_str!("../../../stacks/notifier/code-bucket.yaml");
    let notifier = include_str!("../../../stacks/notifier/notifier.yaml");
    let invoker = include_str!("../../../stacks/notifier/invoker.yaml");
    [
        Side {
            name: "callee",
            stacks: [
                Stack::new("S3Callee", bucket, &[], &[]),
                Stack::new("Callee", notifier, &["CodeBucket", "CodeObject", "InvokerAccount"], &["InvokerRoleArn"])
                    .with_choice("ExternalId"),
            ],
        },
        Side {
            name: "caller",
            stacks: [
                Stack::new("S3Caller", bucket, &[], &[]),
                Stack::new(
                    "Caller",
                    invoker,
                    &["CodeBucket", "CodeObject"],
                    &["NotifierArn", "NotifierRoleArn", "ExternalId"],
                ),
            ],
        },
    ]
});

struct Side {
    name: &'static str,
    stacks: [Stack; 2],
}

struct Stack {
    name: &'static str,
    parameters: Vec<Parameter>,
    /// What the script always finds out.
    found_out: &'static [&'static str],
    /// What it finds out where the settings have the other account as well.
    found_there: &'static [&'static str],
    /// What it chooses if it is not given.
    chosen: Option<&'static str>,
}

struct Parameter {
    name: String,
    description: String,
    default: Option<String>,
}

impl Stack {
    fn new(
        name: &'static str,
        template: &str,
        found_out: &'static [&'static str],
        found_there: &'static [&'static str],
    ) -> Self {
        let template = document::parse(template).expect("a template of this repository can be read");
        let declared = template.get("Parameters").map(Node::entries).unwrap_or_default();
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::scalar).map(str::to_owned);
        let parameters = declared.iter().map(|entry| Parameter {
            name: entry.key.clone(),
            description: text(&entry.value, "Description").unwrap_or_default(),
            default: text(&entry.value, "Default"),
        });
        Self { name, parameters: parameters.collect(), found_out, found_there, chosen: None }
    }

    fn with_choice(self, name: &'static str) -> Self {
        Self { chosen: Some(name), ..self }
    }

    fn finds_out(&self, name: &str, has_both: bool) -> bool {
        self.found_out.contains(&name) || (has_both && self.found_there.contains(&name))
    }
}

/// Valid settings.
#[derive(Debug)]
pub struct NotifierSetup(Map<String, Value>);

impl NotifierSetup {
    /// Reads the text of a file. Every mistake is a line, by name.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let Ok(Value::Object(file)) = serde_json::from_str(text) else {
            return Err(vec!["should be a JSON object".to_owned()]);
        };
        let mut problems = Vec::new();
        for name in file.keys().filter(|name| !SIDES.iter().any(|side| side.name == name.as_str())) {
            problems.push(format!("{name} is unknown: there are callee and caller"));
        }
        let has_both = SIDES.iter().all(|side| file.contains_key(side.name));
        if !SIDES.iter().any(|side| file.contains_key(side.name)) {
            problems.push("callee, caller or both are missing".to_owned());
        }
        for side in SIDES.iter() {
            match file.get(side.name) {
                Some(Value::Object(given)) => check_side(side, given, has_both, &mut problems),
                Some(_) => problems.push(format!("{} should be an object", side.name)),
                None => {}
            }
        }
        if problems.is_empty() { Ok(Self(file)) } else { Err(problems) }
    }

    fn given(&self, side: &Side, stack: &Stack, name: &str) -> Option<String> {
        text(self.0.get(side.name)?.get(stack.name)?.get(name)?)
    }

    /// What the script looks at: the accounts that there are, how each is reached, and each parameter that has a value.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let sides = SIDES.iter().filter(|side| self.0.contains_key(side.name));
        let mut variables =
            vec![("SIDES".to_owned(), sides.clone().map(|side| side.name).collect::<Vec<_>>().join(" "))];
        for side in sides {
            for name in ["profile", "region"] {
                let value = self.0[side.name].get(name).and_then(text).unwrap_or_default();
                variables.push((format!("{}_{name}", side.name), value));
            }
            for stack in &side.stacks {
                for Parameter { name, default, .. } in &stack.parameters {
                    if let Some(value) = self.given(side, stack, name).or_else(|| default.clone()) {
                        variables.push((format!("{}_{name}", stack.name), value));
                    }
                }
            }
        }
        variables
    }

    /// The parameters of a stack as CloudFormation takes them: those of the settings, and what the script found out (`KEY=VALUE`).
    #[must_use]
    pub fn parameters(&self, stack: &str, found: &[&str]) -> Option<String> {
        let stacks = SIDES.iter().flat_map(|side| side.stacks.iter().map(move |stack| (side, stack)));
        let (side, stack) = stacks.into_iter().find(|(_, known)| known.name == stack)?;
        let found: Vec<_> = found.iter().map(|pair| pair.split_once('=')).collect::<Option<_>>()?;
        let value = |name: &str| {
            let given = self.given(side, stack, name);
            given.or_else(|| found.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        // What is in neither has the default of the template.
        let parameters = stack.parameters.iter().filter_map(|parameter| {
            Some(json!({ "ParameterKey": parameter.name, "ParameterValue": value(&parameter.name)? }))
        });
        Some(Value::Array(parameters.collect()).to_string())
    }
}

fn check_side(side: &Side, given: &Map<String, Value>, has_both: bool, problems: &mut Vec<String>) {
    let path = |name: &str| format!("{}.{name}", side.name);
    let known = |name: &str| matches!(name, "profile" | "region") || side.stacks.iter().any(|stack| stack.name == name);
    for name in given.keys().filter(|name| !known(name)) {
        problems.push(format!("{} is unknown", path(name)));
    }
    for name in ["profile", "region"] {
        match given.get(name) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(_) => problems.push(format!("{} should be a text", path(name))),
            None if name == "region" => problems.push(format!("{} is missing: such as eu-west-1", path(name))),
            None => {}
        }
    }
    let nothing = Map::new();
    for stack in &side.stacks {
        let path = |name: &str| format!("{}.{}.{name}", side.name, stack.name);
        let given = match given.get(stack.name) {
            None => &nothing,
            Some(Value::Object(given)) => given,
            Some(_) => {
                problems.push(format!("{} should be an object", path("").trim_end_matches('.')));
                continue;
            }
        };
        for (name, value) in given {
            if stack.finds_out(name, has_both) {
                problems.push(format!("{} is found out: leave it out", path(name)));
            } else if !stack.parameters.iter().any(|parameter| parameter.name == *name) {
                problems.push(format!("{} is unknown", path(name)));
            } else if text(value).is_none() {
                problems.push(format!("{} should be a text, a number, or a list of texts", path(name)));
            }
        }
        for Parameter { name, description, default } in &stack.parameters {
            let is_free = default.is_some() || stack.finds_out(name, has_both) || stack.chosen == Some(name);
            if !is_free && !given.contains_key(name) {
                problems.push(format!("{} is missing: {description}", path(name)));
            }
        }
    }
}

/// A value as CloudFormation takes it: lists with commas.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().filter(|text| !text.contains(',')));
            Some(items.collect::<Option<Vec<_>>>()?.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Value {
        json!({
            "BucketName": "code", "KeyAlias": "alias/notifier-code", "KeyAdministrators": ["arn:1", "arn:2"], "KeyUsers": "arn:1",
            "BucketPrincipals": ["arn:1"], "PolicyAdministrator": "arn:3",
        })
    }

    fn both() -> Value {
        json!({
            "callee": { "profile": "monitoring", "region": "eu-west-1", "S3Callee": bucket(),
                "Callee": { "MailFrom": "a@example.com", "MailTo": ["b@example.com", "c@example.com"], "MailsPerDay": 50 } },
            "caller": { "region": "eu-central-1", "S3Caller": bucket() },
        })
    }

    fn problems(settings: &Value) -> Vec<String> {
        NotifierSetup::read(&settings.to_string()).unwrap_err()
    }

    #[test]
    fn what_is_set_and_found_out_becomes_parameters_and_the_rest_has_the_templates_defaults() {
        let settings = NotifierSetup::read(&both().to_string()).unwrap();
        let made = settings.parameters("Callee", &["CodeBucket=code", "ExternalId=a=b"]).unwrap();
        let made: Vec<Value> = serde_json::from_str(&made).unwrap();
        let parameter = |name: &str, value: &str| json!({ "ParameterKey": name, "ParameterValue": value });
        for expected in [
            parameter("MailTo", "b@example.com,c@example.com"),
            parameter("MailsPerDay", "50"),
            parameter("CodeBucket", "code"),
            parameter("ExternalId", "a=b"),
        ] {
            assert!(made.contains(&expected), "{expected}: {made:?}");
        }
        assert!(!made.iter().any(|parameter| parameter["ParameterKey"] == "Timeout"));
        assert!(settings.parameters("Other", &[]).is_none());
    }

    #[test]
    fn the_script_sees_both_accounts_and_what_is_in_force() {
        let variables = NotifierSetup::read(&both().to_string()).unwrap().variables();
        let value = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("SIDES"), Some("callee caller"));
        assert_eq!((value("callee_profile"), value("caller_profile")), (Some("monitoring"), Some("")));
        assert_eq!(
            (value("S3Callee_KeyAlias"), value("Caller_RoleName")),
            (Some("alias/notifier-code"), Some("notifier-invoker"))
        );
        assert_eq!(value("Callee_ExternalId"), None);
    }

    #[test]
    fn every_mistake_is_told_by_its_name_before_anything_is_made() {
        let mut settings = both();
        settings["calee"] = json!({});
        settings["callee"]["Callee"]["MailTwo"] = json!("d@example.com");
        settings["callee"]["Callee"]["MailTo"] = json!({ "b@example.com": true });
        settings["callee"]["Callee"]["CodeBucket"] = json!("mine");
        settings["caller"]["Caller"] = json!({ "NotifierArn": "arn:4" });
        settings["caller"].as_object_mut().unwrap().remove("region");
        settings["caller"]["S3Caller"].as_object_mut().unwrap().remove("KeyUsers");
        let told = problems(&settings);
        let starts = [
            "calee is unknown: there are callee and caller",
            "callee.Callee.MailTwo is unknown",
            "callee.Callee.MailTo should be a text, a number, or a list of texts",
            "callee.Callee.CodeBucket is found out: leave it out",
            "caller.region is missing",
            "caller.S3Caller.KeyUsers is missing: ARNs of those who encrypt and decrypt",
            "caller.Caller.NotifierArn is found out: leave it out",
        ];
        assert_eq!(told.len(), starts.len(), "{told:?}");
        assert!(starts.iter().all(|start| told.iter().any(|line| line.starts_with(start))), "{told:?}");
    }

    #[test]
    fn an_account_alone_is_told_what_it_has_to_know_of_the_other() {
        let mut notifier_alone = both();
        notifier_alone.as_object_mut().unwrap().remove("caller");
        assert!(problems(&notifier_alone)[0].starts_with("callee.Callee.InvokerRoleArn is missing"));
        notifier_alone["callee"]["Callee"]["InvokerRoleArn"] = json!("arn:aws:iam::222233334444:role/notifier-invoker");
        NotifierSetup::read(&notifier_alone.to_string()).unwrap();

        let mut invoker_alone = both();
        invoker_alone.as_object_mut().unwrap().remove("callee");
        let told = problems(&invoker_alone);
        for name in ["NotifierArn", "NotifierRoleArn", "ExternalId"] {
            assert!(told.iter().any(|line| line.starts_with(&format!("caller.Caller.{name} is missing"))), "{told:?}");
        }
        assert!(problems(&json!({}))[0].starts_with("callee, caller or both are missing"));
        assert_eq!(NotifierSetup::read("[]").unwrap_err(), ["should be a JSON object"]);
    }
}
