//! The picture of `docs/scale.md`: the storm of the highest peak, with the default quotas and with the raised ones.
//!
//! Rates are on a logarithmic scale: with the default quotas what is offered and what is answered are factors of
//! hundreds apart, and both should be seen.

use crate::report::whole;
use crate::scenarios::{HIGHEST, Story};
use crate::simulation::{Cause, Outcome, Second};
use std::fmt::Write;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 780;

/// Of a panel's plot: where it begins, and how large it is.
const LEFT: [f64; 3] = [68.0, 388.0, 708.0];
const TOP: [f64; 3] = [122.0, 344.0, 584.0];
const WIDE: f64 = 236.0;
const HIGH: f64 = 150.0;

/// The axis of rates, in decades from 1.
const DECADES: u32 = 5;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 }
.panel { font-weight: 600 }
.small { font-size: 12px; fill: #59636e }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.axis { stroke: #59636e; stroke-width: 1 }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round }
.a { stroke: #0969da } .b { stroke: #bc4c00 } .c { stroke: #1a7f37 } .d { stroke: #8250df } .e { stroke: #bf3989 }
.f { stroke: #57606a }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.small { fill: #9198a1 }
.paper { fill: #0d1117 }
.grid { stroke: #2b323b }
.axis { stroke: #9198a1 }
.a { stroke: #58a6ff } .b { stroke: #f0883e } .c { stroke: #3fb950 } .d { stroke: #bc8cff } .e { stroke: #f778ba }
.f { stroke: #b1bac4 }
}
";

/// What the causes are called beside their lines, and how these are drawn: colour, and dashes for who cannot tell colours.
const CAUSES: [(Cause, &str, &str, &str); 6] = [
    (Cause::Ids, "GetId", "a", ""),
    (Cause::Credentials, "credentials", "b", "7 3"),
    (Cause::Tokens, "token", "c", "2 3"),
    (Cause::Concurrency, "concurrency", "d", "9 3 2 3"),
    (Cause::Scaling, "scaling", "e", "4 4"),
    (Cause::Table, "table", "f", "5 2 1 2"),
];

/// The picture.
#[must_use]
pub fn chart(story: &Story) -> String {
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"t d\">\n<title id=\"t\">A login storm, simulated</title>\n\
         <desc id=\"d\">Logins offered and answered, environments, and refused tries in each second, with default and \
         with raised quotas</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"
    );
    let title = format!("A storm of {} logins a second, simulated", whole(u64::from(HIGHEST)));
    text(&mut svg, 20.0, 30.0, "title", "start", &title);
    let columns = [
        ("Pages, default quotas", &story.pages),
        ("Programs, default quotas", &story.programs),
        ("Pages, raised quotas", &story.raised),
    ];
    // All columns have one scale, so that heights can be compared.
    let most = columns.iter().filter_map(|(_, told)| told.last()).map(|told| told.outcome.peak_busy).max();
    let halves = most.unwrap_or(0).div_ceil(500).max(1);
    for ((name, told), left) in columns.into_iter().zip(LEFT) {
        text(&mut svg, left, 62.0, "panel", "start", name);
        if let Some(told) = told.last() {
            column(&mut svg, left, &told.outcome, halves);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// One run. `halves` is how many half thousands of environments the axis has.
fn column(svg: &mut String, left: f64, outcome: &Outcome, halves: u32) {
    let seconds = &outcome.seconds[..];
    let across = seconds.len().div_ceil(10) * 10;
    #[expect(clippy::cast_precision_loss, reason = "a minute or so")]
    let x = |second: usize| left + WIDE * second as f64 / across as f64;
    let frame = |svg: &mut String, top: f64, above: f64, unit: &str| {
        text(svg, left, top - above, "", "start", unit);
        for second in (0..=across).step_by(10) {
            text(svg, x(second), top + HIGH + 16.0, "small", "middle", &second.to_string());
        }
        text(svg, left + WIDE / 2.0, top + HIGH + 32.0, "small", "middle", "seconds");
    };
    let line = |svg: &mut String, y: &dyn Fn(&Second) -> f64, class: &str, dashes: &str| {
        let points: Vec<String> =
            seconds.iter().enumerate().map(|(second, value)| format!("{:.1},{:.1}", x(second), y(value))).collect();
        let dashes = dashed(dashes);
        let _ = writeln!(svg, "<polyline class=\"line {class}\"{dashes} points=\"{}\"/>", points.join(" "));
    };

    let top = TOP[0];
    frame(svg, top, 32.0, "logins a second");
    decades(svg, left, top);
    line(svg, &|second| rate(top, second.offered), "f", "7 3");
    line(svg, &|second| rate(top, second.answered), "a", "");
    key(svg, left, top, &[("offered", "f", "7 3"), ("answered", "a", "")]);

    let top = TOP[1];
    frame(svg, top, 14.0, "environments at work");
    let share = |value: u32| top + HIGH * (1.0 - f64::from(value) / f64::from(halves * 500));
    for half in 0..=halves {
        grid(svg, left, share(half * 500), &whole(u64::from(half * 500)));
    }
    line(svg, &|second| share(second.busy), "c", "");

    let top = TOP[2];
    frame(svg, top, 32.0, "tries refused a second, by quota");
    decades(svg, left, top);
    let met: Vec<_> = CAUSES.into_iter().filter(|(cause, ..)| outcome.refused[*cause as usize] > 0).collect();
    for &(cause, _, class, dashes) in &met {
        line(svg, &|second| rate(top, second.refused[cause as usize]), class, dashes);
    }
    let keys: Vec<_> = met.iter().map(|&(_, name, class, dashes)| (name, class, dashes)).collect();
    if keys.is_empty() {
        text(svg, left + WIDE / 2.0, top + HIGH / 2.0, "small", "middle", "none");
    }
    key(svg, left, top, &keys);
}

/// Where a rate lies; what is below one lies on the axis.
fn rate(top: f64, value: u32) -> f64 {
    top + HIGH * (1.0 - decade(value) / f64::from(DECADES))
}

/// The decimal logarithm, along straight lines between a decade's tenths: the library's may differ in the last bit from
/// machine to machine, and the picture must not.
fn decade(value: u32) -> f64 {
    // log10 of 1 to 10, in thousandths.
    const TENTHS: [f64; 10] = [0.0, 301.0, 477.0, 602.0, 699.0, 778.0, 845.0, 903.0, 954.0, 1_000.0];
    let (mut decades, mut head) = (0.0, f64::from(value.max(1)));
    while head >= 10.0 {
        head /= 10.0;
        decades += 1.0;
    }
    let place = (1..9).take_while(|&place| f64::from(place) + 1.0 <= head).count();
    decades + (TENTHS[place + 1] - TENTHS[place]).mul_add(head.fract(), TENTHS[place]) / 1_000.0
}

fn decades(svg: &mut String, left: f64, top: f64) {
    for power in 0..=DECADES {
        let value = 10_u32.pow(power);
        grid(svg, left, rate(top, value), &whole(u64::from(value)));
    }
}

fn grid(svg: &mut String, left: f64, y: f64, name: &str) {
    let class = if name == "0" || name == "1" { "axis" } else { "grid" };
    let _ = writeln!(svg, "<path class=\"{class}\" d=\"M{left:.1} {y:.1}h{WIDE:.1}\"/>");
    text(svg, left - 6.0, y + 4.0, "small", "end", name);
}

fn key(svg: &mut String, left: f64, top: f64, keys: &[(&str, &str, &str)]) {
    let mut x = left;
    for (name, class, dashes) in keys {
        let dashes = dashed(dashes);
        let _ = writeln!(svg, "<path class=\"line {class}\"{dashes} d=\"M{x:.1} {:.1}h20\"/>", top - 14.0);
        text(svg, x + 25.0, top - 10.0, "small", "start", name);
        #[expect(clippy::cast_precision_loss, reason = "a few letters")]
        let letters = name.len() as f64;
        x += 25.0 + letters * 6.2 + 12.0;
    }
}

fn dashed(dashes: &str) -> String {
    if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_are_those_of_the_logarithm() {
        for value in [1_u32, 2, 9, 10, 25, 99, 100, 4_321, 99_999, 100_000] {
            assert!((decade(value) - f64::from(value).log10()).abs() < 0.03, "{value}: {}", decade(value));
        }
        assert!(decade(0).abs() < 1e-9);
    }
}
