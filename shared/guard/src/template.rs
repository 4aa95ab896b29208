//! A template with its parameters: what each resource will be, in every state of the conditions that it asks for.
//!
//! Nothing is left open by accident. What cannot be worked out before the deployment is a [`Problem`] where it stands: a macro, a
//! function that is not known here, an imported value, a parameter without a value.

use crate::document::{Content, Entry, Node};
use crate::rules::Rule;
use crate::value::{Item, Origin, Piece, Value, joined};
use std::collections::{BTreeMap, BTreeSet};

/// A resource that a rule is about is judged in every state of its conditions, and each further condition doubles their number.
const MOST_CONDITIONS: usize = 8;

/// The parts of a resource that rules look at.
const JUDGED: [&str; 4] = ["Properties", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"];
/// The parts that no rule looks at.
const PASSED_BY: [&str; 6] = ["Type", "Condition", "DependsOn", "CreationPolicy", "UpdatePolicy", "Version"];

/// A template of which everything was worked out that can be.
#[derive(Clone, Debug)]
pub struct Template {
    /// The resources.
    pub resources: Vec<Resource>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The outputs, in every state of their conditions.
    pub outputs: Vec<Item>,
    /// What could not be worked out.
    pub problems: Vec<Problem>,
}

/// A resource of a template.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The logical id.
    pub id: String,
    /// The type, such as `AWS::S3::Bucket`.
    pub kind: String,
    /// The line of the logical id.
    pub line: usize,
    /// The condition under which it exists.
    pub condition: Option<String>,
    /// The resource in each state of the conditions that it asks for: a mapping with `Properties`, `DeletionPolicy`,
    /// `UpdateReplacePolicy` and `Metadata`.
    pub variants: Vec<Item>,
}

/// A parameter of a template.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// The line of the name.
    pub line: usize,
    /// Whether AWS hides the value (`NoEcho`).
    pub hidden: bool,
    /// Whether the template says a value.
    pub has_default: bool,
    /// What a value has to look like.
    pub pattern: Option<String>,
}

/// Something that could not be worked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The resource that it belongs to.
    pub resource: Option<String>,
    /// The line.
    pub line: usize,
    /// What it is, as a sentence.
    pub sentence: String,
}

/// The value of a parameter as a deployment gives it.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// This value.
    Value(String),
    /// The value that the stack has.
    Previous,
}

/// The values of the parameters, by name.
pub type Values = BTreeMap<String, Given>;

/// Reads a template with the values that its parameters are given, for these rules: a resource that one of them is about is worked
/// out in every state of its conditions, and any other one so that each value shows that it can have.
#[must_use]
pub fn read(document: &Node, values: &Values, rules: &[Rule]) -> Template {
    let mut reader =
        Reader { document, values, rules, kinds: BTreeMap::new(), states: States::new(), problems: vec![], id: None };
    for entry in document.entries() {
        if entry.key == "Transform" {
            reader.problem(
                entry.line,
                "the template uses a macro (Transform), and what a macro makes cannot be judged here: \
                give the processed template, which `aws cloudformation get-template --template-stage Processed` prints",
            );
        }
        if entry.key.starts_with("Fn::") {
            reader.problem(entry.line, &format!("{} at the top of the template cannot be resolved", entry.key));
        }
        // The functions of the other sections are not carried out, and a macro there changes what stands beside it.
        if !matches!(entry.key.as_str(), "Resources" | "Outputs") {
            reader.macros(&entry.value);
        }
    }
    let parameters = section(document, "Parameters").iter().map(parameter).collect();
    let resources = section(document, "Resources");
    if resources.is_empty() {
        reader.problem(document.line, "the template has no resources to judge");
    }
    let kind = |entry: &'_ Entry| entry.value.get("Type").and_then(Node::scalar).unwrap_or_default().to_owned();
    reader.kinds = resources.iter().map(|entry| (entry.key.as_str(), kind(entry))).collect();
    let resources = resources.iter().filter_map(|entry| reader.resource(entry)).collect();
    reader.id = None;
    let outputs = section(document, "Outputs").iter().flat_map(|entry| reader.variants(&entry.value, false)).collect();
    Template { resources, parameters, outputs, problems: reader.problems }
}

fn section<'a>(document: &'a Node, name: &str) -> &'a [Entry] {
    document.get(name).map_or(&[], Node::entries)
}

fn parameter(entry: &Entry) -> Parameter {
    Parameter {
        name: entry.key.clone(),
        line: entry.line,
        hidden: is_hidden(&entry.value),
        has_default: entry.value.get("Default").is_some(),
        pattern: entry.value.get("AllowedPattern").and_then(Node::scalar).map(str::to_owned),
    }
}

