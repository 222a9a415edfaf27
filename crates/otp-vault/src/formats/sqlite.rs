//! Tables of an SQLite database, read from its bytes: no query, no index, no journal.
//!
//! Cells and overflow pages may name one another, so that a small file asks for copies without end: what is copied has a
//! budget, and so have rows.
//!
//! Specification: the SQLite file format, sections 1.3, 1.5, 1.6 and 2.1.

use zeroize::Zeroizing;

use crate::limits;

/// What the first bytes of a database are.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";

/// Deeper trees have more pages than a file here has bytes.
const MAX_DEPTH: usize = 20;

/// A value of a row; numbers with a fraction and blobs are not looked at.
pub(crate) enum Value {
    Number(i64),
    Text(Zeroizing<String>),
    Other,
}

/// What a value takes in a row.
const VALUE_BYTES: usize = 32;

/// The rows of a table, and the names of its columns.
pub(crate) struct Table {
    columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Table {
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    fn value<'a>(&self, row: &'a [Value], column: &str) -> Option<&'a Value> {
        row.get(self.columns.iter().position(|name| name == column)?)
    }

    pub(crate) fn text<'a>(&self, row: &'a [Value], column: &str) -> &'a str {
        match self.value(row, column) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    pub(crate) fn number(&self, row: &[Value], column: &str) -> Option<i64> {
        match self.value(row, column) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

/// A table by name; `None` if there is none, if any page on the way is malformed, or if its rows take more than
/// [`limits::TABLE_BYTES`]. Of more rows than [`limits::ENTRIES`], one more is kept.
pub(crate) fn table(bytes: &[u8], name: &str) -> Option<Table> {
    let database = Database::new(bytes)?;
    let schema = Table {
        columns: ["type", "name", "tbl_name", "rootpage", "sql"]
            .map(Into::into)
            .to_vec(),
        rows: database.rows(1)?,
    };
    let row = schema
        .rows
        .iter()
        .find(|row| schema.text(row, "type") == "table" && schema.text(row, "name") == name)?;
    let root = u32::try_from(schema.number(row, "rootpage")?).ok()?;
    Some(Table {
        columns: columns(schema.text(row, "sql"))?,
        rows: database.rows(root)?,
    })
}

/// The names of columns in `CREATE TABLE`.
fn columns(sql: &str) -> Option<Vec<String>> {
    let (_, rest) = sql.split_once('(')?;
    let (inside, _) = rest.rsplit_once(')')?;
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(inside.get(start..at)?);
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.push(inside.get(start..)?);
    let word = |part: &str| {
        part.split_whitespace()
            .next()
            .map(|word| word.trim_matches(['`', '"', '[', ']', '\'']).to_owned())
    };
    let names = parts.into_iter().filter_map(word);
    Some(
        names
            .filter(|name| {
                !["FOREIGN", "PRIMARY", "UNIQUE", "CHECK", "CONSTRAINT"].contains(&name.as_str())
            })
            .collect(),
    )
}

/// What was found, and what may still be read and copied.
struct Walk {
    rows: Vec<Vec<Value>>,
    pages: usize,
    bytes: usize,
}

struct Database<'a> {
    bytes: &'a [u8],
    page: usize,
    /// Bytes of a page that are in use.
    usable: usize,
}

impl<'a> Database<'a> {
    fn new(bytes: &'a [u8]) -> Option<Database<'a>> {
        let page = match u16_at(bytes, 16)? {
            1 => 65_536,
            page @ 512.. if page.is_power_of_two() => usize::from(page),
            _ => return None,
        };
        let usable = page
            .checked_sub(usize::from(*bytes.get(20)?))
            .filter(|usable| *usable >= 480)?;
        // Text is UTF-8; the file is whole.
        let whole = bytes.len().is_multiple_of(page) && bytes.get(56..60)? == [0, 0, 0, 1];
        (bytes.starts_with(MAGIC) && whole).then_some(Database {
            bytes,
            page,
            usable,
        })
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number)
            .ok()?
            .checked_sub(1)?
            .checked_mul(self.page)?;
        self.bytes.get(start..start.checked_add(self.page)?)
    }

    fn rows(&self, root: u32) -> Option<Vec<Vec<Value>>> {
        let mut walk = Walk {
            rows: Vec::new(),
            // Each page is read once, or the tree is none.
            pages: self.bytes.len().checked_div(self.page)?,
            bytes: limits::TABLE_BYTES,
        };
        self.walk(root, 0, &mut walk)?;
        Some(walk.rows)
    }

