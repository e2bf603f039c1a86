//! A store whose log is on a faulty disk, with the views in a temporary directory and an index
//! that is a text file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use frames::encode_blob;
use ledger::{
    Detail, Fact, FolderDetail, MessageDetail, PlacementDetail, SourceDetail, SourceRef, TreeKind,
};
use ports::{
    Change, Clock, Index, IndexDoc, IndexError, Log, LogError, NewBody, NewPlacement, Random,
};
use tempfile::TempDir;
use testkit::FaultyDisk;
use types::{ArchiveId, EntryNumber, Flags, FolderId, Hash, Position, SourceId, Timestamp};

use crate::log::LogOptions;
use sealing::{KeyRing, SealingKey};

use crate::{IndexOpener, NewStores, Store, StoreOptions, StoreReport};

pub(super) const ALICE: ArchiveId = ArchiveId(1);

/// Noon, always.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_284_100)
    }
}

/// Counts up, so that ids and salts differ between calls and not between runs.
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let block = Hash::of(&n.to_be_bytes()).0;
        bytes.iter_mut().zip(block.iter().cycle()).for_each(|(byte, it)| *byte = *it);
    }
}

/// What tests ask of the fake index, and what it counts.
#[derive(Default)]
pub(super) struct IndexControl {
    pub(super) fails: AtomicBool,
    pub(super) n_commits: AtomicUsize,
    pub(super) n_adds: AtomicUsize,
    /// Crashes with the next document.
    pub(super) crashes: Mutex<Option<FaultyDisk>>,
}

/// Documents by number, in a text file that a commit replaces.
struct TextIndex {
    file: PathBuf,
    position: Position,
    docs: BTreeMap<u32, String>,
    control: Arc<IndexControl>,
}

impl TextIndex {
    fn open(dir: &Path, control: Arc<IndexControl>) -> Result<TextIndex, IndexError> {
        std::fs::create_dir_all(dir).unwrap();
        let file = dir.join("docs");
        let mut index =
            TextIndex { file, position: Position::default(), docs: BTreeMap::new(), control };
        let Ok(text) = std::fs::read_to_string(&index.file) else { return Ok(index) };
        let wrong = || IndexError { what: "opening it".into(), cause: "damaged".into() };
        let mut lines = text.lines();
        let (entries, root) = lines.next().and_then(|it| it.split_once(' ')).ok_or_else(wrong)?;
        let root: types::BlobId = root.parse().map_err(|_| wrong())?;
        index.position =
            Position { entries: entries.parse().map_err(|_| wrong())?, root: Hash(root.0) };
        for line in lines {
            let (n, doc) = line.split_once(' ').ok_or_else(wrong)?;
            index.docs.insert(n.parse().map_err(|_| wrong())?, doc.to_owned());
        }
        Ok(index)
    }
}

impl Index for TextIndex {
    fn position(&self) -> Position {
        self.position
    }

    fn add(&mut self, doc: IndexDoc) -> Result<(), IndexError> {
        if self.control.fails.load(Ordering::Relaxed) {
            return Err(IndexError { what: "adding".into(), cause: "told to fail".into() });
        }
        self.control.n_adds.fetch_add(1, Ordering::Relaxed);
        if let Some(disk) = self.control.crashes.lock().unwrap().take() {
            disk.crash();
        }
        let IndexDoc { n, blob, size, date, archived, message } = doc;
        let (subject, text) = (&message.subject, message.text.len());
        let line = format!("{blob} {size} {} {} {subject:?} {text}", date.0, archived.0);
        self.docs.insert(n, line);
        Ok(())
    }

    fn commit(&mut self, upto: Position) -> Result<(), IndexError> {
        self.control.n_commits.fetch_add(1, Ordering::Relaxed);
        let mut text = format!("{} {}\n", upto.entries, upto.root);
        for (n, doc) in &self.docs {
            writeln!(text, "{n} {doc}").unwrap();
        }
        std::fs::write(&self.file, text).unwrap();
        self.position = upto;
        Ok(())
    }

    fn forget(&mut self, messages: &types::MessageSet) -> Result<(), IndexError> {
        self.docs.retain(|n, _| !messages.contains(*n));
        Ok(())
    }

    fn erase(&mut self, messages: &types::MessageSet) -> Result<(), IndexError> {
        if self.control.fails.load(Ordering::Relaxed) {
            return Err(IndexError { what: "erasing".into(), cause: "told to fail".into() });
        }
        self.docs.retain(|n, _| !messages.contains(*n));
        self.commit(self.position)
    }

    fn close(self: Box<Self>) -> Result<(), IndexError> {
        Ok(())
    }
}

/// The key that the stores of tests are encrypted with.
pub(super) fn keys_at_hand() -> crate::log::KeysAtHand {
    Arc::new(|| Ok(KeyRing::of(SealingKey::random(|it| it.fill(0x5a)))))
}

/// Where a store lives in a test.
pub(super) struct Bench {
    dir: TempDir,
    pub(super) disk: FaultyDisk,
    pub(super) index: Arc<IndexControl>,
    random: Arc<Counting>,
    pub(super) reports: Mutex<Vec<StoreReport>>,
}

/// What a store says, for comparing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) digest: Hash,
    pub(super) docs: String,
}

