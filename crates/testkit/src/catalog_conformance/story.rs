//! A made-up log with everything in it that a catalog shows, the same for the same seed.

use ledger::merkle::Tree;
use ledger::{
    Certificate, Detail, Entry, EnvelopeDetail, EraseReason, Fact, FolderDetail, MessageDetail,
    Outcome, PlacementDetail, QuarantineDetail, QuarantineReason, RunCounts, RunDetail,
    SourceDetail, SourceRef, SpareReason, TreeKind, leaf_hash,
};
use ports::WriteCatalog;
use types::{
    ArchiveId, BlobId, EntryNumber, Flags, FolderId, Hash, MessageKey, PlacementId, Position,
    SourceId, Timestamp,
};

/// A log in memory, cut into batches.
pub struct Story {
    entries: Vec<(Entry, Option<Detail>)>,
    /// Where each batch ends.
    pub ends: Vec<Position>,
    tree: Tree,
    random: u64,
    folders: Vec<FolderId>,
    sources: Vec<SourceId>,
    /// Placements, with the message of each.
    placements: Vec<(PlacementId, MessageKey)>,
    erased: Vec<MessageKey>,
    next_uid: u64,
}

const ARCHIVES: [ArchiveId; 2] = [ArchiveId(1), ArchiveId(u64::MAX)];

/// The second is the first in another normal form.
const PATHS: [&str; 5] =
    ["a/Stra\u{e9}e", "a/Strae\u{301}e", "a/INBOX/x%2Fy", "b/INBOX", "A/INBOX"];

impl Story {
    /// A story of `n` batches.
    #[must_use]
    pub fn told(seed: u64, n: usize) -> Story {
        let mut story = Story {
            entries: Vec::new(),
            ends: vec![Tree::new().position()],
            tree: Tree::new(),
            random: seed * 2 + 1,
            folders: Vec::new(),
            sources: Vec::new(),
            placements: Vec::new(),
            erased: Vec::new(),
            next_uid: 1,
        };
        story.begin();
        for _ in 1..n {
            for _ in 0..=story.below(5) {
                story.something();
            }
            story.end_batch();
        }
        story
    }

    fn below(&mut self, n: usize) -> usize {
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        self.random = next;
        usize::try_from(next >> 33).unwrap() % n
    }

    fn tell(&mut self, fact: Fact, detail: Option<Detail>) -> u64 {
        let number = self.entries.len() as u64;
        let time = Timestamp(1_000_000 + i64::try_from(number).unwrap());
        let entry = Entry { time, salt: [0; 16], detail: None, fact };
        self.tree.append(leaf_hash(&entry.encode()));
        self.entries.push((entry, detail));
        number
    }

    fn end_batch(&mut self) {
        self.ends.push(self.tree.position());
    }

    fn begin(&mut self) {
        for (n, path) in PATHS.into_iter().enumerate() {
            let archive = ARCHIVES[n % 2];
            let fact = Fact::FolderChanged { folder: None, archive, kind: TreeKind::Archive };
            let detail = FolderDetail { user: "alice".into(), path: path.into() };
            let folder = FolderId(self.tell(fact, Some(Detail::Folder(detail))));
            self.folders.push(folder);
            let fact = Fact::SourceOpened { archive, folder, uid_validity: u64::MAX - n as u64 };
            let detail = SourceDetail {
                profile: "imap://h:143".into(),
                account: "alice".into(),
                mailbox_raw: vec![b'a', 0xff],
                mailbox: path.into(),
            };
            let source = SourceId(self.tell(fact, Some(Detail::Source(detail))));
            self.sources.push(source);
        }
        self.end_batch();
    }

    fn folder(&mut self) -> FolderId {
        let n = self.below(self.folders.len());
        self.folders[n]
    }

    fn placement(&mut self) -> (PlacementId, MessageKey) {
        match self.placements.len() {
            0 => (PlacementId(9_999), MessageKey(9_999)),
            n => {
                let n = self.below(n);
                self.placements[n]
            }
        }
    }

    /// A new place at a source, or one that is known; some with the largest numbers.
    fn at(&mut self) -> SourceRef {
        let n = self.below(self.sources.len());
        let uid = match self.below(3) {
            0 => u64::MAX - self.below(3) as u64,
            1 => self.below(12) as u64,
            _ => {
                self.next_uid += 1;
                self.next_uid
            }
        };
        SourceRef { source: self.sources[n], uid }
    }

    fn something(&mut self) {
        let (placement, message) = self.placement();
        match self.below(17) {
            0..4 => self.arrives(),
            4 if !self.placements.is_empty() && !self.erased.contains(&message) => {
                self.placed(Some(message), &format!("again {message}"));
            }
            5 => {
                let (folder, source) = (self.folder(), self.at());
                let source = (self.below(2) == 0).then_some(source);
                self.tell(Fact::Moved { placement, folder, source }, None);
            }
            6 => _ = self.tell(Fact::Flagged { placement, flags: Flags::FLAGGED }, None),
            7 => _ = self.tell(Fact::Removed { placement }, None),
            8 => {
                let source = self.at();
                self.tell(Fact::SourceGone { source }, None);
            }
            9 => {
                let source = self.at();
                self.tell(Fact::Sighted { placement, source }, None);
            }
            10 => self.source_facts(),
            11 => self.quarantined(),
            12 => self.renamed(),
            13 => self.described_anew(message),
            14 => self.erased_or_spared(message),
            _ => self.about_itself(),
        }
    }

    fn arrives(&mut self) {
        let name = format!("mail {}", self.entries.len());
        self.placed(None, &name);
    }

