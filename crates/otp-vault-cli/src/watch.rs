//! `watch`: all codes with the time that is left, on the whole terminal.

use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, queue, style, terminal};
use unicode_width::UnicodeWidthChar;
use zeroize::Zeroizing;

use crate::args::Access;
use crate::code::now;
use crate::failure::Failure;
use crate::input::visible;
use crate::source::Source;

/// How wide a full bar is, and where the terminal is narrow.
const BAR: usize = 10;
const NARROW_BAR: usize = 3;
const NARROW: usize = 60;

pub(crate) fn run(file: Option<&Path>, access: &Access) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "watch needs a terminal; `otp-vault code` prints one code",
        ));
    }
    // Only what is shown is kept: a vault that stays locked would keep `code` out.
    let entries = match Source::open(file, access, "")? {
        Source::Read(entries) => entries,
        Source::Vault(vault) => vault.into_entries(),
    };
    let source = Source::Read(entries);
    let _screen = Screen::enter().map_err(Failure::Terminal)?;
    View {
        source,
        query: String::new(),
        chosen: 0,
        said: "",
    }
    .run()
    .map_err(Failure::Terminal)
}

/// The terminal as it was comes back, whatever ends the view.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Screen> {
        terminal::enable_raw_mode()?;
        let screen = Screen;
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to come back to.
        let _ = execute!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

struct View {
    source: Source,
    query: String,
    chosen: usize,
    said: &'static str,
}

impl View {
    fn run(&mut self) -> io::Result<()> {
        loop {
            self.draw()?;
            if !event::poll(Duration::from_millis(250))? {
                continue;
            }
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
                && self.is_done(key)?
            {
                return Ok(());
            }
        }
    }

    /// The places of the accounts whose name holds what was typed.
    fn shown(&self) -> Vec<usize> {
        let query = self.query.to_lowercase();
        let entries = self.source.entries().iter().enumerate();
        entries
            .filter(|(_, entry)| entry.name().to_lowercase().contains(&query))
            .map(|(index, _)| index)
            .collect()
    }

    fn is_done(&mut self, key: KeyEvent) -> io::Result<bool> {
        self.said = "";
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('c' | 'd'), true) => return Ok(true),
            (KeyCode::Esc, _) if self.query.is_empty() => return Ok(true),
            (KeyCode::Esc, _) => self.query.clear(),
            (KeyCode::Backspace, _) => drop(self.query.pop()),
            (KeyCode::Char(typed), false) => {
                self.query.push(typed);
                self.chosen = 0;
            }
            (KeyCode::Up, _) => self.chosen = self.chosen.saturating_sub(1),
            (KeyCode::Down, _) => self.chosen = self.chosen.saturating_add(1),
            (KeyCode::Enter, _) => self.copy()?,
            _ => {}
        }
        Ok(false)
    }

    /// Puts the chosen code on the terminal's own clipboard, also over a connection: OSC 52 of xterm.
    fn copy(&mut self) -> io::Result<()> {
        let code = self
            .shown()
            .get(self.chosen)
            .and_then(|index| self.code(*index));
        if let Some(code) = code {
            let base64 = Zeroizing::new(data_encoding::BASE64.encode(code.as_bytes()));
            write!(io::stdout(), "\x1b]52;c;{}\x07", base64.as_str())?;
            self.said = "copied to the clipboard";
        } else if !self.shown().is_empty() {
            self.said = "otp-vault code makes the codes of a counter";
        }
        Ok(())
    }

    /// Of an account that counts, nothing is shown: looking must not spend its codes.
    fn code(&self, index: usize) -> Option<Zeroizing<String>> {
        let entry = self
            .source
            .entries()
            .get(index)
            .filter(|entry| entry.counter().is_none())?;
        Some(Zeroizing::new(
            entry.code(now()).ok()?.expose_secret().to_owned(),
        ))
    }

    fn draw(&mut self) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let (width, height) = (usize::from(width), usize::from(height));
        let shown = self.shown();
        self.chosen = self.chosen.min(shown.len().saturating_sub(1));
        let rows = height.saturating_sub(4).max(1);
        // The chosen row is always in sight.
        let first = self.chosen.saturating_sub(rows.saturating_sub(1));
        let mut out = io::stdout().lock();
        queue!(out, cursor::MoveTo(0, 0))?;
        let search = if self.query.is_empty() {
            "type to search".into()
        } else {
            format!("{}▏", visible(&self.query))
        };
        line(
            &mut out,
            &[(Look::Bold, " Search  "), (Look::Plain, &search)],
            width,
            false,
        )?;
        line(&mut out, &[], width, false)?;
        for (place, index) in shown.iter().enumerate().skip(first).take(rows) {
            self.row(&mut out, *index, width, place == self.chosen)?;
        }
        if shown.is_empty() {
            line(
                &mut out,
                &[(Look::Dim, " no account matches")],
                width,
                false,
            )?;
        }
        queue!(out, terminal::Clear(terminal::ClearType::FromCursorDown))?;
        let bottom = u16::try_from(height.saturating_sub(1)).unwrap_or_default();
        queue!(out, cursor::MoveTo(0, bottom))?;
        let said = if self.said.is_empty() {
            "↑↓ choose   Enter copies   Esc ends"
        } else {
            self.said
        };
        let count = format!(
            " {} of {}   {said}",
            shown.len(),
            self.source.entries().len()
        );
        // Not into the last column, where some terminals scroll.
        put(
            &mut out,
            &[(Look::Dim, &count)],
            width.saturating_sub(1),
            false,
        )?;
        queue!(out, terminal::Clear(terminal::ClearType::UntilNewLine))?;
        out.flush()
    }

    /// Code, bar and name.
    fn row(
        &self,
        out: &mut impl Write,
        index: usize,
        width: usize,
        chosen: bool,
    ) -> io::Result<()> {
        let Some(entry) = self.source.entries().get(index) else {
            return Ok(());
        };
        let wide = if width < NARROW { NARROW_BAR } else { BAR };
        let (bar, left) = match (entry.seconds_left(now()), entry.period()) {
            (Some(left), Some(period)) => {
                let full = usize::try_from(left)
                    .unwrap_or(0)
                    .saturating_mul(wide)
                    .div_ceil(period.max(1) as usize);
                let bar = format!("{:░<wide$}", "█".repeat(full.min(wide)));
                (format!("{bar} {left:>3}s"), left)
            }
            _ => (" ".repeat(wide.saturating_add(5)), u64::MAX),
        };
        let code = self.code(index).map(|code| grouped(&code));
        let (look, code) = match &code {
            Some(code) => (Look::Bold, code.as_str()),
            None if entry.counter().is_some() => (Look::Dim, "by counter"),
            None => (Look::Dim, "not made"),
        };
        // Nobody types a code in so few seconds.
        let hurry = if left <= 5 { Look::Red } else { Look::Green };
        let code = Zeroizing::new(format!(" {code:<12} "));
        let name = format!("  {}", visible(&entry.name()));
        line(
            out,
            &[(look, &code), (hurry, &bar), (Look::Plain, &name)],
            width,
            chosen,
        )
    }
}

