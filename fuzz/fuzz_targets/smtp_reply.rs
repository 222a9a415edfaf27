//! Whatever an SMTP server says: a reply is what RFC 5321 section 4.2.1 describes, walked line by line.
#![cfg_attr(feature = "libfuzzer", no_main)]

use token_delivery::fuzzing::smtp_reply;

fuzz::fuzz_target!(|input: &[u8]| {
    assert_eq!(smtp_reply(input), plain(input));
});

/// Lines of one code; those before the last have a hyphen behind it.
fn plain(mut input: &[u8]) -> Option<(u16, usize)> {
    let mut first = None;
    for lines in 1.. {
        let end = input.iter().position(|byte| *byte == b'\n')?;
        let mut line = &input[..end];
        input = &input[end + 1..];
        if line.ends_with(b"\r") {
            line = &line[..line.len() - 1];
        }
        if line.len() < 3 || !(b'2'..=b'5').contains(&line[0]) {
            return None;
        }
        let digits = &line[..3];
        if !digits.iter().all(u8::is_ascii_digit) || first.is_some_and(|first| first != digits) {
            return None;
        }
        first = Some(digits);
        match line.get(3) {
            None | Some(b' ') => {
                let code = digits
                    .iter()
                    .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
                return Some((code, lines));
            }
            Some(b'-') => {}
            Some(_) => return None,
        }
    }
    None
}
