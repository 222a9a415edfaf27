//! The address on the way in: an account is there once its address is confirmed, and one however that is written.

#[path = "common/support.rs"]
mod support;

use core::time::Duration;

use support::{Answer, PASSWORD, Person, REGISTER, Site, TAKEN, signed_in};
use twofa_providers::token_store::ott_core::{Binding, Destination, LimitKey, LimitScope};

const WELCOME: &str = "/welcome";

/// A code of the same form.
fn another(code: &str) -> String {
    let first = if code.starts_with('B') { 'C' } else { 'B' };
    format!("{first}{}", &code[1..])
}

async fn confirm(person: &mut Person, code: &str) -> Answer {
    person.post(REGISTER, &[("code", code)]).await
}

/// To whom messages of this purpose went.
fn sent(site: &Site, purpose: &str) -> Vec<String> {
    let messages = site.outbox.messages();
    let these = messages
        .iter()
        .filter(|message| message.purpose().as_str() == purpose);
    these
        .map(|message| message.destination().address().to_owned())
        .collect()
}

async fn accounts(site: &Site) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM accounts");
    count.fetch_one(&site.pool).await.expect("a count")
}

/// There is no account before the code is read at its address: nobody signs in, and no second step is begun.
#[tokio::test(flavor = "multi_thread")]
async fn account_is_made_by_the_code_alone() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    let asked = person.ask_to_register("alice@example.org").await;
    assert_eq!(asked.leads_to(), REGISTER, "{asked:?}");
    let code = site.registration_code("alice@example.org").await;
    assert_eq!(sent(&site, "registration"), ["alice@example.org"]);
    let page = person.get(REGISTER).await;
    assert!(page.body.contains("alice@example.org") && !page.body.contains(&code));
    assert_eq!(person.get(WELCOME).await.leads_to_path(), "/sign-in");
    let early = person.clone().password("alice@example.org").await;
    assert_eq!(early.status, 401, "{early:?}");
    for (wrong, words) in [
        (another(&code), "This code is not right"),
        ("12".into(), "A code has eight letters."),
    ] {
        let wrong = confirm(&mut person, &wrong).await;
        assert_eq!(wrong.status, 401, "{wrong:?}");
        assert!(wrong.body.contains(words), "{wrong:?}");
    }
    assert_eq!(accounts(&site).await, 0);
    // As it is read aloud, or copied.
    let spelled = code.to_lowercase().replace('-', " ");
    let right = confirm(&mut person, &spelled).await;
    assert_eq!(right.leads_to(), WELCOME, "{right:?}");
    assert_eq!(accounts(&site).await, 1);
    person.enrol_first(&site).await;
    assert_eq!(sent(&site, "account-news"), ["alice@example.org"]);
}

/// A code makes one account, of the address that it was sent to, in the browser that asked and within ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn code_makes_its_own_account_once() {
    let site = Site::start().await;
    let (mut alice, mut mallory) = (Person::new(&site), Person::new(&site));
    alice.ask_to_register("alice@example.org").await;
    let code = site.registration_code("alice@example.org").await;
    // Who chose the password is not who reads the mail: the other's code does nothing here.
    mallory.ask_to_register("alice@example.org").await;
    assert_eq!(confirm(&mut mallory, &code).await.status, 401);
    let flow = alice.cookies["flow"].clone();
    mallory.ask_to_register("mallory@example.net").await;
    let mut elsewhere = Person::new(&site);
    assert_eq!(confirm(&mut elsewhere, &code).await.status, 401);
    assert_eq!(elsewhere.get(REGISTER).await.leads_to(), "/register");
    let mut late = Person::new(&site);
    late.ask_to_register("late@example.org").await;
    let too_late = site.registration_code("late@example.org").await;
    assert_eq!(confirm(&mut alice, &code).await.leads_to(), WELCOME);
    // Used up, also where the cookie was copied.
    elsewhere.cookies.insert("flow".into(), flow);
    assert_eq!(confirm(&mut elsewhere, &code).await.status, 401);
    site.wait(600);
    assert_eq!(confirm(&mut late, &too_late).await.status, 401);
    assert_eq!(accounts(&site).await, 1);
}

