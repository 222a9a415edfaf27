//! The people who approve together, and what they are asked.

use twofa_providers::{
    Approval, Approver, AskedOthers, Attempt, PromptStatus, TwoFactorError,
    token_store::{
        FactorId,
        ott_core::{Handle, RecordId, Subject, Verdict},
    },
};

use crate::{
    Place, alice,
    asking::{APPROVAL, PROMPT},
    subject,
    world::{Plan, World},
};

pub(super) const PAYMENT: &[(&str, &str)] = &[("pay", "12.50"), ("to", "Zoë")];

/// Somebody who is asked, on a device of theirs.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) subject: Subject,
    pub(super) device: FactorId,
}

/// What one of them is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) id: RecordId,
    pub(super) number: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Team {
    pub(super) world: World,
    pub(super) asker: Subject,
    pub(super) people: Vec<Person>,
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) handle: Handle,
    pub(super) parts: Vec<Part>,
}

/// A world in which two people approve.
pub(super) fn plan() -> Plan {
    Plan {
        prompts: Some(PROMPT),
        policies: vec![APPROVAL],
        several: Some(2),
        ..Plan::default()
    }
}

pub(super) fn payment(asker: &Subject) -> Attempt<'_> {
    Attempt::new(asker, "prompt")
        .operation(PAYMENT)
        .origin("Firefox on Linux")
}

impl Team {
    pub(super) async fn new(place: Place) -> Self {
        let world = World::planned(place, &plan()).await;
        Self::of(world, alice(), ["bob", "carol", "dave"]).await
    }

    async fn of<const N: usize>(world: World, asker: Subject, names: [&str; N]) -> Self {
        let mut people = Vec::new();
        for name in names {
            let subject = subject("acme", name);
            let device = world.device(&subject, name, None).await;
            people.push(Person { subject, device });
        }
        Self {
            world,
            asker,
            people,
        }
    }

    pub(super) fn deciders(&self) -> Vec<Subject> {
        let people = self.people.iter();
        people.map(|one| one.subject.clone()).collect()
    }

    pub(super) async fn ask(&self) -> Asked {
        let asked = self.try_ask(&payment(&self.asker)).await;
        asked.expect("it asks")
    }

    pub(super) async fn try_ask(&self, attempt: &Attempt<'_>) -> Result<Asked, TwoFactorError> {
        let prompts = self.world.prompts();
        let AskedOthers {
            handle,
            approval,
            deciders,
            ..
        } = prompts.ask_others(attempt, &self.deciders()).await?;
        let mut parts = Vec::new();
        for (who, number) in deciders {
            let listed = prompts.pending(&who).await?;
            let part = listed.iter().find(|part| part.approval == Some(approval));
            let id = part.expect("it waits").id;
            parts.push(Part { id, number });
        }
        Ok(Asked { handle, parts })
    }

    pub(super) async fn say(
        &self,
        nth: usize,
        asked: &Asked,
        verdict: Verdict,
    ) -> Result<PromptStatus, TwoFactorError> {
        say(&self.world, &self.people[nth], asked.parts[nth], verdict).await
    }

    pub(super) async fn approve(
        &self,
        nth: usize,
        asked: &Asked,
    ) -> Result<PromptStatus, TwoFactorError> {
        let number = asked.parts[nth].number;
        self.say(nth, asked, Verdict::Approve { number }).await
    }

    pub(super) async fn take_up(&self, asked: &Asked) -> Result<Approval, TwoFactorError> {
        let attempt = payment(&self.asker).handle(&asked.handle);
        let prompts = self.world.prompts();
        prompts.take_up(&attempt, &self.deciders()).await
    }

    pub(super) async fn status(&self, asked: &Asked) -> Option<PromptStatus> {
        let prompts = self.world.prompts();
        let status = prompts.approval_status(&self.asker, &asked.handle).await;
        status.expect("it answers")
    }
}

pub(super) async fn say(
    world: &World,
    person: &Person,
    part: Part,
    verdict: Verdict,
) -> Result<PromptStatus, TwoFactorError> {
    let by = Approver::new(&person.subject).device(person.device);
    let prompts = world.prompts();
    match verdict {
        Verdict::Approve { number } => prompts.approve(&by, &part.id, number).await,
        Verdict::Deny => prompts.deny(&by, &part.id).await,
        Verdict::Report => prompts.report(&by, &part.id).await,
    }
}
