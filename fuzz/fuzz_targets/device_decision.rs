//! A device's decision counts where the device signed just that, and nowhere else; what it signs is said again here.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::{net::IpAddr, sync::Arc};

use arbitrary::Arbitrary;
use ed25519_dalek::{Signer, SigningKey};
use fuzz::{
    people::{NOW, at, ring, subject},
    ready,
};
use sha2::{Digest, Sha256};
use twofa_providers::{
    Approver, Attempt, EnrolDetails, PromptLimits, PromptStatus, PromptView, Prompts, Response,
    Show, TwoFactor, TwoFactorError,
    token_store::{
        Clock, FactorId, FactorStore, ManualClock, MemoryStore, Tokens,
        ott_core::{Policy, Purpose, Subject, Verdict, chrono::TimeDelta},
    },
};

const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));

#[derive(Arbitrary, Debug)]
struct Input {
    operation: Vec<(String, String)>,
    origin: String,
    network: Option<IpAddr>,
    /// What the device says of what it is shown.
    says: Says,
    /// What is sent in place of its signature, or done to it.
    sent: Sent,
    /// What a server keeps that went past the device.
    kept: Kept,
    /// What another device would show.
    elsewhere: Shown,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Says {
    Approve { right: bool, typed: Option<u32> },
    Deny,
    Report,
}

#[derive(Arbitrary, Debug)]
enum Sent {
    Right,
    Nothing,
    Flip { at: u8, bits: u8 },
    Bytes(Vec<u8>),
    OfAnother(u8),
}

#[derive(Arbitrary, Debug)]
enum Kept {
    Right,
    Flip { at: u8, bits: u8 },
    Bytes(Vec<u8>),
    Append(u8),
    Cut(u8),
}

#[derive(Arbitrary, Debug)]
struct Shown {
    operation: Vec<(String, String)>,
    origin: String,
    network: Option<IpAddr>,
    confirms: bool,
    later: i32,
    typed: Option<u32>,
    factor: [u8; 16],
    subject: bool,
}

struct World {
    tokens: Arc<Tokens>,
    prompts: Prompts,
    engine: TwoFactor,
    owner: Subject,
    key: SigningKey,
    device: FactorId,
}

/// What waits, and what the waiting side has.
struct Waiting {
    view: PromptView,
    number: Option<u32>,
    handle: twofa_providers::token_store::ott_core::Handle,
}

impl World {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(at(NOW)));
        let tokens = Tokens::builder_shared(ring(), Arc::clone(&store))
            .policy(&PROMPT)
            .clock(clock as Arc<dyn Clock>);
        let tokens = tokens.build().expect("it fits").shared();
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let most = PromptLimits::new(100, TimeDelta::microseconds(1), 100);
        let prompts = Prompts::new(&tokens, Arc::clone(&factors), &PROMPT).expect("it fits");
        let prompts = prompts.limits(most);
        let engine = TwoFactor::builder(Arc::clone(&tokens), factors).prompts(&prompts);
        let engine = engine.build().expect("it starts");
        let (owner, key) = (subject("acme", "4711"), SigningKey::from_bytes(&[42; 32]));
        let bytes = key.verifying_key().to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let details = EnrolDetails::new(&owner, "account").brought(&hex);
        let enrolled = ready(engine.enrol("prompt", &details, "phone", None));
        let device = enrolled.expect("a key").factor;
        let world = Self {
            tokens,
            prompts,
            engine,
            owner,
            key,
            device,
        };
        let first = world.ask(&[], "", None).expect("no origin");
        let verdict = Verdict::Approve {
            number: first.number,
        };
        let signed = world.sign(&first.view, verdict);
        let by = Approver::new(&world.owner).signed(&signed);
        let approved = ready(world.prompts.approve(&by, &first.view.id, first.number));
        assert!(matches!(approved, Ok(PromptStatus::Approved)));
        let attempt = Attempt::new(&world.owner, "prompt").factor(device);
        let attempt = attempt.handle(&first.handle);
        let confirmed = ready(world.engine.confirm(&attempt, &Response::nothing()));
        let _ = confirmed.expect("its own signature");
        world
    }

    /// Nothing where the origin cannot be shown.
    fn ask(
        &self,
        operation: &[(&str, &str)],
        origin: &str,
        network: Option<IpAddr>,
    ) -> Option<Waiting> {
        let attempt = self.attempt(operation).origin(origin);
        let attempt = match network {
            Some(network) => attempt.network(network),
            None => attempt,
        };
        let asked = match ready(self.engine.request(&attempt)) {
            Err(TwoFactorError::Label(_)) => return None,
            asked => asked.expect("it asks"),
        };
        let Some(Show::Number(number)) = asked.show else {
            panic!("no number");
        };
        let handle = asked.handle.expect("a flow");
        let id = self.prompts.id_of(&self.owner, &handle).expect("an id");
        let view = ready(self.prompts.look(&self.owner, &id)).expect("memory");
        Some(Waiting {
            view: view.expect("it waits"),
            number: Some(number),
            handle,
        })
    }

    fn attempt<'a>(&'a self, operation: &'a [(&'a str, &'a str)]) -> Attempt<'a> {
        let attempt = Attempt::new(&self.owner, "prompt").factor(self.device);
        attempt.operation(operation)
    }

    fn sign(&self, view: &PromptView, verdict: Verdict) -> [u8; 64] {
        let message = view.to_sign(&self.owner, &self.device, verdict);
        assert_eq!(
            message,
            said_again(&self.owner, &self.device, verdict, view)
        );
        self.key.sign(&message).to_bytes()
    }
}

