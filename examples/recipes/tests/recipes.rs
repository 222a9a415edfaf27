//! Every recipe of the book, run: what must succeed, and beside it what must not.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

mod support;

use core::net::{IpAddr, Ipv4Addr};
use std::{collections::HashMap, sync::Arc};

use ott_bearer::{Door, Kind};
use recipes::{
    api_keys, audit_page, import, machines, magic_link, purge, reset_link, second_factor, session,
    support_reset, tenants, verify_email,
};
use testing::postgres;
use token_delivery::{Delivery, Outbox, Template, Templates};
use token_store_sqlx::{
    sqlx,
    token_store::{
        Answer, Claimed, Clock as _, key_file,
        ott_core::{
            Binding, Destination, Policy, Purpose, Subject,
            chrono::{TimeDelta, Utc},
        },
    },
};
use twofa_providers::{Attempt, EnrolDetails, Proofs, Response, TwoFactorError};

use support::{World, app_code};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn alice() -> Subject {
    Subject::new("", "4711").unwrap()
}

/// The link changes the password once, not after the password changed otherwise, and not for nobody.
#[tokio::test]
async fn reset_link_changes_the_password_once() {
    let session = Policy::bearer(reset_link::SESSION, TimeDelta::days(1));
    let other = Policy::bearer(Purpose::new("other"), TimeDelta::days(1));
    let world = World::new(&[reset_link::RESET, session, other]).await;
    let (tokens, email) = (&world.tokens, "alice@example.org");
    let (alice, lives) = (alice(), async |policy: &Policy, token: &str| {
        let owner = async |claimed: Claimed| Ok(claimed.owner_alone());
        tokens.authenticate(policy, "", token, owner).await.is_ok()
    });
    let binding = Binding::subject(&alice);
    let kept = tokens.issue(&other, &binding).await.unwrap();
    let ended = tokens.issue(&session, &binding).await.unwrap();
    assert!(lives(&session, ended.token.expose_secret()).await);
    assert!(
        reset_link::ask(tokens, "nobody@example.org")
            .await
            .unwrap()
            .is_none()
    );
    let older = reset_link::ask(tokens, email).await.unwrap().unwrap();
    let link = reset_link::ask(tokens, email).await.unwrap().unwrap();
    let (older, link) = (older.expose_secret(), link.expose_secret());
    // A failure of the application leaves the link unspent: its table takes no empty password.
    assert!(reset_link::reset(tokens, link, "").await.is_err());
    assert_eq!(world.user("password").await, "old");
    assert!(reset_link::reset(tokens, link, "new").await.unwrap());
    assert!(!reset_link::reset(tokens, link, "again").await.unwrap());
    assert!(!reset_link::reset(tokens, older, "stolen").await.unwrap());
    assert_eq!(world.user("password").await, "new");
    // Sessions end; recovery codes, and whatever is no password, stay.
    assert!(!lives(&session, ended.token.expose_secret()).await);
    assert!(lives(&other, kept.token.expose_secret()).await);
}

/// Of two links that are redeemed at the same time, one changes the password.
#[tokio::test]
async fn reset_links_at_once_change_it_once() {
    let session = Policy::bearer(reset_link::SESSION, TimeDelta::days(1));
    let world = World::new(&[reset_link::RESET, session]).await;
    let (tokens, email) = (&world.tokens, "alice@example.org");
    for round in 1..=5 {
        world.clock.advance(TimeDelta::hours(1)); // issuing has a pace
        let one = reset_link::ask(tokens, email).await.unwrap().unwrap();
        let two = reset_link::ask(tokens, email).await.unwrap().unwrap();
        let (one, two) = tokio::join!(
            reset_link::reset(tokens, one.expose_secret(), "one"),
            reset_link::reset(tokens, two.expose_secret(), "two"),
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one != two, "both or neither: {one}");
        let set = if one { "one" } else { "two" };
        assert_eq!(world.user("password").await, set);
        assert_eq!(world.user("epoch").await, round.to_string());
    }
}

