//! What a deployment would change of a stack: its template and its parameters, before and after.

use latchkey_guard::document::{self, Content, Node};
use latchkey_guard::parameters;
use latchkey_guard::template::Given;
use std::collections::BTreeMap;

/// The stack as it is, and what a deployment would make of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The template that the stack has.
    pub deployed: &'a str,
    /// The template that it would have.
    pub template: &'a str,
    /// The parameters that it would have, as JSON.
    pub parameters: &'a str,
    /// The parameters that it has: a line for each, as name, tab, value. There may be other lines.
    pub stack: &'a str,
}

/// What would change, a line each; none if nothing would. Values of hidden parameters are not shown. The error says which of the
/// inputs cannot be read, and repeats nothing of it.
pub fn plan(plan: Plan<'_>) -> Result<Vec<String>, &'static str> {
    let deployed = document::parse(plan.deployed).map_err(|_| "the template of the stack cannot be read")?;
    let template = document::parse(plan.template).map_err(|_| "the template cannot be read")?;
    let given = parameters::parse(plan.parameters).map_err(|_| "the parameters cannot be read")?;
    let mut lines = resources(&deployed, &template);
    lines.extend(other_sections(&deployed, &template));
    let mut has = BTreeMap::new();
    for (name, value) in plan.stack.lines().filter_map(|line| line.split_once('\t')) {
        // Outputs come after parameters. The AWS CLI prints nothing as None.
        has.entry(name).or_insert(if value == "None" { "" } else { value });
    }
    for (name, value) in &given {
        let Given::Value(value) = value else { continue };
        lines.extend(parameter(&template, name, has.get(name.as_str()).copied(), value));
    }
    Ok(lines)
}

fn parameter(template: &Node, name: &str, has: Option<&str>, value: &str) -> Option<String> {
    if has == Some(value) {
        return None;
    }
    // It is a digest of all the others and of the template.
    if name == "Revision" {
        return Some("each function gets a new version".to_owned());
    }
    if let Some(function) = name.strip_suffix("Code").filter(|_| value.starts_with("functions/")) {
        return Some(format!("function {function}: new code"));
    }
    let declared = template.get("Parameters").and_then(|all| all.get(name));
    let hidden = declared.and_then(|one| one.get("NoEcho")).and_then(Node::scalar) == Some("true");
    let shown = |value: &str| if value.is_empty() { "(nothing)".to_owned() } else { value.to_owned() };
    Some(match has {
        _ if hidden => format!("parameter {name}: a new value, which is not shown"),
        None => format!("parameter {name}: new, {}", shown(value)),
        Some(before) => format!("parameter {name}: {} becomes {}", shown(before), shown(value)),
    })
}

fn resources(deployed: &Node, template: &Node) -> Vec<String> {
    let kind = |node: &Node| node.get("Type").and_then(Node::scalar).unwrap_or("of no type").to_owned();
    let mut lines = Vec::new();
    for (name, before, after) in differing(deployed, template, "Resources") {
        lines.push(match (before, after) {
            (None, Some(after)) => format!("resource {name} ({}): new", kind(after)),
            (Some(before), None) => {
                let policy = before.get("DeletionPolicy").and_then(Node::scalar).unwrap_or_default();
                let stays = if policy.starts_with("Retain") { "leaves the stack, and stays" } else { "deleted" };
                format!("resource {name} ({}): {stays}", kind(before))
            }
            (_, after) => format!("resource {name} ({}): changed", after.map_or_else(String::new, kind)),
        });
    }
    lines
}

fn other_sections(deployed: &Node, template: &Node) -> Vec<String> {
    let sections = deployed.entries().iter().chain(template.entries()).map(|entry| entry.key.as_str());
    let mut lines = Vec::new();
    for section in sections.filter(|section| *section != "Resources").collect::<std::collections::BTreeSet<_>>() {
        let names: Vec<_> = differing(deployed, template, section).into_iter().map(|(name, ..)| name).collect();
        match (names.is_empty(), deployed.get(section), template.get(section)) {
            (false, ..) => lines.push(format!("{section} of the template: {}", names.join(", "))),
            (true, Some(before), Some(after)) if same(before, after) => {}
            (true, ..) => lines.push(format!("{section} of the template")),
        }
    }
    lines
}

/// The entries of a section that differ, with what they were and will be.
fn differing<'a>(
    deployed: &'a Node,
    template: &'a Node,
    section: &str,
) -> Vec<(&'a str, Option<&'a Node>, Option<&'a Node>)> {
    let mut all: BTreeMap<&str, (Option<&Node>, Option<&Node>)> = BTreeMap::new();
    for entry in deployed.get(section).map_or(&[][..], Node::entries) {
        all.entry(&entry.key).or_default().0 = Some(&entry.value);
    }
    for entry in template.get(section).map_or(&[][..], Node::entries) {
        all.entry(&entry.key).or_default().1 = Some(&entry.value);
    }
    let differ = |(before, after): &(Option<&Node>, Option<&Node>)| match (before, after) {
        (Some(before), Some(after)) => !same(before, after),
        _ => true,
    };
    all.into_iter().filter(|(_, both)| differ(both)).map(|(name, (before, after))| (name, before, after)).collect()
}

