//! What anonymous visitors may do. Amazon Cognito gives them the role that an identity pool names for them, if the role's trust
//! policy does not ask for authenticated identities; so that policy says whether a role is theirs.

use super::grants::{documents, is_readable};
use super::trust::is_cognito;
use crate::judge::{Found, Scene};
use crate::policy::{Statement, statements};
use crate::template::Resource;
use crate::value::Item;

/// The operators by which a trust policy can insist on authenticated identities. `ForAllValues` is not one: it is satisfied by
/// an identity that says nothing of itself.
const INSISTING: [&str; 4] = ["StringEquals", "StringLike", "ForAnyValue:StringEquals", "ForAnyValue:StringLike"];

pub(super) fn guests(scene: Scene<'_>, role: &Resource, variant: &Item, functions: &[String]) -> Vec<Found> {
    if role.kind == "AWS::Cognito::IdentityPoolRoleAttachment" {
        return attachment(scene, variant);
    }
    if !takes_guests(variant) {
        return vec![];
    }
    let properties = variant.get("Properties");
    let mut found = Vec::new();
    for document in documents(&role.kind, variant) {
        judge(scene, document, functions, &mut found);
    }
    for policy in
        properties.and_then(|properties| properties.get("ManagedPolicyArns")).map_or(&[][..], Item::one_or_many)
    {
        let own = policy.resource().and_then(|id| scene.resource(id));
        match own {
            Some(policy) => attached(scene, policy, functions, &mut found),
            None => found.push(Found::at(policy.line, &format!("guests get the managed policy {}", policy.shown()))),
        }
    }
    // Policies that are resources of their own name the roles that they are for.
    for policy in scene.resources().filter(|resource| resource.kind.starts_with("AWS::IAM::")) {
        let names = |variant: &Item| {
            let properties = variant.get("Properties");
            let roles =
                properties.and_then(|properties| properties.get("Roles").or_else(|| properties.get("RoleName")));
            roles.is_some_and(|roles| {
                roles.one_or_many().iter().any(|named| match (named.resource(), named.known()) {
                    (Some(id), _) => id == role.id,
                    (None, Some(name)) => may_be_named(role, name),
                    (None, None) => true,
                })
            })
        };
        if policy.id != role.id && policy.kind != "AWS::IAM::Role" && policy.variants.iter().any(names) {
            attached(scene, policy, functions, &mut found);
        }
    }
    found
}

/// The role that an identity pool gives to guests is one of this template, where it can be judged.
fn attachment(scene: Scene<'_>, variant: &Item) -> Vec<Found> {
    let roles = variant.get("Properties").and_then(|properties| properties.get("Roles"));
    let Some(role) = roles.and_then(|roles| roles.get("unauthenticated")).filter(|_| scene.whole.is_some()) else {
        return vec![];
    };
    let own = role.resource().and_then(|id| scene.resource(id));
    if own.is_some_and(|own| own.kind == "AWS::IAM::Role") {
        return vec![];
    }
    vec![Found::at(role.line, &format!("guests get the role {}, which is not in this template", role.shown()))]
}

/// Whether a role may have a name, in one of its states. A name that CloudFormation makes holds the logical id.
fn may_be_named(role: &Resource, name: &str) -> bool {
    role.variants.iter().any(|variant| {
        let own = variant.get("Properties").and_then(|properties| properties.get("RoleName"));
        match own.map(|own| (own, own.known())) {
            Some((_, Some(own))) => own == name,
            Some((_, None)) => true,
            None => name.contains(&format!("-{}", role.id)),
        }
    })
}

fn takes_guests(variant: &Item) -> bool {
    let Some(document) = variant.get("Properties").and_then(|properties| properties.get("AssumeRolePolicyDocument"))
    else {
        return false;
    };
    let Some(statements) = statements(document) else { return true };
    statements.into_iter().filter(|statement| !statement.denies()).any(|statement| {
        let web =
            statement.principals().iter().any(|(kind, principal)| *kind == Some("Federated") && is_cognito(principal));
        let kind = statement.condition(&INSISTING, "cognito-identity.amazonaws.com:amr");
        (web || statement.is_about_everybody()) && kind != Some("authenticated")
    })
}

fn attached(scene: Scene<'_>, policy: &Resource, functions: &[String], found: &mut Vec<Found>) {
    for variant in &policy.variants {
        for document in documents(&policy.kind, variant) {
            judge(scene, document, functions, found);
        }
    }
}

fn judge(scene: Scene<'_>, document: &Item, functions: &[String], found: &mut Vec<Found>) {
    let Some(statements) = statements(document) else {
        found.push(Found::at(document.line, "this is no policy document that can be read"));
        return;
    };
    for statement in statements.into_iter().filter(|statement| !statement.denies()) {
        allowed(scene, statement, functions, found);
    }
}

fn allowed(scene: Scene<'_>, statement: Statement<'_>, functions: &[String], found: &mut Vec<Found>) {
    for element in ["NotAction", "NotResource"] {
        if let Some(item) = statement.element(element) {
            found.push(Found::at(item.line, &format!("guests may do everything but what {element} lists")));
        }
    }
    for action in statement.all("Action") {
        if !action.known().is_some_and(|name| name.eq_ignore_ascii_case("lambda:InvokeFunction")) {
            found.push(Found::at(action.line, &format!("guests may do {}", action.shown())));
        }
    }
    for resource in statement.all("Resource") {
        if !is_readable(resource) || !is_listed(scene, resource, functions) {
            found.push(Found::at(resource.line, &format!("guests may call {}", short(resource))));
        }
    }
}

/// Whether a resource is one of the functions: by reference, or by the name that the template gives it. A hook sees one resource
/// and no other, so there the end of the name decides.
fn is_listed(scene: Scene<'_>, resource: &Item, functions: &[String]) -> bool {
    if let Some(id) = resource.resource() {
        let target = scene.resource(id).filter(|target| target.kind == "AWS::Lambda::Function");
        return target.is_some_and(|target| functions.contains(&target.id));
    }
    let text = resource.full();
    let Some((_, name)) = text.rsplit_once(":function:") else { return false };
    let name = name.strip_suffix(":live").unwrap_or(name);
    if scene.whole.is_none() {
        return !name.contains(['*', '?', ':']) && functions.iter().any(|function| name.ends_with(function.as_str()));
    }
    let mut targets =
        scene.resources().filter(|target| target.kind == "AWS::Lambda::Function" && functions.contains(&target.id));
    targets.any(|target| {
        let named = |variant: &Item| {
            variant
                .get("Properties")
                .and_then(|properties| properties.get("FunctionName"))
                .is_some_and(|item| item.full() == name)
        };
        !target.variants.is_empty() && target.variants.iter().all(named)
    })
}

/// The name of a function without the ARN around it.
fn short(resource: &Item) -> String {
    let shown = resource.full();
    shown.rsplit_once(":function:").map_or_else(|| resource.shown(), |(_, name)| name.to_owned())
}
