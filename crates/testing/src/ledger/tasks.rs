//! What each task does, again and again: a verb of a token, a factor or a limit that others use too.

use super::{
    call::{Journal, Station},
    dice::Dice,
    entry::{Asked, Told, Try},
    stock::{Kind, Stock},
};

/// One task's way to its store.
pub(super) struct Task<'r> {
    pub(super) journal: &'r Journal,
    pub(super) stock: &'r Stock,
    pub(super) number: usize,
    pub(super) station: &'r Station,
}

impl Task<'_> {
    /// Asks for one thing. Gives whether it was an outage.
    pub(super) async fn step(&self, dice: &mut Dice) -> bool {
        match self.choose(dice) {
            None => false,
            Some(asked) => self.ask(asked).await.is_outage(),
        }
    }

    pub(super) async fn ask(&self, asked: Asked) -> Told {
        self.journal
            .call(self.number, self.station, self.stock, asked)
            .await
    }

    fn choose(&self, dice: &mut Dice) -> Option<Asked> {
        let stock = self.stock;
        Some(match dice.below(100) {
            0..20 => Asked::Insert {
                batch: self.issue(dice),
            },
            20..48 => self.redeem(dice)?,
            48..52 => {
                let (token, approves) = (stock.some_token(dice)?, dice.below(8) > 0);
                let kind = stock.token(token).kind;
                (kind == Kind::Prompt).then_some(Asked::Decide { token, approves })?
            }
            52..56 => Asked::Find {
                token: stock.some_token(dice)?,
            },
            56..58 => Asked::Revoke {
                token: stock.some_token(dice)?,
            },
            58 => Asked::RevokeAll {
                owner: stock.some_owner(dice)?,
            },
            59..61 => Asked::List {
                owner: stock.some_owner(dice)?,
            },
            61 => Asked::Purge,
            62..65 => Asked::Enrol {
                factor: stock.enrol(dice, self.station.now()),
            },
            65..70 => Asked::Confirm {
                factor: stock.some_factor(dice)?,
                counter: stock.counter(dice),
            },
            70..76 => Asked::Advance {
                factor: stock.some_factor(dice)?,
                counter: stock.counter(dice),
            },
            76..82 => Asked::Guess {
                factor: stock.some_factor(dice)?,
                counter: (dice.below(3) > 0).then(|| stock.counter(dice)),
                limit: stock.some_limit(dice),
            },
            82..84 => Asked::Remove {
                factor: stock.some_factor(dice)?,
            },
            84 => Asked::Restore {
                factor: stock.some_factor(dice)?,
            },
            85..87 => Asked::Factors {
                owner: stock.some_owner(dice)?,
            },
            87 => Asked::PurgeFactors,
            88..98 => Asked::Spend {
                limit: stock.some_limit(dice),
            },
            98 => Asked::Refund {
                limit: stock.some_limit(dice),
            },
            _ => Asked::PurgeLimits,
        })
    }

    /// A new owner's tokens, or the next ones of somebody.
    fn issue(&self, dice: &mut Dice) -> usize {
        let (stock, now) = (self.stock, self.station.now());
        if dice.below(4) == 0
            && let Some(earlier) = stock.some_token(dice)
        {
            return stock.issue_again(&stock.token(earlier), now);
        }
        let kind = match dice.below(8) {
            0..3 => Kind::Code,
            3 | 4 if stock.applies => Kind::Applied,
            3..6 => Kind::Link,
            6 => Kind::Prompt,
            _ => Kind::Recovery,
        };
        stock.issue(kind, now)
    }

    fn redeem(&self, dice: &mut Dice) -> Option<Asked> {
        let token = self.stock.some_token(dice)?;
        let guesses = self.stock.token(token).kind.counts() && dice.below(2) == 0;
        let how = if guesses { Try::Wrong } else { Try::Right };
        Some(Asked::Redeem { token, how })
    }
}
