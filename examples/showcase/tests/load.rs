//! Many at once, and some who only hold on: the program as a process of its own.

#![cfg(target_os = "linux")] // where all of 127.0.0.0/8 is this machine, and /proc tells of a process
#[path = "common/running.rs"]
mod running;
#[path = "common/support.rs"]
mod support;

use core::{net::IpAddr, time::Duration};
use std::{collections::BTreeMap, fs, sync::Arc, time::Instant};

use running::Running;
use support::connect_from;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Barrier, Mutex},
    time::timeout,
};

/// Who holds many connections holds this: two such tests at once need more files than the usual limit of 1,024.
static MANY: Mutex<()> = Mutex::const_new(());

/// Another address of this machine for each number: to the server, another network.
fn source(number: usize) -> IpAddr {
    let [.., high, low] = number.to_be_bytes();
    IpAddr::from([127, 7, high, low])
}

/// The most memory that a process ever had resident, in MiB.
fn most_resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u64 = kilobytes.expect("a line").parse().expect("a number");
    kilobytes / 1_024
}

/// The right password 600 times at once: memory stays bounded, and everybody is answered or told when to come back.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_600_at_once_fit_and_are_answered() {
    const PEOPLE: usize = 600;
    let _alone = MANY.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    let registered = running.person().register("many@example.org").await;
    assert_eq!(registered.leads_to(), "/welcome", "{registered:?}");
    let mut seen = running.person();
    seen.csrf().await;
    let barrier = Arc::new(Barrier::new(PEOPLE));
    let tasks: Vec<_> = (0..PEOPLE)
        .map(|number| {
            let (mut person, barrier) = (seen.clone(), Arc::clone(&barrier));
            person.source = Some(source(number));
            tokio::spawn(async move {
                barrier.wait().await;
                person.password("many@example.org").await
            })
        })
        .collect();
    let mut statuses = BTreeMap::<u16, usize>::new();
    for task in tasks {
        let answer = task.await.expect("an answer");
        match answer.status {
            303 => assert_eq!(answer.leads_to(), "/welcome", "{answer:?}"),
            503 => {
                assert!(!answer.body.contains("Not available"), "{answer:?}");
                let after = answer.header("retry-after").expect("when to come back");
                assert!((1..=10).contains(&after.parse::<u64>().expect("seconds")));
            }
            _ => panic!("{answer:?}"),
        }
        *statuses.entry(answer.status).or_default() += 1;
    }
    let resident = most_resident(running.process());
    assert!(resident < 300, "{resident} MiB, {statuses:?}");
    assert!(statuses[&303] >= 64, "{statuses:?}");
    // Whoever comes back is let in.
    assert_eq!(
        seen.password("many@example.org").await.leads_to(),
        "/welcome"
    );
    println!("{resident} MiB, {statuses:?}");
}

/// Half a request, of two kinds, and what of it is there.
async fn half_open(running: &Running, number: usize) -> TcpStream {
    let mut stream = connect_from(source(number), running.address).await;
    let host = running.address;
    let half = if number.is_multiple_of(2) {
        format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\n")
    } else {
        format!("POST /sign-in HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\ncsrf=")
    };
    stream.write_all(half.as_bytes()).await.expect("it is sent");
    stream
}

/// With 900 connections that hold half a request each, visitors are answered at once, and sign in. They are more than
/// the program serves and turns away together, and fewer than a process may have by default.
#[tokio::test(flavor = "multi_thread")]
async fn half_requests_900_keep_nobody_out() {
    let _alone = MANY.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    let mut visitor = running.person();
    assert_eq!(
        visitor.register("visitor@example.org").await.leads_to(),
        "/welcome"
    );
    let mut held = Vec::new();
    for number in 0..900 {
        held.push(half_open(&running, number).await);
    }
    for _ in 0..5 {
        let began = Instant::now();
        let mut visitor = running.person();
        assert_eq!(visitor.get("/sign-in").await.status, 200);
        let signed_in = visitor.password("visitor@example.org").await;
        assert_eq!(signed_in.leads_to(), "/welcome", "{signed_in:?}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(held.len(), 900);
}

/// What was read until the server hung up, and after how long that was.
async fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let began = Instant::now();
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("the server hangs up");
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        began.elapsed(),
    )
}

/// Whoever sends no whole head, no whole body, or nothing more is hung up on after ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn slow_requests_end_after_ten_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path());
    let host = running.address;
    let head = half_open(&running, 0).await;
    let body = half_open(&running, 1).await;
    let mut trickled = half_open(&running, 3).await;
    let mut idle = connect_from(source(4), host).await;
    let request = format!("GET /icon.svg HTTP/1.1\r\nHost: {host}\r\n\r\n");
    idle.write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let silent = connect_from(source(5), host).await;

    // A byte now and then does not prolong it.
    let (_, mut write) = trickled.split();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        write.write_all(b"x").await.expect("it is sent");
    }
    let ends =
        [head, body, trickled, idle, silent].map(|stream| tokio::spawn(until_closed(stream)));
    let mut answers = Vec::new();
    for end in ends {
        let (answer, took) = end.await.expect("an end");
        assert!(took < Duration::from_secs(12), "{took:?}: {answer}");
        answers.push(answer);
    }
    assert!(answers[1].starts_with("HTTP/1.1 408 "), "{}", answers[1]);
    assert!(answers[2].starts_with("HTTP/1.1 408 "), "{}", answers[2]);
    assert!(answers[3].starts_with("HTTP/1.1 200 "), "{}", answers[3]);
}
