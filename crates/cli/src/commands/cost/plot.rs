//! Plots as SVG, coloured by the page's style sheet.

use super::html::{escape, put};
use super::study::{Axis, Curve, Line, Plot, Point};
use crate::shared::numbers::plain;
use crate::shared::units::{decade, with_unit};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 172.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 54.0;
/// The smallest distance of two labels at the right edge.
const LABEL_GAP: f64 = 17.0;
const MOST_TICKS: usize = 8;

/// The mapping from values to the page.
struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    logarithmic: bool,
    /// Values with a line and a label.
    ticks: Vec<(f64, String)>,
}

impl Scale {
    fn new(axis: &Axis, values: impl Iterator<Item = f64>, start: f64, end: f64) -> Option<Self> {
        let usable = values.filter(|value| value.is_finite() && (!axis.logarithmic || *value > 0.0));
        let (low, high) = usable.fold(None, |range: Option<(f64, f64)>, value| match range {
            Some((low, high)) => Some((low.min(value), high.max(value))),
            None => Some((value, value)),
        })?;
        let (from, to, ticks) =
            if axis.logarithmic { decades(axis, low, high) } else { round_steps(axis, high) };
        Some(Scale { from, to, start, end, logarithmic: axis.logarithmic, ticks })
    }

    fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.start + share * (self.end - self.start)
    }
}

type Range = (f64, f64, Vec<(f64, String)>);

fn decades(axis: &Axis, low: f64, high: f64) -> Range {
    let first = (low.log10() + 1e-9).floor() as i32;
    let last = ((high.log10() - 1e-9).ceil() as i32).max(first + 1);
    let step = ((last - first) as usize).div_ceil(MOST_TICKS).max(1);
    // Multiples of three where prefixes name them.
    let step = if step > 1 { step.next_multiple_of(3) } else { 1 };
    let ticks = (first..=last).filter(|exponent| exponent.rem_euclid(step as i32) == 0);
    let ticks = ticks.map(|exponent| (10f64.powi(exponent), decade(exponent, axis.unit))).collect();
    (10f64.powi(first), 10f64.powi(last), ticks)
}

/// From zero to a round number, in steps of 1, 2 or 5.
fn round_steps(axis: &Axis, high: f64) -> Range {
    let high = if high > 0.0 { high } else { 1.0 };
    let rough = high / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|&step| step >= rough);
    let step = step.unwrap_or(power * 10.0);
    let count = (high / step - 1e-9).ceil() as u32;
    let label = |value: f64| if axis.unit == "share" { with_unit(value, "share") } else { plain(value) };
    let ticks = (0..=count).map(|index| f64::from(index) * step).map(|value| (value, label(value))).collect();
    (0.0, f64::from(count) * step, ticks)
}

/// The plot, or a sentence on why there is none.
pub fn render(plot: &Plot) -> String {
    let points = || plot.curves.iter().flat_map(|curve| &curve.points);
    let ys = points().flat_map(|point| point.interval.into_iter().flatten().chain([point.y]));
    let ys = ys.chain(plot.highlights.iter().map(|highlight| highlight.1));
    let xs = points().map(|point| point.x);
    let scales =
        Scale::new(&plot.x, xs, LEFT, WIDTH - RIGHT).zip(Scale::new(&plot.y, ys, HEIGHT - BOTTOM, TOP));
    let Some((x, y)) = scales else {
        return format!(
            "<p class=\"none\">{}: unavailable, for want of its numbers.</p>\n",
            escape(&plot.title)
        );
    };
    let mut svg = format!(
        "<figure>\n<figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\">\n",
        title = escape(&plot.title)
    );
    axes(&mut svg, plot, &x, &y);
    for curve in plot.curves.iter().filter(|curve| !curve.points.is_empty()) {
        draw(&mut svg, plot, curve, &x, &y);
    }
    labels(&mut svg, plot, &y);
    for (at, value, label) in &plot.highlights {
        highlight(&mut svg, x.at(*at), y.at(*value), label);
    }
    svg.push_str("</svg>\n");
    for curve in plot.curves.iter().filter(|curve| curve.points.is_empty()) {
        put(
            &mut svg,
            format_args!(
                "<p class=\"none\">{}: unavailable ({}).</p>\n",
                escape(curve.name),
                escape(&curve.source)
            ),
        );
    }
    svg.push_str("</figure>\n");
    svg
}

fn axes(svg: &mut String, plot: &Plot, x: &Scale, y: &Scale) {
    let (right, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for (value, label) in &y.ticks {
        let at = y.at(*value);
        put(
            svg,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\n"
            ),
        );
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                LEFT - 8.0,
                at + 4.0
            ),
        );
    }
    for (value, label) in &x.ticks {
        let at = x.at(*value);
        put(
            svg,
            format_args!(
                "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{floor}\" y2=\"{:.1}\"/>\n",
                floor + 5.0
            ),
        );
        put(
            svg,
            format_args!(
                "<text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
                floor + 20.0
            ),
        );
    }
    put(
        svg,
        format_args!("<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{floor}\" y2=\"{floor}\"/>\n"),
    );
    put(svg, format_args!("<text class=\"title\" x=\"8\" y=\"16\">{}</text>\n", title(&plot.y)));
    put(
        svg,
        format_args!(
            "<text class=\"title\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            f64::midpoint(LEFT, right),
            HEIGHT - 10.0,
            title(&plot.x)
        ),
    );
}

