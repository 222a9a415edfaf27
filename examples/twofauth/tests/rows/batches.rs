//! Order, batches and groups.

use serde_json::{Value, json};

use crate::support::{Site, T, invalid, refused};

const G: &str = "/api/v1/groups";

/// 002-10. What is named stands in front; all ids are told as they stand then.
#[test]
fn row_10_order_is_kept() {
    let site = Site::start();
    let alice = site.by("alice");
    let [a, b, c] = ["a", "b", "c"].map(|name| alice.add_totp(name));
    let order = |ids: Value| alice.post(&format!("{T}/reorder"), &json!({"orderedIds": ids}));
    let all = order(json!([c, a, b]));
    assert_eq!(
        all.json(),
        json!({"message": "order saved", "orderedIds": [c, a, b]})
    );
    assert_eq!(order(json!([b])).json()["orderedIds"], json!([b, c, a]));
    assert_eq!(alice.ids(), [b, c, a]);
    let late = alice.add_totp("d");
    assert_eq!(alice.ids(), [b, c, a, late]);
    for wrong in [json!(null), json!("1"), json!(["x"]), json!([a, a])] {
        invalid(&order(wrong), "orderedIds");
    }
}

/// 002-10. Ninety-nine ids are taken and a hundred are not; what is no list of ids is refused.
#[test]
fn row_10_ids_are_ninety_nine_at_most() {
    let site = Site::start();
    let alice = site.by("alice");
    let id = alice.add_totp("a");
    let ids = |count: i64| {
        let ids: Vec<String> = (0..count).map(|at| (id + at).to_string()).collect();
        ids.join(",")
    };
    for path in [format!("{T}/withdraw"), format!("{T}/export"), T.to_owned()] {
        let method = match path.rsplit('/').next().unwrap() {
            "withdraw" => "PATCH",
            _ => "GET",
        };
        let call = |ids: &str| alice.call(method, &format!("{path}?ids={ids}"), &Value::Null);
        assert_eq!(call(&ids(99)).status, 200, "{path}");
        let refusal = call(&ids(100));
        refused(&refusal, 400, "bad request");
        let reason = "too many ids were included in the query parameter, max 100 allowed";
        assert_eq!(refusal.json()["reason"], json!([reason]));
        for wrong in ["a", "1,", ",1", "1,,2", "-1", "1%202"] {
            invalid(&call(wrong), "ids");
        }
    }
    assert_eq!(alice.delete(&format!("{T}?ids={}", ids(100))).status, 400);
    assert_eq!(alice.delete(&format!("{T}?ids={}", ids(99))).status, 204);
    assert!(alice.ids().is_empty());
    invalid(&alice.delete(T), "ids");
}

