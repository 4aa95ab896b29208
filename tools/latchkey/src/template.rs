//! `template.yaml`, made from the parts in `stacks/`.
//!
//! The parts are templates as they are written by hand. A line `#{name}` in them stands for a list that is inserted there, at
//! the same indentation, and `{{name}}` for a word of the function at hand. Nothing is parsed, so comments survive.

use crate::functions::{Caller, Function, KeyKind, NOTIFIER, TRIGGER, functions};
use crate::settings::{Allowed, Setting, settings};
use std::fmt::Write;

const SERVICE: &str = include_str!("../../../stacks/service.yaml");
const BOOTSTRAP: &str = include_str!("../../../stacks/bootstrap.yaml");
const STATEMENTS: &str = include_str!("../../../stacks/statements.yaml");
const ALARMS: &str = include_str!("../../../stacks/parts/alarms.yaml");
const CALL: &str = include_str!("../../../stacks/parts/call.yaml");
const EVENTS: &str = include_str!("../../../stacks/parts/events.yaml");
const CODE_BUCKET: &str = include_str!("../../../stacks/parts/code-bucket.yaml");
const CODE_PARAMETER: &str = include_str!("../../../stacks/parts/code-parameter.yaml");
const FUNCTION: &str = include_str!("../../../stacks/parts/function.yaml");
const NOTIFIER_ALONE: &str = include_str!("../../../stacks/parts/notifier-alone.yaml");
const NOTIFIER_OF_LATCHKEY: &str = include_str!("../../../stacks/parts/notifier-of-latchkey.yaml");
const NOTIFIER_PART: &str = include_str!("../../../stacks/parts/notifier.yaml");
const NOTIFIER_STACK: &str = include_str!("../../../stacks/parts/notifier-stack.yaml");
const TRIGGER_PART: &str = include_str!("../../../stacks/parts/trigger.yaml");
const CODE_CONDITION: &str = "{{Name}}HasCode: !Not [!Equals [!Ref {{Name}}Code, \"\"]]\n";
const NOTIFIER_CONDITION: &str =
    "{{Name}}HasCode: !And [!Condition HasAlarms, !Not [!Equals [!Ref {{Name}}Code, \"\"]]]\n";
const TRIAL_CONDITION: &str = "{{Name}}IsTried: !And [!Condition {{Name}}HasCode, !Condition TriggerHasCode]\n";

/// Seconds: the trigger's time limit, above that of every function that it waits for.
const TRIGGER_TIMEOUT: u32 = 90;

/// Seconds: how long `CloudFormation` waits for a trial. Lambda may have to deliver the request again, after one and two minutes.
const TRIAL_TIMEOUT: u32 = 600;

/// The variables that come with a statement: the statement, the variable, and its value.
const OF_STATEMENTS: [(&str, &str, &str); 1] = [("Outbox", "OUTBOX_TABLE", "!Ref Outbox")];

const HEAD: &str = "\
# Generated from stacks/, stacks/functions.toml and config.schema.json. Change those, then run
#     cargo run --package latchkey -- generate

";

const NOTIFIER_HEAD: &str = "\
# Generated from stacks/parts/. Change that, then run
#     cargo run --package latchkey -- generate

";

/// The template of the whole service.
#[must_use]
pub fn template() -> String {
    let each = |part: &str| -> String { functions().iter().map(|function| words(part, function)).collect() };
    let calls = |caller| {
        let callable = functions().iter().filter(|function| function.callers.contains(&caller));
        callable.map(|function| words(CALL, function)).collect()
    };
    let service = insert(
        SERVICE,
        &[
            ("settings", settings().iter().filter_map(parameter).collect()),
            (
                "code-parameters",
                each(CODE_PARAMETER) + &trigger_words(CODE_PARAMETER) + &notifier_words(CODE_PARAMETER),
            ),
            (
                "code-conditions",
                each(CODE_CONDITION) + &trigger_words(CODE_CONDITION) + &notifier_words(NOTIFIER_CONDITION),
            ),
            ("trial-conditions", each(TRIAL_CONDITION)),
            ("calls-of-guests", calls(Caller::Guests)),
            ("calls-of-users", calls(Caller::Users)),
            ("denied-to-guests", denied(Caller::Guests)),
            ("denied-to-users", denied(Caller::Users)),
            ("code-bucket", CODE_BUCKET.to_owned()),
            ("functions", functions().iter().map(resources).collect::<Vec<_>>().join("\n")),
            ("trigger", trigger()),
            ("alarms", functions().iter().map(|function| words(ALARMS, function)).collect::<Vec<_>>().join("\n")),
            ("notifier", notifier_of_latchkey()),
        ],
    );
    format!("{HEAD}{service}")
}

