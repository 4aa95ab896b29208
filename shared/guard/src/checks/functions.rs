//! Functions, their roles and their logs.

use crate::judge::{Found, Scene};
use crate::template::Resource;
use crate::value::Item;

fn role(variant: &Item) -> Option<&Item> {
    variant.get("Properties").and_then(|properties| properties.get("Role"))
}

pub(super) fn own_role(scene: Scene<'_>, function: &Resource, variant: &Item) -> Vec<Found> {
    let Some(role) = role(variant) else {
        return vec![Found::at(variant.line, "the function has no role")];
    };
    if scene.whole.is_none() {
        return vec![];
    }
    let own = role.resource().filter(|id| scene.resource(id).is_some_and(|role| role.kind == "AWS::IAM::Role"));
    let Some(id) = own else {
        return vec![Found::at(
            role.line,
            &format!("{} is no role of this template, so others may have it", role.shown()),
        )];
    };
    let others = scene.resources().filter(|other| other.kind == function.kind && other.id != function.id);
    let sharing = |other: &&Resource| {
        other.variants.iter().any(|variant| self::role(variant).and_then(Item::resource) == Some(id))
    };
    match others.into_iter().find(sharing) {
        Some(other) => vec![Found::at(role.line, &format!("{} has the role {id} too", other.id))],
        None => vec![],
    }
}

/// A log group that is not of the template is made by Lambda at the first call, or by somebody else, and nobody says when its lines go.
pub(super) fn own_log_group(scene: Scene<'_>, variant: &Item) -> Vec<Found> {
    let config = variant.get("Properties").and_then(|properties| properties.get("LoggingConfig"));
    // That there is one is a requirement of its own.
    let Some(group) = config.and_then(|config| config.get("LogGroup")).filter(|_| scene.whole.is_some()) else {
        return vec![];
    };
    let named = |log: &Resource| {
        let name = |variant: &Item| {
            variant.get("Properties").and_then(|properties| properties.get("LogGroupName")).map(Item::full)
        };
        log.variants.iter().any(|variant| name(variant).is_some_and(|name| name == group.full()))
    };
    let mut logs = scene.resources().filter(|resource| resource.kind == "AWS::Logs::LogGroup");
    if logs.any(|log| group.resource() == Some(&log.id) || named(log)) {
        return vec![];
    }
    vec![Found::at(group.line, &format!("{} is no log group of this template", group.shown()))]
}
