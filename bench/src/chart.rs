//! The picture of a run: how long each function takes to start, beside the empty one.

use serde_json::Value;
use std::fmt::Write as _;

const WIDTH: u32 = 720;
const ROW: u32 = 30;
const TOP: u32 = 60;
const LEFT: f64 = 150.0;
/// Pixels for one start of the empty function.
const UNIT: f64 = 220.0;

/// Colours for light and dark surroundings; the text says everything that they do.
const STYLE: &str = "\
.paper { fill: #ffffff } text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: 600 }
.bar { fill: #0969da } .floor { fill: #6e7781 } .target { stroke: #bc4c00; stroke-dasharray: 6 3; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text { fill: #e6edf3 } .bar { fill: #58a6ff } .floor { fill: #8b949e } .target { stroke: #f0883e }
}
";

/// The bars of these functions, from what `speed` kept. Their lengths are multiples of the first one's, the empty function's.
pub(crate) fn chart(speed: &Value, functions: &[&str], target: f64) -> Option<String> {
    let init = |function: &str| speed[function]["initMs"].as_f64();
    let floor = init(functions.first()?)?;
    let rows = u32::try_from(functions.len()).ok()?;
    let height = TOP + ROW * rows + 24;
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"t d\">\n\
         <title id=\"t\">Starts, beside an empty function</title>\n<desc id=\"d\">From the start of a process to its first \
         question for an event, as a multiple of the empty function's</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"20\" y=\"28\">Start of each function, beside an empty one ({floor:.2} ms)</text>\n"
    );
    for (row, function) in (0_u32..).zip(functions) {
        let ratio = init(function)? / floor;
        let (y, wide) = (TOP + ROW * row, UNIT * ratio);
        let class = if row == 0 { "floor" } else { "bar" };
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{function}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{wide:.1}\" height=\"18\"/>\n\
             <text x=\"{:.1}\" y=\"{}\">{ratio:.2} \u{d7}</text>\n",
            LEFT - 10.0,
            y + 14,
            LEFT + wide + 8.0,
            y + 14,
        );
    }
    let x = LEFT + UNIT * target;
    let bottom = TOP + ROW * rows;
    let _ = write!(
        svg,
        "<line class=\"target\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\"/>\n\
         <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">target {target} \u{d7}</text>\n</svg>\n",
        TOP - 8,
        bottom + 18,
    );
    Some(svg)
}
