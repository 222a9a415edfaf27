//! The plot: a bar for each contender, in the colour of its crate.

use std::fmt::Write as _;

use crate::rounds::Figures;

const LEFT: f64 = 300.0;
const WIDTH: f64 = 860.0;
const ROW: f64 = 18.0;

/// Every line's times, as parts of the slowest contender shown; what is far slower is cut and says so.
pub(crate) fn draw(lines: &[Figures]) -> String {
    let rows: usize = lines.iter().map(|line| line.times.len() + 1).sum();
    let height = rows as f64 * ROW + 60.0;
    let mut svg = String::new();
    // Writing to a String never fails.
    let _ = writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="sans-serif" font-size="12">
<title>oath-otp beside its peers: nanoseconds, less is better</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="20" y="28" font-size="16" fill="#1f2328">oath-otp beside its peers: nanoseconds, less is better</text>"##
    );
    let mut y = 48.0;
    for line in lines {
        let _ = writeln!(
            svg,
            r##"<text x="20" y="{:.0}" fill="#1f2328" font-weight="bold">{}</text>"##,
            y + 13.0,
            line.name
        );
        let ours = line.ours().unwrap_or(1.0);
        // Six times ours fills the width.
        let full = ours * 6.0;
        for (name, time) in &line.times {
            y += ROW;
            let width = (time / full).min(1.0) * (WIDTH - LEFT - 120.0);
            let colour = match *name {
                name if name.starts_with("o") => "#0b6e4f", // oath-otp, and our window
                "floor" => "#6e7781",
                _ => "#b5651d",
            };
            let cut = if *time > full { ", bar cut" } else { "" };
            let _ = writeln!(
                svg,
                r##"<text x="{:.0}" y="{:.0}" text-anchor="end" fill="#1f2328">{name}</text><rect x="{LEFT}" y="{:.0}" width="{width:.1}" height="13" fill="{colour}"/><text x="{:.1}" y="{:.0}" fill="#1f2328">{time:.0}{cut}</text>"##,
                LEFT - 8.0,
                y + 12.0,
                y + 2.0,
                LEFT + width + 6.0,
                y + 12.0,
            );
        }
        y += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}
