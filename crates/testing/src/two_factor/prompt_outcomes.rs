//! What several people decide has one outcome, also where they decide at once.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};
use twofa_providers::{
    Attempt, PromptStatus, TwoFactorError,
    token_store::ott_core::{Reason, Verdict, chrono::TimeDelta},
};

use super::approvers::{Team, payment};
use crate::{Place, world::reason};

/// One denial, one report and one wrong number end the whole, also beside an approval; another person's number is a wrong one.
/// Who asked is kept from asking others for a while, and after a report from asking at all.
pub async fn denial_ends_what_several_decide(place: Place) {
    for what in ["deny", "report", "mistype", "another's number"] {
        let team = Team::new(place).await;
        let own = team.world.device(&team.asker, "own", None).await;
        let mut asked = team.ask().await;
        // Two numbers of two digits may be the same one.
        while asked.parts[0].number == asked.parts[1].number {
            team.world.pass(TimeDelta::minutes(15));
            asked = team.ask().await;
        }
        let _ = team.approve(0, &asked).await.unwrap();
        let wrong = asked.parts[1].number.map(|number| number ^ 1);
        let verdict = match what {
            "deny" => Verdict::Deny,
            "report" => Verdict::Report,
            "mistype" => Verdict::Approve { number: wrong },
            _ => Verdict::Approve {
                number: asked.parts[0].number,
            },
        };
        let denied = team.say(1, &asked, verdict).await;
        assert_eq!(denied.unwrap(), PromptStatus::Denied, "{what}");
        assert_eq!(team.status(&asked).await, Some(PromptStatus::Denied));
        assert!(team.approve(2, &asked).await.is_err(), "{what}");
        assert_eq!(reason(team.take_up(&asked).await), Reason::Denied);
        // Said again, it is what it was.
        let again = team.say(1, &asked, verdict).await;
        assert_eq!(again.unwrap(), PromptStatus::Denied, "{what}");
        let prompts = team.world.prompts();
        for person in &team.people {
            assert_eq!(prompts.pending(&person.subject).await.unwrap(), []);
        }
        let refused = team.try_ask(&payment(&team.asker)).await;
        assert!(matches!(refused, Err(TwoFactorError::Throttled { .. })));
        team.world.pass(TimeDelta::minutes(15));
        let asks = team.try_ask(&payment(&team.asker)).await;
        assert_eq!(asks.is_ok(), what != "report", "{what}");
        let attempt = Attempt::new(&team.asker, "prompt").factor(own);
        let signs_in = team.world.engine.request(&attempt).await;
        assert_eq!(signs_in.is_ok(), what != "report", "{what}");
        // It is nobody else's matter.
        let person = &team.people[1];
        let _ = team
            .world
            .prompt_proof(&person.subject, person.device)
            .await;
    }
}

/// Of approvals and a denial at once, either enough approved and the denial came too late, or it was taken and nobody takes anything up.
pub async fn denial_beside_approvals_has_one_outcome(place: Place) {
    let team = Arc::new(Team::new(place).await);
    for _ in 0..place.often(40, 6) {
        team.world.pass(TimeDelta::hours(1));
        let asked = Arc::new(team.ask().await);
        let barrier = Arc::new(Barrier::new(3));
        let mut tasks = JoinSet::new();
        for nth in 0..3 {
            let (team, asked) = (Arc::clone(&team), Arc::clone(&asked));
            let barrier = Arc::clone(&barrier);
            tasks.spawn(async move {
                barrier.wait().await;
                match nth {
                    2 => (nth, team.say(nth, &asked, Verdict::Deny).await),
                    _ => (nth, team.approve(nth, &asked).await),
                }
            });
        }
        let said = tasks.join_all().await;
        let denied = said.iter().find(|(nth, _)| *nth == 2).map(|(_, said)| said);
        match denied.expect("it was said") {
            Ok(status) => {
                assert_eq!(*status, PromptStatus::Denied);
                assert_eq!(reason(team.take_up(&asked).await), Reason::Denied);
            }
            Err(TwoFactorError::Rejected(why)) => {
                assert_eq!(why.reason(), Reason::NotWaiting);
                assert!(said.iter().all(|(nth, said)| *nth == 2 || said.is_ok()));
                assert_eq!(team.take_up(&asked).await.unwrap().approved_by().len(), 2);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Approvals at once are counted, none twice; and of many who take them up at once one does.
pub async fn approvals_at_once_are_taken_up_once(place: Place) {
    let team = Arc::new(Team::new(place).await);
    for _ in 0..place.often(20, 3) {
        team.world.pass(TimeDelta::hours(1));
        let asked = Arc::new(team.ask().await);
        let barrier = Arc::new(Barrier::new(22));
        let mut tasks = JoinSet::new();
        for nth in 0..22 {
            let (team, asked) = (Arc::clone(&team), Arc::clone(&asked));
            let barrier = Arc::clone(&barrier);
            tasks.spawn(async move {
                barrier.wait().await;
                if nth < 2 {
                    assert!(team.approve(nth, &asked).await.is_ok());
                    return 0;
                }
                usize::from(team.take_up(&asked).await.is_ok())
            });
        }
        let early: usize = tasks.join_all().await.into_iter().sum();
        let late = usize::from(team.take_up(&asked).await.is_ok());
        assert_eq!(early + late, 1);
    }
}
