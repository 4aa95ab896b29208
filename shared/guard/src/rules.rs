//! Rules and exceptions as they are written down, in TOML.
//!
//! The rules of this crate are in `rules/`, a folder for each: `rule.toml`, a template that breaks it (`breaks.yaml`) and one that
//! just does not (`passes.yaml`). An owner writes rules of the same form, and exceptions, into a file beside `config.json`.

use crate::date::Date;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Its name, which exceptions and findings use.
    pub name: String,
    /// What it asks for and why, as a sentence for the owner of the service.
    pub sentence: String,
    /// The types of resources that it judges; a `*` at the end stands for any ending.
    pub types: Vec<String>,
    /// What such a resource must have.
    #[serde(default)]
    pub require: Vec<Requirement>,
    /// What takes more than looking at single properties.
    pub check: Option<Check>,
}

impl Rule {
    /// Whether it judges resources of a type.
    #[must_use]
    pub fn is_about(&self, kind: &str) -> bool {
        self.types.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => known == kind,
        })
    }
}

impl Rule {
    /// Whether it looks at each value by itself, so that no combination of values matters.
    pub(crate) fn looks_at_single_values(&self) -> bool {
        self.require.is_empty() && matches!(self.check, Some(Check::Secrets { .. } | Check::Opaque { .. }))
    }
}

/// Something that a resource must have. One of `property` and `attribute` says what is looked at, and the others what it must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Requirement {
    /// A property, by its path: `A.B` is B within A, and `A[].B` is B in each item of the list A.
    pub property: Option<String>,
    /// `DeletionPolicy` or `UpdateReplacePolicy`, which stand beside the properties. A hook is not told them.
    pub attribute: Option<String>,
    /// The value.
    pub is: Option<Scalar>,
    /// The values of which it must be one.
    pub is_one_of: Option<Vec<Scalar>>,
    /// The least that a number may be.
    pub at_least: Option<i64>,
    /// The most that a number may be.
    pub at_most: Option<i64>,
    /// Whether it must be there, whatever it is (`true`), or must not be there (`false`).
    pub present: Option<bool>,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
}

/// What a property can be compared with.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Scalar {
    /// Whether a known value of a template is this one. `CloudFormation` takes `"True"` for `true`.
    #[must_use]
    pub fn is(&self, known: &str) -> bool {
        match self {
            Self::Bool(wanted) => known.eq_ignore_ascii_case(&wanted.to_string()),
            Self::Number(wanted) => known.parse() == Ok(*wanted),
            Self::Text(wanted) => known == wanted,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// What takes more than looking at single properties.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all_fields = "kebab-case", rename_all = "kebab-case", tag = "kind")]
pub enum Check {
    /// Policies of roles, users and groups name the actions and the resources that they allow.
    Grants {
        /// Managed policies of AWS that may be attached, by the end of their ARN.
        managed_policies: Vec<String>,
        /// Actions that cannot be allowed on anything narrower than `*`.
        actions_without_resource: Vec<String>,
        /// Actions whose object a condition names in place of the resource: the key that `StringEquals` compares.
        named_by_condition: BTreeMap<String, String>,
    },
    /// Roles say who may take them.
    Trust,
    /// Roles that anonymous visitors get may invoke these functions and do nothing else.
    Guests {
        /// The logical ids of the functions.
        functions: Vec<String>,
    },
    /// Buckets have a policy that denies plain HTTP.
    PlainHttp,
    /// Bucket policies give everybody nothing but single actions on parts of the bucket.
    PublicObjects {
        /// The actions.
        actions: Vec<String>,
    },
    /// Other resources' policies give everybody nothing.
    Everybody,
    /// Each function has a role that no other one has.
    OwnRole,
    /// Each function writes to a log group of the template.
    OwnLogGroup,
    /// Secrets are hidden parameters or come from AWS Secrets Manager, and nothing shows them.
    Secrets {
        /// How names of secrets end, in any case.
        words: Vec<String>,
        /// How names end that are no secrets all the same.
        but: Vec<String>,
    },
    /// Resources whose effect cannot be judged.
    Opaque {
        /// Types that may be used all the same.
        allowed: Vec<String>,
    },
}

/// Something that is allowed against a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The rule.
    pub rule: String,
    /// The logical id of the resource, or the name of the parameter.
    pub resource: String,
    /// The properties and attributes that it is about, as the rule names them; all that the rule asks for where none is named.
    #[serde(default)]
    pub properties: Vec<String>,
    /// Why.
    pub reason: String,
    /// The last day, as `2027-03-31`. Only the exceptions that belong to the template itself go without.
    pub until: Option<String>,
}

/// A file with rules and exceptions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The rules.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// The exceptions.
    #[serde(default)]
    pub exception: Vec<Exception>,
    /// Types of custom resources that the template may use. Only a file that belongs to the template has them.
    #[serde(default, rename = "custom-resources")]
    pub custom_resources: Vec<String>,
    /// The templates beside the file, with what belongs to each of them.
    #[serde(default)]
    pub template: Vec<OfTemplate>,
}

