//! Markdown tables: made, and put into pages.

use crate::product;
use anyhow::{Result, bail};
use std::fmt;

/// A table. Every row is as long as the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these columns, which `|` separates.
    #[must_use]
    pub fn new(header: &str) -> Self {
        Self(vec![header.split('|').map(|column| column.trim().to_owned()).collect()])
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If it is not as long as the header, or a cell would be two.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        assert_eq!(cells.len(), self.0[0].len(), "{cells:?}");
        assert!(!cells.iter().any(|cell| cell.contains('|')), "{cells:?}");
        self.0.push(cells);
    }

    /// The table with these rows as well.
    #[must_use]
    pub fn with<C: Into<String>>(mut self, rows: impl IntoIterator<Item = Vec<C>>) -> Self {
        rows.into_iter().for_each(|row| self.row(row));
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, row) in self.0.iter().enumerate() {
            writeln!(f, "| {} |", row.join(" | "))?;
            if place == 0 {
                writeln!(f, "{}|", "|---".repeat(row.len()))?;
            }
        }
        Ok(())
    }
}

/// A whole number, in groups of three digits.
#[must_use]
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The page with these tables in place of those that it has after a mark, first for first. The text around them stays.
pub fn replaced(page: &str, mark: &str, tables: &[Table]) -> Result<String> {
    let Some((before, rest)) = page.split_once(mark) else { bail!("the page has no {mark:?}") };
    let mut written = format!("{before}{mark}");
    let mut next = tables.iter();
    let mut within = false;
    for line in rest.split_inclusive('\n') {
        let row = line.starts_with('|');
        if !row {
            written.push_str(line);
        } else if !within {
            let Some(table) = next.next() else { bail!("the page has more than {} tables", tables.len()) };
            written.push_str(&table.to_string());
        }
        within = row;
    }
    if next.len() > 0 {
        bail!("the page has {} tables too few", next.len());
    }
    Ok(written)
}

/// Prints these tables, and [replaces](replaced) those of a page of the repository by them.
pub fn publish(file: &str, mark: &str, tables: &[Table]) -> Result<()> {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    tables.iter().try_for_each(|table| writeln!(output, "{table}"))?;
    Ok(std::fs::write(product::path(file), replaced(&product::text(file)?, mark, tables)?)?)
}

/// Whether a page of the repository shows these tables.
pub fn are_published(file: &str, mark: &str, tables: &[Table]) -> Result<bool> {
    let page = product::text(file)?;
    Ok(replaced(&page, mark, tables)? == page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(column: &str) -> Table {
        Table::new(column).with([vec!["1"]])
    }

    #[test]
    fn digits_go_in_groups_of_three() {
        assert_eq!([0.0, 999.0, 1_000.0, 1_234_567.0].map(whole), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tables_are_replaced_in_order_and_the_text_around_them_stays() {
        let page = "| mine |\n\nmark\n\n| old |\n|---|\n| 9 |\n\nText.\n\n| older |\nEnd.\n";
        let written = replaced(page, "mark\n", &[table("a"), table("b")]).unwrap();
        assert_eq!(written, "| mine |\n\nmark\n\n| a |\n|---|\n| 1 |\n\nText.\n\n| b |\n|---|\n| 1 |\nEnd.\n");
    }

    #[test]
    fn a_page_with_another_number_of_tables_or_without_the_mark_is_refused() {
        for (page, mark) in
            [("| one |\n", ""), ("| one |\n\n| two |\n\n| three |\n", ""), ("| one |\n\n| two |\n", "mark")]
        {
            assert!(replaced(page, mark, &[table("a"), table("b")]).is_err());
        }
    }
}
