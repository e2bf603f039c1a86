//! A directory of backups: its layout, pieces and manifests.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use ports::{Access, Disk};
use types::{Hash, Timestamp};

use crate::PIECE_BYTES;
use crate::erased::{Erased, Held};
use crate::error::{BackupError, BackupErrorKind, damaged, request};
use crate::manifest::{FileKept, Manifest};

/// The file that says what the directory is.
const DESCRIPTION: &str = "posthold-backup";

/// What it says, with the version of the layout.
const DESCRIPTION_TEXT: &str = "posthold-backup 1\n";

/// The most of a manifest or list that is read.
const TEXT_BYTES_MAX: u64 = 1 << 30;

/// What else may stand in a directory in which a first backup did not get far.
const HARMLESS: [&str; 3] = ["lock", "lost+found", "posthold-backup.new"];

/// A directory of backups.
pub struct Repository<'a> {
    pub(crate) disk: &'a dyn Disk,
    dir: PathBuf,
}

/// A backup, as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its manifest, or what is wrong with it.
    pub manifest: Result<Manifest, String>,
    /// Its number.
    pub number: u32,
    /// What it holds that was erased since.
    pub held: usize,
}

impl<'a> Repository<'a> {
    /// The backups in `dir`, which must be there.
    pub fn open(disk: &'a dyn Disk, dir: &Path) -> Result<Repository<'a>, BackupError> {
        let repository = Repository { disk, dir: dir.to_owned() };
        match repository.read(Path::new(DESCRIPTION))? {
            Some(bytes) if bytes == DESCRIPTION_TEXT.as_bytes() => Ok(repository),
            Some(bytes) if bytes.starts_with(b"posthold-backup ") => {
                let kind = BackupErrorKind::Unsupported;
                Err(BackupError::new(kind, "these backups were made by a newer version"))
            }
            Some(_) => Err(damaged(format!("{DESCRIPTION} is damaged"))),
            None => Err(request(format!("there are no backups in {}", dir.display()))),
        }
    }

    /// The backups in `dir`, which is made when it is not there. Refuses one that holds anything
    /// else.
    pub fn open_or_create(disk: &'a dyn Disk, dir: &Path) -> Result<Repository<'a>, BackupError> {
        let failed = BackupError::io;
        disk.create_dir_all(dir).map_err(failed("make the directory of backups"))?;
        let names = disk.list(dir).map_err(failed("look at the directory of backups"))?;
        if !names.iter().any(|it| it == DESCRIPTION) {
            if let Some(other) = names.iter().find(|it| !HARMLESS.contains(&it.as_str())) {
                let dir = dir.display();
                return Err(request(format!("{dir} is not empty and no backup: it has {other}")));
            }
            let repository = Repository { disk, dir: dir.to_owned() };
            repository.write(Path::new(DESCRIPTION), DESCRIPTION_TEXT.as_bytes())?;
            let parent = dir.parent().filter(|it| !it.as_os_str().is_empty());
            // It may be closed to us, and was there before then.
            let _ = parent.map(|it| disk.sync_dir(it));
        }
        Repository::open(disk, dir)
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Every backup, the oldest first.
    pub fn list(&self) -> Result<Vec<Listed>, BackupError> {
        let erased = self.erased()?;
        let mut listed = Vec::new();
        for number in self.numbers()? {
            let manifest = match self.manifest(number) {
                Err(error) if error.kind() == BackupErrorKind::Io => return Err(error),
                other => other.map_err(|it| it.to_string()),
            };
            let held = manifest.as_ref().map_or(0, |it| erased.held_by(it).messages.len());
            listed.push(Listed { manifest, number, held });
        }
        Ok(listed)
    }

    /// Numbers of the backups, ascending.
    pub fn numbers(&self) -> Result<Vec<u32>, BackupError> {
        let names = self.names(Path::new("manifests"))?;
        let number = |it: &String| it.parse().ok().filter(|n: &u32| manifest_name(*n) == *it);
        let mut numbers: Vec<u32> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The manifest of this number.
    pub fn manifest(&self, number: u32) -> Result<Manifest, BackupError> {
        let name = manifest_name(number);
        let bytes = self.read(&Path::new("manifests").join(&name))?;
        let bytes = bytes.ok_or_else(|| request(format!("there is no backup {number}")))?;
        let manifest = Manifest::from_bytes(&bytes, &name)?;
        if manifest.number == number {
            return Ok(manifest);
        }
        Err(damaged(format!("the manifest {name} is that of another backup")))
    }

    /// The newest backup whose manifest can be read.
    pub fn newest(&self) -> Result<Option<Manifest>, BackupError> {
        for number in self.numbers()?.into_iter().rev() {
            match self.manifest(number) {
                Err(error) if error.kind() == BackupErrorKind::Damaged => (),
                other => return other.map(Some),
            }
        }
        Ok(None)
    }

    /// What a backup holds that was erased since.
    pub fn held_by(&self, manifest: &Manifest) -> Result<Held, BackupError> {
        Ok(self.erased()?.held_by(manifest))
    }

    pub(crate) fn erased(&self) -> Result<Erased, BackupError> {
        match self.read(Path::new("erased"))? {
            Some(bytes) => Erased::from_bytes(&bytes),
            None => Ok(Erased::default()),
        }
    }

    pub(crate) fn write_erased(&self, erased: &Erased) -> Result<(), BackupError> {
        if self.erased()? == *erased {
            return Ok(());
        }
        self.write(Path::new("erased"), erased.to_text().as_bytes())
    }

    /// Makes a backup exist: everything that it names is durable before.
    pub(crate) fn add(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let dir = Path::new("manifests");
        self.make_dir(dir)?;
        let name = manifest_name(manifest.number);
        self.write(&dir.join(name), manifest.to_text().as_bytes())
    }

    pub(crate) fn remove_manifest(&self, number: u32) -> Result<(), BackupError> {
        let dir = self.dir.join("manifests");
        self.disk
            .remove(&dir.join(manifest_name(number)))
            .and_then(|()| self.disk.sync_dir(&dir))
            .map_err(BackupError::io("remove a manifest"))
    }

    /// The directory for copies that are made first.
    pub(crate) fn room(&self) -> PathBuf {
        self.dir.join("room")
    }

    /// Removes what an unfinished backup has left but its pieces and its notes.
    pub(crate) fn clear_room(&self) -> Result<(), BackupError> {
        for name in self.names(Path::new("room"))? {
            let path = self.room().join(name);
            self.disk.remove(&path).map_err(BackupError::io("remove an old copy"))?;
        }
        Ok(())
    }

    /// Hashes of all pieces that are there.
    pub(crate) fn pieces(&self) -> Result<HashSet<Hash>, BackupError> {
        let mut pieces = HashSet::new();
        for dir in self.names(Path::new("pieces"))? {
            for name in self.names(&Path::new("pieces").join(&dir))? {
                pieces.extend(crate::wire::hash_of(&format!("{dir}{name}")));
            }
        }
        Ok(pieces)
    }

    /// Writes a piece: durable before it has its name. The name is durable behind
    /// [`sync_pieces`](Self::sync_pieces).
    pub(crate) fn add_piece(&self, hash: Hash, bytes: &[u8]) -> Result<(), BackupError> {
        let path = self.dir.join(piece_path(hash));
        let failed = || BackupError::io("write a piece of the backup");
        self.disk.create_dir_all(path.parent().unwrap_or(&self.dir)).map_err(failed())?;
        let new = path.with_extension("new");
        write_file(self.disk, &new, bytes).and_then(|()| self.disk.rename(&new, &path)).map_err(
            |error| {
                // Room for others, where that is possible.
                let _ = self.disk.remove(&new);
                failed()(error)
            },
        )
    }

    /// Makes the names of these pieces durable.
    pub(crate) fn sync_pieces(&self, pieces: &HashSet<Hash>) -> Result<(), BackupError> {
        let top = self.dir.join("pieces");
        let dirs: HashSet<PathBuf> =
            pieces.iter().filter_map(|it| piece_path(*it).parent().map(Path::to_owned)).collect();
        let sync = || {
            for dir in &dirs {
                self.disk.sync_dir(&self.dir.join(dir))?;
            }
            if dirs.is_empty() { Ok(()) } else { self.disk.sync_dir(&top) }
        };
        sync().and_then(|()| self.disk.sync_dir(&self.dir)).map_err(BackupError::io("sync pieces"))
    }

    /// Reads a piece, and checks that it is the one that it should be.
    pub(crate) fn piece(&self, file: &FileKept, index: usize) -> Result<Vec<u8>, BackupError> {
        let hash = file.pieces.get(index).copied().unwrap_or_default();
        let len = file.piece_len(index);
        let name = || format!("piece {} of {}", index + 1, file.path);
        let path = self.dir.join(piece_path(hash));
        let opened = match self.disk.open(&path, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(format!("{} is missing", name())));
            }
            opened => opened.map_err(BackupError::io("open a piece"))?,
        };
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0).min(PIECE_BYTES)];
        let n = opened.read_at(&mut bytes, 0).map_err(BackupError::io("read a piece"))?;
        if n != bytes.len() || Hash::of(&bytes) != hash {
            return Err(damaged(format!("{} is damaged", name())));
        }
        Ok(bytes)
    }

