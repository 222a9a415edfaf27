//! The laws.

use std::{collections::BTreeSet, sync::Arc};

use otp_vault_sqlx::otp_vault::{
    KeyRing, Kind, read_uri,
    store::{Advanced, Counter, Draft, GroupChange, NewRow, Subject, VaultStore, Vaults},
};
use tokio::{sync::Barrier, task::JoinSet};

type Store = Arc<dyn VaultStore>;

const AT_ONCE: usize = 50;

fn owner(name: &str) -> Subject {
    Subject::new("", name).unwrap()
}

fn row(counter: Option<i64>) -> NewRow {
    NewRow {
        item: [7; 16],
        group: None,
        counter,
        sealed: b"sealed".to_vec(),
    }
}

fn draft(uri: &str) -> Draft {
    Draft::new(read_uri(uri).unwrap())
}

const HOTP: &str = "otpauth://hotp/Example:alice?secret=JBSWY3DPEHPK3PXP&issuer=Example&counter=7";
const TOTP: &str = "otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXP&issuer=Example";

async fn order(store: &Store, owner: &Subject) -> Vec<i64> {
    let rows = store.rows(owner).await.unwrap();
    rows.iter().map(|row| row.id).collect()
}

pub(crate) async fn counters_are_taken_once(store: Store) {
    let alice = owner("alice");
    let id = store.insert(&alice, &[row(Some(3))]).await.unwrap()[0];
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, barrier, alice) = (Arc::clone(&store), Arc::clone(&barrier), alice.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            store.advance(&alice, id).await.unwrap()
        });
    }
    let mut taken = BTreeSet::new();
    while let Some(answer) = tasks.join_next().await {
        let Advanced::Taken(counter) = answer.unwrap() else {
            panic!("a counter is left");
        };
        assert!(taken.insert(counter), "{counter} twice");
    }
    assert_eq!(taken, (3..53).collect());
    let (_, stands) = store.find(id).await.unwrap().unwrap();
    assert_eq!(stands.counter, Some(53));
}

pub(crate) async fn counters_survive_changes(store: Store) {
    let vaults = Vaults::new(Arc::clone(&store), KeyRing::generate().unwrap());
    let alice = owner("alice");
    let id = vaults.add(&alice, None, &[draft(HOTP)]).await.unwrap()[0];
    // Read before the codes are, written after them.
    let (_, read) = vaults.find(id).await.unwrap().unwrap();
    for counter in 7..10 {
        let taken = vaults.advance(&alice, id).await.unwrap();
        assert_eq!(taken, Advanced::Taken(counter));
    }
    assert!(
        vaults
            .change(&alice, &read, None, &draft(HOTP), None)
            .await
            .unwrap()
    );
    assert_eq!(store.find(id).await.unwrap().unwrap().1.counter, Some(10));
    // One that is named is compared with what was read: a code was read meanwhile.
    let (_, read) = vaults.find(id).await.unwrap().unwrap();
    vaults.advance(&alice, id).await.unwrap();
    assert!(
        vaults
            .change(&alice, &read, None, &draft(HOTP), Some(8))
            .await
            .unwrap()
    );
    assert_eq!(store.find(id).await.unwrap().unwrap().1.counter, Some(11));
    // Nobody read one: the owner knows what they do.
    let (_, read) = vaults.find(id).await.unwrap().unwrap();
    assert!(
        vaults
            .change(&alice, &read, None, &draft(HOTP), Some(8))
            .await
            .unwrap()
    );
    assert_eq!(store.find(id).await.unwrap().unwrap().1.counter, Some(8));
    // By clock there is none.
    let (_, read) = vaults.find(id).await.unwrap().unwrap();
    assert!(
        vaults
            .change(&alice, &read, None, &draft(TOTP), None)
            .await
            .unwrap()
    );
    assert_eq!(store.find(id).await.unwrap().unwrap().1.counter, None);
    assert_eq!(
        vaults.advance(&alice, id).await.unwrap(),
        Advanced::NotCounting
    );
}