/// 002-11. Groups have names of their own and accounts; the first of the list is all accounts, and stays.
#[test]
fn row_11_groups_hold_accounts() {
    let site = Site::start();
    let (alice, bob) = (site.by("alice"), site.by("bob"));
    let [a, b] = ["a", "b"].map(|name| alice.add_totp(name));
    let made = alice.post(G, &json!({"name": " Work 1_-' "}));
    let id = made.json()["id"].as_i64().unwrap();
    let expected =
        json!({"id": id, "name": "Work 1_-'", "show_in_chips": true, "twofaccounts_count": 0});
    assert_eq!((made.status, made.json()), (201, expected));
    for wrong in [
        json!(null),
        json!("All"),
        json!("a:b"),
        json!("x".repeat(33)),
        json!("Work 1_-'"),
        json!(7),
    ] {
        invalid(&alice.post(G, &json!({"name": wrong})), "name");
    }
    assert_eq!(bob.post(G, &json!({"name": "Work 1_-'"})).status, 201);
    let path = format!("{G}/{id}");
    let assigned = alice.post(&format!("{path}/assign"), &json!({"ids": [a, b, 999_999]}));
    assert_eq!(
        (assigned.status, &assigned.json()["twofaccounts_count"]),
        (200, &json!(2))
    );
    let list = alice.get(G).json();
    assert_eq!(
        (
            &list[0]["id"],
            &list[0]["name"],
            &list[0]["twofaccounts_count"]
        ),
        (&json!(0), &json!("All"), &json!(2))
    );
    assert_eq!(
        alice.get(&format!("{path}/twofaccounts")).json()[1]["id"],
        b
    );
    assert_eq!(
        alice
            .get(&format!("{G}/0/twofaccounts"))
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(alice.get(&format!("{G}/0")).json()["name"], "All");
    let withdrawn = alice.call("PATCH", &format!("{T}/withdraw?ids={a}"), &Value::Null);
    assert_eq!(withdrawn.json(), json!({"message": "accounts withdrawn"}));
    assert_eq!(alice.get(&path).json()["twofaccounts_count"], 1);
    let renamed = alice.call(
        "PUT",
        &path,
        &json!({"name": "Home", "show_in_chips": false}),
    );
    assert_eq!(
        (&renamed.json()["name"], &renamed.json()["show_in_chips"]),
        (&json!("Home"), &json!(false))
    );
    // In the group from the start, and out of it again.
    let c = alice
        .post(
            T,
            &json!({"otp_type": "totp", "account": "c", "group_id": id}),
        )
        .json();
    assert_eq!(c["group_id"], id);
    let put = json!({
        "service": null, "account": "c", "icon": null, "otp_type": "totp", "secret": c["secret"], "digits": 6,
        "algorithm": "sha1", "group_id": 0,
    });
    let out = alice.call("PUT", &format!("{T}/{}", c["id"]), &put);
    assert_eq!(out.json()["group_id"], Value::Null);
    for response in [
        bob.get(&path),
        bob.delete(&path),
        bob.call("PUT", &path, &json!({"name": "Mine"})),
        bob.post(&format!("{path}/assign"), &json!({"ids": []})),
        bob.get(&format!("{path}/twofaccounts")),
        alice.delete(&format!("{G}/0")),
        alice.call("PUT", &format!("{G}/0"), &json!({"name": "Mine"})),
    ] {
        refused(&response, 403, "forbidden");
    }
    let foreign = json!({"otp_type": "totp", "account": "c", "group_id": id});
    invalid(&bob.post(T, &foreign), "group_id");
    refused(&alice.get(&format!("{G}/999999")), 404, "not found");
    assert_eq!(alice.delete(&path).status, 204);
    assert_eq!(
        alice.get(&format!("{T}/{b}")).json()["group_id"],
        Value::Null
    );
}

/// 002-11. Groups have an order, and the preference names the group of a new account.
#[test]
fn row_11_new_accounts_stand_in_the_default_group() {
    let site = Site::start();
    let alice = site.by("alice");
    let [a, b] = ["a", "b"].map(|name| {
        let made = alice.post(G, &json!({"name": name})).json();
        made["id"].as_i64().unwrap()
    });
    let ordered = alice.post(&format!("{G}/reorder"), &json!({"orderedIds": [b, a]}));
    assert_eq!(ordered.json()["orderedIds"], json!([b, a]));
    assert_eq!(alice.get(G).json()[1]["id"], b);
    let prefer = |name: &str, value: i64| {
        let path = format!("/api/v1/user/preferences/{name}");
        assert_eq!(
            alice.call("PUT", &path, &json!({"value": value})).status,
            201
        );
    };
    let group = |body: &Value| alice.post(T, body).json()["group_id"].clone();
    let body = json!({"otp_type": "totp", "account": "c"});
    assert_eq!(group(&body), Value::Null);
    prefer("defaultGroup", a);
    assert_eq!(group(&body), a);
    prefer("activeGroup", b);
    prefer("defaultGroup", -1);
    assert_eq!(group(&body), b);
    assert_eq!(
        group(&json!({"otp_type": "totp", "account": "c", "group_id": 0})),
        Value::Null
    );
}
