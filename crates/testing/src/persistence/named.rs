//! What cannot but be left, each with the reason.

use super::{Act, Answer, Cell, Left, Way};

/// What is left in some cells, and why.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// However they got in, of these.
    pub ways: &'static [Way],
    /// Whatever they did, of these.
    pub acts: &'static [Act],
    /// Whatever the owner did, of these.
    pub answers: &'static [Answer],
    /// What is left.
    pub left: &'static [Left],
    /// Why.
    pub why: &'static str,
}

impl Named {
    /// Whether it is about this cell.
    pub fn names(&self, cell: &Cell) -> bool {
        self.ways.contains(&cell.way)
            && self.acts.contains(&cell.act)
            && self.answers.contains(&cell.answer)
    }
}

/// They got in. But for the borrowed session, they know the password.
const IN: &[Way] = &[
    Way::StolenPhone,
    Way::OnlyPhone,
    Way::StolenSheet,
    Way::RelayedCode,
    Way::BorrowedSession,
];
const WITH_PASSWORD: &[Way] = &[
    Way::StolenPhone,
    Way::OnlyPhone,
    Way::StolenSheet,
    Way::RelayedCode,
];
/// Nothing that the way in does is told.
const UNTOLD: &[Way] = &[
    Way::StolenPhone,
    Way::OnlyPhone,
    Way::RelayedCode,
    Way::BorrowedSession,
];
/// One thing alone.
const ONE: &[Act] = &[
    Act::Add,
    Act::Start,
    Act::Remove,
    Act::Rename,
    Act::Renew,
    Act::ChangeAddress,
    Act::Remember,
    Act::Trust,
    Act::AskReset,
];

/// All of them. `docs/revocation.md` has their reasons.
pub const NAMED: &[Named] = &[
    // What was stolen is good still.
    Named {
        ways: &[Way::StolenPhone, Way::OnlyPhone],
        acts: &Act::ALL,
        answers: &[Answer::ChangeAddress, Answer::Renew, Answer::SignOut],
        left: &[Left::SignsIn],
        why: PHONE,
    },
    Named {
        ways: &[Way::StolenPhone, Way::OnlyPhone],
        acts: &Act::ALL,
        answers: LINKS,
        left: &[Left::SignsIn],
        why: PHONE,
    },
    Named {
        ways: &[Way::StolenSheet],
        acts: &[
            Act::Add,
            Act::Start,
            Act::Remove,
            Act::Rename,
            Act::ChangeAddress,
            Act::Remember,
            Act::Trust,
            Act::AskReset,
        ],
        answers: &[
            Answer::RemoveFactor,
            Answer::NotMe,
            Answer::OldestLink,
            Answer::NewestLink,
            Answer::ChangeAddress,
            Answer::SignOut,
        ],
        left: &[Left::SignsIn],
        why: STOLEN_SHEET,
    },
    Named {
        // The link brings it back.
        ways: &[Way::StolenSheet],
        acts: &[Act::Renew, Act::All],
        answers: LINKS,
        left: &[Left::SignsIn],
        why: STOLEN_SHEET,
    },
    Named {
        ways: &[Way::OnlyPhone],
        acts: &[Act::Renew],
        answers: &[
            Answer::ChangePassword,
            Answer::ChangeAddress,
            Answer::SignOut,
        ],
        left: &[Left::OwnerOut],
        why: "Their sheet was all that the owner had left: open the link, or make new codes.",
    },
    // What was added ends by what is made for it.
    Named {
        ways: IN,
        acts: &[Act::Add],
        answers: &[
            Answer::ChangePassword,
            Answer::ChangeAddress,
            Answer::Renew,
            Answer::SignOut,
        ],
        left: &[Left::Factor],
        why: ADDED,
    },
    Named {
        ways: WITH_PASSWORD,
        acts: &[Act::Add],
        answers: &[Answer::ChangeAddress, Answer::Renew, Answer::SignOut],
        left: &[Left::SignsIn],
        why: ADDED,
    },
    Named {
        ways: IN,
        acts: &[Act::Renew],
        answers: &[
            Answer::RemoveFactor,
            Answer::ChangePassword,
            Answer::ChangeAddress,
            Answer::SignOut,
        ],
        left: &[Left::Sheet],
        why: SHEET,
    },
    Named {
        ways: WITH_PASSWORD,
        acts: &[Act::Renew],
        answers: &[Answer::RemoveFactor, Answer::ChangeAddress, Answer::SignOut],
        left: &[Left::SignsIn],
        why: SHEET,
    },
    Named {
        ways: IN,
        acts: &[Act::ChangeAddress],
        answers: &[
            Answer::RemoveFactor,
            Answer::ChangePassword,
            Answer::Renew,
            Answer::SignOut,
        ],
        left: &[Left::Address],
        why: "An address ends when it is changed back, by its owner, by the link or by support.",
    },
    // Renewing codes ends codes, and what waits.
    Named {
        ways: IN,
        acts: ONE,
        answers: &[Answer::Renew],
        left: &[Left::Session],
        why: RENEWED,
    },
    Named {
        // A removal and another address end the proof themselves: the epoch is another.
        ways: &[Way::StolenPhone, Way::OnlyPhone, Way::RelayedCode],
        acts: &[
            Act::Add,
            Act::Start,
            Act::Rename,
            Act::Renew,
            Act::Remember,
            Act::Trust,
            Act::AskReset,
        ],
        answers: &[Answer::Renew],
        left: &[Left::Proof],
        why: RENEWED,
    },
    Named {
        // Not the one by a code: that ended. They proved once more, by what they added.
        ways: &[Way::StolenSheet],
        acts: &[Act::Add],
        answers: &[Answer::Renew],
        left: &[Left::Proof],
        why: RENEWED,
    },
    Named {
        // Where the thief took up no proof, the owner did: it was the same one.
        ways: &[Way::BorrowedSession],
        acts: &[
            Act::Add,
            Act::Start,
            Act::Rename,
            Act::Renew,
            Act::Remember,
            Act::Trust,
        ],
        answers: &[Answer::Renew],
        left: &[Left::Proof],
        why: RENEWED,
    },
    Named {
        ways: IN,
        acts: &[Act::Add],
        answers: &[Answer::Renew],
        left: &[Left::Code],
        why: RENEWED,
    },
    Named {
        ways: IN,
        acts: &[Act::Remember],
        answers: &[Answer::Renew],
        left: &[Left::Device],
        why: RENEWED,
    },
    Named {
        // By the link that they asked for, in the session that lives.
        ways: UNTOLD,
        acts: &[Act::Start],
        answers: &[Answer::Renew],
        left: &[Left::Address],
        why: RENEWED,
    },
    Named {
        ways: &Way::ALL,
        acts: &[Act::AskReset],
        answers: &[Answer::Renew],
        left: &[Left::Reset],
        why: RENEWED,
    },
    Named {
        ways: &[Way::PasswordAlone],
        acts: &[Act::All],
        answers: &[Answer::Renew],
        left: &[Left::Reset],
        why: RENEWED,
    },
    Named {
        // The last step stays: nothing was done.
        ways: &[Way::OnlyPhone],
        acts: &[Act::Remove],
        answers: &[Answer::Renew],
        left: &[Left::Proof],
        why: RENEWED,
    },
    // There is no link to open.
    Named {
        ways: &[Way::OnlyPhone],
        acts: &[Act::Remove],
        answers: LINKS,
        left: &[Left::Proof, Left::Session],
        why: NO_LINK,
    },
    Named {
        ways: UNTOLD,
        acts: &[Act::Start, Act::Rename, Act::Remember, Act::AskReset],
        answers: LINKS,
        left: &[Left::Proof, Left::Session],
        why: NO_LINK,
    },
    Named {
        ways: UNTOLD,
        acts: &[Act::Start],
        answers: LINKS,
        left: &[Left::Address, Left::Pending],
        why: NO_LINK,
    },
    Named {
        ways: UNTOLD,
        acts: &[Act::Remember],
        answers: LINKS,
        left: &[Left::Device],
        why: NO_LINK,
    },
    Named {
        ways: UNTOLD,
        acts: &[Act::AskReset],
        answers: LINKS,
        left: &[Left::Reset],
        why: NO_LINK,
    },
    Named {
        ways: &[Way::PasswordAlone],
        acts: &[Act::AskReset, Act::All],
        answers: LINKS,
        left: &[Left::Reset],
        why: NO_LINK,
    },
    // The owner is locked out.
    Named {
        ways: IN,
        acts: &[Act::All],
        answers: SIGNED_IN,
        left: &[
            Left::Address,
            Left::Device,
            Left::Factor,
            Left::OwnerOut,
            Left::Pending,
            Left::Proof,
            Left::Reset,
            Left::Session,
            Left::Sheet,
            Left::Trust,
        ],
        why: LOCKED_OUT,
    },
    Named {
        ways: WITH_PASSWORD,
        acts: &[Act::All],
        answers: SIGNED_IN,
        left: &[Left::SignsIn],
        why: LOCKED_OUT,
    },
];