/// The views are synced to a real file system; in memory that takes no time.
fn tempdir_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::on(FaultyDisk::new(), 0)
    }

    /// A place of its own for the views, beside this disk. `seed` changes random numbers.
    pub(super) fn on(disk: FaultyDisk, seed: usize) -> Bench {
        Bench {
            dir: tempdir_in_memory(),
            disk,
            index: Arc::default(),
            random: Arc::new(Counting(AtomicUsize::new(seed * 1_000_000))),
            reports: Mutex::default(),
        }
    }

    /// The same place with another disk: what a machine finds after a power loss.
    pub(super) fn with_disk(self, disk: FaultyDisk) -> Bench {
        Bench { disk, ..self }
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.dir.path().join("stores/default")
    }

    pub(super) fn catalog(&self) -> PathBuf {
        self.dir().join("catalog.db")
    }

    pub(super) fn options(&self) -> StoreOptions {
        let control = Arc::clone(&self.index);
        let opener: IndexOpener = Arc::new(move |dir| {
            Ok(Box::new(TextIndex::open(dir, Arc::clone(&control))?) as Box<dyn Index>)
        });
        StoreOptions {
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(Noon),
            random: self.random.clone(),
            index: Some(opener),
            recorded: Vec::new(),
            log: LogOptions {
                segment_bytes_max: 64 << 10,
                batch_bytes_max: 16 << 10,
                ..LogOptions::STANDARD
            },
            keys: keys_at_hand(),
            new_stores: NewStores::Plain,
            on_end: Arc::new(|_, _| Ok(())),
        }
    }

    pub(super) fn open(&self) -> Store {
        let (store, report) = Store::open(&self.dir(), self.options()).unwrap();
        self.reports.lock().unwrap().push(report);
        store
    }

    pub(super) fn last_report(&self) -> StoreReport {
        self.reports.lock().unwrap().last().unwrap().clone()
    }

    /// Opens, waits for both views, asks them, closes.
    pub(super) async fn told(&self) -> Told {
        let store = self.open();
        let told = told(self, &store).await;
        store.close().unwrap();
        told
    }
}

/// What a store says once its views have read everything.
pub(super) async fn told(bench: &Bench, store: &Store) -> Told {
    let reach = store.flush().await;
    let entries = store.log().position().entries;
    assert!(reach.is_at(entries), "{reach:?} of {entries}");
    let docs = std::fs::read_to_string(bench.dir().join("index/docs")).unwrap_or_default();
    Told { digest: store.catalog().digest().unwrap(), docs }
}

/// A message whose subject is `name`.
pub(super) fn mail(name: &str) -> Vec<u8> {
    format!(
        "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: {name}\r\n\
         Date: Sat, 21 Nov 2026 18:01:40 +0000\r\n\r\nThe text of {name}.\r\n"
    )
    .into_bytes()
}

/// What archiving a message appends.
pub(super) fn placing(bytes: &[u8], folder: FolderId, source: Option<SourceRef>) -> Change {
    let (message, _) = message::parse(bytes);
    let message_detail = MessageDetail {
        from: message.from.clone(),
        to: message.to.clone(),
        subject: message.subject.clone(),
        date: message.date,
        header_hash: message.header_hash,
        ..MessageDetail::default()
    };
    Change::Message(Box::new(NewPlacement {
        body: NewBody::Whole(encode_blob(bytes)),
        size: bytes.len() as u64,
        folder,
        flags: Flags::default(),
        received: Some(Timestamp(7)),
        source,
        placement_detail: PlacementDetail { transport: "imap".into(), ..Default::default() },
        message_detail: Box::new(message_detail),
        parsed: Some(Box::new(message)),
    }))
}

/// Makes a folder with a source.
pub(super) async fn begin(store: &Store) -> Result<(FolderId, SourceId), LogError> {
    let fact = Fact::FolderChanged { folder: None, archive: ALICE, kind: TreeKind::Archive };
    let detail = FolderDetail { user: "alice".into(), path: "a/INBOX".into() };
    let folder = append_one(store, Change::Fact(fact, Some(Detail::Folder(detail)))).await?;
    let folder = FolderId(folder.0);
    let fact = Fact::SourceOpened { archive: ALICE, folder, uid_validity: 9 };
    let detail = SourceDetail { account: "alice".into(), ..SourceDetail::default() };
    let source = append_one(store, Change::Fact(fact, Some(Detail::Source(detail)))).await?;
    Ok((folder, SourceId(source.0)))
}

async fn append_one(store: &Store, change: Change) -> Result<EntryNumber, LogError> {
    Ok(store.log().append(vec![change]).await?[0])
}

/// Archives messages with these names, in batches of `together`, from UID `uid_first` on.
pub(super) async fn archive(
    store: &Store,
    (folder, source): (FolderId, SourceId),
    uid_first: u64,
    n: u64,
    together: usize,
) -> Result<(), LogError> {
    let uids: Vec<u64> = (uid_first..uid_first + n).collect();
    for some in uids.chunks(together) {
        let placing = |uid: &u64| {
            let at = SourceRef { source, uid: *uid };
            placing(&mail(&format!("number {uid}")), folder, Some(at))
        };
        store.log().append(some.iter().map(placing).collect()).await?;
    }
    Ok(())
}
