//! The tables inside a Markdown page: every run of lines that begin with `|` is one.

use crate::Table;

/// A page has another number of tables than there are to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page has {found} tables where {expected} belong")]
pub struct NumberOfTables {
    /// In the page.
    pub found: usize,
    /// To show.
    pub expected: usize,
}

/// The tables of a page, in its order.
#[must_use]
pub fn tables_of(page: &str) -> Vec<String> {
    let mut tables = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with('|') {
            if !inside {
                tables.push(String::new());
            }
            if let Some(table) = tables.last_mut() {
                table.push_str(line);
                table.push('\n');
            }
        }
        inside = line.starts_with('|');
    }
    tables
}

/// The page with these tables in place of its own, first for first. The text around them stays.
pub fn in_place(page: &str, tables: &[Table]) -> Result<String, NumberOfTables> {
    let found = tables_of(page).len();
    if found != tables.len() {
        return Err(NumberOfTables { found, expected: tables.len() });
    }
    let mut written = String::new();
    let mut next = tables.iter();
    let mut inside = false;
    for line in page.lines() {
        let row = line.starts_with('|');
        if !row {
            written.push_str(line);
            written.push('\n');
        } else if !inside && let Some(table) = next.next() {
            written.push_str(&table.to_string());
        }
        inside = row;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, tables};

    fn table(cell: &str) -> Table {
        Table { title: "Title".to_owned(), header: vec![cell.to_owned()], rows: vec![vec!["1".to_owned()]] }
    }

    #[test]
    fn the_cost_page_shows_what_the_program_prints() {
        let page = include_str!("../../../docs/cost.md");
        let printed: Vec<_> = tables(&Model::ours()).iter().map(Table::to_string).collect();
        let shown = tables_of(page);
        let same = shown == printed;
        // Not assert_eq: two pages of tables would hide the one line that helps.
        assert!(
            same,
            "docs/cost.md is out of date: run `cargo run -p cost-model -- docs/cost.md`, and read its text again"
        );
    }

    #[test]
    fn tables_are_replaced_in_order_and_the_text_around_them_stays() {
        let page = "# Page\n\n| old |\n|---|\n| 9 |\n\nText.\n\n| older |\nEnd.\n";
        let written = in_place(page, &[table("a"), table("b")]).unwrap();
        assert_eq!(written, "# Page\n\n| a |\n|---|\n| 1 |\n\nText.\n\n| b |\n|---|\n| 1 |\nEnd.\n");
        assert_eq!(tables_of(&written), [table("a").to_string(), table("b").to_string()]);
    }

    #[test]
    fn a_page_with_a_table_too_few_is_left_alone() {
        let refused = in_place("| one |\n", &[table("a"), table("b")]);
        assert_eq!(refused, Err(NumberOfTables { found: 1, expected: 2 }));
    }
}
