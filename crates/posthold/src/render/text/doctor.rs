//! What `doctor` found, and how a store was encrypted, for people.

use std::io::{self, Write};

use commands::{CheckResult, DoctorAnswer, Examination, StoreEncrypted};

use super::{count, warnings, words};

/// The checks, one a line; below those that are not good, what it means and what can be done.
pub(super) fn checks(answer: &DoctorAnswer, out: &mut dyn Write) -> io::Result<()> {
    for it in &answer.checks {
        let mark = match it.result {
            CheckResult::Good => "good   ",
            CheckResult::Unknown => "unknown",
            CheckResult::Warning => "warning",
            CheckResult::Bad => "BAD    ",
        };
        let store = it.store.as_ref().map(|it| format!(" {}", words::line(it)));
        let about = format!("{}{}", it.name.replace('_', " "), store.unwrap_or_default());
        writeln!(out, "{mark}  {about}: {}", words::line(&it.message))?;
        if it.result == CheckResult::Good {
            continue;
        }
        for line in it.meaning.iter().chain(&it.hint) {
            writeln!(out, "         {}", words::line(line))?;
        }
    }
    let bad = answer.checks.iter().filter(|it| it.result == CheckResult::Bad).count();
    match bad {
        0 if answer.examination == Examination::Thorough => writeln!(out, "Nothing is wrong."),
        0 => writeln!(
            out,
            "Nothing that was looked at is wrong. `posthold doctor --thorough` reads every byte, \
             too."
        ),
        1 => writeln!(out, "One thing is wrong."),
        _ => writeln!(out, "{bad} things are wrong."),
    }
}

/// A store that is encrypted now.
pub(super) fn encrypted(it: &StoreEncrypted, out: &mut dyn Write) -> io::Result<()> {
    let name = words::line(&it.name);
    let entries = count(it.entries);
    match it.already {
        true => writeln!(out, "The store {name} was encrypted before; it has {entries} entries.")?,
        false => {
            writeln!(out, "The store {name} is encrypted: {entries} entries, with the same root.")?;
        }
    }
    writeln!(out, "  Root: {}", it.root)?;
    if let Some(plain) = &it.plain {
        let plain = plain.to_string_lossy();
        writeln!(
            out,
            "  The log as it was lies in {}; --remove-plain removes it.",
            words::line(&plain)
        )?;
    }
    warnings(&it.warnings, out)
}
