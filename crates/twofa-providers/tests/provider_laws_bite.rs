//! Each law of providers fails for the provider that has the mistake which the law names.
#![cfg(feature = "conformance")]

#[path = "support/trials.rs"]
mod trials;

use core::{
    future::{Future, pending},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use twofa_providers::{
    Asked, Attempt, Claim, Context, Descriptor, EnrolDetails, Enrolment, Existing, Fresh, Kind,
    Odds, Provider, ProviderError, Response, Show, TotpProvider, TwoFactor, TwoFactorBuilder,
    VerifyError,
    conformance::{self, Moment, Reply, Trial},
    oath_otp::Secret,
    token_store::{
        FactorId, Tokens,
        ott_core::{Policy, Purpose, Reason, State, Subject, Verdict},
    },
};

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    BurnsInVerify,
    BurnsNothing,
    RefusesTheWaiting,
    CountsPolls,
    NeverAnswers,
    RefusesWhatIsNoFlow,
}

const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));

/// A prompt that somebody approves, with a mistake.
struct Prompt {
    descriptor: Descriptor,
    mistake: Option<Mistake>,
    used: AtomicBool,
    polls: AtomicUsize,
}

#[async_trait]
impl Provider for Prompt {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        _: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        Ok(Enrolment::default())
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        let parked = context.park(&PROMPT, b"").await?;
        let number = parked.record.stored().number.unwrap_or_default();
        self.used.store(false, Ordering::Relaxed);
        Ok(Asked::showing(parked.handle, Show::Number(number)))
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        if self.mistake == Some(Mistake::NeverAnswers) && response.sent().is_ok() {
            pending::<()>().await;
        }
        let parked = context.parked(&PROMPT).await;
        let (_, ends) = match (parked, self.mistake) {
            (Err(VerifyError::Pending), Some(Mistake::RefusesTheWaiting)) => {
                return Err(Reason::Denied.into());
            }
            (Err(VerifyError::Pending), Some(Mistake::CountsPolls)) => {
                self.polls.fetch_add(1, Ordering::Relaxed);
                return Err(VerifyError::Pending);
            }
            (Ok(_), Some(Mistake::CountsPolls)) if self.polls.load(Ordering::Relaxed) > 5 => {
                return Err(Reason::Exhausted.into());
            }
            (Err(VerifyError::NoFlow), Some(Mistake::RefusesWhatIsNoFlow)) => {
                return Err(Reason::Mismatch.into());
            }
            (parked, _) => parked?,
        };
        match self.mistake {
            Some(Mistake::BurnsInVerify) if self.used.swap(true, Ordering::Relaxed) => {
                Err(Reason::Spent.into())
            }
            Some(Mistake::BurnsNothing) => Ok(Claim::elsewhere(async { Ok(()) })),
            _ => Ok(ends),
        }
    }
}

/// Guessed, and so charged to the account: and more codes than law 6 has tried.
const GUESSABLE: Odds = Odds {
    code_space: 1 << 64,
    valid: 1,
};

struct Prompts {
    mistake: Option<Mistake>,
    odds: Odds,
    tokens: Mutex<Option<Arc<Tokens>>>,
}

impl Prompts {
    fn with(mistake: Option<Mistake>) -> Arc<Self> {
        Self::guessed_at(Odds::NOT_GUESSED, mistake)
    }

    fn guessed_at(odds: Odds, mistake: Option<Mistake>) -> Arc<Self> {
        let tokens = Mutex::default();
        Arc::new(Self {
            mistake,
            odds,
            tokens,
        })
    }
}

async fn approve(tokens: &Tokens, subject: &Subject, asked: &Asked) -> bool {
    let Some(Show::Number(number)) = asked.show else {
        return false;
    };
    let number = Some(number);
    let listed = tokens.list(&PROMPT, subject).await.expect("memory");
    let mut waiting = listed.iter().map(|found| found.stored());
    let waiting = waiting.find(|stored| stored.state == State::Waiting && stored.number == number);
    let Some(stored) = waiting else {
        return false;
    };
    let verdict = Verdict::Approve { number };
    let decided = tokens.decide(&PROMPT, &stored.id, subject, verdict, b"");
    decided.await.is_ok()
}

#[async_trait]
impl Trial for Prompts {
    fn id(&self) -> String {
        "prompt".into()
    }

