//! Whether what is measured is what is deployed: the same profile, and the same versions of what hashes.

use crate::Failed;
use std::collections::BTreeSet;

const OURS: [&str; 2] = [include_str!("Cargo.toml"), include_str!("Cargo.lock")];
const ROOT: [&str; 2] = [include_str!("../../Cargo.toml"), include_str!("../../Cargo.lock")];

/// The packages of the hashing, and ring, which TLS brings into the functions.
const PACKAGES: [&str; 8] = ["argon2", "blake2", "cpufeatures", "digest", "hmac", "pbkdf2", "ring", "sha2"];

/// Refuses to measure where the two differ.
pub(crate) fn check() -> Result<(), Failed> {
    if profile(OURS[0]) != profile(ROOT[0]) {
        return Err(
            "[profile.release] of bench/hashes/Cargo.toml is not that of the root's Cargo.toml: make them equal".into(),
        );
    }
    for package in PACKAGES {
        // The root may hold an older version beside it, for other packages.
        if !versions(OURS[1], package).iter().all(|version| versions(ROOT[1], package).contains(version)) {
            return Err(format!("{package} is of another version in bench/hashes/Cargo.lock than in the root's: make them equal (cargo update --package {package} --precise VERSION)").into());
        }
    }
    Ok(())
}

/// The packages that are linked into binaries: here this one, there the functions that hash and what is measured beside them. All have the same level.
const LINKED: [&str; 6] = ["bench.", "change-password.", "create-user.", "hashes.", "login.", "reset-password."];

/// The lines of the release profile, without comments; those of the linked packages without their names, and once.
fn profile(manifest: &str) -> BTreeSet<&str> {
    let mut within = false;
    let mut lines = BTreeSet::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            within = line.starts_with("[profile.release");
        }
        if within {
            lines.insert(LINKED.iter().find_map(|package| line.strip_prefix(package)).unwrap_or(line));
        }
    }
    lines
}

/// The version lines of a package.
fn versions<'a>(lock: &'a str, package: &str) -> Vec<&'a str> {
    let name = format!("name = \"{package}\"");
    lock.lines().zip(lock.lines().skip(1)).filter(|(line, _)| **line == name).map(|(_, version)| version).collect()
}
