//! Passwords that are little more than a pattern of the keyboard, the alphabet or the calendar.
//!
//! NIST SP 800-63B-4, 3.1.1.2 names repeated and consecutive characters; OWASP ASVS 5.0, 6.2.4 the passwords that are tried
//! first. A list cannot hold them all: there are 73,000 days of two centuries, each written in a dozen ways.
//!
//! Every stretch of a password that follows a pattern is found, and what is left over is counted. A passphrase may well hold
//! `1999` or `erty`; it is refused only if it has next to nothing besides.

/// The characters that a password needs besides its patterns.
const OWN_CHARS: usize = 4;

/// The shortest run, and the shortest part of a keyboard's row. Three letters occur in words by accident.
const SHORTEST_RUN: usize = 4;

/// The fewest repetitions of one character, and the fewest characters of a longer unit with its repetitions.
const SHORTEST_REPEAT: usize = 3;
const SHORTEST_REPEATED_UNITS: usize = 6;

/// The longest unit whose repetitions are a pattern, as in `abc1abc1`.
const LONGEST_UNIT: usize = 4;

/// What stands side by side on keyboards: rows of QWERTY, QWERTZ and AZERTY, the digits with Shift in the United States and
/// in Germany, and the columns of QWERTY and QWERTZ from the digits down.
const ROWS: &[&str] = &[
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop\u{fc}+",
    "asdfghjkl\u{f6}\u{e4}",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "`1234567890-=",
    "!@#$%^&*()",
    "!\"\u{a7}$%&/()=",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1qay2wsx3edc4rfv5tgb6zhn7ujm8ik,9ol.0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
];

/// What may stand between the parts of a date.
const SEPARATORS: [char; 6] = ['-', '.', '/', '_', ' ', ','];

/// Returns true if fewer than four characters of a password in lower case are left beside its patterns.
pub(super) fn is_made_of_patterns(lower: &str) -> bool {
    let chars: Vec<char> = lower.chars().collect();
    let mut covered = vec![false; chars.len()];
    for start in 0..chars.len() {
        let rest = &chars[start..];
        // The end of a longer number is no date.
        let within_number = start > 0 && chars[start - 1].is_ascii_digit();
        let date = if within_number { 0 } else { date(rest) };
        let longest = [run(rest), row(rest), repeat(rest), date].into_iter().max().unwrap_or_default();
        covered[start..start + longest].fill(true);
    }
    let own = chars.iter().zip(&covered).filter(|(c, covered)| !**covered && !c.is_whitespace()).count();
    own < OWN_CHARS && covered.contains(&true)
}

/// The length of the run of neighbours, up or down, that a text begins with: `abcd`, `4321`, and `8901`, where the digits
/// begin again. 0 if it is too short.
fn run(text: &[char]) -> usize {
    let follows = |from: char, to: char| {
        let alphabetic = from.is_ascii_alphanumeric() && to.is_ascii_alphanumeric();
        alphabetic && u32::from(to) == u32::from(from) + 1 || (from, to) == ('9', '0')
    };
    let up = 1 + text.windows(2).take_while(|pair| follows(pair[0], pair[1])).count();
    let down = 1 + text.windows(2).take_while(|pair| follows(pair[1], pair[0])).count();
    at_least(SHORTEST_RUN, up.max(down))
}

/// The length of the part of a keyboard's row, in either direction, that a text begins with.
fn row(text: &[char]) -> usize {
    let along = |row: &str| {
        let row: Vec<char> = row.chars().collect();
        let from = |at: usize| {
            let right = row[at..].iter().zip(text).take_while(|(key, c)| key == c).count();
            let left = row[..=at].iter().rev().zip(text).take_while(|(key, c)| key == c).count();
            right.max(left)
        };
        (0..row.len()).map(from).max().unwrap_or_default()
    };
    at_least(SHORTEST_RUN, ROWS.iter().map(|row| along(row)).max().unwrap_or_default())
}

