//! Each rule with the template that breaks it and the one that just does not.

use latchkey_guard::template::Given;
use latchkey_guard::{Date, Judgement, Law, Values, document, judge, rules, template};
use std::path::Path;

fn today() -> Date {
    Date::parse("2026-11-26").expect("a date")
}

/// What the rules say of a template whose hidden parameters have values.
fn judged(text: &str) -> Judgement {
    let values = Values::from([("ApiToken".to_owned(), Given::Value("s3cr3t".to_owned()))]);
    let rules = rules::built_in();
    let law = Law { rules: &rules, exceptions: &[], today: today() };
    judge::template(law, &template::read(&document::parse(text).expect("a document"), &values, &rules))
}

fn names(judgement: &Judgement) -> Vec<&str> {
    let mut names: Vec<_> = judgement.findings.iter().map(|finding| finding.rule.as_str()).collect();
    names.dedup();
    names
}

fn read(rule: &str, file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(rule).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_rule_finds_the_template_that_breaks_it_and_no_other_rule_does() {
    for rule in rules::built_in() {
        let judgement = judged(&read(&rule.name, "breaks.yaml"));
        assert_eq!(names(&judgement), [rule.name.as_str()], "{judgement:#?}");
        assert!(judgement.findings.iter().all(|finding| finding.line > 1), "{judgement:#?}");
    }
}

#[test]
fn every_rule_lets_the_template_pass_that_just_does_not_break_it() {
    for rule in rules::built_in() {
        let judgement = judged(&read(&rule.name, "passes.yaml"));
        assert_eq!(judgement.findings, [], "{}", rule.name);
    }
}

#[test]
fn every_folder_of_rules_is_a_rule() {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")).unwrap();
    let mut folders: Vec<_> = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    let mut names: Vec<_> = rules::built_in().into_iter().map(|rule| rule.name).collect();
    folders.sort();
    names.sort();
    assert_eq!(folders, names);
}