/// A code counts for the address to which it went, and once.
#[tokio::test]
async fn verified_address_is_the_one_that_was_sent_to() {
    let world = World::new(&[verify_email::VERIFY]).await;
    let outbox = Outbox::new(10);
    let (alice, tokens) = (alice(), &world.tokens);
    let email = Destination::email("alice@example.org").unwrap();
    let other = Destination::email("mallory@example.org").unwrap();
    let handle = verify_email::send(tokens, &outbox, &alice, &email)
        .await
        .unwrap();
    let sent = outbox.last().unwrap();
    let code = sent.expose_token();
    let confirm = async |email, code| {
        let confirmed = verify_email::confirm(tokens, &alice, email, &handle, code);
        confirmed.await.unwrap()
    };
    assert!(!confirm(&other, code).await);
    assert!(!confirm(&email, "BCDFGHJK").await);
    assert_eq!(world.user("verified_at").await, "");
    assert!(confirm(&email, code).await);
    assert!(!confirm(&email, code).await);
    assert_ne!(world.user("verified_at").await, "");
}

/// A key writes with the scope to write, until its owner revokes it; nobody else can.
#[tokio::test]
async fn api_key_does_what_its_scopes_say() {
    use api_keys::{Scope, keys, make, may_write};
    let world = World::new(&[*api_keys::KEY.policy()]).await;
    let (alice, bob) = (alice(), Subject::new("", "4712").unwrap());
    let keys = keys(&world.tokens.shared()).unwrap();
    let writes = make(
        &keys,
        &alice,
        "billing",
        [Scope::Read, Scope::Write].into_iter().collect(),
    );
    let reads = make(&keys, &alice, "report", [Scope::Read].into_iter().collect());
    let (writes, reads) = (writes.await.unwrap(), reads.await.unwrap());
    let door = Door::new(keys.clone(), "Example");
    let status = async |key: &str| {
        let answer = may_write(&door, format!("Bearer {key}").as_bytes()).await;
        answer.map_or_else(|refused| refused.status(), |_| 200)
    };
    assert!(writes.starts_with("exa_key_"));
    assert_eq!((status(&writes).await, status(&reads).await), (200, 403));
    let listed = keys.list(&alice).await.unwrap();
    let id = listed
        .iter()
        .find(|key| key.name() == Some("billing"))
        .unwrap()
        .id();
    assert!(!keys.revoke(&bob, id).await.unwrap());
    assert!(keys.revoke(&alice, id).await.unwrap());
    assert_eq!(status(&writes).await, 401);
}

/// The right password alone opens nothing; of two requests that complete it one gets the session, until it ends.
#[tokio::test]
async fn session_is_opened_once() {
    use session::{HALF, SESSION, begin, complete, services, signed_in};
    let kinds = [HALF, SESSION];
    let policies: Vec<_> = kinds.iter().flat_map(Kind::policies).copied().collect();
    let world = World::new(&policies).await;
    let (halves, sessions) = services(&world.tokens.shared()).unwrap();
    let text = begin(&halves, &alice()).await.unwrap();
    let half = halves.authenticate("", &text).await.unwrap();
    let as_session = format!("__Host-session={text}");
    assert!(signed_in(&sessions, as_session.as_bytes()).await.is_err());
    let opened = complete(&halves, &half, &sessions, "Firefox").await;
    let again = complete(&halves, &half, &sessions, "Firefox").await;
    assert_eq!(again.unwrap(), None);
    let header = opened.unwrap().unwrap();
    let cookie = header.split(';').next().unwrap().as_bytes();
    let session = signed_in(&sessions, cookie).await.unwrap();
    assert_eq!(session.subject(), &alice());
    let listed = sessions.bearers().list(&alice()).await.unwrap();
    assert_eq!(listed.len(), 1);
    let owner = alice();
    let ended = sessions.bearers().revoke(&owner, session.id());
    assert!(ended.await.unwrap());
    assert!(signed_in(&sessions, cookie).await.is_err());
}