/// The length of the repetitions of a short unit that a text begins with. The last one may be cut off.
fn repeat(text: &[char]) -> usize {
    let of = |unit: usize| {
        if text.len() <= unit {
            return 0;
        }
        let length = unit + text[unit..].iter().zip(text).take_while(|(c, before)| c == before).count();
        if unit == 1 {
            at_least(SHORTEST_REPEAT, length)
        } else {
            at_least(SHORTEST_REPEATED_UNITS.max(2 * unit), length)
        }
    };
    (1..=LONGEST_UNIT).map(of).max().unwrap_or_default()
}

/// The length of the date that a text begins with: day, month and year in any order, the year with two or four digits, with or
/// without separators. Without them, each part has all of its digits.
fn date(text: &[char]) -> usize {
    let digits = |text: &[char]| text.iter().take_while(|c| c.is_ascii_digit()).count();
    let first = digits(text);
    let together = [8, 6].into_iter().find(|&length| {
        // Nor is its beginning.
        first == length && ORDERS.iter().any(|&order| is_date_together(&text[..length], order))
    });
    if let Some(length) = together {
        return length;
    }
    let part = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let length = digits(rest);
        ((1..=4).contains(&length) && length != 3).then_some((&rest[..length], at + length))
    };
    let separator = |at: usize| text.get(at).is_some_and(|c| SEPARATORS.contains(c)).then_some(at + 1);
    let parts = || {
        let (one, end) = part(0)?;
        let (two, end) = part(separator(end)?)?;
        let (three, end) = part(separator(end)?)?;
        Some(([one, two, three], end))
    };
    let Some((parts, end)) = parts() else { return 0 };
    let values = parts.map(|digits| (number(digits), digits.len()));
    if ORDERS.iter().any(|&order| is_date(order, values)) { end } else { 0 }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Day,
    Month,
    Year,
}

const ORDERS: [[Part; 3]; 6] = {
    use Part::{Day, Month, Year};
    [
        [Day, Month, Year],
        [Month, Day, Year],
        [Year, Month, Day],
        [Year, Day, Month],
        [Day, Year, Month],
        [Month, Year, Day],
    ]
};

/// Returns true if six or eight digits are a date in this order.
fn is_date_together(digits: &[char], order: [Part; 3]) -> bool {
    let mut rest = digits;
    let values = order.map(|part| {
        let length = if part == Part::Year { digits.len() - 4 } else { 2 };
        let (value, after) = rest.split_at(length);
        rest = after;
        (number(value), length)
    });
    is_date(order, values)
}

/// Returns true if these numbers, with the digits that each was written with, are a day, a month and a year in this order.
fn is_date(order: [Part; 3], values: [(u32, usize); 3]) -> bool {
    order.iter().zip(values).all(|(part, (value, digits))| match part {
        Part::Day => digits <= 2 && (1..=31).contains(&value),
        Part::Month => digits <= 2 && (1..=12).contains(&value),
        // Two digits are the year of some century.
        Part::Year => digits == 2 || digits == 4 && (1900..=2099).contains(&value),
    })
}

/// The number that at most four digits are.
fn number(digits: &[char]) -> u32 {
    digits.iter().filter_map(|c| c.to_digit(10)).fold(0, |number, digit| 10 * number + digit)
}

