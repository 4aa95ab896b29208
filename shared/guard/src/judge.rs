//! What the rules find.

use crate::checks;
use crate::date::Date;
use crate::rules::{Exception, Requirement, Rule};
use crate::template::{Resource, Template};
use crate::value::{Item, Value};
use std::collections::BTreeSet;
use std::fmt;

/// The name under which everything is found that could not be worked out. Exceptions may use it as they use a rule's.
pub const UNRESOLVED: &str = "everything-is-resolved";

/// Why that is refused.
const UNRESOLVED_SENTENCE: &str = "What cannot be worked out before the deployment cannot be judged.";

/// Something against a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The line of the template, from 1.
    pub line: usize,
    /// The logical id of the resource, or the name of the parameter; empty where it is the template.
    pub resource: String,
    /// The rule.
    pub rule: String,
    /// The property or attribute that a requirement is about; none where a check looks at more.
    pub property: Option<String>,
    /// What was found, for the owner.
    pub found: String,
    /// What the rule asks for and why.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, rule, found, sentence, .. } = self;
        let separator = if resource.is_empty() { "" } else { ": " };
        write!(f, "{resource}{separator}{found}. {sentence} ({rule})")
    }
}

/// What came of judging something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What is against a rule, by line.
    pub findings: Vec<Finding>,
    /// What is against a rule and excepted, with the reason.
    pub excepted: Vec<(Finding, String)>,
    /// Exceptions that nothing needs, by rule and resource.
    pub idle: Vec<(String, String)>,
}

/// The rules, what is excepted from them, and the day.
#[derive(Clone, Copy, Debug)]
pub struct Law<'a> {
    /// The rules.
    pub rules: &'a [Rule],
    /// The exceptions.
    pub exceptions: &'a [Exception],
    /// The day on which it is judged, in UTC.
    pub today: Date,
}

/// What a check finds, before it is known of what.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    line: usize,
    property: Option<String>,
    what: String,
}

impl Found {
    pub(crate) fn at(line: usize, what: &str) -> Self {
        Self { line, property: None, what: what.to_owned() }
    }
}

/// What a check may look at: a whole template, or nothing beside the resource itself, as in a hook.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) whole: Option<&'a Template>,
}

impl<'a> Scene<'a> {
    pub(crate) fn resources(self) -> impl Iterator<Item = &'a Resource> {
        self.whole.into_iter().flat_map(|template| &template.resources)
    }

    pub(crate) fn resource(self, id: &str) -> Option<&'a Resource> {
        self.resources().find(|resource| resource.id == id)
    }
}

/// Judges a whole template.
#[must_use]
pub fn template(law: Law<'_>, template: &Template) -> Judgement {
    let scene = Scene { whole: Some(template) };
    let mut findings = BTreeSet::new();
    for problem in &template.problems {
        findings.insert(Finding {
            line: problem.line,
            resource: problem.resource.clone().unwrap_or_default(),
            rule: UNRESOLVED.to_owned(),
            property: None,
            found: problem.sentence.clone(),
            sentence: UNRESOLVED_SENTENCE.to_owned(),
        });
    }
    for rule in law.rules {
        for resource in &template.resources {
            judge(rule, scene, resource, &mut findings);
        }
        let beside = rule.check.iter().flat_map(|check| checks::template(check, scene));
        findings.extend(beside.map(|(name, found)| finding(rule, &name, found)));
    }
    except(law, findings)
}

/// Judges one resource by itself, as a hook does. What takes other resources of the template is passed by, and so are
/// `DeletionPolicy` and `UpdateReplacePolicy`, which a hook is not told.
#[must_use]
pub fn alone(law: Law<'_>, resource: &Resource) -> Judgement {
    let mut findings = BTreeSet::new();
    for rule in law.rules {
        judge(rule, Scene { whole: None }, resource, &mut findings);
    }
    except(law, findings)
}

/// Judges one resource by itself, with those of the attributes that are given.
pub(crate) fn alone_with_attributes(law: Law<'_>, resource: &Resource) -> Judgement {
    let mut judgement = alone(law, resource);
    let mut findings = BTreeSet::new();
    for rule in law.rules.iter().filter(|rule| rule.is_about(&resource.kind)) {
        for (requirement, variant) in
            rule.require.iter().flat_map(|one| resource.variants.iter().map(move |variant| (one, variant)))
        {
            if let Some(name) = &requirement.attribute
                && let Some(item) = variant.get(name)
                && unlike(requirement, item)
            {
                let what = format!("{name} is {}{}", item.shown(), wanted(requirement));
                let found = Found { line: item.line, property: Some(name.clone()), what };
                findings.insert(finding(rule, &resource.id, found));
            }
        }
    }
    let attributes = except(law, findings);
    judgement.findings.extend(attributes.findings);
    judgement.excepted.extend(attributes.excepted);
    judgement
}

impl Law<'_> {
    /// What an exception makes of a single finding.
    pub(crate) fn except(self, finding: Finding) -> Judgement {
        except(self, BTreeSet::from([finding]))
    }
}

fn judge(rule: &Rule, scene: Scene<'_>, resource: &Resource, findings: &mut BTreeSet<Finding>) {
    if !rule.is_about(&resource.kind) {
        return;
    }
    for variant in &resource.variants {
        let required = rule.require.iter().filter_map(|requirement| missing(requirement, scene, variant));
        let checked = rule.check.iter().flat_map(|check| checks::variant(check, scene, resource, variant));
        findings.extend(required.chain(checked).map(|found| finding(rule, &resource.id, found)));
    }
}

