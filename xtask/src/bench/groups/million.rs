//! A store of a million messages: opened, verified, its catalog made anew.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Command;

use testkit::corpus;

use super::super::goals::{Bound, Goal};
use super::super::measure::{self, tree_bytes};
use super::super::posthold::sizes;
use super::{Section, Setting};

/// Messages in the store.
const N_MESSAGES: u32 = 1_000_000;

const READING: &str = "a search by one process";
const WRITING: &str = "an import of one message that is there";
const VERIFY: &str = "posthold verify";
const SHA256SUM: &str = "sha256sum over the messages' bytes";
const CATALOG: &str = "posthold store rebuild-catalog";

/// What the messages are like.
#[derive(Clone, Copy)]
struct Shape {
    dir: &'static str,
    message: fn(u64) -> Vec<u8>,
    /// Whether there are so many bytes in a message that verifying is a matter of bytes.
    is_of_real_size: bool,
}

/// Small messages: what a message costs.
pub(super) fn measure(setting: &mut Setting) -> Result<Section, String> {
    let message = |n| corpus::small_message(1, n).bytes;
    measure_as(setting, Shape { dir: "million", message, is_of_real_size: false })
}

/// Messages of the size that mail has: what a byte costs. Takes 30 GB of disk.
pub(super) fn measure_real(setting: &mut Setting) -> Result<Section, String> {
    let message = |n| corpus::message(1, n).bytes;
    measure_as(setting, Shape { dir: "million-real", message, is_of_real_size: true })
}

fn measure_as(setting: &mut Setting, shape: Shape) -> Result<Section, String> {
    let n = setting.of_full(N_MESSAGES);
    let dir = setting.fresh(shape.dir)?;
    let (mbox, one, data) = (dir.join("all.mbox"), dir.join("one.eml"), dir.join("data"));
    setting.begin_round(0)?;
    let made = make(n.into(), shape.message, &mbox, &one)
        .map_err(|it| format!("{}: {it}", mbox.display()))?;
    let mut section = Section::default();
    let imported = setting.ours.import(&mbox, &data)?;
    section.runs.add("posthold import", imported.sample, n.into());
    let found = imported.archived;
    if found != u64::from(n) {
        return Err(format!("{found} messages were archived, of {n}"));
    }
    for round in 1..=setting.options.runs {
        setting.begin_round(round)?;
        once(setting, &mut section, (&mbox, &one, &data), n.into())?;
    }
    section.setting = format!(
        "{n} made-up messages of {} bytes on average, imported from one mbox file. Each command \
         is a process of its own, on a store that the last one closed; its files are in the \
         system's memory, as those of a server are.",
        made / u64::from(n).max(1)
    );
    judge(&mut section, shape, &data, n.into())?;
    Ok(section)
}

/// One round of everything.
fn once(
    setting: &Setting,
    section: &mut Section,
    (mbox, one, data): (&Path, &Path, &Path),
    n: u64,
) -> Result<(), String> {
    let ours = &setting.ours;
    let reading = ours.command_done(&["search", "", "--limit", "1"], data)?.0;
    section.runs.add(READING, reading, 1);
    let writing = ours.import(one, data)?;
    if writing.archived != 0 || writing.already != 1 {
        return Err("a message of the store was archived again".into());
    }
    section.runs.add(WRITING, writing.sample, 1);
    let mut sha256sum = Command::new("sha256sum");
    section.runs.add(SHA256SUM, measure::run(sha256sum.arg(mbox))?.0, n);
    let (sample, verdict) = ours.command_done(&["verify"], data)?;
    section.runs.add(VERIFY, sample, n);
    let verified = verdict.get("messages").and_then(serde_json::Value::as_u64);
    if verified != Some(n) {
        return Err(format!("{verified:?} messages were verified, of {n}"));
    }
    let (sample, rebuilt) = ours.command_done(&["store", "rebuild-catalog"], data)?;
    section.runs.add(CATALOG, sample, n);
    let rebuilt = rebuilt.get("messages").and_then(serde_json::Value::as_u64);
    if rebuilt != Some(n) {
        return Err(format!("{rebuilt:?} messages are in the new catalog, of {n}"));
    }
    Ok(())
}

fn judge(section: &mut Section, shape: Shape, data: &Path, n: u64) -> Result<(), String> {
    let runs = &section.runs;
    let mut goals = Vec::new();
    for (name, what) in [(READING, "open for reading"), (WRITING, "open for writing, and close")] {
        let wall = runs.median(name, |it| it.wall_s);
        goals.push(Goal::new(format!("{what}: {name}"), wall, Bound::AtMost(1.0), " s"));
    }
    let rate = runs.rate(CATALOG);
    let what = "catalog made anew from footers, messages a second";
    goals.push(Goal::new(what, rate, Bound::AtLeast(50_000.0), ""));
    let beside = runs.ratio(VERIFY, SHA256SUM);
    if shape.is_of_real_size {
        let what = "verify: wall time beside sha256sum over the messages' bytes";
        goals.push(Goal::new(what, beside, Bound::AtMost(1.0), ""));
    } else {
        section.remarks.push(format!(
            "`verify` takes {beside:.1} times as long as sha256sum over the messages: of messages \
             this small it is the number that costs, {:.0} a second, not the bytes.",
            runs.rate(VERIFY)
        ));
    }
    for name in [READING, WRITING, VERIFY, CATALOG] {
        let anon = runs.most(name, |it| it.anon_mib);
        let what = format!("anonymous memory: {name}");
        goals.push(Goal::new(what, anon, Bound::AtMost(300.0), " MiB"));
    }
    section.goals = goals;
    let sizes = sizes(data)?;
    section.remarks.push(format!(
        "The store takes {} bytes a message: log {}, catalog {}, index {}.",
        tree_bytes(&data.join("stores")) / n,
        sizes.log / n,
        sizes.catalog / n,
        sizes.index / n
    ));
    Ok(())
}

/// Writes all messages into an mbox file, and the first into one of its own. How many bytes they
/// have.
fn make(n: u64, message: fn(u64) -> Vec<u8>, mbox: &Path, one: &Path) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(mbox)?);
    let mut bytes = 0;
    for number in 0..n {
        let mail = message(number);
        if number == 0 {
            fs::write(one, &mail)?;
        }
        bytes += mail.len() as u64;
        out.write_all(b"From - Thu Jan  1 00:00:00 2026\r\n")?;
        out.write_all(&mail)?;
        out.write_all(b"\r\n")?;
    }
    out.flush()?;
    Ok(bytes)
}
