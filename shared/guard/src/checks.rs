//! The checks that rules name: what takes more than looking at single properties.

mod buckets;
mod everybody;
mod functions;
mod grants;
mod guests;
mod opaque;
mod secrets;
mod trust;

use crate::judge::{Found, Scene};
use crate::rules::Check;
use crate::template::Resource;
use crate::value::Item;

/// What a check finds about one resource in one of its states.
pub(crate) fn variant(check: &Check, scene: Scene<'_>, resource: &Resource, variant: &Item) -> Vec<Found> {
    match check {
        Check::Grants { managed_policies, actions_without_resource, named_by_condition } => {
            let excused =
                grants::Excused { without_resource: actions_without_resource, by_condition: named_by_condition };
            grants::grants(scene, &resource.kind, variant, managed_policies, &excused)
        }
        Check::Trust => trust::trust(scene, variant),
        Check::Guests { functions } => guests::guests(scene, resource, variant, functions),
        Check::PlainHttp => buckets::plain_http(scene, resource, variant),
        Check::PublicObjects { actions } => buckets::public_objects(variant, actions),
        Check::Everybody => everybody::everybody(&resource.kind, variant),
        Check::OwnRole => functions::own_role(scene, resource, variant),
        Check::OwnLogGroup => functions::own_log_group(scene, variant),
        Check::Secrets { words, but } => secrets::resource(scene, resource, variant, &secrets::Names { words, but }),
        Check::Opaque { allowed } => opaque::opaque(resource, allowed),
    }
}

/// What a check finds about a template beside its resources, with the name of what it is about.
pub(crate) fn template(check: &Check, scene: Scene<'_>) -> Vec<(String, Found)> {
    match check {
        Check::Secrets { words, but } => {
            scene.whole.map(|template| secrets::template(template, &secrets::Names { words, but })).unwrap_or_default()
        }
        _ => vec![],
    }
}
