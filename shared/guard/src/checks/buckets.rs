//! Policies of buckets.

use crate::judge::{Found, Scene};
use crate::policy::{Statement, statements};
use crate::template::Resource;
use crate::value::Item;

fn document(variant: &Item) -> Option<&Item> {
    variant.get("Properties").and_then(|properties| properties.get("PolicyDocument"))
}

pub(super) fn plain_http(scene: Scene<'_>, resource: &Resource, variant: &Item) -> Vec<Found> {
    let missing = |what| vec![Found::at(variant.line, what)];
    if resource.kind == "AWS::S3::BucketPolicy" {
        // A policy of a bucket that is not in this template, or that is judged alone.
        let bucket = variant.get("Properties").and_then(|properties| properties.get("Bucket"));
        let judged = bucket.and_then(Item::resource).and_then(|id| scene.resource(id)).is_some();
        let arn = bucket.map(|bucket| format!(":::{}", bucket.full()));
        let denied = document(variant).is_some_and(|document| denies_plain_http(document, &arn.as_deref().into_iter()));
        return if judged || denied { vec![] } else { missing("the policy does not deny requests without TLS") };
    }
    if scene.whole.is_none() {
        // The policy is a resource of its own, and comes to the hook by itself.
        return vec![];
    }
    let name = variant.get("Properties").and_then(|properties| properties.get("BucketName")).map(Item::full);
    let reference = format!("${{{}}}", resource.id);
    let is_its = |policy: &&Resource| {
        let for_it = |variant: &Item| {
            let bucket = variant.get("Properties").and_then(|properties| properties.get("Bucket")).map(Item::full);
            bucket.is_some_and(|bucket| bucket == reference || Some(&bucket) == name.as_ref())
        };
        policy.kind == "AWS::S3::BucketPolicy"
            && (policy.condition.is_none() || policy.condition == resource.condition)
            && policy.variants.iter().all(for_it)
    };
    let arns: Vec<String> = [
        Some(format!("${{{}.Arn}}", resource.id)),
        Some(format!(":::{reference}")),
        name.as_ref().map(|name| format!(":::{name}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let denied = scene.resources().filter(is_its).any(|policy| {
        let denies = |variant: &Item| {
            document(variant).is_some_and(|document| denies_plain_http(document, &arns.iter().map(String::as_str)))
        };
        !policy.variants.is_empty() && policy.variants.iter().all(denies)
    });
    if denied { vec![] } else { missing("no policy of the bucket denies requests without TLS") }
}

/// Whether a policy denies everybody every request without TLS, on the bucket and on its objects.
fn denies_plain_http<'a>(document: &Item, arns: &(impl Iterator<Item = &'a str> + Clone)) -> bool {
    let Some(statements) = statements(document) else { return false };
    statements.into_iter().any(|statement| {
        let everybody = statement
            .principals()
            .iter()
            .any(|(kind, item)| item.known() == Some("*") && matches!(kind, None | Some("AWS")));
        let every_action = statement.all("Action").iter().any(|action| matches!(action.known(), Some("s3:*" | "*")));
        let only_condition = statement.element("Condition").is_some_and(|condition| {
            condition.entries().len() == 1 && condition.entries().iter().all(|(_, keys)| keys.entries().len() == 1)
        });
        let without_tls = statement.condition(&["Bool"], "aws:SecureTransport") == Some("false");
        let resources: Vec<String> = statement.all("Resource").iter().map(Item::full).collect();
        let both = arns.clone().any(|arn| {
            let ends = |end: &str| resources.iter().any(|resource| resource.ends_with(end));
            ends(arn) && ends(&format!("{arn}/*"))
        });
        statement.denies()
            && statement.stranger().is_none()
            && everybody
            && every_action
            && only_condition
            && without_tls
            && (both || resources.iter().any(|resource| resource == "*"))
    })
}

pub(super) fn public_objects(variant: &Item, actions: &[String]) -> Vec<Found> {
    let Some(statements) = document(variant).and_then(statements) else {
        return vec![Found::at(variant.line, "this is no policy document that can be read")];
    };
    let mut found = Vec::new();
    for statement in statements.into_iter().filter(|statement| !statement.denies()) {
        if let Some(element) = statement.stranger() {
            found.push(Found::at(statement.line(), &format!("a statement has no element {element}")));
        }
        if statement.is_about_everybody() {
            public(statement, actions, &mut found);
        }
    }
    found
}

fn public(statement: Statement<'_>, actions: &[String], found: &mut Vec<Found>) {
    for element in ["NotAction", "NotResource", "NotPrincipal"] {
        if let Some(item) = statement.element(element) {
            found.push(Found::at(item.line, &format!("{element} gives everybody more than it lists")));
        }
    }
    for action in statement.all("Action") {
        if !action.known().is_some_and(|name| actions.iter().any(|known| known.eq_ignore_ascii_case(name))) {
            found.push(Found::at(action.line, &format!("everybody may do {}", action.shown())));
        }
    }
    for resource in statement.all("Resource") {
        let text = resource.full();
        let objects = text.rsplit_once(":::").map_or(text.as_str(), |(_, name)| name);
        // Objects of a kind have something after the wildcard, such as `*.html`, or a folder before it.
        let whole = match objects.split_once('/') {
            Some((_, key)) => key.trim_matches(['*', '?']).is_empty(),
            None => true,
        };
        if resource.pieces().is_none() || whole {
            found.push(Found::at(resource.line, &format!("everybody may read everything in {}", resource.shown())));
        }
    }
}
