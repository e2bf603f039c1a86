//! Files in memory.

use std::collections::VecDeque;
use std::io;

use ports::{FileBody, FileFolder, FileMessage, MailReader, Origin, ReadItem, ReadProgress};
use types::Flags;
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};

/// What a test lets be read.
pub(crate) enum Script {
    Message {
        path: String,
        below: Vec<String>,
        bytes: Vec<u8>,
    },
    /// Pieces, and then an error.
    Broken {
        path: String,
        bytes: Vec<u8>,
    },
    Unreadable {
        path: String,
    },
    Ambiguous {
        path: String,
    },
    Skipped {
        path: String,
    },
}

#[derive(Default)]
pub(crate) struct ScriptedReader {
    items: VecDeque<Script>,
    pieces: VecDeque<Result<Vec<u8>, io::Error>>,
    done: u64,
}

impl ScriptedReader {
    pub(crate) fn of(items: impl IntoIterator<Item = Script>) -> ScriptedReader {
        ScriptedReader { items: items.into_iter().collect(), ..ScriptedReader::default() }
    }
}

pub(crate) fn broken() -> io::Error {
    io::Error::other("bad sector")
}

impl MailReader for ScriptedReader {
    fn next(&mut self) -> Option<ReadItem> {
        self.pieces.clear();
        let origin = |path| Origin { path, offset: None };
        let (path, below, bytes, is_broken) = match self.items.pop_front()? {
            Script::Message { path, below, bytes } => (path, below, bytes, false),
            Script::Broken { path, bytes } => (path, Vec::new(), bytes, true),
            Script::Unreadable { path } => {
                let folder = FileFolder::default();
                return Some(ReadItem::Unreadable {
                    origin: origin(path),
                    folder,
                    cause: broken(),
                });
            }
            Script::Ambiguous { path } => {
                let what = "two lengths, the first one was taken";
                return Some(ReadItem::Ambiguous { origin: origin(path), what });
            }
            Script::Skipped { path } => {
                return Some(ReadItem::Skipped { origin: origin(path), why: "a picture" });
            }
        };
        self.done += bytes.len() as u64;
        let body = if is_broken || bytes.len() > PARSE_BYTES_MAX {
            self.pieces = bytes.chunks(CHUNK_BYTES).map(|it| Ok(it.to_vec())).collect();
            if is_broken {
                self.pieces.push_back(Err(broken()));
            }
            FileBody::Pieces
        } else {
            FileBody::Whole(bytes)
        };
        Some(ReadItem::Message(Box::new(FileMessage {
            origin: origin(path),
            transport: "eml",
            folder: FileFolder { top: None, below },
            flags: Flags::default(),
            keywords: Vec::new(),
            received: None,
            body,
        })))
    }

    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.pieces.pop_front().transpose()
    }

    fn progress(&self) -> ReadProgress {
        ReadProgress { bytes_done: self.done, bytes_total: self.done }
    }
}
