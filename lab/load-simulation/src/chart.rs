//! The picture of `docs/scale.md`: the highest peak, with the default quotas and with the raised ones.
//!
//! Rates are on a logarithmic scale: with the default quotas what is offered and what is answered are factors of
//! hundreds apart, and both should be seen.

use crate::scenarios::{HIGHEST, Results};
use crate::simulation::{Cause, Outcome, Second};
use anyhow::Result;
use common::table::whole;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

/// A line: what it is called, its colour, and pixels of dash and gap for who cannot tell colours.
type Style = (&'static str, RGBColor, (i32, i32));

/// A dash longer than any line.
const SOLID: (i32, i32) = (10_000, 1);

const BLUE: RGBColor = RGBColor(0x09, 0x69, 0xda);
const GREEN: RGBColor = RGBColor(0x1a, 0x7f, 0x37);
const GREY: RGBColor = RGBColor(0x57, 0x60, 0x6a);

const OFFERED: Style = ("offered", GREY, (7, 3));
const ANSWERED: Style = ("answered", BLUE, SOLID);
const BUSY: Style = ("at work", GREEN, SOLID);
const CAUSES: [(Cause, Style); 6] = [
    (Cause::Ids, ("GetId", BLUE, SOLID)),
    (Cause::Credentials, ("credentials", RGBColor(0xbc, 0x4c, 0x00), (7, 3))),
    (Cause::Tokens, ("token", GREEN, (2, 3))),
    (Cause::Concurrency, ("concurrency", RGBColor(0x82, 0x50, 0xdf), (10, 4))),
    (Cause::Scaling, ("scaling", RGBColor(0xbf, 0x39, 0x89), (4, 4))),
    (Cause::Table, ("table", GREY, (5, 2))),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws it as SVG.
pub(crate) fn draw(results: &Results) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (1_080, 840)).into_drawing_area();
        root.fill(&WHITE)?;
        let title = format!("A peak of {} logins a second, simulated", whole(HIGHEST.into()));
        let columns = root.titled(&title, ("sans-serif", 20))?.split_evenly((1, 3));
        let runs = [
            ("Pages, default quotas", &results.pages),
            ("Programs, default quotas", &results.programs),
            ("Pages, raised quotas", &results.raised),
        ];
        // All columns have one scale, so that heights can be compared.
        let last = |runs: &Vec<(String, Outcome)>| runs.last().map_or(0, |(_, outcome)| outcome.peak_busy());
        let most = runs.iter().map(|(_, runs)| last(runs)).max().unwrap_or(0).next_multiple_of(500).max(500);
        for ((name, runs), area) in runs.into_iter().zip(columns) {
            if let Some((_, outcome)) = runs.last() {
                column(&area.titled(name, ("sans-serif", 15))?, outcome, most)?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}

/// One run, with an axis of `most` environments.
fn column(area: &Area<'_>, outcome: &Outcome, most: u32) -> Result<()> {
    let [rates, environments, refused] = &area.split_evenly((3, 1))[..] else { return Ok(()) };
    let decades = || (1.0..1e5).log_scale();
    let line = |style, value: &dyn Fn(&Second) -> u32| (style, outcome.seconds.iter().map(value).collect::<Vec<_>>());
    let answers = [line(OFFERED, &|second| second.offered), line(ANSWERED, &|second| second.answered)];
    panel(rates, "logins a second", decades(), &answers)?;
    panel(environments, "environments", 0.0..f64::from(most), &[line(BUSY, &|second| second.busy)])?;
    let met = CAUSES.into_iter().filter(|(cause, _)| outcome.refused(*cause) > 0);
    let causes: Vec<_> = met.map(|(cause, style)| line(style, &|second| second.refused[cause as usize])).collect();
    panel(refused, "refused tries a second", decades(), &causes)
}

/// One panel. On a logarithmic scale nothing lies on the axis.
fn panel<Y>(area: &Area<'_>, unit: &str, scale: Y, lines: &[(Style, Vec<u32>)]) -> Result<()>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    const ROOM_FOR_NAMES: usize = 25;
    let seconds = lines.iter().map(|(_, values)| values.len()).max().unwrap_or(55).next_multiple_of(5) + ROOM_FOR_NAMES;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(0..seconds, scale)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().light_line_style(TRANSPARENT).x_desc("seconds").x_labels(9).y_desc(unit);
    mesh.y_label_formatter(&|value| whole(*value)).draw()?;
    for ((name, colour, (dash, gap)), values) in lines {
        let (dash, gap, style) = (*dash, *gap, colour.stroke_width(2));
        let points = values.iter().map(|value| f64::from(*value)).enumerate();
        let line = chart.draw_series(DashedLineSeries::new(points, dash, gap, style))?;
        line.label(*name).legend(move |(x, y)| DashedPathElement::new([(x, y), (x + 20, y)], dash, gap, style));
    }
    if lines.len() > 1 || lines.iter().any(|((name, ..), _)| *name != BUSY.0) {
        let mut names = chart.configure_series_labels();
        names.position(SeriesLabelPosition::UpperRight).label_font(("sans-serif", 12)).draw()?;
    }
    Ok(())
}