fn is_hidden(declared: &Node) -> bool {
    declared.get("NoEcho").and_then(Node::scalar).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Conditions that are true or false.
type States = BTreeMap<String, bool>;

struct Reader<'a> {
    document: &'a Node,
    values: &'a Values,
    rules: &'a [Rule],
    /// The types of the resources, by logical id.
    kinds: BTreeMap<&'a str, String>,
    /// The conditions of the variant at hand.
    states: States,
    problems: Vec<Problem>,
    /// The resource at hand.
    id: Option<String>,
}

impl<'a> Reader<'a> {
    fn problem(&mut self, line: usize, sentence: &str) {
        let problem = Problem { resource: self.id.clone(), line, sentence: sentence.to_owned() };
        // Each variant of a resource meets it again.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// A value that nobody knows, and that somebody should hear of.
    fn unresolved(&mut self, line: usize, sentence: &str) -> Item {
        self.problem(line, sentence);
        Item::unknown(line, Origin::Late)
    }

    fn resource(&mut self, entry: &'a Entry) -> Option<Resource> {
        self.id = Some(entry.key.clone());
        let Some(kind) = entry.value.get("Type").and_then(Node::scalar) else {
            let what =
                if entry.key.starts_with("Fn::") { "is a function that cannot be resolved" } else { "has no type" };
            self.problem(entry.line, &format!("{} {what}", entry.key));
            return None;
        };
        let condition = entry.value.get("Condition").and_then(Node::scalar).map(str::to_owned);
        if let Some(name) = &condition {
            self.known_condition(entry.line, name);
        }
        let mut judged = Vec::new();
        for part in entry.value.entries() {
            match part.key.as_str() {
                key if JUDGED.contains(&key) => judged.push(part.clone()),
                key if PASSED_BY.contains(&key) => self.macros(&part.value),
                key => self.problem(part.line, &format!("{key} is no part of a resource that is understood here")),
            }
        }
        if let Some(properties) = entry.value.get("Properties")
            && !matches!(properties.content, Content::Map(_) | Content::Null)
        {
            self.problem(properties.line, "the properties are no mapping");
        }
        let combined = self.rules.iter().any(|rule| rule.is_about(kind) && !rule.looks_at_single_values());
        let variants = self.variants(&Node { line: entry.line, content: Content::Map(judged) }, combined);
        Some(Resource { id: entry.key.clone(), kind: kind.to_owned(), line: entry.line, condition, variants })
    }

    /// Macros in a part of the template that is not worked out.
    fn macros(&mut self, node: &Node) {
        for item in node.items() {
            self.macros(item);
        }
        for entry in node.entries() {
            if entry.key == "Fn::Transform" {
                self.problem(
                    entry.line,
                    "a macro (Fn::Transform) may change what stands beside it, so that cannot be resolved",
                );
            }
            self.macros(&entry.value);
        }
    }

    /// A resource's reference or attribute. AWS makes most of them, and they name the resource; some only repeat what the template or
    /// a function of somebody's own says, which may be anything.
    fn of_resource(&self, id: &str, attribute: Option<String>, line: usize) -> Item {
        let kind = self.kinds.get(id).map_or("", String::as_str);
        let repeats = match kind {
            "AWS::SSM::Parameter" => attribute.as_deref() == Some("Value"),
            "AWS::ServiceCatalog::CloudFormationProvisionedProduct" => true,
            _ => kind.starts_with("AWS::CloudFormation::") || !kind.starts_with("AWS::"),
        };
        Item::unknown(line, if repeats { Origin::Late } else { Origin::Resource { id: id.to_owned(), attribute } })
    }

    fn known_condition(&mut self, line: usize, name: &str) -> bool {
        let known = section(self.document, "Conditions").iter().any(|entry| entry.key == name);
        if !known {
            self.problem(line, &format!("there is no condition {name}"));
        }
        known
    }

    /// A value in every state of the conditions that it asks for, or at least with each value in it that can be.
    fn variants(&mut self, node: &Node, combined: bool) -> Vec<Item> {
        let mut names = BTreeSet::new();
        conditions(node, &mut names);
        let states = if combined && names.len() <= MOST_CONDITIONS {
            all_states(&names)
        } else {
            if combined {
                let sentence =
                    format!("more than {MOST_CONDITIONS} conditions decide what it will be, which is too many to try");
                self.problem(node.line, &sentence);
            }
            states_of_each_value(node, &names)
        };
        let mut variants = Vec::new();
        for state in states {
            self.states = state;
            let item = self.item(node).unwrap_or(Item { line: node.line, value: Value::Null });
            if !variants.contains(&item) {
                variants.push(item);
            }
        }
        variants
    }

    /// A value; none where it is `AWS::NoValue`.
    fn item(&mut self, node: &Node) -> Option<Item> {
        let line = node.line;
        let value = match &node.content {
            Content::Null => Value::Null,
            Content::Bool(_) | Content::Number(_) | Content::Text(_) => {
                return Some(self.dynamic(Item::text(line, node.scalar().unwrap_or_default())));
            }
            Content::List(items) => Value::List(items.iter().filter_map(|item| self.item(item)).collect()),
            Content::Map(entries) => {
                let function = entries.iter().find(|entry| entry.key == "Ref" || entry.key.starts_with("Fn::"));
                match (function, entries.len()) {
                    (Some(entry), 1) => {
                        let made = self.function(&entry.key, &entry.value, line)?;
                        return Some(self.dynamic(made));
                    }
                    (Some(entry), _) => {
                        let sentence = format!("{} stands beside other keys and cannot be resolved", entry.key);
                        return Some(self.unresolved(line, &sentence));
                    }
                    (None, _) => Value::Map(
                        entries
                            .iter()
                            .filter_map(|entry| {
                                Some((entry.key.clone(), Item { line: entry.line, ..self.item(&entry.value)? }))
                            })
                            .collect(),
                    ),
                }
            }
        };
        Some(Item { line, value })
    }

    fn function(&mut self, name: &str, argument: &Node, line: usize) -> Option<Item> {
        let item = match name {
            "Ref" => return self.reference(argument, line),
            "Fn::If" => return self.branch(argument, line),
            "Fn::GetAtt" => self.attribute(argument, line),
            "Fn::Sub" => self.sub(argument, line),
            "Fn::Join" => self.join(argument, line),
            "Fn::Select" => self.select(argument, line),
            "Fn::Split" => self.split(argument, line),
            "Fn::FindInMap" => self.find_in_map(argument, line),
            // Nothing that a rule asks for is made by these; the arguments may still hold what cannot be resolved.
            "Fn::Base64" | "Fn::GetAZs" | "Fn::Cidr" => {
                let item = self.item(argument);
                late(line, item.as_ref())
            }
            "Fn::ImportValue" => self.unresolved(
                line,
                "the value is imported from another stack (Fn::ImportValue), so it is not known here",
            ),
            _ => self.unresolved(line, &format!("{name} cannot be resolved")),
        };
        Some(item)
    }

    fn reference(&mut self, argument: &Node, line: usize) -> Option<Item> {
        match argument.scalar() {
            Some("AWS::NoValue") => None,
            Some(name) => Some(self.named(name, line)),
            None => Some(self.unresolved(line, "Ref does not name anything")),
        }
    }

    /// What `Ref` gives for a name.
    fn named(&mut self, name: &str, line: usize) -> Item {
        if name.starts_with("AWS::") {
            return Item::unknown(line, Origin::Pseudo(name.to_owned()));
        }
        if self.kinds.contains_key(name) {
            return self.of_resource(name, None, line);
        }
        let declared = section(self.document, "Parameters").iter().find(|entry| entry.key == name);
        let Some(declared) = declared else {
            return self.unresolved(line, &format!("{name} is neither a parameter nor a resource"));
        };
        // A hidden value is not looked at, so that no finding can show it.
        if is_hidden(&declared.value) {
            return Item::unknown(line, Origin::Parameter { name: name.to_owned(), hidden: true });
        }
        let kind = declared.value.get("Type").and_then(Node::scalar).unwrap_or_default();
        let value = match (self.values.get(name), declared.value.get("Default").and_then(Node::scalar)) {
            (Some(Given::Value(value)), _) => value.as_str(),
            (Some(Given::Previous), _) => {
                return Item::unknown(line, Origin::Parameter { name: name.to_owned(), hidden: false });
            }
            (None, Some(default)) => default,
            (None, None) => {
                // Once, where it is declared, and not wherever it is used.
                let user = self.id.take();
                let item = self.unresolved(declared.line, &format!("the parameter {name} has no value"));
                self.id = user;
                return Item { line, ..item };
            }
        };
        if kind.starts_with("AWS::SSM::Parameter::Value") {
            return self.unresolved(
                line,
                &format!("the parameter {name} is read from Systems Manager, so it is not known here"),
            );
        }
        if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            let items = value.split(',').map(|part| Item::text(line, part.trim())).collect();
            return Item { line, value: Value::List(items) };
        }
        Item::text(line, value)
    }

