//! What policies allow, and to whom.

use crate::judge::Found;
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
    vec![properties.get("PolicyDocument").unwrap_or(properties)]
}

pub(super) fn grants(kind: &str, variant: &Item, managed: &[String], excused: &Excused<'_>) -> Vec<Found> {
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
    let attached = variant.get("Properties").and_then(|properties| properties.get("ManagedPolicyArns"));
    for policy in attached.map_or(&[][..], Item::one_or_many) {
        let own = policy.resource().is_some();
        let known = policy.pieces().and_then(<[Piece]>::last).is_some_and(|end| {
            matches!(end, Piece::Known(text) if managed.iter().any(|name| text.ends_with(name.as_str()) || format!(":{text}").ends_with(name.as_str())))
        });
        if !own && !known {
            found.push(Found::at(
                policy.line,
                &format!("the managed policy {} is not among those that may be attached", policy.shown()),
            ));
        }
    }
    found
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

/// Whether a resource names nothing: `*`, or an ARN that ends in a wildcard right after the kind, such as `…:table/*`. One that is
/// no text names nothing either, and so does one of which nothing is known.
fn is_everything(resource: &Item) -> bool {
    let Some(pieces) = resource.pieces() else { return true };
    // A reference stands for a name; a value that nobody knows could be anything.
    let text: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Known(text) => text.as_str(),
            Piece::Unknown(Origin::Resource { .. } | Origin::Pseudo(_)) => "\u{1}",
            Piece::Unknown(_) => "*",
        })
        .collect();
    // What begins with the ARN of a resource names it.
    let begins_with_resource = matches!(pieces.first(), Some(Piece::Unknown(Origin::Resource { .. })));
    if begins_with_resource || !text.contains(['*', '?']) {
        return false;
    }
    let mut sections = text.splitn(6, ':');
    let service = sections.nth(2).unwrap_or("*");
    let Some(named) = sections.nth(2) else { return true };
    // A folder of a bucket is named by the bucket.
    let named = if service == "s3" { named } else { named.split_once([':', '/']).map_or(named, |(_, name)| name) };
    service.contains(['*', '?']) || named.starts_with(['*', '?'])
}

/// What may be done with a role by whom it trusts.
const TRUSTED: [&str; 4] =
    ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"];

pub(super) fn trust(variant: &Item) -> Vec<Found> {
    let properties = variant.get("Properties");
    let Some(document) = properties.and_then(|properties| properties.get("AssumeRolePolicyDocument")) else {
        return vec![Found::at(variant.line, "the role has no AssumeRolePolicyDocument")];
    };
    let Some(statements) = statements(document) else {
        return vec![Found::at(document.line, "this is no policy document that can be read")];
    };
    let mut found = Vec::new();
    for statement in statements.into_iter().filter(|statement| !statement.denies()) {
        let line = statement.line();
        if let Some(element) = statement.stranger() {
            found.push(Found::at(line, &format!("a statement has no element {element}")));
        }
        if statement.is_about_everybody() {
            found.push(Found::at(line, "everybody may take the role"));
        } else if statement.principals().is_empty() {
            found.push(Found::at(line, "a statement names nobody who may take the role"));
        }
        let known = |action: &Item| action.known().is_some_and(|name| TRUSTED.contains(&name));
        if statement.element("NotAction").is_some()
            || statement.all("Action").is_empty()
            || !statement.all("Action").iter().all(known)
        {
            found.push(Found::at(line, &format!("what a role may be used for is one of {}", TRUSTED.join(", "))));
        }
        for (kind, principal) in statement.principals() {
            if kind != Some("Federated") {
                continue;
            }
            let pool = statement.condition(&["StringEquals"], "cognito-identity.amazonaws.com:aud");
            if is_cognito(principal)
                && pool.is_none()
                && !has_reference(statement, "cognito-identity.amazonaws.com:aud")
            {
                found.push(Found::at(
                    line,
                    "the role does not name its identity pool (StringEquals on cognito-identity.amazonaws.com:aud)",
                ));
            } else if !statement.has_condition() {
                found.push(Found::at(line, "the role takes every identity of the provider: it has no condition"));
            }
        }
    }
    found
}

/// Whether web identities of Cognito are meant, or nobody can tell that they are not.
pub(super) fn is_cognito(principal: &Item) -> bool {
    principal.known().is_none_or(|name| name.eq_ignore_ascii_case("cognito-identity.amazonaws.com"))
}

/// Whether a key is compared with references or texts, and nothing else: the pool of the template is a reference.
fn has_reference(statement: Statement<'_>, key: &str) -> bool {
    let Some(keys) = statement.element("Condition").and_then(|condition| condition.get("StringEquals")) else {
        return false;
    };
    keys.get(key).is_some_and(|value| {
        !value.one_or_many().is_empty()
            && value.one_or_many().iter().all(|item| item.pieces().is_some_and(|pieces| !pieces.is_empty()))
    })
}

pub(super) fn everybody(kind: &str, variant: &Item) -> Vec<Found> {
    let Some(properties) = variant.get("Properties") else {
        return vec![Found::at(variant.line, "it has no properties")];
    };
    match kind {
        "AWS::Lambda::Url" => {
            let asks = properties.get("AuthType").and_then(Item::known) == Some("AWS_IAM");
            let line = properties.get("AuthType").map_or(properties.line, |item| item.line);
            if asks {
                vec![]
            } else {
                vec![Found::at(line, "anybody may call the function at this URL: AuthType is not AWS_IAM")]
            }
        }
        "AWS::Lambda::Permission" => permission(properties),
        "AWS::KMS::Key" => properties.get("KeyPolicy").map_or(vec![], open_statements),
        "AWS::SecretsManager::ResourcePolicy" => {
            open_statements(properties.get("ResourcePolicy").unwrap_or(properties))
        }
        _ => open_statements(properties.get("PolicyDocument").unwrap_or(properties)),
    }
}

fn permission(properties: &Item) -> Vec<Found> {
    let line = properties.line;
    let Some(principal) = properties.get("Principal").filter(|item| item.pieces().is_some()) else {
        return vec![Found::at(line, "it does not say who may invoke the function")];
    };
    let name = principal.shown();
    if name.contains('*') {
        return vec![Found::at(principal.line, "everybody may invoke the function")];
    }
    let narrowed = ["SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken"].iter().any(|key| {
        properties
            .get(key)
            .is_some_and(|item| item.pieces().is_some_and(|pieces| !pieces.is_empty() && item.known() != Some("*")))
    });
    if name.contains(".amazonaws.com") && !narrowed {
        return vec![Found::at(
            line,
            &format!("{name} may invoke the function on behalf of any account: it has no SourceArn"),
        )];
    }
    vec![]
}

fn open_statements(document: &Item) -> Vec<Found> {
    let Some(statements) = statements(document) else {
        return vec![Found::at(document.line, "this is no policy document that can be read")];
    };
    let mut found = Vec::new();
    for statement in statements.into_iter().filter(|statement| !statement.denies()) {
        if let Some(element) = statement.stranger() {
            found.push(Found::at(statement.line(), &format!("a statement has no element {element}")));
        }
        if statement.is_about_everybody() && !statement.has_condition() {
            found.push(Found::at(statement.line(), "everybody has access without a condition"));
        }
    }
    found
}

/// Whether a value is a list or a text, and so can be read as the names of something.
pub(super) fn is_readable(item: &Item) -> bool {
    matches!(item.value, Value::Text(_))
}
