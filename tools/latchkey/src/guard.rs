//! Judging a template or a change set before anything is sent to AWS. The rules are in `shared/guard`.

use latchkey_guard::rules::{self, Exception, Rule};
use latchkey_guard::{Date, Finding, Judgement, Law, Values, changes, document, judge, parameters, template};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The files of a judgement, each with its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case<'a> {
    /// A template.
    pub template: Option<(&'a str, &'a str)>,
    /// The values of its parameters.
    pub parameters: Option<(&'a str, &'a str)>,
    /// A change set with its property values.
    pub change_set: Option<(&'a str, &'a str)>,
    /// The exceptions that belong to the template.
    pub of_template: Option<(&'a str, &'a str)>,
    /// The owner's own rules and exceptions.
    pub of_owner: Option<(&'a str, &'a str)>,
}

/// Judges a template, a change set, or both, on a day. Returns one line that sums it up, or a line for each finding, with the file
/// and its line.
pub fn guard(case: Case<'_>, today: Date) -> Result<String, Vec<String>> {
    let mut rules = rules::built_in();
    let mut exceptions = Vec::new();
    for (file, today) in [(case.of_template, None), (case.of_owner, Some(today))] {
        let Some((name, text)) = file else { continue };
        let added = rules::parse(text, today).map_err(|error| vec![format!("{name}: {error}")])?;
        rules::allow_custom_resources(&mut rules, &added.custom_resources);
        rules.extend(added.rule);
        exceptions.extend(added.exception);
    }
    unique(&rules)?;
    let law = Law { rules: &rules, exceptions: &exceptions, today };
    let mut lines = Vec::new();
    let mut excepted = Vec::new();
    let mut idle: BTreeSet<(String, String)> = BTreeSet::new();
    let mut take = |file: &str, judgement: Judgement| {
        lines.extend(judgement.findings.iter().map(|finding| line(file, finding)));
        excepted.extend(judgement.excepted.into_iter().map(|(finding, _)| (finding.rule, finding.resource)));
        idle.extend(judgement.idle);
    };
    if let Some((name, text)) = case.template {
        let document =
            document::parse(text).map_err(|error| vec![format!("{name}:{}: {}", error.line, error.reason)])?;
        let values = match case.parameters {
            Some((name, text)) => parameters::parse(text).map_err(|error| vec![format!("{name}: {error}")])?,
            None => Values::new(),
        };
        take(name, judge::template(law, &template::read(&document, &values, &rules)));
    }
    if let Some((name, text)) = case.change_set {
        take(name, changes::judge(law, text).map_err(|error| vec![format!("{name}: {error}")])?);
    }
    if lines.is_empty() { Ok(summary(&rules, &exceptions, &excepted, &idle)) } else { Err(lines) }
}

/// Two rules of one name could not be told apart by an exception.
fn unique(rules: &[Rule]) -> Result<(), Vec<String>> {
    let mut names = BTreeSet::new();
    match rules.iter().find(|rule| rule.name == judge::UNRESOLVED || !names.insert(&rule.name)) {
        Some(rule) => Err(vec![format!("there are two rules {}", rule.name)]),
        None => Ok(()),
    }
}

fn line(file: &str, finding: &Finding) -> String {
    format!("{file}:{}: {finding}", finding.line)
}

/// What holds, and what is excepted until when.
fn summary(
    rules: &[Rule],
    exceptions: &[Exception],
    excepted: &[(String, String)],
    idle: &BTreeSet<(String, String)>,
) -> String {
    let mut text = format!("{} rules hold", rules.len());
    for exception in exceptions {
        let names = (exception.rule.clone(), exception.resource.clone());
        let Some(until) = &exception.until else { continue };
        if excepted.contains(&names) {
            let _ = write!(text, "; {} is excepted from {} until {until}", names.1, names.0);
        } else if idle.contains(&names) {
            let _ = write!(text, "; the exception of {} from {} is not needed", names.1, names.0);
        }
    }
    text.push('\n');
    text
}