/// Any link is as good as all: each undoes its whole sign-in.
const LINKS: &[Answer] = &[
    Answer::NotMe,
    Answer::OldestLink,
    Answer::NewestLink,
    Answer::OneLink(0),
    Answer::OneLink(1),
    Answer::OneLink(2),
    Answer::OneLink(3),
    Answer::OneLink(4),
];
/// What takes a page behind both steps.
const SIGNED_IN: &[Answer] = &[
    Answer::RemoveFactor,
    Answer::ChangePassword,
    Answer::ChangeAddress,
    Answer::Renew,
    Answer::SignOut,
];

const PHONE: &str =
    "Phone and password are the thief's still: remove the phone, or change the password.";
const STOLEN_SHEET: &str =
    "Sheet and password are the thief's still: make new codes, or change the password.";
const ADDED: &str = "A confirmed factor ends when it is removed, by the link or by support.";
const SHEET: &str =
    "A sheet outlives the epoch: it ends by a newer one, by the link or by support.";
const RENEWED: &str =
    "New codes end codes and what waits: the rest ends by a new epoch, or by the link.";
const NO_LINK: &str = "Nobody is told of a sign-in, a started factor, a name, a known device or an asked-for link, so \
    there is no link to open: raise the epoch.";
const LOCKED_OUT: &str =
    "The owner has nothing left that gets them to the page: open the links, or call support.";

#[cfg(test)]
mod tests {
    use super::{LOCKED_OUT, Left, NAMED};

    /// Whatever the owner does about a thief ends the trust in the thief's devices. Where the owner is locked out,
    /// nothing was done.
    #[test]
    fn trust_ends_with_whatever_is_done() {
        for named in NAMED {
            assert!(!named.left.contains(&Left::Trust) || named.why == LOCKED_OUT);
        }
    }

    /// `docs/revocation.md` has each reason.
    #[test]
    fn page_has_each_reason() {
        let page = include_str!("../../../../docs/revocation.md");
        for named in NAMED {
            assert!(page.contains(named.why), "{}", named.why);
        }
    }
}
