//! Approval on another device.

use contract_server::testing::{Request, Response};
use serde_json::{Value, json};

use crate::support::{PASSWORD, Site, Visitor, whole};

const OCS: &str = "/ocs/v2.php/apps/twofactor_nextcloud_notification/api/v1";
const ID: &str = "twofactor_nextcloud_notification";

/// What the waiting client holds, and the number that the device got.
fn ask(site: &Site, visitor: &mut Visitor) -> (String, String) {
    let asked = visitor.get(&format!("token/{ID}/request"));
    assert_eq!(
        (asked.status, &asked.json()["success"]),
        (200, &json!(true))
    );
    let token = asked.json()["data"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let sent = site.server.outbox();
    let push = sent.last().expect("a push");
    assert_eq!(
        (&push["channel"], &push["to"]),
        (&json!("push"), &json!(visitor.user))
    );
    let number = push["token"].as_str().expect("a number").to_owned();
    assert!(number.bytes().all(|digit| digit.is_ascii_digit()));
    assert!(!push.to_string().contains(&token));
    (token, number)
}

fn decide(site: &Site, method: &str, number: &str, user: &str) -> u16 {
    let request = Request::new(method, &format!("{OCS}/attempt/{number}"));
    let response = site.client().send(&request.basic(user, PASSWORD));
    let status = response.status;
    assert_eq!(response.json()["ocs"]["meta"]["statuscode"], json!(status));
    status
}

fn poll(site: &Site, token: &str) -> (u16, Value) {
    let request = Request::new("GET", &format!("{OCS}/poll/{token}"));
    let response: Response = site.client().send(&request);
    (
        response.status,
        response.json()["ocs"]["data"]["status"].clone(),
    )
}

fn open(visitor: &mut Visitor, token: &str) -> u16 {
    visitor.open(&json!({ID: token})).status
}

/// 000-4: the token has 40 letters and digits, and is in no message.
#[test]
fn row_04_token_has_40_characters() {
    let site = Site::start();
    let (token, _) = ask(&site, &mut site.with_token("alice", 1));
    assert_eq!(token.len(), 40);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
}

/// 000-5: approve, reject, expire, and what polling says of it.
#[test]
fn row_05_approve_reject_and_expire() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let (token, number) = ask(&site, &mut alice);
    assert_eq!(poll(&site, &token), (200, json!("pending")));
    assert_eq!(decide(&site, "POST", &number, "bob"), 403);
    assert_eq!(poll(&site, &token), (200, json!("pending")));
    assert_eq!(decide(&site, "POST", &number, "alice"), 202);
    assert_eq!(poll(&site, &token), (200, json!("accepted")));
    // The first decision stands.
    assert_eq!(decide(&site, "DELETE", &number, "alice"), 403);
    assert_eq!(decide(&site, "POST", &number, "alice"), 403);
    assert_eq!(poll(&site, &token), (200, json!("accepted")));

    let (token, number) = ask(&site, &mut alice);
    assert_eq!(decide(&site, "DELETE", &number, "alice"), 200);
    assert_eq!(poll(&site, &token), (200, json!("rejected")));
    assert_eq!(decide(&site, "POST", &number, "alice"), 403);

    let (token, number) = ask(&site, &mut alice);
    site.server.ahead(601);
    assert_eq!(poll(&site, &token).0, 403);
    assert_eq!(
        decide(&site, "POST", &number, "bob"),
        403,
        "expired comes before whose it is"
    );
    assert_eq!(
        decide(&site, "POST", &number, "alice"),
        404,
        "and then it is gone"
    );
    assert_eq!(poll(&site, &token).0, 404);
}

/// 000-5: of decisions at once the first stands, and each other one is told what it is told one after the other: also of
/// those that say the same.
#[test]
fn row_05_one_of_decisions_at_once_stands() {
    let limit = json!({"token_request_limit": {"count": 100, "seconds": 60}});
    let site = Site::of(&[whole("alice")], &limit);
    let mut alice = site.with_token("alice", 1);
    for methods in [["DELETE", "DELETE"], ["POST", "POST"], ["POST", "DELETE"]] {
        for _ in 0..4 {
            let (token, number) = ask(&site, &mut alice);
            let (site, number) = (&site, &number);
            let barrier = &std::sync::Barrier::new(8);
            let answers: Vec<u16> = std::thread::scope(|scope| {
                let decide = |at: usize| {
                    barrier.wait();
                    decide(site, methods[at % 2], number, "alice")
                };
                let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || decide(at))).collect();
                let answers = threads.into_iter().map(|thread| thread.join());
                answers.map(|answer| answer.expect("an answer")).collect()
            });
            let mut won = answers.iter().filter(|status| **status != 403);
            let (first, more) = (won.next().expect("one stands"), won.next());
            assert_eq!(more, None, "{answers:?}");
            let word = match first {
                202 => "accepted",
                200 => "rejected",
                other => panic!("{other}"),
            };
            assert_eq!(poll(site, &token), (200, json!(word)));
        }
    }
}

