//! A made-up log, told as facts, and what the catalog says about it.

mod collapse;
mod conformance;
mod erasure;
mod files;
mod holds;
mod lists;

use std::path::{Path, PathBuf};

use ledger::merkle::Tree;
use ledger::{
    Detail, Entry, Fact, FolderDetail, MessageDetail, PlacementDetail, SourceDetail, SourceRef,
    TreeKind, leaf_hash,
};
use ports::{Catalog, WriteCatalog};
use tempfile::TempDir;
use tokio::sync::watch;
use types::{
    Address, ArchiveId, BlobId, Flags, FolderId, Hash, MessageKey, MessageSet, PlacementId,
    Position, SourceId, Timestamp,
};

use super::*;

pub(super) const ALICE: ArchiveId = ArchiveId(1);
pub(super) const STORE: &str = "store-a";

/// A log in memory: what a test tells, with the batches that a catalog applies.
#[derive(Default)]
pub(super) struct Story {
    entries: Vec<(Entry, Option<Detail>)>,
    tree: Tree,
    /// Batches: number of the first entry, and the position behind the last.
    batches: Vec<(usize, Position)>,
}

impl Story {
    /// Tells a fact; returns the number of its entry. The batch ends with
    /// [`end_batch`](Story::end_batch).
    pub(super) fn tell(&mut self, fact: Fact, detail: Option<Detail>) -> u64 {
        let number = self.entries.len();
        let time = Timestamp(1_000_000 + i64::try_from(number).unwrap());
        let entry = Entry { time, salt: [0; 16], detail: None, fact };
        self.tree.append(leaf_hash(&entry.encode()));
        self.entries.push((entry, detail));
        number as u64
    }

    pub(super) fn end_batch(&mut self) {
        let first =
            self.batches.last().map_or(0, |(_, upto)| usize::try_from(upto.entries).unwrap());
        self.batches.push((first, self.tree.position()));
    }

    pub(super) fn folder(&mut self, archive: ArchiveId, user: &str, path: &str) -> FolderId {
        let fact = Fact::FolderChanged { folder: None, archive, kind: TreeKind::Archive };
        let detail = FolderDetail { user: user.into(), path: path.into() };
        FolderId(self.tell(fact, Some(Detail::Folder(detail))))
    }

    pub(super) fn source(&mut self, folder: FolderId, mailbox: &str) -> SourceId {
        let fact = Fact::SourceOpened { archive: ALICE, folder, uid_validity: 9 };
        let detail = SourceDetail {
            profile: "imap://h:143".into(),
            account: "alice".into(),
            mailbox_raw: mailbox.as_bytes().to_vec(),
            mailbox: mailbox.into(),
        };
        SourceId(self.tell(fact, Some(Detail::Source(detail))))
    }

    /// A message, placed for the first time.
    pub(super) fn message(&mut self, name: &str, folder: FolderId, at: Option<SourceRef>) -> u64 {
        self.placed(name, None, folder, Flags::default(), at)
    }

    pub(super) fn placed(
        &mut self,
        name: &str,
        message: Option<u64>,
        folder: FolderId,
        flags: Flags,
        source: Option<SourceRef>,
    ) -> u64 {
        let fact = Fact::Placed {
            message: message.map(MessageKey),
            blob: BlobId::of(name.as_bytes()),
            size: name.len() as u64,
            folder,
            flags,
            received: Some(Timestamp(500)),
            source,
        };
        let first = message.is_none().then(|| {
            Box::new(MessageDetail {
                from: vec![Address { name: "Bob".into(), addr: "bob@example.org".into() }],
                to: vec![Address::bare("alice@example.org")],
                subject: format!("about {name}"),
                date: Some(Timestamp(400)),
                header_hash: Hash::of(name.as_bytes()),
                ..MessageDetail::default()
            })
        });
        let placement = PlacementDetail { transport: "imap".into(), ..Default::default() };
        self.tell(fact, Some(Detail::Placed(placement, first)))
    }

    pub(super) fn apply_to(&self, writer: &mut CatalogWriter) {
        for (first, upto) in &self.batches {
            let end = usize::try_from(upto.entries).unwrap();
            if writer.position().entries <= *first as u64 {
                writer.apply(*first as u64, &self.entries[*first..end], *upto).unwrap();
            }
        }
    }
}

/// A catalog in a temporary directory that has read a story.
pub(super) struct Told {
    pub(super) writer: CatalogWriter,
    pub(super) catalog: SqlCatalog,
    pub(super) reach: watch::Sender<Reach>,
    pub(super) dir: TempDir,
}

impl Told {
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("catalog.db")
    }
}

pub(super) fn new_catalog(path: &Path) -> CatalogWriter {
    CatalogWriter::create(path, STORE).unwrap().finish().unwrap();
    CatalogWriter::open(path, STORE).unwrap().unwrap()
}

pub(super) fn told(story: &mut Story) -> Told {
    story.end_batch();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let mut writer = new_catalog(&path);
    story.apply_to(&mut writer);
    writer.commit().unwrap();
    // One that is made in one go gets its indexes when they are missed, or at its end.
    let anew = dir.path().join("anew.db");
    let mut at_once = CatalogWriter::create(&anew, STORE).unwrap();
    story.apply_to(&mut at_once);
    at_once.finish().unwrap();
    let at_once = CatalogWriter::open(&anew, STORE).unwrap().unwrap();
    assert_eq!(at_once.digest().unwrap(), writer.digest().unwrap());
    let entries = writer.position().entries;
    let (reach, reached) = watch::channel(Reach { entries, failure: None });
    let catalog = SqlCatalog::beside(&path, STORE, reached);
    Told { writer, catalog, reach, dir }
}

/// Everything about placements and places at sources, one line each.
pub(super) fn shown(catalog: &SqlCatalog) -> String {
    let mut lines = Vec::new();
    let folders = catalog.folders(None).unwrap();
    for row in &folders {
        lines.push(format!("{} {}: {}", row.folder, row.path, row.messages));
    }
    let all = catalog.set_of_all().unwrap();
    for placed in catalog.placed(&all, 0, usize::MAX).unwrap() {
        lines.push(format!("message {} {}", placed.message.n, placed.message.subject));
        for place in placed.places {
            let flags: Vec<_> = place.flags.names().collect();
            let refs = catalog.refs_of(place.placement).unwrap();
            let refs: Vec<String> =
                refs.iter().map(|it| format!("{}:{}", it.source, it.uid)).collect();
            lines.push(format!(
                "  {} in {} [{}] at [{}]",
                place.placement,
                place.path,
                flags.join(" "),
                refs.join(" ")
            ));
        }
    }
    lines.join("\n") + "\n"
}

pub(super) fn numbers(set: &MessageSet) -> Vec<u32> {
    set.iter().collect()
}

pub(super) fn at(source: SourceId, uid: u64) -> SourceRef {
    SourceRef { source, uid }
}

pub(super) fn placement(number: u64) -> PlacementId {
    PlacementId(number)
}