fuzz::fuzz_target!(|input: Input| {
    let own = |(name, value): &(String, String)| name.len() + value.len() + 4;
    let asked: usize = input.operation.iter().map(own).sum();
    // What a record carries.
    if asked + input.origin.len() > 3_900 {
        return;
    }
    let world = World::new();
    let operation = input.operation.iter();
    let operation: Vec<(&str, &str)> = operation
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let Some(waiting) = world.ask(&operation, &input.origin, input.network) else {
        return;
    };
    assert_eq!(waiting.view.operation, input.operation);
    assert_eq!(waiting.view.origin, input.origin.trim());
    assert_eq!(waiting.view.network, input.network);
    let verdict = input.says.verdict(waiting.number);
    let right = world.sign(&waiting.view, verdict);
    nothing_else_is_signed(&world, &waiting.view, verdict, &input.elsewhere);

    let sent = input.sent.bytes(&right);
    let by = Approver::new(&world.owner);
    let by = match &sent {
        Some(sent) => by.signed(sent),
        None => by,
    };
    let id = &waiting.view.id;
    let said = match verdict {
        Verdict::Approve { number } => ready(world.prompts.approve(&by, id, number)),
        Verdict::Deny => ready(world.prompts.deny(&by, id)),
        Verdict::Report => ready(world.prompts.report(&by, id)),
    };
    let signs = sent.as_deref() == Some(&right[..]);
    assert_eq!(said.is_ok(), signs);
    let approves = verdict
        == Verdict::Approve {
            number: waiting.number,
        };
    let attempt = world.attempt(&operation).handle(&waiting.handle);
    let proved = ready(world.engine.verify(&attempt, &Response::nothing()));
    assert_eq!(proved.is_ok(), signs && approves);

    // A server writes past the device.
    if signs {
        return;
    }
    let (kind, number) = match verdict {
        Verdict::Approve { number } => (1, number),
        Verdict::Deny => (2, None),
        Verdict::Report => (3, None),
    };
    let mut data = vec![1, kind, u8::from(number.is_some())];
    data.extend(number.unwrap_or(0).to_be_bytes());
    data.extend(world.device.as_bytes());
    data.extend(right);
    let kept = input.kept.bytes(&data);
    let approval = Verdict::Approve {
        number: waiting.number,
    };
    let decided = world
        .tokens
        .decide(&PROMPT, id, &world.owner, approval, &kept);
    if ready(decided).is_err() {
        return;
    }
    let proved = ready(world.engine.verify(&attempt, &Response::nothing()));
    assert_eq!(proved.is_ok(), approves && kept == data);
});

