//! The plots: horizontal bars, in the colours of the system's light or dark theme.

use core::fmt::Write as _;

const LEFT: f64 = 210.0;
const WIDTH: f64 = 880.0;
const ROW: f64 = 18.0;
/// For the text behind the longest bar.
const RIGHT: f64 = 270.0;

const STYLE: &str = "\
text{font:12px system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif;fill:#1f2328;\
paint-order:stroke;stroke:#fff;stroke-width:3px}\
.t{font-size:16px}.g{font-weight:bold}.s{fill:#57606a}\
.page{fill:#fff}.store{fill:#0b6e4f}.floor{fill:#6e7781}.other{fill:#b5651d}\
.bar{stroke:#cf222e;fill:none;stroke-dasharray:4 3}.axis{stroke:#d0d7de;fill:none}\
.line{fill:none;stroke-width:2}.line.store{stroke:#0b6e4f;fill:none}\
.edge{fill:none;stroke:#6e7781;stroke-dasharray:4 3}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3;stroke:#0d1117}.s{fill:#9198a1}.page{fill:#0d1117}\
.store{fill:#3fb68b}.floor{fill:#8b949e}.other{fill:#d98e4f}.bar{stroke:#ff7b72}.axis{stroke:#3d444d}\
.line.store{stroke:#3fb68b}.edge{stroke:#8b949e}}";

/// One bar: what it is, how long, the text behind it, the class of its colour.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) text: String,
    pub(crate) class: &'static str,
}

/// Bars that share a scale.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) bars: Vec<Bar>,
    /// What none may exceed: a dashed line.
    pub(crate) most: Option<f64>,
}

pub(crate) fn open(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         aria-labelledby=\"title\">\n<title id=\"title\">{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"t\" x=\"20\" y=\"28\">{title}</text>\n"
    )
}

/// Every group's bars, each as a part of its own group's longest.
pub(crate) fn bars(title: &str, groups: &[Group]) -> String {
    let rows: usize = groups.iter().map(|group| group.bars.len() + 1).sum();
    let height = rows as f64 * ROW + groups.len() as f64 * 6.0 + 54.0;
    let mut svg = open(title, height);
    let mut y = 44.0;
    for group in groups {
        let values = group.bars.iter().map(|bar| bar.value).chain(group.most);
        let longest = values.fold(f64::MIN_POSITIVE, f64::max);
        let long = |value: f64| value / longest * (WIDTH - LEFT - RIGHT);
        // Writing to a String never fails.
        let _ = writeln!(
            svg,
            "<text class=\"g\" x=\"20\" y=\"{:.0}\">{}</text>",
            y + 13.0,
            group.name
        );
        let top = y + ROW;
        let mut texts = String::new();
        for bar in &group.bars {
            y += ROW;
            let _ = writeln!(
                svg,
                "<rect class=\"{}\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{:.1}\" height=\"13\"/>",
                bar.class,
                y + 2.0,
                long(bar.value)
            );
            let _ = writeln!(
                texts,
                "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
                 <text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
                LEFT - 8.0,
                y + 12.0,
                bar.name,
                LEFT + long(bar.value) + 6.0,
                y + 12.0,
                bar.text
            );
        }
        y += ROW;
        if let Some(most) = group.most {
            let x = LEFT + long(most);
            let _ = writeln!(svg, "<path class=\"bar\" d=\"M{x:.1} {top:.0}V{y:.0}\"/>");
        }
        svg.push_str(&texts);
        y += 6.0;
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line of points whose axes are both logarithmic, and edges that go all the way across.
pub(crate) struct Lines<'p> {
    pub(crate) title: &'p str,
    pub(crate) across: &'p str,
    pub(crate) up: &'p str,
    pub(crate) points: &'p [(f64, f64)],
    pub(crate) edges: &'p [(String, f64)],
}

pub(crate) fn lines(lines: &Lines<'_>) -> String {
    const TOP: f64 = 64.0;
    const BOTTOM: f64 = 360.0;
    const START: f64 = 80.0;
    const END: f64 = 600.0;
    let Lines {
        title,
        across,
        up,
        points,
        edges,
    } = lines;
    let decades = |values: &mut dyn Iterator<Item = f64>| {
        let logs: Vec<_> = values.map(f64::log10).collect();
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let high = logs
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
            .ceil();
        (low, high)
    };
    let (left, right) = decades(&mut points.iter().map(|point| point.0));
    let ups = points.iter().map(|point| point.1);
    let (low, high) = decades(&mut ups.chain(edges.iter().map(|edge| edge.1)));
    let x = |value: f64| START + (value.log10() - left) / (right - left) * (END - START);
    let y = |value: f64| BOTTOM - (value.log10() - low) / (high - low) * (BOTTOM - TOP);
    let mut svg = open(title, BOTTOM + 60.0);
    let mut decade = left;
    while decade <= right {
        let at = x(10f64.powf(decade));
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/><text x=\"{at:.1}\" y=\"{:.0}\" \
             text-anchor=\"middle\">{}</text>",
            BOTTOM + 18.0,
            power(decade)
        );
        decade += 1.0;
    }
    let mut decade = low;
    while decade <= high {
        let at = y(10f64.powf(decade));
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{START} {at:.1}H{END}\"/><text x=\"{:.0}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            START - 8.0,
            at + 4.0,
            power(decade)
        );
        decade += 1.0;
    }
    let _ = writeln!(
        svg,
        "<text class=\"s\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{across}</text>\
         <text class=\"s\" x=\"20\" y=\"48\">{up}</text>",
        (START + END) / 2.0,
        BOTTOM + 40.0
    );
    // Names of edges that lie close together are moved apart.
    let mut free = f64::INFINITY;
    let mut sorted: Vec<_> = edges.iter().collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (name, value) in sorted {
        let at = y(*value);
        let text = (at + 4.0).min(free - 14.0);
        free = text;
        let _ = writeln!(
            svg,
            "<path class=\"edge\" d=\"M{START} {at:.1}H{END}\"/>\
             <text x=\"{:.0}\" y=\"{text:.1}\">{name}</text>",
            END + 8.0
        );
    }
    let path: Vec<_> = points
        .iter()
        .map(|(across, up)| format!("{:.1} {:.1}", x(*across), y(*up)))
        .collect();
    let _ = writeln!(
        svg,
        "<path class=\"line store\" d=\"M{}\"/>",
        path.join("L")
    );
    for (across, up) in *points {
        let _ = writeln!(
            svg,
            "<circle class=\"store\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"/>",
            x(*across),
            y(*up)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// `10⁶`
fn power(decade: f64) -> String {
    let digits = format!("{decade:.0}");
    let raised = digits.chars().map(|digit| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => digit
            .to_digit(10)
            .and_then(|digit| char::from_u32(0x2070 + digit))
            .unwrap_or(digit),
    });
    format!("10{}", raised.collect::<String>())
}