/// The template that the stack is created from: the code bucket alone.
#[must_use]
pub fn bootstrap() -> String {
    insert(BOOTSTRAP, &[("code-bucket", CODE_BUCKET.to_owned())])
}

/// A function with everything that is its own.
fn resources(function: &Function) -> String {
    let variables = settings().iter().filter(|setting| setting.is_read_by(function)).map(|setting| {
        let latchkey = &setting.schema.latchkey;
        let reference = latchkey.parameter.as_ref().map(|parameter| format!("!Ref {parameter}"));
        format!("{}: {}\n", setting.key, reference.or_else(|| latchkey.value.clone()).unwrap_or_default())
    });
    // Whoever hashes passwords knows which hashes may remain from before.
    let hashes = settings().iter().any(|setting| setting.key == "PASSWORD_HASH" && setting.is_read_by(function));
    let former = hashes.then(|| "FORMER_PASSWORD_HASHES: !Ref FormerPasswordHashes\n".to_owned());
    let names = OF_STATEMENTS.iter().filter(|(statement, ..)| function.allow.contains_key(*statement));
    let names = names.map(|(_, variable, value)| format!("{variable}: {value}\n"));
    let part = words(FUNCTION, function);
    let mut made = insert(
        &part,
        &[
            ("concurrency", concurrency(function)),
            ("keys", keys(function)),
            ("variables", variables.chain(former).chain(names).collect()),
            ("statements", statements(function)),
            ("trials", trials()),
        ],
    );
    if !function.callers.is_empty() {
        made.push('\n');
        made.push_str(&words(EVENTS, function));
    }
    made
}

/// The template of a notifier for any stack.
#[must_use]
pub fn notifier() -> String {
    let names = NotifierNames { function: "Function", own: "", topic: "AlarmTopicArn" };
    let conditions = [("if", ""), ("if-code", ""), ("if-topic", "Condition: HasTopic\n")];
    let resources = notifier_resources(names, conditions, NOTIFIER_ALONE, None);
    NOTIFIER_HEAD.to_owned() + &insert(NOTIFIER_STACK, &[("notifier", resources)])
}

/// The notifier that mails Latchkey's own alarms.
fn notifier_of_latchkey() -> String {
    let (name, _) = NOTIFIER;
    let names = NotifierNames { function: name, own: name, topic: "Alarms" };
    let (alarms, code) = ("Condition: HasAlarms\n", format!("Condition: {name}HasCode\n"));
    let conditions = [("if", alarms), ("if-code", &code), ("if-topic", &code)];
    notifier_resources(names, conditions, NOTIFIER_OF_LATCHKEY, Some(statement("Mail", "ses:SendEmail")))
}

/// What the names in the notifier's part stand for.
#[derive(Clone, Copy)]
struct NotifierNames<'a> {
    function: &'a str,
    /// What the names of the other resources begin with.
    own: &'a str,
    topic: &'a str,
}

