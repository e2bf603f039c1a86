//! A batch on its way into a segment, and the check of batches that stand in one.
//!
//! A batch is every content frame behind the commit (or close) before it, up to and with its own
//! commit frame. Its hash covers what the batch says, and not how that is encoded: the hash of the
//! batch before, of each blob its kind, length and id, and of the commit the number, the entries
//! with their root, and the time. Entries are under the root, and details under the hashes in
//! their entries. So a batch keeps its hash in another segment, under another codec, dictionary or
//! key, and when what it held was erased.
//!
//! That the bytes of a frame are those that were written, its checksum says; that they are those of
//! the id, is checked when they are read.

use ledger::leaf_hash;
use sha2::{Digest, Sha256};
use types::{BlobId, Hash, Timestamp};

use crate::frame_out::{Content, FrameOut};
use crate::header::batch_low;
use crate::payload::{self, ChunkList, decode_body, decode_entries};
use crate::{
    Casing, Close, Codec, Commit, Dictionary, EncodedBlob, EncodedSkeleton, Encoder, Flaw, Frame,
    Header, Item, Kind, Pack, State,
};

/// Where a batch is written.
#[derive(Clone, Debug)]
pub struct Place {
    /// What the frames of the segment have in common.
    pub casing: Casing,
    /// Where in the segment `prefix` begins.
    pub offset: u64,
    /// Bytes that stand before the batch and are written once more with it; may be empty.
    pub prefix: Vec<u8>,
}

/// Builds one batch as bytes.
pub struct BatchWriter {
    out: FrameOut,
    prefix_len: usize,
    state: State,
    hasher: Sha256,
}

impl BatchWriter {
    /// Begins the batch that follows `state`.
    #[must_use]
    pub fn new(place: Place, state: State) -> BatchWriter {
        let hasher = Sha256::new().chain_update(state.hash.0);
        let prefix_len = place.prefix.len();
        let out = FrameOut::new(place.casing, place.offset, place.prefix);
        BatchWriter { out, prefix_len, state, hasher }
    }

