//! A batch in the making: changes of several calls become frames, entries and details.
//!
//! Whether a blob must be written, and whether a `Placed` is the first one of its message, is
//! decided here and nowhere else: from the log's own tables, and from what is on its way.

use std::sync::Arc;

use frames::{
    BatchWriter, BlobPlace, CHUNKS_MAX, ChunkList, Codec, Dictionary, EncodedBlob, EncodedSkeleton,
    Encoder, IdRecord, Item, Kind, PACKED_BYTES_MAX, Pack, Place, State, dictionary_of,
    encode_again, unpack_with,
};
use ledger::{Detail, Entry, Fact, detail_hash};
use message::Message;
use ports::{Change, LogError, LogErrorKind, NewBody, NewPlacement, Random};
use tokio::sync::oneshot;
use types::limits::{ENTRY_BYTES_MAX, WHOLE_BLOB_BYTES_MAX};
use types::{BlobId, EntryNumber, MessageKey, Timestamp};

use super::tables::{Ids, Sight, Tables, is_piece, merge};

/// What a caller waits for.
pub(super) type Reply = oneshot::Sender<Result<Vec<EntryNumber>, LogError>>;

/// Ids that are not in the tables yet: of the batch that is being written, and of this one.
#[derive(Default)]
pub(super) struct Underway {
    pub(super) in_flight: Arc<Ids>,
    pub(super) pending: Ids,
}

/// A batch that still takes changes.
pub(super) struct OpenBatch {
    offset: u64,
    writer: BatchWriter,
    /// What is compressed together, until it is as much as one frame takes.
    pack: Pack,
    /// That of the segment.
    dictionary: Option<Arc<Dictionary>>,
    first: u64,
    time: Timestamp,
    entry_bytes: usize,
    encoded: Vec<Vec<u8>>,
    details: Vec<(u64, Vec<u8>)>,
    entries: Vec<(Entry, Option<Detail>)>,
    parsed: Vec<(EntryNumber, Box<Message>)>,
    replies: Vec<(Reply, Vec<EntryNumber>)>,
}

/// A batch that is ready to be written.
pub(super) struct ClosedBatch {
    /// Where in the segment the bytes go, and where they end.
    pub(super) offset: u64,
    pub(super) end: u64,
    pub(super) bytes: Vec<u8>,
    /// The log behind it.
    pub(super) state: State,
    pub(super) first: u64,
    pub(super) entries: Vec<(Entry, Option<Detail>)>,
    pub(super) parsed: Vec<(EntryNumber, Box<Message>)>,
    pub(super) replies: Vec<(Reply, Vec<EntryNumber>)>,
}

