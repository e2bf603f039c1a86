//! A directory for each folder, its messages in `cur`.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::{Access, Disk};

use super::dir_name::dir_of;
use super::eml::NewFile;
use super::{LeftOut, MailWriter, Outgoing, no_message};
use crate::limits::MAILDIR_KEYWORDS_MAX;
use crate::maildir;

const KEYWORDS: &str = "dovecot-keywords";

pub(super) struct MaildirWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    folders: HashMap<PathBuf, Keywords>,
    message: Option<NewFile>,
    left_out: LeftOut,
}

/// The keywords of a folder; their places are their letters.
#[derive(Default)]
struct Keywords {
    names: Vec<String>,
    changed: bool,
}

impl Keywords {
    /// The letter of a keyword; `None` when there are no letters left.
    fn letter(&mut self, name: &str) -> Option<char> {
        let known = self.names.iter().position(|it| it == name);
        let idx = match known {
            Some(idx) => idx,
            None if self.names.len() < MAILDIR_KEYWORDS_MAX => {
                self.names.push(name.to_owned());
                self.changed = true;
                self.names.len() - 1
            }
            None => return None,
        };
        Some(char::from(b'a'.checked_add(u8::try_from(idx).ok()?)?))
    }
}

impl MaildirWriter {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> MaildirWriter {
        let (folders, left_out) = (HashMap::new(), LeftOut::default());
        MaildirWriter { disk, dir, folders, message: None, left_out }
    }

    /// Makes a Maildir, once.
    fn make(&mut self, dir: &Path) -> io::Result<()> {
        if self.folders.contains_key(dir) {
            return Ok(());
        }
        for part in ["tmp", "new", "cur"] {
            self.disk.create_dir_all(&dir.join(part))?;
        }
        let names = read_keywords(&*self.disk, dir)?;
        self.folders.insert(dir.to_owned(), Keywords { names, changed: false });
        Ok(())
    }

    /// The file of a message, and how many of its keywords have no letter.
    fn path(&mut self, dir: &Path, message: &Outgoing<'_>) -> (PathBuf, u64) {
        let keywords = self.folders.entry(dir.to_owned()).or_default();
        let mut letters = maildir::letters(message.flags);
        let mut n_left_out = 0;
        for name in message.keywords {
            match keywords.letter(name) {
                Some(letter) => letters.push(letter),
                None => n_left_out += 1,
            }
        }
        let id = message.id;
        let received = message.received.map(|it| format!(",R={}", it.0.max(0))).unwrap_or_default();
        (dir.join("cur").join(format!("{id}{received}:2,{letters}")), n_left_out)
    }
}

impl MailWriter for MaildirWriter {
    fn place(&mut self, message: &Outgoing<'_>) -> io::Result<Option<PathBuf>> {
        let dir = dir_of(&self.dir, message.folder);
        self.make(&dir)?;
        Ok(Some(self.path(&dir, message).0))
    }

    fn begin(&mut self, message: &Outgoing<'_>) -> io::Result<()> {
        self.cancel()?;
        let dir = dir_of(&self.dir, message.folder);
        self.make(&dir)?;
        let (path, n_left_out) = self.path(&dir, message);
        self.left_out.keywords += n_left_out;
        let partial = dir.join("tmp").join(message.id.to_string());
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
        for (dir, keywords) in &self.folders {
            if keywords.changed {
                write_keywords(&*self.disk, dir, &keywords.names)?;
            }
        }
        Ok(self.left_out)
    }
}

/// The keywords that a folder has already.
fn read_keywords(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<String>> {
    let file = match disk.open(&dir.join(KEYWORDS), Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(0).min(64 << 10)];
    let len = file.read_at(&mut bytes, 0)?;
    bytes.truncate(len);
    Ok(maildir::keyword_names(&String::from_utf8_lossy(&bytes)))
}

fn write_keywords(disk: &dyn Disk, dir: &Path, names: &[String]) -> io::Result<()> {
    let partial = dir.join(format!("{KEYWORDS}.part"));
    let mut file = NewFile::create(disk, partial, dir.join(KEYWORDS))?;
    for (number, name) in names.iter().enumerate() {
        // A line end in a keyword would be another keyword.
        let name: String = name.chars().filter(|it| !it.is_control()).collect();
        file.write(format!("{number} {name}\n").as_bytes())?;
    }
    file.finish(disk).map(|_| ())
}
