//! What an owner is told.

mod languages;

use token_delivery::Language;
use token_store::FactorId;

use crate::sign_in::SignInId;

/// What happened to an account that its owner must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum News {
    /// An operator took every factor, recovery code, known and trusted device off the account.
    AccountReset,
    /// The application changed an address of the account.
    AddressChanged,
    /// A provider that proves the subject failed too often, and proves nothing until renewed.
    CeilingReached,
    /// A device is trusted: signing in there takes no second step for a while.
    DeviceTrusted,
    /// A factor was confirmed, and counts.
    FactorAdded,
    /// A factor proves nothing any more: it failed too often, or was disowned.
    FactorDisabled,
    /// A factor was removed.
    FactorRemoved,
    /// A removed factor was brought back, because the removal was disowned.
    FactorRestored,
    /// Behind the right password, ten tries failed in a row, or so many that a limit refused the next.
    ManyFailures,
    /// A new set of recovery codes took the place of the old one.
    RecoveryRenewed,
    /// A set of recovery codes is valid again, because what had replaced it was disowned.
    RecoveryRestored,
    /// A recovery code was used.
    RecoveryUsed,
    /// The last recovery code was used.
    RecoveryUsedUp,
    /// The application changed the account's password.
    PasswordChanged,
}

impl News {
    /// All there are, in the order of the numbers under which records keep them.
    pub const ALL: [Self; 14] = [
        Self::AccountReset,
        Self::AddressChanged,
        Self::CeilingReached,
        Self::FactorAdded,
        Self::FactorDisabled,
        Self::FactorRemoved,
        Self::FactorRestored,
        Self::ManyFailures,
        Self::RecoveryRenewed,
        Self::RecoveryUsed,
        Self::RecoveryUsedUp,
        Self::PasswordChanged,
        Self::DeviceTrusted,
        Self::RecoveryRestored,
    ];

    /// A clause for `{what}` of a notice, in English, without a full stop.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AccountReset => {
                "our support took every second step off your account, because somebody asked for it"
            }
            Self::AddressChanged => "an e-mail address of your account was changed",
            Self::CeilingReached => {
                "too many wrong codes of one kind were tried, and no more of them are taken"
            }
            Self::DeviceTrusted => {
                "a device was trusted, so that signing in there takes no second step for a while"
            }
            Self::FactorAdded => "a second step was added to your account",
            Self::FactorDisabled => "a second step of your account was disabled",
            Self::FactorRemoved => "a second step of your account was removed",
            Self::FactorRestored => "a second step of your account that had been removed is back",
            Self::ManyFailures => "somebody knew your password and then entered many wrong codes",
            Self::RecoveryRenewed => "new recovery codes were made, and the old ones are void",
            Self::RecoveryRestored => {
                "the recovery codes that had been replaced are valid again, and the newer ones are void"
            }
            Self::RecoveryUsed => "a recovery code was used",
            Self::PasswordChanged => "the password of your account was changed",
            Self::RecoveryUsedUp => "the last of your recovery codes was used",
        }
    }
}

impl News {
    /// The same clause in a language.
    #[must_use]
    pub const fn words_in(self, language: Language) -> &'static str {
        match language {
            Language::Arabic => self.arabic(),
            Language::French => self.french(),
            Language::German => self.german(),
            Language::Japanese => self.japanese(),
            Language::Spanish => self.spanish(),
            // A language that is none of these has no catalogue here: see the test of all.
            _ => self.words(),
        }
    }

    /// For [`Template::clauses`](token_delivery::Template::clauses): every clause of [`News::words`], and what stands for it
    /// in a message of this language.
    #[must_use]
    pub fn clauses(language: Language) -> [(&'static str, &'static str); Self::ALL.len()] {
        Self::ALL.map(|news| (news.words(), news.words_in(language)))
    }
}

/// What the record of a "this was not me" token holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Disowned {
    pub(crate) news: News,
    pub(crate) factor: Option<FactorId>,
    pub(crate) sign_in: Option<SignInId>,
}

const VERSION: u8 = 1;

impl Disowned {
    /// Version and news (1 byte each), whether a factor follows (1), its id (16), the sign-in's name.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let at = News::ALL.iter().position(|news| *news == self.news);
        let news = at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
        let mut bytes = vec![VERSION, news, u8::from(self.factor.is_some())];
        bytes.extend(self.factor.iter().flat_map(FactorId::as_bytes));
        bytes.extend(self.sign_in.iter().flat_map(SignInId::as_bytes));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([version, news, has_factor], rest) = bytes.split_first_chunk()?;
        let news = *News::ALL.get(usize::from(*news))?;
        let (factor, sign_in) = match (version, has_factor) {
            (&VERSION, 0) => (None, rest),
            (&VERSION, 1) => {
                let (factor, sign_in) = rest.split_first_chunk()?;
                (Some(FactorId::from_bytes(*factor)), sign_in)
            }
            _ => return None,
        };
        let sign_in = match sign_in {
            [] => None,
            name => Some(SignInId::new(name).ok()?),
        };
        Some(Self {
            news,
            factor,
            sign_in,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each piece of news has a clause of its own in each language.
    #[test]
    fn news_has_words_in_each_language() {
        let all = Language::ALL.map(|language| News::ALL.map(|news| news.words_in(language)));
        let mut all = all.concat();
        let clauses = all.len();
        assert_eq!(clauses, 6 * News::ALL.len());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), clauses);
        assert!(all.iter().all(|clause| !clause.ends_with(['.', '。'])));
        for language in Language::ALL {
            let keys = News::clauses(language).map(|(key, _)| key);
            assert_eq!(keys, News::ALL.map(News::words), "{language:?}");
        }
    }

    /// What a record holds is read as it was written.
    #[test]
    fn disowned_round_trip() {
        let sign_ins = [None, SignInId::new("f").ok(), SignInId::new([7; 64]).ok()];
        for news in News::ALL {
            for factor in [None, Some(FactorId::from_bytes([1; 16]))] {
                for sign_in in sign_ins.clone() {
                    let disowned = Disowned {
                        news,
                        factor,
                        sign_in,
                    };
                    let read = Disowned::from_bytes(&disowned.to_bytes());
                    assert_eq!(read, Some(disowned));
                }
            }
        }
        for strange in [
            &[][..],
            &[1],
            &[2, 0, 0],
            &[1, 99, 0],
            &[1, 0, 2],
            &[1, 0, 1, 5],
        ] {
            assert_eq!(Disowned::from_bytes(strange), None, "{strange:?}");
        }
    }
}
