//! What was checked, and what is wrong.

use std::io::{self, Write};

/// More of one sort are counted, but not listed.
const LISTED_MAX: usize = 200;

/// Collects what is found.
#[derive(Default)]
pub(crate) struct Findings {
    checked: Vec<String>,
    noted: Vec<String>,
    wrong: Vec<String>,
    n_left_off: u64,
}

impl Findings {
    /// What was checked, in a sentence.
    pub(crate) fn checked(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    /// What somebody should know who relies on the answer, in a sentence.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.noted.contains(&what) {
            self.noted.push(what);
        }
    }

    /// Something that does not hold: where, and what.
    pub(crate) fn wrong(&mut self, place: impl AsRef<str>, what: impl AsRef<str>) {
        if self.wrong.len() < LISTED_MAX {
            self.wrong.push(format!("{}: {}", place.as_ref(), what.as_ref()));
        } else {
            self.n_left_off += 1;
        }
    }

    /// Whether everything holds.
    pub(crate) fn is_whole(&self) -> bool {
        self.wrong.is_empty()
    }

    /// All of it, for people. What comes from the checked files cannot steer the terminal.
    pub(crate) fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let shown = |text: &str| -> String {
            text.chars().map(|it| if it.is_control() { '?' } else { it }).collect()
        };
        for line in self.checked.iter().chain(&self.noted) {
            writeln!(out, "{}", shown(line))?;
        }
        if self.is_whole() {
            return writeln!(out, "Everything holds.");
        }
        writeln!(out, "Wrong: {}", self.wrong.len() as u64 + self.n_left_off)?;
        for line in &self.wrong {
            writeln!(out, "  {}", shown(line))?;
        }
        if self.n_left_off != 0 {
            writeln!(out, "  and {} more", self.n_left_off)?;
        }
        Ok(())
    }
}

/// A number of things, in words.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