impl OpenBatch {
    pub(super) fn new(
        place: Place,
        state: State,
        dictionary: Option<Arc<Dictionary>>,
    ) -> OpenBatch {
        OpenBatch {
            pack: Pack::default(),
            dictionary,
            offset: place.offset,
            first: state.tree.size(),
            time: state.time,
            writer: BatchWriter::new(place, state),
            entry_bytes: 0,
            encoded: Vec::new(),
            details: Vec::new(),
            entries: Vec::new(),
            parsed: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Bytes of payload so far, before compression where that is still to come.
    pub(super) fn len(&self) -> usize {
        self.writer.len() + self.pack.len() + self.entry_bytes
    }

    /// Whether there is nothing to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.writer.is_empty() && self.pack.is_empty() && self.encoded.is_empty()
    }

    /// The caller of this gets the numbers of its entries when the batch is durable.
    pub(super) fn promise(&mut self, reply: Reply, numbers: Vec<EntryNumber>) {
        self.replies.push((reply, numbers));
    }

    /// Takes the changes of one call, which [`Context::check`] has let pass. After an error the
    /// batch holds a part of them and must not be written.
    pub(super) fn take(
        &mut self,
        changes: Vec<Change>,
        ctx: &mut Context<'_>,
    ) -> Result<Vec<EntryNumber>, LogError> {
        let mut numbers = Vec::with_capacity(changes.len());
        for change in changes {
            match change {
                Change::Chunk(blob) => {
                    let known = ctx.known_piece(&blob.id)?;
                    self.blob(Kind::Chunk, &blob, known, ctx);
                }
                Change::Part(body) => self.part(body, ctx)?,
                Change::Fact(fact, detail) => numbers.push(self.entry(fact, detail, ctx)),
                Change::Message(placement) => numbers.push(self.message(*placement, ctx)?),
            }
        }
        Ok(numbers)
    }

    /// Writes a blob or chunk that is not known to stand anywhere.
    fn blob(&mut self, kind: Kind, blob: &EncodedBlob, known: IdRecord, ctx: &mut Context<'_>) {
        if known.place.is_some() {
            return;
        }
        let EncodedBlob { id, raw_len, .. } = *blob;
        let total_len = u64::from(raw_len);
        if blob.is_loose && kind == Kind::Blob && raw_len as usize <= PACKED_BYTES_MAX {
            let item = Item { kind, is_gone: false, raw_len, total_len, id };
            self.loose(item, &blob.body, ctx);
        } else {
            let here = ctx.recoded(blob.codec, &blob.body, blob.raw_len);
            let here = here.map(|(codec, body)| EncodedBlob { codec, body, ..*blob });
            let offset = self.writer.blob(kind, here.as_ref().unwrap_or(blob));
            let place = BlobPlace { kind, offset, raw_len: total_len };
            ctx.note(id, IdRecord { place: Some(place), placed: None });
        }
    }

    /// Puts something into the pack. Where it stands is known when the pack ends.
    fn loose(&mut self, item: Item, body: &[u8], ctx: &mut Context<'_>) {
        if !self.pack.takes(item.raw_len) {
            self.end_pack(ctx.encoder, &mut ctx.underway.pending);
        }
        let place = BlobPlace { kind: item.kind, offset: 0, raw_len: item.total_len };
        ctx.note(item.id, IdRecord { place: Some(place), placed: None });
        self.pack.push(item, body);
    }

    /// Writes the pack, and notes in `ids` where it is.
    fn end_pack(&mut self, encoder: &mut Encoder, ids: &mut Ids) {
        let pack = std::mem::take(&mut self.pack);
        if pack.is_empty() {
            return;
        }
        let dictionary = self.dictionary.as_deref();
        let offset = match pack.single() {
            Some((item, body)) => {
                let (codec, body) = encode_again(body, dictionary);
                self.writer.item(item, codec, &body)
            }
            None => self.writer.pack(&pack, encoder, dictionary),
        };
        for item in pack.items() {
            let place = ids.get_mut(&item.id).and_then(|it| it.place.as_mut());
            if let Some(place) = place.filter(|it| it.kind == item.kind) {
                place.offset = offset;
            }
        }
    }

    fn chunk_list(
        &mut self,
        id: BlobId,
        chunks: Vec<(BlobId, u32)>,
        known: IdRecord,
        ctx: &mut Context<'_>,
    ) {
        if known.place.is_none() {
            let total_len = chunks.iter().map(|(_, len)| u64::from(*len)).sum();
            let offset = self.writer.chunk_list(&id, &ChunkList { total_len, chunks });
            let place = BlobPlace { kind: Kind::ChunkList, offset, raw_len: total_len };
            ctx.note(id, IdRecord { place: Some(place), placed: None });
        }
    }

    /// Writes a part that is not known to stand anywhere as one.
    fn part(&mut self, body: NewBody, ctx: &mut Context<'_>) -> Result<(), LogError> {
        let known = ctx.known_piece(&body.id())?;
        match body {
            NewBody::Whole(blob) => self.blob(Kind::Blob, &blob, known, ctx),
            NewBody::Chunked { id, chunks } => self.chunk_list(id, chunks, known, ctx),
            NewBody::Split(_) | NewBody::Known(_) => (),
        }
        Ok(())
    }

    fn skeleton(&mut self, skeleton: &EncodedSkeleton, known: IdRecord, ctx: &mut Context<'_>) {
        if known.place.is_some() {
            return;
        }
        let EncodedSkeleton { id, total_len, raw_len, .. } = *skeleton;
        let is_small = raw_len as usize <= PACKED_BYTES_MAX && u32::try_from(total_len).is_ok();
        if skeleton.is_loose && is_small {
            let item = Item { kind: Kind::Skeleton, is_gone: false, raw_len, total_len, id };
            self.loose(item, &skeleton.body, ctx);
        } else {
            let again = ctx.recoded(skeleton.codec, &skeleton.body, skeleton.raw_len);
            let parts = Vec::new();
            let again =
                again.map(|(codec, body)| EncodedSkeleton { codec, body, parts, ..*skeleton });
            let offset = self.writer.skeleton(again.as_ref().unwrap_or(skeleton));
            let place = BlobPlace { kind: Kind::Skeleton, offset, raw_len: total_len };
            ctx.note(id, IdRecord { place: Some(place), placed: None });
        }
    }

    fn message(
        &mut self,
        placement: NewPlacement,
        ctx: &mut Context<'_>,
    ) -> Result<EntryNumber, LogError> {
        let blob = placement.body.id();
        let known = ctx.known(&blob)?;
        match placement.body {
            NewBody::Whole(blob) => self.blob(Kind::Blob, &blob, known, ctx),
            NewBody::Chunked { id, chunks } => self.chunk_list(id, chunks, known, ctx),
            NewBody::Split(skeleton) => self.skeleton(&skeleton, known, ctx),
            NewBody::Known(_) => (),
        }
        let message = known.placed.map(MessageKey);
        let is_first = message.is_none();
        let number = self.next_number();
        if is_first {
            ctx.note(blob, IdRecord { place: None, placed: Some(number.0) });
            self.parsed.extend(placement.parsed.map(|it| (number, it)));
        }
        let message_detail = is_first.then_some(placement.message_detail);
        let detail = Detail::Placed(placement.placement_detail, message_detail);
        let fact = Fact::Placed {
            message,
            blob,
            size: placement.size,
            folder: placement.folder,
            flags: placement.flags,
            received: placement.received,
            source: placement.source,
        };
        Ok(self.entry(fact, Some(detail), ctx))
    }

    fn next_number(&self) -> EntryNumber {
        EntryNumber(self.first + self.encoded.len() as u64)
    }

    fn entry(&mut self, fact: Fact, detail: Option<Detail>, ctx: &Context<'_>) -> EntryNumber {
        let number = self.next_number();
        let mut salt = [0; 16];
        ctx.random.fill(&mut salt);
        self.time = self.time.max(ctx.now);
        let detail_bytes = detail.as_ref().map(Detail::encode);
        let hash = detail_bytes.as_ref().map(|it| detail_hash(&salt, it));
        let entry = Entry { time: self.time, salt, detail: hash, fact };
        let bytes = entry.encode();
        assert!(bytes.len() <= ENTRY_BYTES_MAX, "entries are numbers and hashes: they are short");
        self.entry_bytes += bytes.len() + detail_bytes.as_ref().map_or(0, Vec::len);
        self.encoded.push(bytes);
        self.details.extend(detail_bytes.map(|it| (number.0, it)));
        self.entries.push((entry, detail));
        number
    }

    /// Ends the batch. `ids` are those that it brings.
    pub(super) fn close(mut self, encoder: &mut Encoder, ids: &mut Ids) -> ClosedBatch {
        self.end_pack(encoder, ids);
        self.writer.entries(&self.encoded, &self.details, self.time, encoder);
        let (bytes, state) = self.writer.commit();
        ClosedBatch {
            offset: self.offset,
            end: self.offset + bytes.len() as u64,
            bytes,
            state,
            first: self.first,
            entries: self.entries,
            parsed: self.parsed,
            replies: self.replies,
        }
    }

    /// Answers calls that brought nothing new, once all that they refer to is durable.
    pub(super) fn answer_empty(&mut self) {
        for (reply, numbers) in self.replies.drain(..) {
            let _ = reply.send(Ok(numbers));
        }
    }

    /// Gives back what was to be written once more with a batch that got nothing.
    pub(super) fn into_prefix(self) -> Vec<u8> {
        self.writer.into_prefix()
    }

    /// Ends the batch with an error for everybody who waits for it.
    pub(super) fn fail(self, error: impl Fn() -> LogError) {
        for (reply, _) in self.replies {
            // A caller that went away needs no answer.
            let _ = reply.send(Err(error()));
        }
    }
}

/// What a batch asks while it takes changes.
pub(super) struct Context<'a> {
    /// That of the segment that the batch goes to.
    pub(super) dictionary: Option<Arc<Dictionary>>,
    pub(super) tables: &'a Tables,
    pub(super) underway: &'a mut Underway,
    pub(super) encoder: &'a mut Encoder,
    pub(super) random: &'a dyn Random,
    pub(super) now: Timestamp,
    /// Messages that the batch spares, by their ids: they are there again.
    pub(super) spared: Vec<BlobId>,
}

