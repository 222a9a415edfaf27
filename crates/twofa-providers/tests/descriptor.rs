//! The form in which a client lists providers.
#![cfg(feature = "serde")]

use testing::{Place, world::World};
use twofa_providers::{Descriptor, Kind, Odds};

/// A descriptor says type, id, label, description and request.
#[tokio::test]
async fn descriptor_says_five_things() {
    let world = World::new(Place::Memory).await;
    let descriptors: Vec<_> = world.engine.providers().collect();
    assert_eq!(
        serde_json::to_string_pretty(&descriptors).unwrap(),
        r#"[
  {
    "type": "user-token",
    "id": "totp",
    "label": "Authenticator app",
    "description": "A code from an app on your phone or computer",
    "request": false
  },
  {
    "type": "user-token",
    "id": "email",
    "label": "E-mail",
    "description": "A code sent to your e-mail address",
    "request": true
  }
]"#
    );
    let words = ("push", "Phone", "Approve on your phone");
    let prompt = Descriptor::new(
        Kind::RequestToken,
        words.0,
        words.1,
        words.2,
        Odds::NOT_GUESSED,
    );
    let json = serde_json::to_value(&prompt).unwrap();
    assert_eq!(json["type"], "request-token");
}