    fn policies(&self) -> Vec<Policy> {
        vec![PROMPT]
    }

    fn build(&self, tokens: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        *self.tokens.lock().expect("no panic") = Some(Arc::clone(tokens));
        let descriptor = Descriptor::new(Kind::RequestToken, "prompt", "Prompt", "", self.odds);
        engine.provider(Prompt {
            descriptor: descriptor.requested(&PROMPT),
            mistake: self.mistake,
            used: AtomicBool::new(false),
            polls: AtomicUsize::new(0),
        })
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let tokens = self.tokens.lock().expect("no panic").clone();
        let details = EnrolDetails::new(subject, "account");
        let enrolled = engine.enrol("prompt", &details, "app", fresh).await;
        let factor = enrolled.expect("enrolled").factor;
        let attempt = Attempt::new(subject, "prompt").factor(factor);
        let asked = engine.request(&attempt).await.expect("asked");
        assert!(approve(&tokens.expect("built"), subject, &asked).await);
        let attempt = attempt.handle(asked.handle.as_ref().expect("a flow"));
        let confirmed = engine.confirm(&attempt, &Response::nothing()).await;
        let _ = confirmed.expect("confirmed");
        Some(factor)
    }

    async fn answer(&self, _: &Moment<'_>) -> Reply {
        Reply::Nothing
    }

    async fn decide(&self, tokens: &Tokens, moment: &Moment<'_>) -> bool {
        match moment.asked {
            Some(asked) => approve(tokens, moment.subject, asked).await,
            None => false,
        }
    }
}

/// How an authenticator app is bent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bend {
    OneSecretForAll,
    OddsOfOneMoreDigit,
    NoForm,
}

struct Bent {
    descriptor: Descriptor,
    totp: TotpProvider,
    bend: Bend,
}

#[async_trait]
impl Provider for Bent {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        match self.bend {
            Bend::NoForm => Ok(()),
            _ => self.totp.form(context, response),
        }
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        if self.bend != Bend::OneSecretForAll {
            return self.totp.verify(context, response).await;
        }
        let secret = trials::shared();
        let now = u64::try_from(context.now().timestamp()).unwrap_or(0);
        let last = context.factor()?.last();
        let step = trials::FIVE.verify(&secret, response.one()?, now, last);
        Ok(Claim::advance(step.map_err(|_| Reason::Mismatch)?.get()))
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        self.totp.import(existing)
    }
}

struct BentApp(trials::App, Bend);

#[async_trait]
impl Trial for BentApp {
    fn id(&self) -> String {
        self.0.id()
    }

    fn build(&self, _: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        let totp = TotpProvider::with("Example", trials::FIVE).expect("it fits");
        let mut descriptor = totp.descriptor().clone();
        if self.1 == Bend::OddsOfOneMoreDigit {
            descriptor.odds.code_space = 999_759;
        }
        engine.provider(Bent {
            descriptor,
            totp,
            bend: self.1,
        })
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        self.0.prepare(engine, subject, fresh).await
    }

    async fn answer(&self, moment: &Moment<'_>) -> Reply {
        if self.1 != Bend::OneSecretForAll {
            return self.0.answer(moment).await;
        }
        let now = u64::try_from(moment.now.timestamp()).unwrap_or(0);
        let secret: Secret = trials::shared();
        let code = trials::FIVE.generate(&secret, now);
        Reply::Code(code.expose_secret().to_owned())
    }

    fn guesses(&self) -> Vec<Reply> {
        self.0.guesses()
    }
}

fn bent(bend: Bend) -> Arc<BentApp> {
    Arc::new(BentApp(trials::App::default(), bend))
}