/// Whether two values are the same, wherever they stand and in whatever order their keys are.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.content, &other.content) {
        (Content::List(one), Content::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Content::Map(one), Content::Map(all)) => {
            let there = |key: &str, value: &Node| other.get(key).is_some_and(|other| same(value, other));
            one.len() == all.len() && one.iter().all(|entry| there(&entry.key, &entry.value))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Description: One\nParameters:\n  Size: { Type: Number }\n  Secret: { Type: String, NoEcho: true }\n\
        Resources:\n  Log:\n    Type: AWS::Logs::LogGroup\n    Properties: { RetentionInDays: 30, LogGroupName: x }\n";
    const PARAMETERS: &str = r#"[{"ParameterKey": "Size", "ParameterValue": "1"}, {"ParameterKey": "Secret", "UsePreviousValue": true},
        {"ParameterKey": "Revision", "ParameterValue": "r"}]"#;
    const STACK: &str = "status\tCREATE_COMPLETE\nSize\t1\nSecret\t****\nRevision\tr\nSize\tan output of this name\n";

    fn planned(template: &str, parameters: &str) -> Vec<String> {
        plan(Plan { deployed: TEMPLATE, template, parameters, stack: STACK }).unwrap()
    }

    #[test]
    fn nothing_changes_where_lines_order_and_comments_differ() {
        let other = TEMPLATE
            .replace("Description: One\n", "# A comment.\n\nDescription: One\n")
            .replace("{ RetentionInDays: 30, LogGroupName: x }", "{ LogGroupName: x, RetentionInDays: 30 }");
        assert_eq!(planned(&other, PARAMETERS), [""; 0]);
    }

    #[test]
    fn resources_that_come_change_or_go_are_named() {
        assert_eq!(planned(&TEMPLATE.replace("30", "90"), PARAMETERS), ["resource Log (AWS::Logs::LogGroup): changed"]);
        let renamed = TEMPLATE.replace("  Log:", "  Lines:");
        assert_eq!(
            planned(&renamed, PARAMETERS),
            ["resource Lines (AWS::Logs::LogGroup): new", "resource Log (AWS::Logs::LogGroup): deleted"]
        );
        let kept = TEMPLATE.replace("    Type: AWS", "    DeletionPolicy: Retain\n    Type: AWS");
        let without = plan(Plan { deployed: &kept, template: &renamed, parameters: PARAMETERS, stack: STACK }).unwrap();
        assert_eq!(without[1], "resource Log (AWS::Logs::LogGroup): leaves the stack, and stays");
    }

    #[test]
    fn other_parts_of_the_template_are_named() {
        let other = TEMPLATE.replace("One", "Two").replace("Type: Number", "Type: String")
            + "Outputs:\n  Log: { Value: !Ref Log }\n";
        assert_eq!(
            planned(&other, PARAMETERS),
            ["Description of the template", "Outputs of the template: Log", "Parameters of the template: Size"]
        );
    }

    #[test]
    fn parameters_are_shown_before_and_after_and_a_hidden_one_is_not() {
        let given =
            |key: &str, value: &str| serde_json::json!([{ "ParameterKey": key, "ParameterValue": value }]).to_string();
        let one = |key: &str, value: &str| planned(TEMPLATE, &given(key, value));
        assert_eq!(one("Size", "2"), ["parameter Size: 1 becomes 2"]);
        assert_eq!(one("Size", ""), ["parameter Size: 1 becomes (nothing)"]);
        assert_eq!(one("Sender", "me"), ["parameter Sender: new, me"]);
        assert_eq!(one("Secret", "s3cr3t"), ["parameter Secret: a new value, which is not shown"]);
        assert_eq!(one("LoginCode", "functions/login/1.zip"), ["function Login: new code"]);
        assert_eq!(one("Revision", "s"), ["each function gets a new version"]);
        let none =
            Plan { deployed: TEMPLATE, template: TEMPLATE, parameters: &given("Sender", ""), stack: "Sender\tNone\n" };
        assert_eq!(plan(none).unwrap(), [""; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_repeated() {
        let whole = Plan { deployed: TEMPLATE, template: TEMPLATE, parameters: PARAMETERS, stack: STACK };
        for (broken, name) in [
            (Plan { deployed: "[s3cr3t", ..whole }, "the template of the stack"),
            (Plan { template: "[s3cr3t", ..whole }, "the template"),
            (Plan { parameters: "s3cr3t", ..whole }, "the parameters"),
        ] {
            let error = plan(broken).unwrap_err();
            assert!(error.starts_with(name) && !error.contains("s3cr3t"), "{error}");
        }
    }
}
