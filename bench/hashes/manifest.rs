//! Whether what is measured is what is deployed: the same profile, and the same versions of what hashes.

use crate::Failed;

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

/// The lines of the release profile, without comments.
fn profile(manifest: &str) -> Vec<&str> {
    let mut within = false;
    let mut lines = Vec::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            within = line.starts_with("[profile.release");
        }
        if within {
            lines.push(line);
        }
    }
    lines
}

/// The version lines of a package.
fn versions<'a>(lock: &'a str, package: &str) -> Vec<&'a str> {
    let name = format!("name = \"{package}\"");
    lock.lines().zip(lock.lines().skip(1)).filter(|(line, _)| **line == name).map(|(_, version)| version).collect()
}
