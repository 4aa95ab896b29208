//! Values of a resource after its functions were carried out, as far as that is possible before a deployment.

use serde_json::Value as Json;

/// A value with the line of the template that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// A value of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, as `null`.
    Null,
    /// A text, a number or a boolean, in pieces. `CloudFormation` turns one into another where a property wants it.
    Text(Vec<Piece>),
    /// A list.
    List(Vec<Item>),
    /// A mapping.
    Map(Vec<(String, Item)>),
}

/// A name in a pattern that only the deployment decides, and that has no wildcard.
pub const NAME: &str = "\u{E000}";

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What it is.
    Known(String),
    /// Where it will come from.
    Unknown(Origin),
}

/// Where a part of a text comes from that is not known before the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A resource of the template, or one of its attributes.
    Resource {
        /// The logical id.
        id: String,
        /// The attribute; none for what `Ref` gives.
        attribute: Option<String>,
    },
    /// A pseudo parameter, such as `AWS::Region`.
    Pseudo(String),
    /// A parameter whose value is not shown: it is hidden (`NoEcho`), or the stack keeps the one that it has.
    Parameter {
        /// Its name.
        name: String,
        /// Whether it is hidden.
        hidden: bool,
    },
    /// A reference to AWS Secrets Manager or to a secure string of Systems Manager.
    Secret,
    /// Anything else.
    Late,
}

impl Item {
    /// A text that is fully known.
    #[must_use]
    pub fn text(line: usize, text: &str) -> Self {
        Self { line, value: Value::Text(vec![Piece::Known(text.to_owned())]) }
    }

    /// A text of which nothing is known but where it comes from.
    #[must_use]
    pub fn unknown(line: usize, origin: Origin) -> Self {
        Self { line, value: Value::Text(vec![Piece::Unknown(origin)]) }
    }

    /// A value without functions, as AWS gives it in JSON. All of it has one line.
    #[must_use]
    pub fn of_json(line: usize, value: &Json) -> Self {
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => return Self::text(line, &value.to_string()),
            Json::Number(value) => return Self::text(line, &value.to_string()),
            // What a change set says of a value that only the deployment decides.
            Json::String(value) if value.contains("{{changeSet:") => return Self::unknown(line, Origin::Late),
            Json::String(value) if value.contains("{{resolve:ssm:") => return Self::unknown(line, Origin::Late),
            Json::String(value) if value.contains("{{resolve:") => return Self::unknown(line, Origin::Secret),
            Json::String(value) => return Self::text(line, value),
            Json::Array(items) => Value::List(items.iter().map(|item| Self::of_json(line, item)).collect()),
            Json::Object(entries) => {
                Value::Map(entries.iter().map(|(key, item)| (key.clone(), Self::of_json(line, item))).collect())
            }
        };
        Self { line, value }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Item> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, item)| item)
    }

    /// The entries of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[(String, Item)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The items of a list, or the one value that stands in its place, as IAM allows.
    #[must_use]
    pub fn one_or_many(&self) -> &[Item] {
        if let Value::List(items) = &self.value { items } else { std::slice::from_ref(self) }
    }

    /// The pieces of a text.
    #[must_use]
    pub fn pieces(&self) -> Option<&[Piece]> {
        if let Value::Text(pieces) = &self.value { Some(pieces) } else { None }
    }

    /// A text that is fully known.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self.pieces()? {
            [] => Some(""),
            [Piece::Known(text)] => Some(text),
            _ => None,
        }
    }

    /// The one thing that a text comes from, if it is nothing else.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        if let [Piece::Unknown(origin)] = self.pieces()? { Some(origin) } else { None }
    }

    /// The resource that this refers to: the whole value is its reference or one of its attributes.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        if let Origin::Resource { id, .. } = self.origin()? { Some(id) } else { None }
    }

    /// The text as a pattern of IAM: a reference to a resource stands for a name without wildcards, and what nobody knows could be
    /// anything. None where it is no text.
    #[must_use]
    pub fn pattern(&self) -> Option<String> {
        let part = |piece: &Piece| match piece {
            Piece::Known(text) => text.clone(),
            Piece::Unknown(Origin::Resource { .. } | Origin::Pseudo(_)) => NAME.to_owned(),
            Piece::Unknown(Origin::Parameter { .. } | Origin::Secret | Origin::Late) => "*".to_owned(),
        };
        Some(self.pieces()?.iter().map(part).collect())
    }

    /// The hidden parameter that this value, or a part of it, comes from.
    #[must_use]
    pub fn hidden(&self) -> Option<&str> {
        match &self.value {
            Value::Null => None,
            Value::Text(pieces) => pieces.iter().find_map(|piece| match piece {
                Piece::Unknown(Origin::Parameter { name, hidden: true }) => Some(name.as_str()),
                _ => None,
            }),
            Value::List(items) => items.iter().find_map(Item::hidden),
            Value::Map(entries) => entries.iter().find_map(|(_, item)| item.hidden()),
        }
    }

    /// The value as a person reads it: unknown parts by their name, and no hidden value.
    #[must_use]
    pub fn full(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Text(pieces) => shown(pieces),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The same, cut at 80 characters, for a finding.
    #[must_use]
    pub fn shown(&self) -> String {
        let text = self.full();
        match text.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

fn shown(pieces: &[Piece]) -> String {
    let names = pieces.iter().map(|piece| match piece {
        Piece::Known(text) => text.clone(),
        Piece::Unknown(Origin::Resource { id, attribute: None }) => format!("${{{id}}}"),
        Piece::Unknown(Origin::Resource { id, attribute: Some(attribute) }) => format!("${{{id}.{attribute}}}"),
        Piece::Unknown(Origin::Pseudo(name) | Origin::Parameter { name, .. }) => format!("${{{name}}}"),
        Piece::Unknown(Origin::Secret) => "(a secret)".to_owned(),
        Piece::Unknown(Origin::Late) => "(known after the deployment)".to_owned(),
    });
    names.collect()
}

/// Puts pieces together, so that two known ones never stand side by side and none is empty.
#[must_use]
pub fn joined(pieces: impl IntoIterator<Item = Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (all.last_mut(), piece) {
            (_, Piece::Known(text)) if text.is_empty() => {}
            (Some(Piece::Known(before)), Piece::Known(text)) => before.push_str(&text),
            (_, piece) => all.push(piece),
        }
    }
    all
}