/// The notifier's resources, with conditions for all of them, for those that need its code, and for those that need the topic.
fn notifier_resources(
    names: NotifierNames<'_>,
    conditions: [(&str, &str); 3],
    open: &str,
    statements: Option<String>,
) -> String {
    let NotifierNames { function, own, topic } = names;
    let part = NOTIFIER_PART.replace("{{Function}}", function).replace("{{Own}}", own).replace("{{Topic}}", topic);
    let mut lists: Vec<_> = conditions.into_iter().map(|(name, condition)| (name, condition.to_owned())).collect();
    lists.extend(statements.map(|statements| ("statements", statements)));
    lists.extend(sections(open).into_iter().map(|(name, lines)| (name, without_indentation(&lines))));
    insert(&part, &lists)
}

/// The lines below a top-level key, as if they stood by themselves.
fn without_indentation(lines: &str) -> String {
    lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned() + "\n").collect()
}

/// The versions that the trials answer, of every function that has one.
fn trials() -> String {
    functions().iter().map(Function::resource).fold(String::new(), |mut made, name| {
        let _ = writeln!(made, "- !If [{name}IsTried, !GetAtt {name}Trial.Version, \"-\"]");
        made
    })
}

/// The function that tries new versions, and may do nothing but call them.
fn trigger() -> String {
    let versions = functions().iter().map(|function| arn(&format!("{}:*", function.resource())));
    insert(&trigger_words(TRIGGER_PART), &[("versions", versions.map(|line| line.trim_start().to_owned()).collect())])
}

fn trigger_words(part: &str) -> String {
    let (name, package) = TRIGGER;
    part.replace("{{Name}}", name)
        .replace("{{name}}", package)
        .replace("{{package}}", package)
        .replace("{{timeout}}", &TRIGGER_TIMEOUT.to_string())
}

fn notifier_words(part: &str) -> String {
    let (name, package) = NOTIFIER;
    part.replace("{{Name}}", name).replace("{{name}}", package)
}

/// What the owner may reserve for a function that the pages call.
fn concurrency(function: &Function) -> String {
    let reserved =
        "ReservedConcurrentExecutions: !If [ReservesConcurrency, !Ref ReservedConcurrency, !Ref AWS::NoValue]\n";
    if function.callers.is_empty() { String::new() } else { reserved.to_owned() }
}

/// What a role of the pool is denied, whatever other policies its owner gives it: everything with the functions that are not its
/// business, everything but calls with the others, and versions of them that are not live.
fn denied(caller: Caller) -> String {
    let (own, others): (Vec<_>, Vec<_>) = functions().iter().partition(|function| function.callers.contains(&caller));
    let each = |functions: &[&Function], more: &[&str]| {
        let names =
            functions.iter().map(|function| function.resource()).chain(more.iter().map(|&name| name.to_owned()));
        names.flat_map(|name| [arn(&name), arn(&format!("{name}:*"))]).collect::<String>()
    };
    // A version is a number, and `live` begins with no digit.
    let versions: String = ["$LATEST", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]
        .iter()
        .map(|qualifier| arn(&format!("*:{qualifier}")))
        .collect();
    format!(
        "- Sid: NotTheirs\n  Effect: Deny\n  Action: lambda:*\n  Resource:\n{}\
         - Sid: OnlyCalls\n  Effect: Deny\n  NotAction: lambda:InvokeFunction\n  Resource:\n{}\
         - Sid: OnlyLive\n  Effect: Deny\n  Action: lambda:InvokeFunction\n  Resource:\n{versions}",
        each(&others, &[TRIGGER.0, NOTIFIER.0]),
        each(&own, &[]),
    )
}

/// A function of this stack in a list of resources.
fn arn(function: &str) -> String {
    format!(
        "    - !Sub \"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:${{FunctionPrefix}}{function}\"\n"
    )
}

/// The variables of the keys that a function has.
fn keys(function: &Function) -> String {
    let had = KeyKind::ALL.into_iter().filter(|kind| function.has_key(*kind));
    had.fold(String::new(), |mut made, kind| {
        let _ = writeln!(made, "{}: !Ref {}", kind.variable(), kind.parameter());
        made
    })
}