pub(crate) async fn counters_end_at_the_last(store: Store) {
    let alice = owner("alice");
    let last = i64::MAX - 1;
    let id = store.insert(&alice, &[row(Some(last))]).await.unwrap()[0];
    assert_eq!(
        store.advance(&alice, id).await.unwrap(),
        Advanced::Taken(last)
    );
    for _ in 0..3 {
        assert_eq!(store.advance(&alice, id).await.unwrap(), Advanced::Spent);
    }
    assert_eq!(store.advance(&alice, 0).await.unwrap(), Advanced::Unknown);
}

pub(crate) async fn order_is_the_owners(store: Store) {
    let (alice, bob) = (owner("alice"), owner("bob"));
    let rows = [row(None), row(None), row(None), row(None)];
    let ids = store.insert(&alice, &rows).await.unwrap();
    let bobs = store.insert(&bob, &[row(None)]).await.unwrap();
    assert_eq!(order(&store, &alice).await, ids);
    store
        .reorder(&alice, &[ids[2], bobs[0], ids[0]])
        .await
        .unwrap();
    assert_eq!(
        order(&store, &alice).await,
        [ids[2], ids[0], ids[1], ids[3]]
    );
    store.reorder(&alice, &[ids[3]]).await.unwrap();
    assert_eq!(
        order(&store, &alice).await,
        [ids[3], ids[2], ids[0], ids[1]]
    );
    let late = store.insert(&alice, &[row(None)]).await.unwrap();
    assert_eq!(order(&store, &alice).await.last(), Some(&late[0]));
    let mut groups = Vec::new();
    for name in ["a", "b", "c"] {
        let GroupChange::Done(id) = store.add_group(&alice, name, true).await.unwrap() else {
            panic!("{name} is new");
        };
        groups.push(id);
    }
    store.reorder_groups(&alice, &[groups[1]]).await.unwrap();
    let names: Vec<_> = store.groups(&alice).await.unwrap();
    let names: Vec<_> = names.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "c"]);
}

pub(crate) async fn groups_have_one_name_each(store: Store) {
    let (alice, bob) = (owner("alice"), owner("bob"));
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (store, barrier, alice) = (Arc::clone(&store), Arc::clone(&barrier), alice.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            store.add_group(&alice, "Work", true).await.unwrap()
        });
    }
    let answers = tasks.join_all().await;
    let done = |answer: &&GroupChange| matches!(answer, GroupChange::Done(_));
    assert_eq!(answers.iter().filter(done).count(), 1);
    let taken = |answer: &&GroupChange| **answer == GroupChange::NameTaken;
    assert_eq!(answers.iter().filter(taken).count(), AT_ONCE - 1);
    // Somebody else's of the same name is another one.
    let theirs = store.add_group(&bob, "Work", false).await.unwrap();
    let GroupChange::Done(theirs) = theirs else {
        panic!("bob has none");
    };
    let home = store.add_group(&alice, "Home", false).await.unwrap();
    let GroupChange::Done(home) = home else {
        panic!("it is new");
    };
    let rename = store
        .change_group(&alice, home, "Work", true)
        .await
        .unwrap();
    assert_eq!(rename, GroupChange::NameTaken);
    let keeps = store
        .change_group(&alice, home, "Home", true)
        .await
        .unwrap();
    assert_eq!(keeps, GroupChange::Done(home));
    let foreign = store
        .change_group(&alice, theirs, "Mine", true)
        .await
        .unwrap();
    assert_eq!(foreign, GroupChange::Unknown);
}

