//! The picture of a run: how long each function takes to start, beside the empty one.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const ROW: u32 = 32;

/// Bars for these functions and their starts in milliseconds. Their lengths are multiples of the first one's, the empty
/// function's.
pub(crate) fn draw(starts: &[(&str, f64)], target: f64) -> Result<String> {
    const TOP: i32 = 62;
    const LEFT: i32 = 150;
    let floor = starts.first().map_or(1.0, |(_, start)| *start);
    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    let x = |multiple: f64| LEFT + (220.0 * multiple).round() as i32;
    let height = u32::try_from(starts.len())? * ROW + 94;
    let bottom = i32::try_from(height)? - 32;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (720, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let font = TextStyle::from(("sans-serif", 14));
        let text = |words: String, place, horizontal| {
            root.draw(&Text::new(words, place, font.pos(Pos::new(horizontal, VPos::Center))))
        };
        let title = format!("Start of each function, beside an empty one ({floor:.2} ms)");
        root.draw(&Text::new(title, (20, 16), ("sans-serif", 17)))?;
        for ((function, start), y) in starts.iter().zip((TOP..).step_by(ROW as usize)) {
            let multiple = start / floor;
            let colour = if (multiple - 1.0).abs() < f64::EPSILON {
                RGBColor(0x6e, 0x77, 0x81)
            } else {
                RGBColor(0x09, 0x69, 0xda)
            };
            root.draw(&Rectangle::new([(LEFT, y), (x(multiple), y + 18)], colour.filled()))?;
            text((*function).to_owned(), (LEFT - 10, y + 9), HPos::Right)?;
            // Beyond the target's line, which would cross it.
            text(format!("{multiple:.2} \u{d7}"), (x(multiple.max(target)) + 12, y + 9), HPos::Left)?;
        }
        let line = RGBColor(0xbc, 0x4c, 0x00).stroke_width(2);
        root.draw(&PathElement::new([(x(target), TOP - 10), (x(target), bottom)], line))?;
        text(format!("target {target} \u{d7}"), (x(target), bottom + 14), HPos::Center)?;
        root.present()?;
    }
    Ok(svg)
}
