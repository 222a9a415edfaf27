//! The tests of flows, over any place: [`flows!`](crate::flows!) makes them tests.

pub mod accounts;
pub mod chains;
pub mod model;
pub mod queue;
pub mod ready;
pub mod reverts;
pub mod steps;
pub mod strangers;

use core::sync::atomic::{AtomicBool, Ordering};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use ott_flows::{
    Accounts, Asked, BoxError, Check, FlowError, Flows, Held, Hold, Operation, Proof, Rules,
    Settings, Stage, Standing, To, Who, ready as ops,
    token_delivery::{Outbox, Template, Templates},
    token_store::ott_core::{
        Channel, Destination, Handle, Policy, Purpose, Subject, chrono::TimeDelta,
    },
};

use crate::{Bench, Place, Watched};

/// The tests of flows, each over this place, in a module for each of their files.
///
/// The crate that calls it depends on `tokio` with `rt-multi-thread` and `macros`.
#[macro_export]
macro_rules! flows {
    ($place:ident) => {
        $crate::tests! { $place flows
            accounts {
                locked_account_completes_nothing
                change_of_epoch_ends_what_was_begun
                token_goes_to_a_stored_address_or_nowhere
                phrase_stands_in_mail_to_verified_addresses
                hold_refuses_until_its_time_is_over
            }
            chains {
                second_step_needs_the_first_and_its_holder
                parked_proof_is_resumed_once
                chain_shares_one_count
                parked_proof_dies_with_the_epoch
            }
            model {
                random_calls_are_answered_as_the_model_says
                random_calls_find_what_is_broken
            }
            queue {
                outage_loses_no_entry
                full_delivery_loses_no_entry
                entry_sent_twice_leaves_one_token
                entry_that_fails_holds_up_nobody
                queue_is_bounded
                entry_of_an_ended_flow_sends_nothing
            }
            ready {
                registration_names_the_proved_address
                address_changes_by_old_and_new
                password_recovery_keeps_the_factor
                address_is_recovered_by_another_kind
                removal_names_its_factor
                phrase_changes_by_email_alone
                account_is_deleted_after_the_hold
                payment_is_what_was_confirmed
            }
            reverts {
                link_takes_a_change_back_once
                link_dies_with_the_hold
            }
            steps {
                token_completes_once_for_its_holder
                token_of_another_flow_is_refused
                newer_token_replaces_the_older
                token_of_one_address_is_no_good_for_another
                wrong_tokens_end_the_flow_over_newer_ones
                last_try_may_be_right
                change_is_what_was_confirmed
                completes_at_once_have_one_winner
                switch_and_checks_hold_at_every_step
                token_dies_at_its_time_and_the_flow_later
            }
            strangers {
                unknown_address_takes_the_same_calls
                outsider_leaves_the_owner_everything
                outsider_makes_five_live_tokens_at_most
            }
        }
    };
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident $purpose:literal $after:ty)+) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Operation for $name {
            const PURPOSE: Purpose = Purpose::new($purpose);
            type After = $after;
        })+
    };
}

operations! {
    /// Anyone may start it.
    Recover "recover" ()
    /// The old key is proved.
    ProveOld "prove-old" ()
    /// Then the new one.
    ChangeKey "change-key" Proof<ProveOld>
    /// A change is taken back by a link.
    PutBack "put-back" ()
    /// By somebody who has no account yet.
    SignUp "sign-up" ()
}

pub use ott_flows::ready::Pay;

/// What the accounts are.
#[derive(Debug, Default)]
pub struct Book(Mutex<BTreeMap<Subject, Standing>>, Mutex<Option<Subject>>);

impl Book {
    /// Changes an account, or makes one.
    pub fn change(&self, subject: &Subject, change: impl FnOnce(&mut Standing)) {
        change(self.0.lock().unwrap().entry(subject.clone()).or_default());
    }

    /// This account, and no other, cannot be loaded.
    pub fn lose(&self, subject: Option<&Subject>) {
        *self.1.lock().unwrap() = subject.cloned();
    }

    /// Removes it.
    pub fn remove(&self, subject: &Subject) {
        self.0.lock().unwrap().remove(subject);
    }
}

#[async_trait]
impl Accounts for Book {
    async fn standing(&self, subject: &Subject) -> Result<Option<Standing>, BoxError> {
        if self.1.lock().unwrap().as_ref() == Some(subject) {
            return Err("the account cannot be loaded".into());
        }
        Ok(self.0.lock().unwrap().get(subject).cloned())
    }
}

