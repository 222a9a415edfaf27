//! What a queue of messages keeps.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use token_delivery::{
    Delivery, DeliveryError, DeliveryQueue, Language, Message, Notice, Phrase, QueueBuilder,
    QueueConfigError, Undelivered, Worked,
    ott_core::{
        Destination, Format, KeyRing, Policy, Purpose, RecordId, Subject, Token, chrono::TimeDelta,
        rand::rngs::SysRng,
    },
};
use token_store::{ManualClock, QueueStore, Requeued, Waiting};

use crate::{KEY_1, KEY_2, Place, key_1, key_2, ring, start};

const CODE: Policy = Policy::code(Purpose::new("queued-code"));
const PROMPT: Policy = Policy::prompt(Purpose::new("queued-prompt"));
const NEWS: Purpose = Purpose::new("queued-news");
const MISSING: Purpose = Purpose::new("no-words");

/// Answers what it is told to, and says what reached it.
#[derive(Default)]
struct Gateway {
    answer: Mutex<Option<fn() -> DeliveryError>>,
    got: Mutex<Vec<String>>,
}

impl Gateway {
    fn answers(&self, answer: Option<fn() -> DeliveryError>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn got(&self) -> Vec<String> {
        core::mem::take(&mut *self.got.lock().unwrap())
    }
}

/// Everything of a message that a delivery sees.
fn told(message: &Message<'_>) -> String {
    format!(
        "{} {} {:?} {:?} {:?} {:?} {:?} {:?}",
        message.purpose().as_str(),
        message.destination().address(),
        message.subject(),
        message.language(),
        message.phrase().map(Phrase::expose_text),
        message.token().map(|token| token.expose_secret()),
        message.news(),
        message.waiting(),
    )
}

#[async_trait]
impl Delivery for Gateway {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        self.got.lock().unwrap().push(told(message));
        let answer = *self.answer.lock().unwrap();
        answer.map_or(Ok(()), |answer| Err(answer()))
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        *purpose != MISSING
    }
}

struct Bench {
    store: Arc<dyn QueueStore>,
    queue: DeliveryQueue,
    gateway: Arc<Gateway>,
    clock: Arc<ManualClock>,
    // What it is kept in goes last.
    _home: crate::Store,
}

impl Bench {
    async fn new(place: Place) -> Self {
        Self::with(place, |builder| builder).await
    }

    async fn with(place: Place, set: impl FnOnce(QueueBuilder) -> QueueBuilder) -> Self {
        let home = place.store().await;
        let store = home.queue().await;
        let (gateway, clock) = (
            Arc::new(Gateway::default()),
            Arc::new(ManualClock::new(start())),
        );
        let builder = builder(&store, key_1(), &gateway, &clock);
        Self {
            queue: set(builder).build().unwrap(),
            store,
            gateway,
            clock,
            _home: home,
        }
    }

    async fn work(&self) -> Worked {
        self.queue.work().await.unwrap()
    }

    async fn after(&self, by: TimeDelta) -> Worked {
        self.clock.advance(by);
        self.work().await
    }
}

fn builder(
    store: &Arc<dyn QueueStore>,
    keys: KeyRing,
    gateway: &Arc<Gateway>,
    clock: &Arc<ManualClock>,
) -> QueueBuilder {
    DeliveryQueue::builder(Arc::clone(store), keys, Arc::clone(gateway))
        .policy(&CODE)
        .policy(&PROMPT)
        .notice(&NEWS)
        .clock(Arc::clone(clock))
}

fn address() -> Destination {
    Destination::email("alice.secret@example.org").unwrap()
}

fn subject() -> Subject {
    Subject::new("tenant", "alice").unwrap()
}

fn token() -> Token {
    Token::try_generate_from_rng(&Format::LINK, &mut SysRng).unwrap()
}

fn unavailable() -> DeliveryError {
    DeliveryError::Unavailable("the gateway is down".into())
}