/// Runs a law that must panic, and says with which words.
async fn broken(law: impl Future<Output = ()> + Send + 'static) -> String {
    let panicked = tokio::spawn(law).await.expect_err("the law did not bite");
    let said = panicked.into_panic();
    let text = said.downcast_ref::<String>().cloned();
    let text = text.or_else(|| said.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.expect("words")
}

/// Without a mistake the prompt keeps all laws, and so does one whose tries are charged to the account: what bites
/// below is the mistake.
#[tokio::test(flavor = "multi_thread")]
async fn prompt_without_a_mistake_keeps_all() {
    for odds in [Odds::NOT_GUESSED, GUESSABLE] {
        assert_eq!(odds.is_guessable(), odds == GUESSABLE);
        let trial = Prompts::guessed_at(odds, None);
        conformance::law_1_verifying_changes_nothing(&trial).await;
        conformance::law_2_an_answer_proves_once(&trial).await;
        conformance::law_3_an_answer_is_good_for_its_own_alone(&trial).await;
        conformance::law_4_waiting_is_free(&trial).await;
        conformance::law_5_every_answer_comes_in_time(&trial).await;
        conformance::law_6_odds_are_not_understated(&trial).await;
        conformance::law_7_form_refuses_what_is_malformed(&trial).await;
        conformance::law_8_no_flow_is_free(&trial).await;
    }
}

/// A provider that burns in `verify` breaks law 1.
#[tokio::test(flavor = "multi_thread")]
async fn law_1_bites_who_burns_in_verify() {
    let trial = Prompts::with(Some(Mistake::BurnsInVerify));
    let said = broken(async move {
        conformance::law_1_verifying_changes_nothing(&trial).await;
    });
    assert!(said.await.contains("law 1"));
}

/// A claim that burns something else than the answer breaks law 2.
#[tokio::test(flavor = "multi_thread")]
async fn law_2_bites_who_burns_nothing() {
    let trial = Prompts::with(Some(Mistake::BurnsNothing));
    let said = broken(async move {
        conformance::law_2_an_answer_proves_once(&trial).await;
    });
    assert!(said.await.contains("law 2"));
}

/// One secret for everybody breaks law 3.
#[tokio::test(flavor = "multi_thread")]
async fn law_3_bites_one_secret_for_all() {
    let trial = bent(Bend::OneSecretForAll);
    let said = broken(async move {
        conformance::law_3_an_answer_is_good_for_its_own_alone(&trial).await;
    });
    assert!(said.await.contains("law 3"));
}

/// A refusal for "not yet" breaks law 4.
#[tokio::test(flavor = "multi_thread")]
async fn law_4_bites_who_refuses_the_waiting() {
    let trial = Prompts::with(Some(Mistake::RefusesTheWaiting));
    let said = broken(async move {
        conformance::law_4_waiting_is_free(&trial).await;
    });
    assert!(said.await.contains("law 4"));
}

/// Polls that count as tries break law 4, once the owner approved.
#[tokio::test(flavor = "multi_thread")]
async fn law_4_bites_who_counts_polls() {
    for odds in [Odds::NOT_GUESSED, GUESSABLE] {
        let trial = Prompts::guessed_at(odds, Some(Mistake::CountsPolls));
        let said = broken(async move {
            conformance::law_4_waiting_is_free(&trial).await;
        });
        assert!(said.await.contains("approved after 1000 polls"));
    }
}

/// An answer that never comes breaks law 5.
#[tokio::test(flavor = "multi_thread")]
async fn law_5_bites_who_never_answers() {
    let trial = Prompts::with(Some(Mistake::NeverAnswers));
    let said = broken(async move {
        conformance::law_5_every_answer_comes_in_time(&trial).await;
    });
    assert!(said.await.contains("law 5"));
}

/// Odds of six digits for codes of five break law 6.
#[tokio::test(flavor = "multi_thread")]
async fn law_6_bites_odds_of_one_more_digit() {
    let trial = bent(Bend::OddsOfOneMoreDigit);
    let said = broken(async move {
        conformance::law_6_odds_are_not_understated(&trial).await;
    });
    assert!(said.await.contains("law 6"));
}

/// A provider without `form` breaks law 7.
#[tokio::test(flavor = "multi_thread")]
async fn law_7_bites_who_has_no_form() {
    let trial = bent(Bend::NoForm);
    let said = broken(async move {
        conformance::law_7_form_refuses_what_is_malformed(&trial).await;
    });
    assert!(said.await.contains("law 7"));
}

/// A refusal of its own for a flow that does not exist breaks law 8.
#[tokio::test(flavor = "multi_thread")]
async fn law_8_bites_who_refuses_no_flow() {
    let trial = Prompts::with(Some(Mistake::RefusesWhatIsNoFlow));
    let said = broken(async move {
        conformance::law_8_no_flow_is_free(&trial).await;
    });
    assert!(said.await.contains("law 8"));
}
