//! What is asked and answered as a line of words, for a process on the other side of a pipe.

use core::{str::FromStr, time::Duration};

use token_store::{
    FactorState,
    ott_core::{Reason, State},
};

use super::entry::{Asked, Outage, Seen, Told, Try};

/// The words of a line, one after the other. Whoever reads past the end, or what is no word of its kind, gets nothing.
pub(super) struct Words<'l>(core::str::SplitAsciiWhitespace<'l>);

impl<'l> Words<'l> {
    pub(super) fn of(line: &'l str) -> Self {
        Self(line.split_ascii_whitespace())
    }

    pub(super) fn word(&mut self) -> Option<&'l str> {
        self.0.next()
    }

    pub(super) fn next<T: FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    fn rest(self) -> String {
        self.0.collect::<Vec<_>>().join(" ")
    }
}

/// Where the reason stands in a list is its word.
const REASONS: &[Reason] = &[
    Reason::DecisionForged,
    Reason::Denied,
    Reason::Exhausted,
    Reason::Expired,
    Reason::KeyMissing,
    Reason::Mismatch,
    Reason::NotWaiting,
    Reason::Pending,
    Reason::Revoked,
    Reason::Spent,
    Reason::Stranger,
    Reason::Superseded,
    Reason::TagForged,
    Reason::Unknown,
];

const OUTAGES: &[Outage] = &[
    Outage::Corrupt,
    Outage::FewReplicas,
    Outage::Lost,
    Outage::Timeout,
    Outage::Unanswered,
    Outage::Unavailable,
];

impl Asked {
    pub(super) fn to_line(self) -> String {
        match self {
            Self::Insert { batch } => format!("insert {batch}"),
            Self::Redeem { token, how } => format!("redeem {token} {}", how == Try::Right),
            Self::Decide { token, approves } => format!("decide {token} {approves}"),
            Self::Find { token } => format!("find {token}"),
            Self::Revoke { token } => format!("revoke {token}"),
            Self::RevokeAll { owner } => format!("revoke-all {owner}"),
            Self::List { owner } => format!("list {owner}"),
            Self::Purge => "purge".into(),
            Self::Enrol { factor } => format!("enrol {factor}"),
            Self::Confirm { factor, counter } => format!("confirm {factor} {counter}"),
            Self::Advance { factor, counter } => format!("advance {factor} {counter}"),
            Self::Guess {
                factor,
                counter,
                limit,
            } => {
                // Counters begin with 1.
                format!("guess {factor} {} {limit}", counter.unwrap_or(0))
            }
            Self::Remove { factor } => format!("remove {factor}"),
            Self::Restore { factor } => format!("restore {factor}"),
            Self::Factors { owner } => format!("factors {owner}"),
            Self::PurgeFactors => "purge-factors".into(),
            Self::Spend { limit } => format!("spend {limit}"),
            Self::Refund { limit } => format!("refund {limit}"),
            Self::PurgeLimits => "purge-limits".into(),
            Self::Effects => "effects".into(),
        }
    }

    pub(super) fn from_words(mut words: Words<'_>) -> Option<Self> {
        Some(match words.word()? {
            "insert" => Self::Insert {
                batch: words.next()?,
            },
            "redeem" => Self::Redeem {
                token: words.next()?,
                how: if words.next()? {
                    Try::Right
                } else {
                    Try::Wrong
                },
            },
            "decide" => Self::Decide {
                token: words.next()?,
                approves: words.next()?,
            },
            "find" => Self::Find {
                token: words.next()?,
            },
            "revoke" => Self::Revoke {
                token: words.next()?,
            },
            "revoke-all" => Self::RevokeAll {
                owner: words.next()?,
            },
            "list" => Self::List {
                owner: words.next()?,
            },
            "purge" => Self::Purge,
            "enrol" => Self::Enrol {
                factor: words.next()?,
            },
            "confirm" => Self::Confirm {
                factor: words.next()?,
                counter: words.next()?,
            },
            "advance" => Self::Advance {
                factor: words.next()?,
                counter: words.next()?,
            },
            "guess" => Self::Guess {
                factor: words.next()?,
                counter: Some(words.next()?).filter(|counter| *counter > 0),
                limit: words.next()?,
            },
            "remove" => Self::Remove {
                factor: words.next()?,
            },
            "restore" => Self::Restore {
                factor: words.next()?,
            },
            "factors" => Self::Factors {
                owner: words.next()?,
            },
            "purge-factors" => Self::PurgeFactors,
            "spend" => Self::Spend {
                limit: words.next()?,
            },
            "refund" => Self::Refund {
                limit: words.next()?,
            },
            "purge-limits" => Self::PurgeLimits,
            "effects" => Self::Effects,
            _ => return None,
        })
    }
}

