//! Whether the lab is built as the functions are: with the same release profile, and with the same versions of dependencies.

use crate::product;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// The lab's packages that are linked into binaries. They have the level of the functions that hash.
const LINKED: [&str; 2] = ["benchmark", "hashes"];

/// Fails where the two differ: a figure would then say nothing about what is deployed.
pub fn is_the_products() -> Result<()> {
    let (manifest, lock) = (include_str!("../../Cargo.toml"), include_str!("../../Cargo.lock"));
    let (root_manifest, root_lock) = (include_str!("../../../Cargo.toml"), include_str!("../../../Cargo.lock"));
    let functions: Vec<_> = product::functions()?.into_iter().map(|function| function.package).collect();
    if profile(manifest, &LINKED) != profile(root_manifest, &functions) {
        bail!("[profile.release] of lab/Cargo.toml is not that of Cargo.toml: make them equal");
    }
    let (ours, theirs) = (versions(lock), versions(root_lock));
    for (package, ours) in ours {
        // A dependency of the lab's own may need a further version, of a package that the product has as well.
        if let Some(theirs) = theirs.get(package).filter(|theirs| ours.is_disjoint(theirs)) {
            bail!(
                "lab/Cargo.lock has {package} {ours:?} and Cargo.lock {theirs:?}: \
                 cargo update --package {package} --precise VERSION, in lab/"
            );
        }
    }
    Ok(())
}

/// The lines of the release profile, without comments; those of the linked packages without their names, and once.
fn profile<'a>(manifest: &'a str, linked: &[impl AsRef<str>]) -> BTreeSet<&'a str> {
    let of_linked = |line: &'a str| {
        let (package, setting) = line.split_once('.')?;
        linked.iter().any(|linked| linked.as_ref() == package).then_some(setting)
    };
    let mut within = false;
    let mut lines = BTreeSet::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            within = line.starts_with("[profile.release");
        }
        if within {
            lines.insert(of_linked(line).unwrap_or(line));
        }
    }
    lines
}

/// The versions of each package that a lock file holds.
fn versions(lock: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut versions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (name, version) in lock.lines().zip(lock.lines().skip(1)) {
        if let Some((name, version)) = name.strip_prefix("name = ").zip(version.strip_prefix("version = ")) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lab_is_built_as_the_functions_are() {
        is_the_products().unwrap();
    }

    #[test]
    fn another_level_of_optimisation_is_another_profile() {
        let speed = "[profile.release]\nopt-level = 3\n[profile.release.package]\nlogin.opt-level = 3\n";
        let size = speed.replacen('3', "\"s\"", 1);
        assert_eq!(profile(speed, &["login"]), profile(&speed.replace("login", "hashes"), &LINKED));
        assert_ne!(profile(speed, &["login"]), profile(&size, &["login"]));
        assert!(profile("[profile.dev]\nopt-level = 1\n", &LINKED).is_empty());
    }
}