/// A message of each kind is handed over with all that it had.
pub async fn message_arrives_as_it_was_queued(place: Place) {
    let bench = Bench::new(place).await;
    let (token, phone, phrase) = (
        token(),
        Destination::phone("+4917612345678"),
        Phrase::new("b"),
    );
    let (phone, phrase) = (phone.unwrap(), phrase.unwrap());
    let notice = Notice {
        what: "something happened".into(),
        at: start(),
        from: Some([203, 0, 113, 7].into()),
    };
    let unknown = Notice {
        from: None,
        ..notice.clone()
    };
    let (mail, device) = (address(), Destination::device("device 1").unwrap());
    let (alice, id) = (subject(), RecordId::from_bytes([7; 16]));
    let messages = [
        Message::new(CODE.purpose(), &mail, &token),
        Message::new(CODE.purpose(), &phone, &token).of(&alice),
        Message::notice(&NEWS, &mail, &notice, Some(&token)),
        Message::notice(&NEWS, &phone, &unknown, None).in_language(Some(Language::Arabic)),
        Message::prompt(PROMPT.purpose(), &device, &id).with_phrase(Some(&phrase)),
    ];
    for message in &messages {
        bench.queue.deliver(message).await.unwrap();
    }
    assert!(
        bench.gateway.got().is_empty(),
        "nothing leaves before it is its turn"
    );
    let worked = bench.work().await;
    assert_eq!((worked.taken, worked.sent, worked.late), (5, 5, 0));
    let (mut got, mut right) = (bench.gateway.got(), messages.map(|message| told(&message)));
    got.sort_unstable();
    right.sort_unstable();
    assert_eq!(got, right);
    assert_eq!(bench.work().await, Worked::default());
}

/// While the gateway is down the message waits, longer after each try; then it goes, with the token that it had.
pub async fn failing_gateway_gets_the_same_token_again(place: Place) {
    let bench = Bench::new(place).await;
    let (token, address) = (token(), address());
    let message = Message::new(CODE.purpose(), &address, &token);
    bench.queue.deliver(&message).await.unwrap();
    bench.gateway.answers(Some(unavailable));
    assert_eq!(bench.work().await.later, 1);
    assert_eq!(bench.after(TimeDelta::milliseconds(999)).await.taken, 0);
    assert_eq!(bench.after(TimeDelta::milliseconds(1)).await.later, 1);
    assert_eq!(bench.after(TimeDelta::milliseconds(1_999)).await.taken, 0);
    bench.gateway.answers(None);
    assert_eq!(bench.after(TimeDelta::milliseconds(1)).await.sent, 1);
    assert_eq!(bench.gateway.got(), [&*told(&message); 3]);
    let lines = bench.queue.lines().await.unwrap();
    assert_eq!((lines[0].waiting, lines[0].sent, lines[0].dead), (0, 1, 0));
}

/// A newer token of one subject, purpose and address is the one that leaves; other subjects, purposes and addresses have theirs.
pub async fn newer_token_takes_the_place_of_the_older(place: Place) {
    let bench = Bench::new(place).await;
    let (older, newer, mail, alice) = (token(), token(), address(), subject());
    let bob = Subject::new("tenant", "bob").unwrap();
    let other = Destination::email("other@example.org").unwrap();
    let notice = Notice {
        what: "something happened".into(),
        at: start(),
        from: None,
    };
    for message in [
        Message::new(CODE.purpose(), &mail, &older).of(&alice),
        Message::new(CODE.purpose(), &mail, &newer).of(&alice),
        Message::new(CODE.purpose(), &mail, &older).of(&bob),
        Message::new(CODE.purpose(), &other, &older).of(&alice),
        Message::notice(&NEWS, &mail, &notice, None).of(&alice),
        Message::notice(&NEWS, &mail, &notice, None).of(&alice),
    ] {
        bench.queue.deliver(&message).await.unwrap();
    }
    assert_eq!(bench.work().await.sent, 5);
    let got = bench.gateway.got();
    let of_alice = Message::new(CODE.purpose(), &mail, &newer).of(&alice);
    let older = Message::new(CODE.purpose(), &mail, &older).of(&alice);
    assert!(got.contains(&told(&of_alice)) && !got.contains(&told(&older)));
    assert_eq!(bench.queue.lines().await.unwrap()[0].replaced, 1);
}

