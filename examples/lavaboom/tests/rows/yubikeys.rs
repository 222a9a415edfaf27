//! Rows 001-3, 001-4, 001-13 and 001-15: Yubikeys at the validation server beside the API.

use contract_server::testing::Response;
use serde_json::{Value, json};
use twofa_providers::oath_otp::yubico::{Key, Press, modhex};

use crate::support::{PASSWORD, Site, account, refused, refused_with, with_factor};

pub(crate) const API_KEY: &str = "c2l4dGVlbiBieXRlcyEhIQ==";

/// A Yubikey in software.
pub(crate) struct Soft {
    id: [u8; 6],
    key: Key,
}

impl Soft {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            id: [0xff, 0, 0, 0, 0, number],
            key: Key::from_bytes(&[number; 6], &[number; 16]),
        }
    }

    pub(crate) fn id(&self) -> String {
        modhex::encode(&self.id)
    }

    pub(crate) fn typed(&self, session: u16, uses: u8) -> String {
        let press = Press {
            session,
            uses,
            timestamp: 0x01_0203,
            random: 42,
        };
        let otp = self.key.generate(self.id().parse().unwrap(), &press);
        otp.to_modhex().expose_secret().to_owned()
    }

    pub(crate) fn in_a_file(&self) -> Value {
        let number = self.id[5];
        let hex = |times| format!("{number:02x}").repeat(times);
        json!({"public_id": self.id(), "private_id": hex(6), "aes_key": hex(16)})
    }
}

/// With these accounts, the keys 1 to 3, of which the third is disabled, and a client.
pub(crate) fn site(accounts: &[Value], settings: &Value) -> Site {
    let mut disabled = Soft::new(3).in_a_file();
    disabled["enabled"] = json!(false);
    let file = json!({
        "accounts": accounts,
        "yubikeys": [Soft::new(1).in_a_file(), Soft::new(2).in_a_file(), disabled],
        "validation_clients": [{"id": 1, "key": API_KEY}, {"id": 2, "key": API_KEY, "enabled": false}],
    });
    Site::with(&file, settings)
}

#[track_caller]
fn wrong(response: &Response) {
    let fields = json!({"factor_type": "yubicloud"});
    refused_with(response, 403, "Invalid token passed", &fields);
}

/// 001-3: an OTP of the account's key signs in once, its counters go forward alone, also over a restart.
#[test]
fn otp_signs_in_once() {
    let key = Soft::new(1);
    let mut site = site(
        &[with_factor("johndoe", "yubicloud", &[&key.id()])],
        &json!({}),
    );
    wrong(&site.try_sign_in("johndoe", PASSWORD, ""));
    assert_eq!(
        site.try_sign_in("johndoe", PASSWORD, &key.typed(0, 0))
            .status,
        201
    );
    let otp = key.typed(7, 3);
    assert_eq!(site.try_sign_in("johndoe", PASSWORD, &otp).status, 201);
    wrong(&site.try_sign_in("johndoe", PASSWORD, &otp));
    wrong(&site.try_sign_in("johndoe", PASSWORD, &key.typed(7, 2)));
    site.again();
    wrong(&site.try_sign_in("johndoe", PASSWORD, &otp));
    assert_eq!(
        site.try_sign_in("johndoe", PASSWORD, &key.typed(7, 4))
            .status,
        201
    );
    refused(
        &site.try_sign_in("johndoe", "not theirs", &key.typed(8, 0)),
        403,
        "Wrong username or password",
    );
    // The password was asked first: the OTP is unspent.
    assert_eq!(
        site.try_sign_in("johndoe", PASSWORD, &key.typed(8, 0))
            .status,
        201
    );
}

/// 001-3: of racing sign-ins with one OTP one wins.
#[test]
fn racing_sign_ins_with_one_otp_have_one_winner() {
    let key = Soft::new(1);
    let site = site(
        &[with_factor("johndoe", "yubicloud", &[&key.id()])],
        &json!({}),
    );
    let otp = key.typed(1, 1);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || site.try_sign_in("johndoe", PASSWORD, &otp).status;
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [201, 403].contains(status)),
        "{statuses:?}"
    );
}

/// 001-4: an OTP of another key, known or not, a disabled key, and anything that is none are wrong, whatever their length.
#[test]
fn other_keys_and_short_inputs_are_wrong() {
    let keys = [Soft::new(1), Soft::new(2), Soft::new(3), Soft::new(4)];
    let ids: Vec<_> = keys.iter().map(Soft::id).collect();
    let site = site(
        &[
            with_factor("johndoe", "yubicloud", &[&ids[0]]),
            with_factor("jane", "yubicloud", &[&ids[1], &ids[2], &ids[3]]),
        ],
        &json!({}),
    );
    let other = keys[1].typed(1, 1);
    wrong(&site.try_sign_in("johndoe", PASSWORD, &other));
    // The other key's OTP was not spent with that.
    assert_eq!(site.try_sign_in("jane", PASSWORD, &other).status, 201);
    for key in &keys[2..] {
        wrong(&site.try_sign_in("jane", PASSWORD, &key.typed(1, 1)));
    }
    // One key's name before another one's block.
    let mixed = format!("{}{}", ids[0], &keys[1].typed(2, 1)[12..]);
    wrong(&site.try_sign_in("johndoe", PASSWORD, &mixed));
    let otp = keys[0].typed(5, 1);
    for length in [0, 1, 5, 11, 12, 13, 31, 32, 43] {
        wrong(&site.try_sign_in("johndoe", PASSWORD, &otp[..length]));
    }
    for bad in [
        "\u{0}",
        "\u{1d11e}\u{1d11e}\u{1d11e}",
        "123456",
        &otp.repeat(2),
        &format!("{otp}x"),
        &otp.replace('c', "a"),
    ] {
        wrong(&site.try_sign_in("johndoe", PASSWORD, bad));
    }
    assert_eq!(site.try_sign_in("johndoe", PASSWORD, &otp).status, 201);
}