/// The axis with its unit, where the labels do not show it.
fn title(axis: &Axis) -> String {
    match axis.unit {
        _ if axis.logarithmic => format!("{}, logarithmic", axis.name),
        "" | "share" => axis.name.into(),
        unit => format!("{} ({unit})", axis.name),
    }
}

fn draw(svg: &mut String, plot: &Plot, curve: &Curve, x: &Scale, y: &Scale) {
    let colour = curve.colour;
    if curve.line != Line::Points {
        let dashes = if curve.line == Line::Dashed { " dashed" } else { "" };
        let path: Vec<_> =
            curve.points.iter().map(|point| format!("{:.1},{:.1}", x.at(point.x), y.at(point.y))).collect();
        put(
            svg,
            format_args!("<polyline class=\"curve c{colour}{dashes}\" points=\"{}\"/>\n", path.join(" ")),
        );
    }
    for point in &curve.points {
        let (at, value) = (x.at(point.x), y.at(point.y));
        if let Some([low, high]) = point.interval {
            put(
                svg,
                format_args!(
                    "<line class=\"interval c{colour}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\n",
                    y.at(low),
                    y.at(high)
                ),
            );
        }
        let visible = if curve.line == Line::Points { " dot" } else { "" };
        put(
            svg,
            format_args!(
                "<circle class=\"point c{colour}{visible}\" cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"3.5\"><title>{}</title></circle>\n",
                escape(&hover(plot, curve, point))
            ),
        );
    }
}

fn hover(plot: &Plot, curve: &Curve, point: &Point) -> String {
    format!(
        "{}: {} at {} {} ({})",
        curve.name,
        with_unit(point.y, plot.y.unit),
        plot.x.name,
        with_unit(point.x, plot.x.unit),
        curve.mark
    )
}

/// Each curve's name at its end, moved apart where ends are close.
fn labels(svg: &mut String, plot: &Plot, y: &Scale) {
    let mut ends: Vec<(f64, &Curve)> =
        plot.curves.iter().filter_map(|curve| Some((y.at(curve.points.last()?.y), curve))).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut places: Vec<f64> = Vec::new();
    for (end, _) in &ends {
        let above = places.last().map_or(TOP, |place| place + LABEL_GAP);
        places.push(end.max(above));
    }
    // Move labels up again that were pushed below the floor.
    let mut limit = HEIGHT - BOTTOM;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - LABEL_GAP;
    }
    let edge = WIDTH - RIGHT;
    for ((end, curve), place) in ends.iter().zip(places) {
        put(
            svg,
            format_args!(
                "<line class=\"leader c{}\" x1=\"{:.1}\" y1=\"{end:.1}\" x2=\"{:.1}\" y2=\"{place:.1}\"/>\n",
                curve.colour,
                edge + 5.0,
                edge + 16.0
            ),
        );
        put(
            svg,
            format_args!(
                "<text class=\"label c{}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                curve.colour,
                edge + 20.0,
                place + 4.5,
                escape(curve.name)
            ),
        );
    }
}

fn highlight(svg: &mut String, x: f64, y: f64, label: &str) {
    put(svg, format_args!("<circle class=\"highlight\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>\n"));
    // Costs rise to the right, so there is room below and to the right of a point.
    let (anchor, shift) = if x > (LEFT + WIDTH - RIGHT) / 2.0 { ("end", -10.0) } else { ("start", 8.0) };
    let below = if y < HEIGHT - BOTTOM - 24.0 { 20.0 } else { -10.0 };
    put(
        svg,
        format_args!(
            "<text class=\"note\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
            x + shift,
            y + below,
            escape(label)
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_cover_their_values() {
        let energy = Axis::logarithmic("energy", "J");
        let scale = Scale::new(&energy, [2e-3, 5e4, 0.0].into_iter(), 0.0, 80.0).unwrap();
        assert_eq!((scale.from, scale.to, scale.at(1e-3), scale.at(1e5)), (1e-3, 1e5, 0.0, 80.0));
        assert_eq!((scale.ticks[0].1.as_str(), scale.ticks.len()), ("1 mJ", 9));
        let wide = Scale::new(&energy, [1e-9, 1e18].into_iter(), 0.0, 1.0).unwrap();
        let names: Vec<_> = wide.ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(names, ["1 µJ", "1 J", "1 MJ", "1 TJ", "1 EJ"]);
        let share = Scale::new(&Axis::linear("stale", "share"), [0.0, 0.49].into_iter(), 0.0, 1.0).unwrap();
        assert_eq!((share.to, share.ticks[1].1.as_str()), (0.5, "10 %"));
        assert!(Scale::new(&energy, [0.0].into_iter(), 0.0, 1.0).is_none());
    }

    #[test]
    fn labels_do_not_overlap() {
        let curve = |name| Curve {
            id: "c",
            name,
            colour: 1,
            line: Line::Solid,
            mark: "measured".into(),
            source: String::new(),
            formula: String::new(),
            points: vec![Point { x: 0.0, y: 0.0, interval: None }, Point { x: 1.0, y: 1e-9, interval: None }],
        };
        let plot = Plot {
            id: "p",
            title: "a < b".into(),
            x: Axis::linear("x", ""),
            y: Axis::linear("y", ""),
            curves: ["one", "two", "three"].map(curve).into(),
            highlights: Vec::new(),
        };
        let svg = render(&plot);
        let places: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("class=\"label"))
            .map(|line| line.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(places.len(), 3);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= LABEL_GAP - 0.11), "{places:?}");
        assert!(svg.contains("a &lt; b") && !svg.contains("a < b"));
    }
}
