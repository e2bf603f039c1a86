//! The files below the paths that were given, one after the other, with the folders that they
//! belong to.
//!
//! A directory with `cur` and `new` in it is a Maildir; every other one is a tree of files. In a
//! Maildir, and beside Maildirs, directories whose names begin with a dot are Maildir++ folders.
//!
//! Rules: sorted by name, files before directories; symbolic links to files are followed, those
//! to directories only where they were given; nothing is opened here but directories.

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType, Metadata, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::limits::{DIR_DEPTH_MAX, NAMES_HELD_MAX};
use crate::maildir;
use crate::names;

/// A file that is or may hold mail, or something else that was met.
#[derive(Debug)]
pub(crate) struct Found {
    pub path: PathBuf,
    /// Folders below what was given.
    pub below: Vec<String>,
    pub what: What,
    /// Size of a file, else 0.
    pub size: u64,
    /// When a file was changed last, where the file system keeps that.
    pub modified: Option<SystemTime>,
}

impl Found {
    fn new(path: PathBuf, below: Vec<String>, what: What) -> Found {
        Found { path, below, what, size: 0, modified: None }
    }

    /// The same with what the file system says of it.
    fn with(self, metadata: &Metadata) -> Found {
        let is_read = matches!(self.what, What::File { .. } | What::Maildir(_));
        let size = if is_read { metadata.len() } else { 0 };
        Found { size, modified: metadata.modified().ok(), ..self }
    }
}

/// What was met.
#[derive(Debug)]
pub(crate) enum What {
    /// A file. `given` says that it was named itself.
    File { given: bool },
    /// A message of a Maildir, with the names of its folder's keywords.
    Maildir(Arc<[String]>),
    /// A directory or file that cannot be read.
    Unreadable(io::Error),
    /// Something that is known not to be mail.
    Skipped(&'static str),
}

/// Walks through files and directories.
#[derive(Debug)]
pub(crate) struct Dirs {
    /// What was given and not yet begun, in reverse.
    given: Vec<PathBuf>,
    /// The directories that are open, the innermost last.
    open: Vec<Dir>,
}

impl Dirs {
    pub(crate) fn new(paths: &[PathBuf]) -> Dirs {
        Dirs { given: paths.iter().rev().cloned().collect(), open: Vec::new() }
    }

    /// Opens what was given.
    fn begin(&mut self, path: PathBuf) -> Option<Found> {
        let found = |what| Found::new(path.clone(), Vec::new(), what);
        match fs::metadata(&path) {
            Err(error) => Some(found(What::Unreadable(error))),
            Ok(metadata) if metadata.is_dir() => self.enter(path, Vec::new()),
            Ok(metadata) if metadata.is_file() => {
                let known = path.file_name().and_then(names::known_not_mail);
                let what = known.map_or(What::File { given: true }, What::Skipped);
                Some(found(what).with(&metadata))
            }
            Ok(_) => Some(found(What::Skipped(NOT_REGULAR))),
        }
    }

    /// Opens a directory; what is found at once is that it cannot be opened.
    fn enter(&mut self, path: PathBuf, below: Vec<String>) -> Option<Found> {
        if self.open.len() >= DIR_DEPTH_MAX {
            let what = What::Unreadable(io::Error::other("directories are nested too deep"));
            return Some(Found::new(path, below, what));
        }
        match Dir::open(&path, &below) {
            Ok(dir) => {
                self.open.push(dir);
                None
            }
            Err(error) => Some(Found::new(path, below, What::Unreadable(error))),
        }
    }
}

impl Iterator for Dirs {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let Some(dir) = self.open.last_mut() else {
                let path = self.given.pop()?;
                match self.begin(path) {
                    Some(found) => return Some(found),
                    None => continue,
                }
            };
            if let Some(found) = dir.next_file() {
                return Some(found);
            }
            let Some((path, below)) = dir.dirs.pop() else {
                self.open.pop();
                continue;
            };
            if let Some(found) = self.enter(path, below) {
                return Some(found);
            }
        }
    }
}

const NOT_REGULAR: &str = "neither a file nor a directory";
const LINK_TO_DIR: &str = "a symbolic link to a directory";
const NOT_DELIVERED: &str = "not yet delivered: in the `tmp` of a Maildir";
const BESIDE_MESSAGES: &str = "beside the messages of a Maildir";

/// What a directory is.
#[derive(Clone, Debug)]
enum Kind {
    Tree,
    /// Its messages are in `cur` and `new` below it.
    Maildir,
    /// `cur` or `new`.
    Messages(Arc<[String]>),
    /// `tmp`.
    Undelivered,
}

/// An open directory.
#[derive(Debug)]
struct Dir {
    path: PathBuf,
    below: Vec<String>,
    kind: Kind,
    rest: Option<ReadDir>,
    /// Names that were read, sorted, in reverse.
    files: Vec<OsString>,
    /// Directories below that come after the files, in reverse.
    dirs: Vec<(PathBuf, Vec<String>)>,
    /// What could not be read of it.
    failed: Option<io::Error>,
}

