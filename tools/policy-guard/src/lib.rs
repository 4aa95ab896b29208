//! The guard as a Lambda function: judges one resource, as a hook of `CloudFormation` shows it, by the rules of `shared/guard`.
//!
//! It takes both forms of requests and answers in the form of the request: that of the public sample's invoker, and that of AWS's
//! managed `AWS::CloudFormation::LambdaHook`. A hook is shown the properties of one resource at a time. Rules that take more than
//! that, such as a bucket's policy beside the bucket, are judged by `latchkey guard` on the whole template.

mod handler;
pub mod test_function;

use latchkey_guard::rules::{self, Exception, File, Rule, Unusable};
use latchkey_guard::template::Resource;
use latchkey_guard::value::{Item, Value as GuardValue};
use latchkey_guard::{Date, Finding, Law, changes, judge};
use latchkey_hook::{Action, Answer, ErrorCode, Form, NoRequest, Request};
use serde_json::Value;

pub use handler::GuardHandler;

/// What Latchkey's own template does on purpose against a rule.
const OF_TEMPLATE: &str = include_str!("../../../stacks/guard.toml");

/// The rules that resources are judged by.
#[derive(Debug)]
pub struct Guard {
    everywhere: Rules,
    /// The name of Latchkey's stack, and the rules there.
    own: Option<(String, Rules)>,
}

#[derive(Clone, Debug)]
struct Rules {
    rules: Vec<Rule>,
    exceptions: Vec<Exception>,
}

impl Guard {
    /// The rules of `shared/guard`, with an owner's own rules and exceptions in TOML, which must end within a year from today. In
    /// Latchkey's own stack, if its name is given, the exceptions of its template hold too.
    pub fn new(of_owner: Option<&str>, own_stack: Option<&str>, today: Date) -> Result<Self, Unusable> {
        let added = of_owner.map_or_else(|| Ok(File::default()), |text| rules::parse(text, Some(today)))?;
        let rules = rules::built_in().into_iter().chain(added.rule).collect();
        let everywhere = Rules { rules, exceptions: added.exception };
        let own = match own_stack {
            Some(name) => {
                let File { rule, exception, custom_resources, template: _ } = rules::parse(OF_TEMPLATE, None)?;
                let Rules { mut rules, mut exceptions } = everywhere.clone();
                rules::allow_custom_resources(&mut rules, &custom_resources);
                rules.extend(rule);
                exceptions.extend(exception);
                Some((name.to_owned(), Rules { rules, exceptions }))
            }
            None => None,
        };
        Ok(Self { everywhere, own })
    }

    fn rules_of(&self, stack: &str) -> &Rules {
        match &self.own {
            Some((name, rules)) if stack_name(stack) == Some(name) => rules,
            _ => &self.everywhere,
        }
    }

    /// Answers a request, on a day in UTC.
    #[must_use]
    pub fn answer(&self, event: &str, today: Date) -> (Answer, Value) {
        match Request::parse(event) {
            Ok((request, form)) => {
                let answer = self.judge(&request, today);
                let json = answer.to_json(form, &request.token);
                (answer, json)
            }
            Err(error) => {
                let (form, token) = addressee(event);
                let code =
                    if error == NoRequest::Target { ErrorCode::UnsupportedTarget } else { ErrorCode::InternalFailure };
                let answer = Answer::Failed { code, message: error.to_string() };
                let json = answer.to_json(form, &token);
                (answer, json)
            }
        }
    }

    /// Judges a request.
    #[must_use]
    pub fn judge(&self, request: &Request, today: Date) -> Answer {
        let Request { action, target, logical_id, properties, stack, .. } = request;
        let Rules { rules, exceptions } = self.rules_of(stack);
        let about = rules.iter().filter(|rule| rule.is_about(target)).count();
        if *action == Action::Delete {
            return match changes::deletion(Law { rules, exceptions, today }, logical_id, target) {
                Some(judgement) if judgement.findings.is_empty() => passed(format!("{logical_id} may be deleted")),
                Some(judgement) => refused(&told(&judgement.findings)),
                None => passed(format!("skipping: no rule is about the deletion of {target}")),
            };
        }
        let properties = Item::of_json(1, &Value::Object(properties.clone()));
        let variant = Item { line: 1, value: GuardValue::Map(vec![("Properties".to_owned(), properties)]) };
        let resource = Resource {
            id: logical_id.clone(),
            kind: target.clone(),
            line: 1,
            condition: None,
            variants: vec![variant],
        };
        let law = Law { rules, exceptions, today };
        let judgement = judge::alone(law, &resource);
        if judgement.findings.is_empty() {
            return passed(format!("{about} rules hold for {target}"));
        }
        refused(&told(&judgement.findings))
    }
}

fn told(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn passed(message: String) -> Answer {
    Answer::Success { message }
}

fn refused(message: &str) -> Answer {
    Answer::Failed { code: ErrorCode::NonCompliant, message: message.to_owned() }
}

/// The name in the ARN of a stack, `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`.
fn stack_name(arn: &str) -> Option<&str> {
    let (_, resource) = arn.rsplit_once(":stack/")?;
    resource.split_once('/').map(|(name, _)| name)
}

/// The form and the token of an answer to something that is no request.
fn addressee(event: &str) -> (Form, String) {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    let form = if event.get("request").is_some() { Form::Invoker } else { Form::Managed };
    (form, event.get("clientRequestToken").and_then(Value::as_str).unwrap_or_default().to_owned())
}
