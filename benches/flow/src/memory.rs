//! Where the memory of our server goes over SQLite: the same load over pools of other sizes, and with one arena of the allocator.

use core::{sync::atomic::AtomicUsize, time::Duration};
use std::{path::Path, sync::Arc};

use crate::{
    contenders::{Contender, contenders},
    load::load,
    server::Server,
    world::{Flow, Place},
};

/// What is set, and of whom: connections and KiB of pages of each (8 and 100 are the store's own, 2000 are SQLite's), or the C library's arenas.
const SETTINGS: [(&str, &str); 9] = [
    ("ours", "FLOW_AS=it-is"),
    ("ours", "FLOW_POOL=8 2000"),
    ("ours", "FLOW_POOL=8 500"),
    ("ours", "FLOW_POOL=8 100"),
    ("ours", "FLOW_POOL=4 100"),
    ("ours", "FLOW_POOL=2 2000"),
    ("ours", "FLOW_POOL=2 100"),
    ("ours", "MALLOC_ARENA_MAX=1"),
    ("floor", "FLOW_AS=it-is"),
];
const TIME: Duration = Duration::from_secs(5);

/// Prints sign-ins a second and the most memory of each, with 32 clients.
pub(crate) async fn memory() {
    println!("of\tsetting\trate\tp99 ms\tMiB");
    for (name, setting) in SETTINGS {
        let contender = contenders(Flow::Code, Path::new("no peers")).into_iter();
        let contender = contender.filter(|one| one.name == name).map(|one| {
            let set = ["env".to_owned(), setting.to_owned()].into_iter();
            let command = set.chain(one.command.clone()).collect();
            Contender { command, ..one }
        });
        for contender in contender {
            let server = Server::start(&contender, Place::Sqlite, 1, false).await;
            let next = Arc::new(AtomicUsize::new(0));
            let seen = load(&server.meets, 32, TIME, &next).await;
            let memory = server.memory();
            server.end().await;
            let (rate, p99) = (seen.rate, seen.p99);
            println!("{name}\t{setting}\t{rate:.0}\t{p99:.1}\t{memory:.1}");
        }
    }
}
