//! What of a data directory is copied into a backup: the one place that lists it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backup::{Content, ErasedMessage, LogState, Source, SourceFile};
use commands::BackupKeys;
use disk::RealDisk;
use ledger::{Entry, Fact};
use ports::{Disk, LogError};
use state::{SavedStore, State};
use store::log::{SALT_OFFSET, SegmentLog};
use store::{Description, Stores};
use types::limits::BATCH_BYTES_MAX;

use super::length;
use crate::context::DataDir;
use crate::run::{all_stores, audit, keys};

/// The state in a backup.
pub(crate) const STATE: &str = "state.db";

/// The audit log in a backup.
pub(crate) const AUDIT: &str = "audit";

/// The keys of secrets in a backup.
const SECRET_KEY: &str = "secret.key";

/// The checkpoints of a log, where it has some.
const CHECKPOINTS: &str = "checkpoints";

/// What was anchored of a log, where something was.
const ANCHORS: &str = "anchors";

/// A data directory in use.
pub(super) struct DataSource {
    data: DataDir,
    /// The stores that are open: their logs know what of their files counts.
    open: Arc<Stores>,
    keys: BackupKeys,
    left_out: Vec<(String, String)>,
    /// The logs by the ids of their stores.
    opened: HashMap<String, Arc<SegmentLog>>,
}

impl DataSource {
    /// A data directory with the stores of it that are open.
    pub(super) fn new(data: &DataDir, stores: Arc<Stores>, keys: BackupKeys) -> DataSource {
        DataSource {
            data: data.clone(),
            open: stores,
            keys,
            left_out: Vec::new(),
            opened: HashMap::new(),
        }
    }

    /// Stores that could not be read, and why.
    pub(super) fn left_out(self) -> Vec<(String, String)> {
        self.left_out
    }

    /// The directories of the audit log and of all stores that have one, with their places in a
    /// backup.
    fn stores(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let saved = all_stores::saved(&self.data).map_err(|it| io::Error::other(it.message))?;
        let place = |it: &SavedStore| (place_of(it, &saved), self.data.at(it).store());
        let stores = saved.iter().map(place);
        let stores = stores.chain([(AUDIT.to_owned(), audit::dir(&self.data))]);
        let is_left_out = |path: &String| self.left_out.iter().any(|(left, _)| left == path);
        let is_there = |dir: &Path| dir.join("store.toml").is_file();
        Ok(stores.filter(|(path, dir)| is_there(dir) && !is_left_out(path)).collect())
    }

    fn store(&mut self, path: &str, dir: &Path) -> io::Result<LogState> {
        // Checkpoints first: the log has then at least what they are about.
        let checkpoints = file_of(path, dir, CHECKPOINTS, Content::Grows)?;
        let anchored = file_of(path, dir, ANCHORS, Content::Changes)?;
        let description = Description::read(&RealDisk, dir).map_err(io::Error::other)?;
        let description = description.ok_or(io::ErrorKind::NotFound)?;
        let segments = dir.join("segments");
        // What is in a file already may not be durable: only the log that wrote it knows.
        let member = self.open.members().into_iter().find(|it| it.dir() == dir);
        let log = if let Some(member) = member {
            Arc::clone(member.store().log())
        } else {
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            let log_dir = store::log_dir(dir, &disk, &keys::for_stores(&self.data));
            let log_dir = log_dir.map_err(io::Error::other)?;
            let opened = SegmentLog::open_for_reading(disk, log_dir, &[]);
            Arc::new(opened.map_err(io::Error::other)?)
        };
        let files = log.files();
        // Behind the files: what left them since is in a segment that was made anew, and the log is
        // asked again then.
        let purged = purged(&log, files.position.entries).map_err(io::Error::other)?;
        self.opened.insert(description.id.clone(), log);
        let mut all: Vec<SourceFile> = files
            .segments
            .iter()
            .map(|it| SourceFile {
                path: format!("{path}/segments/{}", it.name),
                from: segments.join(&it.name),
                len: it.len,
                content: Content::Grows,
                mark: it.salt.to_vec(),
                mark_at: SALT_OFFSET,
            })
            .collect();
        all.extend(checkpoints.into_iter().chain(anchored));
        // Those of all segments above: one that is made anew meanwhile takes its key along, and
        // the log is asked again.
        let keys = dir.join("keys");
        for name in names(&keys)?.into_iter().filter(|it| it.ends_with(".key")) {
            all.extend(file_of(&format!("{path}/keys"), &keys, &name, Content::Changes)?);
        }
        Ok(LogState {
            path: path.to_owned(),
            id: description.id,
            position: files.position,
            epoch: description.epoch,
            purged,
            files: all,
        })
    }
}

