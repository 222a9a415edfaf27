//! What a session's record says beside its owner.

use std::collections::BTreeSet;

use axum::http::HeaderValue;
use twofa_providers::{
    SignInId,
    token_store::{FactorId, ott_core::Stored},
};

/// The line of a session's data that says that a recovery code was used. No browser's name has lines.
const BY_RECOVERY: &str = "recovery";
/// What a line begins with that names a factor.
const PROVED: &str = "factor ";
/// What the line begins with that names the sign-in in which the device was trusted.
const TRUSTED_IN: &str = "trusted in ";
/// What the line begins with that names the sign-in. It is the last one.
const IN_FLOW: &str = "flow ";

/// What a session's record says beside its owner.
pub(crate) struct About {
    pub(crate) browser: String,
    /// Whether a recovery code was used in this sign-in.
    pub(crate) recovered: bool,
    /// Every factor that this sign-in proved: who disowns one ends what it opened.
    pub(crate) factors: Vec<FactorId>,
    /// The sign-in in which the device was trusted that stood in for the second step, if one did.
    pub(crate) trusted_in: Option<SignInId>,
    /// The sign-in's name.
    pub(crate) flow: Option<SignInId>,
}

impl About {
    pub(crate) fn of(stored: &Stored) -> Self {
        let data = String::from_utf8_lossy(&stored.data);
        let mut lines = data.lines();
        let browser = lines.next().unwrap_or_default().to_owned();
        let mut about = Self {
            browser,
            recovered: false,
            factors: Vec::new(),
            trusted_in: None,
            flow: None,
        };
        for line in lines {
            about.recovered |= line == BY_RECOVERY;
            if let Some(id) = line.strip_prefix(PROVED) {
                about.factors.extend(FactorId::parse(id));
            }
            if let Some(name) = line.strip_prefix(TRUSTED_IN) {
                about.trusted_in = SignInId::new(name).ok();
            }
            if let Some(name) = line.strip_prefix(IN_FLOW) {
                about.flow = SignInId::new(name).ok();
            }
        }
        about
    }

    pub(super) fn written(&self) -> Vec<u8> {
        let mut data = self.browser.clone();
        if self.recovered {
            data.push('\n');
            data.push_str(BY_RECOVERY);
        }
        let factors: BTreeSet<_> = self.factors.iter().collect();
        for factor in factors {
            data.extend(["\n", PROVED, &factor.to_string()]);
        }
        let mut data = data.into_bytes();
        for (begins, name) in [(TRUSTED_IN, &self.trusted_in), (IN_FLOW, &self.flow)] {
            if let Some(name) = name {
                data.push(b'\n');
                data.extend(begins.as_bytes());
                data.extend(name.as_bytes());
            }
        }
        data
    }
}

/// What a person would call the browser. Only ever shown to that person.
pub(crate) fn browser(agent: Option<&HeaderValue>) -> String {
    const NAMES: [(&str, &str); 6] = [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Chromium/", "Chromium"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("");
    let known = |list: &[(&str, &'static str)]| {
        let found = list.iter().find(|(part, _)| agent.contains(part));
        found.map(|(_, name)| *name)
    };
    let name = known(&NAMES).unwrap_or("A browser");
    match known(&SYSTEMS) {
        Some(system) => format!("{name} on {system}"),
        None => name.into(),
    }
}
