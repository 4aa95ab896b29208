//! What policies allow.

use crate::judge::{Found, Scene};
use crate::policy::{Statement, statements};
use crate::value::{Item, Origin, Piece, Value};
use std::collections::BTreeMap;

/// Actions that need not name what they are allowed on.
pub(super) struct Excused<'a> {
    /// Those that have no resource.
    pub(super) without_resource: &'a [String],
    /// Those whose object a condition on this key names.
    pub(super) by_condition: &'a BTreeMap<String, String>,
}

impl Excused<'_> {
    fn covers(&self, action: &str, statement: Statement<'_>) -> bool {
        let is_it = |known: &&String| known.eq_ignore_ascii_case(action);
        let key = self.by_condition.iter().find(|(known, _)| is_it(known)).map(|(_, key)| key);
        self.without_resource.iter().any(|known| is_it(&known)) || key.is_some_and(|key| has_reference(statement, key))
    }
}

/// The policy documents of a resource of IAM: those within it, or the one that it is.
pub(super) fn documents<'a>(kind: &str, variant: &'a Item) -> Vec<&'a Item> {
    let Some(properties) = variant.get("Properties") else { return vec![] };
    if matches!(kind, "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group") {
        let policies = properties.get("Policies").map_or(&[][..], Item::one_or_many);
        // What is no policy is found to have no statements.
        return policies.iter().map(|policy| policy.get("PolicyDocument").unwrap_or(policy)).collect();
    }
    if kind == "AWS::SSO::PermissionSet" {
        return properties.get("InlinePolicy").into_iter().collect();
    }
    vec![properties.get("PolicyDocument").unwrap_or(properties)]
}

pub(super) fn grants(
    scene: Scene<'_>,
    kind: &str,
    variant: &Item,
    managed: &[String],
    excused: &Excused<'_>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for document in documents(kind, variant) {
        let Some(statements) = statements(document) else {
            found.push(Found::at(document.line, "this is no policy document that can be read"));
            continue;
        };
        for statement in statements.into_iter().filter(|statement| !statement.denies()) {
            allowed(statement, excused, &mut found);
        }
    }
    // A permission set has the same under another name.
    let lists = variant.get("Properties").map_or(&[][..], Item::entries).iter();
    let attached = lists.filter(|(name, _)| matches!(name.as_str(), "ManagedPolicyArns" | "ManagedPolicies"));
    for policy in attached.flat_map(|(_, list)| list.one_or_many()) {
        if !is_own_policy(scene, policy) && !is_known_policy(policy, managed) {
            found.push(Found::at(
                policy.line,
                &format!("the managed policy {} is not among those that may be attached", policy.shown()),
            ));
        }
    }
    found
}

/// Whether a managed policy is one of this template, which is judged by itself.
fn is_own_policy(scene: Scene<'_>, policy: &Item) -> bool {
    let own = policy.resource().and_then(|id| scene.resource(id));
    own.is_some_and(|policy| policy.kind == "AWS::IAM::ManagedPolicy")
}

/// Whether a managed policy is one of these of AWS. The whole ARN counts: an account may give a policy of its own any path.
fn is_known_policy(policy: &Item, managed: &[String]) -> bool {
    const PARTITIONS: [&str; 4] =
        ["arn:aws:iam:", "arn:aws-cn:iam:", "arn:aws-us-gov:iam:", "arn:${AWS::Partition}:iam:"];
    let arn = policy.full();
    PARTITIONS
        .iter()
        .filter_map(|beginning| arn.strip_prefix(beginning))
        .any(|name| managed.iter().any(|known| known == name))
}

fn allowed(statement: Statement<'_>, excused: &Excused<'_>, found: &mut Vec<Found>) {
    let line = statement.line();
    if let Some(element) = statement.stranger() {
        found.push(Found::at(line, &format!("a statement has no element {element}")));
    }
    for element in ["NotAction", "NotResource"] {
        if let Some(item) = statement.element(element) {
            found.push(Found::at(item.line, &format!("{element} allows everything but what it lists")));
        }
    }
    if statement.all("Action").is_empty() && statement.element("NotAction").is_none() {
        found.push(Found::at(line, "a statement lists no action"));
    }
    let mut needs_resource = false;
    for action in statement.all("Action") {
        match action.known() {
            None => found.push(Found::at(
                action.line,
                &format!("which action is allowed is not known here: {}", action.shown()),
            )),
            Some(name) if name.contains(['*', '?']) => {
                found.push(Found::at(action.line, &format!("the action {} is a wildcard", action.shown())));
            }
            Some(name) => needs_resource |= !excused.covers(name, statement),
        }
    }
    if statement.all("Resource").is_empty() && statement.element("NotResource").is_none() {
        found.push(Found::at(line, "a statement lists no resource"));
    }
    for resource in statement.all("Resource").iter().filter(|_| needs_resource) {
        if is_everything(resource) {
            found.push(Found::at(
                resource.line,
                &format!("the resource {} is a wildcard for everything of its kind", resource.shown()),
            ));
        }
    }
}

/// Services whose ARNs have a name in the place of a kind with a name.
const WITHOUT_KIND: [&str; 3] = ["s3", "sns", "sqs"];

/// Whether a resource names nothing: `*`, or an ARN with a wildcard in its kind, or right after it, such as `…:table/*`. One that is
/// no text names nothing either, and so does one of which nothing is known.
fn is_everything(resource: &Item) -> bool {
    let Some(text) = resource.pattern() else { return true };
    // What begins with the ARN of a resource names it.
    let begins_with_resource =
        matches!(resource.pieces().and_then(<[Piece]>::first), Some(Piece::Unknown(Origin::Resource { .. })));
    if begins_with_resource || !text.contains(['*', '?']) {
        return false;
    }
    let mut sections = text.splitn(6, ':');
    let service = sections.nth(2).unwrap_or("*");
    let Some(named) = sections.nth(2) else { return true };
    let wild = |part: &str| part.contains(['*', '?']);
    // API Gateway begins with a slash.
    let named = named.trim_start_matches('/');
    let (kind, name) = match named.split_once([':', '/']) {
        // A folder of a bucket is named by the bucket.
        _ if WITHOUT_KIND.contains(&service) => ("", named),
        Some((kind, name)) => (kind, name),
        None => (named, named),
    };
    wild(service) || wild(kind) || name.starts_with(['*', '?'])
}

/// Whether a key is compared with references or texts, and nothing else: the pool of the template is a reference.
pub(super) fn has_reference(statement: Statement<'_>, key: &str) -> bool {
    let Some(keys) = statement.element("Condition").and_then(|condition| condition.get("StringEquals")) else {
        return false;
    };
    keys.get(key).is_some_and(|value| {
        !value.one_or_many().is_empty()
            && value.one_or_many().iter().all(|item| item.pieces().is_some_and(|pieces| !pieces.is_empty()))
    })
}

/// Whether a value is a list or a text, and so can be read as the names of something.
pub(super) fn is_readable(item: &Item) -> bool {
    matches!(item.value, Value::Text(_))
}