/// What belongs to one template: the values that its parameters are judged with, and what it does on purpose against a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfTemplate {
    /// The template, from the folder of the file.
    pub file: String,
    /// The values of its parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Exceptions, which need no end.
    #[serde(default)]
    pub exception: Vec<Exception>,
    /// Types of custom resources that it may use.
    #[serde(default, rename = "custom-resources")]
    pub custom_resources: Vec<String>,
}

/// Why a file of rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is no TOML, or it has other fields than these.
    #[error("{0}")]
    Form(Box<toml::de::Error>),
    /// An owner's file that allows types of custom resources.
    #[error("custom-resources belong to a template; write an exception for each resource, with an end")]
    CustomResources,
    /// An owner's file that lists templates.
    #[error("templates belong to a file of their own, which `latchkey guard --all` takes")]
    Templates,
    /// A rule that can never judge, or that asks for nothing.
    #[error("rule {rule}: {reason}")]
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An exception that says too little or too much.
    #[error("exception to {rule} for {resource}: {reason}")]
    Exception {
        /// The rule.
        rule: String,
        /// The resource.
        resource: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The rules of this crate.
///
/// # Panics
///
/// Where a rule of this crate is not well formed, which its tests would show.
#[must_use]
pub fn built_in() -> Vec<Rule> {
    let read = |text: &str| -> Rule { toml::from_str(text).unwrap_or_else(|error| panic!("{error}")) };
    SOURCES.iter().map(|(_, text)| read(text)).collect()
}

/// Reads a file of rules and exceptions. With a date, every exception must end, within a year from then.
pub fn parse(text: &str, today: Option<Date>) -> Result<File, Unusable> {
    let file: File = toml::from_str(text).map_err(|error| Unusable::Form(Box::new(error)))?;
    if today.is_some() && !file.custom_resources.is_empty() {
        return Err(Unusable::CustomResources);
    }
    if today.is_some() && !file.template.is_empty() {
        return Err(Unusable::Templates);
    }
    for rule in &file.rule {
        well_formed(rule).map_err(|reason| Unusable::Rule { rule: rule.name.clone(), reason })?;
    }
    for exception in file.exception.iter().chain(file.template.iter().flat_map(|template| &template.exception)) {
        if let Err(reason) = bounded(exception, today) {
            let Exception { rule, resource, .. } = exception.clone();
            return Err(Unusable::Exception { rule, resource, reason });
        }
    }
    Ok(file)
}

fn well_formed(rule: &Rule) -> Result<(), &'static str> {
    if rule.types.is_empty() {
        return Err("it has no types");
    }
    if rule.require.is_empty() && rule.check.is_none() {
        return Err("it asks for nothing: it needs `require` or `check`");
    }
    if rule.sentence.trim().is_empty() {
        return Err("it has no sentence");
    }
    for requirement in &rule.require {
        let Requirement { property, attribute, is, is_one_of, at_least, at_most, present, optional: _ } = requirement;
        if property.is_some() == attribute.is_some() {
            return Err("each requirement needs one of `property` and `attribute`");
        }
        if is.is_none() && is_one_of.is_none() && at_least.is_none() && at_most.is_none() && present.is_none() {
            return Err("each requirement needs `is`, `is-one-of`, `at-least`, `at-most` or `present`");
        }
    }
    Ok(())
}

fn bounded(exception: &Exception, today: Option<Date>) -> Result<(), &'static str> {
    if exception.reason.trim().len() < 10 {
        return Err("it needs a reason that another person understands");
    }
    let Some(until) = &exception.until else {
        return if today.is_some() { Err("it needs an end, such as until = \"2027-03-31\"") } else { Ok(()) };
    };
    let until = Date::parse(until).ok_or("its end is no date; write it as 2027-03-31")?;
    match today {
        Some(today) if until > today.a_year_later() => {
            Err("it ends more than a year from now: look at it again by then")
        }
        _ => Ok(()),
    }
}