    fn branch(&mut self, argument: &Node, line: usize) -> Option<Item> {
        let [condition, yes, no] = argument.items() else {
            return Some(self.unresolved(line, "Fn::If wants a condition and two values"));
        };
        let Some(name) = condition.scalar() else {
            return Some(self.unresolved(line, "Fn::If does not name its condition"));
        };
        if !self.known_condition(line, name) {
            return Some(Item::unknown(line, Origin::Late));
        }
        if self.states.get(name).copied().unwrap_or_default() { self.item(yes) } else { self.item(no) }
    }

    fn attribute(&mut self, argument: &Node, line: usize) -> Item {
        // JSON has it as one text or two.
        let (id, attribute) = match (argument.items(), argument.scalar().and_then(|text| text.split_once('.'))) {
            ([id, attribute], _) => {
                (id.scalar(), self.item(attribute).and_then(|item| item.known().map(str::to_owned)))
            }
            (_, Some((id, attribute))) => (Some(id), Some(attribute.to_owned())),
            _ => (None, None),
        };
        match (id, attribute) {
            (Some(id), Some(attribute)) if self.kinds.contains_key(id) => self.of_resource(id, Some(attribute), line),
            (Some(id), Some(_)) => self.unresolved(line, &format!("there is no resource {id}")),
            _ => self.unresolved(line, "Fn::GetAtt wants a resource and an attribute"),
        }
    }