pub(crate) async fn groups_leave_their_accounts(store: Store) {
    let alice = owner("alice");
    let ids = store.insert(&alice, &[row(None), row(None)]).await.unwrap();
    let GroupChange::Done(group) = store.add_group(&alice, "Work", true).await.unwrap() else {
        panic!("it is new");
    };
    assert!(store.assign(&alice, Some(group), &ids).await.unwrap());
    assert_eq!(store.groups(&alice).await.unwrap()[0].accounts, 2);
    assert!(store.assign(&alice, None, &ids[..1]).await.unwrap());
    assert_eq!(store.groups(&alice).await.unwrap()[0].accounts, 1);
    assert!(!store.assign(&alice, Some(i64::MAX), &ids).await.unwrap());
    assert!(store.remove_group(&alice, group).await.unwrap());
    assert!(!store.remove_group(&alice, group).await.unwrap());
    let rows = store.rows(&alice).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.group.is_none()));
}

pub(crate) async fn owners_do_not_meet(store: Store) {
    let (alice, bob) = (owner("alice"), owner("bob"));
    let ids = store.insert(&alice, &[row(Some(1))]).await.unwrap();
    let GroupChange::Done(group) = store.add_group(&alice, "Work", true).await.unwrap() else {
        panic!("it is new");
    };
    let before = store.rows(&alice).await.unwrap();
    assert!(store.rows(&bob).await.unwrap().is_empty());
    assert!(store.groups(&bob).await.unwrap().is_empty());
    let counter = Counter::Set {
        seen: Some(1),
        to: 5,
    };
    let to = row(None);
    let changed = store.change(&bob, ids[0], b"sealed", &to, counter);
    assert!(!changed.await.unwrap());
    assert_eq!(
        store.advance(&bob, ids[0]).await.unwrap(),
        Advanced::Unknown
    );
    assert_eq!(store.remove(&bob, &ids).await.unwrap(), 0);
    store.reorder(&bob, &ids).await.unwrap();
    assert!(!store.assign(&bob, Some(group), &ids).await.unwrap());
    assert!(store.assign(&bob, None, &ids).await.unwrap());
    assert!(
        !store
            .give(&bob, ids[0], b"sealed", &bob, b"new")
            .await
            .unwrap()
    );
    assert!(!store.remove_group(&bob, group).await.unwrap());
    // Who names another's group stands in none.
    let in_group = NewRow {
        group: Some(group),
        ..row(None)
    };
    let own = store.insert(&bob, &[in_group]).await.unwrap();
    assert_eq!(store.find(own[0]).await.unwrap().unwrap().1.group, None);
    store.forget(&bob).await.unwrap();
    assert_eq!(store.rows(&alice).await.unwrap(), before);
    assert_eq!(store.group_owner(group).await.unwrap(), Some(alice.clone()));
    // An owner of another tenant with the same id is another one.
    let other = Subject::new("other", "alice").unwrap();
    assert!(store.rows(&other).await.unwrap().is_empty());
    // What is given is the other's, whole.
    assert!(
        store
            .give(&alice, ids[0], b"sealed", &bob, b"new")
            .await
            .unwrap()
    );
    assert!(store.rows(&alice).await.unwrap().is_empty());
    let (now, given) = store.find(ids[0]).await.unwrap().unwrap();
    assert_eq!(
        (now, given.sealed.as_slice(), given.counter),
        (bob, b"new".as_slice(), Some(1))
    );
}

pub(crate) async fn batches_are_whole(store: Store) {
    let (alice, bob) = (owner("alice"), owner("bob"));
    let rows: Vec<_> = (0..120).map(|_| row(None)).collect();
    let ids = store.insert(&alice, &rows).await.unwrap();
    let bobs = store.insert(&bob, &rows[..3]).await.unwrap();
    let wanted: Vec<i64> = ids[..100]
        .iter()
        .chain(&bobs)
        .chain(&[0, -1, i64::MAX])
        .copied()
        .collect();
    assert_eq!(store.remove(&alice, &wanted).await.unwrap(), 100);
    assert_eq!(order(&store, &alice).await, ids[100..]);
    assert_eq!(order(&store, &bob).await, bobs);
    assert_eq!(store.remove(&alice, &[]).await.unwrap(), 0);
}

