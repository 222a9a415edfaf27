//! Tokens, records and times that the laws are tried on.

use core::future::Future;
use std::{panic::resume_unwind, sync::Arc};

use ott_core::{
    Binding, Decider, Decision, Format, Handle, IssueOptions, Issuer, KeyRing, Lookup, Matching,
    Policy, Presented, Purpose, Record, RecordId, Start, Stored, Subject, Token, Verdict,
    chrono::{DateTime, TimeDelta, Utc},
};
use tokio::sync::Barrier;

use super::{
    Harness,
    dice::{Dice, any_seed},
};

pub(super) type Time = DateTime<Utc>;

pub(super) const CODE: Policy = Policy::code(Purpose::new("law-code"));
pub(super) const OTHER_CODE: Policy = Policy::code(Purpose::new("law-other-code"));
pub(super) const LINK: Policy = Policy::link(Purpose::new("law-link"));
pub(super) const RECOVERY: Policy = Policy::recovery(Purpose::new("law-recovery"));
pub(super) const BEARER: Policy =
    Policy::bearer(Purpose::new("law-bearer"), TimeDelta::days(30)).idle(TimeDelta::hours(1));
pub(super) const PROMPT: Policy = waiting(Purpose::new("law-prompt"), true);
pub(super) const PAIRING: Policy = waiting(Purpose::new("law-pairing"), false);

/// A token that somebody approves, with a number, or becomes the subject of.
const fn waiting(purpose: Purpose, number: bool) -> Policy {
    let number_of = if number {
        Matching::TwoDigits
    } else {
        Matching::Nothing
    };
    Policy::code(purpose)
        .format(Format::LINK)
        .start(Start::Waiting {
            number: number_of,
            binds_subject: !number,
        })
}

pub(super) const PARKED: Policy = Policy::parked(Purpose::new("law-parked"));
/// A parked request with a number of six digits.
pub(super) const ASKED: Policy = Policy::prompt(Purpose::new("law-asked")).start(Start::Waiting {
    number: Matching::SixDigits,
    binds_subject: false,
});

/// One policy of each kind.
pub(super) const POLICIES: [Policy; 8] =
    [CODE, LINK, RECOVERY, BEARER, PROMPT, PAIRING, PARKED, ASKED];

pub(super) const MICRO: TimeDelta = TimeDelta::microseconds(1);

/// So many seconds after 1970.
pub(super) const fn at(seconds: i64) -> Time {
    DateTime::from_timestamp(seconds, 0).expect("the laws stay within the calendar")
}

/// Long ago, today, and from the second in which 32 bits overflow.
pub(super) const NOWS: [Time; 3] = [at(ERAS[0]), at(ERAS[1]), at(ERAS[2] + 1)];

/// Rounds, three at least: a third of them at each of these times. Time never goes back, so that what is done late of a
/// verb that was dropped takes nothing of a later round.
pub(super) fn rounds(many: usize) -> impl Iterator<Item = (usize, Time)> {
    let many = many.max(NOWS.len());
    (0..many).map(move |round| (round, NOWS[round * NOWS.len() / many]))
}

/// Long ago, in September 2026, and a second before 32 bits overflow.
pub(super) const ERAS: [i64; 3] = [1_000, 1_790_000_000, (1 << 31) - 1];

/// In the year 2109.
pub(super) const AGES: i64 = 4_400_000_000;

pub(super) fn subject(tenant: &str, id: &str) -> Subject {
    Subject::new(tenant, id).expect("the laws use valid names")
}

pub(super) fn alice() -> Subject {
    subject("t1", "alice")
}

/// A name of 255 bytes that ends like this.
pub(super) fn long_name(end: char) -> String {
    let mut name = "é".repeat(127);
    name.push(end);
    name
}

/// A token and all that was made with it.
pub(super) struct Minted {
    pub(super) policy: Policy,
    pub(super) tenant: String,
    pub(super) subject: Option<Subject>,
    /// What is parked has none.
    token: Option<Token>,
    pub(super) handle: Handle,
    pub(super) record: Record,
}

impl Minted {
    pub(super) const fn id(&self) -> &RecordId {
        self.record.id()
    }

    /// What its owner types.
    pub(super) fn typed(&self) -> &str {
        self.token.as_ref().map_or("", Token::expose_secret)
    }

