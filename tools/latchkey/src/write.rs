//! Values that a script learned, written back into the owner's file.

use serde_json::{Map, Value};
use std::fs;
use std::io;
use std::path::Path;

/// Sets keys to texts and leaves all else, order included, as it was. Writes nothing when nothing changes, and
/// never half a file.
pub fn write(file: &Path, mut config: Map<String, Value>, values: &[(&str, &str)]) -> io::Result<()> {
    let before = config.clone();
    for (key, value) in values {
        config.insert((*key).to_owned(), Value::from(*value));
    }
    if config == before {
        return Ok(());
    }
    let mut text = serde_json::to_string_pretty(&config)?;
    text.push('\n');
    let new = file.with_extension("json.new");
    fs::write(&new, text)?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_back_and_the_rest_stays_as_it_was() {
        let file = std::env::temp_dir().join(format!("latchkey-write-{}.json", std::process::id()));
        let sample = include_str!("../../../config.json");
        fs::write(&file, sample).unwrap();
        write(&file, crate::check(sample).unwrap(), &[("IDENTITY_POOL_ID", "us-east-1:1"), ("MAX_AGE", "10")]).unwrap();
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!(written, sample.replace("\n}\n", ",\n  \"IDENTITY_POOL_ID\": \"us-east-1:1\"\n}\n"));
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_file_that_would_not_change_is_not_touched() {
        // A file that is not there would have to be made, if anything were written.
        let file = Path::new("no-such-folder/config.json");
        let sample = crate::check(include_str!("../../../config.json")).unwrap();
        write(file, sample, &[("MAX_AGE", "10")]).unwrap();
    }
}
