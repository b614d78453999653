//! Charts as SVG with a table beside them: colours by class, shapes by number, words for whoever cannot see them.

use askama::Template;

use crate::failure::Failure;
use crate::shell::render;

/// One cell of a heat strip: one span of time.
#[derive(Clone, Debug)]
pub struct HeatCell {
    /// Such as `17:42`.
    pub label: String,
    pub total: u64,
    /// Of the total, how many were stopped.
    pub blocked: u64,
    /// Where a click leads.
    pub href: String,
}

/// Spans of time from old to new, coloured by how much happened, with a second row for what was stopped.
#[derive(Clone, Debug)]
pub struct HeatStrip {
    pub title: String,
    pub cells: Vec<HeatCell>,
}

const CELL_WIDTH: usize = 14;
const CELL_PITCH: usize = 16;
/// Shades in the style sheet, without the empty one.
const SHADES: u64 = 5;

impl HeatStrip {
    /// The strip and its table.
    pub fn html(&self) -> Result<String, Failure> {
        let most = self.cells.iter().map(|c| c.total).max().unwrap_or(0);
        let most_blocked = self.cells.iter().map(|c| c.blocked).max().unwrap_or(0);
        let cells: Vec<DrawnCell<'_>> = self
            .cells
            .iter()
            .enumerate()
            .map(|(at, cell)| DrawnCell {
                cell,
                x: at * CELL_PITCH,
                shade: shade(cell.total, most),
                blocked_shade: shade(cell.blocked, most_blocked),
            })
            .collect();
        let total: u64 = self.cells.iter().map(|c| c.total).sum();
        let blocked: u64 = self.cells.iter().map(|c| c.blocked).sum();
        let width = (cells.len() * CELL_PITCH).saturating_sub(CELL_PITCH - CELL_WIDTH);
        render(&HeatStripSvg { title: &self.title, cells, width, cell_width: CELL_WIDTH, total, blocked })
    }
}

/// 0 for nothing, else 1 to 5 by the share of the most. Square root, so that one burst does not bleach the rest.
fn shade(value: u64, most: u64) -> u64 {
    if value == 0 || most == 0 {
        return 0;
    }
    let step = (1..=SHADES).find(|s| {
        // sqrt(value / most) <= s / SHADES, without leaving whole numbers
        u128::from(value) * u128::from(SHADES * SHADES) <= u128::from(most) * u128::from(s * s)
    });
    step.unwrap_or(SHADES)
}

/// One bar: how many in a span of time, and how many of them are of a kind.
#[derive(Clone, Debug)]
pub struct PairedBar {
    /// Such as `24 Nov`.
    pub label: String,
    pub whole: u64,
    /// At most the whole.
    pub part: u64,
}

/// Bars from old to new, each with a part of it filled.
#[derive(Clone, Debug)]
pub struct PairedBars<'a> {
    pub title: &'a str,
    /// What a bar stands for, such as "Week".
    pub span_word: &'a str,
    /// What is counted, and what the part of it is.
    pub words: (&'a str, &'a str),
    pub bars: Vec<PairedBar>,
}

impl PairedBars<'_> {
    /// The bars and their table.
    pub fn html(&self) -> Result<String, Failure> {
        const HEIGHT: u64 = 120;
        const BAR_WIDTH: usize = 36;
        const BAR_PITCH: usize = 52;
        let most = self.bars.iter().map(|bar| bar.whole).max().unwrap_or(0).max(1);
        let high = |value: u64| u64::try_from(u128::from(value) * 114 / u128::from(most)).unwrap_or(0);
        let drawn = |(at, bar)| {
            let bar: &PairedBar = bar;
            DrawnBar { bar, x: at * BAR_PITCH, whole: high(bar.whole), part: high(bar.part.min(bar.whole)) }
        };
        let bars: Vec<DrawnBar<'_>> = self.bars.iter().enumerate().map(drawn).collect();
        render(&PairedBarsSvg {
            title: self.title,
            span_word: self.span_word,
            whole_words: self.words.0,
            part_words: self.words.1,
            whole: self.bars.iter().map(|bar| bar.whole).sum(),
            part: self.bars.iter().map(|bar| bar.part).sum(),
            width: (bars.len() * BAR_PITCH).saturating_sub(BAR_PITCH - BAR_WIDTH),
            height: HEIGHT,
            bar_width: BAR_WIDTH,
            bars,
        })
    }
}

