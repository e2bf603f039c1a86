//! What the stores look like: their logs, views, checkpoints and files.

use std::path::Path;
use std::sync::Arc;

use commands::{CheckResult, DoctorCheck, Examination};
use disk::RealDisk;
use ports::{Disk, Log};
use search::{SearchErrorKind, Searcher};
use state::SavedStore;
use store::log::{OpenError, OpenErrorKind, Recorded, SegmentLog};
use store::{Description, SqlCatalog};
use types::Position;

use super::super::stores::{is_empty, recorded_of_store};
use super::super::{alerts, faults, keys, users};
use super::{Patient, encryption, failed};
use crate::context::DataDir;

/// How far the clock may be behind the newest entry: entries of one run may be a little ahead.
const CLOCK_BEHIND_MAX: i64 = 60;

const FROM_BACKUP: &str = "Leave the files as they are, and copy them to another place first. \
    `posthold restore BACKUP --to DIR` brings the store back as a backup has it; `posthold verify` \
    names every damaged place.";

/// A store whose log could be opened.
struct Seen<'a> {
    place: &'a DataDir,
    saved: &'a SavedStore,
    description: Description,
    log: SegmentLog,
    is_served: bool,
}

/// Each store that people see.
pub(super) fn stores(patient: &Patient) -> Vec<DoctorCheck> {
    let active = patient.stores.iter().filter(|it| it.state.is_active());
    active.flat_map(|it| one(patient, it)).collect()
}

fn one(patient: &Patient, saved: &SavedStore) -> Vec<DoctorCheck> {
    let place = patient.data.at(saved);
    let mut checks: Vec<DoctorCheck> = trouble(saved).into_iter().collect();
    let description = described(&place, saved);
    match description {
        Err(check) => checks.push(check),
        Ok(description) => {
            match opened(patient, &place, saved, &description) {
                Ok(log) => {
                    let is_served = patient.owner.is_some();
                    let seen = Seen { place: &place, saved, description, log, is_served };
                    checks.extend(seen.checks(patient));
                }
                Err(check) => checks.push(check),
            }
            checks.extend(encryption::checks(&place, saved));
        }
    }
    let of_store = |it: DoctorCheck| DoctorCheck { store: Some(saved.name.clone()), ..it };
    checks.into_iter().map(of_store).collect()
}

/// It could not be opened when somebody tried.
fn trouble(saved: &SavedStore) -> Option<DoctorCheck> {
    let trouble = saved.trouble.as_ref()?;
    let message = format!("It is in error since {}: {}.", trouble.at, end_off(&trouble.why));
    let hint =
        format!("When the reason is gone, `posthold store retry {}` takes it back.", saved.name);
    let check = DoctorCheck::new("in_error", CheckResult::Bad, message);
    let meaning = "Answers leave it out and say so, and changes to its mail wait.";
    Some(check.means(meaning).with_hint(hint))
}

/// What the store says of itself; a check when that is all that can be said.
fn described(place: &DataDir, saved: &SavedStore) -> Result<Description, DoctorCheck> {
    let (dir, name) = (place.store(), "store");
    let is_begun = saved.is_begun || !is_empty(&place.segments());
    let bad = |message: String| DoctorCheck::new(name, CheckResult::Bad, message);
    match Description::read(&RealDisk, &dir) {
        Ok(Some(description)) => Ok(description),
        Ok(None) if !is_begun => {
            Err(DoctorCheck::new(name, CheckResult::Good, "Nothing was written to it yet."))
        }
        Ok(None) if !dir.is_dir() => Err(bad(format!(
            "Its directory {} is missing.",
            dir.display()
        ))
        .means("Nothing that it holds is seen. It may lie on a disk that is not mounted.")
        .with_hint(format!(
            "Bring the directory back, then `posthold store retry {}`; or `posthold restore \
                 BACKUP --to DIR` makes it from a backup.",
            saved.name
        ))),
        Ok(None) => Err(bad(format!("{} is missing.", dir.join("store.toml").display()))
            .means("The store does not open: nothing says in which format it is.")
            .with_hint(
                "Bring the file back from a backup or a copy; docs/format/store.md has it.",
            )),
        Err(error) => {
            let check = failed(name, faults::store(&error));
            Err(check.means("The store does not open, and nothing in it was touched."))
        }
    }
}

