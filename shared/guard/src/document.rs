//! A template as a tree of values, each with the line that it begins on.
//!
//! YAML and JSON are read by the same parser, since JSON is YAML. Short forms such as `!Ref` become what they stand for. What
//! `CloudFormation` does not support either is refused: aliases, merged mappings, and tags that it does not know
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html>). So is a key that is given twice,
//! because whoever reads the template and whoever runs it may take different ones.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::iter::Peekable;

/// Deeper than any template that is written by hand, and far from the end of the stack.
const DEEPEST: usize = 64;

/// A value of a template, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The line that it begins on, from 1.
    pub line: usize,
    /// The value.
    pub content: Content,
}

/// What a template can hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing: `null`, `~`, or a key without a value.
    Null,
    /// `true` or `false`, in the spellings of YAML 1.1.
    Bool(bool),
    /// A number, in its own spelling.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the template.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The line of the key, from 1.
    pub line: usize,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The entries of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// A text, a number or a boolean as text: `CloudFormation` turns one into another where a property wants it.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        match &self.content {
            Content::Bool(true) => Some("true"),
            Content::Bool(false) => Some("false"),
            Content::Number(text) | Content::Text(text) => Some(text),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Unreadable {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there. It quotes keys and tags, and no value.
    pub reason: String,
}

/// Reads the one document of a text.
pub fn parse(text: &str) -> Result<Node, Unreadable> {
    let mut reader = Reader { events: Parser::new_from_str(text).peekable(), line: 1 };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd, _) => return reader.refuse("there is nothing in this file"),
            (event, span) => {
                let node = reader.node(event, span, 0)?;
                return reader.end().map(|()| node);
            }
        }
    }
}

struct Reader<'a, I: Iterator<Item = Result<(Event<'a>, Span), saphyr_parser::ScanError>>> {
    events: Peekable<I>,
    line: usize,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, Span), saphyr_parser::ScanError>>> Reader<'a, I> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Unreadable> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                self.line = span.start.line().max(1);
                Ok((event, span))
            }
            // The parser's own words may quote what it read.
            Some(Err(error)) => {
                Err(Unreadable { line: error.marker().line().max(1), reason: "this is neither YAML nor JSON".into() })
            }
            None => self.refuse("the file ends too early"),
        }
    }

    fn refuse<T>(&self, reason: &str) -> Result<T, Unreadable> {
        Err(Unreadable { line: self.line, reason: reason.into() })
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        loop {
            match self.next()?.0 {
                Event::StreamEnd => return Ok(()),
                Event::DocumentEnd | Event::Nothing => {}
                _ => return self.refuse("a template is one document, and here begins another"),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Unreadable> {
        if depth > DEEPEST {
            return self.refuse("values are nested too deep");
        }
        let line = span.start.line().max(1);
        let (content, tag) = match event {
            Event::Scalar(text, style, _, tag) => (scalar(&text, style, tag.is_some()), tag),
            Event::SequenceStart(_, tag) => (self.list(depth)?, tag),
            Event::MappingStart(_, tag) => (self.map(depth)?, tag),
            Event::Alias(_) => return self.refuse("CloudFormation supports no aliases of YAML"),
            _ => return self.refuse("this is neither YAML nor JSON"),
        };
        let node = Node { line, content };
        match tag {
            Some(tag) => self.long_form(&tag, node),
            None => Ok(node),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Content, Unreadable> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Content::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Content, Unreadable> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (key, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Content::Map(entries)),
                (Event::Scalar(key, _, _, None), span) => (key.into_owned(), span.start.line().max(1)),
                _ => return self.refuse("a key should be a plain text"),
            };
            if key == "<<" {
                return self.refuse("CloudFormation supports no merged mappings of YAML (<<)");
            }
            if entries.iter().any(|entry| entry.key == key) {
                return self.refuse(&format!("{key} is given twice"));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push(Entry { key, line, value });
        }
    }

    /// The function that a tag is short for, with its argument.
    fn long_form(&self, tag: &Tag, node: Node) -> Result<Node, Unreadable> {
        let line = node.line;
        if tag.is_yaml_core_schema() {
            return match (tag.suffix.as_str(), node.content) {
                ("str", Content::Text(text) | Content::Number(text)) => Ok(Node { line, content: Content::Text(text) }),
                ("str", Content::Bool(value)) => Ok(Node { line, content: Content::Text(value.to_string()) }),
                ("map", content @ Content::Map(_)) | ("seq", content @ Content::List(_)) => Ok(Node { line, content }),
                _ => self.refuse(&format!("the tag !!{} is not understood", tag.suffix)),
            };
        }
        let key = match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("!", name @ ("Ref" | "Condition")) => name.to_owned(),
            ("!", name) if !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric()) => {
                format!("Fn::{name}")
            }
            _ => return self.refuse(&format!("the tag {}{} is not understood", tag.handle, tag.suffix)),
        };
        // `!GetAtt A.B` is the only function whose short form has an argument of its own kind.
        let value = match (key.as_str(), node.content) {
            ("Fn::GetAtt", Content::Text(text)) => {
                let (id, attribute) = text.split_once('.').unwrap_or((&text, ""));
                let part = |text: &str| Node { line, content: Content::Text(text.to_owned()) };
                Node { line, content: Content::List(vec![part(id), part(attribute)]) }
            }
            (_, content) => Node { line, content },
        };
        Ok(Node { line, content: Content::Map(vec![Entry { key, line, value }]) })
    }
}