/// Another prompt, verdict, person or device is another message.
fn nothing_else_is_signed(world: &World, view: &PromptView, verdict: Verdict, shown: &Shown) {
    let message = view.to_sign(&world.owner, &world.device, verdict);
    let mut other = view.clone();
    other.operation.clone_from(&shown.operation);
    other.origin.clone_from(&shown.origin);
    other.network = shown.network;
    other.confirms = shown.confirms;
    other.asked_at += TimeDelta::microseconds(shown.later.into());
    let says = Verdict::Approve {
        number: shown.typed,
    };
    let device = FactorId::from_bytes(shown.factor);
    let person = if shown.subject {
        world.owner.clone()
    } else {
        subject("acme", "4712")
    };
    let elsewhere = other.to_sign(&person, &device, says);
    let same = (&other, &person, &device, says) == (view, &world.owner, &world.device, verdict);
    assert_eq!(elsewhere == message, same);
    // What is displayed alone, and nothing beside it.
    let displayed = other.to_sign(&world.owner, &world.device, verdict);
    assert_eq!(displayed == message, other == *view);
}

/// The message, as `docs/formats.md` says it.
fn said_again(owner: &Subject, device: &FactorId, verdict: Verdict, view: &PromptView) -> Vec<u8> {
    let mut shown = field(0, b"ott display v1");
    let occasion: &[u8] = if view.confirms { b"confirm" } else { b"verify" };
    shown.extend(field(38, occasion));
    for (name, value) in &view.operation {
        shown.extend(field(10, name.as_bytes()));
        shown.extend(field(11, value.as_bytes()));
    }
    if !view.origin.is_empty() {
        shown.extend(field(39, view.origin.as_bytes()));
    }
    if let Some(network) = view.network {
        shown.extend(field(40, network.to_string().as_bytes()));
    }
    shown.extend(field(22, &view.asked_at.timestamp_micros().to_be_bytes()));
    let mut message = field(0, b"ott device decision v1");
    message.extend(field(5, owner.tenant().as_bytes()));
    message.extend(field(6, owner.id().as_bytes()));
    message.extend(field(35, device.as_bytes()));
    message.extend(field(4, view.id.as_bytes()));
    match verdict {
        Verdict::Approve { number } => {
            message.extend(field(36, &[1]));
            if let Some(number) = number {
                message.extend(field(20, &number.to_be_bytes()));
            }
        }
        Verdict::Deny => message.extend(field(36, &[2])),
        Verdict::Report => message.extend(field(36, &[3])),
    }
    message.extend(field(37, &Sha256::digest(shown)));
    if let Some(end) = view.expires_at {
        message.extend(field(23, &end.timestamp_micros().to_be_bytes()));
    }
    message
}

fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("short");
    [&[tag][..], &length.to_be_bytes(), content].concat()
}

impl Says {
    fn verdict(self, number: Option<u32>) -> Verdict {
        match self {
            Self::Approve { right: true, .. } => Verdict::Approve { number },
            Self::Approve { typed, .. } => Verdict::Approve { number: typed },
            Self::Deny => Verdict::Deny,
            Self::Report => Verdict::Report,
        }
    }
}

impl Sent {
    fn bytes(&self, right: &[u8; 64]) -> Option<Vec<u8>> {
        let mut bytes = right.to_vec();
        match self {
            Self::Right => {}
            Self::Nothing => return None,
            Self::Flip { at, bits } => bytes[usize::from(*at) % 64] ^= bits,
            Self::Bytes(made_up) => bytes.clone_from(made_up),
            Self::OfAnother(key) => {
                let other = SigningKey::from_bytes(&[*key; 32]);
                bytes = other.sign(right).to_bytes().to_vec();
            }
        }
        Some(bytes)
    }
}

impl Kept {
    fn bytes(&self, right: &[u8]) -> Vec<u8> {
        let mut bytes = right.to_vec();
        let length = bytes.len();
        match self {
            Self::Right => {}
            Self::Flip { at, bits } => bytes[usize::from(*at) % length] ^= bits,
            Self::Bytes(made_up) => bytes = made_up.iter().copied().take(4_096).collect(),
            Self::Append(byte) => bytes.push(*byte),
            Self::Cut(at) => bytes.truncate(usize::from(*at) % length),
        }
        bytes
    }
}