impl Told {
    /// A line ends with `.`, so that one that was cut off is none.
    pub(super) fn to_line(&self) -> String {
        let numbers = |all: &[usize]| all.iter().map(|one| format!(" {one}")).collect::<String>();
        match self {
            Self::Done => "done .".into(),
            Self::Refused(reason) => match REASONS.iter().position(|known| known == reason) {
                Some(at) => format!("refused {at} ."),
                None => format!("strange the reason {reason:?} ."),
            },
            Self::Absent => "absent .".into(),
            Self::Replayed => "replayed .".into(),
            Self::Limited => "limited .".into(),
            Self::Locked => "locked .".into(),
            Self::Found(None) => "found none .".into(),
            Self::Found(Some(seen)) => {
                format!("found {} {} .", seen.state.number(), seen.attempts)
            }
            Self::Listed(all) => format!("listed{} .", numbers(all)),
            Self::Kept(all) => {
                let one = |(number, state, last): &(usize, FactorState, Option<u64>)| {
                    // Counters begin with 1.
                    format!(" {number} {} {}", state.number(), last.unwrap_or(0))
                };
                format!("kept{} .", all.iter().map(one).collect::<String>())
            }
            Self::Effects(all) => format!("effects{} .", numbers(all)),
            Self::Ahead => "ahead .".into(),
            Self::Strange(what) => format!("strange {} .", one_line(what)),
            Self::Outage(kind, what) => {
                let at = OUTAGES.iter().position(|known| known == kind);
                format!("outage {} {} .", at.unwrap_or(0), one_line(what))
            }
        }
    }

    pub(super) fn from_line(line: &str) -> Option<(Duration, Self)> {
        let mut words = Words::of(line.strip_suffix(" .")?);
        let took = Duration::from_micros(words.next()?);
        let told = match words.word()? {
            "done" => Self::Done,
            "refused" => Self::Refused(*REASONS.get(words.next::<usize>()?)?),
            "absent" => Self::Absent,
            "replayed" => Self::Replayed,
            "limited" => Self::Limited,
            "locked" => Self::Locked,
            "found" => Self::Found(match words.word()? {
                "none" => None,
                state => Some(Seen {
                    state: State::from_number(state.parse().ok()?)?,
                    attempts: words.next()?,
                }),
            }),
            "listed" => Self::Listed(words.0.map(str::parse).collect::<Result<_, _>>().ok()?),
            "kept" => {
                let mut all = Vec::new();
                while let Some(number) = words.next() {
                    let state = FactorState::from_number(words.next()?)?;
                    all.push((number, state, words.next().filter(|last| *last > 0)));
                }
                Self::Kept(all)
            }
            "effects" => Self::Effects(words.0.map(str::parse).collect::<Result<_, _>>().ok()?),
            "ahead" => Self::Ahead,
            "strange" => Self::Strange(words.rest()),
            "outage" => Self::Outage(*OUTAGES.get(words.next::<usize>()?)?, words.rest()),
            _ => return None,
        };
        Some((took, told))
    }
}

fn one_line(words: &str) -> String {
    words.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is asked and answered comes out at the other end as it was.
    #[test]
    fn lines_are_read_as_they_were_written() {
        for asked in [
            Asked::Insert { batch: 7 },
            Asked::Redeem {
                token: 1,
                how: Try::Wrong,
            },
            Asked::Redeem {
                token: 1,
                how: Try::Right,
            },
            Asked::Decide {
                token: 2,
                approves: true,
            },
            Asked::Find { token: 3 },
            Asked::Revoke { token: 4 },
            Asked::RevokeAll { owner: 5 },
            Asked::List { owner: 6 },
            Asked::Purge,
            Asked::Enrol { factor: 7 },
            Asked::Confirm {
                factor: 8,
                counter: 1 << 40,
            },
            Asked::Advance {
                factor: 9,
                counter: 2,
            },
            Asked::Guess {
                factor: 1,
                counter: Some(1 << 40),
                limit: 3,
            },
            Asked::Guess {
                factor: 2,
                counter: None,
                limit: 4,
            },
            Asked::Remove { factor: 1 },
            Asked::Restore { factor: 2 },
            Asked::Factors { owner: 3 },
            Asked::PurgeFactors,
            Asked::Spend { limit: 4 },
            Asked::Refund { limit: 5 },
            Asked::PurgeLimits,
            Asked::Effects,
        ] {
            let line = asked.to_line();
            assert_eq!(Asked::from_words(Words::of(&line)), Some(asked), "{line}");
        }
        let mut all = vec![
            Told::Done,
            Told::Absent,
            Told::Replayed,
            Told::Limited,
            Told::Locked,
            Told::Found(None),
            Told::Listed(Vec::new()),
            Told::Listed(vec![1, 22]),
            Told::Kept(vec![(1, FactorState::Pending, None)]),
            Told::Kept(vec![
                (1, FactorState::Active, Some(1 << 40)),
                (2, FactorState::Removed, None),
            ]),
            Told::Effects(vec![5, 5]),
            Told::Ahead,
            Told::Strange("two words".into()),
        ];
        all.extend(REASONS.iter().map(|reason| Told::Refused(*reason)));
        let outage = |kind: &Outage| Told::Outage(*kind, "no server".into());
        all.extend(OUTAGES.iter().map(outage));
        let seen = |state| Told::Found(Some(Seen { state, attempts: 3 }));
        all.extend(State::ALL.map(seen));
        for told in all {
            let line = format!("41 {}", told.to_line());
            let read = Told::from_line(&line);
            assert_eq!(read, Some((Duration::from_micros(41), told)), "{line}");
            // A process that is killed may leave a part of its last line.
            for end in 0..line.len() {
                let cut = line.get(..end).unwrap_or_default();
                assert_eq!(Told::from_line(cut), None, "{cut}");
            }
        }
    }
}
