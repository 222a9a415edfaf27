//! Sign-ins over HTTP: a server of ours, a load generator, and what runs both beside a peer.
//!
//! `scripts/bench-flow` starts it. A sign-in is three requests on one kept connection. With a code by e-mail: the address, for
//! which a code is sent; the code, for which a session is given; and a page that the session opens. The mail is a datagram to
//! the load generator. With an app: the page behind the password, which nobody checks; the app's code, for which a session is
//! given; and the same page. The load generator is every app. A code works once, so each account signs in once.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures, and ends where it cannot measure"
)]

mod asked;
mod client;
mod contenders;
mod counted;
mod draw;
mod enrol;
mod floor;
mod load;
mod memory;
mod run;
mod serve;
mod server;
mod world;

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", database, mail] => serve::serve(database, mail).await,
        ["floor", database, mail] => floor::serve(database, mail).await,
        ["run", peers, folder] => run::run(peers, folder, run::Length::Full).await,
        ["run", peers, folder, "short"] => run::run(peers, folder, run::Length::Short).await,
        ["run", peers, folder, "smoke"] => run::run(peers, folder, run::Length::Smoke).await,
        ["memory"] => memory::memory().await,
        ["draw", folder] => draw::draw(folder.as_ref()),
        _ => panic!(
            "usage: flow run PEERS FOLDER [short|smoke] | flow serve|floor DATABASE MAIL | flow memory | flow draw FOLDER"
        ),
    }
}