/// A scanner that opens the link, and presses the button without the cookie, uses nothing up.
#[tokio::test]
async fn magic_link_survives_a_scanner() {
    use magic_link::{PAGE, SIGN_IN, ask, sign_in, words};
    let world = World::new(&[SIGN_IN]).await;
    let (alice, tokens) = (alice(), &world.tokens);
    let outbox = Outbox::new(10).templates(words().unwrap());
    let email = Destination::email("alice@example.org").unwrap();
    let token = ask(tokens, &alice, "cookie of hers").await.unwrap();
    let message = token_delivery::Message::new(SIGN_IN.purpose(), &email, &token);
    outbox.deliver(&message).await.unwrap();
    let sent = outbox.last().unwrap();
    let link = sent.expose_text().unwrap();
    // What a browser sends of the link to a server is what stands before `#`.
    let (_, token) = link
        .split_once("https://example.org/in#")
        .expect("a fragment");
    assert!(PAGE.contains("method=\"post\"") && !PAGE.contains("submit()"));
    assert_eq!(sign_in(tokens, token, "").await.unwrap(), None);
    assert_eq!(sign_in(tokens, token, "a scanner's").await.unwrap(), None);
    let signed_in = sign_in(tokens, token, "cookie of hers").await.unwrap();
    assert_eq!(signed_in, Some(alice));
    assert_eq!(
        sign_in(tokens, token, "cookie of hers").await.unwrap(),
        None
    );
}

/// Enrolled at the desk, proved at the door, parked for the page that adds another app.
#[tokio::test]
async fn second_factor_is_proved_and_carried() {
    use second_factor::{Account, add_app, prove, ways};
    const PROOF: Policy = Policy::parked(Purpose::new("second-factor-proof"));
    let world = World::new(&[PROOF]).await;
    let (engine, clock) = (&world.engine, &world.clock);
    let account = |needs| Account {
        subject: alice(),
        epoch: 0,
        needs,
    };
    assert!(ways(engine, &account(false)).await.unwrap().is_empty());
    assert!(ways(engine, &account(true)).await.is_err());
    let (alice, account) = (alice(), account(true));
    let secret = world.enrol(&alice).await;
    assert_eq!(ways(engine, &account).await.unwrap().len(), 1);
    let wrong = prove(engine, &account, "totp", HOME, "000000").await;
    assert_eq!(wrong.unwrap_err().answer(), Answer::Refused);
    clock.advance(TimeDelta::seconds(30));
    let code = app_code(&secret, clock.now());
    let proof = prove(engine, &account, "totp", HOME, &code).await.unwrap();
    let again = prove(engine, &account, "totp", HOME, &code).await;
    assert!(matches!(again, Err(TwoFactorError::Rejected(_))));
    let proofs = Proofs::new(&world.tokens.shared(), &PROOF).unwrap();
    let own = twofa_providers::Holder::new(&alice, "session-1");
    let handle = proofs.park(proof, &own).await.unwrap();
    let stolen = twofa_providers::Holder::new(&alice, "session-2");
    assert!(proofs.resume(&handle, &stolen).await.is_err());
    let proof = proofs.resume(&handle, &own).await.unwrap();
    assert!(
        add_app(engine, &account, "alice@example.org", &proof)
            .await
            .is_ok()
    );
    clock.advance(TimeDelta::minutes(11));
    let stale = add_app(engine, &account, "alice@example.org", &proof).await;
    assert_eq!(stale.unwrap_err().answer(), Answer::Forbidden);
}

