//! What holds for any bytes read as an mbox. The fuzz target `mbox_split` runs this very
//! function.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mail_files::write::{Outgoing, WriteFormat, writer};
use mail_files::{Mbox, MboxVariant, is_mbox};
use ports::{Access, Disk, DiskFile};
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};
use types::{BlobId, Flags, FolderPath};

const VARIANTS: [MboxVariant; 5] =
    [MboxVariant::Auto, MboxVariant::Rd, MboxVariant::O, MboxVariant::Cl, MboxVariant::Cl2];

/// Reads `bytes` as an mbox of every variant, and checks that its messages survive being written
/// and read again.
pub(crate) fn check(bytes: &[u8]) {
    let _ = is_mbox(bytes);
    for variant in VARIANTS {
        let messages = read(bytes, variant);
        let total: usize = messages.iter().map(Vec::len).sum();
        assert!(total <= bytes.len(), "more came out than there was");
    }
    let messages = read(bytes, MboxVariant::Auto);
    let again = read(&write(&messages), MboxVariant::Auto);
    assert!(again == messages, "what is written is read again");
    // The bytes themselves are a message too.
    let whole = [bytes.to_vec()];
    assert!(read(&write(&whole), MboxVariant::Auto) == whole, "written and read again");
}

fn read(bytes: &[u8], variant: MboxVariant) -> Vec<Vec<u8>> {
    let mut mbox = Mbox::new(bytes, variant);
    let mut messages = Vec::new();
    while let Some(message) = mbox.message().expect("memory can be read") {
        let whole = message.whole.unwrap_or_else(|| {
            let pieces = std::iter::from_fn(|| mbox.piece().expect("memory can be read"));
            pieces.inspect(|it| assert!(it.len() <= CHUNK_BYTES)).flatten().collect()
        });
        assert!(usize::try_from(message.offset).is_ok_and(|it| it < bytes.len()));
        messages.push(whole);
    }
    while let Some(notice) = mbox.notice() {
        assert!(usize::try_from(notice.offset).is_ok_and(|it| it <= bytes.len()));
    }
    assert_eq!(mbox.pos(), u64::try_from(bytes.len()).unwrap_or(0), "all of it was read");
    assert!(messages.iter().all(|it| it.len() <= bytes.len().max(PARSE_BYTES_MAX)));
    messages
}

fn write(messages: &[Vec<u8>]) -> Vec<u8> {
    let disk = MemoryDisk::default();
    let folder = FolderPath::from_parts(["x"]);
    let mut to = writer(WriteFormat::Mbox, Arc::new(disk.clone()), Path::new("/"));
    for message in messages {
        let id = BlobId::of(message);
        let flags = Flags::default();
        let outgoing = Outgoing { id, folder: &folder, flags, keywords: &[], received: None };
        to.begin(&outgoing).expect("memory can be written");
        for piece in message.chunks(1_000) {
            to.write(piece).expect("memory can be written");
        }
        to.finish().expect("memory can be written");
    }
    to.close().expect("memory can be written");
    let files = disk.files.lock().expect("nothing panicked");
    files.values().next().map(MemoryFile::bytes).unwrap_or_default()
}

/// As little of a disk as writing an mbox needs.
#[derive(Clone, Default)]
struct MemoryDisk {
    files: Arc<Mutex<HashMap<PathBuf, MemoryFile>>>,
}

#[derive(Clone, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryFile {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("nothing panicked").clone()
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, _: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut files = self.files.lock().expect("nothing panicked");
        Ok(Box::new(files.entry(path.to_owned()).or_default().clone()))
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = self.0.lock().expect("nothing panicked");
        let start = usize::try_from(offset).expect("it fits memory");
        let end = start + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content.get_mut(start..end).expect("it was made long enough").copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.bytes().len()).unwrap_or(0))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut content = self.0.lock().expect("nothing panicked");
        content.resize(usize::try_from(len).expect("it fits memory"), 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
