//! A change set, as `aws cloudformation describe-change-set --include-property-values` prints it.
//!
//! It says what AWS will really do, after macros and with all values, but of the changed resources only: what takes the whole
//! template, such as a bucket's policy beside the bucket, is judged there.

use crate::document::{self, Node, Unreadable};
use crate::judge::{Finding, Judgement, Law, UNRESOLVED, alone_with_attributes};
use crate::rules::Rule;
use crate::template::Resource;
use crate::value::{Item, Value};

/// Why a change set cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoChangeSet {
    /// It is no JSON.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It is something else.
    #[error("this is no change set: it has no list of Changes")]
    NoChanges,
    /// It is one page of several.
    #[error("the change set goes on (NextToken): all of its pages are needed")]
    Partial,
}

/// Judges a change set.
pub fn judge(law: Law<'_>, text: &str) -> Result<Judgement, NoChangeSet> {
    let set = document::parse(text)?;
    if set.get("NextToken").and_then(Node::scalar).is_some() {
        return Err(NoChangeSet::Partial);
    }
    let changes = set.get("Changes").ok_or(NoChangeSet::NoChanges)?;
    if !matches!(changes.content, document::Content::List(_)) {
        return Err(NoChangeSet::NoChanges);
    }
    let mut all = Judgement::default();
    for change in changes.items() {
        let of_one = one(law, change);
        all.findings.extend(of_one.findings);
        all.excepted.extend(of_one.excepted);
    }
    all.findings.sort();
    Ok(all)
}

fn one(law: Law<'_>, change: &Node) -> Judgement {
    let Some(described) = change.get("ResourceChange") else {
        // A hook that the set invokes is no resource.
        let hook = change.get("Type").and_then(Node::scalar) == Some("Hook");
        return if hook {
            Judgement::default()
        } else {
            unresolved(law, change.line, "", "this change is of no known kind")
        };
    };
    let text = |key| described.get(key).and_then(Node::scalar);
    let (line, id) = (described.line, text("LogicalResourceId").unwrap_or_default());
    let Some(kind) = text("ResourceType") else {
        return unresolved(law, line, id, "the change does not say of which type the resource is");
    };
    let replaces = matches!(text("Replacement"), Some("True" | "Conditional"));
    let mut judgement = match losing(text("Action"), text("PolicyAction"), replaces) {
        Some((attribute, what)) => lost(law, line, id, kind, attribute, what).unwrap_or_default(),
        None => Judgement::default(),
    };
    // What replaces it is judged all the same, also where the loss is excepted.
    let next = becoming(law, described, id, kind);
    judgement.findings.extend(next.findings);
    judgement.excepted.extend(next.excepted);
    judgement
}

/// What the resource will be.
fn becoming(law: Law<'_>, described: &Node, id: &str, kind: &str) -> Judgement {
    let text = |key| described.get(key).and_then(Node::scalar);
    let line = described.line;
    if text("Action") == Some("Remove") {
        return Judgement::default();
    }
    if described.get("ChangeSetId").and_then(Node::scalar).is_some() {
        return unresolved(law, line, id, "this is a nested stack, whose change set must be judged by itself");
    }
    if !matches!(text("Action"), Some("Add" | "Modify" | "Import" | "SyncWithActual")) {
        return unresolved(law, line, id, "what will be done is decided when the change set is executed");
    }
    let after = described.get("AfterContext");
    let context = after.and_then(Node::scalar).and_then(|text| serde_json::from_str(text).ok());
    let Some(context @ serde_json::Value::Object(_)) = context else {
        return unresolved(
            law,
            line,
            id,
            "the change does not say what the resource will be: describe it with --include-property-values",
        );
    };
    let mut variant = Item::of_json(after.map_or(line, |node| node.line), &context);
    if variant.get("Properties").is_none()
        && let Value::Map(parts) = &mut variant.value
    {
        parts.push(("Properties".to_owned(), Item { line, value: Value::Map(vec![]) }));
    }
    let resource =
        Resource { id: id.to_owned(), kind: kind.to_owned(), line, condition: None, variants: vec![variant] };
    alone_with_attributes(law, &resource)
}

/// The attribute that would keep a resource which the change loses, and what the change does. A replacement that does not say what
/// becomes of the old resource deletes it.
fn losing(action: Option<&str>, policy: Option<&str>, replaces: bool) -> Option<(&'static str, &'static str)> {
    match (action, policy) {
        (Some("Remove"), Some("Retain" | "Snapshot")) | (_, Some("ReplaceAndRetain" | "ReplaceAndSnapshot")) => None,
        (Some("Remove"), _) => Some(("DeletionPolicy", "the change deletes it")),
        (_, Some("ReplaceAndDelete")) => {
            Some(("UpdateReplacePolicy", "the change replaces it and deletes the old one"))
        }
        (_, None) if replaces => {
            Some(("UpdateReplacePolicy", "the change replaces it and does not say that the old one stays"))
        }
        _ => None,
    }
}

/// Judges that a resource is deleted; none where no rule wants it kept.
#[must_use]
pub fn deletion(law: Law<'_>, id: &str, kind: &str) -> Option<Judgement> {
    lost(law, 1, id, kind, "DeletionPolicy", "it is deleted")
}

fn lost(law: Law<'_>, line: usize, id: &str, kind: &str, attribute: &str, what: &str) -> Option<Judgement> {
    let asks = |rule: &Rule| rule.require.iter().any(|requirement| requirement.attribute.as_deref() == Some(attribute));
    let rule = law.rules.iter().find(|rule| rule.is_about(kind) && asks(rule))?;
    Some(law.except(Finding {
        line,
        resource: id.to_owned(),
        rule: rule.name.clone(),
        property: Some(attribute.to_owned()),
        found: what.to_owned(),
        sentence: rule.sentence.clone(),
    }))
}

fn unresolved(law: Law<'_>, line: usize, id: &str, what: &str) -> Judgement {
    law.except(Finding {
        line,
        resource: id.to_owned(),
        rule: UNRESOLVED.to_owned(),
        property: None,
        found: what.to_owned(),
        sentence: "What cannot be worked out before the deployment cannot be judged.".to_owned(),
    })
}