/// A length, or 0 if it is too short.
fn at_least(shortest: usize, length: usize) -> usize {
    if length >= shortest { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repeats_runs_and_keyboard_rows_are_patterns_in_both_directions() {
        for pattern in [
            "aaaaaaaa",
            "aaaaaaab",
            "aaaabbbb",
            "12121212",
            "abc1abc1",
            "xyzxyzxyz",
            "abcdefgh",
            "hgfedcba",
            "12345678",
            "87654321",
            "34567890",
            "09876543",
            "78901234",
            "abcd1234",
            "a12345678",
            "qwertyui",
            "poiuytrewq",
            "qwertzui",
            "zuiopqwertz",
            "asdfghjkl",
            "lkjhgfdsa",
            "yxcvbnm,",
            "azertyuiop",
            "1qaz2wsx",
            "1q2w3e4r",
            "!@#$%^&*",
            "!\"\u{a7}$%&/(",
            "qwer1234!",
            "\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}",
        ] {
            assert!(is_made_of_patterns(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_date_is_a_pattern_in_every_order_with_and_without_separators() {
        for date in [
            "31121999",
            "12311999",
            "19991231",
            "19993112",
            "31199912",
            "12199931",
            "31.12.1999",
            "12/31/1999",
            "1999-12-31",
            "1999_31_12",
            "1.5.1987",
            "24 12 85",
            "24.12.85",
            "ada241285",
            "24121985ada",
            "01022003",
            "29-02-20!!",
        ] {
            assert!(is_made_of_patterns(date), "{date}");
        }
        for number in ["31321999", "99310585", "1984-31-32", "241285903", "27-18-2818"] {
            assert!(!is_made_of_patterns(number), "{number}");
        }
    }

    #[test]
    fn a_password_with_something_of_its_own_is_no_pattern() {
        for own in [
            "aaaaaaaa but not only",
            "the summer of 1969",
            "born 24.12.1985 in york",
            "poverty and liberty",
            "property",
            "a lane of poplars",
            "correct horse battery staple",
            "8h2kq9vz",
            "19283746",
            "\u{65e5}\u{672c}\u{8a9e}\u{3092}\u{5b66}\u{3076}\u{4eba}\u{3005}",
        ] {
            assert!(!is_made_of_patterns(own), "{own}");
        }
    }

    /// Words of a passphrase, none of which is a pattern by itself.
    const WORDS: [&str; 24] = [
        "anchor",
        "banana",
        "cactus",
        "dexterity",
        "ember",
        "falcon",
        "granite",
        "hazard",
        "island",
        "jigsaw",
        "kettle",
        "liberty",
        "monsoon",
        "nectar",
        "orchid",
        "property",
        "quartz",
        "ribbon",
        "saffron",
        "thunder",
        "umbrella",
        "velvet",
        "walnut",
        "yonder",
    ];

    proptest! {
        #[test]
        fn no_passphrase_of_words_is_a_pattern(
            words in prop::collection::vec(prop::sample::select(&WORDS[..]), 3..8).prop_filter("not one word again and again", |words| {
                words.iter().any(|word| *word != words[0])
            }),
            separator in prop::sample::select(&[" ", "-", "", "."][..]),
            number in prop::option::of(0_u32..3_000),
        ) {
            let mut phrase = words.join(separator);
            if let Some(number) = number {
                phrase.push_str(&number.to_string());
            }
            prop_assert!(!is_made_of_patterns(&phrase), "{phrase}");
        }

        #[test]
        fn hardly_any_random_password_is_a_pattern(random in "[a-z0-9]{16,64}") {
            // Sixteen random characters hold thirteen of a pattern less than once in ten to the fifteenth.
            prop_assert!(!is_made_of_patterns(&random), "{random}");
        }

        #[test]
        fn any_text_is_looked_through_without_a_panic(text in "\\PC*|[0-9./ -]*|[a-f]*") {
            let _ = is_made_of_patterns(&text);
        }

        #[test]
        fn every_day_of_two_centuries_is_a_pattern_however_it_is_written(
            day in 1_u32..=28, month in 1_u32..=12, year in 1900_u32..2100, separator in prop::sample::select(&["", "-", ".", "/", " "][..]),
        ) {
            let (day, month) = (format!("{day:02}"), format!("{month:02}"));
            for [one, two, three] in [
                [day.clone(), month.clone(), year.to_string()],
                [month.clone(), day.clone(), year.to_string()],
                [year.to_string(), month.clone(), day.clone()],
                [year.to_string(), day.clone(), month.clone()],
            ] {
                let date = format!("{one}{separator}{two}{separator}{three}");
                prop_assert!(is_made_of_patterns(&date), "{date}");
            }
        }
    }
}
