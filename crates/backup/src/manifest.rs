//! A manifest: what one backup holds.

use std::fmt::Write as _;

use types::{Hash, Position, Timestamp};

use crate::PIECE_BYTES;
use crate::error::{BackupError, BackupErrorKind, damaged};
use crate::wire::{Fields, escaped, opened, position, sealed};

/// The first line, with the version of the format.
const HEAD: &str = "posthold-backup-manifest 1";

/// What one backup holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Its number in the directory, from 1.
    pub number: u32,
    /// When it was begun.
    pub made: Timestamp,
    /// The SHA-256 of the manifest before.
    pub previous: Option<Hash>,
    /// The logs in it.
    pub logs: Vec<LogKept>,
    /// All files.
    pub files: Vec<FileKept>,
}

/// A log in a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogKept {
    /// Its place in the data directory.
    pub path: String,
    /// What tells it from every other log.
    pub id: String,
    /// Where it ends here.
    pub position: Position,
    /// Which of its histories this is.
    pub epoch: u64,
    /// Erasures below this entry had left its files.
    pub purged: u64,
}

/// A file in a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileKept {
    /// Its place in the data directory.
    pub path: String,
    /// How long it is.
    pub len: u64,
    /// SHA-256 over its length and its first and last bytes: whether it may be the same.
    pub stamp: Hash,
    /// Its pieces, in order. Each has 8 MiB, the last one what is left.
    pub pieces: Vec<Hash>,
}

impl FileKept {
    /// How long the piece at `index` is.
    #[must_use]
    pub fn piece_len(&self, index: usize) -> u64 {
        let piece = PIECE_BYTES as u64;
        self.len.saturating_sub(piece.saturating_mul(index as u64)).min(piece)
    }

    pub(crate) fn n_pieces(len: u64) -> u64 {
        len.div_ceil(PIECE_BYTES as u64)
    }

    pub(crate) fn write(&self, text: &mut String) {
        let FileKept { path, len, stamp, pieces } = self;
        let _ = writeln!(text, "file {len} {stamp} {} {}", pieces.len(), escaped(path));
        for piece in pieces {
            let _ = writeln!(text, "{piece}");
        }
    }

    /// Reads a file whose first line is `line`.
    pub(crate) fn read<'a>(
        line: &str,
        lines: &mut impl Iterator<Item = &'a str>,
    ) -> Option<FileKept> {
        let mut fields = Fields::of(line.strip_prefix("file ")?);
        let (len, stamp, n) = (fields.number()?, fields.hash()?, fields.number()?);
        let path = fields.path()?;
        if n != FileKept::n_pieces(len) {
            return None;
        }
        let mut pieces = Vec::new();
        for _ in 0..n {
            pieces.push(crate::wire::hash_of(lines.next()?)?);
        }
        Some(FileKept { path, len, stamp, pieces })
    }
}

impl Manifest {
    /// The text of it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Manifest { number, made, previous, logs, files } = self;
        let previous = previous.map_or_else(|| "none".to_owned(), |it| it.to_string());
        let mut text = format!("{HEAD}\nnumber {number}\nmade {}\nprevious {previous}\n", made.0);
        for it in logs {
            let LogKept { path, id, position: at, epoch, purged } = it;
            let at = position(*at);
            let _ = writeln!(text, "log {id} {at} {epoch} {purged} {}", escaped(path));
        }
        files.iter().for_each(|it| it.write(&mut text));
        sealed(text)
    }

    /// Reads the text of one.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Manifest, BackupError> {
        let body = opened(bytes, &format!("the manifest {name}"))?;
        let mut lines = body.lines();
        let head = lines.next().unwrap_or_default();
        if head != HEAD {
            let kind = BackupErrorKind::Unsupported;
            let text = format!("the manifest {name} is {head:?}, which this version cannot read");
            return Err(BackupError::new(kind, text));
        }
        Manifest::read(&mut lines)
            .ok_or_else(|| damaged(format!("the manifest {name} cannot be understood")))
    }

    fn read<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Option<Manifest> {
        let number = lines.next()?.strip_prefix("number ")?.parse().ok()?;
        let made = Timestamp(lines.next()?.strip_prefix("made ")?.parse().ok()?);
        let previous = match lines.next()?.strip_prefix("previous ")? {
            "none" => None,
            hash => Some(crate::wire::hash_of(hash)?),
        };
        let mut manifest = Manifest { number, made, previous, logs: Vec::new(), files: Vec::new() };
        while let Some(line) = lines.next() {
            match line.strip_prefix("log ") {
                Some(log) => manifest.logs.push(log_kept(log)?),
                None => manifest.files.push(FileKept::read(line, lines)?),
            }
        }
        Some(manifest)
    }

    /// The SHA-256 of its text.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.to_text().as_bytes())
    }

    /// Bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|it| it.len).sum()
    }

    /// The file at a place of the data directory.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&FileKept> {
        self.files.iter().find(|it| it.path == path)
    }
}

fn log_kept(line: &str) -> Option<LogKept> {
    let mut fields = Fields::of(line);
    Some(LogKept {
        id: fields.text().to_owned(),
        position: fields.position()?,
        epoch: fields.number()?,
        purged: fields.number()?,
        path: fields.path()?,
    })
}