/// The reset takes the factors and ends the links; the account still needs a factor.
#[tokio::test]
async fn support_resets_an_account() {
    let world = World::new(&[reset_link::RESET]).await;
    let (alice, tokens) = (alice(), &world.tokens);
    world.enrol(&alice).await;
    let link = reset_link::ask(tokens, "alice@example.org")
        .await
        .unwrap()
        .unwrap();
    let reset = support_reset::reset(tokens, &world.engine, "bob", &alice)
        .await
        .unwrap();
    assert_eq!(reset.factors, 1);
    assert!(world.engine.offered(&alice).await.unwrap().is_empty());
    assert_eq!(world.user("must_enrol").await, "1");
    assert!(
        !reset_link::reset(tokens, link.expose_secret(), "stolen")
            .await
            .unwrap()
    );
    let logged = "SELECT staff FROM support_log WHERE person = '4711'";
    let logged: String = sqlx::query_scalar(logged)
        .fetch_one(tokens.store().pool())
        .await
        .unwrap();
    assert_eq!(logged, "bob");
}

/// Imported once, however often it runs; a code of before the move is refused after it.
#[tokio::test]
async fn imported_app_signs_in() {
    use import::{OldRow, Taken, import};
    let world = World::new(&[]).await;
    let base32 = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let step = u64::try_from(world.clock.now().timestamp()).unwrap() / 30;
    let row = |id, base32: &str| OldRow {
        id,
        base32: base32.into(),
        last_step: Some(step),
    };
    let rows = [row(4711, base32), row(4712, "not base32!")];
    let taken = |new, there| Taken {
        new,
        there,
        unreadable: vec![4712],
    };
    assert_eq!(import(&world.engine, &rows).await.unwrap(), taken(1, 0));
    assert_eq!(import(&world.engine, &rows).await.unwrap(), taken(0, 1));
    let alice = alice();
    let attempt = Attempt::new(&alice, "totp");
    let code = app_code(base32, world.clock.now());
    assert!(
        world
            .engine
            .verify(&attempt, &Response::typed(&code))
            .await
            .is_err()
    );
    world.clock.advance(TimeDelta::seconds(30));
    let code = app_code(base32, world.clock.now());
    assert!(
        world
            .engine
            .verify(&attempt, &Response::typed(&code))
            .await
            .is_ok()
    );
}

/// Each tenant's mail and app have its name, and one tenant's code is refused by the other.
#[tokio::test]
async fn tenants_share_nothing() {
    use tenants::{Brand, CODE, enrol, send, words};
    let world = World::new(&[CODE]).await;
    let tokens = world.tokens.shared();
    let outbox = |name| Outbox::new(10).templates(words(name).unwrap());
    let (blue, red) = (outbox("Blue Bank"), outbox("Red Bank"));
    let brand = |name, outbox: &Outbox| Brand {
        name,
        delivery: Arc::new(outbox.clone()),
    };
    let brands = HashMap::from([
        ("blue", brand("Blue Bank", &blue)),
        ("red", brand("Red Bank", &red)),
    ]);
    let email = Destination::email("alice@example.org").unwrap();
    let (here, there) = (
        Subject::new("blue", "1").unwrap(),
        Subject::new("red", "1").unwrap(),
    );
    let handle = send(&tokens, &brands, &here, &email).await.unwrap();
    let sent = blue.last().unwrap();
    let code = sent.expose_token();
    assert_eq!(
        sent.expose_text(),
        Some(&*format!("{code} signs you in to Blue Bank."))
    );
    assert!(red.last().is_none());
    let take = async |who: &Subject| {
        let binding = Binding::subject(who).destination(&email);
        tokens.redeem(&CODE, &handle, &binding, code).await.is_ok()
    };
    assert!(!take(&there).await);
    assert!(take(&here).await);
    let enrolled = enrol(&world.engine, &brands["red"], &there, "alice")
        .await
        .unwrap();
    let uri = enrolled.provisioning.unwrap().uri;
    assert!(
        uri.expose_secret()
            .starts_with("otpauth://totp/Red%20Bank:alice")
    );
}