/// What a world lacks, for a test that has to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The check of `Pay`.
    Check,
    /// The credential epoch.
    Epoch,
    /// The clock stands still.
    Expiry,
    /// The holder: everybody is the same.
    Holder,
    /// Locks: an account that is gone stands.
    Lock,
    /// The switch of `Pay`.
    Switch,
    /// The limit of wrong tokens.
    Tries,
}

/// Accounts without a check.
struct Lenient {
    book: Arc<Book>,
    broken: Option<Broken>,
}

#[async_trait]
impl Accounts for Lenient {
    async fn standing(&self, subject: &Subject) -> Result<Option<Standing>, BoxError> {
        let standing = self.book.standing(subject).await?;
        let verified = || vec![address("alice")];
        Ok(match self.broken {
            Some(Broken::Epoch) => standing.map(|standing| Standing {
                epoch: 0,
                ..standing
            }),
            Some(Broken::Lock) => Some(standing.unwrap_or_else(|| Standing {
                verified: verified(),
                ..Standing::default()
            })),
            _ => standing,
        })
    }
}

/// Refuses at this stage, while it is set.
#[derive(Debug, Default)]
pub struct Refusing(pub Mutex<Option<Stage>>);

#[derive(Clone)]
struct Refuses(Arc<Refusing>);

#[async_trait]
impl Check for Refuses {
    async fn met(&self, asked: &Asked<'_>) -> Result<bool, BoxError> {
        Ok(*self.0.0.lock().unwrap() != Some(asked.stage))
    }
}

/// Flows over a watched store, with accounts and an outbox.
#[derive(Debug)]
pub struct World {
    /// What is underneath.
    pub bench: Bench,
    /// What is tested.
    pub flows: Arc<Flows<Watched>>,
    /// The accounts.
    pub book: Arc<Book>,
    /// What was sent.
    pub outbox: Outbox,
    /// The stage at which the check of `Pay` refuses.
    pub refusing: Arc<Refusing>,
    /// The switch of `Pay`.
    pub on: Arc<AtomicBool>,
    broken: Option<Broken>,
}

/// The link that takes a change back.
pub fn put_back() -> Policy {
    Policy::link(PutBack::PURPOSE).lifetime(TimeDelta::hours(48))
}

fn policy(settings: &Settings, broken: Option<Broken>, purpose: Purpose) -> Policy {
    let policy = settings.policy(Policy::readable(purpose));
    match broken {
        Some(Broken::Expiry) => policy.lifetime(TimeDelta::hours(20)),
        _ => policy,
    }
}

/// A policy of each operation.
fn policies(settings: &Settings, broken: Option<Broken>) -> Vec<Policy> {
    let readable = |purpose| policy(settings, broken, purpose);
    let operations = [
        Recover::PURPOSE,
        ProveOld::PURPOSE,
        ChangeKey::PURPOSE,
        Pay::PURPOSE,
        SignUp::PURPOSE,
        ops::Register::PURPOSE,
        ops::ProveAddress::PURPOSE,
        ops::ChangeAddress::PURPOSE,
        ops::RecoverPassword::PURPOSE,
        ops::ProveOther::PURPOSE,
        ops::RecoverAddress::PURPOSE,
        ops::RemoveFactor::PURPOSE,
        ops::ChangePhrase::PURPOSE,
        ops::DeleteAccount::PURPOSE,
    ];
    let operations = operations.into_iter().map(readable);
    let own = settings.policies().into_iter().chain([put_back()]);
    operations.chain(own).collect()
}

/// `alice@example.org`, whose account [`World::new`] makes.
pub fn address(name: &str) -> Destination {
    Destination::email(format!("{name}@example.org")).unwrap()
}

impl World {
    /// Alice has an account with one verified address.
    pub async fn new(place: Place) -> Self {
        Self::with(place, Settings::DEFAULT).await
    }

    /// With other settings.
    pub async fn with(place: Place, settings: Settings) -> Self {
        Self::made(place, settings, None).await
    }

    /// Without one check.
    pub async fn broken(place: Place, settings: Settings, broken: Broken) -> Self {
        Self::made(place, settings, Some(broken)).await
    }

    async fn made(place: Place, settings: Settings, broken: Option<Broken>) -> Self {
        let policies = policies(&settings, broken);
        let bench = Bench::new(place, &policies.iter().collect::<Vec<_>>()).await;
        let (book, outbox) = (Arc::default(), Outbox::new(1_000_000));
        Self::over(bench, settings, book, outbox, Arc::default(), broken)
    }