/// Allows types of custom resources in the rule that looks at them.
pub fn allow_custom_resources(rules: &mut [Rule], types: &[String]) {
    for rule in rules {
        if let Some(Check::Opaque { allowed }) = &mut rule.check {
            allowed.extend_from_slice(types);
        }
    }
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        /// The rules of this crate, by folder.
        pub(crate) const SOURCES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../rules/", $name, "/rule.toml")))),*];
    };
}

sources![
    "tables-keep-their-data",
    "global-tables-keep-their-data",
    "identity-pools-refuse-the-classic-flow",
    "identity-pools-are-retained",
    "policies-name-what-they-allow",
    "roles-say-who-may-take-them",
    "guests-call-the-contract-only",
    "buckets-block-public-access",
    "buckets-refuse-plain-http",
    "bucket-policies-publish-only-objects",
    "nothing-is-open-to-everybody",
    "log-groups-expire",
    "functions-have-limits",
    "functions-have-a-role-of-their-own",
    "secrets-are-hidden",
    "every-effect-can-be-judged",
];

#[cfg(test)]
mod tests {
    use super::*;

    const EXCEPTION: &str =
        "[[exception]]\nrule = 'log-groups-expire'\nresource = 'Log'\nreason = 'kept for the auditors'\n";

    fn refused(text: &str) -> String {
        parse(text, Date::parse("2026-11-26")).unwrap_err().to_string()
    }

    #[test]
    fn an_exception_needs_a_reason_and_an_end_within_a_year() {
        assert!(refused(EXCEPTION).contains("needs an end"));
        assert!(refused(&format!("{EXCEPTION}until = '2026-02-30'")).contains("no date"));
        assert!(refused(&format!("{EXCEPTION}until = '2027-11-27'")).contains("more than a year"));
        assert!(parse(&format!("{EXCEPTION}until = '2027-11-26'"), Date::parse("2026-11-26")).is_ok());
        assert!(refused(&EXCEPTION.replace("kept for the auditors", " ")).contains("needs a reason"));
    }

    #[test]
    fn a_rule_that_asks_for_nothing_is_refused() {
        let rule = "[[rule]]\nname = 'x'\nsentence = 'y'\ntypes = ['AWS::S3::Bucket']\n";
        assert!(refused(rule).contains("asks for nothing"));
        assert!(refused(&format!("{rule}[[rule.require]]\nproperty = 'A'")).contains("each requirement needs `is`"));
        assert!(refused(&format!("{rule}[[rule.require]]\nis = 1")).contains("one of `property` and `attribute`"));
        assert!(refused(&format!("{rule}[[rule.require]]\nproperty = 'A'\nis = [1]")).contains("is = [1]"));
        assert!(refused(&format!("{rule}[[rule.require]]\nproperty = 'A'\nequals = 1")).contains("equals"));
        assert!(parse(&format!("{rule}[[rule.require]]\nproperty = 'A'\nis = 1"), None).is_ok());
    }

    #[test]
    fn only_a_template_allows_custom_resources() {
        let text = "custom-resources = ['Custom::Trial']";
        assert_eq!(parse(text, None).unwrap().custom_resources, ["Custom::Trial"]);
        assert!(refused(text).contains("belong to a template"));
    }

    #[test]
    fn a_list_of_templates_belongs_to_a_file_of_their_own_and_its_exceptions_have_reasons() {
        let text = "[[template]]\nfile = 'one.yaml'\nparameters = { Bucket = 'code' }\n";
        assert_eq!(parse(text, None).unwrap().template[0].parameters["Bucket"], "code");
        assert!(refused(text).contains("a file of their own"));
        let exception = EXCEPTION.replace("[[exception]]", "[[template.exception]]");
        assert_eq!(parse(&format!("{text}{exception}"), None).unwrap().template[0].exception.len(), 1);
        let without_reason = exception.replace("kept for the auditors", " ");
        assert!(parse(&format!("{text}{without_reason}"), None).unwrap_err().to_string().contains("needs a reason"));
    }

    #[test]
    fn every_rule_of_this_crate_is_well_formed_and_named_as_its_folder() {
        for (rule, (folder, _)) in built_in().iter().zip(SOURCES) {
            assert_eq!(&rule.name, folder);
            well_formed(rule).unwrap();
        }
    }
}
