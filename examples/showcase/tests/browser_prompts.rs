//! A person with two browsers: a computer on which they sign in, and a phone on which they approve it.
//!
//! Each is served by a showcase of its own, in this process, over one database. Pictures of every page are left where those of `browser.rs` are.

#[path = "common/axe.rs"]
mod axe;
#[path = "common/chromium.rs"]
mod chromium;
#[path = "common/support.rs"]
mod support;
#[path = "common/two.rs"]
mod two;

use axe::look;
use fantoccini::Locator::Css;
use two::{EMAIL, PHONE, Two};

/// A phone scans the code, makes a key that no script exports, proves that it has it, and approves sign-ins from then on.
/// Each page passes the rules of axe, and the keyboard is enough.
#[tokio::test(flavor = "multi_thread")]
async fn phone_approves_a_sign_in() {
    let axe = axe::axe();
    let (two, mut faults) = (Two::start().await, Vec::new());
    let (computer, phone) = (&two.computer, &two.phone);
    two.by_app().await;
    two.pair().await;
    computer.picture("pair-computer").await;
    phone.picture("pair-phone").await;
    look(computer, &axe, "pair computer", &mut faults).await;
    look(phone, &axe, "pair phone", &mut faults).await;
    phone.press("Use this browser").await;
    phone.at("/device").await;
    computer.comes_to("/account/add/confirm").await;
    computer.picture("confirm-device").await;
    look(computer, &axe, "confirm device", &mut faults).await;
    phone.appears(Css(PHONE)).await;
    phone.picture("device-first-prompt").await;

    // With the keyboard alone: the number, and Enter.
    let number = two.number().await;
    let field = phone.find(Css("input.code")).await;
    field
        .send_keys(&format!("{number}\u{E007}"))
        .await
        .expect("keys");
    computer.comes_to("/account").await;
    assert!(computer.words().await.contains("My phone"));
    computer.picture("account-with-device").await;
    phone.comes_to("/device").await;
    let words = phone.words().await;
    assert!(words.contains("This device is yours now"), "{words}");
    assert!(words.contains("Nothing waits for you"), "{words}");
    phone.picture("device-empty").await;
    look(phone, &axe, "device", &mut faults).await;

    two.ask().await;
    phone.appears(Css(PHONE)).await;
    let words = phone.words().await;
    assert!(words.contains("Somebody is trying to sign in"), "{words}");
    assert!(words.contains("Chrome on Linux"), "{words}");
    assert!(words.contains("127.0.0.1"), "{words}");
    // The number is nowhere on the phone.
    let source = phone.client.source().await.expect("a page");
    assert!(!source.contains(&format!(">{}<", two.number().await)));
    computer.picture("number").await;
    phone.picture("somebody-is-trying").await;
    look(computer, &axe, "number", &mut faults).await;
    look(phone, &axe, "somebody is trying", &mut faults).await;
    two.answer("Yes, it is me").await;
    computer.comes_to("/account").await;
    assert!(phone.words().await.contains("Approved"));

    let exports = "const done = arguments[0];
        indexedDB.open('device', 1).onsuccess = (opened) => {
          const keys = opened.target.result.transaction('device').objectStore('device');
          keys.get('own').onsuccess = (got) => crypto.subtle.exportKey('pkcs8', got.target.result)
            .then(() => done('exported'), (why) => done(String(got.target.result.extractable)));
        };";
    let exported = phone.client.execute_async(exports, Vec::new()).await;
    assert_eq!(exported.expect("it ran"), "false");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    two.close().await;
}

/// A denial tells the computer so and keeps further prompts away, a wrong number too, and a report until another way was
/// taken. Whoever has the phone's cookie without its key decides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn phone_denies_and_reports() {
    let two = Two::start().await;
    let (computer, phone) = (&two.computer, &two.phone);
    two.by_app().await;
    two.enrol().await;
    for (words, wait) in [("No", 900), ("No, and I did not do this", 86_400 * 2)] {
        // The one before used up what a denial left.
        two.site.wait(900);
        two.ask().await;
        phone.appears(Css(PHONE)).await;
        phone.press(words).await;
        let said = phone.words().await;
        assert!(said.contains("Nobody got in"), "{said}");
        computer.appears(Css(".alert")).await;
        assert!(computer.words().await.contains("somebody said no"));
        computer.picture("denied").await;
        computer.press("Ask your device: My phone").await;
        computer.refused().await;
        let words_there = computer.words().await;
        assert!(words_there.contains("not asked for now"), "{words_there}");
        // The number before is worth nothing, and shown no more.
        assert!(computer.client.find(Css("p.number")).await.is_err());
        computer.picture("asked-too-often").await;
        two.site.wait(wait);
        computer.password(EMAIL).await;
        computer.press("Ask your device: My phone").await;
        if words == "No" {
            two.answer("Yes, it is me").await;
            computer.comes_to("/account").await;
        } else {
            assert!(computer.words().await.contains("not asked for now"));
            two.by_app().await;
        }
    }

    two.ask().await;
    phone.appears(Css(PHONE)).await;
    let number: u32 = two.number().await.parse().expect("a number");
    phone.fill("number", &(number ^ 1).to_string()).await;
    phone.press("Yes, it is me").await;
    assert!(phone.words().await.contains("another number"));
    computer.appears(Css(".alert")).await;

    two.site.wait(900);
    two.by_app().await;
    two.ask().await;
    phone.appears(Css(PHONE)).await;
    let gone = "const done = arguments[0]; const gone = indexedDB.open('device', 1);
        gone.onsuccess = () => gone.result.transaction('device', 'readwrite').objectStore('device').clear().onsuccess = () => done(1);";
    let cleared = phone.client.execute_async(gone, Vec::new()).await;
    cleared.expect("it ran");
    phone.fill("number", &two.number().await).await;
    let yes = phone.find(Css("button[value=approve]")).await;
    yes.click().await.expect("a click");
    phone.appears(Css("#told:not([hidden])")).await;
    assert!(
        phone
            .words()
            .await
            .contains("The key of this device is gone")
    );
    phone.picture("device-without-key").await;
    two.close().await;
}
