//! `cargo xtask bench archive`: many accounts, idle accounts, one huge mailbox, and POP3.
//!
//! Each part can be run alone (`cargo xtask bench archive huge`). The page is written when all of
//! them ran in their full size.

mod huge;
mod idle;
mod many;
mod pop3;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::goals::{self, Goal};
use super::posthold::Posthold;
use super::runs::Runs;
use super::{Options, disk, median, page, report};

/// The heading of the section.
const HEADING: &str = "Many accounts, idle ones, and large mailboxes";

/// What was measured in one part.
#[derive(Default)]
pub(super) struct Section {
    /// What it is about, and how it was made.
    setting: String,
    goals: Vec<Goal>,
    runs: Runs,
    /// Sentences below the table.
    remarks: Vec<String>,
}

/// What the parts share.
pub(super) struct Setting {
    options: Options,
    ours: Posthold,
    disk: Vec<f64>,
}

impl Setting {
    /// A number of the full size, or of a smaller one for whoever works on the benchmark.
    fn of_full(&self, n: u32) -> u32 {
        (n / self.options.divide.max(1)).max(1)
    }

    /// An empty directory of this name.
    fn fresh(&self, name: &str) -> Result<PathBuf, String> {
        super::fresh(&self.options, name)
    }

    /// Begins a round: what the disk can do in this minute is part of the conditions.
    fn begin_round(&mut self, round: usize) -> Result<(), String> {
        println!("round {round}");
        let rate = disk::syncs_per_second(&self.options.dir)?;
        println!("{:<44} {rate:>8.0} appends of 30 kB and fdatasync a second", "disk");
        self.disk.push(rate);
        Ok(())
    }
}

/// Copies the files of a directory, and leaves directories out.
fn copy_files(from: &Path, to: &Path) -> Result<(), String> {
    let cause = |it: std::io::Error| format!("{}: {it}", from.display());
    for entry in fs::read_dir(from).map_err(cause)? {
        let entry = entry.map_err(cause)?;
        if entry.file_type().map_err(cause)?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(cause)?;
        }
    }
    Ok(())
}

/// One part of the benchmark.
type Part = (&'static str, &'static str, fn(&mut Setting) -> Result<Section, String>);

const PARTS: &[Part] = &[
    ("many", "Many accounts at one server", many::measure),
    ("idle", "Idle accounts", idle::measure),
    ("huge", "One mailbox of a million messages", huge::measure),
    ("pop3", "POP3 beside getmail6", pop3::measure),
];

/// Runs the parts of these names, or all.
pub(super) fn run(options: Options, ours: Posthold) -> Result<(), String> {
    let unknown = options.parts.iter().find(|it| PARTS.iter().all(|(name, ..)| name != it));
    if let Some(unknown) = unknown {
        return Err(format!("bench archive has no part {unknown}"));
    }
    let mut setting = Setting { ours, disk: Vec::new(), options };
    let parts = setting.options.parts.clone();
    let is_wanted = |name: &str| parts.is_empty() || parts.iter().any(|it| it == name);
    let mut sections = Vec::new();
    for (name, title, measure) in PARTS.iter().filter(|(name, ..)| is_wanted(name)) {
        println!("==== {name}");
        sections.push((*title, measure(&mut setting)?));
    }
    let text = text(&setting, &sections);
    println!("\n{text}");
    let whole = parts.is_empty() && setting.options.divide <= 1;
    if whole { page::write_section(HEADING, &text) } else { Ok(()) }
}

fn text(setting: &Setting, sections: &[(&str, Section)]) -> String {
    let mut text = format!(
        "`cargo xtask bench archive`. {}. Medians of {} rounds, in which programs that are \
         compared took turns; servers and clients share the machine; ratios are medians of the \
         ratios within a round. Loopback without TLS. Memory is the peak of anonymous memory of \
         the one process.",
        report::machine(),
        setting.options.runs
    );
    if !setting.disk.is_empty() {
        let rate = median(setting.disk.clone());
        let _ = write!(
            text,
            " In the same minutes the disk made {rate:.0} appends of 30 kB durable in a second."
        );
    }
    text.push_str("\n\n");
    let all: Vec<&Goal> = sections.iter().flat_map(|(_, it)| &it.goals).collect();
    goals::write(&all, &mut text);
    for (title, section) in sections {
        let _ = writeln!(text, "### {title}\n\n{}\n", section.setting);
        section.runs.write(&mut text);
        for remark in &section.remarks {
            let _ = writeln!(text, "- {remark}");
        }
        if !section.remarks.is_empty() {
            text.push('\n');
        }
    }
    text
}
