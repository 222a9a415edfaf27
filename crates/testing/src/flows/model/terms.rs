//! What a flow, a token and a proof are to the model.

use ott_flows::{Change, Operation, Proof, token_store::ott_core::Subject};

use super::super::{ChangeKey, Pay, ProveOld, Recover};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Pay,
    ProveOld,
    ChangeKey,
    Recover,
}

pub(super) const OPS: [Op; 4] = [Op::Pay, Op::ProveOld, Op::ChangeKey, Op::Recover];

/// What is done with the type of an operation, or with a proof of whichever it is.
macro_rules! of {
    (@ $op:expr, $name:ident => $do:expr; $($each:ident)+) => {
        match $op {
            $(Op::$each => {
                type $name = $each;
                $do
            })+
        }
    };
    ($op:expr, $name:ident => $do:expr) => {
        of!(@ $op, $name => $do; Pay ProveOld ChangeKey Recover)
    };
    ($proof:expr, proof $name:ident => $do:expr) => {
        match $proof {
            Any::Pay($name) => $do,
            Any::ProveOld($name) => $do,
            Any::ChangeKey($name) => $do,
            Any::Recover($name) => $do,
        }
    };
}
pub(super) use of;

macro_rules! any {
    ($($name:ident)+) => {
        pub(super) enum Any {
            $($name(Proof<$name>),)+
        }

        $(impl From<Proof<$name>> for Any {
            fn from(proof: Proof<$name>) -> Self {
                Self::$name(proof)
            }
        })+
    };
}

any! { Pay ProveOld ChangeKey Recover }

pub(super) type Pairs = Vec<(String, String)>;

/// What a flow or a proof is of.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) op: Op,
    pub(super) who: usize,
    pub(super) holder: usize,
    pub(super) epoch: u64,
    pub(super) ends: i64,
    pub(super) parameters: Pairs,
    pub(super) tries: u32,
}

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) facts: Facts,
    pub(super) handle: String,
    pub(super) over: bool,
    pub(super) decoy: bool,
    /// When, for what, and whether nobody was to get it.
    pub(super) asked: Option<(usize, Pairs, bool)>,
    pub(super) token: Option<Token>,
    pub(super) older: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    /// `None` where nobody got it.
    pub(super) text: Option<String>,
    pub(super) at: i64,
    pub(super) parameters: Pairs,
}

pub(super) fn told<O: Operation>(change: Change<O>) -> (Subject, Pairs) {
    let pairs = change.parameters().iter();
    let pairs = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    (change.subject().clone(), pairs)
}

pub(super) fn agree<T, E: core::fmt::Debug>(
    call: &str,
    op: Op,
    expected: bool,
    answer: &Result<T, E>,
) -> Result<(), String> {
    match (expected, answer) {
        (true, Ok(_)) | (false, Err(_)) => Ok(()),
        (true, Err(error)) => Err(format!("{call} of {op:?} was refused: {error:?}")),
        (false, Ok(_)) => Err(format!("{call} of {op:?} was accepted")),
    }
}