/// Opens the log against all that is recorded of it.
fn opened(
    patient: &Patient,
    place: &DataDir,
    saved: &SavedStore,
    description: &Description,
) -> Result<SegmentLog, DoctorCheck> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let dir = place.store();
    let state = users::open_for_reading(&patient.data).ok();
    let recorded = state.and_then(|it| recorded_of_store(&it, &saved.name, &dir).ok());
    let mut recorded: Vec<Recorded> = recorded.unwrap_or_default();
    recorded.extend(description.evidence(Arc::clone(&disk), &dir).recorded());
    let log_dir = store::log_dir(&dir, &disk, &keys::for_stores(place));
    let log_dir = log_dir.map_err(|it| failed("store", faults::store(&it)))?;
    SegmentLog::open_for_reading(disk, log_dir, &recorded).map_err(|it| closed(&it, &saved.name))
}

/// The log does not open: why, what that means, and what can be done.
fn closed(error: &OpenError, store: &str) -> DoctorCheck {
    let why = end_off(&faults::chain(error));
    let check = |message: String| DoctorCheck::new("store", CheckResult::Bad, message);
    match error.kind() {
        OpenErrorKind::Damaged => check(format!("The log is damaged: {why}."))
            .means(
                "Bytes that were on the disk are changed or gone. Nothing was cut or repaired, and \
                 the store is not opened; other stores are not concerned.",
            )
            .with_hint(FROM_BACKUP),
        OpenErrorKind::Rollback => check(format!("The log is older than it was: {why}."))
            .means("An older copy was brought back, or its end is lost: mail is missing.")
            .with_hint(format!(
                "Bring the newest copy back, or `posthold restore BACKUP --to DIR`. When there is \
                 none, `posthold store accept-rollback {store}` lets it go on, and notes what is \
                 lost."
            )),
        OpenErrorKind::OtherHistory => check(format!("The log is another one: {why}."))
            .means("It is long enough, but not the one that was written here.")
            .with_hint(format!(
                "Bring back the one that belongs here. When this one shall stay, `posthold store \
                 accept-rollback {store}` lets it go on, and notes that."
            )),
        OpenErrorKind::Key => failed("store", faults::store_key(&why)).means(
            "Nobody can read the store or write to it without its key; its files are whole.",
        ),
        OpenErrorKind::Unsupported => check(format!("{why}."))
            .means("A newer Posthold wrote it.")
            .with_hint("Use the newest Posthold that has worked on this data directory."),
        _ => check(format!("The log cannot be read: {why}."))
            .means("The disk or the file system failed.")
            .with_hint("Look at the disk and at the rights of the files, then try again."),
    }
}

/// A text to which a full stop is added.
fn end_off(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}

