//! Rows that several other programs agree on.

use oath_otp::{Algorithm, Digits, Hotp, Period, Reach, Totp, Window};

use crate::rows::{Rows, bytes, csv, parse, secret};

fn digits(cell: &str) -> Digits {
    Digits::try_from(parse::<u8>(cell)).expect("5 to 10 digits")
}

fn totp(algorithm: &str, cell: &str, period: &str) -> Totp {
    Totp {
        algorithm: algorithm.parse().expect("an algorithm"),
        digits: digits(cell),
        period: Period::from_seconds(parse(period)).expect("a period"),
        ..Totp::default()
    }
}

/// Codes of counters and times, and that they are accepted as just that.
pub(crate) fn hotp_totp(file: &str, rows: &mut Rows) {
    for row in csv(file) {
        let [
            id,
            kind,
            algorithm,
            size,
            period,
            start,
            time,
            counter,
            key,
            code,
            _,
        ] = row;
        let (counter, key): (u64, _) = (parse(counter), secret(&bytes(key)));
        let (made, accepted) = if kind == "totp" {
            let totp = Totp {
                start: parse(start),
                ..totp(algorithm, size, period)
            };
            let time = parse(time);
            let accepted = totp.verify(&key, code, time, None);
            (totp.generate(&key, time), accepted.map(|step| step.get()))
        } else {
            let hotp = Hotp {
                algorithm: algorithm.parse().expect("an algorithm"),
                digits: digits(size),
                look_ahead: Reach::NONE,
                ..Hotp::default()
            };
            let accepted = hotp.verify(&key, code, counter.checked_sub(1));
            (
                hotp.generate(&key, counter),
                accepted.map(|counter| counter.get()),
            )
        };
        rows.row(id, &(made.expose_secret(), accepted), &(code, Ok(counter)));
    }
}

/// Hashes beside SHA-1 and SHA-2: SHA-3 is known, every other name is refused.
pub(crate) fn other_hashes(file: &str, rows: &mut Rows) {
    for row in csv(file) {
        let [id, algorithm, size, counter, key, code, _] = row;
        let known = algorithm.parse::<Algorithm>().ok();
        let made = known.map(|algorithm| {
            let hotp = Hotp {
                algorithm,
                digits: digits(size),
                ..Hotp::default()
            };
            let code = hotp.generate(&secret(&bytes(key)), parse(counter));
            code.expose_secret().to_owned()
        });
        let expected = algorithm.starts_with("SHA3-").then(|| code.to_owned());
        rows.row(id, &made, &expected);
    }
}

/// Look-ahead and drift: which counter or step a code is taken for, or that it is refused.
pub(crate) fn window(file: &str, rows: &mut Rows) {
    for row in csv(file) {
        let [
            id,
            kind,
            algorithm,
            key,
            size,
            period,
            time,
            counter,
            window,
            code,
            offset,
        ] = row;
        let (counter, key): (u64, _) = (parse(counter), secret(&bytes(key)));
        let window = Reach::new(parse(window)).expect("a reach");
        let accepted = if kind == "totp" {
            let totp = Totp {
                window: Window {
                    past: window,
                    future: window,
                },
                ..totp(algorithm, size, period)
            };
            let step = totp.verify(&key, code, parse(time), None);
            step.map(|step| step.get()).ok()
        } else {
            let hotp = Hotp {
                algorithm: algorithm.parse().expect("an algorithm"),
                digits: digits(size),
                look_ahead: window,
                ..Hotp::default()
            };
            let found = hotp.verify(&key, code, counter.checked_sub(1));
            found.map(|counter| counter.get()).ok()
        };
        let expected = (!offset.is_empty()).then(|| counter.saturating_add_signed(parse(offset)));
        rows.row(id, &accepted, &expected);
    }
}