    /// Bytes of frames so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len() - self.prefix_len
    }

    /// Whether it has no frame yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the prefix back of a batch that got no frame.
    #[must_use]
    pub fn into_prefix(self) -> Vec<u8> {
        let mut bytes = self.out.into_bytes();
        bytes.truncate(self.prefix_len);
        bytes
    }

    /// The log behind the entries that were added so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    fn put(&mut self, content: &Content<'_>) -> u64 {
        let offset = self.out.end();
        self.out.put(self.state.batch + 1, content);
        offset
    }

    /// Adds a blob, or a chunk of one; says at which offset of the segment.
    pub fn blob(&mut self, kind: Kind, blob: &EncodedBlob) -> u64 {
        let head = payload::encode_id(&blob.id);
        let raw_len = blob.raw_len as usize;
        cover(&mut self.hasher, kind, raw_len, &blob.id);
        self.put(&Content { kind, codec: blob.codec, raw_len, parts: [&head, &blob.body] })
    }

    /// Adds the list of a large blob's chunks; says at which offset of the segment.
    pub fn chunk_list(&mut self, id: &BlobId, list: &ChunkList) -> u64 {
        let head = payload::encode_id(id);
        let body = list.encode();
        cover(&mut self.hasher, Kind::ChunkList, body.len(), id);
        let content = Content {
            kind: Kind::ChunkList,
            codec: Codec::Stored,
            raw_len: body.len(),
            parts: [&head, &body],
        };
        self.put(&content)
    }

    /// Adds the skeleton of a message; says at which offset of the segment.
    pub fn skeleton(&mut self, skeleton: &EncodedSkeleton) -> u64 {
        let EncodedSkeleton { id, total_len, raw_len, codec, body, .. } = skeleton;
        let mut head = payload::encode_id(id).to_vec();
        head.extend(total_len.to_le_bytes());
        let raw_len = *raw_len as usize;
        cover(&mut self.hasher, Kind::Skeleton, raw_len, id);
        self.put(&Content { kind: Kind::Skeleton, codec: *codec, raw_len, parts: [&head, body] })
    }

    /// Adds the one item of a pack as a frame of its own; says at which offset of the segment.
    pub fn item(&mut self, item: &Item, codec: Codec, body: &[u8]) -> u64 {
        let Item { kind, raw_len, total_len, ref id, .. } = *item;
        let mut head = payload::encode_id(id).to_vec();
        if kind == Kind::Skeleton {
            head.extend(total_len.to_le_bytes());
        }
        let raw_len = raw_len as usize;
        cover(&mut self.hasher, kind, raw_len, id);
        self.put(&Content { kind, codec, raw_len, parts: [&head, body] })
    }

    /// Adds a pack; says at which offset of the segment.
    pub fn pack(
        &mut self,
        pack: &Pack,
        encoder: &mut Encoder,
        dictionary: Option<&Dictionary>,
    ) -> u64 {
        for item in pack.items() {
            cover(&mut self.hasher, item.kind, item.raw_len as usize, &item.id);
        }
        let (codec, payload) = pack.encode(encoder, dictionary);
        let (kind, raw_len) = (Kind::Pack, pack.len());
        self.put(&Content { kind, codec, raw_len, parts: [&payload, &[]] })
    }

    /// Adds the entries of the batch, and their details with the numbers they belong to. `time`
    /// is that of the last entry.
    pub fn entries(
        &mut self,
        entries: &[Vec<u8>],
        details: &[(u64, Vec<u8>)],
        time: Timestamp,
        encoder: &mut Encoder,
    ) {
        let first = self.state.tree.size();
        for raw in payload::encode_entries(first, entries) {
            self.put_packed(Kind::Entries, &raw, encoder);
        }
        for raw in payload::encode_details(details) {
            self.put_packed(Kind::Details, &raw, encoder);
        }
        for entry in entries {
            self.state.tree.append(leaf_hash(entry));
        }
        self.state.time = time;
    }

    fn put_packed(&mut self, kind: Kind, raw: &[u8], encoder: &mut Encoder) {
        let (codec, body) = encoder.compress(raw);
        self.put(&Content { kind, codec, raw_len: raw.len(), parts: [&body, &[]] });
    }

    /// Ends the batch: its bytes (behind the prefix), and the log's state behind it.
    #[must_use]
    pub fn commit(mut self) -> (Vec<u8>, State) {
        let mut commit = Commit {
            batch: self.state.batch + 1,
            bytes: self.len() as u64,
            position: self.state.position(),
            time: self.state.time,
            hash: Hash::default(),
        };
        commit.hash = Hash(self.hasher.chain_update(commit.covered()).finalize().into());
        let payload = commit.encode();
        let content = Content {
            kind: Kind::Commit,
            codec: Codec::Stored,
            raw_len: payload.len(),
            parts: [&payload, &[]],
        };
        self.out.put(commit.batch, &content);
        self.state.batch = commit.batch;
        self.state.hash = commit.hash;
        (self.out.into_bytes(), self.state)
    }
}

/// What the hash of a batch covers of a blob, chunk or list in it: `raw_len` is the length after
/// decoding that the frame's header gives.
fn cover(hasher: &mut Sha256, kind: Kind, raw_len: usize, id: &BlobId) {
    hasher.update([kind.number()]);
    hasher.update((raw_len as u64).to_le_bytes());
    hasher.update(id.0);
}

/// What a frame was to the batch that it stands in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A part of a batch that is not yet committed, or of a footer.
    Inside,
    /// The end of a batch: everything in it matches, up to the Merkle root.
    Committed(Commit),
    /// A close frame, as it should be here.
    Closed(Option<crate::Footer>),
}

/// Follows the frames of a log and checks that each batch is what its commit says.
///
/// After a flaw, [`Chain::skip`] lets it go on: of the batch that has it the hash is not checked,
/// and when entries are lost, Merkle roots are not checked before the next close frame.
pub struct Chain {
    state: State,
    batch: Option<Batch>,
    in_footer: bool,
    is_flawed: bool,
    is_tree_known: bool,
}

/// A batch that is being followed.
struct Batch {
    hasher: Sha256,
    bytes: u64,
    tree: ledger::merkle::Tree,
}

impl Chain {
    /// Goes on behind `state`.
    #[must_use]
    pub fn new(state: State) -> Chain {
        Chain { state, batch: None, in_footer: false, is_flawed: false, is_tree_known: true }
    }

