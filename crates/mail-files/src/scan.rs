//! Reads files as messages: the [`MailReader`] of this crate.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ports::{FileBody, FileFolder, FileMessage, MailReader, Origin, ReadItem, ReadProgress};
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};
use types::{Flags, Timestamp};

use crate::dirs::{Dirs, Found, What};
use crate::maildir;
use crate::mbox::{Mbox, MboxMessage, MboxVariant, is_mbox};
use crate::names;

/// How files are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanOptions {
    /// How mbox files are read.
    pub mbox: MboxVariant,
}

/// Begins to read the messages of files and directories: EML files and trees of them, Maildirs,
/// mbox files, told apart by what they are. A file named `.eml` is one message, a file that
/// begins as an mbox does is one, and any other is one message.
///
/// Paths are read in the order in which they are given. What cannot be read is an item of its
/// own, so nothing fails here.
#[must_use]
pub fn scan(paths: &[PathBuf], options: ScanOptions) -> MailFiles {
    let bytes_total = Dirs::new(paths).map(|it| it.size).sum();
    let progress = ReadProgress { bytes_done: 0, bytes_total };
    MailFiles { dirs: Dirs::new(paths), options, current: None, items: VecDeque::new(), progress }
}

/// The messages of files, one after the other.
#[derive(Debug)]
pub struct MailFiles {
    dirs: Dirs,
    options: ScanOptions,
    current: Option<Current>,
    /// What comes before anything else is read.
    items: VecDeque<ReadItem>,
    progress: ReadProgress,
}

/// The file that is being read.
#[derive(Debug)]
enum Current {
    /// One message that is too large to be held.
    Large(Large),
    Mbox(Box<OpenMbox>),
}

#[derive(Debug)]
struct Large {
    file: File,
    /// What was read of it and not handed out.
    held: Vec<u8>,
}

#[derive(Debug)]
struct OpenMbox {
    mbox: Mbox<File>,
    path: String,
    folder: FileFolder,
    /// What was counted of it as progress.
    counted: u64,
}

impl MailReader for MailFiles {
    fn next(&mut self) -> Option<ReadItem> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Some(item);
            }
            match self.current.take() {
                Some(Current::Mbox(mbox)) => self.read_mbox(mbox),
                Some(Current::Large(_)) => {}
                None => {
                    let found = self.dirs.next()?;
                    self.open(found);
                }
            }
        }
    }

    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let result = match &mut self.current {
            None => Ok(None),
            Some(Current::Large(large)) => large.piece(),
            Some(Current::Mbox(open)) => open.mbox.piece(),
        };
        // After an error the rest of the file is not there; its other messages cannot be found.
        if result.is_err() {
            self.current = None;
        }
        result
    }

    fn progress(&self) -> ReadProgress {
        self.progress
    }
}

impl MailFiles {
    fn open(&mut self, found: Found) {
        let Found { path, below, what, size, modified } = found;
        let origin = Origin { path: names::path_text(&path), offset: None };
        let folder = FileFolder { top: None, below };
        let result = match what {
            What::Skipped(why) => Ok(ReadItem::Skipped { origin: origin.clone(), why }),
            What::Unreadable(cause) => Err(cause),
            What::Maildir(keywords) => {
                let message = new_message("maildir", &origin, &folder);
                let message = of_maildir(message, &path, modified, &keywords);
                File::open(&path).and_then(|it| self.read_file(it, Vec::new(), size, message))
            }
            What::File { given } => match begin_file(&path) {
                Ok((file, head)) if is_mbox(&head) && !is_eml(&path) => {
                    return self.open_mbox(file, &path, origin, folder, given);
                }
                Ok((_, head)) if head.is_empty() && is_empty_mbox(&path) => {
                    let why = "an mbox without messages";
                    Ok(ReadItem::Skipped { origin: origin.clone(), why })
                }
                Ok((file, head)) => {
                    self.read_file(file, head, size, new_message("eml", &origin, &folder))
                }
                Err(cause) => Err(cause),
            },
        };
        self.progress.bytes_done += size;
        let unreadable = |cause| ReadItem::Unreadable { origin, folder, cause };
        self.items.push_back(result.unwrap_or_else(unreadable));
    }

    fn open_mbox(
        &mut self,
        file: File,
        path: &Path,
        origin: Origin,
        folder: FileFolder,
        given: bool,
    ) {
        let name = names::mbox_folder(path);
        let folder = match given {
            true => FileFolder { top: name, ..folder },
            false => {
                let below = folder.below.into_iter().chain(name).collect();
                FileFolder { below, ..folder }
            }
        };
        let mbox = Mbox::new(file, self.options.mbox);
        let open = OpenMbox { mbox, path: origin.path, folder, counted: 0 };
        self.current = Some(Current::Mbox(Box::new(open)));
    }

