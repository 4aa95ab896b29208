//! Functions and their roles.

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
