//! How pushes are set up.

#[path = "common/support.rs"]
mod support;

use showcase::{Config, Push, Showcase, StartError};
use support::{Person, Site};
use twofa_providers::token_delivery::PushOptions;

fn push(key: &std::path::Path) -> Push {
    Push {
        contact: "mailto:admin@example.org".into(),
        key: key.into(),
        options: PushOptions::default(),
    }
}

/// The key is made at the first start, for the server's user alone, and is the same at the next one.
#[tokio::test(flavor = "multi_thread")]
async fn push_key_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("push");
    let site = Site::start_with(|config| config.push = Some(push(&file))).await;
    let made = std::fs::read(&file).expect("a key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let _beside = site
        .beside_with(|config| config.push = Some(push(&file)))
        .await;
    assert_eq!(std::fs::read(&file).expect("a key"), made);
    let mut person = Person::new(&site);
    assert_eq!(person.get("/push.js").await.status, 200);
    drop(site);

    // Without the setting there is neither worker nor address.
    let site = Site::start().await;
    let mut person = Person::new(&site);
    assert_eq!(person.get("/push.js").await.status, 404);
    let fields = [("endpoint", ""), ("p256dh", ""), ("auth", "")];
    assert_eq!(person.post("/device/push", &fields).await.status, 404);
}

/// A contact that is none, a file that is no key and one that others may read keep the showcase from starting.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_push_settings_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("push");
    let start = async |push: Push| {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.path().join("data"),
            keys: folder.path().join("keys"),
            push: Some(push),
            ..Config::default()
        };
        Showcase::start(config).await.map(drop)
    };
    let contact = Push {
        contact: "admin".into(),
        ..push(&file)
    };
    let told = start(contact).await;
    assert!(matches!(told, Err(StartError::Push(_))), "{told:?}");
    start(push(&file)).await.expect("it starts");
    #[cfg(unix)]
    {
        use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("a mode");
        let told = start(push(&file)).await;
        assert!(matches!(told, Err(StartError::Push(_))), "{told:?}");
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
    }
    std::fs::write(&file, "no key").expect("a file");
    let told = start(push(&file)).await;
    assert!(matches!(told, Err(StartError::Push(_))), "{told:?}");
    let args = |args: &[&str]| Config::from_args(args.iter().map(|&arg| arg.into()));
    assert!(args(&["--push-key", "x"]).is_err());
    let taken = args(&["--push", "mailto:admin@example.org", "--push-key", "x"]);
    let taken = taken.expect("both").push.expect("set");
    assert_eq!(
        (taken.contact.as_str(), taken.key),
        ("mailto:admin@example.org", "x".into())
    );
}