/// A scalar by the rules of YAML 1.1, which `CloudFormation` follows. A tag makes it a text.
fn scalar(text: &str, style: ScalarStyle, tagged: bool) -> Content {
    if style != ScalarStyle::Plain || tagged {
        return Content::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Content::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Content::Bool(false),
        _ if text.parse::<f64>().is_ok_and(f64::is_finite) => Content::Number(text.to_owned()),
        _ => Content::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> (usize, String) {
        let Unreadable { line, reason } = parse(text).unwrap_err();
        (line, reason)
    }

    #[test]
    fn every_value_knows_its_line() {
        let node = parse("A: 1\nB:\n  - x\n  - C: !Ref D\n").unwrap();
        let second = &node.get("B").unwrap().items()[1];
        assert_eq!(second.get("C").unwrap().line, 4);
        assert_eq!(second.get("C").unwrap().get("Ref").unwrap().scalar(), Some("D"));
    }

    #[test]
    fn json_is_read_as_yaml_is() {
        let json = "{\n\t\"A\": [true, \"no\", 1.5, null],\n\t\"B\": {\"Fn::GetAtt\": [\"X\", \"Arn\"]}}";
        let yaml = "A: [yes, 'no', 1.5, ~]\nB: !GetAtt X.Arn";
        let without_lines = |text: &str| {
            format!("{:?}", parse(text).unwrap()).replace("line: 2", "line: 1").replace("line: 3", "line: 1")
        };
        assert_eq!(without_lines(json), without_lines(yaml));
    }

    #[test]
    fn what_cloudformation_does_not_support_is_refused_with_its_line() {
        assert_eq!(reason("A: &x 1\nB: *x"), (2, "CloudFormation supports no aliases of YAML".into()));
        assert_eq!(reason("A:\n  <<: {B: 1}").0, 2);
        assert_eq!(reason("A: 1\nB: 2\nA: 3"), (3, "A is given twice".into()));
        assert_eq!(reason("A: 1\n---\nB: 2").0, 2);
        assert_eq!(reason("A: !!binary aGk=").0, 1);
        assert_eq!(reason("? [a]\n: 1").1, "a key should be a plain text");
    }

    #[test]
    fn nothing_and_nonsense_are_refused_without_a_word_of_what_was_there() {
        assert_eq!(reason("").1, "there is nothing in this file");
        for text in ["A: [secret", "A: 'secret", "{\"secret\": ", "A: \"\\ud83dsecret\""] {
            assert!(!reason(text).1.contains("secret"), "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&deep(60)).is_ok());
        assert_eq!(reason(&deep(100)).1, "values are nested too deep");
    }
}
