//! The parts that pages share, such as the head with its Content-Security-Policy. They are in `web/parts/`.
//!
//! A page asks for them with HTML comments, which we call markers:
//!
//! | marker | where | meaning |
//! |---|---|---|
//! | `<!-- title: Sign up -->` | in a page, on a line of its own | sets the page's title, as plain text |
//! | `<!-- part: head -->` | in a page, on a line of its own | is replaced by `parts/head.html`, indented like the marker |
//! | `<!-- page: title -->` | anywhere | is replaced by the page's title, escaped |
//!
//! A comment that starts with any other single word and a colon is an error, so that a misspelt marker is never published.
//! A template engine would add a dependency to every build for what these few lines do.

use latchkey_html::escape;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The text of each part, by its name.
pub(super) struct Parts(BTreeMap<String, String>);

/// Why a page cannot be made. The page's own path is added by the caller.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("there is no part {0}: parts/{0}.html is missing")]
    MissingPart(String),
    #[error("<!-- {0} --> is unknown, or not allowed in this place")]
    Marker(String),
    #[error("a part needs the page's title: add <!-- title: ... -->")]
    NoTitle,
    #[error("the title is set twice")]
    TwoTitles,
}

impl Parts {
    /// Reads the parts in a folder. Pages that use none need no such folder.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut parts = BTreeMap::new();
        if folder.is_dir() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".html")) {
                    parts.insert(name.to_owned(), fs::read_to_string(&path)?);
                }
            }
        }
        Ok(Self(parts))
    }

    /// Returns a page with its parts and its title filled in.
    pub(super) fn fill(&self, page: &str) -> Result<String, Problem> {
        let mut title = None;
        let mut assembled = String::new();
        for line in page.split_inclusive('\n') {
            match next_marker(line).filter(Found::is_alone) {
                Some(Found { word: "title", value, .. }) => {
                    if title.replace(value).is_some() {
                        return Err(Problem::TwoTitles);
                    }
                }
                Some(Found { word: "part", value, before: indent, .. }) => {
                    let part = self.0.get(value).ok_or_else(|| Problem::MissingPart(value.to_owned()))?;
                    for line in part.split_inclusive('\n') {
                        assembled.push_str(if line.trim().is_empty() { "" } else { indent });
                        assembled.push_str(line);
                    }
                }
                _ => assembled.push_str(line),
            }
        }

        // Whatever marker is left stands for the title, or does not belong here: parts do not include parts.
        let mut filled = String::new();
        let mut rest = assembled.as_str();
        while let Some(Found { before, word, value, after }) = next_marker(rest) {
            if (word, value) != ("page", "title") {
                return Err(Problem::Marker(format!("{word}: {value}")));
            }
            filled.push_str(before);
            filled.push_str(&escape(title.ok_or(Problem::NoTitle)?));
            rest = after;
        }
        Ok(filled + rest)
    }
}

/// A marker, `<!-- word: value -->`, and the text on both sides of it.
struct Found<'a> {
    before: &'a str,
    word: &'a str,
    value: &'a str,
    after: &'a str,
}

impl Found<'_> {
    fn is_alone(&self) -> bool {
        self.before.trim().is_empty() && self.after.trim().is_empty()
    }
}

/// Finds the first marker. Comments of any other form are ordinary comments.
fn next_marker(text: &str) -> Option<Found<'_>> {
    text.match_indices("<!--").find_map(|(start, opening)| {
        let (comment, after) = text[start + opening.len()..].split_once("-->")?;
        let (word, value) = comment.split_once(':')?;
        let (word, value) = (word.trim(), value.trim());
        let is_word = !word.is_empty() && word.chars().all(char::is_alphanumeric);
        is_word.then_some(Found { before: &text[..start], word, value, after })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(page: &str) -> Result<String, Problem> {
        let parts = [
            ("head", "<title><!-- page: title --></title>\n"),
            ("menu", "<nav>\n\n  <a>Home</a>\n</nav>\n"),
            ("nested", "<!-- part: menu -->\n"),
        ];
        Parts(parts.map(|(name, text)| (name.to_owned(), text.to_owned())).into()).fill(page)
    }

    #[test]
    fn a_part_takes_the_place_and_the_indentation_of_its_marker() {
        assert_eq!(
            filled("<body>\n  <!-- part: menu -->\n  <p>\n").unwrap(),
            "<body>\n  <nav>\n\n    <a>Home</a>\n  </nav>\n  <p>\n"
        );
    }

    #[test]
    fn a_title_is_stated_once_and_escaped_wherever_it_is_used() {
        assert_eq!(
            filled("<!-- title: <b> & \"it's\" -->\n<!-- part: head -->\n<h1><!-- page: title --></h1>\n").unwrap(),
            "<title>&lt;b&gt; &amp; &quot;it&#39;s&quot;</title>\n<h1>&lt;b&gt; &amp; &quot;it&#39;s&quot;</h1>\n"
        );
        assert_eq!(filled("<!-- title: A -->\n<!-- title: B -->\n"), Err(Problem::TwoTitles));
        assert_eq!(filled("<!-- part: head -->\n"), Err(Problem::NoTitle));
    }

    #[test]
    fn a_part_that_is_not_there_is_an_error_with_its_name() {
        let problem = filled("<!-- part: footer -->\n").unwrap_err();
        assert_eq!(problem.to_string(), "there is no part footer: parts/footer.html is missing");
        assert!(filled("<!-- part: ../pages/menu -->\n").is_err());
    }

    #[test]
    fn a_misspelt_or_misplaced_marker_is_an_error() {
        for (page, marker) in [
            ("<!-- prat: head -->\n", "prat: head"),
            ("<!--Part: head-->\n", "Part: head"),
            ("<!-- page: name -->\n", "page: name"),
            ("<p><!-- part: menu --></p>\n", "part: menu"),
            ("<!-- part: menu --> <!-- part: menu -->\n", "part: menu"),
            ("<p><!-- title: Sign up -->\n", "title: Sign up"),
            ("<!-- part: nested -->\n", "part: menu"),
        ] {
            assert_eq!(filled(page), Err(Problem::Marker(marker.to_owned())), "{page}");
        }
    }

    #[test]
    fn other_comments_stay_as_they_are() {
        let page = "<!-- Two words: three --><!-- none -->\n<!-- : --><!-- never closed: \n";
        assert_eq!(filled(page).as_deref(), Ok(page));
    }
}
