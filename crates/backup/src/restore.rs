//! Bringing a backup back, into a directory of its own.
//!
//! Rules: the directory is empty, or holds what an earlier attempt at the same backup left; until
//! [`finish`] it says that it is not whole, and nothing opens it; what was written is read again
//! from there, and has its hash.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use ports::{Access, Disk, DiskFile};
use types::Hash;

use crate::error::{BackupError, BackupErrorKind, request};
use crate::manifest::{FileKept, Manifest};
use crate::repository::{Repository, read_file, replace_file};
use crate::{PIECE_BYTES, Step, Watch, check_cancelled};

/// The file that says that a directory is not whole.
pub const UNFINISHED: &str = "restore-unfinished";

/// What a directory may have besides before anything is restored into it: a key that somebody put
/// there, too.
const HARMLESS: [&str; 4] = ["lock", "lost+found", "restore-unfinished.new", "secret.key"];

/// A backup was brought back; [`finish`] ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// Its manifest.
    pub manifest: Manifest,
    /// Bytes that were written.
    pub bytes: u64,
    /// Files that an earlier attempt had brought.
    pub already: u64,
}

/// Brings a backup back into `to`, and checks it there. Refuses one that holds what was erased
/// since.
pub fn restore(
    repository: &Repository<'_>,
    manifest: &Manifest,
    to: &Path,
    watch: &mut dyn Watch,
) -> Result<Restored, BackupError> {
    let revived = repository.erased()?.revived_by(manifest);
    if revived != 0 {
        let text = format!(
            "backup {} holds {revived} messages that were erased since it was made",
            manifest.number
        );
        return Err(BackupError::new(BackupErrorKind::Erased, text));
    }
    let restoring = Restoring { repository, manifest, to };
    restoring.begin()?;
    restoring.remove_others()?;
    // Everything is read and written, and then read once more.
    let mut step = Step { bytes_total: manifest.bytes() * 2, ..Step::default() };
    let mut restored = Restored { manifest: manifest.clone(), bytes: 0, already: 0 };
    for file in &manifest.files {
        if restoring.is_there(file, watch)? {
            restored.already += 1;
            step.bytes += file.len;
        } else {
            restoring.file(file, &mut step, watch)?;
            restored.bytes += file.len;
        }
        step.files += 1;
        watch.step(step);
    }
    restoring.sync()?;
    for file in &manifest.files {
        if !restoring.is_there(file, watch)? {
            let text = format!("{} is not what was written there", file.path);
            return Err(BackupError::new(BackupErrorKind::Damaged, text));
        }
        step.bytes += file.len;
        watch.step(step);
    }
    Ok(restored)
}

/// Says that a restored directory is whole.
pub fn finish(disk: &dyn Disk, to: &Path) -> Result<(), BackupError> {
    disk.remove(&to.join(UNFINISHED))
        .and_then(|()| disk.sync_dir(to))
        .map_err(BackupError::io("say that the directory is whole"))
}

struct Restoring<'a> {
    repository: &'a Repository<'a>,
    manifest: &'a Manifest,
    to: &'a Path,
}

impl Restoring<'_> {
    fn disk(&self) -> &dyn Disk {
        self.repository.disk
    }

    /// Marks the directory, if it is empty or marked for this very backup.
    fn begin(&self) -> Result<(), BackupError> {
        let (disk, to) = (self.disk(), self.to);
        let failed = || BackupError::io("look at the directory to restore to");
        let mark = to.join(UNFINISHED);
        let text = format!("backup {}\n", self.manifest.hash());
        if let Some(there) = read_file(disk, &mark).map_err(failed())? {
            if there == text.as_bytes() {
                return Ok(());
            }
            return Err(request(format!("{} has part of another backup", to.display())));
        }
        let names = match disk.list(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(failed())?,
        };
        if let Some(other) = names.iter().find(|it| !HARMLESS.contains(&it.as_str())) {
            return Err(request(format!("{} is not empty: it has {other}", to.display())));
        }
        let failed = || BackupError::io("begin the directory to restore to");
        disk.create_dir_all(to).map_err(failed())?;
        replace_file(disk, &mark, text.as_bytes()).map_err(failed())?;
        // The name of the directory itself; its parent may be closed to us.
        let parent = to.parent().filter(|it| !it.as_os_str().is_empty());
        let _ = parent.map(|it| disk.sync_dir(it));
        Ok(())
    }

    /// Every directory that has a file of the backup.
    fn dirs(&self) -> BTreeSet<PathBuf> {
        let parents = |it: &FileKept| {
            let path = PathBuf::from(&it.path);
            path.ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>()
        };
        self.manifest.files.iter().flat_map(parents).collect()
    }

    /// Removes files that an earlier attempt made and that the backup does not have.
    fn remove_others(&self) -> Result<(), BackupError> {
        let dirs = self.dirs();
        let files: HashSet<&Path> = self.manifest.files.iter().map(|it| it.path.as_ref()).collect();
        // Not at the top: what stands there is nobody's segment, and may be a key.
        for dir in dirs.iter().filter(|it| !it.as_os_str().is_empty()) {
            for name in self.disk().list(&self.to.join(dir)).unwrap_or_default() {
                let path = dir.join(&name);
                let stays = files.contains(path.as_path()) || dirs.contains(&path);
                if !stays {
                    // Directories are not ours: views that somebody made.
                    let _ = self.disk().remove(&self.to.join(path));
                }
            }
        }
        Ok(())
    }

    fn file(
        &self,
        file: &FileKept,
        step: &mut Step,
        watch: &mut dyn Watch,
    ) -> Result<(), BackupError> {
        let failed = || BackupError::io("write a restored file");
        let path = self.to.join(&file.path);
        let disk = self.disk();
        disk.create_dir_all(path.parent().unwrap_or(self.to)).map_err(failed())?;
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed()(error)),
            _ => (),
        }
        let out = disk.open(&path, Access::CreateNew).map_err(failed())?;
        let mut at = 0;
        for index in 0..file.pieces.len() {
            check_cancelled(watch)?;
            let bytes = self.repository.piece(file, index)?;
            out.write_at(&bytes, at).map_err(failed())?;
            at += bytes.len() as u64;
            step.bytes += bytes.len() as u64;
            watch.step(*step);
        }
        out.sync().map_err(failed())
    }

    /// Whether the file is there, byte for byte.
    fn is_there(&self, file: &FileKept, watch: &dyn Watch) -> Result<bool, BackupError> {
        let failed = || BackupError::io("read a restored file");
        let opened = match self.disk().open(&self.to.join(&file.path), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(failed())?,
        };
        if opened.len().map_err(failed())? != file.len {
            return Ok(false);
        }
        for (index, hash) in file.pieces.iter().enumerate() {
            check_cancelled(watch)?;
            if piece_of(&*opened, index, file).map_err(failed())? != *hash {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes all names durable.
    fn sync(&self) -> Result<(), BackupError> {
        let dirs = self.dirs();
        let sync = || dirs.iter().try_for_each(|it| self.disk().sync_dir(&self.to.join(it)));
        sync().map_err(BackupError::io("sync a restored directory"))
    }
}

fn piece_of(opened: &dyn DiskFile, index: usize, file: &FileKept) -> io::Result<Hash> {
    let room = usize::try_from(file.piece_len(index)).unwrap_or(0).min(PIECE_BYTES);
    let mut bytes = vec![0; room];
    let n = opened.read_at(&mut bytes, index as u64 * PIECE_BYTES as u64)?;
    bytes.truncate(n);
    Ok(Hash::of(&bytes))
}