impl Seen<'_> {
    fn checks(&self, patient: &Patient) -> Vec<DoctorCheck> {
        let mut checks = vec![self.log()];
        checks.extend(self.torn());
        if patient.examination == Examination::Thorough {
            checks.push(self.every_byte());
        }
        checks.extend(self.catalog(patient.examination));
        checks.push(self.index());
        checks.extend(self.checkpoints());
        checks.extend(self.clock(patient));
        checks
    }

    fn entries(&self) -> u64 {
        self.log.position().entries
    }

    fn log(&self) -> DoctorCheck {
        let message = format!("The log opens, with {} entries.", self.entries());
        if !self.is_served && self.log.was_closed() == Some(false) {
            let message = format!("{message} Who wrote it last did not end it.");
            return DoctorCheck::new("store", CheckResult::Warning, message)
                .means("A run was interrupted. What was acknowledged is there.")
                .with_hint("Nothing has to be done: whoever writes to it next mends its end.");
        }
        DoctorCheck::new("store", CheckResult::Good, message)
            .with_hint("`posthold doctor --thorough` reads every byte of it.")
    }

    /// Ends of segments that were set aside.
    fn torn(&self) -> Option<DoctorCheck> {
        let entries = std::fs::read_dir(self.place.segments()).ok()?;
        let names = entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned());
        let mut torn: Vec<String> = names.filter(|it| it.ends_with(".torn")).collect();
        torn.sort();
        let first = torn.first()?;
        let message = format!(
            "{} of interrupted runs {} set aside in segments/{first}{}.",
            if torn.len() == 1 { "The end" } else { "Ends" },
            if torn.len() == 1 { "is" } else { "are" },
            if torn.len() == 1 { "" } else { " and others" },
        );
        Some(
            DoctorCheck::new("torn_tail", CheckResult::Warning, message)
                .means("They were never acknowledged: nothing is missing that was archived.")
                .with_hint("Nothing has to be done. These files may be removed."),
        )
    }

    fn every_byte(&self) -> DoctorCheck {
        let (name, verdict) = ("every_byte", self.log.verify(&mut |_| ()));
        let n_defects = verdict.defects.len() as u64 + verdict.n_defects_left_off;
        let Some(first) = verdict.defects.first() else {
            let message = format!(
                "All {} bytes were read: {} messages are whole.",
                verdict.bytes, verdict.messages
            );
            return DoctorCheck::new(name, CheckResult::Good, message);
        };
        let message = format!(
            "The log is damaged at {n_defects} places, the first in segment {:06}.seg at {}: {}.",
            first.segment,
            first.offset,
            end_off(&first.what)
        );
        let hint = format!(
            "{FROM_BACKUP} Without a backup, `posthold store merge {} OTHER` takes over what can \
             be read, and lists what cannot.",
            self.saved.name
        );
        DoctorCheck::new(name, CheckResult::Bad, message)
            .means("What is damaged is never given out; all other mail can be read and exported.")
            .with_hint(hint)
    }

    fn catalog(&self, examination: Examination) -> Vec<DoctorCheck> {
        let name = "catalog";
        let path = self.place.store().join("catalog.db");
        let rebuild = format!("`posthold store rebuild {} --view catalog`", self.saved.name);
        let defective = |what: String| {
            DoctorCheck::new(name, CheckResult::Bad, format!("The catalog is defective: {what}."))
                .means("Folders and lists cannot be shown; no mail is lost, for it is a view.")
                .with_hint(format!("{rebuild} makes it anew from the log."))
        };
        if !path.is_file() && self.entries() == 0 {
            return Vec::new();
        }
        let opened = SqlCatalog::open_for_reading(&path, &self.description.id);
        let read = opened.and_then(|it| Ok((it.position()?, it)));
        let (position, catalog) = match read {
            Ok(read) => read,
            Err(error) => return vec![defective(end_off(&faults::chain(&error)))],
        };
        if examination == Examination::Thorough {
            let flaws = catalog.check().unwrap_or_else(|it| vec![faults::chain(&it)]);
            if let Some(flaw) = flaws.first() {
                return vec![defective(end_off(flaw))];
            }
        }
        if !self.is_a_view(position) {
            return vec![defective("it is a view of another log, or of another history".into())];
        }
        let mut checks = vec![self.lag(name, "The catalog", position.entries)];
        if let Ok(waiting @ 1..) = catalog.deferred_count() {
            let message = format!(
                "{waiting} changes to mail of other stores wait here: those are write-protected."
            );
            checks.push(DoctorCheck::new("waiting_changes", CheckResult::Good, message));
        }
        let (messages, most) = (catalog.messages_placed(), alerts::STORE_MESSAGES_RECOMMENDED);
        if let Ok(messages) = messages
            && most.saturating_sub(most / 10) <= messages
        {
            let message = format!("It has {messages} messages; {most} are recommended at most.");
            let check = DoctorCheck::new("size", CheckResult::Warning, message);
            let hint = "`posthold store create` and `posthold store make-current` begin another; \
                        store_create_at_messages does it by itself.";
            checks.push(check.means("Verifying and mending takes long.").with_hint(hint));
        }
        checks
    }

    fn index(&self) -> DoctorCheck {
        let name = "index";
        let rebuild = format!("`posthold store rebuild {} --view index`", self.saved.name);
        let defective = |what: String| {
            DoctorCheck::new(name, CheckResult::Bad, format!("The index is defective: {what}."))
                .means("Mail is not found by its words; none is lost, for it is a view.")
                .with_hint(format!("{rebuild} makes it anew from the log."))
        };
        let dir = self.place.index();
        let position = match Searcher::open(&dir) {
            Ok(searcher) => searcher.position(),
            Err(error) if error.kind() == SearchErrorKind::Rebuild && is_empty(&dir) => {
                Position::default()
            }
            Err(error) => return defective(end_off(&faults::chain(&error))),
        };
        if let Some(why) = &self.saved.index_trouble {
            return defective(format!("it does not follow ({})", end_off(why)));
        }
        match self.is_a_view(position) {
            true => self.lag(name, "The index", position.entries),
            false => defective("it is a view of another log, or of another history".into()),
        }
    }

    /// Whether what was read up to here is a part of this log.
    fn is_a_view(&self, position: Position) -> bool {
        position.entries == 0
            || self.log.root_at(position.entries).is_ok_and(|it| it == Some(position.root))
    }

    fn lag(&self, name: &'static str, what: &str, entries: u64) -> DoctorCheck {
        let lag = self.entries().saturating_sub(entries);
        let message = match lag {
            0 => format!("{what} shows everything."),
            _ => format!("{what} lags {lag} entries behind."),
        };
        if lag == 0 || self.is_served {
            return DoctorCheck::new(name, CheckResult::Good, message);
        }
        DoctorCheck::new(name, CheckResult::Warning, message)
            .means("The newest mail is archived, and not shown yet.")
            .with_hint("It catches up when the store is opened for writing next.")
    }

    fn checkpoints(&self) -> Option<DoctorCheck> {
        let (name, dir) = ("checkpoints", self.place.store());
        if self.entries() == 0 {
            return None;
        }
        let evidence = self.description.evidence(Arc::new(RealDisk), &dir);
        let last = match evidence.last() {
            Ok(last) => last,
            Err(error) => {
                let message = format!("They cannot be read: {}.", end_off(&faults::chain(&error)));
                return Some(
                    DoctorCheck::new(name, CheckResult::Bad, message)
                        .means("What they signed cannot be shown from here; mail is not concerned.")
                        .with_hint("Bring `checkpoints` and `checkpoint.pub` back from a backup."),
                );
            }
        };
        let Some(last) = last else {
            let message = "There is none that a key of checkpoint.pub signed.";
            return Some(
                DoctorCheck::new(name, CheckResult::Bad, message)
                    .means("What was signed cannot be shown from here; mail is not concerned.")
                    .with_hint("Bring `checkpoints` and `checkpoint.pub` back from a backup."),
            );
        };
        if !has_signer(&dir) {
            let message = "keys/checkpoints.key, which signs them, is missing.";
            return Some(
                DoctorCheck::new(name, CheckResult::Warning, message)
                    .means("A new one is made: whoever trusts the old key must be told the new.")
                    .with_hint("Bring it back from a backup before the store is written to."),
            );
        }
        let message =
            format!("The last one is signed over {} entries.", last.checkpoint.position.entries);
        Some(DoctorCheck::new(name, CheckResult::Good, message))
    }

    /// The clock is not behind what was written.
    fn clock(&self, patient: &Patient) -> Option<DoctorCheck> {
        let run = self.log.entries(self.entries().checked_sub(1)?, 1).ok()?;
        let newest = run.items.last().map(|(entry, _)| entry.time)?;
        if newest.0 <= patient.now.0 + CLOCK_BEHIND_MAX {
            let message = "The clock is not behind the newest entry.";
            return Some(DoctorCheck::new("clock", CheckResult::Good, message));
        }
        let message = format!("The clock ({}) is behind the newest entry ({newest}).", patient.now);
        Some(
            DoctorCheck::new("clock", CheckResult::Bad, message)
                .means("Until it has passed that time, entries are written with it.")
                .with_hint("Set the clock."),
        )
    }
}

fn has_signer(dir: &Path) -> bool {
    dir.join("keys/checkpoints.key").is_file()
}
