//! Codes that are typed: one use, one set, one flow, and what each try costs.

use token_store::{
    Given, Revoke, TokensError, events,
    ott_core::{
        Binding, Format, Handle, IssueError, IssueOptions, Policy, Purpose, Reason, State,
        chrono::TimeDelta,
    },
};

use super::{ALL, CODE, READABLE, RECOVERY, TYPED_AFTER_APPROVAL, reason};
use crate::{Bench, Place, alice, issue_one, start, stated, subject, told, wrong};

/// A code is redeemed once, and every step is an event.
pub async fn code_is_redeemed_once_and_told(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let (id, typed) = (*issued.record.id(), issued.token.expose_secret());
    let redeem = |typed: String| {
        let (tokens, handle, binding) = (tokens.clone(), &issued.handle, &binding);
        async move { tokens.redeem(&CODE, handle, binding, &typed).await }
    };
    assert_eq!(reason(redeem(wrong(typed)).await), Reason::Mismatch);
    let record = redeem(format!(" {}-{} ", &typed[..3], &typed[3..]))
        .await
        .unwrap();
    assert_eq!(record.stored().state, State::Spent);
    assert_eq!(reason(redeem(typed.into()).await), Reason::Spent);
    let event = |name| told(&CODE, name, id).of(&alice);
    assert_eq!(
        bench.log.drain(),
        [
            event(events::TOKEN_ISSUED),
            event(events::TOKEN_REFUSED).reason(Reason::Mismatch),
            event(events::TOKEN_REDEEMED),
            event(events::TOKEN_REFUSED).reason(Reason::Spent),
        ]
    );
}

/// A readable code counts in small letters and with blanks for its hyphens too.
pub async fn readable_code_is_typed_forgivingly(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let address = token_store::ott_core::Destination::email("new@example.org").unwrap();
    let binding = Binding::tenant("acme").destination(&address);
    let issued = bench.tokens.issue(&READABLE, &binding).await.unwrap();
    let typed = issued
        .token
        .expose_secret()
        .to_lowercase()
        .replace('-', " ");
    let record = bench
        .tokens
        .redeem(&READABLE, &issued.handle, &binding, &typed)
        .await;
    assert_eq!(record.unwrap().stored().owner(), None);
}

