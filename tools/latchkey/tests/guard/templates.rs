//! Every template of this repository passes, and what the rules and the hook list is what there is.

use super::{judged, service, today};
use latchkey::{Caller, functions, guard_all};
use latchkey_guard::rules::{self, Check};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn the_template_of_the_service_passes_and_so_does_the_one_that_the_stack_begins_with() {
    assert_eq!(judged(service()).unwrap(), format!("{} rules hold\n", rules::built_in().len()));
    assert!(judged(&latchkey::bootstrap()).is_ok());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// The templates that no file lists.
const UNLISTED: &[(&str, &str)] = &[
    (
        "template.yaml",
        "judged with config.json by the_template_of_the_service_passes_and_so_does_the_one_that_the_stack_begins_with",
    ),
    ("stacks/service.yaml", "a source of template.yaml"),
    ("stacks/bootstrap.yaml", "a source of the template that the stack begins with"),
    ("stacks/parts/notifier-stack.yaml", "a source of stacks/notifier/notifier.yaml"),
];

/// The files below the repository's folders that Git would keep, by path from its root.
fn files() -> Vec<String> {
    let (root, mut files, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || matches!(name.as_str(), "target" | "node_modules") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(&root).expect("a path below the root").to_string_lossy().into_owned());
            }
        }
    }
    files
}

/// Whether a file is a template: of YAML or JSON, with resources that have types.
fn is_template(file: &str) -> bool {
    let ends = |end: &&str| Path::new(file).extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
    if !["yaml", "yml", "json", "template"].iter().any(ends) {
        return false;
    }
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let resources = text.lines().any(|line| line.starts_with("Resources:")) || text.contains("\"Resources\"");
    resources && (text.contains("Type: ") || text.contains("\"Type\""))
}

#[test]
fn every_template_of_the_repository_is_listed_and_passes() {
    let files = files();
    // Each rule has a template that breaks it and one that does not, which the tests of the rules are about.
    let templates = files.iter().filter(|file| !file.starts_with("shared/guard/rules/") && is_template(file));
    let templates: BTreeSet<String> = templates.cloned().collect();
    let mut judged = BTreeSet::new();
    for list in files.iter().filter(|file| Path::new(file).file_name().is_some_and(|name| name == "guard.toml")) {
        let text = std::fs::read_to_string(root().join(list)).expect("a list");
        let folder = Path::new(list).parent().expect("a folder");
        let listed = rules::parse(&text, None).expect(list).template;
        if listed.is_empty() {
            continue;
        }
        let read = |file: &str| {
            std::fs::read_to_string(root().join(folder).join(file)).map_err(|error| vec![format!("{file}: {error}")])
        };
        let verdicts =
            guard_all((list, &text), None, read, today()).unwrap_or_else(|lines| panic!("{}", lines.join("\n")));
        assert_eq!(verdicts.lines().count(), listed.len(), "{verdicts}");
        judged.extend(listed.iter().map(|template| folder.join(&template.file).to_string_lossy().into_owned()));
    }
    assert!(judged.len() >= 9, "{judged:?}");
    judged.extend(UNLISTED.iter().map(|(file, _)| (*file).to_owned()));
    let strangers: Vec<_> = templates.difference(&judged).collect();
    assert!(strangers.is_empty(), "in no guard.toml as [[template]]: {strangers:?}");
}

const HOOK: &str = include_str!("../../../../stacks/hook.yaml");

#[test]
fn the_hook_is_asked_about_every_type_that_a_rule_is_about_and_warns_unless_told_otherwise() {
    let names: Vec<_> = HOOK.lines().filter_map(|line| line.strip_prefix("          - ")).collect();
    for kind in rules::built_in().iter().flat_map(|rule| &rule.types).filter(|kind| *kind != "*") {
        let covered =
            |name: &&str| name.strip_suffix('*').map_or(**name == *kind, |beginning| kind.starts_with(beginning));
        assert!(names.iter().any(covered), "{kind}");
    }
    assert!(HOOK.contains("  FailureMode:\n    Type: String\n    Default: WARN\n"));
}

#[test]
fn the_guests_of_the_rule_are_those_of_the_contract() {
    let listed = rules::built_in().into_iter().find_map(|rule| match rule.check {
        Some(Check::Guests { functions }) => Some(functions),
        _ => None,
    });
    let contract = functions().iter().filter(|function| function.callers.contains(&Caller::Guests));
    assert_eq!(listed.unwrap(), contract.map(latchkey::Function::resource).collect::<Vec<_>>());
}