impl Source for DataSource {
    fn logs(&mut self) -> io::Result<Vec<LogState>> {
        let mut logs = Vec::new();
        for (path, dir) in self.stores()? {
            match self.store(&path, &dir) {
                Ok(log) => logs.push(log),
                // The others are none the worse, and one that cannot be read has older backups.
                Err(error) => self.left_out.push((path, error.to_string())),
            }
        }
        Ok(logs)
    }

    fn others(&mut self, room: &Path) -> io::Result<Vec<SourceFile>> {
        let mut files = Vec::new();
        for (path, dir) in self.stores()? {
            files.extend(file_of(&path, &dir, "store.toml", Content::Changes)?);
        }
        let copy = room.join(STATE);
        State::open_for_reading(&self.data.state())
            .and_then(|it| it.copy_to(&copy))
            .map_err(io::Error::other)?;
        let len = length(&copy)?;
        files.push(plain(STATE.to_owned(), copy, len, Content::Changes));
        if self.keys == BackupKeys::With {
            let (dir, path) = (self.data.path(), self.data.key_file());
            let name = path.strip_prefix(dir).unwrap_or(Path::new(SECRET_KEY));
            if path.is_file() {
                let name = name.to_string_lossy().into_owned();
                files.push(plain(name, path.clone(), length(&path)?, Content::Changes));
            }
        }
        Ok(files)
    }

    fn erased(&mut self, id: &str, from: u64) -> io::Result<Vec<ErasedMessage>> {
        match self.opened.get(id) {
            Some(log) => erased_in(log, from).map_err(io::Error::other),
            None => Ok(Vec::new()),
        }
    }
}

/// Below which entry all that was erased has left the files of a log. Blocks.
fn purged(log: &SegmentLog, entries: u64) -> Result<u64, LogError> {
    let plan = log.compact_plan()?;
    if plan.segments.is_empty() && plan.torn.is_empty() {
        return Ok(entries);
    }
    let erased = log.erased()?;
    let first = erased.iter().filter_map(|it| it.erased).map(|(entry, _)| entry.0).min();
    Ok(first.unwrap_or(entries))
}

/// What was erased by entry `from` or a later one. Blocks.
fn erased_in(log: &SegmentLog, from: u64) -> Result<Vec<ErasedMessage>, LogError> {
    let (mut at, mut found) = (from, Vec::new());
    loop {
        let run = log.entries(at, BATCH_BYTES_MAX)?;
        if run.items.is_empty() {
            break;
        }
        for (number, (entry, _)) in (run.first..).zip(&run.items) {
            if let Fact::Erased { messages } = &entry.fact {
                found.extend(messages.iter().map(|it| (number, *it, entry.time)));
            }
        }
        at = run.first + run.items.len() as u64;
    }
    let mut messages = Vec::new();
    for (entry, message, at) in found {
        let run = log.entries(message.0, 1)?;
        let placed = (run.first..).zip(&run.items).find(|(number, _)| *number == message.0);
        if let Some((_, (Entry { fact: Fact::Placed { blob, .. }, .. }, _))) = placed {
            messages.push(ErasedMessage { entry, message: message.0, blob: *blob, at });
        }
    }
    Ok(messages)
}

/// Where a store is in a backup, and in a data directory that is restored from it: one with a
/// directory elsewhere comes below the others.
pub(crate) fn place_of(store: &SavedStore, all: &[SavedStore]) -> String {
    let is_below = |it: &SavedStore| Path::new(&it.dir).is_relative();
    if is_below(store) {
        return format!("stores/{}", store.dir);
    }
    let is_taken = |name: &str| all.iter().any(|it| is_below(it) && it.dir == name);
    let mut name = store.name.clone();
    while is_taken(&name) {
        name.push('~');
    }
    format!("stores/{name}")
}

/// A file of a directory, when it is there.
fn file_of(path: &str, dir: &Path, name: &str, content: Content) -> io::Result<Option<SourceFile>> {
    let from = dir.join(name);
    if !from.is_file() {
        return Ok(None);
    }
    let len = length(&from)?;
    Ok(Some(plain(format!("{path}/{name}"), from, len, content)))
}

fn plain(path: String, from: PathBuf, len: u64, content: Content) -> SourceFile {
    SourceFile { path, from, len, content, mark: Vec::new(), mark_at: 0 }
}

/// The names in a directory; none when it is not there.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    match RealDisk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names,
    }
}
