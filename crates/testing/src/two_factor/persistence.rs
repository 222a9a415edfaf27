//! A thief who once got in, and the owner who wants them out: every way in, every act, every answer.

use std::collections::BTreeSet;

use crate::{
    Place,
    application::Application,
    nightly,
    persistence::{Case, Cell, Left, NAMED},
};

/// Nothing of a thief's works after the owner's answer but what is named, and what is named does work.
///
/// All cells in memory; a spread of them where every step lasts, and all with `NIGHTLY=1`.
pub async fn thief_keeps_what_is_named_and_no_more(place: Place) {
    let app = Application::new(place).await;
    let every = if nightly() { 1 } else { place.often(1, 16) };
    let (mut played, mut wrong) = (0_usize, Vec::new());
    for (number, cell) in Cell::all().enumerate() {
        // Each store has another share.
        if !(number + place.number()).is_multiple_of(every) {
            continue;
        }
        played += 1;
        let left = Case::new(&app, number, cell).await.play().await;
        let named = NAMED.iter().filter(|named| named.names(&cell));
        let named: BTreeSet<Left> = named.flat_map(|named| named.left).copied().collect();
        let unnamed: Vec<_> = left.difference(&named).collect();
        let absent: Vec<_> = named.difference(&left).collect();
        if !unnamed.is_empty() || !absent.is_empty() {
            wrong.push(format!("{cell:?}: left {unnamed:?}, not left {absent:?}"));
        }
    }
    assert!(played >= Cell::all().count() / every);
    assert!(
        wrong.is_empty(),
        "{} of {played} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
