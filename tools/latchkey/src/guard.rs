//! Judging a template or a change set before anything is sent to AWS. The rules are in `shared/guard`.

use latchkey_guard::rules::{self, Exception, OfTemplate, Rule};
use latchkey_guard::template::Given;
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

/// The rules and exceptions that hold for a template.
#[derive(Clone)]
struct Rules {
    rules: Vec<Rule>,
    exceptions: Vec<Exception>,
}

impl Rules {
    /// The rules of `shared/guard`, and with them the owner's own file.
    fn with_owner(of_owner: Option<(&str, &str)>, today: Date) -> Result<Self, Vec<String>> {
        let mut all = Self { rules: rules::built_in(), exceptions: vec![] };
        if let Some((name, text)) = of_owner {
            let file = rules::parse(text, Some(today)).map_err(|error| vec![format!("{name}: {error}")])?;
            all.rules.extend(file.rule);
            all.exceptions.extend(file.exception);
        }
        unique(&all.rules)?;
        Ok(all)
    }

    fn law(&self, today: Date) -> Law<'_> {
        Law { rules: &self.rules, exceptions: &self.exceptions, today }
    }
}

/// Judges a template, a change set, or both, on a day. Returns one line that sums it up, or a line for each finding, with the file
/// and its line.
pub fn guard(case: Case<'_>, today: Date) -> Result<String, Vec<String>> {
    let mut all = Rules::with_owner(case.of_owner, today)?;
    if let Some((name, text)) = case.of_template {
        let file = rules::parse(text, None).map_err(|error| vec![format!("{name}: {error}")])?;
        rules::allow_custom_resources(&mut all.rules, &file.custom_resources);
        all.rules.extend(file.rule);
        all.exceptions.extend(file.exception);
        unique(&all.rules)?;
    }
    let mut lines = Vec::new();
    let mut excepted = Vec::new();
    let mut idle: BTreeSet<(String, String)> = BTreeSet::new();
    let mut take = |file: &str, judgement: Judgement| {
        lines.extend(judgement.findings.iter().map(|finding| line(file, finding)));
        excepted.extend(judgement.excepted.into_iter().map(|(finding, _)| (finding.rule, finding.resource)));
        idle.extend(judgement.idle);
    };
    if let Some((name, text)) = case.template {
        let values = match case.parameters {
            Some((name, text)) => parameters::parse(text).map_err(|error| vec![format!("{name}: {error}")])?,
            None => Values::new(),
        };
        take(name, judged(&all, name, text, &values, today)?);
    }
    if let Some((name, text)) = case.change_set {
        take(name, changes::judge(all.law(today), text).map_err(|error| vec![format!("{name}: {error}")])?);
    }
    if lines.is_empty() { Ok(summary(&all, &excepted, &idle)) } else { Err(lines) }
}

/// Judges all the templates that a file lists, each with its own parameters and exceptions. `read` gives the text of a file that is
/// named from the folder of the list. Returns a line for each template, or for each finding. An exception that nothing needs is a finding
/// too: it would hide the next mistake.
pub fn guard_all(
    (list, text): (&str, &str),
    of_owner: Option<(&str, &str)>,
    read: impl Fn(&str) -> Result<String, Vec<String>>,
    today: Date,
) -> Result<String, Vec<String>> {
    let file = rules::parse(text, None).map_err(|error| vec![format!("{list}: {error}")])?;
    if file.template.is_empty() {
        return Err(vec![format!("{list}: it lists no [[template]]")]);
    }
    let everywhere = Rules::with_owner(of_owner, today)?;
    let (mut lines, mut verdicts) = (Vec::new(), String::new());
    for OfTemplate { file, parameters, exception, custom_resources } in file.template {
        let mut all = everywhere.clone();
        rules::allow_custom_resources(&mut all.rules, &custom_resources);
        let own: Vec<_> = exception.iter().map(|one| (one.rule.clone(), one.resource.clone())).collect();
        all.exceptions.extend(exception);
        let values = parameters.into_iter().map(|(name, value)| (name, Given::Value(value))).collect();
        let judgement = judged(&all, &file, &read(&file)?, &values, today)?;
        lines.extend(judgement.findings.iter().map(|finding| line(&file, finding)));
        for (rule, resource) in judgement.idle.iter().filter(|idle| own.contains(idle)) {
            lines.push(format!("{list}: {file}: the exception of {resource} from {rule} is not needed: take it out"));
        }
        let _ = writeln!(verdicts, "{file}: {} rules hold", all.rules.len());
    }
    if lines.is_empty() { Ok(verdicts) } else { Err(lines) }
}

fn judged(all: &Rules, name: &str, text: &str, values: &Values, today: Date) -> Result<Judgement, Vec<String>> {
    let document = document::parse(text).map_err(|error| vec![format!("{name}:{}: {}", error.line, error.reason)])?;
    Ok(judge::template(all.law(today), &template::read(&document, values, &all.rules)))
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
    Rules { rules, exceptions }: &Rules,
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
