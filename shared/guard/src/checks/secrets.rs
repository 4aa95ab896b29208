//! Where secrets come from and where they show.

use crate::judge::{Found, Scene};
use crate::template::{Parameter, Resource, Template};
use crate::value::{Item, Origin, Piece, Value};

/// How secrets are named.
pub(super) struct Names<'a> {
    /// How their names end, in any case.
    pub(super) words: &'a [String],
    /// How names end that are no secrets all the same.
    pub(super) but: &'a [String],
}

impl Names<'_> {
    fn are_of_secret(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let ends = |words: &[String]| words.iter().any(|word| name.ends_with(&word.to_lowercase()));
        ends(self.words) && !ends(self.but)
    }
}

/// Parameters and outputs.
pub(super) fn template(template: &Template, names: &Names<'_>) -> Vec<(String, Found)> {
    let mut found = Vec::new();
    for parameter in &template.parameters {
        let said = if names.are_of_secret(&parameter.name) && !parameter.hidden && !takes_arns_only(parameter) {
            "the parameter has the name of a secret and no NoEcho, so AWS shows its value to whoever may look at the stack"
        } else if parameter.hidden && parameter.has_default {
            "the parameter is hidden, and its default stands in the template for everybody to read"
        } else {
            continue;
        };
        found.push((parameter.name.clone(), Found::at(parameter.line, said)));
    }
    for output in &template.outputs {
        shown(output, &mut |line, what| {
            found.push(("Outputs".to_owned(), Found::at(line, &format!("an output shows {what}"))));
        });
    }
    found
}

/// Whether a parameter takes nothing but the ARN of a secret or a key, or none, which its pattern says.
fn takes_arns_only(parameter: &Parameter) -> bool {
    let Some(pattern) = &parameter.pattern else { return false };
    let arns = pattern.strip_prefix("^(arn:").and_then(|rest| rest.strip_suffix(")?$"));
    let arn = arns.or_else(|| pattern.strip_prefix("^arn:").and_then(|rest| rest.strip_suffix('$')));
    arn.is_some_and(|rest| !rest.contains('|'))
}

/// The properties of a resource.
pub(super) fn resource(scene: Scene<'_>, resource: &Resource, variant: &Item, names: &Names<'_>) -> Vec<Found> {
    // Where a hook is asked, AWS has put the values in.
    if scene.whole.is_none() {
        return vec![];
    }
    let mut found = Vec::new();
    // AWS masks hidden parameters neither in metadata nor in outputs.
    if let Some(metadata) = variant.get("Metadata") {
        shown(metadata, &mut |line, what| found.push(Found::at(line, &format!("Metadata shows {what}"))));
    }
    let Some(properties) = variant.get("Properties") else { return found };
    passwords(properties, &mut found);
    if resource.kind == "AWS::SSM::Parameter" {
        parameter_store(resource, properties, names, &mut found);
    }
    let is_function = resource.kind == "AWS::Lambda::Function";
    for (name, property) in properties.entries() {
        if is_function && name == "Environment" {
            for (name, value) in property.get("Variables").map_or(&[][..], Item::entries) {
                if names.are_of_secret(name) && !is_hidden(value) && !is_arn_or_empty(value) {
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
        } else if !names.are_of_secret(name) {
            shown(property, &mut |line, what| found.push(Found::at(line, &format!("{name} shows {what}"))));
        }
    }
    found
}

/// CloudFormation makes no encrypted parameters of Systems Manager.
fn parameter_store(parameter: &Resource, properties: &Item, names: &Names<'_>, found: &mut Vec<Found>) {
    let name = properties.get("Name").map(Item::full).unwrap_or_default();
    let Some(value) = properties.get("Value") else { return };
    if (names.are_of_secret(&name) || names.are_of_secret(&parameter.id)) && !is_arn_or_empty(value) {
        found.push(Found::at(
            value.line,
            "the parameter of Systems Manager has the name of a secret, and is not encrypted",
        ));
    }
}

/// Passwords that stand in a property, however deep.
fn passwords(item: &Item, found: &mut Vec<Found>) {
    for (name, value) in item.entries() {
        // A switch, such as ManageMasterUserPassword, is no password.
        let switch = value.known().is_some_and(|text| matches!(text, "true" | "false"));
        let plain = value.pieces().is_some() && !switch && !is_hidden(value);
        // Variables of functions have a sentence of their own.
        if plain && name.ends_with("Password") {
            found.push(Found::at(value.line, &format!("{name} stands in the template")));
        }
        passwords(value, found);
    }
    for part in item.items() {
        passwords(part, found);
    }
}

/// Whether a value comes from a hidden parameter, from AWS Secrets Manager, or is what another resource says.
fn is_hidden(value: &Item) -> bool {
    let hidden =
        |piece: &Piece| matches!(piece, Piece::Unknown(Origin::Secret | Origin::Parameter { hidden: true, .. }));
    value.resource().is_some() || value.pieces().is_some_and(|pieces| pieces.iter().any(hidden))
}

/// Whether a value names a secret or a key and is none, or is nothing.
fn is_arn_or_empty(value: &Item) -> bool {
    let text = value.full();
    let arn = text.starts_with("arn:") && text.split(':').count() > 5;
    value.pieces().is_some() && (text.is_empty() || arn)
}

/// Says each place at which a secret shows: a hidden parameter, or the secret half of an access key.
fn shown(item: &Item, say: &mut dyn FnMut(usize, &str)) {
    match &item.value {
        Value::Null => {}
        Value::Text(pieces) => {
            for piece in pieces {
                match piece {
                    Piece::Unknown(Origin::Parameter { name, hidden: true }) => {
                        say(item.line, &format!("the hidden parameter {name}"));
                    }
                    Piece::Unknown(Origin::Resource { id, attribute: Some(attribute) })
                        if attribute == "SecretAccessKey" =>
                    {
                        say(item.line, &format!("the secret key of {id}"));
                    }
                    _ => {}
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| shown(item, say)),
        Value::Map(entries) => entries.iter().for_each(|(_, item)| shown(item, say)),
    }
}
