//! What a file's rows came to, and how rows are read.

use core::fmt::Debug;

use data_encoding::HEXLOWER_PERMISSIVE;
use oath_otp::Secret;
use serde_json::Value;

/// What a file's rows came to.
#[derive(Default)]
pub(crate) struct Rows {
    right: u32,
    not_ours: u32,
    wrong: Vec<String>,
}

impl Rows {
    /// One row: the answer and what it should be.
    pub(crate) fn row<T: PartialEq + Debug>(&mut self, name: &str, answer: &T, expected: &T) {
        if answer == expected {
            self.right += 1;
        } else {
            self.fail(name, &format!("{answer:?} instead of {expected:?}"));
        }
    }

    pub(crate) fn fail(&mut self, name: &str, fault: &str) {
        self.wrong.push(format!("{name}: {fault}"));
    }

    /// A row about something that this crate does not do at all.
    pub(crate) fn skip(&mut self) {
        self.not_ours += 1;
    }

    pub(crate) fn right(&self) -> u32 {
        self.right
    }

    pub(crate) fn not_ours(&self) -> u32 {
        self.not_ours
    }

    pub(crate) fn wrong(&self) -> &[String] {
        &self.wrong
    }
}

/// What a file must be for its rows to be read: anything else stops the check.
const SHAPE: &str = "the file has another shape";

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(SHAPE)
}

/// The list under a name, or the value itself if it is one.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value.get(name).unwrap_or(value).as_array();
    list.expect(SHAPE)
}

/// The text under a name; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}

/// The rows of a CSV file without quotes, each a list of as many cells as it has columns.
pub(crate) fn csv<const N: usize>(text: &str) -> impl Iterator<Item = [&str; N]> {
    let rows = text.lines().skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        cells.try_into().expect(SHAPE)
    })
}

pub(crate) fn parse<T: core::str::FromStr>(cell: &str) -> T {
    cell.parse().ok().expect(SHAPE)
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).expect(SHAPE)
}

/// Secrets of vectors are short and long.
pub(crate) fn secret(bytes: &[u8]) -> Secret {
    Secret::import_short(bytes).expect(SHAPE)
}