    fn sub(&mut self, argument: &Node, line: usize) -> Item {
        let (text, own) = match (argument.items(), argument.scalar()) {
            ([text, own], _) => (text.scalar(), own.entries()),
            (_, text) => (text, [].as_slice()),
        };
        let Some(mut rest) = text else {
            return self.unresolved(line, "Fn::Sub wants a text");
        };
        let mut pieces = Vec::new();
        while let Some((before, after)) = rest.split_once("${") {
            pieces.push(Piece::Known(before.to_owned()));
            let Some((name, after)) = after.split_once('}') else {
                return self.unresolved(line, "Fn::Sub: ${ is not closed");
            };
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                pieces.push(Piece::Known(format!("${{{literal}}}")));
                continue;
            }
            let item = match (own.iter().find(|entry| entry.key == name), name.split_once('.')) {
                (Some(entry), _) => self.item(&entry.value).unwrap_or(Item { line, value: Value::Null }),
                (None, Some((id, attribute))) if self.kinds.contains_key(id) => {
                    self.of_resource(id, Some(attribute.to_owned()), line)
                }
                (None, _) => self.named(name, line),
            };
            match item.value {
                Value::Text(text) => pieces.extend(text),
                _ => pieces.extend(
                    self.unresolved(line, &format!("Fn::Sub: {name} is no text")).pieces().unwrap_or_default().to_vec(),
                ),
            }
        }
        pieces.push(Piece::Known(rest.to_owned()));
        Item { line, value: Value::Text(joined(pieces)) }
    }

    fn join(&mut self, argument: &Node, line: usize) -> Item {
        let [separator, list] = argument.items() else {
            return self.unresolved(line, "Fn::Join wants a separator and a list");
        };
        let (Some(separator), Some(list)) = (separator.scalar(), self.item(list)) else {
            return self.unresolved(line, "Fn::Join wants a separator and a list");
        };
        let Value::List(items) = list.value else { return late(line, Some(&list)) };
        let mut pieces = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                pieces.push(Piece::Known(separator.to_owned()));
            }
            match item.pieces() {
                Some(text) => pieces.extend_from_slice(text),
                None => return self.unresolved(line, "Fn::Join wants texts in its list"),
            }
        }
        Item { line, value: Value::Text(joined(pieces)) }
    }

    fn select(&mut self, argument: &Node, line: usize) -> Item {
        let [index, list] = argument.items() else {
            return self.unresolved(line, "Fn::Select wants an index and a list");
        };
        let index = self.item(index);
        let Some(list) = self.item(list) else { return self.unresolved(line, "Fn::Select has no list") };
        let Some(known) = index.as_ref().and_then(Item::known) else { return late(line, Some(&list)) };
        let Value::List(items) = list.value else { return late(line, Some(&list)) };
        match known.parse::<usize>().ok().and_then(|index| items.into_iter().nth(index)) {
            Some(item) => Item { line, ..item },
            None => self.unresolved(line, "Fn::Select asks for an item that the list does not have"),
        }
    }

    fn split(&mut self, argument: &Node, line: usize) -> Item {
        let [separator, text] = argument.items() else {
            return self.unresolved(line, "Fn::Split wants a separator and a text");
        };
        let (Some(separator), Some(text)) = (separator.scalar().filter(|text| !text.is_empty()), self.item(text))
        else {
            return self.unresolved(line, "Fn::Split wants a separator and a text");
        };
        match text.known() {
            Some(text) => {
                Item { line, value: Value::List(text.split(separator).map(|part| Item::text(line, part)).collect()) }
            }
            None => late(line, Some(&text)),
        }
    }

    fn find_in_map(&mut self, argument: &Node, line: usize) -> Item {
        let [map, first, second] = argument.items() else {
            return self.unresolved(line, "Fn::FindInMap wants a mapping and two keys");
        };
        let mut keys = Vec::new();
        for key in [map, first, second] {
            match self.item(key).as_ref().and_then(Item::known) {
                Some(key) => keys.push(key.to_owned()),
                // A mapping by region, for one: some value of the mapping, and nobody knows which.
                None => return Item::unknown(line, Origin::Late),
            }
        }
        let found =
            self.document.get("Mappings").and_then(|all| keys.iter().try_fold(all, |node, key| node.get(key))).cloned();
        // Functions have no place in a mapping, and their conditions would not be tried here.
        let plain =
            found.filter(|node| node.scalar().is_some() || node.items().iter().any(|item| item.scalar().is_some()));
        match plain.and_then(|node| self.item(&node)) {
            Some(item) => Item { line, ..item },
            None => self.unresolved(line, "Fn::FindInMap asks for something that the mapping does not have"),
        }
    }

    /// Dynamic references: secrets are known to be secrets, and anything else that AWS reads at the deployment is unknown.
    fn dynamic(&mut self, item: Item) -> Item {
        const BEGINNING: &str = "{{resolve:";
        let Some(pieces) = item.pieces() else { return item };
        let text: String =
            pieces.iter().map(|piece| if let Piece::Known(text) = piece { text.as_str() } else { "\0" }).collect();
        let mut services = text.split(BEGINNING).skip(1).peekable();
        if services.peek().is_none() {
            return item;
        }
        if services.all(|rest| rest.starts_with("secretsmanager:") || rest.starts_with("ssm-secure:")) {
            return Item::unknown(item.line, Origin::Secret);
        }
        self.unresolved(item.line, "AWS looks this value up at the deployment ({{resolve:…}}), so it is not known here")
    }
}

