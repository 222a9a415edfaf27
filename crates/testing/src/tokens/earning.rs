//! A token that a redeem earns: the answers of both, in one step where the store charges.

use std::sync::Arc;

use token_store::{
    Revoke, Tokens, TokensError, events,
    ott_core::{
        Binding, IssueOptions, Issued, Limit, Policy, Purpose, Reason, Record, State,
        chrono::TimeDelta,
    },
};

use super::reason;
use crate::{Bench, Place, Watched, alice, start, stated, told, wrong};

const CODE: Policy = Policy::code(Purpose::new("sign-in")).requests(None);
const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery"));
const PARKED: Policy = Policy::parked(Purpose::new("parked"));
const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(7));
const IDLE: Policy =
    Policy::bearer(Purpose::new("idle"), TimeDelta::days(7)).idle(TimeDelta::seconds(40));
const LINK: Policy =
    Policy::link(Purpose::new("reset")).requests(Some(Limit::pace(1, TimeDelta::hours(1))));
const ALL: [&Policy; 6] = [&CODE, &RECOVERY, &PARKED, &SESSION, &IDLE, &LINK];

/// Redeems this code for a token of this policy.
async fn earn(
    tokens: &Tokens<Watched>,
    policy: &Policy,
    code: &Issued,
    typed: &str,
) -> Result<(Record, Issued), TokensError> {
    let alice = alice();
    let binding = Binding::subject(&alice);
    let earning = tokens.earning(policy, &binding, IssueOptions::default());
    earning.redeem(&CODE, &code.handle, &binding, typed).await
}

async fn sessions(bench: &Bench) -> usize {
    let listed = bench.tokens.list(&SESSION, &alice()).await;
    listed.unwrap().len()
}

/// A code is redeemed and its session issued, both are told, and where the store charges it is asked once. A wrong one earns nothing.
pub async fn code_earns_a_session_in_one_step(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let code = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = code.token.expose_secret();
    bench.log.drain();
    let refused = earn(tokens, &SESSION, &code, &wrong(typed)).await;
    assert_eq!(reason(refused), Reason::Mismatch);
    assert_eq!(bench.log.names(), [events::TOKEN_REFUSED]);
    assert_eq!(sessions(&bench).await, 0);
    bench.log.drain();
    bench.store.asked();
    let options = IssueOptions {
        data: b"laptop",
        count: 3,
        ..IssueOptions::default()
    };
    let earning = tokens.earning(&SESSION, &binding, options);
    let earned = earning.redeem(&CODE, &code.handle, &binding, typed).await;
    let asked = bench.store.asked();
    if bench.store.charges() {
        assert_eq!(asked, ["redeem_charged"]);
    } else {
        assert_eq!(asked, ["spend", "redeem", "refund", "insert"]);
    }
    let (record, session) = earned.unwrap();
    assert_eq!(record.id(), code.record.id());
    assert_eq!(record.stored().state, State::Spent);
    assert_eq!(session.record.stored().data, b"laptop");
    let (redeemed, issued) = (*record.id(), *session.record.id());
    assert_eq!(
        bench.log.drain(),
        [
            told(&CODE, events::TOKEN_REDEEMED, redeemed).of(&alice),
            told(&SESSION, events::TOKEN_ISSUED, issued).of(&alice),
        ]
    );
    let text = session.token.expose_secret();
    let proved = tokens.authenticate(&SESSION, "acme", text, stated(&binding));
    assert_eq!(proved.await.unwrap().id(), &issued);
    assert_eq!(sessions(&bench).await, 1);
    let again = earn(tokens, &SESSION, &code, typed).await;
    assert_eq!(reason(again), Reason::Spent);
    assert_eq!(sessions(&bench).await, 1);
}

/// A recovery code and what is parked earn too. A recovery code that earns its next one retires the others of its set.
pub async fn every_redeem_earns(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let options = IssueOptions {
        count: 2,
        ..IssueOptions::default()
    };
    let codes = tokens.issue_opts(&RECOVERY, &binding, options).await;
    let codes = codes.unwrap();
    let [one, other] = [0, 1].map(|at: usize| codes[at].token.expose_secret());
    let earning = tokens.earning(&RECOVERY, &binding, IssueOptions::default());
    let earned = earning.redeem_by_subject(&RECOVERY, &binding, one).await;
    let (record, next) = earned.unwrap();
    assert_eq!(record.id(), codes[0].record.id());
    let refused = tokens.redeem_by_subject(&RECOVERY, &binding, other).await;
    assert_eq!(reason(refused), Reason::Superseded);
    let session = tokens.earning(&SESSION, &binding, IssueOptions::default());
    let next = next.token.expose_secret();
    let earned = session.redeem_by_subject(&RECOVERY, &binding, next).await;
    earned.unwrap();
    let parked = tokens.park(&PARKED, &binding, b"a proof").await.unwrap();
    let earned = session.resume(&PARKED, &parked.handle, &binding).await;
    assert_eq!(earned.unwrap().0.stored().data, b"a proof");
    assert_eq!(sessions(&bench).await, 2);
}

