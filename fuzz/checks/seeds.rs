//! The seeds of the fuzzer, for tests that hold them against the same checks.

use std::fs;
use std::path::Path;

/// Every seed of a target that is text, with its file's name. The others are skipped, as the fuzzer skips them.
pub(crate) fn of(target: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = fs::read_dir(folder).expect("the target has seeds").map(|file| file.expect("a readable folder"));
    let name = |file: &fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    files.filter_map(|file| Some((name(&file), fs::read_to_string(file.path()).ok()?))).collect()
}
