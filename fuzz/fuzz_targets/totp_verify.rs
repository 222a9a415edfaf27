//! Whatever is typed, at any time: TOTP accepts exactly what the plain reading of RFC 6238 accepts,
//! gives the same step, and refuses for the same reason.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use fuzz::codes::{Device, Typed};
use oath_otp::{Period, Reach, Reason, Totp, Window};

#[derive(Arbitrary, Debug)]
struct Input {
    device: Device,
    period: u32,
    start: u64,
    past: u8,
    future: u8,
    now: u64,
    last: Last,
    typed: Typed,
}

/// The step that was accepted last.
#[derive(Arbitrary, Debug)]
enum Last {
    None,
    Near(i8),
    Step(u64),
}

fuzz::fuzz_target!(|input: Input| {
    let Some(secret) = input.device.secret() else {
        return;
    };
    let totp = Totp {
        algorithm: input.device.algorithm(),
        digits: input.device.digits(),
        period: Period::from_seconds(input.period).unwrap_or_default(),
        start: input.start,
        window: Window {
            past: Reach::new(input.past % 32).unwrap(),
            future: Reach::new(input.future % 32).unwrap(),
        },
    };
    let begun = input.now >= totp.start;
    let present = input.now.saturating_sub(totp.start) / u64::from(totp.period.seconds());
    assert_eq!(totp.step_at(input.now), begun.then_some(present));
    let code = |step| input.device.code(&secret, step);
    assert_eq!(
        totp.generate(&secret, input.now).expose_secret(),
        code(present)
    );

    let last = match input.last {
        Last::None => None,
        Last::Near(distance) => Some(present.saturating_add_signed(distance.into())),
        Last::Step(step) => Some(step),
    };
    let text = input.typed.text(present, code);
    let answer = totp.verify(&secret, &text, input.now, last);
    let answer = answer
        .map(|step| step.get())
        .map_err(|refused| refused.reason());

    let expected = match input.device.canonical(&text) {
        None => Err(Reason::Malformed),
        Some(_) if !begun => Err(Reason::BeforeStart),
        Some(typed) => {
            // 128 bits: no step over- or underflows.
            let (present, window) = (i128::from(present), totp.window);
            let steps =
                present - i128::from(window.past.get())..=present + i128::from(window.future.get());
            let steps = steps.filter_map(|step| u64::try_from(step).ok());
            let behind = present + i128::from(window.future.get()) + 1;
            let behind = u64::try_from(behind)
                .ok()
                .filter(|step| code(*step) == typed);
            let matching: Vec<u64> = steps.filter(|step| code(*step) == typed).collect();
            let fresh = |step: &u64| last.is_none_or(|last| *step > last);
            match matching.iter().copied().filter(fresh).max() {
                Some(step) => Ok(step),
                None if behind.is_some_and(|step| fresh(&step)) => Err(Reason::Ahead),
                None if matching.is_empty() && behind.is_none() => Err(Reason::NoMatch),
                None => Err(Reason::Replayed),
            }
        }
    };
    assert_eq!(answer, expected, "{text:?}");
    if let Ok(step) = answer {
        let again = totp.verify(&secret, &text, input.now, Some(step));
        assert!(again.is_err(), "accepted twice");
    }
});