    /// Whether the piece of this hash is there, byte for byte.
    pub(crate) fn has_piece(&self, hash: Hash, bytes: &[u8]) -> bool {
        let there = read_file(self.disk, &self.dir.join(piece_path(hash)));
        // One that cannot be read is none.
        there.is_ok_and(|it| it.as_deref() == Some(bytes))
    }

    pub(crate) fn remove_piece(&self, hash: Hash) -> Result<(), BackupError> {
        let path = self.dir.join(piece_path(hash));
        self.disk.remove(&path).map_err(BackupError::io("remove a piece"))
    }

    /// Removes pieces that never got their name.
    pub(crate) fn remove_unfinished_pieces(&self) -> Result<(), BackupError> {
        for dir in self.names(Path::new("pieces"))? {
            let dir = Path::new("pieces").join(dir);
            for name in self.names(&dir)?.iter().filter(|it| it.ends_with(".new")) {
                let path = self.dir.join(&dir).join(name);
                self.disk.remove(&path).map_err(BackupError::io("remove a half piece"))?;
            }
        }
        Ok(())
    }

    /// Notes of files that a backup under way has copied; of one that ended early, in part.
    pub(crate) fn notes(&self) -> Result<Vec<FileKept>, BackupError> {
        let bytes = self.read(Path::new("unfinished"))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let (mut notes, mut lines) = (Vec::new(), text.lines());
        while let Some(file) = lines.next().and_then(|it| FileKept::read(it, &mut lines)) {
            notes.push(file);
        }
        Ok(notes)
    }