pub(crate) async fn changes_compare_what_was_read(store: Store) {
    let alice = owner("alice");
    let id = store.insert(&alice, &[row(None)]).await.unwrap()[0];
    let to = |sealed: &[u8]| NewRow {
        sealed: sealed.to_vec(),
        ..row(None)
    };
    let to_first = to(b"first");
    let first = store.change(&alice, id, b"sealed", &to_first, Counter::None);
    assert!(first.await.unwrap());
    let to_late = to(b"late");
    let late = store.change(&alice, id, b"sealed", &to_late, Counter::None);
    assert!(!late.await.unwrap());
    assert_eq!(store.find(id).await.unwrap().unwrap().1.sealed, b"first");
    assert!(
        !store
            .give(&alice, id, b"sealed", &owner("bob"), b"new")
            .await
            .unwrap()
    );
}

pub(crate) async fn seals_stay_in_their_rows(store: Store) {
    let vaults = Vaults::new(Arc::clone(&store), KeyRing::generate().unwrap());
    let (alice, bob) = (owner("alice"), owner("bob"));
    let ids = vaults
        .add(&alice, None, &[draft(TOTP), draft(HOTP)])
        .await
        .unwrap();
    let rows = store.rows(&alice).await.unwrap();
    for row in &rows {
        for word in ["Example", "alice", "JBSWY3DP"] {
            let found = row
                .sealed
                .windows(word.len())
                .any(|window| window == word.as_bytes());
            assert!(!found, "{word} stands in clear");
        }
    }
    let (_, read) = vaults.find(ids[1]).await.unwrap().unwrap();
    assert_eq!(read.kept.entry.kind, Kind::Hotp(7));
    // Moved to a row of the same owner, and to another owner.
    let moved = NewRow {
        sealed: rows[1].sealed.clone(),
        ..row(None)
    };
    assert!(
        store
            .change(&alice, ids[0], &rows[0].sealed, &moved, Counter::None)
            .await
            .unwrap()
    );
    assert!(vaults.find(ids[0]).await.is_err());
    assert!(vaults.list(&alice).await.is_err());
    assert!(
        store
            .give(&alice, ids[1], &rows[1].sealed, &bob, &rows[1].sealed)
            .await
            .unwrap()
    );
    assert!(vaults.list(&bob).await.is_err());
    // Given as it should be, it opens.
    let id = vaults.add(&bob, None, &[draft(TOTP)]).await.unwrap()[0];
    let (_, read) = vaults.find(id).await.unwrap().unwrap();
    let carol = owner("carol");
    assert!(vaults.give(&bob, &read, &carol).await.unwrap());
    assert_eq!(
        vaults.list(&carol).await.unwrap()[0].kept.entry.account,
        "alice"
    );
}

pub(crate) async fn numbers_are_given_once(store: Store) {
    let alice = owner("alice");
    let first = store.insert(&alice, &[row(None), row(None)]).await.unwrap();
    store.remove(&alice, &first).await.unwrap();
    let second = store.insert(&alice, &[row(None)]).await.unwrap();
    assert!(second[0] > first[1]);
}

pub(crate) async fn versions_count_changes(store: Store) {
    let (alice, bob) = (owner("alice"), owner("bob"));
    assert_eq!(store.version(&alice).await.unwrap(), 0);
    let id = store.insert(&alice, &[row(Some(1))]).await.unwrap()[0];
    let mut last = store.version(&alice).await.unwrap();
    assert!(last > 0);
    store.advance(&alice, id).await.unwrap();
    for _ in 0..2 {
        let now = store.version(&alice).await.unwrap();
        assert!(now > last);
        last = now;
        store.reorder(&alice, &[id]).await.unwrap();
    }
    assert_eq!(store.version(&bob).await.unwrap(), 0);
}