/// 000-5: what there is not, and who is not signed in.
#[test]
fn row_05_unknown_attempts_and_callers() {
    let site = Site::start();
    for number in [
        "1",
        "x",
        "",
        "-1",
        "%00",
        "1e3",
        "99999999999999999999999",
        "%ff",
    ] {
        assert!(matches!(decide_raw(&site, number), 404 | 405), "{number}");
    }
    assert_eq!(poll(&site, "nothing").0, 404);
    assert_eq!(poll(&site, &"a".repeat(40)).0, 404);
    let (_, number) = ask(&site, &mut site.with_token("alice", 1));
    let request = Request::new("POST", &format!("{OCS}/attempt/{number}"));
    let response = site.client().send(&request);
    assert_eq!(
        (
            response.status,
            &response.json()["ocs"]["meta"]["statuscode"]
        ),
        (401, &json!(401))
    );
    assert_eq!(response.header("x-api-session"), None);
}

fn decide_raw(site: &Site, number: &str) -> u16 {
    let request = Request::new("POST", &format!("{OCS}/attempt/{number}"));
    site.server
        .client()
        .send(&request.basic("alice", PASSWORD))
        .status
}

/// 000-6: an accepted token opens once.
#[test]
fn row_06_accepted_token_opens_once() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let (token, number) = ask(&site, &mut alice);
    assert_eq!(decide(&site, "POST", &number, "alice"), 202);
    assert_eq!(open(&mut alice, &token), 200);
    assert_eq!(open(&mut site.with_token("alice", 2), &token), 401);
    assert_eq!(poll(&site, &token).0, 404);
    assert_eq!(decide(&site, "POST", &number, "alice"), 404);
}

/// 000-6: pending, rejected, foreign and expired ones fail, and are gone.
#[test]
fn row_06_other_tokens_fail() {
    let site = Site::of(
        &[whole("alice"), whole("bob")],
        &json!({"token_request_limit": {"count": 100, "seconds": 60}, "failed_attempts": 100}),
    );
    let mut alice = site.with_token("alice", 1);
    let (pending, number) = ask(&site, &mut alice);
    assert_eq!(open(&mut alice, &pending), 401);
    assert_eq!(decide(&site, "POST", &number, "alice"), 404);
    assert_eq!(open(&mut alice, &pending), 401);

    let (rejected, number) = ask(&site, &mut alice);
    assert_eq!(decide(&site, "DELETE", &number, "alice"), 200);
    assert_eq!(open(&mut alice, &rejected), 401);

    let (foreign, number) = ask(&site, &mut alice);
    assert_eq!(decide(&site, "POST", &number, "alice"), 202);
    assert_eq!(open(&mut site.with_token("bob", 1), &foreign), 401);
    assert_eq!(open(&mut alice, &foreign), 401);

    let (late, number) = ask(&site, &mut alice);
    assert_eq!(decide(&site, "POST", &number, "alice"), 202);
    site.server.ahead(601);
    assert_eq!(open(&mut alice, &late), 401);

    let object = alice.open(&json!({ID: {"success": true, "data": {"token": late}}}));
    assert_eq!(object.status, 401);
}

/// Fifty threads open with one accepted token: one session.
#[test]
fn row_06_fifty_at_once_open_one_session() {
    let limits = json!({"open_limit": {"count": 1000, "seconds": 30}, "failed_attempts": 1000});
    let site = Site::of(&[whole("alice")], &limits);
    let (token, number) = ask(&site, &mut site.with_token("alice", 1));
    assert_eq!(decide(&site, "POST", &number, "alice"), 202);
    let (site, token) = (&site, &token);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50_u8)
            .map(|at| scope.spawn(move || open(&mut site.with_token("alice", at % 9 + 1), token)))
            .collect();
        threads
            .into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(200), count(401)), (1, 49), "{answers:?}");
}

/// What was approved before SIGKILL opens afterwards, once.
#[test]
fn row_06_approval_outlives_sigkill() {
    let mut site = Site::start();
    let (token, number) = ask(&site, &mut site.with_token("alice", 1));
    assert_eq!(decide(&site, "POST", &number, "alice"), 202);
    site.server.kill_and_restart();
    assert_eq!(poll(&site, &token), (200, json!("accepted")));
    assert_eq!(open(&mut site.with_token("alice", 1), &token), 200);
    site.server.kill_and_restart();
    assert_eq!(open(&mut site.with_token("alice", 2), &token), 401);
}

/// 000-5: an expired notification is expired for an hour, whoever tidies meanwhile, and unknown afterwards.
#[test]
fn row_05_expired_for_an_hour() {
    let mut site = Site::start();
    let (token, _) = ask(&site, &mut site.with_token("alice", 1));
    site.server.ahead(700);
    site.server.kill_and_restart();
    // Time for what is tidied at the start.
    std::thread::sleep(core::time::Duration::from_secs(1));
    assert_eq!(poll(&site, &token).0, 403);
    site.server.ahead(600 + 3_700);
    site.server.kill_and_restart();
    assert_eq!(poll(&site, &token).0, 404);
}