/// What is made of a value in a way that is not worked out here. A part of a hidden parameter is hidden too.
fn late(line: usize, from: Option<&Item>) -> Item {
    let hidden = from.and_then(Item::hidden).map(|name| Origin::Parameter { name: name.to_owned(), hidden: true });
    Item::unknown(line, hidden.unwrap_or(Origin::Late))
}

fn all_states(names: &BTreeSet<String>) -> Vec<States> {
    let state =
        |bits: usize| names.iter().enumerate().map(|(bit, name)| (name.clone(), bits >> bit & 1 == 1)).collect();
    (0..1 << names.len()).map(state).collect()
}

/// States in which every value shows that a value can have: those of the branches that lead to it, with all others true and with
/// all others false.
fn states_of_each_value(node: &Node, names: &BTreeSet<String>) -> Vec<States> {
    let mut ways = vec![States::new()];
    branches(node, &States::new(), &mut ways);
    let mut states = Vec::new();
    for way in ways {
        for others in [false, true] {
            let mut state: States = names.iter().map(|name| (name.clone(), others)).collect();
            state.extend(way.clone());
            states.push(state);
        }
    }
    states.sort();
    states.dedup();
    states
}

/// The ways to the branches within a value. One that a condition rules out on the way is left out.
fn branches(node: &Node, way: &States, ways: &mut Vec<States>) {
    for item in node.items() {
        branches(item, way, ways);
    }
    for entry in node.entries() {
        let parts = entry.value.items();
        let Some(name) = parts.first().and_then(Node::scalar).filter(|_| entry.key == "Fn::If") else {
            branches(&entry.value, way, ways);
            continue;
        };
        for (branch, state) in parts.iter().skip(1).zip([true, false]) {
            if way.get(name).is_none_or(|fixed| *fixed == state) {
                let mut way = way.clone();
                way.insert(name.to_owned(), state);
                branches(branch, &way, ways);
                ways.push(way);
            }
        }
    }
}

/// The conditions that the functions within a value ask for.
fn conditions(node: &Node, names: &mut BTreeSet<String>) {
    for item in node.items() {
        conditions(item, names);
    }
    for entry in node.entries() {
        if entry.key == "Fn::If"
            && let Some(name) = entry.value.items().first().and_then(Node::scalar)
        {
            names.insert(name.to_owned());
        }
        conditions(&entry.value, names);
    }
}
