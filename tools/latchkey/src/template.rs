//! `template.yaml`, made from the parts in `stacks/`.
//!
//! The parts are templates as they are written by hand. A line `#{name}` in them stands for a list that is inserted there, at
//! the same indentation, and `{{name}}` for a word of the function at hand. Nothing is parsed, so comments survive.

use crate::functions::{Caller, Function, KeyKind, functions};
use crate::settings::{Allowed, Setting, settings};
use std::fmt::Write;

const SERVICE: &str = include_str!("../../../stacks/service.yaml");
const BOOTSTRAP: &str = include_str!("../../../stacks/bootstrap.yaml");
const STATEMENTS: &str = include_str!("../../../stacks/statements.yaml");
const CALL: &str = include_str!("../../../stacks/parts/call.yaml");
const EVENTS: &str = include_str!("../../../stacks/parts/events.yaml");
const CODE_BUCKET: &str = include_str!("../../../stacks/parts/code-bucket.yaml");
const CODE_PARAMETER: &str = include_str!("../../../stacks/parts/code-parameter.yaml");
const FUNCTION: &str = include_str!("../../../stacks/parts/function.yaml");
const CODE_CONDITION: &str = "{{Name}}HasCode: !Not [!Equals [!Ref {{Name}}Code, \"\"]]\n";

/// The variables that come with a statement: the statement, the variable, and its value.
const OF_STATEMENTS: [(&str, &str, &str); 1] = [("Outbox", "OUTBOX_TABLE", "!Ref Outbox")];

const HEAD: &str = "\
# Generated from stacks/, stacks/functions.toml and config.schema.json. Change those, then run
#     cargo run --package latchkey -- generate

";

/// The template of the whole service.
#[must_use]
pub fn template() -> String {
    let each = |part: &str| functions().iter().map(|function| words(part, function)).collect();
    let calls = |caller| {
        let callable = functions().iter().filter(|function| function.callers.contains(&caller));
        callable.map(|function| words(CALL, function)).collect()
    };
    let service = insert(
        SERVICE,
        &[
            ("settings", settings().iter().filter_map(parameter).collect()),
            ("code-parameters", each(CODE_PARAMETER)),
            ("code-conditions", each(CODE_CONDITION)),
            ("calls-of-guests", calls(Caller::Guests)),
            ("calls-of-users", calls(Caller::Users)),
            ("denied-to-guests", denied(Caller::Guests)),
            ("denied-to-users", denied(Caller::Users)),
            ("code-bucket", CODE_BUCKET.to_owned()),
            ("functions", functions().iter().map(resources).collect::<Vec<_>>().join("\n")),
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
        ],
    );
    if !function.callers.is_empty() {
        made.push('\n');
        made.push_str(&words(EVENTS, function));
    }
    made
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
    let each = |functions: &[&Function]| {
        let names = functions.iter().map(|function| function.resource());
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
        each(&others),
        each(&own),
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
    let allowed = known.iter().filter_map(|(sid, on)| {
        let actions = function.allow.get(*sid)?.join(", ");
        Some(format!("- Sid: {sid}\n  Effect: Allow\n  Action: [{actions}]\n{on}"))
    });
    allowed.collect()
}

/// The top-level keys of a part, with the lines below each.
fn sections(part: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in part.lines().filter(|line| !line.is_empty()) {
        match (line.strip_suffix(':').filter(|key| !key.starts_with([' ', '#'])), sections.last_mut()) {
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
        .replace("{{memory}}", &function.memory.to_string())
        .replace("{{timeout}}", &function.timeout.to_string())
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
    fn the_template_the_stack_begins_with_can_be_sent_inline() {
        // The limit of CloudFormation for a template that is part of a request.
        assert!(bootstrap().len() <= 51_200);
    }

    #[test]
    fn nothing_of_the_parts_language_is_left_over() {
        for made in [template(), bootstrap()] {
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
        let made = template();
        let (_, resources) = made.split_once("\nResources:\n").unwrap();
        let (resources, _) = resources.split_once("\nOutputs:\n").unwrap();
        let mut ids: Vec<_> = resources.lines().filter(|line| is_id(line)).collect();
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