/// What a function's role may do beside logging, in the order of `stacks/statements.yaml`.
fn statements(function: &Function) -> String {
    let known = sections(STATEMENTS);
    for statement in function.allow.keys() {
        assert!(known.iter().any(|(sid, _)| sid == statement), "{}: no statement {statement}", function.name);
    }
    let allowed = known.iter().filter_map(|(sid, _)| Some(statement(sid, &function.allow.get(*sid)?.join(", "))));
    allowed.collect()
}

/// A statement of `stacks/statements.yaml` that allows these actions.
fn statement(sid: &str, actions: &str) -> String {
    let known = sections(STATEMENTS);
    let (_, on) = known.iter().find(|(known, _)| *known == sid).unwrap_or_else(|| panic!("no statement {sid}"));
    format!("- Sid: {sid}\n  Effect: Allow\n  Action: [{actions}]\n{on}")
}

/// The top-level keys of a part, with the lines below each and without the comments between them.
fn sections(part: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in part.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_suffix(':').filter(|key| !key.starts_with(' ')), sections.last_mut()) {
            (Some(key), _) => sections.push((key, String::new())),
            (None, Some((_, lines))) => lines.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    sections
}

fn words(part: &str, function: &Function) -> String {
    part.replace("{{Name}}", &function.resource())
        .replace("{{name}}", &function.name)
        .replace("{{operations}}", &function.operations.join(", "))
        .replace("{{failing}}", &function.failing)
        .replace("{{memory}}", &function.memory.to_string())
        .replace("{{timeout}}", &function.timeout.to_string())
        .replace("{{service-timeout}}", &TRIAL_TIMEOUT.to_string())
        .replace("{{trial-event}}", &function.trial.event)
        .replace("{{trial-answer}}", &function.trial.answer)
}

/// Puts each list in the place of its marker.
fn insert(part: &str, lists: &[(&str, String)]) -> String {
    let mut made = String::new();
    for line in part.lines() {
        let text = line.trim_start();
        let Some(name) = text.strip_prefix("#{").and_then(|rest| rest.strip_suffix('}')) else {
            made.extend([line, "\n"]);
            continue;
        };
        let (_, list) = lists.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no list {name}"));
        let indentation = &line[..line.len() - text.len()];
        for inserted in list.lines() {
            made.extend([if inserted.is_empty() { "" } else { indentation }, inserted, "\n"]);
        }
    }
    made
}

/// The stack's parameter of a setting, if it has one.
fn parameter(setting: &Setting) -> Option<String> {
    let name = setting.schema.latchkey.parameter.as_ref()?;
    let allowed = setting.allowed();
    let number = matches!(allowed, Allowed::Number { .. } | Allowed::Values(_, true));
    let scalar = |text: &str| if number { text.to_owned() } else { quoted(text) };
    let mut made = format!("{name}:\n  Type: {}\n", if number { "Number" } else { "String" });
    let default = setting.default().map_or_else(|| (!setting.required).then(String::new), |_| setting.fixed_default());
    if let Some(default) = default {
        let _ = writeln!(made, "  Default: {}", scalar(&default));
    }
    let _ = match allowed {
        Allowed::Number { minimum, maximum } => writeln!(made, "  MinValue: {minimum}\n  MaxValue: {maximum}"),
        Allowed::Values(values, _) => {
            let values: Vec<_> = values.iter().map(|value| scalar(value)).collect();
            writeln!(made, "  AllowedValues: [{}]", values.join(", "))
        }
        Allowed::Text(pattern) => writeln!(made, "  AllowedPattern: {}", quoted(&pattern)),
        Allowed::Anything => Ok(()),
    };
    let _ = writeln!(made, "  Description: {}", quoted(&setting.schema.description));
    Some(made)
}

