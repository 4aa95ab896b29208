//! The configuration of the hook in an account, as `set-type-configuration` takes it.

use crate::request::Action;
use serde::Deserialize;
use std::fmt;

/// What an owner configures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Whether the hook runs at all.
    pub on: bool,
    /// What becomes of an operation that the hook fails.
    pub failure_mode: FailureMode,
    /// The operations that invoke it.
    pub operations: Vec<TargetOperation>,
    /// The functions that are asked.
    pub functions: Vec<FunctionName>,
    filters: Filters,
}

/// What becomes of an operation that the hook fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FailureMode {
    /// It stops.
    Fail,
    /// It goes on with a warning.
    Warn,
}

/// What a hook can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetOperation {
    /// A resource of a stack.
    Resource,
    /// A whole stack.
    Stack,
    /// A change set.
    ChangeSet,
    /// A resource that Cloud Control makes.
    CloudControl,
}

/// A Lambda function by its ARN, partial ARN or name, with or without a version or an alias.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct FunctionName(String);

impl FunctionName {
    /// The text as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FunctionName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_function(&text) {
            Ok(Self(text))
        } else {
            Err("a Lambda function is an ARN or a name of 1 to 170 characters")
        }
    }
}

/// The form that Lambda gives for `FunctionName`: `[arn:aws:lambda:][region:][account:][function:]name[:qualifier]`.
fn is_function(text: &str) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let mut parts: Vec<&str> = text.split(':').collect();
    if let ["arn", partition, "lambda", ..] = parts[..] {
        if !partition.starts_with("aws") || !word(partition) {
            return false;
        }
        parts.drain(..3);
        // An ARN is whole.
        if !(parts.len() >= 4 && is_region(parts[0]) && is_account(parts[1]) && parts[2] == "function") {
            return false;
        }
    }
    let mut rest = &parts[..];
    for prefix in [is_region as fn(&str) -> bool, is_account, |part| part == "function"] {
        if rest.len() > 1 && prefix(rest[0]) {
            rest = &rest[1..];
        }
    }
    let named = match rest {
        [name] => word(name),
        [name, qualifier] => word(name) && (*qualifier == "$LATEST" || word(qualifier)),
        _ => false,
    };
    named && (1..=170).contains(&text.len())
}

fn is_region(part: &str) -> bool {
    let mut words = part.rsplitn(2, '-');
    let number = words.next().is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit()));
    let place = words.next().unwrap_or_default();
    number && place.contains('-') && place.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// What invokes the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filters {
    /// Everything that matches each of these; an empty one matches all.
    Each { names: Vec<String>, actions: Vec<Action>, points: Vec<Point> },
    /// Everything that matches one of these.
    Targets(Vec<Target>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Point {
    #[serde(rename = "PRE_PROVISION")]
    PreProvision,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(rename = "TargetName")]
    name: String,
    #[serde(rename = "Action")]
    action: Action,
    #[serde(rename = "InvocationPoint")]
    _point: Point,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfiguration {
    /// It has another form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// No function is configured, or more than the hook's schema allows.
    #[error("LambdaFunctions should have 1 to {most} functions, and has {count}")]
    Functions {
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A function is configured twice, so that two answers could not be told apart.
    #[error("LambdaFunctions has {0} twice")]
    Twice(FunctionName),
    /// Both kinds of filters, or more than 50 names.
    #[error(
        "TargetFilters should have TargetNames (at most 50), Actions and InvocationPoints, or Targets (at most 50), and not both"
    )]
    Filters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Outer {
    cloud_formation_configuration: Middle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Middle {
    hook_configuration: Inner,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Inner {
    target_stacks: Option<TargetStacks>,
    hook_invocation_status: Option<InvocationStatus>,
    target_operations: Option<Vec<TargetOperation>>,
    // Required: left out, AWS takes WARN, which nobody would notice.
    failure_mode: FailureMode,
    properties: Properties,
    target_filters: Option<WrittenFilters>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum TargetStacks {
    All,
    None,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum InvocationStatus {
    Enabled,
    Disabled,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Properties {
    lambda_functions: Vec<FunctionName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct WrittenFilters {
    target_names: Option<Vec<String>>,
    actions: Option<Vec<Action>>,
    invocation_points: Option<Vec<Point>>,
    targets: Option<Vec<Target>>,
}

impl Configuration {
    /// The functions that the hook's schema allows, unless its owner changed `maxItems` there.
    pub const MOST_FUNCTIONS: usize = 1;

    /// Reads a type configuration. `most` is `maxItems` of the hook's schema.
    pub fn parse(json: &str, most: usize) -> Result<Self, InvalidConfiguration> {
        let Outer { cloud_formation_configuration: Middle { hook_configuration: inner } } = serde_json::from_str(json)?;
        let functions = inner.properties.lambda_functions;
        if functions.is_empty() || functions.len() > most {
            return Err(InvalidConfiguration::Functions { count: functions.len(), most });
        }
        if let Some((_, twice)) = functions.iter().enumerate().find(|(index, name)| functions[..*index].contains(name))
        {
            return Err(InvalidConfiguration::Twice(twice.clone()));
        }
        Ok(Self {
            on: inner.target_stacks != Some(TargetStacks::None)
                && inner.hook_invocation_status != Some(InvocationStatus::Disabled),
            failure_mode: inner.failure_mode,
            operations: inner.target_operations.unwrap_or_else(|| vec![TargetOperation::Resource]),
            functions,
            filters: filters(inner.target_filters)?,
        })
    }

    /// Whether an action on a type of resources invokes the hook.
    #[must_use]
    pub fn invokes(&self, target: &str, action: Action) -> bool {
        let filtered = match &self.filters {
            Filters::Each { names, actions, points: _ } => {
                (names.is_empty() || names.iter().any(|name| matches(name, target)))
                    && (actions.is_empty() || actions.contains(&action))
            }
            Filters::Targets(targets) => {
                targets.iter().any(|entry| matches(&entry.name, target) && entry.action == action)
            }
        };
        self.on && self.operations.contains(&TargetOperation::Resource) && filtered
    }
}

fn filters(written: Option<WrittenFilters>) -> Result<Filters, InvalidConfiguration> {
    const MOST: usize = 50;
    match written {
        None => Ok(Filters::Each { names: vec![], actions: vec![], points: vec![] }),
        Some(WrittenFilters { target_names: None, actions: None, invocation_points: None, targets: Some(targets) })
            if (1..=MOST).contains(&targets.len()) =>
        {
            Ok(Filters::Targets(targets))
        }
        // An empty list would turn the hook off unseen.
        Some(WrittenFilters { target_names: names, actions, invocation_points: points, targets: None })
            if names.as_ref().is_none_or(|names| (1..=MOST).contains(&names.len()))
                && actions.as_ref().is_none_or(|actions| !actions.is_empty())
                && points.as_ref().is_none_or(|points| !points.is_empty())
                && (names.is_some() || actions.is_some() || points.is_some()) =>
        {
            Ok(Filters::Each {
                names: names.unwrap_or_default(),
                actions: actions.unwrap_or_default(),
                points: points.unwrap_or_default(),
            })
        }
        Some(_) => Err(InvalidConfiguration::Filters),
    }
}

/// Whether a name matches a pattern in which `*` stands for any characters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&letter) if letter == '?' || letter == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((from, taken)) => {
                    at = from + 1;
                    seen = taken + 1;
                    star = Some((from, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}