impl Context<'_> {
    /// What the log will know of a blob, this batch included.
    fn known(&self, id: &BlobId) -> Result<IdRecord, LogError> {
        let mut record = IdRecord::default();
        for ids in [&*self.underway.in_flight, &self.underway.pending] {
            merge(&mut record, ids.get(id).copied().unwrap_or_default());
        }
        if record.place.is_none() || record.placed.is_none() {
            let sight = match self.spared.contains(id) {
                true => Sight::Sparing,
                false => Sight::Arriving,
            };
            let lookup = self.tables.lookup(id, sight)?;
            // An earlier placement, in the tables, is the first one.
            record.placed = lookup.placed.or(record.placed);
            record.place = record.place.or(lookup.place.map(|(_, place)| place));
        }
        Ok(record)
    }

    /// The same of a chunk or part: a skeleton does not count.
    fn known_piece(&self, id: &BlobId) -> Result<IdRecord, LogError> {
        let known = self.known(id)?;
        Ok(IdRecord { place: known.place.filter(is_piece), ..known })
    }

    fn note(&mut self, id: BlobId, record: IdRecord) {
        merge(self.underway.pending.entry(id).or_default(), record);
    }

    /// The body as it has to stand in this segment, when it was compressed with the dictionary of
    /// another one.
    fn recoded(&self, codec: Codec, body: &[u8], raw_len: u32) -> Option<(Codec, Vec<u8>)> {
        let id = dictionary_of(codec, body)?;
        if self.dictionary.as_ref().is_some_and(|it| it.id() == id) {
            return None;
        }
        let other = self.tables.dir.held_dictionary(id)?;
        let raw = unpack_with(body, raw_len, &other).ok()?;
        Some(encode_again(&raw, self.dictionary.as_deref()))
    }

    /// Whether a body can be decoded in the segment that the batch goes to, or be made so.
    fn check_dictionary(&self, codec: Codec, body: &[u8], raw_len: u32) -> Result<(), LogError> {
        if codec != Codec::ZstdDictionary {
            return Ok(());
        }
        let id = dictionary_of(codec, body);
        let is_here = self.dictionary.as_ref().is_some_and(|it| Some(it.id()) == id);
        let other = || id.and_then(|it| self.tables.dir.held_dictionary(it));
        if is_here || other().is_some_and(|it| unpack_with(body, raw_len, &it).is_ok()) {
            return Ok(());
        }
        Err(request("a blob is compressed with a dictionary that the log does not have"))
    }

    /// Refuses a call that cannot be carried out, before anything of it is written.
    pub(super) fn check(&self, changes: &[Change]) -> Result<(), LogError> {
        // What this very call brings, which is not noted yet.
        let mut own = Ids::default();
        for change in changes {
            let (id, kind, raw_len) = match change {
                Change::Chunk(blob) | Change::Part(NewBody::Whole(blob)) => {
                    check_blob(blob)?;
                    self.check_dictionary(blob.codec, &blob.body, blob.raw_len)?;
                    (blob.id, Kind::Blob, u64::from(blob.raw_len))
                }
                Change::Part(NewBody::Chunked { id, chunks }) => {
                    (*id, Kind::ChunkList, self.check_chunks(chunks, &own)?)
                }
                Change::Part(_) => return Err(request("a part must come as bytes")),
                Change::Message(placement) => {
                    self.check_message(placement, &own)?;
                    // The log may have it as a skeleton, which is no part of anything.
                    (placement.body.id(), Kind::Skeleton, placement.size)
                }
                Change::Fact(..) => continue,
            };
            let place = Some(BlobPlace { kind, offset: 0, raw_len });
            merge(own.entry(id).or_default(), IdRecord { place, placed: None });
        }
        Ok(())
    }

    fn check_message(&self, placement: &NewPlacement, own: &Ids) -> Result<(), LogError> {
        let raw_len = match &placement.body {
            NewBody::Whole(blob) => {
                check_blob(blob)?;
                self.check_dictionary(blob.codec, &blob.body, blob.raw_len)?;
                u64::from(blob.raw_len)
            }
            NewBody::Known(id) => {
                let place = self.place_of(id, own)?;
                place.ok_or_else(|| missing("the message", id))?.raw_len
            }
            NewBody::Chunked { chunks, .. } => self.check_chunks(chunks, own)?,
            NewBody::Split(skeleton) => self.check_parts(skeleton, own)?,
        };
        if raw_len == placement.size {
            Ok(())
        } else {
            Err(request("a message has another size than its placement says"))
        }
    }

    /// Every chunk is there and as long as it should be. Returns the sum.
    fn check_chunks(&self, chunks: &[(BlobId, u32)], own: &Ids) -> Result<u64, LogError> {
        if CHUNKS_MAX < chunks.len() {
            return Err(request("a message has more chunks than one list can name"));
        }
        let mut total_len = 0;
        for (id, len) in chunks {
            let place = self.place_of(id, own)?.ok_or_else(|| missing("a chunk", id))?;
            let is_chunk = matches!(place.kind, Kind::Blob | Kind::Chunk);
            if place.raw_len != u64::from(*len) || !is_chunk {
                return Err(request("a chunk has another length than its list says"));
            }
            total_len += u64::from(*len);
        }
        Ok(total_len)
    }

    /// Every part is there, as long as it should be, and can be one.
    fn check_parts(&self, skeleton: &EncodedSkeleton, own: &Ids) -> Result<u64, LogError> {
        if !skeleton.fits() {
            return Err(request("a skeleton is larger than one frame may be"));
        }
        self.check_dictionary(skeleton.codec, &skeleton.body, skeleton.raw_len)?;
        for (id, len) in &skeleton.parts {
            let place = self.place_of(id, own)?.ok_or_else(|| missing("the part", id))?;
            if place.raw_len != *len || !is_piece(&place) {
                return Err(request("a part has another length than its message says"));
            }
        }
        Ok(skeleton.total_len)
    }

    fn place_of(&self, id: &BlobId, own: &Ids) -> Result<Option<BlobPlace>, LogError> {
        let mut record = own.get(id).copied().unwrap_or_default();
        if !record.place.as_ref().is_some_and(is_piece) {
            merge(&mut record, self.known(id)?);
        }
        Ok(record.place)
    }
}

fn check_blob(blob: &EncodedBlob) -> Result<(), LogError> {
    // Stored bodies are as long as what they stand for; packed ones are shorter.
    let longest = (blob.raw_len as usize).max(blob.body.len());
    if WHOLE_BLOB_BYTES_MAX < longest {
        return Err(request("a blob or chunk is larger than one frame may be"));
    }
    Ok(())
}

fn missing(what: &str, id: &BlobId) -> LogError {
    request(format!("the log does not have {what} {id}"))
}

fn request(message: impl Into<String>) -> LogError {
    LogError::new(LogErrorKind::Request, message)
}