/// A token of this policy that a code earned.
async fn earned(bench: &Bench, policy: &Policy) -> Issued {
    let alice = alice();
    let code = bench.tokens.issue(&CODE, &Binding::subject(&alice)).await;
    let code = code.unwrap();
    let earned = earn(&bench.tokens, policy, &code, code.token.expose_secret());
    earned.await.unwrap().1
}

/// When it was last used, as the store has it, and what the store was asked meanwhile.
async fn use_after(
    bench: &Bench,
    policy: &Policy,
    token: &Issued,
    seconds: i64,
) -> (Option<i64>, Vec<&'static str>) {
    bench.pass(start() + TimeDelta::seconds(seconds) - bench.tokens.now());
    bench.store.asked();
    let load = stated(&Binding::subject(&alice()));
    let text = token.token.expose_secret();
    let proved = bench.tokens.authenticate(policy, "acme", text, load).await;
    proved.unwrap();
    let asked = bench.store.asked();
    let row = bench.store.inner_row(token.record.id()).await;
    let used = row.used_at.map(|used| (used - start()).num_seconds());
    (used, asked)
}

/// Who earned a token is there: it is in use from its issue, and its first minute writes nothing.
pub async fn earned_token_notes_no_first_use(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    for policy in [&SESSION, &IDLE] {
        let token = earned(&bench, policy).await;
        assert_eq!(token.record.stored().used_at, Some(bench.tokens.now()));
        let row = bench.store.inner_row(token.record.id()).await;
        assert_eq!(&row, token.record.stored());
    }
    let token = earned(&bench, &SESSION).await;
    for seconds in [0, 1, 59] {
        let told = use_after(&bench, &SESSION, &token, seconds).await;
        assert_eq!(told, (Some(0), vec!["find"]), "{seconds}");
    }
}

/// The use of a minute later is noted as any is, or of a quarter of the idle time where that is shorter, so that no token in use idles out.
pub async fn earned_token_notes_a_later_use(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (token, idle) = (earned(&bench, &SESSION).await, earned(&bench, &IDLE).await);
    for (seconds, noted) in [(9, None), (10, Some(10)), (19, None), (49, Some(49))] {
        let (used, asked) = use_after(&bench, &IDLE, &idle, seconds).await;
        assert_eq!(asked.contains(&"touch"), noted.is_some(), "{seconds}");
        assert!(noted.is_none_or(|noted| used == Some(noted)), "{seconds}");
    }
    let told = use_after(&bench, &SESSION, &token, 60).await;
    assert_eq!(told, (Some(60), vec!["find", "touch"]));
    let unused = earned(&bench, &IDLE).await;
    bench.pass(TimeDelta::seconds(40));
    let load = stated(&Binding::subject(&alice()));
    let text = unused.token.expose_secret();
    let idled = bench.tokens.authenticate(&IDLE, "acme", text, load).await;
    assert_eq!(reason(idled), Reason::Expired);
}

/// A token that is issued without a redeem was never used, until it is. So was an earned one that is redeemed itself.
pub async fn issued_token_was_never_used(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let alice = alice();
    let binding = Binding::subject(&alice);
    let issued = bench.tokens.issue(&SESSION, &binding).await.unwrap();
    let recovery = earned(&bench, &RECOVERY).await;
    for token in [&issued, &recovery] {
        assert_eq!(token.record.stored().used_at, None);
        let row = bench.store.inner_row(token.record.id()).await;
        assert_eq!(row.used_at, None);
    }
    let told = use_after(&bench, &SESSION, &issued, 0).await;
    assert_eq!(told, (Some(0), vec!["find", "touch"]));
}

/// Where issuing is counted, it is counted after the redeem: a reached limit leaves a code that is spent and earned nothing.
pub async fn counted_issue_follows_its_redeem(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    for round in 0..2 {
        let code = tokens.issue(&CODE, &binding).await.unwrap();
        let typed = code.token.expose_secret();
        let refused = earn(tokens, &LINK, &code, &wrong(typed)).await;
        assert_eq!(reason(refused), Reason::Mismatch);
        let earned = earn(tokens, &LINK, &code, typed).await;
        match round {
            0 => assert!(earned.is_ok()),
            _ => assert!(matches!(earned, Err(TokensError::Throttled { .. }))),
        }
        let row = bench.store.inner_row(code.record.id()).await;
        assert_eq!(row.state, State::Spent);
        let listed = tokens.list(&LINK, &alice).await.unwrap();
        assert_eq!(listed.len(), 1);
    }
}