    fn walk(&self, number: u32, depth: usize, walk: &mut Walk) -> Option<()> {
        walk.pages = walk.pages.checked_sub(1)?;
        let page = self.page(number).filter(|_| depth < MAX_DEPTH)?;
        // The first page begins with the file's own header.
        let header: usize = if number == 1 { 100 } else { 0 };
        let behind = |bytes| header.checked_add(bytes);
        let cells = usize::from(u16_at(page, behind(3)?)?);
        let is_leaf = match page.get(header)? {
            13 => true,
            5 => false,
            _ => return None,
        };
        let pointers = behind(if is_leaf { 8 } else { 12 })?;
        for cell in 0..cells {
            let at = usize::from(u16_at(page, pointers.checked_add(cell.checked_mul(2)?)?)?);
            if is_leaf {
                let mut cell = page.get(at..self.usable)?;
                let length = usize::try_from(varint(&mut cell)?).ok()?;
                let rowid = varint(&mut cell)?;
                // The caller refuses what is more.
                if walk.rows.len() > limits::ENTRIES {
                    return Some(());
                }
                walk.bytes = walk.bytes.checked_sub(length)?;
                let row = record(
                    &self.payload(cell, length)?,
                    rowid.cast_signed(),
                    &mut walk.bytes,
                )?;
                walk.rows.push(row);
            } else {
                self.walk(u32_at(page, at)?, depth.saturating_add(1), walk)?;
            }
        }
        if !is_leaf {
            self.walk(u32_at(page, behind(8)?)?, depth.saturating_add(1), walk)?;
        }
        Some(())
    }

    /// What stands in a cell, and the rest of it on pages of its own.
    fn payload(&self, cell: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let most = self.usable.checked_sub(35)?;
        if length > self.bytes.len() {
            return None;
        }
        let mut payload = Zeroizing::new(Vec::with_capacity(length));
        if length <= most {
            payload.extend_from_slice(cell.get(..length)?);
            return Some(payload);
        }
        let least = self
            .usable
            .checked_sub(12)?
            .checked_mul(32)?
            .checked_div(255)?
            .checked_sub(23)?;
        let rest = self.usable.checked_sub(4)?;
        let local = least.checked_add(length.checked_sub(least)?.checked_rem(rest)?)?;
        let local = if local <= most { local } else { least };
        payload.extend_from_slice(cell.get(..local)?);
        let mut next = u32_at(cell, local)?;
        while payload.len() < length {
            let page = self.page(next)?;
            let wanted = length.checked_sub(payload.len())?.min(rest);
            payload.extend_from_slice(page.get(4..)?.get(..wanted)?);
            next = u32_at(page, 0)?;
        }
        Some(payload)
    }
}

fn record(payload: &[u8], rowid: i64, budget: &mut usize) -> Option<Vec<Value>> {
    let mut header = payload;
    let length = usize::try_from(varint(&mut header)?).ok()?;
    let used = payload.len().checked_sub(header.len())?;
    let mut header = header.get(..length.checked_sub(used)?)?;
    let mut body = payload.get(length..)?;
    let mut values = Vec::new();
    while !header.is_empty() {
        *budget = budget.checked_sub(VALUE_BYTES)?;
        let kind = varint(&mut header)?;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            12.. => kind.checked_sub(12)? / 2,
            _ => return None,
        };
        let (bytes, rest) = body.split_at_checked(usize::try_from(size).ok()?)?;
        body = rest;
        values.push(match kind {
            // An integer primary key is the number of its row.
            0 if values.is_empty() => Value::Number(rowid),
            1..=6 => Value::Number(signed(bytes)),
            8 => Value::Number(0),
            9 => Value::Number(1),
            13.. if kind % 2 == 1 => {
                Value::Text(Zeroizing::new(core::str::from_utf8(bytes).ok()?.to_owned()))
            }
            _ => Value::Other,
        });
    }
    Some(values)
}

/// A big-endian number in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes
        .iter()
        .fold(if negative { -1 } else { 0 }, |number, byte| {
            number << 8 | i64::from(*byte)
        })
}

/// A number of one to nine bytes; of the ninth all bits count.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if at == 8 {
            return Some(number << 8 | u64::from(*byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_be_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_be_bytes(*bytes))
}
