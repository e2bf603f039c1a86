//! A file for each message.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ports::{Access, Disk, DiskFile};

use super::dir_name::dir_of;
use super::{LeftOut, MailWriter, Outgoing, no_message};

pub(super) struct EmlWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Directories that are there.
    made: HashSet<PathBuf>,
    message: Option<NewFile>,
}

/// A file that has its name only when it is whole.
pub(super) struct NewFile {
    file: Box<dyn DiskFile>,
    len: u64,
    partial: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Makes a file at `partial` that will be `path`. What an earlier try left at `partial` is
    /// cut off.
    pub(super) fn create(disk: &dyn Disk, partial: PathBuf, path: PathBuf) -> io::Result<NewFile> {
        let file = match disk.open(&partial, Access::CreateNew) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let file = disk.open(&partial, Access::Write)?;
                file.set_len(0)?;
                file
            }
            file => file?,
        };
        Ok(NewFile { file, len: 0, partial, path })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, self.len)?;
        self.len += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    pub(super) fn finish(self, disk: &dyn Disk) -> io::Result<PathBuf> {
        drop(self.file);
        disk.rename(&self.partial, &self.path)?;
        Ok(self.path)
    }

    pub(super) fn cancel(self, disk: &dyn Disk) -> io::Result<()> {
        drop(self.file);
        disk.remove(&self.partial)
    }
}

impl EmlWriter {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> EmlWriter {
        EmlWriter { disk, dir, made: HashSet::new(), message: None }
    }
}

impl MailWriter for EmlWriter {
    fn place(&mut self, message: &Outgoing<'_>) -> io::Result<Option<PathBuf>> {
        Ok(Some(dir_of(&self.dir, message.folder).join(format!("{}.eml", message.id))))
    }

    fn begin(&mut self, message: &Outgoing<'_>) -> io::Result<()> {
        self.cancel()?;
        let dir = dir_of(&self.dir, message.folder);
        if !self.made.contains(&dir) {
            self.disk.create_dir_all(&dir)?;
            self.made.insert(dir.clone());
        }
        let id = message.id;
        let partial = dir.join(format!("{id}.eml.part"));
        let path = dir.join(format!("{id}.eml"));
        self.message = Some(NewFile::create(&*self.disk, partial, path)?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.message.as_mut().ok_or_else(no_message)?.write(bytes)
    }

    fn finish(&mut self) -> io::Result<PathBuf> {
        self.message.take().ok_or_else(no_message)?.finish(&*self.disk)
    }

    fn cancel(&mut self) -> io::Result<()> {
        self.message.take().map_or(Ok(()), |it| it.cancel(&*self.disk))
    }

    fn close(mut self: Box<Self>) -> io::Result<LeftOut> {
        self.cancel()?;
        Ok(LeftOut::default())
    }
}
