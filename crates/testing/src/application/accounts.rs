//! What an application keeps of its people.

use core::error::Error;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use twofa_providers::{
    Address, Addresses, SignInId,
    token_store::ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::telling::to;

/// The table of people.
#[derive(Debug, Default)]
pub struct Accounts {
    rows: Mutex<HashMap<Subject, Account>>,
}

/// A row of it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Raised by whatever ends sessions and what is on its way.
    pub epoch: u64,
    /// In clear: nobody attacks it here.
    pub password: String,
    /// The verified address.
    pub address: String,
    changes: Vec<Change>,
}

/// A change of address, which can be undone.
#[derive(Clone, Debug)]
struct Change {
    by: SignInId,
    old: String,
    at: DateTime<Utc>,
}

impl Accounts {
    /// Somebody registers.
    pub fn register(&self, who: &Subject, password: &str, address: &str) {
        let account = Account {
            epoch: 0,
            password: password.to_owned(),
            address: address.to_owned(),
            changes: Vec::new(),
        };
        let known = self.rows().insert(who.clone(), account);
        assert!(known.is_none(), "one account a person");
    }

    /// A copy of somebody's row.
    pub fn of(&self, who: &Subject) -> Account {
        self.rows().get(who).expect("an account").clone()
    }

    /// Voids everything that was bound to the epoch until now.
    pub fn raise_epoch(&self, who: &Subject) {
        self.change(who, |account| account.epoch += 1);
    }

    /// Sets the password.
    pub fn set_password(&self, who: &Subject, password: &str) {
        self.change(who, |account| account.password = password.to_owned());
    }

    /// Changes the address, and keeps what it was.
    pub fn set_address(&self, who: &Subject, address: &str, by: &SignInId, at: DateTime<Utc>) {
        self.change(who, |account| {
            let old = core::mem::replace(&mut account.address, address.to_owned());
            let by = by.clone();
            account.changes.push(Change { by, old, at });
        });
    }

    /// Undoes the changes since the first that this sign-in made, and says whether there was one.
    pub fn restore_address(&self, who: &Subject, by: &SignInId) -> bool {
        let mut restored = false;
        self.change(who, |account| {
            let first = account.changes.iter().position(|change| change.by == *by);
            let undone = first.and_then(|first| account.changes.drain(first..).next());
            if let Some(undone) = undone {
                account.address = undone.old;
                restored = true;
            }
        });
        restored
    }

    /// Undoes every change.
    pub fn restore_first_address(&self, who: &Subject) {
        self.change(who, |account| {
            if let Some(undone) = account.changes.drain(..).next() {
                account.address = undone.old;
            }
        });
    }

    fn change(&self, who: &Subject, change: impl FnOnce(&mut Account)) {
        change(self.rows().get_mut(who).expect("an account"));
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<Subject, Account>> {
        self.rows.lock().expect("no panic")
    }
}

#[async_trait]
impl Addresses for Accounts {
    async fn verified(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Address>, Box<dyn Error + Send + Sync>> {
        let Account {
            address, changes, ..
        } = self.of(subject);
        let began = |address: &str, since| match since {
            None => Address::new(to(address)),
            Some(at) => Address::new(to(address)).since(at),
        };
        let (mut all, mut since) = (Vec::new(), None);
        for change in &changes {
            all.push(began(&change.old, since).until(change.at));
            since = Some(change.at);
        }
        all.push(began(&address, since));
        Ok(all)
    }
}