    /// Adds a note. It helps the next attempt; nothing depends on it.
    pub(crate) fn note(&self, file: &FileKept) {
        let mut text = String::new();
        file.write(&mut text);
        let path = self.dir.join("unfinished");
        let opened = match self.disk.open(&path, Access::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk.open(&path, Access::CreateNew)
            }
            opened => opened,
        };
        let written = opened.and_then(|it| it.write_at(text.as_bytes(), it.len()?));
        drop(written);
    }

    /// Takes the notes away.
    pub(crate) fn forget_notes(&self) -> Result<(), BackupError> {
        match self.disk.remove(&self.dir.join("unfinished")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BackupError::io("remove the notes of a backup")(error))
            }
            _ => Ok(()),
        }
    }

    fn make_dir(&self, dir: &Path) -> Result<(), BackupError> {
        let made = self.disk.create_dir_all(&self.dir.join(dir));
        made.and_then(|()| self.disk.sync_dir(&self.dir))
            .map_err(BackupError::io("make a directory of backups"))
    }

    fn names(&self, dir: &Path) -> Result<Vec<String>, BackupError> {
        match self.disk.list(&self.dir.join(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(BackupError::io("look into the directory of backups")),
        }
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, BackupError> {
        let path = self.dir.join(path);
        read_file(self.disk, &path).map_err(BackupError::io(&format!("read {}", path.display())))
    }

    /// Writes a file whole or not at all, durably.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
        replace_file(self.disk, &self.dir.join(path), bytes)
            .map_err(BackupError::io(&format!("write {}", path.display())))
    }
}

/// Reads a file of text; `None` when it is not there.
pub(crate) fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = vec![0; usize::try_from(file.len()?.min(TEXT_BYTES_MAX)).unwrap_or(0)];
    let n = file.read_at(&mut bytes, 0)?;
    bytes.truncate(n);
    Ok(Some(bytes))
}

/// Makes a file anew, synced; its name is not.
pub(crate) fn write_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let file = disk.open(path, Access::CreateNew)?;
    file.write_at(bytes, 0)?;
    file.sync()
}

/// Puts a file in the place of another one, whole or not at all, durably.
pub(crate) fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    write_file(disk, &new, bytes)?;
    disk.rename(&new, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("")))
}

fn manifest_name(number: u32) -> String {
    format!("{number:06}")
}

fn piece_path(hash: Hash) -> PathBuf {
    let name = hash.to_string();
    let (dir, rest) = name.split_at_checked(2).unwrap_or((&name, ""));
    Path::new("pieces").join(dir).join(rest)
}

/// When a backup was made, for those that list several.
impl Listed {
    /// When it was begun, where that can be read.
    #[must_use]
    pub fn made(&self) -> Option<Timestamp> {
        self.manifest.as_ref().ok().map(|it| it.made)
    }
}