    pub(super) const fn stored(&self) -> &Stored {
        self.record.stored()
    }

    pub(super) fn expires_at(&self) -> Time {
        self.stored().expires_at.expect("the policy has a lifetime")
    }

    pub(super) fn binding(&self) -> Binding<'_> {
        match &self.subject {
            Some(subject) => Binding::subject(subject),
            None => Binding::tenant(&self.tenant),
        }
    }
}

/// Makes tokens.
pub(super) struct Mint {
    /// Two keys, one or the other first: what is presented carries two digests.
    issuers: [Issuer; 2],
    /// Other keys under the same ids: right ids, wrong digests.
    impostor: Issuer,
    /// Lacks both keys.
    keyless: Issuer,
    dice: Dice,
}

impl Mint {
    pub(super) fn new() -> Self {
        Self::seeded(any_seed())
    }

    pub(super) fn seeded(seed: u64) -> Self {
        let ring =
            |text: String| Issuer::new(KeyRing::from_text(&text).expect("the laws use valid keys"));
        let key = |id: u8, master: u8| format!("{id} 00{}\n", format!("{master:02x}").repeat(31));
        Self {
            issuers: [
                ring(key(1, 0xa1) + &key(2, 0xa2)),
                ring(key(2, 0xa2) + &key(1, 0xa1)),
            ],
            impostor: ring(key(1, 0xb1) + &key(2, 0xb2)),
            keyless: ring(key(3, 0xa3)),
            dice: Dice::new(seed),
        }
    }

    /// A token of this subject.
    pub(super) fn mint(&mut self, policy: &Policy, subject: &Subject, now: Time) -> Minted {
        self.mint_for(policy, subject.tenant(), Some(subject), b"", None, now)
    }

    /// A token that is in use from its issue.
    pub(super) fn in_use(&mut self, policy: &Policy, subject: &Subject, now: Time) -> Minted {
        let options = IssueOptions {
            used: true,
            ..IssueOptions::default()
        };
        self.mint_opts(policy, subject.tenant(), Some(subject), options, now)
    }

    /// The same flow's next token.
    pub(super) fn resend(&mut self, earlier: &Minted, now: Time) -> Minted {
        let subject = earlier.subject.as_ref();
        self.mint_for(
            &earlier.policy,
            &earlier.tenant,
            subject,
            b"",
            Some(&earlier.handle),
            now,
        )
    }

    pub(super) fn batch(
        &mut self,
        policy: &Policy,
        subject: &Subject,
        size: usize,
        now: Time,
    ) -> Vec<Minted> {
        (0..size).map(|_| self.mint(policy, subject, now)).collect()
    }

    pub(super) fn mint_for(
        &mut self,
        policy: &Policy,
        tenant: &str,
        subject: Option<&Subject>,
        data: &[u8],
        resend: Option<&Handle>,
        now: Time,
    ) -> Minted {
        let options = IssueOptions {
            data,
            resend,
            ..IssueOptions::default()
        };
        self.mint_opts(policy, tenant, subject, options, now)
    }

    fn mint_opts(
        &mut self,
        policy: &Policy,
        tenant: &str,
        subject: Option<&Subject>,
        options: IssueOptions<'_>,
        now: Time,
    ) -> Minted {
        let binding = subject.map_or(Binding::tenant(tenant), Binding::subject);
        let which = self.dice.below(2);
        let (issuer, dice) = (&self.issuers[which], &mut self.dice);
        let (token, handle, record) = if policy.token_lookup() == Lookup::Parked {
            let parked = issuer.park_from_rng(policy, &binding, options, now, dice);
            let parked = parked.expect("the laws park what their policies allow");
            (None, parked.handle, parked.record)
        } else {
            let issued = issuer.issue_from_rng(policy, &binding, options, now, dice);
            let issued = issued.ok().and_then(|mut one| one.pop());
            let issued = issued.expect("the laws issue what their policies allow");
            (Some(issued.token), issued.handle, issued.record)
        };
        Minted {
            policy: *policy,
            tenant: String::from(tenant),
            subject: subject.cloned(),
            token,
            handle,
            record,
        }
    }