impl Dir {
    fn open(path: &Path, below: &[String]) -> io::Result<Dir> {
        let kind = match is_dir(&path.join("cur")) && is_dir(&path.join("new")) {
            true => Kind::Maildir,
            false => Kind::of_part(path),
        };
        let mut dir = Dir {
            path: path.to_owned(),
            below: below.to_owned(),
            kind,
            rest: Some(fs::read_dir(path)?),
            files: Vec::new(),
            dirs: Vec::new(),
            failed: None,
        };
        dir.read_names();
        Ok(dir)
    }

    fn next_file(&mut self) -> Option<Found> {
        loop {
            if self.files.is_empty() && self.rest.is_some() {
                self.read_names();
            }
            if let Some(error) = self.failed.take() {
                let what = What::Unreadable(error);
                return Some(Found::new(self.path.clone(), self.below.clone(), what));
            }
            let name = self.files.pop()?;
            if let Some(found) = self.look_at(&name) {
                return Some(found);
            }
        }
    }

    /// Reads names, at most as many as may be held.
    fn read_names(&mut self) {
        let Some(mut entries) = self.rest.take() else { return };
        loop {
            if self.files.len() >= NAMES_HELD_MAX {
                self.rest = Some(entries);
                break;
            }
            match entries.next() {
                None => break,
                Some(Ok(entry)) => {
                    let file_type = entry.file_type();
                    self.take(entry.file_name(), file_type.ok());
                }
                Some(Err(error)) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        self.files.sort_unstable_by(|one, other| other.cmp(one));
        self.dirs.sort_unstable_by(|one, other| other.cmp(one));
    }

    fn take(&mut self, name: OsString, file_type: Option<FileType>) {
        if file_type.is_some_and(|it| it.is_dir()) {
            let folder = self.folders_of(&name);
            self.dirs.push((self.path.join(&name), [self.below.clone(), folder].concat()));
        } else {
            self.files.push(name);
        }
    }

    /// The folders that a directory in this one stands for.
    fn folders_of(&self, name: &OsStr) -> Vec<String> {
        let is_maildir = matches!(self.kind, Kind::Maildir);
        if is_maildir && is_maildir_part(name) {
            return Vec::new();
        }
        let dotted = names::maildir_folders(name);
        let of_maildir = |_: &Vec<String>| is_maildir || is_dir(&self.path.join(name).join("cur"));
        dotted.filter(of_maildir).unwrap_or_else(|| vec![names::dir_folder(name)])
    }

    /// What a name that is no directory is; `None` for what is gone by now.
    fn look_at(&self, name: &OsStr) -> Option<Found> {
        let path = self.path.join(name);
        let found = |what| Found::new(path.clone(), self.below.clone(), what);
        match fs::metadata(&path) {
            Ok(metadata) => Some(found(self.what(name, &metadata)).with(&metadata)),
            // Mail programs move their messages while we read. A link that leads nowhere is
            // there all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let is_there = fs::symlink_metadata(&path).is_ok();
                is_there.then(|| found(What::Unreadable(error)))
            }
            Err(error) => Some(found(What::Unreadable(error))),
        }
    }

    fn what(&self, name: &OsStr, metadata: &Metadata) -> What {
        if metadata.is_dir() {
            return What::Skipped(LINK_TO_DIR);
        }
        if !metadata.is_file() {
            return What::Skipped(NOT_REGULAR);
        }
        let hidden = name.as_encoded_bytes().starts_with(b".");
        match &self.kind {
            Kind::Messages(_) if hidden => What::Skipped(BESIDE_MESSAGES),
            Kind::Messages(keywords) => What::Maildir(Arc::clone(keywords)),
            Kind::Undelivered => What::Skipped(NOT_DELIVERED),
            Kind::Maildir => What::Skipped(names::known_not_mail(name).unwrap_or(BESIDE_MESSAGES)),
            Kind::Tree => {
                names::known_not_mail(name).map_or(What::File { given: false }, What::Skipped)
            }
        }
    }
}

impl Kind {
    /// What a directory is that is no Maildir itself: perhaps a part of one.
    fn of_part(path: &Path) -> Kind {
        let maildir = path.parent().filter(|it| is_dir(&it.join("cur")) && is_dir(&it.join("new")));
        match (maildir, path.file_name()) {
            (Some(maildir), Some(name)) if name == "cur" || name == "new" => {
                Kind::Messages(read_keywords(maildir).into())
            }
            (Some(_), Some(name)) if name == "tmp" => Kind::Undelivered,
            _ => Kind::Tree,
        }
    }
}

fn is_maildir_part(name: &OsStr) -> bool {
    name == "cur" || name == "new" || name == "tmp"
}

fn is_dir(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_dir())
}

/// The names of a Maildir's keywords, where Dovecot keeps them.
fn read_keywords(maildir: &Path) -> Vec<String> {
    let file = fs::read(maildir.join("dovecot-keywords")).unwrap_or_default();
    maildir::keyword_names(&String::from_utf8_lossy(&file))
}