/// Each recovery code works once, until a new set retires the old one.
pub async fn recovery_codes_work_once_until_renewed(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let old = tokens
        .issue_opts(
            &RECOVERY,
            &binding,
            IssueOptions {
                count: 10,
                ..IssueOptions::default()
            },
        )
        .await
        .unwrap();
    let redeem = async |typed: &str| tokens.redeem_by_subject(&RECOVERY, &binding, typed).await;
    for issued in &old[..9] {
        let typed = issued.token.expose_secret();
        assert!(redeem(typed).await.is_ok());
        assert_eq!(reason(redeem(typed).await), Reason::Spent);
        bench.pass(TimeDelta::minutes(6));
    }
    let new = tokens
        .issue_opts(
            &RECOVERY,
            &binding,
            IssueOptions {
                count: 10,
                ..IssueOptions::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(
        reason(redeem(old[9].token.expose_secret()).await),
        Reason::Superseded
    );
    assert!(redeem(new[0].token.expose_secret()).await.is_ok());
}

/// An adopted text works once, and adopting it again changes nothing.
pub async fn adopted_texts_work_once(place: Place) {
    const PRINTED: Policy = Policy::recovery(Purpose::new("printed"))
        .format(
            Format::builder("0123456789abcdef", 10)
                .separators(" -")
                .build(),
        )
        .accepting_short_tokens();
    const APP_TOKEN: Policy =
        Policy::bearer(Purpose::new("app-token"), TimeDelta::days(30)).until_revoked();
    let bench = Bench::new(place, &[&PRINTED, &APP_TOKEN]).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let texts = ["0011 2233 44", "55667788-99", "aabbccddee"];
    let adopt = async || {
        let options = IssueOptions::default();
        tokens
            .issue_given(&PRINTED, &binding, &texts, options)
            .await
    };
    assert!(matches!(adopt().await, Ok(Given::New(set)) if set.len() == 3));
    let redeem = async |typed| tokens.redeem_by_subject(&PRINTED, &binding, typed).await;
    assert!(redeem("0011223344").await.is_ok());
    assert!(matches!(adopt().await, Ok(Given::There)));
    assert_eq!(reason(redeem("0011 2233 44").await), Reason::Spent);
    assert!(redeem("5566778899").await.is_ok());
    assert!(redeem("aabb-ccdd-ee").await.is_ok());
    for strange in ["", "0011", "AABBCCDDEE", "00112233445566"] {
        let options = IssueOptions::default();
        let adopted = tokens
            .issue_given(&PRINTED, &binding, &["1111111111", strange], options)
            .await;
        assert!(
            matches!(adopted, Err(TokensError::Issue(IssueError::Malformed))),
            "{strange}"
        );
    }
    assert_eq!(reason(redeem("1111111111").await), Reason::Unknown);

    let text = "x".repeat(43);
    let adopted = tokens
        .issue_given(&APP_TOKEN, &binding, &[&text], IssueOptions::default())
        .await;
    assert!(matches!(adopted, Ok(Given::New(_))));
    let proved = tokens.authenticate(&APP_TOKEN, "acme", &text, stated(&binding));
    assert_eq!(proved.await.unwrap().stored().owner(), Some(alice.clone()));
}

/// Given tokens that were used, revoked or have expired are not adopted a second time, however often the store was
/// purged; nor is a set with one of them.
pub async fn adopted_texts_stay_used_after_a_purge(place: Place) {
    const PRINTED: Policy = Policy::recovery(Purpose::new("printed"));
    const APP_TOKEN: Policy = Policy::bearer(Purpose::new("app-token"), TimeDelta::days(30));
    let bench = Bench::new(place, &[&PRINTED, &APP_TOKEN]).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let sheet = ["A", "B", "C"].map(|symbol| symbol.repeat(24));
    let sheet = sheet.each_ref().map(String::as_str);
    let apps = ["x", "y", "z"].map(|symbol| symbol.repeat(43));
    let apps = apps.each_ref().map(String::as_str);
    let adopt = async |policy, texts: &[&str]| {
        let options = IssueOptions::default();
        let given = tokens.issue_given(policy, &binding, texts, options).await;
        matches!(given.expect("texts that fit"), Given::New(_))
    };
    bench.log.drain();
    assert!(adopt(&PRINTED, &sheet).await);
    assert_eq!(bench.log.names(), ["token.issued"; 3]);
    assert!(adopt(&APP_TOKEN, &apps).await);
    // What is listed are the tokens.
    for policy in [&PRINTED, &APP_TOKEN] {
        assert_eq!(tokens.list(policy, &alice).await.unwrap().len(), 3);
    }
    let redeem = async |typed| tokens.redeem_by_subject(&PRINTED, &binding, typed).await;
    assert!(redeem(sheet[0]).await.is_ok());
    let authenticate = async |typed| {
        let state = stated(&binding);
        tokens.authenticate(&APP_TOKEN, "acme", typed, state).await
    };
    assert!(authenticate(apps[0]).await.is_ok());
    for round in 0..3 {
        let ended = match round {
            // One was used, all others are ended.
            0 => tokens.revoke(&Revoke::subject(&alice)).await.unwrap(),
            _ => 0,
        };
        assert_eq!(ended, if round == 0 { 5 } else { 0 });
        bench.pass(TimeDelta::days(400));
        let now = tokens.now();
        while tokens.purge(now, 100).await.unwrap() == 100 {}
        assert!(!adopt(&PRINTED, &sheet).await, "round {round}");
        assert!(!adopt(&APP_TOKEN, &apps).await, "round {round}");
        for typed in sheet {
            assert_eq!(reason(redeem(typed).await), Reason::Unknown);
        }
        for typed in apps {
            assert_eq!(reason(authenticate(typed).await), Reason::Unknown);
        }
    }
    let new = "D".repeat(24);
    assert!(!adopt(&PRINTED, &[&new, sheet[1]]).await);
    assert_eq!(reason(redeem(&new).await), Reason::Unknown);
    assert!(adopt(&PRINTED, &[&new]).await);
    assert!(redeem(&new).await.is_ok());
}

/// A resend supersedes the token of its own flow, and no other.
pub async fn resend_supersedes_its_own_flow_alone(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let first = tokens.issue(&CODE, &binding).await.unwrap();
    let other_flow = tokens.issue(&CODE, &binding).await.unwrap();
    let second = issue_one(
        tokens,
        &CODE,
        &binding,
        IssueOptions {
            resend: Some(&first.handle),
            ..IssueOptions::default()
        },
    )
    .await
    .unwrap();
    let redeem = async |issued: &token_store::ott_core::Issued| {
        let typed = issued.token.expose_secret();
        tokens.redeem(&CODE, &issued.handle, &binding, typed).await
    };
    assert_eq!(reason(redeem(&first).await), Reason::Superseded);
    assert!(redeem(&second).await.is_ok());
    assert!(redeem(&other_flow).await.is_ok());
}

/// What is sent to one account is paced; a resend counts, and so does no failed one.
pub async fn requests_are_paced_per_account(place: Place) {
    const SENT: Policy = Policy::code(Purpose::new("sent"));
    let bench = Bench::new(place, &[&SENT]).await;
    let (tokens, alice, bob) = (&bench.tokens, alice(), subject("acme", "bob"));
    let binding = Binding::subject(&alice);
    for _ in 0..4 {
        tokens.issue(&SENT, &binding).await.unwrap();
    }
    bench.store.fail("insert");
    assert!(tokens.issue(&SENT, &binding).await.is_err());
    bench.store.recover();
    let fifth = tokens.issue(&SENT, &binding).await.unwrap();
    bench.log.drain();
    let again = IssueOptions {
        resend: Some(&fifth.handle),
        ..IssueOptions::default()
    };
    let wait = TimeDelta::minutes(10);
    for refused in [
        tokens.issue(&SENT, &binding).await.map(drop),
        tokens.issue_opts(&SENT, &binding, again).await.map(drop),
    ] {
        let Err(TokensError::Throttled {
            retry_at,
            retry_after,
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((retry_at, retry_after), (Some(start() + wait), Some(wait)));
    }
    assert_eq!(bench.log.names(), [events::LIMIT_REACHED; 2]);
    assert!(tokens.issue(&SENT, &Binding::subject(&bob)).await.is_ok());
    let typed = fifth.token.expose_secret();
    assert!(
        tokens
            .redeem(&SENT, &fifth.handle, &binding, typed)
            .await
            .is_ok()
    );
    bench.pass(wait);
    assert!(tokens.issue(&SENT, &binding).await.is_ok());
}

/// One account has one allowance, however many policies spend it.
pub async fn allowance_is_the_accounts(place: Place) {
    const FOUR: [Policy; 4] = [
        Policy::code(Purpose::new("one")).requests(None),
        Policy::code(Purpose::new("two")).requests(None),
        Policy::code(Purpose::new("three")).requests(None),
        Policy::code(Purpose::new("four")).requests(None),
    ];
    let bench = Bench::new(place, &FOUR.each_ref()).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let bound = tokens.guess_bound();
    assert_eq!(bound.guesses(), 465);
    assert_eq!(bound.parts_per_billion(), 465_000);
    let mut evaluated = 0;
    for _ in 0..40 {
        for policy in &FOUR {
            let issued = tokens.issue(policy, &binding).await.unwrap();
            let typed = wrong(issued.token.expose_secret());
            let tried = tokens.redeem(policy, &issued.handle, &binding, &typed);
            evaluated += u64::from(matches!(tried.await, Err(TokensError::Rejected(_))));
        }
        bench.pass(TimeDelta::minutes(6));
    }
    assert_eq!((evaluated, bench.store.evaluated().await), (100, 100));
}

/// What cannot be a token is refused, and the store is not asked.
pub async fn text_that_is_no_token_costs_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    bench.store.asked();
    let huge = "1".repeat(1 << 20);
    let circled = "\u{2460}\u{2461}\u{2462}\u{2463}\u{2464}\u{2465}";
    for typed in [
        "",
        "12345",
        "1234567",
        "+12345",
        "12345\n",
        "1234\u{0}6",
        circled,
        &huge,
    ] {
        let redeemed = tokens.redeem(&CODE, &issued.handle, &binding, typed).await;
        assert_eq!(reason(redeemed), Reason::Malformed);
    }
    assert!(bench.store.asked().is_empty());
}

/// A handle that finds nothing costs its stated subject nothing.
pub async fn unknown_handle_costs_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice, mallory) = (&bench.tokens, alice(), subject("acme", "mallory"));
    let binding = Binding::subject(&alice);
    let foreign = tokens.issue(&CODE, &Binding::subject(&mallory)).await;
    let foreign = foreign.unwrap();
    let other_purpose = tokens.issue(&TYPED_AFTER_APPROVAL, &binding).await.unwrap();
    let unknown = Handle::parse(&"7".repeat(64)).unwrap();
    for handle in [&foreign.handle, &other_purpose.handle, &unknown] {
        for _ in 0..place.often(200, 20) {
            let tried = tokens.redeem(&CODE, handle, &binding, "123456").await;
            assert_eq!(reason(tried), Reason::Unknown);
        }
    }
    assert_eq!(bench.store.evaluated().await, 0);
    let issued = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = issued.token.expose_secret();
    let redeemed = tokens.redeem(&CODE, &issued.handle, &binding, typed).await;
    assert!(redeemed.is_ok());
}

/// A thousand tries with a public id or a wrong handle leave the record as it was.
pub async fn handle_guesses_leave_the_record(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for policy in [&CODE, &TYPED_AFTER_APPROVAL] {
        let issued = tokens.issue(policy, &binding).await.unwrap();
        let (id, typed) = (*issued.record.id(), issued.token.expose_secret());
        let before = bench.store.inner_row(&id).await;
        for tried in 0..place.often(1_000, 100) {
            // The public id in either half of a handle, and handles of nobody.
            let rest = format!("{tried:032x}");
            let handle = match tried % 3 {
                0 => format!("{id}{rest}"),
                1 => format!("{rest}{id}"),
                _ => format!("{rest}{rest}"),
            };
            let handle = Handle::parse(&handle).unwrap();
            let now = tokens.now();
            // With the very token, and without limits: the record itself has to hold.
            let presented = tokens
                .issuer()
                .present_by_handle(policy, &handle, &binding, typed, now)
                .unwrap();
            let unlimited = tokens.without_limits("a test");
            let refused = unlimited.redeem(policy, &presented).await;
            assert_eq!(reason(refused), Reason::Unknown);
        }
        assert_eq!(bench.store.inner_row(&id).await, before);
        if policy == &CODE {
            let redeemed = tokens.redeem(policy, &issued.handle, &binding, typed).await;
            assert!(redeemed.is_ok());
        }
    }
}
