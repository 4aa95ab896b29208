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

/// The statements of a policy document; none if it is not one.
#[must_use]
pub fn statements(document: &Item) -> Option<Vec<Statement<'_>>> {
    let statements = document.get("Statement")?.one_or_many();
    let whole = |item| Statement { whole: item };
    statements.iter().all(|item| matches!(item.value, Value::Map(_))).then(|| statements.iter().map(whole).collect())
}

impl<'a> Statement<'a> {
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

    /// Whether it denies, and so takes nothing but rights away.
    #[must_use]
    pub fn denies(self) -> bool {
        self.element("Effect").and_then(Item::known) == Some("Deny")
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
        let open = |item: &Item| item.pieces().is_none_or(|_| item.shown().contains(['*', '?']));
        self.principals().iter().any(|(kind, item)| kind.is_none() || open(item))
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