    /// Reads the next message of an mbox, and what is to be said of it.
    fn read_mbox(&mut self, mut open: Box<OpenMbox>) {
        let result = open.mbox.message();
        self.progress.bytes_done += open.mbox.pos() - open.counted;
        open.counted = open.mbox.pos();
        while let Some(notice) = open.mbox.notice() {
            let origin = Origin { path: open.path.clone(), offset: Some(notice.offset) };
            self.items.push_back(ReadItem::Ambiguous { origin, what: notice.what });
        }
        match result {
            Ok(None) => {}
            Ok(Some(message)) => {
                self.items.push_back(mbox_message(message, &open.path, &open.folder));
                self.current = Some(Current::Mbox(open));
            }
            Err(cause) => {
                let origin = Origin { path: open.path, offset: Some(open.counted) };
                self.items.push_back(ReadItem::Unreadable { origin, folder: open.folder, cause });
            }
        }
    }

    /// Reads a file that is one message: whole, or its beginning. `held` was read already.
    fn read_file(
        &mut self,
        mut file: File,
        mut held: Vec<u8>,
        size: u64,
        mut message: FileMessage,
    ) -> io::Result<ReadItem> {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(PARSE_BYTES_MAX) + 1;
        held.reserve_exact(size.saturating_sub(held.len()));
        let bytes_max = (PARSE_BYTES_MAX + 1).saturating_sub(held.len());
        (&mut file).take(u64::try_from(bytes_max).unwrap_or(0)).read_to_end(&mut held)?;
        message.body = if held.len() <= PARSE_BYTES_MAX {
            FileBody::Whole(held)
        } else {
            self.current = Some(Current::Large(Large { file, held }));
            FileBody::Pieces
        };
        Ok(ReadItem::Message(Box::new(message)))
    }
}

impl Large {
    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.held.len() < CHUNK_BYTES {
            let missing = CHUNK_BYTES - self.held.len();
            let bytes_max = u64::try_from(missing).unwrap_or(0);
            (&mut self.file).take(bytes_max).read_to_end(&mut self.held)?;
        }
        let rest = self.held.split_off(self.held.len().min(CHUNK_BYTES));
        let piece = std::mem::replace(&mut self.held, rest);
        Ok(Some(piece).filter(|it| !it.is_empty()))
    }
}

/// Opens a file and reads its beginning.
fn begin_file(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let bytes_max = u64::try_from(HEAD_BYTES).unwrap_or(0);
    (&mut file).take(bytes_max).read_to_end(&mut head)?;
    Ok((file, head))
}

/// Whether a file says by its name that it is one message, whatever that begins with.
fn is_eml(path: &Path) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case("eml"))
}

/// Bytes of a file that are looked at to see what it is.
const HEAD_BYTES: usize = 4_096;

/// Whether an empty file is a folder without messages: by its name, or by the index that
/// Thunderbird keeps beside it.
fn is_empty_mbox(path: &Path) -> bool {
    let extension = path.extension();
    let mut index = path.as_os_str().to_owned();
    index.push(".msf");
    extension.is_some_and(|it| it == "mbox" || it == "mbx") || Path::new(&index).exists()
}

/// A message of which only the file is known.
fn new_message(transport: &'static str, origin: &Origin, folder: &FileFolder) -> FileMessage {
    FileMessage {
        origin: origin.clone(),
        transport,
        folder: folder.clone(),
        flags: Flags::default(),
        keywords: Vec::new(),
        received: None,
        body: FileBody::Pieces,
    }
}

/// The same with what a Maildir says of it.
fn of_maildir(
    message: FileMessage,
    path: &Path,
    modified: Option<SystemTime>,
    keyword_names: &[String],
) -> FileMessage {
    let name = path.file_name().unwrap_or_default();
    let (flags, keywords) = maildir::flags(name);
    let by_name = maildir::name_time(name);
    let by_file = modified.and_then(timestamp);
    // Each may be that of a later copy; neither is earlier than the arrival.
    let received = match (by_name, by_file) {
        (Some(name), Some(file)) => Some(name.min(file)),
        (name, file) => name.or(file),
    };
    FileMessage {
        flags,
        keywords: maildir::keywords(&keywords, keyword_names),
        received,
        ..message
    }
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

fn mbox_message(message: MboxMessage, path: &str, folder: &FileFolder) -> ReadItem {
    let MboxMessage { offset, received, flags, keywords, whole } = message;
    ReadItem::Message(Box::new(FileMessage {
        origin: Origin { path: path.to_owned(), offset: Some(offset) },
        transport: "mbox",
        folder: folder.clone(),
        flags,
        keywords,
        received,
        body: whole.map_or(FileBody::Pieces, FileBody::Whole),
    }))
}