/// Of codes of one address that are entered at once, one makes the account.
#[tokio::test(flavor = "multi_thread")]
async fn codes_of_one_address_make_one_account() {
    let site = Site::start().await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        let mut person = Person::new(&site);
        let before = sent(&site, "registration").len();
        person.ask_to_register("alice@example.org").await;
        while sent(&site, "registration").len() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let code = site.registration_code("alice@example.org").await;
        browsers.push((person, code));
    }
    let Ok([(mut a, one), (mut b, two), (mut c, three)]) = <[_; 3]>::try_from(browsers) else {
        panic!("three browsers")
    };
    let made = tokio::join!(
        confirm(&mut a, &one),
        confirm(&mut b, &two),
        confirm(&mut c, &three)
    );
    let made = [made.0, made.1, made.2].map(|answer| answer.status);
    assert_eq!(
        made.iter().filter(|status| **status == 303).count(),
        1,
        "{made:?}"
    );
    assert_eq!(
        made.iter().filter(|status| **status == 401).count(),
        2,
        "{made:?}"
    );
    assert_eq!(accounts(&site).await, 1);
}

/// Code and account are one transaction: where one of the two cannot be written, neither is, and the code makes the account later.
#[tokio::test(flavor = "multi_thread")]
async fn code_and_account_are_written_together() {
    let site = Site::start().await;
    let run = async |statement: &'static str| {
        let done = sqlx::query(statement).execute(&site.pool).await;
        done.expect("a statement");
    };
    for (email, fail) in [
        (
            "alice@example.org",
            "CREATE TRIGGER fail BEFORE INSERT ON accounts BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
        (
            "bob@example.org",
            "CREATE TRIGGER fail BEFORE UPDATE ON ott_tokens BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
    ] {
        let before = accounts(&site).await;
        let mut person = Person::new(&site);
        person.ask_to_register(email).await;
        let code = site.registration_code(email).await;
        run(fail).await;
        let failed = confirm(&mut person, &code).await;
        assert_eq!(failed.status, 503, "{failed:?}");
        assert_eq!(accounts(&site).await, before);
        run("DROP TRIGGER fail").await;
        let made = confirm(&mut person, &code).await;
        assert_eq!(made.leads_to(), WELCOME, "{made:?}");
        assert_eq!(accounts(&site).await, before + 1);
    }
}

/// What a stranger is answered: without the cookies' sealed bytes, which are new each time, and with how long they are.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let header = |(name, value): &(String, String)| match name.as_str() {
        "set-cookie" => {
            let (pair, rest) = value.split_once(';').unwrap_or((value, ""));
            let (cookie, value) = pair.split_once('=').expect("a cookie");
            (
                name.clone(),
                format!("{cookie}={};{rest}", "x".repeat(value.len())),
            )
        }
        "date" => (name.clone(), String::new()),
        _ => (name.clone(), value.clone()),
    };
    let csrf = answer.csrf().unwrap_or("").to_owned();
    let body = match csrf.as_str() {
        "" => answer.body.clone(),
        csrf => answer.body.replace(csrf, "csrf"),
    };
    (
        answer.status,
        answer.headers.iter().map(header).collect(),
        body,
    )
}