/// A token that waited for longer than it lives is not sent: a notice is, or it is a dead letter.
pub async fn late_token_becomes_a_notice(place: Place) {
    for late in [true, false] {
        let set = |builder: QueueBuilder| if late { builder.late(&NEWS) } else { builder };
        let bench = Bench::with(place, set).await;
        let (token, address, alice, device) =
            (token(), address(), subject(), Destination::device("d"));
        let (id, device) = (RecordId::from_bytes([7; 16]), device.unwrap());
        let message = Message::new(CODE.purpose(), &address, &token).of(&alice);
        bench.queue.deliver(&message).await.unwrap();
        let prompt = Message::prompt(PROMPT.purpose(), &device, &id);
        bench.queue.deliver(&prompt).await.unwrap();
        bench.gateway.answers(Some(unavailable));
        let worked = bench.after(TimeDelta::seconds(599)).await;
        assert_eq!(worked.taken, 2);
        bench.gateway.got();
        bench.gateway.answers(None);
        let worked = bench.after(TimeDelta::seconds(1)).await;
        let got = bench.gateway.got();
        assert!(
            got.iter().all(|got| !got.contains(token.expose_secret())),
            "{got:?}"
        );
        let letters = bench.queue.dead(None, 9).await.unwrap();
        if late {
            assert_eq!((worked.sent, worked.late), (1, 1));
            let right = "queued-news alice.secret@example.org";
            assert!(got.len() == 1 && got[0].starts_with(right), "{got:?}");
            assert!(got[0].contains("alice") && got[0].contains("ask for a new one"));
            assert_eq!(letters.len(), 1, "the prompt");
        } else {
            assert_eq!((worked.sent, worked.dead, got.len()), (0, 2, 0));
        }
        assert!(letters.iter().all(|letter| letter.reason == "expired"));
    }
}