/// A line of small values, for beside a number. Purely an ornament to the number: hidden from readers.
pub fn sparkline(values: &[u64]) -> Result<String, Failure> {
    const WIDTH: usize = 120;
    const HEIGHT: u64 = 28;
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let last = values.len().saturating_sub(1).max(1);
    let point = |(at, value): (usize, &u64)| {
        let x = at * WIDTH / last;
        let y = HEIGHT
            - u64::try_from(u128::from(*value) * u128::from(HEIGHT - 4) / u128::from(most)).unwrap_or(0)
            - 2;
        format!("{x},{y}")
    };
    let points: Vec<String> = values.iter().enumerate().map(point).collect();
    render(&SparklineSvg { points: points.join(" "), width: WIDTH, height: HEIGHT })
}

/// The bar's length of 100.
pub fn bar_percent(count: u64, most: u64) -> u64 {
    if most == 0 { 0 } else { (u128::from(count) * 100).div_ceil(u128::from(most)).try_into().unwrap_or(100) }
}

struct DrawnCell<'a> {
    cell: &'a HeatCell,
    x: usize,
    shade: u64,
    blocked_shade: u64,
}

#[derive(Template)]
#[template(path = "charts/heat_strip.html")]
struct HeatStripSvg<'a> {
    title: &'a str,
    cells: Vec<DrawnCell<'a>>,
    width: usize,
    cell_width: usize,
    total: u64,
    blocked: u64,
}

struct DrawnBar<'a> {
    bar: &'a PairedBar,
    x: usize,
    whole: u64,
    part: u64,
}

#[derive(Template)]
#[template(path = "charts/paired_bars.html")]
struct PairedBarsSvg<'a> {
    title: &'a str,
    span_word: &'a str,
    whole_words: &'a str,
    part_words: &'a str,
    whole: u64,
    part: u64,
    width: usize,
    height: u64,
    bar_width: usize,
    bars: Vec<DrawnBar<'a>>,
}

#[derive(Template)]
#[template(path = "charts/sparkline.html")]
struct SparklineSvg {
    points: String,
    width: usize,
    height: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_follow_the_root_of_the_share() {
        let shades: Vec<u64> = [0, 1, 4, 16, 36, 64, 100].iter().map(|v| shade(*v, 100)).collect();
        assert_eq!(shades, [0, 1, 1, 2, 3, 4, 5]);
        assert_eq!(shade(5, 0), 0);
        assert_eq!(shade(u64::MAX, u64::MAX), 5);
    }

    #[test]
    fn labels_cannot_break_out() {
        let cell =
            HeatCell { label: "<script>".into(), total: 3, blocked: 1, href: "/explore?a=\"><b>".into() };
        let html = HeatStrip { title: "t<".into(), cells: vec![cell] }.html().unwrap();
        assert!(!html.contains("<script>") && !html.contains("\"><b>"), "{html}");
        assert!(!html.contains("style="));
    }

    #[test]
    fn bars_stay_inside_and_labels_too() {
        let bar = |whole, part| PairedBar { label: "<b>".into(), whole, part };
        let bars = vec![bar(0, 0), bar(5, 9), bar(u64::MAX / 4, 1)];
        let chart = PairedBars { title: "t<i>", span_word: "Week", words: ("sent", "followed"), bars };
        let html = chart.html().unwrap();
        assert!(!html.contains("<b>") && !html.contains("t<i>") && !html.contains("style="), "{html}");
        assert!(html.contains("height=\"114\"") && html.contains("y=\"6\""), "{html}");
        assert!(PairedBars { bars: Vec::new(), ..chart }.html().is_ok());
    }

    #[test]
    fn a_sparkline_stays_inside() {
        let svg = sparkline(&[0, 5, u64::MAX]).unwrap();
        assert!(svg.contains("0,26 60,26 120,2"), "{svg}");
        assert!(sparkline(&[]).is_ok());
        assert_eq!((bar_percent(1, 1000), bar_percent(0, 9), bar_percent(9, 9)), (1, 0, 100));
    }
}