fn finding(rule: &Rule, resource: &str, found: Found) -> Finding {
    Finding {
        line: found.line,
        resource: resource.to_owned(),
        rule: rule.name.clone(),
        property: found.property,
        found: found.what,
        sentence: rule.sentence.clone(),
    }
}

/// Sets aside what is excepted. An exception that has ended is named in the finding that it no longer covers.
fn except(law: Law<'_>, findings: BTreeSet<Finding>) -> Judgement {
    let mut judgement = Judgement::default();
    let mut needed = BTreeSet::new();
    for mut finding in findings {
        let exception = law.exceptions.iter().find(|exception| covers(exception, &finding));
        let Some(exception) = exception else {
            judgement.findings.push(finding);
            continue;
        };
        needed.insert((exception.rule.clone(), exception.resource.clone()));
        let end = exception.until.as_deref().map(|until| (until, Date::parse(until)));
        match end {
            Some((until, end)) if end.is_none_or(|end| end < law.today) => {
                finding.found = format!("{} (the exception ended on {until})", finding.found);
                judgement.findings.push(finding);
            }
            _ => judgement.excepted.push((finding, exception.reason.clone())),
        }
    }
    let all = law.exceptions.iter().map(|exception| (exception.rule.clone(), exception.resource.clone()));
    judgement.idle = all.filter(|exception| !needed.contains(exception)).collect();
    judgement
}

fn covers(exception: &Exception, finding: &Finding) -> bool {
    let Exception { rule, resource, properties, .. } = exception;
    let property = || finding.property.as_ref().is_some_and(|property| properties.contains(property));
    *rule == finding.rule && *resource == finding.resource && (properties.is_empty() || property())
}

/// What a requirement misses.
fn missing(requirement: &Requirement, scene: Scene<'_>, variant: &Item) -> Option<Found> {
    let (path, name, root) = match (&requirement.property, &requirement.attribute) {
        (Some(path), _) => (path, path, variant.get("Properties")),
        // A hook is told the properties and nothing else.
        (None, Some(_)) if scene.whole.is_none() => return None,
        (None, Some(name)) => (name, name, Some(variant)),
        (None, None) => return Some(Found::at(variant.line, "the rule does not say what it looks at")),
    };
    let mut values = Vec::new();
    match root {
        Some(root) => walk(root, path, &mut values),
        None => values.push(Err(variant.line)),
    }
    values.into_iter().find_map(|value| {
        let (line, is) = match value {
            Ok(item) if matches!(item.value, Value::Null) => (item.line, Err(())),
            Ok(item) => (item.line, Ok(item)),
            Err(line) => (line, Err(())),
        };
        let wrong = match is {
            Err(()) if requirement.optional || requirement.present == Some(false) => None,
            Err(()) => Some(format!("{name} is missing")),
            Ok(_) if requirement.present == Some(false) => Some(format!("{name} is there")),
            Ok(item) => unlike(requirement, item).then(|| format!("{name} is {}", item.shown())),
        };
        wrong.map(|wrong| Found { line, property: Some(name.clone()), what: format!("{wrong}{}", wanted(requirement)) })
    })
}

/// The values at a path, and the line at which one is missing.
fn walk<'a>(from: &'a Item, path: &str, values: &mut Vec<Result<&'a Item, usize>>) {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let (key, each) = step.strip_suffix("[]").map_or((step, false), |key| (key, true));
    let Some(item) = from.get(key) else {
        values.push(Err(from.line));
        return;
    };
    let items = if each { item.one_or_many() } else { std::slice::from_ref(item) };
    if items.is_empty() {
        values.push(Err(item.line));
    }
    for item in items {
        match rest {
            Some(rest) => walk(item, rest, values),
            None => values.push(Ok(item)),
        }
    }
}

/// Whether a value that is there is not what is asked for. One that is not known is not.
fn unlike(requirement: &Requirement, item: &Item) -> bool {
    let compared = requirement.is.iter().chain(requirement.is_one_of.iter().flatten()).collect::<Vec<_>>();
    let known = item.known();
    if !compared.is_empty() && !known.is_some_and(|known| compared.iter().any(|wanted| wanted.is(known))) {
        return true;
    }
    let number = known.and_then(|text| text.parse::<i64>().ok());
    let low = requirement.at_least.is_some_and(|least| number.is_none_or(|number| number < least));
    let high = requirement.at_most.is_some_and(|most| number.is_none_or(|number| number > most));
    low || high
}

/// What is asked for, to end a sentence with.
fn wanted(requirement: &Requirement) -> String {
    let values = requirement
        .is
        .iter()
        .chain(requirement.is_one_of.iter().flatten())
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    match (values.is_empty(), requirement.at_least, requirement.at_most) {
        (false, ..) => format!(", and should be {}", values.join(" or ")),
        (true, Some(least), Some(most)) => format!(", and should be {least} to {most}"),
        (true, Some(least), None) => format!(", and should be at least {least}"),
        (true, None, Some(most)) => format!(", and should be at most {most}"),
        (true, None, None) if requirement.present == Some(false) => ", and should not be".to_owned(),
        (true, None, None) => String::new(),
    }
}