/// A code in two halves, which are easier to read.
fn grouped(code: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(code.len().saturating_add(1)));
    let half = code.len() / 2;
    match code.split_at_checked(half) {
        Some((front, back)) if code.len() >= 6 => {
            text.push_str(front);
            text.push(' ');
            text.push_str(back);
        }
        _ => text.push_str(code),
    }
    text
}

/// How a text looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Bold,
    Dim,
    Green,
    Red,
}

/// What fits so many columns, of which some letters take two.
fn cut(text: &str, width: usize) -> (&str, usize) {
    let mut taken = 0_usize;
    for (at, c) in text.char_indices() {
        let columns = c.width().unwrap_or_default();
        if taken.saturating_add(columns) > width {
            return (text.get(..at).unwrap_or_default(), taken);
        }
        taken = taken.saturating_add(columns);
    }
    (text, taken)
}

/// Writes parts up to a width; a chosen row is filled up to it.
fn put(out: &mut impl Write, parts: &[(Look, &str)], width: usize, chosen: bool) -> io::Result<()> {
    let is_coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut room = width;
    for (look, text) in parts {
        let (text, taken) = cut(text, room);
        room = room.saturating_sub(taken);
        if chosen {
            queue!(out, style::SetAttribute(style::Attribute::Reverse))?;
        }
        match look {
            Look::Plain => {}
            Look::Bold => queue!(out, style::SetAttribute(style::Attribute::Bold))?,
            Look::Dim => queue!(out, style::SetAttribute(style::Attribute::Dim))?,
            Look::Green if is_coloured => {
                queue!(out, style::SetForegroundColor(style::Color::Green))?;
            }
            Look::Red if is_coloured => {
                queue!(out, style::SetForegroundColor(style::Color::Red))?;
            }
            Look::Green | Look::Red => {}
        }
        queue!(
            out,
            style::Print(text),
            style::SetAttribute(style::Attribute::Reset)
        )?;
    }
    if chosen {
        queue!(
            out,
            style::SetAttribute(style::Attribute::Reverse),
            style::Print(" ".repeat(room)),
            style::SetAttribute(style::Attribute::Reset)
        )?;
    }
    Ok(())
}

fn line(
    out: &mut impl Write,
    parts: &[(Look, &str)],
    width: usize,
    chosen: bool,
) -> io::Result<()> {
    put(out, parts, width, chosen)?;
    queue!(
        out,
        terminal::Clear(terminal::ClearType::UntilNewLine),
        cursor::MoveToNextLine(1)
    )
}
