//! What a thief keeps of an account after its owner did something about it.
//!
//! A [`Cell`] is how they got in, what they did, and what the owner did then. [`Case`] plays it, and says
//! what is [`Left`]. [`NAMED`] has what cannot but be left, each with the reason.

mod case;
mod named;
mod owner;
mod theft;
mod thief;

use twofa_providers::News;

pub use self::{
    case::Case,
    named::{NAMED, Named},
};

/// How a thief got in. But for the borrowed session, they know the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// They hold the owner's phone, with its authenticator app.
    StolenPhone,
    /// They hold it, and the owner has no other step: the sheet is all that is left to them.
    OnlyPhone,
    /// They copied the sheet of recovery codes.
    StolenSheet,
    /// The owner typed one code into a page of theirs.
    RelayedCode,
    /// They copied the cookies of a browser in which the owner is signed in.
    BorrowedSession,
    /// They know the password and nothing else.
    PasswordAlone,
}

/// What the thief does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Adds an app and a mailbox, signs in by the app, and has a code sent to the mailbox.
    Add,
    /// Starts an app, a mailbox and a change of address, each but for its last step.
    Start,
    /// Removes a step of the owner's.
    Remove,
    /// Renames one.
    Rename,
    /// Makes new recovery codes.
    Renew,
    /// Changes the address of the account to theirs.
    ChangeAddress,
    /// Has their device remembered.
    Remember,
    /// Has their device trusted, and signs in there.
    Trust,
    /// Asks for a link for a forgotten password, and reads it.
    AskReset,
    /// All of these, one after the other, and removes every step of the owner's.
    All,
}

/// What the owner does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Removes every step that is not theirs, and the phone, however the thief got in.
    RemoveFactor,
    /// Opens each link that they got.
    NotMe,
    /// Opens the first link that they got, and no other.
    OldestLink,
    /// Opens the last one alone.
    NewestLink,
    /// Opens the first one that tells of this, of [`KINDS`], and no other.
    OneLink(usize),
    /// Changes the password.
    ChangePassword,
    /// Changes the address back; where it is theirs still, to another one of theirs.
    ChangeAddress,
    /// Makes new recovery codes.
    Renew,
    /// Signs out everywhere.
    SignOut,
    /// Calls support, which makes sure who they are.
    Operator,
    /// Opens each link, removes what is not in their hands, makes new recovery codes, and changes the password.
    All,
}

/// What a thief has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// The account's address is theirs.
    Address,
    /// A code that was on its way to them is accepted.
    Code,
    /// A device of theirs is known.
    Device,
    /// A step that they added proves.
    Factor,
    /// News goes to their address alone, or with a link.
    News,
    /// The owner does not get in.
    OwnerOut,
    /// A step that they started can be confirmed.
    Pending,
    /// A parked proof of theirs is evidence.
    Proof,
    /// A link for a forgotten password is accepted.
    Reset,
    /// A session of theirs lives.
    Session,
    /// A recovery code of a sheet that they made is accepted.
    Sheet,
    /// They sign in anew.
    SignsIn,
    /// A device of theirs is trusted.
    Trust,
}

impl Way {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::StolenPhone,
        Self::OnlyPhone,
        Self::StolenSheet,
        Self::RelayedCode,
        Self::BorrowedSession,
        Self::PasswordAlone,
    ];
}

impl Act {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Add,
        Self::Start,
        Self::Remove,
        Self::Rename,
        Self::Renew,
        Self::ChangeAddress,
        Self::Remember,
        Self::Trust,
        Self::AskReset,
        Self::All,
    ];
}

impl Answer {
    /// All.
    pub const ALL: [Self; 15] = [
        Self::RemoveFactor,
        Self::NotMe,
        Self::OldestLink,
        Self::NewestLink,
        Self::OneLink(0),
        Self::OneLink(1),
        Self::OneLink(2),
        Self::OneLink(3),
        Self::OneLink(4),
        Self::ChangePassword,
        Self::ChangeAddress,
        Self::Renew,
        Self::SignOut,
        Self::Operator,
        Self::All,
    ];
}

/// What a thief who does everything is told of, by links that undo it.
pub const KINDS: [News; 5] = [
    News::FactorAdded,
    News::FactorRemoved,
    News::RecoveryRenewed,
    News::AddressChanged,
    News::DeviceTrusted,
];

/// One of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// How they got in.
    pub way: Way,
    /// What they did.
    pub act: Act,
    /// What the owner did.
    pub answer: Answer,
}

impl Cell {
    fn is_one(&self) -> bool {
        let told = self.act == Act::All && self.way != Way::PasswordAlone;
        told || !matches!(self.answer, Answer::OneLink(_))
    }

    /// Every one there is: one link of each kind alone where the thief did what all of them tell of.
    pub fn all() -> impl Iterator<Item = Self> {
        Way::ALL.into_iter().flat_map(|way| {
            Act::ALL.into_iter().flat_map(move |act| {
                let answers = Answer::ALL.into_iter();
                let cells = answers.map(move |answer| Self { way, act, answer });
                cells.filter(Self::is_one)
            })
        })
    }
}