/// An address with an account is answered as a free one is, byte for byte and with the same writes; its owner alone is told,
/// and the account stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn taken_address_is_answered_as_a_free_one() {
    const TAKEN_ADDRESS: &str = "taken@example.org";
    const FREE_ADDRESS: &str = "free1@example.org";
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, TAKEN_ADDRESS).await;
    site.wait(3_600);
    let tables = async || {
        let mut counts = Vec::new();
        for table in ["accounts", "ott_tokens", "ott_limits", "address_changes"] {
            let count = format!("SELECT count(*) FROM {table}");
            let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(count));
            counts.push(count.fetch_one(&site.pool).await.expect("a count"));
        }
        counts
    };
    let mut answers = Vec::new();
    let mut written = Vec::new();
    for email in [FREE_ADDRESS, TAKEN_ADDRESS] {
        let before = tables().await;
        let mut stranger = Person::new(&site);
        let mut all = vec![stranger.get("/register").await];
        all.push(stranger.ask_to_register(email).await);
        all.push(stranger.get(REGISTER).await);
        for wrong in ["BBBB-CCCC", "nonsense"] {
            all.push(confirm(&mut stranger, wrong).await);
        }
        let all = all.iter().map(|answer| {
            let (status, headers, body) = told(answer);
            (status, headers, body.replace(email, "the address"))
        });
        answers.push(all.collect::<Vec<_>>());
        let after = tables().await;
        written.push(
            after
                .iter()
                .zip(&before)
                .map(|(a, b)| a - b)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(answers[0], answers[1]);
    // Limits of the network are there already the second time.
    assert_eq!(written[0][..2], [0, 1]);
    assert_eq!(written[1][..2], [0, 1]);
    assert_eq!(written[0][3], written[1][3]);
    let told = site.asks_for_a_taken("Taken@Example.org").await;
    assert_eq!(told, TAKEN_ADDRESS, "in its owner's spelling");
    assert_eq!(sent(&site, TAKEN), [TAKEN_ADDRESS; 2]);
    assert_eq!(sent(&site, "registration"), [TAKEN_ADDRESS, FREE_ADDRESS]);
    let mut owner = Person::new(&site);
    owner.password(TAKEN_ADDRESS).await;
    let signed_in = owner.code(&site.code(&secret)).await;
    assert_eq!(signed_in.leads_to(), "/account", "{signed_in:?}");
}

/// The answer does not wait for the mail: where none can be sent it is the same, and later there is another code. A mailbox
/// is not filled, whoever it is of.
#[tokio::test(flavor = "multi_thread")]
async fn registration_is_answered_without_mail() {
    let site = Site::start().await;
    let _ = signed_in(&site, "taken@example.org").await;
    site.wait(3_600);
    site.outbox.fail();
    let mut refused = Vec::new();
    for email in ["down@example.org", "taken@example.org"] {
        let mut person = Person::new(&site);
        let mut asked = 0;
        let last = loop {
            let answer = person.ask_to_register(email).await;
            if answer.status != 303 {
                break answer;
            }
            asked += 1;
        };
        assert_eq!(last.status, 429, "{last:?}");
        assert!(last.header("retry-after").is_some());
        refused.push(asked);
        site.wait(1);
    }
    assert_eq!(refused[0], refused[1]);
    assert!((3..=10).contains(&refused[0]), "{refused:?}");
    site.outbox.recover();
    site.wait(86_400);
    let made = Person::new(&site).register("down@example.org").await;
    assert_eq!(made.leads_to(), WELCOME, "{made:?}");
}

/// The answer is there before the mail: no stranger learns from its time whose address it is. A forgotten password is answered
/// so too.
#[tokio::test(flavor = "multi_thread")]
async fn answer_does_not_wait_for_its_mail() {
    let site = Site::start().await;
    let _ = signed_in(&site, "taken@example.org").await;
    site.wait(3_600);
    let before = site.outbox.messages().len();
    site.outbox.hold();
    let mut told = Vec::new();
    for path in ["/register", "/forgot"] {
        for email in ["free@example.org", "taken@example.org"] {
            let mut person = Person::new(&site);
            let fields = [("email", email), ("password", PASSWORD)];
            let asking = person.post(path, &fields);
            let answer = tokio::time::timeout(Duration::from_secs(30), asking).await;
            told.push(answer.expect("an answer before the mail").status);
        }
    }
    assert_eq!(told, [303; 4]);
    assert_eq!(site.outbox.messages().len(), before);
    site.outbox.recover();
    for _ in 0..1_500 {
        if site.outbox.messages().len() == before + 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", site.outbox.messages());
}

/// Mails to an address are counted under the server's key: whoever reads the database finds no address by trying many.
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_counted_under_the_key() {
    let site = Site::start().await;
    let mut person = Person::new(&site);
    person.ask_to_register("Alice@Example.org").await;
    let fields = [("email", "Alice@Example.org")];
    assert_eq!(person.post("/forgot", &fields).await.status, 303);
    let counted = async |name: &str, address: &str| {
        let operation = [("address", address)];
        let binding = Binding::tenant("").operation(&operation);
        let key = LimitKey::new(LimitScope::Application, name, &binding);
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM ott_limits WHERE key = ?");
        let count = count.bind(key.as_bytes().to_vec());
        count.fetch_one(&site.pool).await.expect("a count")
    };
    let folded = Destination::device("alice@example.org").expect("a destination");
    let name = site.keys().pseudonym(&folded).to_string();
    for what in ["sent to", "reset links to"] {
        for address in ["alice@example.org", "Alice@Example.org"] {
            assert_eq!(counted(what, address).await, 0, "{what}");
        }
        assert_eq!(counted(what, &name).await, 1, "{what}");
    }
}

/// One address is one account however it is written, and mail goes to the spelling that was given.
#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_an_address_are_one_account() {
    let site = Site::start().await;
    let (_, secret, _) = signed_in(&site, "Bob@Example.org").await;
    assert_eq!(sent(&site, "registration"), ["Bob@Example.org"]);
    for spelling in [
        "bob@example.org",
        "BOB@EXAMPLE.ORG",
        "\u{ff42}ob@example.org",
    ] {
        assert_eq!(site.asks_for_a_taken(spelling).await, "Bob@Example.org");
        site.wait(30);
        let mut bob = Person::new(&site);
        assert_eq!(
            bob.password(spelling).await.leads_to(),
            "/second-factor",
            "{spelling}"
        );
        assert_eq!(bob.code(&site.code(&secret)).await.leads_to(), "/account");
        assert!(bob.get("/account").await.body.contains("Bob@Example.org"));
    }
    assert_eq!(accounts(&site).await, 1);
    // Nor can another account change its address to one.
    let (mut eve, ..) = signed_in(&site, "eve@example.org").await;
    eve.post("/account/address", &[("email", "bob@example.org")])
        .await;
    let fields = [("email", "bob@example.org"), ("code", &site.sent_code())];
    let refused = eve.post("/account/address/confirm", &fields).await;
    assert_eq!(refused.status, 422, "{refused:?}");
}

/// Another spelling is no other account's tries.
#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_an_address_share_its_tries() {
    let site = Site::start().await;
    let _ = signed_in(&site, "bob@example.org").await;
    site.wait(3_600);
    let mut stranger = Person::new(&site);
    for number in 0..20_usize {
        let letters = "bob".chars().enumerate();
        let cased = letters.map(|(at, letter)| match number >> at & 1 {
            0 => letter,
            _ => letter.to_ascii_uppercase(),
        });
        let email: String = cased.chain("@example.org".chars()).collect();
        let fields = [("email", email.as_str()), ("password", "wrong")];
        assert_eq!(
            stranger.post("/sign-in", &fields).await.status,
            401,
            "{number}"
        );
    }
    let fields = [("email", "bOb@example.org"), ("password", PASSWORD)];
    assert_eq!(stranger.post("/sign-in", &fields).await.status, 429);
}

/// A link for a forgotten password goes to the spelling that was confirmed, and every spelling spends the
/// same limit.
#[tokio::test(flavor = "multi_thread")]
async fn reset_link_goes_to_the_confirmed_spelling() {
    const CONFIRMED: &str = "Bob@example.org";
    let site = Site::start().await;
    Person::new(&site).register(CONFIRMED).await;
    let mut stranger = Person::new(&site);
    for email in ["bob@example.org", "BOB@example.org", "bOb@example.org"] {
        let asked = stranger.post("/forgot", &[("email", email)]).await;
        assert_eq!(asked.leads_to(), "/forgot", "{email}: {asked:?}");
    }
    let asked = stranger.post("/forgot", &[("email", CONFIRMED)]).await;
    assert_eq!(asked.status, 429, "{asked:?}");
    // They are sent behind the answer's back, which takes as long for nobody's address.
    let links = || {
        let messages = site.outbox.messages();
        let links = messages
            .iter()
            .filter(|message| message.purpose().as_str() == "password-reset");
        let to = links.map(|link| link.destination().address().to_owned());
        to.collect::<Vec<_>>()
    };
    for _ in 0..500 {
        if links().len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(links(), [CONFIRMED; 3]);
}