/// A text as YAML: between single quotes only a single quote is special.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_what_the_lists_say() {
        let checked_in = include_str!("../../../template.yaml");
        let remedy = "make it anew: cargo run --package latchkey -- generate";
        assert!(template() == checked_in, "template.yaml is not what stacks/ and config.schema.json say; {remedy}");
    }

    #[test]
    fn the_notifiers_template_is_what_its_parts_say() {
        let checked_in = include_str!("../../../stacks/notifier/notifier.yaml");
        let remedy = "make it anew: cargo run --package latchkey -- generate";
        assert!(notifier() == checked_in, "stacks/notifier/notifier.yaml is not what stacks/parts say; {remedy}");
    }

    /// The resources of the template: the logical ID and the lines of each.
    fn resources_of(made: &str) -> Vec<(String, String)> {
        let (_, resources) = made.split_once("\nResources:\n").unwrap();
        let (resources, _) = resources.split_once("\nOutputs:\n").unwrap();
        let mut found: Vec<(String, String)> = Vec::new();
        for line in resources.lines() {
            if is_id(line) {
                found.push((line.trim().trim_end_matches(':').to_owned(), String::new()));
            } else if let Some((_, lines)) = found.last_mut().filter(|_| !line.starts_with("  #")) {
                lines.extend([line, "\n"]);
            }
        }
        found
    }

    #[test]
    fn each_function_has_an_alarm_on_faults_and_one_on_throttles() {
        let made = template();
        let resources = resources_of(&made);
        let watched = |metric: &str, topic: &str| -> Vec<&str> {
            let alarms = resources.iter().map(|(_, lines)| lines.as_str()).filter(|lines| {
                lines.contains("Type: AWS::CloudWatch::Alarm\n")
                    && lines.contains("Namespace: AWS/Lambda\n")
                    && lines.contains(&format!("MetricName: {metric}\n"))
                    && lines.contains(&format!("AlarmActions: [!Ref {topic}]\n"))
            });
            alarms.filter_map(|lines| lines.split("Name: FunctionName, Value: ").nth(1)?.split(" }").next()).collect()
        };
        let all: Vec<_> =
            functions().iter().map(|one| format!("!Sub \"${{FunctionPrefix}}{}\"", one.resource())).collect();
        assert!(all.len() >= 7);
        for metric in ["Errors", "Throttles"] {
            assert_eq!(watched(metric, "Alarms"), all, "{metric}");
            // The notifier's own do not go through the notifier.
            assert_eq!(watched(metric, "NotifierOwnAlarms"), ["!Ref Notifier"], "{metric}");
        }
        // What runs in deployments alone has none: a deployment fails with it.
        let lambdas = resources.iter().filter(|(_, lines)| lines.contains("Type: AWS::Lambda::Function\n"));
        assert_eq!(lambdas.count(), all.len() + 2, "a function without alarms: see stacks/service.yaml");
    }

    #[test]
    fn without_an_address_for_alarms_nothing_of_them_is_made() {
        let made = template();
        let (conditions, _) = made.split_once("\nResources:\n").unwrap();
        assert!(conditions.contains("\n  HasAlarms: !Not [!Equals [!Ref AlarmEmail, \"\"]]\n"));
        assert!(conditions.contains("\n  NotifierHasCode: !And [!Condition HasAlarms, "));
        let is_of_alarms = |(id, lines): &&(String, String)| {
            id.starts_with("Notifier")
                || ["AWS::CloudWatch::Alarm", "AWS::SNS::", "AWS::SQS::"]
                    .iter()
                    .any(|kind| lines.contains(&format!("Type: {kind}")))
        };
        let resources = resources_of(&made);
        let of_alarms: Vec<_> = resources.iter().filter(is_of_alarms).collect();
        assert!(of_alarms.len() > 30, "{}", of_alarms.len());
        for (id, lines) in of_alarms {
            assert!(
                ["HasAlarms", "NotifierHasCode"].iter().any(|one| lines.contains(&format!("    Condition: {one}\n"))),
                "{id}"
            );
        }
        // A setting that is off leaves the other functions as they are.
        assert!(resources.iter().all(|(id, lines)| id.starts_with("Notifier") || !lines.contains("!Ref Notifier")));
    }

    #[test]
    fn an_alarms_description_fits_and_says_where_to_look() {
        let made = template();
        let alarms =
            resources_of(&made).into_iter().filter(|(_, lines)| lines.contains("AlarmActions: [!Ref Alarms]\n"));
        let mut seen = 0;
        for (id, lines) in alarms {
            let (_, rest) = lines.split_once("AlarmDescription: !Sub |-\n").unwrap();
            let (description, _) = rest.split_once("\n      Namespace").unwrap();
            // CloudWatch's limit is 1,024; the longest prefix has 40 characters.
            let longest = description.replace("${FunctionPrefix}", &"a".repeat(40));
            let longest: String = longest.lines().map(|line| line.trim().to_owned() + "\n").collect();
            assert!(longest.chars().count() <= 1_024, "{id}");
            // On lines of their own, to be copied, and so that no phone breaks them.
            for line in ["./audit.sh --since ", "/aws/lambda/${FunctionPrefix}"] {
                assert!(description.lines().any(|one| one.trim().starts_with(line)), "{id} {line}");
            }
            seen += 1;
        }
        assert_eq!(seen, 2 * functions().len() + 2);
    }

    #[test]
    fn the_template_the_stack_begins_with_can_be_sent_inline() {
        // The limit of CloudFormation for a template that is part of a request.
        assert!(bootstrap().len() <= 51_200);
    }

    #[test]
    fn nothing_of_the_parts_language_is_left_over() {
        for made in [template(), bootstrap(), notifier()] {
            assert!(!made.contains("#{") && !made.contains("{{"), "{made}");
        }
    }

    #[test]
    fn both_templates_make_the_same_code_bucket() {
        // A bucket that the second template describes otherwise would be changed by the first update.
        let resource = |made: &str, id: &str| {
            let from = made.find(&format!("\n  {id}:\n")).unwrap();
            made[from..].split("\n\n").next().unwrap().trim_end().to_owned()
        };
        for id in ["Code", "CodePolicy"] {
            assert_eq!(resource(&template(), id), resource(&bootstrap(), id));
        }
    }

    #[test]
    fn every_logical_id_is_made_once() {
        let mut ids: Vec<_> = resources_of(&template()).into_iter().map(|(id, _)| id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    fn is_id(line: &str) -> bool {
        line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_uppercase()))
    }

    #[test]
    fn what_the_owner_reserves_is_for_the_functions_of_the_pages_and_nothing_is_reserved_without_the_setting() {
        let made = template();
        assert!(made.contains("\n  ReservesConcurrency: !Not [!Equals [!Ref ReservedConcurrency, \"\"]]\n"));
        assert!(made.contains("\n  ReservedConcurrency:\n    Type: String\n    Default: ''\n"));
        for function in functions() {
            let from = made.find(&format!("\n  {}:\n    Type: AWS::Lambda::Function\n", function.resource())).unwrap();
            let resource = made[from..].split("\n\n").next().unwrap();
            let property =
                "ReservedConcurrentExecutions: !If [ReservesConcurrency, !Ref ReservedConcurrency, !Ref AWS::NoValue]";
            assert_eq!(resource.contains(property), !function.callers.is_empty(), "{}", function.name);
        }
    }

    #[test]
    fn calls_that_nobody_waits_for_are_neither_repeated_nor_kept() {
        let made = template();
        for function in functions() {
            for (id, qualifier) in [("Events", "live"), ("LatestEvents", "$LATEST")] {
                let from =
                    made.find(&format!("\n  {}{id}:\n    Type: AWS::Lambda::EventInvokeConfig\n", function.resource()));
                assert_eq!(from.is_some(), !function.callers.is_empty(), "{}{id}", function.resource());
                let Some(from) = from else { continue };
                let resource = made[from + 1..].split("\n\n").next().unwrap();
                for property in [
                    format!("Qualifier: {qualifier}"),
                    "MaximumRetryAttempts: 0".into(),
                    "MaximumEventAgeInSeconds: 60".into(),
                ] {
                    assert!(resource.lines().any(|line| line.trim() == property), "{resource}");
                }
            }
        }
    }

    #[test]
    fn no_alias_moves_before_every_new_version_has_answered() {
        let made = template();
        let resource = |id: &str| {
            let from = made.find(&format!("\n  {id}:\n")).unwrap();
            made[from + 1..].split("\n\n").next().unwrap().to_owned()
        };
        for function in functions() {
            let name = function.resource();
            let alias = resource(&format!("{name}Aliaslive"));
            let version = format!(
                "FunctionVersion: !If [{name}IsTried, !GetAtt {name}Trial.Version, !GetAtt {name}Version.Version]"
            );
            assert!(alias.contains(&version), "{alias}");
            for other in functions().iter().map(Function::resource) {
                let waits = format!("- !If [{other}IsTried, !GetAtt {other}Trial.Version, \"-\"]\n");
                assert!(alias.contains(&waits), "{name} does not wait for {other}");
            }
            let trial = resource(&format!("{name}Trial"));
            assert!(trial.contains(&format!("Target: !Ref {name}Version\n")), "{trial}");
            assert!(
                trial.contains("Mode: RequestResponse\n") && trial.contains("\"On\": [Create, Update]\n"),
                "{trial}"
            );
        }
    }

    #[test]
    fn the_trigger_outlasts_every_function_and_cloudformation_the_trigger() {
        let longest = functions().iter().map(|function| function.timeout).max().unwrap();
        let to_answer = u32::try_from(latchkey_custom_resource::entry::RESERVE.as_secs()).unwrap();
        assert!(longest + to_answer < TRIGGER_TIMEOUT && TRIGGER_TIMEOUT < TRIAL_TIMEOUT);
    }

    #[test]
    fn every_function_has_the_keys_that_the_list_gives_it_and_no_other() {
        let made = template();
        for function in functions() {
            let from = made.find(&format!("\n  {}:\n    Type: AWS::Lambda::Function\n", function.resource())).unwrap();
            let resource = made[from..].split("\n\n").next().unwrap();
            for kind in KeyKind::ALL {
                let variable = format!("{}: !Ref {}", kind.variable(), kind.parameter());
                let has = resource.lines().any(|line| line.trim() == variable);
                assert_eq!(has, function.has_key(kind), "{} {kind:?}", function.name);
                assert_eq!(resource.contains(kind.parameter()), has, "{} {kind:?}", function.name);
            }
        }
    }

    #[test]
    fn no_key_is_shown_by_the_stack_and_each_is_a_ring() {
        let made = template();
        for kind in KeyKind::ALL {
            let from = made.find(&format!("\n  {}:\n", kind.parameter())).unwrap();
            let fields: Vec<_> = made[from + 1..].lines().skip(1).take_while(|line| line.starts_with("    ")).collect();
            assert!(fields.contains(&"    NoEcho: true"), "{fields:?}");
            assert!(fields.iter().any(|field| field.contains("AllowedPattern")), "{fields:?}");
        }
    }

    #[test]
    fn only_the_listed_callers_may_invoke_a_function_and_all_others_are_denied_it() {
        let made = template();
        let role = |name: &str| {
            let from = made.find(&format!("\n  {name}:\n")).unwrap();
            made[from + 1..].split("\n\n").next().unwrap().to_owned()
        };
        for (caller, role) in [(Caller::Guests, role("AnonymousRole")), (Caller::Users, role("AuthenticatedRole"))] {
            for function in functions() {
                let (allowed, denied) = role.split_once("- Sid: NotTheirs\n").unwrap();
                let (others, own) = denied.split_once("- Sid: OnlyCalls\n").unwrap();
                let may = function.callers.contains(&caller);
                assert_eq!(allowed.contains(&format!("- Sid: {}\n", function.resource())), may);
                for resource in [function.resource(), format!("{}:*", function.resource())] {
                    let named = format!("${{FunctionPrefix}}{resource}\"\n");
                    assert_eq!((others.contains(&named), own.contains(&named)), (!may, may), "{caller:?} {resource}");
                }
            }
        }
    }
}