    fn placed(&mut self, message: Option<MessageKey>, name: &str) {
        let at = self.at();
        let flags = [Flags::default(), Flags::SEEN, Flags::FLAGGED][self.below(3)];
        let fact = Fact::Placed {
            message,
            blob: BlobId::of(name.as_bytes()),
            size: name.len() as u64,
            folder: self.folder(),
            flags,
            received: (self.below(3) != 0).then_some(Timestamp(-5)),
            source: (self.below(4) != 0).then_some(at),
        };
        let mut envelope = EnvelopeDetail::default();
        if self.below(2) == 0 {
            envelope.senders = vec!["eve@example.org".into()];
            envelope.recipients = vec!["a@example.org".into(), "b@example.org".into()];
        }
        let own = PlacementDetail { transport: "imap".into(), envelope, ..Default::default() };
        let first = message.is_none().then(|| Box::new(self.detail(name)));
        // Some details are erased.
        let detail = (self.below(9) != 0).then_some(Detail::Placed(own, first));
        let number = self.tell(fact, detail);
        self.placements.push((PlacementId(number), message.unwrap_or(MessageKey(number))));
    }

    fn detail(&mut self, name: &str) -> MessageDetail {
        MessageDetail {
            // Long, so that a disk can become full.
            subject: format!("{name} {}", "again and again ".repeat(50)),
            date: (self.below(3) != 0).then_some(Timestamp(400)),
            header_hash: Hash::of(name.as_bytes()),
            canonical_hash: content(self.below(3)),
            ..MessageDetail::default()
        }
    }

    fn source_facts(&mut self) {
        let source = self.at().source;
        let uid_next = u64::MAX - self.below(9) as u64;
        let fingerprint = Hash([7; 32]);
        self.tell(Fact::CursorAdvanced { source, uid_next, modseq: 5, fingerprint }, None);
        let counts = RunCounts { server_count: uid_next, archived: 2, ..RunCounts::default() };
        let certificate = Certificate { source, uid_validity: 1, uid_next, modseq: 0, counts };
        self.tell(Fact::Certified(certificate), None);
    }

    fn quarantined(&mut self) {
        let fact = Fact::Quarantined {
            source: self.at(),
            reason: QuarantineReason::Truncated,
            attempts: u32::try_from(self.below(9)).unwrap(),
            retry_at: Timestamp(-1),
        };
        let detail = QuarantineDetail { text: "it ended early".into() };
        self.tell(fact, Some(Detail::Quarantine(detail)));
    }

    fn renamed(&mut self) {
        let folder = Some(self.folder());
        let archive = ARCHIVES[self.below(2)];
        let path = PATHS[self.below(PATHS.len())];
        let fact = Fact::FolderChanged { folder, archive, kind: TreeKind::Live };
        let detail = FolderDetail { user: "bob".into(), path: path.into() };
        let detail = (self.below(4) != 0).then_some(Detail::Folder(detail));
        self.tell(fact, detail);
    }

    fn described_anew(&mut self, message: MessageKey) {
        if self.erased.contains(&message) {
            return;
        }
        let detail = Detail::Placed(PlacementDetail::default(), Some(Box::new(self.detail("new"))));
        self.tell(Fact::Detail { of: EntryNumber(message.0) }, Some(detail));
    }

    fn erased_or_spared(&mut self, message: MessageKey) {
        let messages = vec![message];
        let reason = EraseReason::Request;
        let due = Timestamp(2_000_000);
        self.tell(Fact::Condemned { messages: messages.clone(), reason, due }, None);
        if self.below(2) == 0 {
            let reason = SpareReason::Hold;
            self.tell(Fact::Spared { messages, reason }, None);
        } else {
            self.tell(Fact::Erased { messages }, None);
            self.erased.push(message);
        }
    }

    /// Entries that no row is made of, or none that is asked for here.
    fn about_itself(&mut self) {
        if self.below(2) == 0 {
            self.tell(Fact::Confirmed { sources: 2, root: Hash([3; 32]) }, None);
            return;
        }
        let counts = RunCounts::default();
        let started = Timestamp(1);
        let fact = Fact::RunFinished { outcome: Outcome::Partial, counts, started };
        self.tell(fact, Some(Detail::Run(RunDetail::default())));
    }

    /// Number of its entries.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries from where a catalog is up to the end of a batch.
    #[must_use]
    pub fn between(&self, from: u64, upto: Position) -> &[(Entry, Option<Detail>)] {
        let at = |it: u64| usize::try_from(it).unwrap();
        &self.entries[at(from)..at(upto.entries)]
    }

    /// Names of folders and sources, and one that is none.
    pub(super) fn places(&self) -> impl Iterator<Item = (FolderId, SourceId)> {
        let none = (FolderId(self.len()), SourceId(self.len()));
        self.folders.iter().copied().zip(self.sources.iter().copied()).chain([none])
    }

    /// Applies everything behind where `writer` is, and commits.
    pub fn finish(&self, writer: &mut impl WriteCatalog) {
        let end = *self.ends.last().unwrap();
        let from = writer.position().entries;
        writer.apply(from, self.between(from, end), end).expect("the rest of the story");
        writer.commit().expect("a commit");
    }
}

/// Archives that may have something.
pub(super) fn archives() -> [ArchiveId; 3] {
    [ARCHIVES[0], ARCHIVES[1], ArchiveId(2)]
}

/// Paths that may be there.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    PATHS.into_iter().chain(["a", "nothing"])
}

/// Hashes that messages have in common.
pub(super) fn content(n: usize) -> Hash {
    Hash::of(&[u8::try_from(n).unwrap()])
}
