//! The provider of `docs/own-provider.md`: what the page shows stands here, and keeps the laws.

#![cfg(feature = "conformance")]

use std::sync::Arc;

// What the page shows begins here.
use async_trait::async_trait;
use twofa_providers::{
    Asked, Claim, Context, Descriptor, EnrolDetails, Enrolment, Kind, Odds, Provider,
    ProviderError, Response, Show, VerifyError,
    token_store::ott_core::{Policy, Purpose},
};

/// Prompts wait for a decision, and show a number of two digits.
const PROMPT: Policy = Policy::prompt(Purpose::new("app-prompt"));

/// The person approves in our own app, by the number that the waiting page shows.
struct AppPrompt(Descriptor);

impl AppPrompt {
    fn new() -> Self {
        let words = (
            "app",
            "Our app",
            "Approve on a device where you are signed in",
        );
        // Nobody guesses: the approval comes from somebody who is signed in.
        let odds = Odds::NOT_GUESSED;
        let descriptor = Descriptor::new(Kind::RequestToken, words.0, words.1, words.2, odds);
        Self(descriptor.requested(&PROMPT))
    }
}

#[async_trait]
impl Provider for AppPrompt {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        _: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        Ok(Enrolment::default()) // no secret: the app's own session is the authenticator
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        let what = format!("{:?}", context.operation()); // what the app shows beside the number
        let parked = context.park(&PROMPT, what.as_bytes()).await?;
        let number = parked.record.stored().number;
        let number = number.ok_or(ProviderError::Misuse("a prompt has a number"))?;
        Ok(Asked::showing(parked.handle, Show::Number(number)))
    }

    async fn verify(&self, context: &Context<'_>, _: &Response<'_>) -> Result<Claim, VerifyError> {
        let (_, ends) = context.parked(&PROMPT).await?; // pending, denied or not there: refused here
        Ok(ends)
    }
}
// What the page shows ends here.

use twofa_providers::{
    Attempt, Fresh, TwoFactor, TwoFactorBuilder,
    conformance::{Moment, Reply, Trial},
    token_store::{
        FactorId, Tokens,
        ott_core::{State, Subject, Verdict},
    },
};

struct AppPrompts {
    tokens: std::sync::Mutex<Option<Arc<Tokens>>>,
}

impl AppPrompts {
    fn new() -> Self {
        Self {
            tokens: std::sync::Mutex::default(),
        }
    }

    /// What the app does: it lists what waits for the person, and approves by the number that they read on
    /// the waiting page.
    async fn approve(tokens: &Tokens, subject: &Subject, asked: &Asked) -> bool {
        let Some(Show::Number(number)) = asked.show else {
            return false;
        };
        let listed = tokens.list(&PROMPT, subject).await.expect("memory");
        let mut waiting = listed
            .iter()
            .filter(|found| found.stored().state == State::Waiting)
            .filter(|found| found.stored().number == Some(number));
        let Some(found) = waiting.next() else {
            return false;
        };
        let verdict = Verdict::Approve {
            number: Some(number),
        };
        let owner = subject.clone();
        tokens
            .decide(&PROMPT, found.id(), &owner, verdict, b"")
            .await
            .is_ok()
    }
}

#[async_trait]
impl Trial for AppPrompts {
    fn id(&self) -> String {
        "app".into()
    }

    fn policies(&self) -> Vec<Policy> {
        vec![PROMPT]
    }

    fn build(&self, tokens: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        *self.tokens.lock().expect("no panic") = Some(Arc::clone(tokens));
        engine.provider(AppPrompt::new())
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let tokens = self.tokens.lock().expect("no panic").clone();
        let tokens = tokens.expect("an engine was built");
        let details = EnrolDetails::new(subject, "account");
        let enrolled = engine.enrol("app", &details, "app", fresh).await;
        let factor = enrolled.expect("enrolled").factor;
        let attempt = Attempt::new(subject, "app").factor(factor);
        let asked = engine.request(&attempt).await.expect("asked");
        assert!(Self::approve(&tokens, subject, &asked).await);
        let handle = asked.handle.as_ref().expect("a flow");
        let confirmed = engine
            .confirm(&attempt.handle(handle), &Response::nothing())
            .await;
        let _ = confirmed.expect("confirmed");
        Some(factor)
    }

    async fn answer(&self, _: &Moment<'_>) -> Reply {
        Reply::Nothing
    }

    async fn decide(&self, tokens: &Tokens, moment: &Moment<'_>) -> bool {
        match moment.asked {
            Some(asked) => Self::approve(tokens, moment.subject, asked).await,
            None => false,
        }
    }
}

twofa_providers::provider_laws!(AppPrompts::new());

/// The page shows what stands here, and that is at most 60 lines.
#[test]
fn page_shows_this_provider() {
    let page = include_str!("../../../docs/own-provider.md");
    let source = include_str!("own_provider.rs");
    let (_, shown) = source
        .split_once("page shows begins here.\n")
        .expect("it begins");
    let (shown, _) = shown
        .split_once("// What the page shows ends")
        .expect("it ends");
    assert!(page.contains(shown), "the page shows something else");
    assert!(shown.lines().count() <= 60, "{}", shown.lines().count());
}