    /// The right token.
    pub(super) fn right(&self, minted: &Minted) -> Presented {
        present(&self.issuers[0], minted, minted.typed())
    }

    /// The right record, a wrong token: the `n`th of them.
    pub(super) fn wrong(&self, minted: &Minted, n: usize) -> Presented {
        let token = minted.typed();
        match minted.policy.token_lookup() {
            Lookup::ByHandle { .. } => present(&self.issuers[0], minted, &another(token, n)),
            // A wrong token would find no record; wrong keys find it, and must not open it.
            Lookup::BySubject | Lookup::ByItself | Lookup::Parked => {
                present(&self.impostor, minted, token)
            }
        }
    }

    /// The right token, digested by a ring that lacks the record's key.
    pub(super) fn keyless(&self, minted: &Minted) -> Presented {
        present(&self.keyless, minted, minted.typed())
    }

    pub(super) fn decide(
        &self,
        minted: &Minted,
        decider: impl Into<Decider>,
        verdict: Verdict,
        data: &[u8],
        now: Time,
    ) -> Decision {
        self.issuers[0]
            .decide(
                &minted.policy,
                &minted.record,
                &decider.into(),
                verdict,
                data,
                now,
            )
            .expect("the ring has the key")
    }

    /// The decider's approval, with the right number.
    pub(super) fn approve(&self, minted: &Minted, decider: &Subject, now: Time) -> Decision {
        let number = minted.stored().number;
        self.decide(minted, decider, Verdict::Approve { number }, b"", now)
    }

    pub(super) const fn issuer(&self) -> &Issuer {
        &self.issuers[0]
    }
}

fn present(issuer: &Issuer, minted: &Minted, typed: &str) -> Presented {
    let Minted { policy, handle, .. } = minted;
    let (binding, now) = (minted.binding(), minted.stored().issued_at);
    let presented = match policy.token_lookup() {
        Lookup::ByHandle { .. } => issuer.present_by_handle(policy, handle, &binding, typed, now),
        Lookup::BySubject => issuer.present_by_subject(policy, &binding, typed, now),
        Lookup::ByItself => issuer.present_by_itself(policy, &minted.tenant, typed, now),
        Lookup::Parked => issuer.present_parked(policy, handle, &binding, now),
    };
    presented.expect("the laws present well-formed tokens")
}

/// Another token of the same format.
fn another(token: &str, n: usize) -> String {
    if let Ok(code) = token.parse::<usize>() {
        let width = token.len();
        let space = 10_usize.pow(u32::try_from(width).unwrap_or(6));
        return format!("{:0width$}", (code + 1 + n % (space - 1)) % space);
    }
    let at = n % token.len();
    let symbol = |found: char| if found == 'B' { 'C' } else { 'B' };
    let changed = token.char_indices();
    changed
        .map(|(place, found)| if place == at { symbol(found) } else { found })
        .collect()
}

pub(super) fn records<'m>(minted: impl IntoIterator<Item = &'m Minted>) -> Vec<Record> {
    minted
        .into_iter()
        .map(|minted| minted.record.clone())
        .collect()
}

/// Two instances of a new store on one back end, which the tasks of a race share.
pub(super) struct Pair<S>([Arc<S>; 2]);

impl<S: Send + Sync + 'static> Pair<S> {
    pub(super) async fn new<H: Harness<Store = S>>(harness: &H) -> Self {
        let first = harness.store().await;
        let second = harness.another(&first).await;
        Self([first, second])
    }

    /// The one that this task uses.
    pub(super) fn of(&self, task: usize) -> Arc<S> {
        Arc::clone(&self.0[task % 2])
    }

    /// The one that is used by who does not race.
    pub(super) fn first(&self) -> &S {
        &self.0[0]
    }
}

/// Runs so many tasks that start at one moment, and collects what they answer.
pub(super) async fn race<T, F>(tasks: usize, mut task: impl FnMut(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(tasks));
    let running: Vec<_> = (0..tasks)
        .map(|number| {
            let (start, task) = (Arc::clone(&start), task(number));
            tokio::spawn(async move {
                start.wait().await;
                task.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(tasks);
    for task in running {
        match task.await {
            Ok(answer) => answers.push(answer),
            Err(ended) => resume_unwind(ended.into_panic()),
        }
    }
    answers
}