    /// Another process over the same store, accounts and outbox.
    pub fn beside(&self, settings: Settings) -> Self {
        let policies = policies(&settings, self.broken);
        let policies: Vec<_> = policies.iter().collect();
        let bench = self.bench.beside(crate::key_1(), &policies);
        let (book, outbox) = (Arc::clone(&self.book), self.outbox.clone());
        let refusing = Arc::clone(&self.refusing);
        Self::over(bench, settings, book, outbox, refusing, self.broken)
    }

    fn over(
        bench: Bench,
        settings: Settings,
        book: Arc<Book>,
        outbox: Outbox,
        refusing: Arc<Refusing>,
        broken: Option<Broken>,
    ) -> Self {
        let words = policies(&settings, broken);
        let words = words
            .iter()
            .filter(|policy| !settings.policies().contains(policy));
        let words =
            words.map(|policy| Template::new(policy, "A code", "{token} is your code.\n{phrase}"));
        let outbox = outbox.templates(Templates::new("Example", words).unwrap());
        let on = Arc::new(AtomicBool::new(true));
        let lenient = Lenient {
            book: Arc::clone(&book),
            broken,
        };
        let (accounts, delivery) = (Arc::new(lenient) as _, Arc::new(outbox.clone()) as _);
        let policy = |purpose| policy(&settings, broken, purpose);
        let mut pay = Pay::rules(policy(Pay::PURPOSE), Hold::DEFAULT).channels(&[Channel::Email]);
        if broken != Some(Broken::Switch) {
            let switch = Arc::clone(&on);
            pay = pay.switch(move || switch.load(Ordering::Relaxed));
        }
        if broken != Some(Broken::Check) {
            pay = pay.check("refusing", Refuses(Arc::clone(&refusing)));
        }
        let flows = Flows::builder(Arc::clone(&bench.tokens), accounts, delivery, settings)
            .operation::<Recover>(Rules::open(policy(Recover::PURPOSE)))
            .operation::<ProveOld>(
                Rules::new(policy(ProveOld::PURPOSE)).check("hold", Hold::DEFAULT),
            )
            .operation::<ChangeKey>(Rules::new(policy(ChangeKey::PURPOSE)))
            .operation::<Pay>(pay)
            .operation::<SignUp>(Rules::open(policy(SignUp::PURPOSE)));
        macro_rules! with_ready {
            ($($name:ident)+) => {
                flows$(.operation::<ops::$name>(ops::$name::rules(policy(ops::$name::PURPOSE), Hold::DEFAULT)))+
            };
        }
        let flows = with_ready! {
            Register ProveAddress ChangeAddress RecoverPassword ProveOther RecoverAddress RemoveFactor ChangePhrase DeleteAccount
        };
        let flows = Arc::new(flows.build().unwrap());
        let world = Self {
            bench,
            flows,
            book,
            outbox,
            refusing,
            on,
            broken,
        };
        world.book.change(&crate::alice(), |alice| {
            alice.verified = vec![address("alice")]
        });
        world
    }

    /// Sends what waits, and says what the last message's token is.
    pub async fn token(&self) -> String {
        let before = self.outbox.messages().len();
        self.flows.work().await.unwrap();
        assert_eq!(self.outbox.messages().len(), before + 1, "one message");
        self.outbox.last().unwrap().expose_token().into()
    }

    /// Alice begins this with these parameters, in her session.
    pub async fn begin<O: Operation<After = ()>>(&self, parameters: &[(&str, &str)]) -> Handle {
        let (alice, to) = (crate::alice(), address("alice"));
        let begun =
            self.flows
                .begin::<O>(Who::Account(&alice), HOLDER, To::Verified(&to), parameters);
        begun.await.unwrap()
    }

    /// A token is asked for in Alice's session.
    ///
    /// # Errors
    /// As `Flows::send` has them.
    pub async fn send<O: Operation>(
        &self,
        handle: &Handle,
        to: To<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<(), FlowError> {
        self.flows.send::<O>(&held(handle), to, parameters).await
    }

    /// Alice presents this in her session.
    ///
    /// # Errors
    /// As `Flows::complete` has them.
    pub async fn complete<O: Operation>(
        &self,
        handle: &Handle,
        typed: &str,
    ) -> Result<Proof<O>, FlowError> {
        self.flows.complete::<O>(&held(handle), typed).await
    }
}

/// Alice's session.
pub const HOLDER: &str = "session-1";

/// What Alice holds in her session.
pub const fn held(handle: &Handle) -> Held<'_> {
    Held {
        handle,
        tenant: "acme",
        holder: HOLDER,
    }
}
