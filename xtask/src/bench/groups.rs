//! `cargo xtask bench archive`: many accounts, idle accounts, one huge mailbox, and POP3.
//! `cargo xtask bench store`: a store of a million messages.
//!
//! Each part can be run alone (`cargo xtask bench archive huge`), and writes a section of its own
//! when it ran in its full size.

mod huge;
mod idle;
mod many;
mod million;
mod pop3;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::goals::{self, Goal};
use super::posthold::Posthold;
use super::runs::Runs;
use super::{Options, disk, median, page, report};

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
    load: Vec<f64>,
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
        self.load.push(load());
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

/// Parts that are run together.
pub(super) struct Group {
    /// What stands behind `bench`.
    pub(super) name: &'static str,
    parts: &'static [Part],
}

pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "archive",
        parts: &[
            ("many", "Many accounts at one server", many::measure),
            ("idle", "Idle accounts", idle::measure),
            ("huge", "One mailbox of a million messages", huge::measure),
            ("pop3", "POP3 beside getmail6", pop3::measure),
        ],
    },
    Group {
        name: "store",
        parts: &[
            ("million", "A store of a million messages", million::measure),
            ("real", "A million messages of real size", million::measure_real),
        ],
    },
];

impl Group {
    /// Runs the parts of these names, or all.
    pub(super) fn run(&self, options: Options, ours: Posthold) -> Result<(), String> {
        let unknown =
            options.parts.iter().find(|it| self.parts.iter().all(|(name, ..)| name != it));
        if let Some(unknown) = unknown {
            return Err(format!("bench {} has no part {unknown}", self.name));
        }
        let mut setting = Setting { ours, disk: Vec::new(), load: Vec::new(), options };
        let parts = setting.options.parts.clone();
        let is_wanted = |name: &str| parts.is_empty() || parts.iter().any(|it| it == name);
        for (name, title, measure) in self.parts.iter().filter(|(name, ..)| is_wanted(name)) {
            println!("==== {name}");
            setting.disk.clear();
            setting.load.clear();
            let section = measure(&mut setting)?;
            let text = text(&setting, &format!("{} {name}", self.name), &section);
            println!("\n{text}");
            if setting.options.divide <= 1 {
                page::write_section(title, &text)?;
            }
        }
        Ok(())
    }
}

fn text(setting: &Setting, name: &str, section: &Section) -> String {
    let mut text = format!(
        "`cargo xtask bench {name}`: {} {}. Medians of {} rounds, in which programs that \
         are compared took turns; servers and clients share the machine; ratios are medians of the \
         ratios within a round. Connections are loopback without TLS. Memory is the peak of \
         anonymous memory of the one process.",
        section.setting,
        report::machine(),
        setting.options.runs
    );
    if !setting.disk.is_empty() {
        let rate = median(setting.disk.clone());
        let _ = write!(
            text,
            " In the same minutes the disk made {rate:.0} appends of 30 kB durable in a second, \
             and {:.1} programs wanted a processor, on average and with those measured.",
            median(setting.load.clone())
        );
    }
    text.push_str("\n\n");
    goals::write(&section.goals.iter().collect::<Vec<_>>(), &mut text);
    section.runs.write(&mut text);
    for remark in &section.remarks {
        let _ = writeln!(text, "- {remark}");
    }
    text
}

/// Programs that wanted a processor in the last minute, on average.
fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or_default()
}
