//! Who is measured.

use std::{env, path::Path};

use crate::{client::Dialect, world::Flow};

/// Whoever signs people in.
#[derive(Clone)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) flow: Flow,
    pub(crate) dialect: Dialect,
    /// The program and its arguments, before those that name the database and the mailbox.
    pub(crate) command: Vec<String>,
    pub(crate) processes: usize,
    /// More than it signs in within a second.
    pub(crate) most: usize,
}

impl Contender {
    /// Ours, or the floor beside it: it has no excuse to fail.
    pub(crate) fn is_own(&self) -> bool {
        self.dialect == Dialect::Ours
    }

    /// Whether the store notes what it is asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.name == OURS
    }

    /// Whose accounts have apps by [`enrol`](crate::enrol): the others enrol for themselves.
    pub(crate) fn is_enrolled(&self) -> bool {
        self.is_asked() && self.flow == Flow::Totp
    }
}

pub(crate) const OURS: &str = "ours";
/// The statements of ours in a bare loop.
pub(crate) const FLOOR: &str = "floor";

/// Two processes use both cores. Allauth is in its best form alone; better-auth in its usual one too.
pub(crate) fn contenders(flow: Flow, peers: &Path) -> Vec<Contender> {
    let own = |name, argument: &str| Contender {
        name,
        flow,
        dialect: Dialect::Ours,
        command: vec![
            env::current_exe().unwrap().display().to_string(),
            argument.into(),
        ],
        processes: 1,
        most: 6_000,
    };
    let peer = |name, dialect, interpreter: &str, script: &str, processes| {
        let script = peers.join(script);
        // One that is not beside the script is the system's.
        let beside = Some(peers.join(interpreter)).filter(|path| path.exists());
        let interpreter = beside.unwrap_or_else(|| interpreter.into());
        script.exists().then(|| Contender {
            name,
            flow,
            dialect,
            command: vec![
                interpreter.display().to_string(),
                script.display().to_string(),
            ],
            processes,
            most: 800,
        })
    };
    let better_auth = |name, processes| {
        let script = "better-auth/server.mjs";
        peer(name, Dialect::BetterAuth, "node", script, processes)
    };
    let python = "allauth/venv/bin/python";
    let allauth = || {
        peer(
            "allauth x2",
            Dialect::Allauth,
            python,
            "allauth/server.py",
            2,
        )
    };
    let is_code = flow == Flow::Code;
    let all = [
        Some(own(OURS, "serve")),
        is_code.then(|| own(FLOOR, "floor")),
        better_auth("better-auth", 1),
        better_auth("better-auth x2", 2),
        is_code.then(allauth).flatten(),
    ];
    all.into_iter().flatten().collect()
}
