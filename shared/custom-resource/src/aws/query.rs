//! The query protocol: parameters as a form, answers as XML.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Writes parameters as a form: structures by dots, lists by `.member.N`.
#[must_use]
pub fn flatten(action: &str, version: &str, parameters: &Map<String, Value>) -> String {
    let mut form = format!("Action={}&Version={}", encode(action), encode(version));
    for (key, value) in parameters {
        append(&mut form, key, value);
    }
    form
}

fn append(form: &mut String, key: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(object) => object.iter().for_each(|(name, value)| append(form, &format!("{key}.{name}"), value)),
        Value::Array(items) => {
            for (at, item) in (1..).zip(items) {
                append(form, &format!("{key}.member.{at}"), item);
            }
        }
        Value::String(text) => write_field(form, key, text),
        other => write_field(form, key, &other.to_string()),
    }
}

fn write_field(form: &mut String, key: &str, value: &str) {
    let _ = write!(form, "&{}={}", encode(key), encode(value));
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// The most elements within each other.
const DEPTH: usize = 32;

/// Reads the content of the document's root: elements as objects, `member` elements as lists, and text as text. `None` if it is not
/// well formed.
#[must_use]
pub fn read(document: &str) -> Option<Value> {
    use xmlparser::{ElementEnd, Token, Tokenizer};
    // One level for each open element, and below them the document.
    let mut levels: Vec<(String, Level)> = vec![(String::new(), Level::default())];
    for token in Tokenizer::from(document) {
        match token.ok()? {
            Token::ElementStart { local, .. } => {
                if levels.len() > DEPTH {
                    return None;
                }
                levels.push((local.as_str().to_owned(), Level::default()));
            }
            Token::ElementEnd { end: ElementEnd::Open, .. } => {}
            Token::ElementEnd { .. } => {
                let (name, level) = levels.pop()?;
                levels.last_mut()?.1.add(name, level.value());
            }
            Token::Text { text } => levels.last_mut()?.1.text.push_str(&unescape(text.as_str())?),
            Token::Cdata { text, .. } => levels.last_mut()?.1.text.push_str(text.as_str()),
            // No service defines entities; they are where XML parsers are attacked.
            Token::EntityDeclaration { .. } | Token::DtdStart { .. } | Token::EmptyDtd { .. } => return None,
            _ => {}
        }
    }
    let (_, document) = levels.pop().filter(|_| levels.is_empty())?;
    document.children.into_iter().next().map(|(_, root)| root)
}

#[derive(Default)]
struct Level {
    text: String,
    children: Vec<(String, Value)>,
}

impl Level {
    fn add(&mut self, name: String, value: Value) {
        self.children.push((name, value));
    }

    fn value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text.trim().to_owned());
        }
        if self.children.iter().all(|(name, _)| name == "member") {
            return Value::Array(self.children.into_iter().map(|(_, value)| value).collect());
        }
        Value::Object(self.children.into_iter().collect())
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';')?;
        let c = match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = entity.strip_prefix('#')?;
                let hex = number.strip_prefix('x').map(|hex| u32::from_str_radix(hex, 16));
                char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)?
            }
        };
        plain.push(c);
        plain.push_str(rest);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn parameters_become_a_form() {
        let parameters = json!({ "Domain": "a b&c", "Tags": [{ "Key": "k" }], "Deep": { "Flag": true }, "None": null });
        let form = flatten("Do", "2010-12-01", parameters.as_object().unwrap());
        for field in
            ["Action=Do", "&Version=2010-12-01", "&Domain=a%20b%26c", "&Tags.member.1.Key=k", "&Deep.Flag=true"]
        {
            assert!(form.contains(field), "{form}");
        }
        assert!(!form.contains("None"));
    }

    #[test]
    fn an_answer_is_read_with_lists_and_entities() {
        let xml = "<?xml version=\"1.0\"?><R xmlns=\"u\"><Result><Token>a&amp;b&#65;</Token>\
                   <List><member>1</member><member>2</member></List><Empty/></Result></R>";
        let read = read(xml).unwrap();
        assert_eq!(read, json!({ "Result": { "Token": "a&bA", "List": ["1", "2"], "Empty": "" } }));
    }

    #[test]
    fn entities_of_ones_own_unclosed_elements_and_great_depth_are_refused() {
        assert_eq!(read("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), None);
        assert_eq!(read("<a><b></b>"), None);
        assert_eq!(read(&"<a>".repeat(1_000)), None);
        assert_eq!(read("no element"), None);
    }

    proptest! {
        #[test]
        fn no_document_panics(document in "[<>/a&;#x!\\[\\]\" ]{0,60}") {
            let _ = read(&document);
        }
    }
}
