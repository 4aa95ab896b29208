//! Policy documents of IAM, as far as rules ask for them
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).
//!
//! A statement that is not fully understood counts as one that allows everything.

use crate::value::{Item, Value};

/// A statement of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    whole: &'a Item,
}

/// The elements that a statement can have.
const ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// What a policy document has beside its statements. In another spelling, nobody can tell which of two lists counts.
const PARTS: [&str; 3] = ["Version", "Id", "Statement"];

/// The keys of conditions that tie access to somebody: to an account, an organization, a network, or a resource on whose behalf a
/// service comes.
const TYING: [&str; 13] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceOwner",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "kms:CallerAccount",
    "sts:ExternalId",
];

/// The operators that want one of the values. Those that end in `IfExists` let pass whoever says nothing.
const WANTING: [&str; 4] = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"];

/// The statements of a policy document; none if it is not one.
#[must_use]
pub fn statements(document: &Item) -> Option<Vec<Statement<'_>>> {
    if document.entries().iter().any(|(name, _)| !PARTS.contains(&name.as_str())) {
        return None;
    }
    let statements = document.get("Statement")?.one_or_many();
    let whole = |item| Statement { whole: item };
    statements.iter().all(|item| matches!(item.value, Value::Map(_))).then(|| statements.iter().map(whole).collect())
}

impl<'a> Statement<'a> {
    pub(crate) fn of(whole: &'a Item) -> Self {
        Self { whole }
    }

    /// The line that it begins on.
    #[must_use]
    pub fn line(self) -> usize {
        self.whole.line
    }

    /// An element of it.
    #[must_use]
    pub fn element(self, name: &str) -> Option<&'a Item> {
        self.whole.get(name)
    }

    /// Whether it denies, and so takes nothing but rights away. With an element that is not known, such as a second effect in
    /// another spelling, nobody can tell.
    #[must_use]
    pub fn denies(self) -> bool {
        self.element("Effect").and_then(Item::known) == Some("Deny") && self.stranger().is_none()
    }

    /// An element that policies do not have, such as one in another spelling.
    #[must_use]
    pub fn stranger(self) -> Option<&'a str> {
        self.whole.entries().iter().map(|(name, _)| name.as_str()).find(|name| !ELEMENTS.contains(name))
    }

    /// The values of an element, one or many.
    #[must_use]
    pub fn all(self, name: &str) -> &'a [Item] {
        self.element(name).map_or(&[], Item::one_or_many)
    }

    /// Everyone whom it is about, with the kind of principal: none where it is everybody.
    #[must_use]
    pub fn principals(self) -> Vec<(Option<&'a str>, &'a Item)> {
        let Some(principal) = self.element("Principal") else { return vec![] };
        match &principal.value {
            Value::Map(kinds) => {
                let each = kinds
                    .iter()
                    .flat_map(|(kind, item)| item.one_or_many().iter().map(|one| (Some(kind.as_str()), one)));
                each.collect()
            }
            _ => vec![(None, principal)],
        }
    }

    /// Whether it is about everybody, or nobody can tell that it is not.
    #[must_use]
    pub fn is_about_everybody(self) -> bool {
        if self.element("NotPrincipal").is_some() {
            return true;
        }
        self.principals().iter().any(|(kind, item)| kind.is_none() || is_anybody(item))
    }

    /// Whether a condition ties it to somebody ([`TYING`]), and not to a pattern that fits everybody.
    #[must_use]
    pub fn is_tied(self) -> bool {
        let wants = |operator: &str| {
            let operator = operator.strip_prefix("ForAnyValue:").unwrap_or(operator);
            WANTING.iter().any(|known| known.eq_ignore_ascii_case(operator))
        };
        let ties = |key: &str| {
            TYING.iter().any(|known| known.eq_ignore_ascii_case(key))
                || key.to_ascii_lowercase().starts_with("kms:encryptioncontext:")
        };
        let all = self.element("Condition").map_or(&[][..], Item::entries);
        all.iter().filter(|(operator, _)| wants(operator)).flat_map(|(_, keys)| keys.entries()).any(|(key, value)| {
            let values = value.one_or_many();
            ties(key) && !values.is_empty() && values.iter().all(names_somebody)
        })
    }

    /// The value that a condition compares a key with, if it is one known text: by operator and key, in any case.
    #[must_use]
    pub fn condition(self, operators: &[&str], key: &str) -> Option<&'a str> {
        let condition = self.element("Condition")?;
        let (_, keys) = condition.entries().iter().find(|(operator, keys)| {
            operators.iter().any(|known| known.eq_ignore_ascii_case(operator))
                && keys.entries().iter().any(|(name, _)| name.eq_ignore_ascii_case(key))
        })?;
        let (_, value) = keys.entries().iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        if let [only] = value.one_or_many() { only.known() } else { None }
    }

    /// Whether a condition has anything to say.
    #[must_use]
    pub fn has_condition(self) -> bool {
        let keys = |condition: &Item| condition.entries().iter().any(|(_, keys)| !keys.entries().is_empty());
        self.element("Condition").is_some_and(keys)
    }
}

/// Whether a principal is everybody, or nobody can tell that it is not.
#[must_use]
pub fn is_anybody(principal: &Item) -> bool {
    principal.pattern().is_none_or(|text| text.contains(['*', '?']))
}

/// Whether the value of a condition names an account, an organization or a resource. An ARN does by its account, because anybody can
/// give a name that their own account is free to give; buckets have names that are unique in the world.
#[must_use]
pub fn names_somebody(value: &Item) -> bool {
    if value.resource().is_some() {
        return true;
    }
    let Some(text) = value.pattern() else { return false };
    let sections: Vec<&str> = text.splitn(6, ':').collect();
    let named = |section: &str| !section.is_empty() && !section.contains(['*', '?']);
    match sections[..] {
        ["arn", _, "s3", "", "", bucket] => !bucket.starts_with(['*', '?']),
        ["arn", _, _, _, account, _] => named(account),
        [first, ..] if first.starts_with("arn") => false,
        _ => !text.is_empty() && !text.starts_with(['*', '?']),
    }
}
