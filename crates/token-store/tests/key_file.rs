//! The key file: made once, of mode 0600, read by nobody else, never shown.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{Arc, Barrier},
    thread,
};

use token_store::{
    key_file::{KeyFileError, read, read_or_create},
    ott_core::Destination,
};

/// An empty folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("key-file-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn set_mode(path: &PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// The first start makes one key that the next one reads.
#[test]
fn first_start_makes_the_key_that_the_next_reads() {
    let folder = folder("first");
    let path = folder.join("keys");
    let made = read_or_create(&path).unwrap();
    let ids: Vec<_> = made.ids().collect();
    assert_eq!(ids.len(), 1);
    // Another file's key has another name: it is missing here, and not mistaken for this one.
    let other = read_or_create(folder.join("other")).unwrap();
    assert_ne!(other.ids().collect::<Vec<_>>(), ids);
    fs::remove_file(folder.join("other")).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Nothing else is left behind.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let address = Destination::email("a@example.org").unwrap();
    let again = [read(&path).unwrap(), read_or_create(&path).unwrap()];
    for ring in again {
        assert_eq!(ring.pseudonym(&address), made.pseudonym(&address));
    }
}

/// A key file that anybody but its owner may read, write or run is refused.
#[test]
fn file_that_others_may_read_is_refused() {
    let path = folder("mode").join("keys");
    read_or_create(&path).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777] {
        set_mode(&path, mode);
        assert!(
            matches!(read(&path), Err(KeyFileError::Exposed)),
            "{mode:o}"
        );
        assert!(
            matches!(read_or_create(&path), Err(KeyFileError::Exposed)),
            "{mode:o}"
        );
    }
    for mode in [0o600, 0o400] {
        set_mode(&path, mode);
        assert!(read(&path).is_ok(), "{mode:o}");
    }
}

/// Of many threads that start at once all read one key.
#[test]
fn threads_that_start_at_once_read_one_key() {
    let address = Destination::email("a@example.org").unwrap();
    for round in 0..50 {
        let folder = folder(&format!("race-{round}"));
        let (path, barrier) = (folder.join("keys"), Arc::new(Barrier::new(8)));
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let (path, barrier) = (path.clone(), Arc::clone(&barrier));
                thread::spawn(move || {
                    barrier.wait();
                    read_or_create(path)
                })
            })
            .collect();
        let rings = starts
            .into_iter()
            .map(|start| start.join().unwrap().unwrap());
        let names: Vec<_> = rings.map(|ring| ring.pseudonym(&address)).collect();
        assert!(names.iter().all(|name| *name == names[0]), "round {round}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "round {round}");
        fs::remove_dir_all(folder).unwrap();
    }
}

/// A key file that is too long is refused, also where its beginning is a ring.
#[test]
fn file_that_is_too_long_is_refused_whole() {
    let path = folder("long").join("keys");
    read_or_create(&path).unwrap();
    let key = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{key}{}", "# a comment\n".repeat(6_000))).unwrap();
    set_mode(&path, 0o600);
    assert!(matches!(read(&path), Err(KeyFileError::Io(_))));
}

/// No error of a key file repeats a key of the file.
#[test]
fn errors_repeat_nothing_of_the_file() {
    let path = folder("errors").join("keys");
    let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef";
    for text in [
        format!("1 {key}"),
        format!("{key}f 1"),
        format!("1 {key}f\n1 {key}f"),
    ] {
        fs::write(&path, &text).unwrap();
        set_mode(&path, 0o600);
        let error = read(&path).unwrap_err();
        let printed = format!("{error} {error:?}");
        assert!(matches!(error, KeyFileError::Ring(_)), "{printed}");
        assert!(!printed.contains("00112233"), "{printed}");
    }
    fs::write(&path, b"1 \xff\xfe").unwrap();
    assert!(matches!(read(&path), Err(KeyFileError::Io(_))));
    let missing = read(path.with_file_name("none")).unwrap_err();
    assert!(matches!(missing, KeyFileError::Io(_)));
}
