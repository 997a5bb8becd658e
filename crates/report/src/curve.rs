//! Curves as inline SVG. They need no script; with the script, the pointer shows the values.

use maud::{Markup, html};

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 150.0;
/// Margins in pixels.
const LEFT: f64 = 38.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 20.0;
/// The number of points from which a running mean is drawn over the raw values.
const SMOOTH_FROM: usize = 16;

/// One line of a panel.
pub struct Series {
    /// The label in the legend.
    pub label: String,
    /// The colour, 0 to 5, as the CSS class `c0` to `c5`.
    pub class: usize,
    /// (x, y) by rising x; missing values have no point.
    pub points: Vec<(f64, f64)>,
    /// 95 % intervals, drawn as bars: (x, low, high).
    pub bars: Vec<(f64, f64, f64)>,
}

/// One small chart.
pub struct Panel {
    /// Heading.
    pub title: String,
    /// One line under the heading that defines the values.
    pub note: String,
    /// The lines.
    pub series: Vec<Series>,
    /// Fixed range of y (0 to 1 for rates); `None` takes the range of the data.
    pub range: Option<(f64, f64)>,
}

/// The panel as a figure. Empty series are left out; a panel without a series is empty.
pub fn panel(panel: &Panel) -> Markup {
    let series: Vec<&Series> = panel.series.iter().filter(|s| !s.points.is_empty()).collect();
    if series.is_empty() {
        return html! {};
    }
    let (x0, x1) = padded(extent(series.iter().flat_map(|s| s.points.iter().map(|p| p.0))));
    let (y0, y1) =
        panel.range.unwrap_or_else(|| rounded(padded(extent(series.iter().flat_map(|s| heights(s))))));
    let sx = |x: f64| LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
    let sy = |y: f64| HEIGHT - BOTTOM - (y.clamp(y0, y1) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM);
    html! {
        figure.panel data-x0=(x0) data-x1=(x1) data-left=(LEFT) data-right=(WIDTH - RIGHT) {
            figcaption { h3 { (panel.title) } p { (panel.note) } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(panel.title) {
                @for y in ticks(y0, y1) {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(num(sy(y))) y2=(num(sy(y))) {}
                    text.y x=(LEFT - 6.0) y=(num(sy(y) + 3.0)) { (value(y)) }
                }
                text.x x=(LEFT) y=(HEIGHT - 5.0) { "step " (value(x0)) }
                text.x.end x=(WIDTH - RIGHT) y=(HEIGHT - 5.0) { (value(x1)) }
                @for s in &series {
                    @let mean = if s.points.len() >= SMOOTH_FROM { running_mean(&s.points) } else { vec![] };
                    g class={ "c" (s.class) } {
                        polyline.raw[!mean.is_empty()].line[mean.is_empty()] points=(path(&s.points, &sx, &sy)) {}
                        @if !mean.is_empty() { polyline.line points=(path(&mean, &sx, &sy)) {} }
                        @for (x, low, high) in &s.bars {
                            line.bar x1=(num(sx(*x))) x2=(num(sx(*x))) y1=(num(sy(*low))) y2=(num(sy(*high))) {}
                        }
                        @if s.points.len() < SMOOTH_FROM {
                            @for (x, y) in &s.points {
                                circle cx=(num(sx(*x))) cy=(num(sy(*y))) r="2.4" {
                                    title { (s.label) ", step " (value(*x)) ": " (value(*y)) }
                                }
                            }
                        }
                    }
                }
                line.cursor y1=(TOP) y2=(HEIGHT - BOTTOM) {}
            }
            ul.legend {
                @for s in &series {
                    li class={ "c" (s.class) } data-points=(data(&s.points)) {
                        i {} span { (s.label) } b { (s.points.last().map_or(String::new(), |p| value(p.1))) }
                    }
                }
            }
        }
    }
}

/// All y values of a series, with the ends of its intervals.
fn heights(s: &Series) -> impl Iterator<Item = f64> {
    s.points.iter().map(|p| p.1).chain(s.bars.iter().flat_map(|b| [b.1, b.2]))
}

/// Three significant digits without trailing zeros, all digits from 1000: `0.123`, `12.3`, `1234`.
pub fn value(v: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    let magnitude = v.abs().log10().floor() as i32;
    if magnitude < -3 {
        return format!("{v:.1e}");
    }
    let digits = (2 - magnitude).clamp(0, 4) as usize;
    let text = format!("{v:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn num(v: f64) -> String {
    format!("{v:.1}")
}

fn path(points: &[(f64, f64)], sx: &impl Fn(f64) -> f64, sy: &impl Fn(f64) -> f64) -> String {
    let pairs: Vec<String> = points.iter().map(|(x, y)| format!("{:.1},{:.1}", sx(*x), sy(*y))).collect();
    pairs.join(" ")
}

fn data(points: &[(f64, f64)]) -> String {
    let pairs: Vec<String> = points.iter().map(|(x, y)| format!("{x}:{}", value(*y))).collect();
    pairs.join(" ")
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The range, or a range around a constant.
fn padded((low, high): (f64, f64)) -> (f64, f64) {
    if high > low { (low, high) } else { (low - low.abs().max(1.0) * 0.5, high + high.abs().max(1.0) * 0.5) }
}

/// The range widened to whole ticks, and to zero if zero is near.
fn rounded((low, high): (f64, f64)) -> (f64, f64) {
    let low = if low > 0.0 && low < 0.5 * high { 0.0 } else { low };
    let step = tick_step(low, high);
    ((low / step).floor() * step, (high / step).ceil() * step)
}

fn tick_step(low: f64, high: f64) -> f64 {
    let rough = (high - low) / 3.0;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| *s >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn ticks(low: f64, high: f64) -> Vec<f64> {
    let step = if (low, high) == (0.0, 1.0) { 0.25 } else { tick_step(low, high) };
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A centred mean over about a twelfth of the points, shorter at the ends.
fn running_mean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let half = (points.len() / 24).max(2);
    let mean = |i: usize| {
        let reach = half.min(i).min(points.len() - 1 - i);
        let window = &points[i - reach..=i + reach];
        window.iter().map(|p| p.1).sum::<f64>() / window.len() as f64
    };
    (0..points.len()).map(|i| (points[i].0, mean(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_significant_digits() {
        for (v, want) in [
            (0.0, "0"),
            (0.12345, "0.123"),
            (12.345, "12.3"),
            (1234.5, "1234"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (0.00001, "1.0e-5"),
        ] {
            assert_eq!(value(v), want);
        }
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_range() {
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks(0.0, 60.0), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(rounded((3.0, 58.0)), (0.0, 60.0));
        assert_eq!(padded((2.0, 2.0)), (1.0, 3.0));
    }

    #[test]
    fn the_running_mean_of_a_straight_line_is_the_line() {
        let line: Vec<(f64, f64)> = (0..40).map(|i| (i as f64, 3.0 * i as f64)).collect();
        for (a, b) in running_mean(&line).iter().zip(&line) {
            assert!((a.1 - b.1).abs() < 1e-9);
        }
    }
}