    /// The log behind the last whole batch.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether frames of a batch without its commit were taken.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.batch.is_some()
    }

    /// Goes on although a frame here is flawed, or [`push`](Self::push) refused it.
    pub fn skip(&mut self) {
        self.is_flawed = true;
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Step, Flaw> {
        let kind = frame.header.kind;
        let number = self.state.batch.wrapping_add(u64::from(kind.is_content()));
        let ahead = frame.header.batch.wrapping_sub(batch_low(number));
        if self.is_flawed {
            // Commits may be among what was lost. Numbers wrap, but not within one flaw.
            let lost = if ahead < 0x8000 { u64::from(ahead) } else { 0 };
            self.state.batch = self.state.batch.wrapping_add(lost);
        } else if ahead != 0 {
            return Err(Flaw::OutOfOrder);
        }
        let misplaced = if kind.is_content() { self.in_footer } else { self.is_inside() };
        if misplaced && !self.is_flawed {
            return Err(Flaw::OutOfOrder);
        }
        match kind {
            Kind::Close => self.close(frame),
            Kind::Commit => self.commit(frame),
            Kind::Dictionary if !self.in_footer => Ok(Step::Inside),
            Kind::Dictionary => Err(Flaw::OutOfOrder),
            Kind::FooterRun | Kind::FooterIds | Kind::FooterFilter => {
                self.in_footer = true;
                Ok(Step::Inside)
            }
            Kind::Blob
            | Kind::Chunk
            | Kind::ChunkList
            | Kind::Skeleton
            | Kind::Entries
            | Kind::Details
            | Kind::Gone
            | Kind::Pack => self.content(frame),
        }
    }

    fn batch(&mut self) -> &mut Batch {
        let State { hash, tree, .. } = &self.state;
        self.batch.get_or_insert_with(|| Batch {
            hasher: Sha256::new().chain_update(hash.0),
            bytes: 0,
            tree: tree.clone(),
        })
    }

    fn content(&mut self, frame: &Frame<'_>) -> Result<Step, Flaw> {
        let is_tree_known = self.is_tree_known && !self.is_flawed;
        let batch = self.batch();
        let Header { kind, .. } = frame.header;
        batch.bytes += frame.header.frame_len();
        for item in crate::items(&frame.header, frame.payload)? {
            cover(&mut batch.hasher, item.kind, item.raw_len as usize, &item.id);
        }
        if kind == Kind::Entries {
            let raw = decode_body(&frame.header, frame.payload)?;
            let (first, entries) = decode_entries(&raw)?;
            if is_tree_known && first != batch.tree.size() {
                return Err(Flaw::Mismatch("the number of an entry"));
            }
            for entry in entries {
                batch.tree.append(leaf_hash(entry));
            }
        }
        Ok(Step::Inside)
    }

    fn commit(&mut self, frame: &Frame<'_>) -> Result<Step, Flaw> {
        let commit = Commit::decode(frame.payload)?;
        if !self.is_flawed {
            self.check_commit(&commit)?;
        }
        let tree = std::mem::take(&mut self.batch().tree);
        self.batch = None;
        self.is_tree_known &= tree.position() == commit.position;
        self.is_flawed = false;
        let Commit { batch, hash, time, .. } = commit;
        self.state = State { batch, hash, time, tree };
        Ok(Step::Committed(commit))
    }

    fn check_commit(&self, commit: &Commit) -> Result<(), Flaw> {
        let Some(batch) = &self.batch else { return Err(Flaw::OutOfOrder) };
        let hash = batch.hasher.clone().chain_update(commit.covered()).finalize();
        if commit.hash != Hash(hash.into()) {
            return Err(Flaw::Mismatch("the hash of a batch"));
        }
        if commit.batch != self.state.batch.wrapping_add(1) || commit.bytes != batch.bytes {
            return Err(Flaw::Mismatch("the number or length of a batch"));
        }
        if self.is_tree_known && commit.position != batch.tree.position() {
            return Err(Flaw::Mismatch("the Merkle root of a batch"));
        }
        if commit.time < self.state.time {
            return Err(Flaw::Mismatch("the time of a batch"));
        }
        Ok(())
    }

    fn close(&mut self, frame: &Frame<'_>) -> Result<Step, Flaw> {
        let close = Close::decode(frame.payload)?;
        if self.is_flawed || !self.is_tree_known {
            // What it says is all that is known.
            self.state = close.state;
            self.batch = None;
            (self.is_flawed, self.is_tree_known) = (false, true);
            return Ok(Step::Closed(close.footer));
        }
        if close.state != self.state {
            return Err(Flaw::Mismatch("the state in a close frame"));
        }
        if self.in_footer != close.footer.is_some() {
            return Err(Flaw::OutOfOrder);
        }
        if close.footer.as_ref().is_some_and(|it| !it.fits(frame.offset)) {
            return Err(Flaw::Mismatch("a list of the footer's parts"));
        }
        Ok(Step::Closed(close.footer))
    }
}