/// What cannot be issued is told before anything is redeemed.
pub async fn earning_misuse_spends_nothing(place: Place) {
    const OTHER: Policy = Policy::bearer(Purpose::new("other"), TimeDelta::days(7));
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let code = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = code.token.expose_secret();
    bench.store.asked();
    let misuse = earn(tokens, &OTHER, &code, typed).await;
    assert!(matches!(misuse, Err(TokensError::Misuse(_))), "{misuse:?}");
    let parked = earn(tokens, &PARKED, &code, typed).await;
    assert!(
        matches!(parked, Err(TokensError::Issue(_) | TokensError::Misuse(_))),
        "{parked:?}"
    );
    let nobody = Binding::tenant("acme");
    let earning = tokens.earning(&CODE, &nobody, IssueOptions::default());
    let misuse = earning.redeem(&CODE, &code.handle, &binding, typed).await;
    assert!(matches!(misuse, Err(TokensError::Misuse(_))), "{misuse:?}");
    let data = [0; 5_000];
    let options = IssueOptions {
        data: &data,
        ..IssueOptions::default()
    };
    let earning = tokens.earning(&SESSION, &binding, options);
    let long = earning.redeem(&CODE, &code.handle, &binding, typed).await;
    assert!(matches!(long, Err(TokensError::Misuse(_))), "{long:?}");
    let session = tokens.earning(&SESSION, &binding, IssueOptions::default());
    let misuse = session.redeem_by_subject(&CODE, &binding, typed).await;
    assert!(matches!(misuse, Err(TokensError::Misuse(_))), "{misuse:?}");
    let form = session.redeem(&CODE, &code.handle, &binding, "12").await;
    assert_eq!(reason(form), Reason::Malformed);
    assert!(bench.store.asked().is_empty());
    assert!(earn(tokens, &SESSION, &code, typed).await.is_ok());
}

/// An outage of the insert: in one step the code is still good, and else it is spent. Neither has a session.
pub async fn earning_outage_is_told(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let code = tokens.issue(&CODE, &binding).await.unwrap();
    let typed = code.token.expose_secret();
    bench.store.fail("insert");
    bench.log.drain();
    let outage = earn(tokens, &SESSION, &code, typed).await;
    assert!(
        matches!(outage, Err(TokensError::Unavailable(_))),
        "{outage:?}"
    );
    bench.store.recover();
    assert_eq!(sessions(&bench).await, 0);
    let again = earn(tokens, &SESSION, &code, typed).await;
    if bench.store.charges() {
        assert!(again.is_ok());
        assert_eq!(sessions(&bench).await, 1);
    } else {
        assert_eq!(reason(again), Reason::Spent);
    }
}

/// A code whose row somebody edited is refused, and no session of it is left or told.
pub async fn edited_code_earns_nothing(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let (tokens, alice) = (&bench.tokens, alice());
    let binding = Binding::subject(&alice);
    let code = tokens.issue(&CODE, &binding).await.unwrap();
    bench.log.drain();
    bench.store.edit(|stored| stored.data = b"mine".into());
    let refused = earn(tokens, &SESSION, &code, code.token.expose_secret()).await;
    assert_eq!(reason(refused), Reason::TagForged);
    assert_eq!(bench.log.names(), [events::TOKEN_REFUSED]);
    let records = bench.store.records().await;
    let live = |state: State| state.refusal().is_none();
    assert!(!records.iter().any(|record| live(record.state)));
    let others = Revoke::subject(&alice);
    assert_eq!(tokens.revoke(&others).await.unwrap(), 0);
}

/// Of 50 that have one code, one has a session.
pub async fn one_code_earns_one_session(place: Place) {
    let bench = Bench::new(place, &ALL).await;
    let alice = alice();
    let binding = Binding::subject(&alice);
    for _ in 0..place.often(20, 2) {
        let code = Arc::new(bench.tokens.issue(&CODE, &binding).await.unwrap());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (tokens, code) = (Arc::clone(&bench.tokens), Arc::clone(&code));
            tasks.spawn(async move {
                let typed = code.token.expose_secret();
                earn(&tokens, &SESSION, &code, typed).await
            });
        }
        let told = tasks.join_all().await;
        let won: Vec<_> = told.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        let listed = bench.tokens.list(&SESSION, &alice).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|found| found.stored().id).collect();
        assert_eq!(listed, [*won[0].1.record.id()]);
        bench.pass(TimeDelta::days(10));
    }
}
