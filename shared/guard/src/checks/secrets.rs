//! Where secrets come from and where they show.

use crate::judge::{Found, Scene};
use crate::template::{Resource, Template};
use crate::value::{Item, Origin, Piece, Value};

fn is_secret(name: &str, words: &[String]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.ends_with(&word.to_lowercase()))
}

/// Parameters and outputs.
pub(super) fn template(template: &Template, words: &[String]) -> Vec<(String, Found)> {
    let mut found = Vec::new();
    for parameter in &template.parameters {
        let said = if is_secret(&parameter.name, words) && !parameter.hidden {
            "the parameter has the name of a secret and no NoEcho, so AWS shows its value to whoever may look at the stack"
        } else if parameter.hidden && parameter.has_default {
            "the parameter is hidden, and its default stands in the template for everybody to read"
        } else {
            continue;
        };
        found.push((parameter.name.clone(), Found::at(parameter.line, said)));
    }
    for output in &template.outputs {
        shown(output, &mut |line, name| {
            found
                .push(("Outputs".to_owned(), Found::at(line, &format!("an output shows the hidden parameter {name}"))));
        });
    }
    found
}

/// The properties of a resource.
pub(super) fn resource(scene: Scene<'_>, resource: &Resource, variant: &Item, words: &[String]) -> Vec<Found> {
    // Where a hook is asked, AWS has put the values in.
    if scene.whole.is_none() {
        return vec![];
    }
    let mut found = Vec::new();
    // AWS masks hidden parameters neither in metadata nor in outputs.
    if let Some(metadata) = variant.get("Metadata") {
        shown(metadata, &mut |line, parameter| {
            found.push(Found::at(line, &format!("Metadata shows the hidden parameter {parameter}")));
        });
    }
    let Some(properties) = variant.get("Properties") else { return found };
    let is_function = resource.kind == "AWS::Lambda::Function";
    for (name, property) in properties.entries() {
        if is_function && name == "Environment" {
            for (name, value) in property.get("Variables").map_or(&[][..], Item::entries) {
                if is_secret(name, words) && !is_hidden(value) {
                    found.push(Found::at(
                        value.line,
                        &format!("the variable {name} has the name of a secret, and its value is not hidden"),
                    ));
                }
            }
        } else if name == "SecretString" {
            if !is_hidden(property) {
                found.push(Found::at(property.line, "the secret stands in the template"));
            }
        } else if !is_secret(name, words) {
            shown(property, &mut |line, parameter| {
                found.push(Found::at(line, &format!("{name} shows the hidden parameter {parameter}")));
            });
        }
    }
    found
}

/// Whether a value comes from a hidden parameter, from AWS Secrets Manager, or from another resource.
fn is_hidden(value: &Item) -> bool {
    let hidden = |piece: &Piece| {
        matches!(
            piece,
            Piece::Unknown(Origin::Secret | Origin::Resource { .. } | Origin::Parameter { hidden: true, .. })
        )
    };
    value.pieces().is_some_and(|pieces| pieces.iter().any(hidden))
}

/// Says each place at which a hidden parameter shows.
fn shown(item: &Item, say: &mut dyn FnMut(usize, &str)) {
    match &item.value {
        Value::Null => {}
        Value::Text(pieces) => {
            for piece in pieces {
                if let Piece::Unknown(Origin::Parameter { name, hidden: true }) = piece {
                    say(item.line, name);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| shown(item, say)),
        Value::Map(entries) => entries.iter().for_each(|(_, item)| shown(item, say)),
    }
}
