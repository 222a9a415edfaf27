//! HOTP's look-ahead and resynchronisation accept exactly what the plain reading of RFC 4226
//! accepts, with the counter at either end of its 64 bits too.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use fuzz::codes::{Device, Typed};
use oath_otp::{Hotp, Reach, Reason, ResyncRange};

#[derive(Arbitrary, Debug)]
struct Input {
    device: Device,
    look_ahead: u8,
    resync_range: u16,
    last: Option<u64>,
    from_the_end: bool,
    single: Typed,
    first: Typed,
    second: Typed,
}

fuzz::fuzz_target!(|input: Input| {
    let Some(secret) = input.device.secret() else {
        return;
    };
    let hotp = Hotp {
        algorithm: input.device.algorithm(),
        digits: input.device.digits(),
        // Wider ranges are the same loop, and slow.
        look_ahead: Reach::new(input.look_ahead % 16).unwrap(),
        resync_range: ResyncRange::new(1 + input.resync_range % 48).unwrap(),
    };
    let last = match input.last {
        Some(last) if input.from_the_end => Some(u64::MAX - last % 64),
        last => last,
    };
    let code = |counter| input.device.code(&secret, counter);
    let middle = last.map_or(0, |last| last.saturating_add(1));
    assert_eq!(hotp.generate(&secret, middle).expose_secret(), code(middle));
    let [single, first, second] =
        [&input.single, &input.first, &input.second].map(|typed| typed.text(middle, code));

    // The counters that are searched: 128 bits do not overflow.
    let searched = |more: u128| {
        let begin = last.map_or(0, |last| u128::from(last) + 1);
        (begin..=begin + more).filter_map(|counter| u64::try_from(counter).ok())
    };
    let exhausted = last == Some(u64::MAX);

    let answer = hotp.verify(&secret, &single, last);
    let answer = answer
        .map(|counter| counter.get())
        .map_err(|refused| refused.reason());
    let expected = match input.device.canonical(&single) {
        None => Err(Reason::Malformed),
        Some(_) if exhausted => Err(Reason::Exhausted),
        Some(typed) => searched(hotp.look_ahead.get().into())
            .filter(|counter| code(*counter) == typed)
            .max()
            .ok_or(Reason::NoMatch),
    };
    assert_eq!(answer, expected, "{single:?}");
    if let Ok(counter) = answer {
        // The counters behind it may have the same code; this one is over.
        let again = hotp.verify(&secret, &single, Some(counter));
        assert!(
            again.map_or(true, |next| next.get() > counter),
            "accepted twice"
        );
    }

    let answer = hotp.resync(&secret, &first, &second, last);
    let answer = answer
        .map(|counter| counter.get())
        .map_err(|refused| refused.reason());
    let both = input
        .device
        .canonical(&first)
        .zip(input.device.canonical(&second));
    let expected = match both {
        None => Err(Reason::Malformed),
        Some(_) if exhausted => Err(Reason::Exhausted),
        Some((first, second)) => {
            let counters: Vec<u64> = searched(hotp.resync_range.get().into()).collect();
            let pairs = counters.windows(2);
            let found = pairs.filter(|pair| code(pair[0]) == first && code(pair[1]) == second);
            found.map(|pair| pair[1]).max().ok_or(Reason::NoMatch)
        }
    };
    assert_eq!(answer, expected, "{first:?} {second:?}");
});
