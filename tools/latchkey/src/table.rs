//! The table of settings in the documentation.

use crate::{Setting, settings};

const BEGIN: &str = "<!-- begin: settings, from config.schema.json -->\n";
const END: &str = "<!-- end: settings -->\n";

/// A page with the table between its two markers made anew; `None` if it lacks them.
#[must_use]
pub fn with_table(page: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", table()))
}

fn table() -> String {
    let rows = settings().iter().map(|setting| {
        let meaning = setting.schema.description.replace('|', "\\|");
        format!("| `{}` | {meaning} | {} |\n", setting.key, default(setting))
    });
    format!("| key | meaning | default |\n|---|---|---|\n{}", rows.collect::<String>())
}

fn default(setting: &Setting) -> String {
    match setting.default() {
        _ if setting.schema.deprecated => String::new(),
        _ if setting.required => "required".to_owned(),
        _ if setting.schema.read_only => "written by `init.sh`".to_owned(),
        Some(default) if default.is_empty() => "empty".to_owned(),
        Some(default) => format!("`{default}`"),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_the_settings_as_the_schema_does() {
        let page = include_str!("../../../docs/settings.md");
        let remedy = "make it anew: cargo run --package latchkey -- generate";
        assert_eq!(
            with_table(page).as_deref(),
            Some(page),
            "docs/settings.md is not what config.schema.json says; {remedy}"
        );
    }
}