/// Two processes, one key file, one database: begun on one, finished on the other, once.
#[tokio::test]
async fn machines_share_a_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let schema = postgres::Schema::new();
    let url = std::env::var("POSTGRES_URL").expect("scripts/with-servers sets it");
    // A machine to which nobody copied the file does not start, and draws no key of its own.
    assert!(machines::start(&url, &schema.name, &keys).await.is_err());
    assert!(!keys.exists());
    drop(key_file::read_or_create(&keys).unwrap());
    let one = machines::start(&url, &schema.name, &keys).await.unwrap();
    let two = machines::start(&url, &schema.name, &keys).await.unwrap();
    let alice = alice();
    let details = EnrolDetails::new(&alice, "alice@example.org");
    let enrolled = one
        .engine
        .enrol("totp", &details, "App", None)
        .await
        .unwrap();
    let shown = enrolled.provisioning.unwrap();
    let attempt = Attempt::new(&alice, "totp").factor(enrolled.factor);
    let code = app_code(shown.base32.expose_secret(), Utc::now());
    let answer = Response::typed(&code);
    let proof = two.engine.confirm(&attempt, &answer).await.unwrap();
    assert!(one.engine.verify(&attempt, &answer).await.is_err());
    let holder = twofa_providers::Holder::new(&alice, "session");
    let handle = two.proofs.park(proof, &holder).await.unwrap();
    let binding = Binding::subject(&alice);
    assert_eq!(
        one.proofs.resume(&handle, &holder).await.unwrap().subject(),
        &alice
    );
    assert!(two.proofs.resume(&handle, &holder).await.is_err());
    assert!(one.tokens.allowance_of(&binding).is_some());
}

/// The page has one account's lines, and no secret.
#[tokio::test]
async fn audit_page_has_what_happened() {
    let world = World::new(&[verify_email::VERIFY]).await;
    let (alice, bob) = (alice(), Subject::new("", "4712").unwrap());
    let outbox = Outbox::new(10).templates(mail());
    let email = Destination::email("alice@example.org").unwrap();
    let tokens = &world.tokens;
    let handle = verify_email::send(tokens, &outbox, &alice, &email)
        .await
        .unwrap();
    let refused = verify_email::confirm(tokens, &alice, &email, &handle, "BCDFGHJK");
    assert!(!refused.await.unwrap());
    let (pool, _folder) = world.written().await;
    let page = audit_page::page(&pool, &alice).await.unwrap();
    let what: Vec<_> = page.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(what, ["token.refused", "token.issued"]);
    assert!(audit_page::page(&pool, &bob).await.unwrap().is_empty());
}

fn mail() -> Templates {
    let mail = Template::new(&verify_email::VERIFY, "Your code", "{token}");
    Templates::new("Example", [mail]).unwrap()
}

/// The first round comes at once, and removes what has been dead for more than an hour.
#[tokio::test]
async fn purge_removes_what_is_dead() {
    let world = World::new(&[verify_email::VERIFY]).await;
    let (alice, tokens) = (alice(), world.tokens.shared());
    let issued = tokens
        .issue(&verify_email::VERIFY, &Binding::subject(&alice))
        .await
        .unwrap();
    let found = async || {
        tokens
            .find(&verify_email::VERIFY, issued.record.id())
            .await
            .unwrap()
    };
    world.clock.advance(TimeDelta::hours(3));
    assert!(found().await.is_some());
    let engine = Arc::clone(&world.engine);
    let task = purge::spawn(Arc::clone(&tokens), engine);
    while found().await.is_some() {
        tokio::task::yield_now().await;
    }
    task.abort();
}

/// The first page's program runs, in an empty folder, and once more over what it left there.
#[test]
fn five_minutes_run() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut start = std::process::Command::new(env!("CARGO_BIN_EXE_start"));
        assert!(start.current_dir(folder.path()).status().unwrap().success());
    }
}