/// 001-15: an OTP that was typed on a Dvorak keyboard is read as it was meant; the vectors stand in `oath-otp`.
#[test]
fn dvorak_otp_signs_in() {
    let key = Soft::new(1);
    let site = site(
        &[with_factor("johndoe", "yubicloud", &[&key.id()])],
        &json!({}),
    );
    let dvorak = |otp: &str| -> String {
        let at = |c| {
            "cbdefghijklnrtuv"
                .chars()
                .position(|known| known == c)
                .unwrap()
        };
        otp.chars()
            .map(|c| "jxe.uidchtnbpygk".chars().nth(at(c)).unwrap())
            .collect()
    };
    assert_eq!(
        site.try_sign_in("johndoe", PASSWORD, &dvorak(&key.typed(1, 1)))
            .status,
        201
    );
    wrong(&site.try_sign_in("johndoe", PASSWORD, &key.typed(1, 1)));
}

/// 001-13: keys are added, changed and removed, each time with an OTP of a present one; a removed key can come back.
#[test]
fn keys_change_with_a_present_one() {
    let keys = [Soft::new(1), Soft::new(2)];
    let site = site(&[account("johndoe")], &json!({}));
    let token = site.sign_in("johndoe");
    let put = |body: &Value| site.call(&token, "PUT", "/accounts/me", body);
    let set = |keys: &[&Soft], token: &str| {
        let ids: Vec<_> = keys.iter().map(|key| key.id()).collect();
        put(&json!({"factor_type": "yubicloud", "factor_value": ids, "token": token}))
    };
    assert_eq!(set(&[&keys[0]], "").status, 200);
    wrong(&set(&[&keys[1]], ""));
    wrong(&set(&[&keys[1]], &keys[1].typed(1, 1)));
    assert_eq!(set(&[&keys[1]], &keys[0].typed(1, 1)).status, 200);
    wrong(&site.try_sign_in("johndoe", PASSWORD, &keys[0].typed(1, 2)));
    assert_eq!(set(&[&keys[0], &keys[1]], &keys[1].typed(1, 2)).status, 200);
    for key in &keys {
        assert_eq!(
            site.try_sign_in("johndoe", PASSWORD, &key.typed(2, 1))
                .status,
            201
        );
    }
    // Values alone change the keys of the present type.
    let body = json!({"factor_value": [keys[0].id()], "token": keys[0].typed(3, 1)});
    assert_eq!(put(&body).status, 200);
    assert_eq!(
        put(&json!({"factor_type": "", "token": keys[0].typed(4, 1)})).status,
        200
    );
    site.sign_in("johndoe");
}

/// A validation server that does not answer, or whose answer is not its own, is no refusal.
#[test]
fn untrusted_validation_is_an_internal_error() {
    let key = Soft::new(1);
    // Nobody listens there; and there answers a server whose key is another one.
    let other = site(&[], &json!({}));
    let url = other.validation_url();
    let wrong_key = "b3RoZXIgc2l4dGVlbiBieXRlcw==";
    for settings in [
        json!({"yubicloud_url": "http://127.0.0.1:1/wsapi/2.0/verify", "yubicloud_id": 1, "yubicloud_key": API_KEY}),
        json!({"yubicloud_url": format!("{url}/wsapi/2.0/verify"), "yubicloud_id": 1, "yubicloud_key": wrong_key}),
        json!({"yubicloud_url": format!("{url}/wsapi/2.0/verify"), "yubicloud_id": 9, "yubicloud_key": API_KEY}),
    ] {
        let accounts = [with_factor("johndoe", "yubicloud", &[&key.id()])];
        let site = site(&accounts, &settings);
        let response = site.try_sign_in("johndoe", PASSWORD, &key.typed(1, 1));
        refused(&response, 500, "Internal 2FA error");
    }
    let settings = json!({"yubicloud_url": format!("{url}/wsapi/2.0/verify"), "yubicloud_id": 1, "yubicloud_key": API_KEY});
    let site = site(
        &[with_factor("johndoe", "yubicloud", &[&key.id()])],
        &settings,
    );
    assert_eq!(
        site.try_sign_in("johndoe", PASSWORD, &key.typed(1, 1))
            .status,
        201
    );
}
