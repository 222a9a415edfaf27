//! What the benches share: medians, and how busy the machine was.

/// The one in the middle, and the lowest and the highest.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn median(figures: &[f64]) -> (f64, [f64; 2]) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.get(sorted.len() / 2).copied();
    let ends = [sorted.first(), sorted.last()].map(|end| end.copied().unwrap_or(f64::NAN));
    (middle.expect("at least one figure"), ends)
}

/// How many processes ran or waited in the last minute, and how many cores there are.
#[must_use]
pub fn load() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = loads.split(' ').next().filter(|load| !load.is_empty());
    format!("load {} on {cores} cores", load.unwrap_or("unknown"))
}