/// What is refused, and what was tried for too long, is a dead letter with its reason; sent back, it goes.
pub async fn refused_message_is_a_dead_letter_with_its_reason(place: Place) {
    let patient = |builder: QueueBuilder| builder.patience(TimeDelta::seconds(5));
    let bench = Bench::with(place, patient).await;
    let (token, address) = (token(), address());
    let message = Message::new(CODE.purpose(), &address, &token);
    type Case = (fn() -> DeliveryError, &'static str, u64);
    let cases: [Case; 6] = [
        (|| DeliveryError::Refused("no".into()), "refused", 1),
        (
            || DeliveryError::Unregistered("gone".into()),
            "unregistered",
            1,
        ),
        (|| DeliveryError::Unsendable { which: "x" }, "unsendable", 1),
        (
            || DeliveryError::NoTemplate { purpose: "x" },
            "no template",
            1,
        ),
        (unavailable, "unavailable", 0),
        (
            || DeliveryError::Misconfigured {
                which: "x",
                source: None,
            },
            "misconfigured",
            0,
        ),
    ];
    for (answer, reason, at_once) in cases {
        bench.queue.deliver(&message).await.unwrap();
        bench.gateway.answers(Some(answer));
        assert_eq!(bench.work().await.dead, at_once, "{reason}");
        if at_once == 0 {
            assert_eq!(bench.after(TimeDelta::seconds(5)).await.dead, 1);
        }
        let letters = bench.queue.dead(None, 9).await.unwrap();
        assert_eq!((letters.len(), &*letters[0].reason), (1, reason));
        bench.gateway.answers(None);
        bench.gateway.got();
        let back = bench.queue.requeue(&letters[0].id).await.unwrap();
        assert_eq!(back, Requeued::Queued);
        assert_eq!(bench.work().await.sent, 1, "{reason}");
        assert_eq!(bench.gateway.got(), [told(&message)]);
    }
}

/// What is refused for good is told with its message and error; what is tried again is not.
pub async fn refusal_is_told_with_its_message(place: Place) {
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl Undelivered for Told {
        async fn undelivered(&self, message: &Message<'_>, error: &DeliveryError) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{} {error}", told(message)));
        }
    }

    let (seen, also) = (Told::default(), Told::default());
    let set = |builder: QueueBuilder| builder.undelivered(seen.clone()).undelivered(also.clone());
    let bench = Bench::with(place, set).await;
    let (token, address, alice) = (token(), address(), subject());
    let message = Message::new(CODE.purpose(), &address, &token).of(&alice);
    bench.queue.deliver(&message).await.unwrap();
    bench.gateway.answers(Some(unavailable));
    bench.work().await;
    assert!(seen.0.lock().unwrap().is_empty());
    bench
        .gateway
        .answers(Some(|| DeliveryError::Refused("gone".into())));
    assert_eq!(bench.after(TimeDelta::seconds(1)).await.dead, 1);
    let right = format!("{} the far end refused the message", told(&message));
    for one in [seen, also] {
        assert_eq!(*one.0.lock().unwrap(), [&*right]);
    }
}

/// A full line is told by a type of its own, and takes nothing.
pub async fn full_line_is_told(place: Place) {
    let bench = Bench::with(place, |builder| builder.most(2)).await;
    let (token, people) = (token(), ["a", "b", "c"]);
    let mut told = Vec::new();
    for name in people {
        let address = Destination::email(format!("{name}@example.org")).unwrap();
        let message = Message::new(CODE.purpose(), &address, &token);
        told.push(bench.queue.deliver(&message).await);
    }
    assert!(matches!(
        told[..],
        [Ok(()), Ok(()), Err(DeliveryError::QueueFull)]
    ));
    assert_eq!(bench.work().await.sent, 2);
}

/// A message in another row, or in another tenant's line, is not sent.
pub async fn moved_row_is_unreadable(place: Place) {
    let bench = Bench::new(place).await;
    let (token, address, alice) = (token(), address(), subject());
    let message = Message::new(CODE.purpose(), &address, &token).of(&alice);
    bench.queue.deliver(&message).await.unwrap();
    let (now, until) = (start(), start() + TimeDelta::hours(1));
    let taken = bench.store.take(1, now, until).await.unwrap();
    let own = &taken[0].entry;
    let copies = [
        Waiting {
            id: [1; 16],
            slot: [1; 16],
            ..own.clone()
        },
        Waiting {
            id: [2; 16],
            tenant: "thief".to_owned(),
            slot: [2; 16],
            ..own.clone()
        },
    ];
    for copy in &copies {
        bench.store.enqueue(copy, 99).await.unwrap();
    }
    assert_eq!(bench.work().await.dead, 2);
    assert!(bench.gateway.got().is_empty());
    let letters = bench.queue.dead(None, 9).await.unwrap();
    assert!(letters.iter().all(|letter| letter.reason == "unreadable"));
}

/// What a key sealed that the ring lacks now waits until it is there again.
pub async fn lost_key_waits(place: Place) {
    let bench = Bench::new(place).await;
    let (token, address) = (token(), address());
    let message = Message::new(CODE.purpose(), &address, &token);
    bench.queue.deliver(&message).await.unwrap();
    let other = builder(&bench.store, key_2(), &bench.gateway, &bench.clock);
    let other = other.build().unwrap();
    assert_eq!(other.work().await.unwrap().later, 1);
    let both = builder(
        &bench.store,
        ring(&[&format!("2 {KEY_2}"), &format!("1 {KEY_1}")]),
        &bench.gateway,
        &bench.clock,
    );
    bench.clock.advance(TimeDelta::seconds(1));
    assert_eq!(both.build().unwrap().work().await.unwrap().sent, 1);
}

/// Neither row, number nor error tells a token, an address or a person.
pub async fn row_tells_nothing(place: Place) {
    let bench = Bench::with(place, |builder| builder.most(1)).await;
    let (token, address, alice) = (token(), address(), subject());
    let message = Message::new(CODE.purpose(), &address, &token).of(&alice);
    bench.queue.deliver(&message).await.unwrap();
    let bob = Subject::new("tenant", "bob").unwrap();
    let other = Message::new(CODE.purpose(), &address, &token).of(&bob);
    let full = bench.queue.deliver(&other).await.unwrap_err();
    let (now, until) = (start(), start() + TimeDelta::hours(1));
    let taken = bench.store.take(1, now, until).await.unwrap();
    let lines = bench.queue.lines().await.unwrap();
    let row = String::from_utf8_lossy(&taken[0].entry.sealed).into_owned();
    let all = format!(
        "{row} {taken:?} {lines:?} {full:?} {full} {:?}",
        bench.queue
    );
    for secret in [token.expose_secret(), "secret", "alice"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

/// A purpose that the queue was not given is refused when it is queued; one without words when the queue is built.
pub async fn unknown_purpose_is_refused(place: Place) {
    let bench = Bench::new(place).await;
    let (token, address) = (token(), address());
    let other = Purpose::new("another");
    let told = bench
        .queue
        .deliver(&Message::new(&other, &address, &token))
        .await;
    assert!(matches!(told, Err(DeliveryError::Misconfigured { .. })));
    assert!(bench.queue.lines().await.unwrap().is_empty());
    assert!(bench.queue.sends(CODE.purpose()) && !bench.queue.sends(&other));
    let again = |set: fn(QueueBuilder) -> QueueBuilder| {
        let builder = builder(&bench.store, key_1(), &bench.gateway, &bench.clock);
        set(builder).build().map(drop)
    };
    let missing = Err(QueueConfigError::NoTemplate(MISSING));
    assert_eq!(again(|builder| builder.notice(&MISSING)), missing);
    assert_eq!(again(|builder| builder.late(&MISSING)), missing);
    assert_eq!(
        again(|builder| builder.most(0)),
        Err(QueueConfigError::Nothing)
    );
    assert_eq!(
        again(|builder| builder.at_once(0)),
        Err(QueueConfigError::Nothing)
    );
}
