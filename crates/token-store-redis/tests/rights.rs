//! The user of docs/redis.md may do what the store asks for, and nothing more.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[cfg(feature = "cluster")]
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/outages.rs"]
mod outages;
#[path = "support/verbs.rs"]
mod verbs;

use std::{collections::BTreeSet, fs};

use fixture::{CODE, Fixture, PROMPT};
use testing::redis::{DURABLE, Install, Server, everything};
use token_store::{FactorState, FactorStore};
use token_store_redis::RedisStore;
use verbs::every_verb;

const PAGE: &str = include_str!("../../../docs/redis.md");

/// The command of the page that makes the user, for this prefix.
fn user(prefix: &str) -> String {
    let (_, block) = PAGE.split_once("```acl\n").expect("the page has the user");
    let (command, _) = block.split_once("```").expect("the block ends");
    let words: Vec<_> = command.split_whitespace().collect();
    words.join(" ").replace("{ott}", &format!("{{{prefix}}}"))
}

/// What the page adds for a setting.
fn further(setting: &str) -> String {
    let row = format!("| `{setting}` | `");
    let (_, rest) = PAGE.split_once(&row).expect("the page has the setting");
    let (rights, _) = rest.split_once('`').expect("the rights end");
    rights.replace('\\', "")
}

fn with_user(url: &str) -> String {
    url.replace("redis://", "redis://tokens:PASSWORD@")
}

async fn every_verb_is_done(store: RedisStore) {
    let fixture = Fixture::new(store);
    let (code, prompt) = (fixture.insert(&CODE).await, fixture.insert(&PROMPT).await);
    for (id, state) in [(1, FactorState::Pending), (2, FactorState::Active)] {
        let factor = fixture.factor(id, state);
        assert!(fixture.store.insert_factor(&factor).await.unwrap());
    }
    for asked in every_verb(&fixture, &code, &prompt) {
        let (verb, told) = asked.await;
        assert!(told.is_ok(), "{verb}: {told:?}");
    }
}

/// Each command of a script stands in the page's list, and the list has no other.
#[test]
fn rights_of_the_page_are_those_of_the_scripts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lua");
    let mut used = BTreeSet::from(["eval".to_owned(), "evalsha".to_owned()]);
    for file in fs::read_dir(folder).unwrap() {
        let script = fs::read_to_string(file.unwrap().path()).unwrap();
        let calls = script.split("redis.call('").skip(1);
        used.extend(calls.map(|call| call.split('\'').next().unwrap().to_lowercase()));
    }
    let user = user("ott");
    let allowed = user.split(" +").skip(1).map(str::to_owned);
    assert_eq!(used, allowed.collect());
}

/// The page's user does every verb of a standalone store.
#[tokio::test(flavor = "multi_thread")]
async fn rights_of_the_page_are_enough() {
    let server = Server::start(&[]).await;
    server.ask(&user("plain")).await;
    let builder = everything().prefix("plain");
    every_verb_is_done(builder.install(with_user(&server.url())).await).await;
}

/// With the further right of `replicas`, it does every verb under it.
#[tokio::test(flavor = "multi_thread")]
async fn rights_for_replicas_are_enough() {
    let server = Server::start(DURABLE).await;
    let _replica = server.replica(&[]).await;
    server
        .ask(&format!("{} {}", user("durable"), further("replicas")))
        .await;
    // A replica on a busy disk has an eighth of it for each write.
    let builder = everything()
        .prefix("durable")
        .replicas(1)
        .timeout(core::time::Duration::from_secs(120));
    every_verb_is_done(builder.install(with_user(&server.url())).await).await;
}

/// With the further rights of a cluster, it does every verb on one.
#[cfg(feature = "cluster")]
#[tokio::test(flavor = "multi_thread")]
async fn rights_for_a_cluster_are_enough() {
    let cluster = testing::redis::Cluster::patient().await;
    let make = format!("{} {}", user("many"), further("cluster"));
    for member in &cluster.members {
        member.ask(&make).await;
    }
    let urls = cluster.urls().iter().map(|url| with_user(url)).collect();
    let builder = everything().prefix("many");
    every_verb_is_done(builder.install_cluster(urls).await).await;
}
