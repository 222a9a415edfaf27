//! Preferences, settings and features.

use serde_json::{Value, json};

use crate::support::{Site, invalid, refused};

const P: &str = "/api/v1/user/preferences";
const S: &str = "/api/v1/settings";

/// 002-13. Preferences are a user's own; the administrator may lock one and name what it begins as.
#[test]
fn row_13_preferences_are_set_and_locked() {
    let site = Site::with(&json!({
        "throttle_api": 0, "userpref_locked": ["theme"], "userpref_default": {"theme": "dark", "lang": "de"},
    }));
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let get = |name: &str| alice.get(&format!("{P}/{name}"));
    let put = |name: &str, value: Value| {
        alice.call("PUT", &format!("{P}/{name}"), &json!({"value": value}))
    };
    assert_eq!(
        get("theme").json(),
        json!({"key": "theme", "value": "dark", "locked": true})
    );
    refused(&put("theme", json!("light")), 403, "forbidden");
    assert_eq!(
        get("lang").json(),
        json!({"key": "lang", "value": "de", "locked": false})
    );
    let set = put("lang", json!("fr"));
    assert_eq!(
        (set.status, set.json()),
        (201, json!({"key": "lang", "value": "fr"}))
    );
    assert_eq!(get("lang").json()["value"], "fr");
    assert_eq!(bob.get(&format!("{P}/lang")).json()["value"], "de");
    assert_eq!(get("formatPasswordBy").json()["value"], 0.5);
    let all = alice.get(P).json();
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .any(|one| one["key"] == "showNextOtp" && one["locked"] == false)
    );
    assert_eq!(
        alice.get("/api/v1/user").json()["preferences"]["lang"],
        "fr"
    );
    refused(&get("unheard"), 404, "not found");
    refused(&put("unheard", json!(1)), 404, "not found");
    invalid(&put("lang", json!(null)), "value");
    invalid(&put("lang", json!([])), "value");
    invalid(
        &alice.call("PUT", &format!("{P}/lang"), &json!({})),
        "value",
    );
}

/// 002-14. Settings are administrators' alone; native ones stay.
#[test]
fn row_14_settings_are_administrators() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    for response in [
        bob.get(S),
        bob.get(&format!("{S}/useEncryption")),
        bob.post(S, &json!({"key": "own", "value": 1})),
        bob.call("PUT", &format!("{S}/own"), &json!({"value": 1})),
        bob.delete(&format!("{S}/own")),
    ] {
        refused(&response, 403, "forbidden");
    }
    let own = json!({"key": "own", "value": "x"});
    let made = alice.post(S, &own);
    assert_eq!((made.status, made.json()), (201, own.clone()));
    invalid(&alice.post(S, &own), "key");
    for (key, value, wrong) in [
        (json!("own1"), json!(1), "key"),
        (json!("x".repeat(129)), json!(1), "key"),
        (json!("useEncryption"), json!(true), "key"),
        (json!(null), json!(1), "key"),
        (json!("other"), json!(null), "value"),
        (json!("other"), json!(""), "value"),
    ] {
        invalid(&alice.post(S, &json!({"key": key, "value": value})), wrong);
    }
    let path = format!("{S}/own");
    assert_eq!(
        alice.call("PUT", &path, &json!({"value": 2})).json(),
        json!({"key": "own", "value": 2})
    );
    assert_eq!(alice.get(&path).json()["value"], 2);
    // One that is unknown is made.
    assert_eq!(
        alice
            .call("PUT", &format!("{S}/late"), &json!({"value": true}))
            .status,
        200
    );
    assert!(
        alice
            .get(S)
            .json()
            .as_array()
            .unwrap()
            .contains(&json!({"key": "late", "value": true}))
    );
    assert_eq!(alice.delete(&path).status, 204);
    refused(&alice.get(&path), 404, "not found");
    refused(&alice.delete(&path), 404, "not found");
    refused(&alice.get(&format!("{S}/own1")), 404, "not found");
    refused(
        &alice.delete(&format!("{S}/useEncryption")),
        400,
        "Only user-created setting can be deleted",
    );
    for name in ["restrictList", "restrictRule"] {
        let path = format!("{S}/{name}");
        for value in [json!("a@b"), json!(null), json!("")] {
            assert_eq!(
                alice.call("PUT", &path, &json!({"value": value})).status,
                200
            );
        }
        assert_eq!(alice.delete(&path).status, 204);
        assert_eq!(alice.get(&path).json()["value"], "");
    }
    for value in [json!(null), json!(""), json!("perhaps")] {
        invalid(
            &alice.call(
                "PUT",
                &format!("{S}/useEncryption"),
                &json!({"value": value}),
            ),
            "value",
        );
    }
}

/// What the server can do is told; nothing is told of one feature.
#[test]
fn features_are_listed() {
    let site = Site::start();
    let alice = site.by("alice");
    let state = |name: &str| {
        let list = alice.get("/api/v1/features").json();
        let found = list
            .as_array()
            .unwrap()
            .iter()
            .find(|feature| feature["name"] == name)
            .cloned();
        found.unwrap()["state"].clone()
    };
    assert_eq!(state("sharing"), "disabled");
    assert_eq!(state("showNextOtp"), "enabled");
    assert_eq!(
        alice
            .call(
                "PUT",
                &format!("{S}/enableSharing"),
                &json!({"value": true})
            )
            .status,
        200
    );
    assert_eq!(state("sharing"), "enabled");
    refused(
        &alice.get("/api/v1/features/sharing"),
        404,
        "unknowkn endpoint",
    );
    let name = site.send(&contract_server::testing::Request::new(
        "GET",
        "/api/v1/user/name",
    ));
    assert_eq!(
        (name.json(), name.header("deprecation")),
        (json!({"deprecation": true}), Some("true"))
    );
}
