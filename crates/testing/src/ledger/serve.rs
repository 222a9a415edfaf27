//! What a process of its own does: it answers what it reads.

use std::{
    io::{Write as _, stdin, stdout},
    sync::Arc,
    thread,
};

use super::{
    call::{Station, ask},
    entry::Asked,
    stock::Stock,
    wire::Words,
};

/// Does what the other process asks for, many things at a time, until that is gone.
pub async fn serve(station: Station) {
    let (sends, mut asked) = tokio::sync::mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sends.send(line).is_err() {
                return;
            }
        }
    });
    let keys = asked.recv().await.unwrap_or_default();
    let stock = Arc::new(Stock::with_keys(&keys, station.applies()));
    while let Some(line) = asked.recv().await {
        if stock.make(&line).is_some() {
            continue;
        }
        let (stock, station) = (Arc::clone(&stock), station.clone());
        tokio::spawn(async move {
            let mut words = Words::of(&line);
            let number: u64 = words.next().expect("a number");
            let asked = Asked::from_words(words).expect("a verb");
            let began = std::time::Instant::now();
            let (took, told) = ask(&station, &stock, asked).await;
            let took = took.unwrap_or_else(|| began.elapsed()).as_micros();
            let line = format!("{number} {took} {}\n", told.to_line());
            // In one write: a kill leaves it whole or away, or cut.
            let mut out = stdout().lock();
            let _ = out.write_all(line.as_bytes());
            let _ = out.flush();
        });
    }
}
