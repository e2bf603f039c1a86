//! A store, or an audit log: its segments are read again, from the first frame to the last.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use frames::{
    Casing, Chain, ChunkList, Contents, Dictionary, Flaw, Frame, FrameReader, Item, Kind,
    PRELUDE_BYTES, Prelude, ReadAt, ReadFlaw, ReadMode, Skeleton, State, Step, decode_body,
    decode_details, decode_entries, read_dictionary,
};
use ledger::note::Verifier;
use ledger::{Entry, Fact, detail_hash};
use message::parts::{Form, Joiner};
use sha2::{Digest, Sha256};
use types::{BlobId, Hash};

use crate::anchors::Anchors;
use crate::description;
use crate::findings::{Findings, counted};
use crate::keys::Keys;
use crate::notes::{End, Notes};
use crate::unlock::{Closed, Unlock};

pub(crate) fn check(
    dir: &Path,
    keys: &Keys,
    unlock: &Unlock,
    anchors: &mut Anchors,
    findings: &mut Findings,
) -> io::Result<()> {
    description::check(dir)?;
    let known = keys.beside(&dir.join("checkpoint.pub"), findings);
    let mut notes = Notes::read(dir, &known, findings);
    let base = known.first().map(Verifier::name).unwrap_or_default().to_owned();
    notes.add(anchors.of(&base, &known, findings));
    let segments = Segment::open_all(&dir.join("segments"), unlock, findings)?;
    let mut log = Log::new(dir, &segments, findings);
    for index in 0..segments.len() {
        log.segment(index, &mut notes);
    }
    log.end();
    let position = log.chain.state().position();
    if let Some((path, left)) = log.left_over.take() {
        let what = format!("{left} bytes at its end are no whole batch");
        // Behind the end that was signed nothing was ever written but the end of the file.
        match notes.is_closed_at(&position) {
            true => log.findings.wrong(path, what),
            false => log.findings.note(format!("{path}: {what}.")),
        }
    }
    // Recovery ends its segment as a session does; the one before then has no footer.
    let was_closed = match (log.before, log.ending) {
        (Ending::Sealed, Ending::Closed) => End::Closed,
        _ => End::Unknown,
    };
    let (n_messages, n_blobs) = (log.messages.len(), log.places.len());
    let place = dir.to_string_lossy().into_owned();
    let n_notes = notes.n_notes;
    notes.end(&position, was_closed, &place, findings);
    findings.checked(format!(
        "{place}: {}, {} and {} in {}, against {}.",
        counted(position.entries, "entry", "entries"),
        counted(n_messages as u64, "message", "messages"),
        counted(n_blobs as u64, "blob", "blobs"),
        counted(segments.len() as u64, "segment", "segments"),
        counted(n_notes, "checkpoint", "checkpoints"),
    ));
    Ok(())
}

struct Bytes(File);

impl ReadAt for Bytes {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
}

/// A segment file.
struct Segment {
    path: PathBuf,
    bytes: Bytes,
    casing: Casing,
    /// What small blobs were compressed with; `None` also when it cannot be read, which its frame
    /// shows.
    dictionary: Option<Dictionary>,
    /// Where what counts of it ends.
    end: u64,
    is_last: bool,
    is_compacted: bool,
}

impl Segment {
    /// Opens them in order, up to one that no key opens.
    fn open_all(dir: &Path, unlock: &Unlock, findings: &mut Findings) -> io::Result<Vec<Segment>> {
        let mut segments: Vec<Segment> = Vec::new();
        for number in 1u32.. {
            let path = dir.join(format!("{number:06}.seg"));
            let named = |what: String| {
                let message = format!("{}: {what}", path.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            };
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                file => file.map_err(|it| named(it.to_string()))?,
            };
            let end = file.metadata()?.len();
            let mut start = vec![0; PRELUDE_BYTES];
            let n = file.read_at(&mut start, 0)?;
            let prelude = Prelude::decode(start.get(..n).unwrap_or_default());
            let prelude = prelude.map_err(|it| named(it.to_string()))?;
            let is_compacted = prelude.marks.is_compacted;
            let casing = match unlock.casing(dir, &prelude) {
                Ok(casing) => casing,
                Err(Closed::NotGiven(what)) => return Err(named(what)),
                Err(Closed::Damaged(what)) => {
                    findings.wrong(path.to_string_lossy(), what);
                    return Ok(segments);
                }
            };
            if let Some(before) = segments.last_mut() {
                before.is_last = false;
                // One that was compacted ends with its file: it is shorter than it was.
                if !before.is_compacted {
                    before.end = prelude.previous_end;
                }
            }
            let bytes = Bytes(file);
            let mut reader = FrameReader::new(&bytes, casing.clone(), end, ReadMode::Hopping);
            let dictionary = read_dictionary(&mut reader).unwrap_or_default();
            segments.push(Segment {
                path,
                bytes,
                casing,
                dictionary,
                end,
                is_last: true,
                is_compacted,
            });
        }
        let names = std::fs::read_dir(dir)?.count();
        if segments.is_empty() && names != 0 {
            let message = format!("{}: segment 1 is missing", dir.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(segments)
    }

    /// What a frame of it holds of blobs.
    fn contents(&self, frame: &Frame<'_>) -> Result<Contents, Flaw> {
        Contents::open(&frame.header, frame.payload, self.dictionary.as_ref())
    }

    fn reader(&self, mode: ReadMode) -> FrameReader<'_> {
        FrameReader::new(&self.bytes, self.casing.clone(), self.end, mode)
    }
}

/// What a segment ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The close frame that it begins with.
    Begun,
    /// A batch.
    Batch,
    /// A close frame behind batches: of a session that ended, or of a recovery.
    Closed,
    /// A footer.
    Sealed,
}

/// A log that is being read.
struct Log<'a> {
    dir: &'a Path,
    segments: &'a [Segment],
    findings: &'a mut Findings,
    chain: Chain,
    /// Where every blob, chunk, list and skeleton stands: segment and offset.
    places: HashMap<BlobId, (usize, u64)>,
    /// Blobs that are put together, with where they stand.
    composed: Vec<(BlobId, usize, u64)>,
    /// First placements: message and its blob.
    messages: HashMap<u64, BlobId>,
    placed: Vec<(u64, BlobId)>,
    /// Entries whose details have not come: salt, hash, and the message that they speak of.
    details: HashMap<u64, ([u8; 16], Hash, Option<u64>)>,
    erased: HashSet<u64>,
    /// How the segment before ended, and this one so far.
    before: Ending,
    ending: Ending,
    /// Bytes behind the last whole batch of the last segment, and its path.
    left_over: Option<(String, u64)>,
    /// The pack that was read last: segment, offset, and what it holds.
    last_pack: RefCell<Option<(usize, u64, Rc<Contents>)>>,
}

impl<'a> Log<'a> {
    fn new(dir: &'a Path, segments: &'a [Segment], findings: &'a mut Findings) -> Log<'a> {
        Log {
            dir,
            segments,
            findings,
            chain: Chain::new(State::default()),
            places: HashMap::new(),
            composed: Vec::new(),
            messages: HashMap::new(),
            placed: Vec::new(),
            details: HashMap::new(),
            erased: HashSet::new(),
            before: Ending::Sealed,
            ending: Ending::Sealed,
            left_over: None,
            last_pack: RefCell::default(),
        }
    }

    fn wrong(&mut self, index: usize, offset: u64, what: impl AsRef<str>) {
        let path = self.segments.get(index).map(|it| it.path.to_string_lossy().into_owned());
        self.findings.wrong(format!("{} at {offset}", path.unwrap_or_default()), what);
    }

    fn segment(&mut self, index: usize, notes: &mut Notes) {
        let Some(segment) = self.segments.get(index) else { return };
        let mut reader = segment.reader(ReadMode::Through);
        self.chain = Chain::new(self.chain.state().clone());
        self.before = std::mem::replace(&mut self.ending, Ending::Begun);
        let mut at = PRELUDE_BYTES as u64;
        let mut whole = at;
        while at < segment.end {
            let frame = match reader.frame(at) {
                Ok(frame) => frame,
                // What was never acknowledged may stand behind the last whole batch.
                Err(ReadFlaw::Flaw { .. }) if segment.is_last && whole == at => break,
                Err(error) => return self.wrong(index, at, error.to_string()),
            };
            let step = match self.chain.push(&frame) {
                Ok(step) => step,
                Err(flaw) => return self.wrong(index, at, flaw.to_string()),
            };
            if let Err(what) = self.frame(index, &frame) {
                self.wrong(index, at, what);
            }
            at = frame.end();
            self.ending = match (&step, self.ending) {
                (Step::Inside, ending) => ending,
                (Step::Committed(_), _) => Ending::Batch,
                (Step::Closed(Some(_)), _) => Ending::Sealed,
                (Step::Closed(None), Ending::Begun) => Ending::Begun,
                (Step::Closed(None), _) => Ending::Closed,
            };
            if step != Step::Inside {
                whole = at;
                let position = self.chain.state().position();
                notes.at(&position, &segment.path.to_string_lossy(), self.findings);
            }
        }
        if whole < segment.end {
            let left = segment.end - whole;
            if segment.is_last {
                self.left_over = Some((segment.path.to_string_lossy().into_owned(), left));
            } else {
                self.wrong(index, whole, format!("{left} bytes are no whole batch"));
            }
        }
    }

    fn frame(&mut self, index: usize, frame: &Frame<'_>) -> Result<(), String> {
        let told = |it: frames::Flaw| it.to_string();
        match frame.header.kind {
            Kind::Blob | Kind::Chunk | Kind::ChunkList | Kind::Skeleton | Kind::Pack => {
                let segment = self.segments.get(index).ok_or("a segment is missing")?;
                let contents = segment.contents(frame).map_err(told)?;
                for (item, body) in contents.iter().filter(|(it, _)| !it.is_gone) {
                    self.item(index, frame.offset, item, body)?;
                }
            }
            Kind::Entries => {
                let raw = decode_body(&frame.header, frame.payload).map_err(told)?;
                let (first, entries) = decode_entries(&raw).map_err(told)?;
                for (number, bytes) in (first..).zip(entries) {
                    let entry = Entry::decode(bytes).map_err(|it| format!("{number}: {it}"))?;
                    self.entry(number, &entry);
                }
            }
            Kind::Details => {
                let raw = decode_body(&frame.header, frame.payload).map_err(told)?;
                for (number, bytes) in decode_details(&raw).map_err(told)? {
                    match self.details.remove(&number) {
                        Some((salt, hash, _)) if detail_hash(&salt, bytes) == hash => (),
                        _ => return Err(format!("the detail of entry {number} is not its own")),
                    }
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn item(&mut self, index: usize, offset: u64, item: &Item, body: &[u8]) -> Result<(), String> {
        let id = item.id;
        if matches!(item.kind, Kind::ChunkList | Kind::Skeleton) {
            self.composed.push((id, index, offset));
        } else if BlobId::of(body) != id {
            return Err(format!("the bytes of blob {id} do not have its hash"));
        }
        self.places.entry(id).or_insert((index, offset));
        Ok(())
    }

    fn entry(&mut self, number: u64, entry: &Entry) {
        let mut of = None;
        match &entry.fact {
            Fact::Placed { message, blob, .. } => {
                let message = message.map_or(number, |it| it.0);
                self.messages.entry(message).or_insert(*blob);
                self.placed.push((number, *blob));
                of = Some(message);
            }
            Fact::Detail { of: older } => of = Some(older.0),
            Fact::Erased { messages } => self.erased.extend(messages.iter().map(|it| it.0)),
            _ => (),
        }
        if let Some(hash) = entry.detail {
            self.details.insert(number, (entry.salt, hash, of));
        }
    }

    /// What has to be true when all was read.
    fn end(&mut self) {
        let place = self.dir.to_string_lossy().into_owned();
        for (id, index, offset) in std::mem::take(&mut self.composed) {
            let mut hasher = Sha256::new();
            let joined = self.join(&id, 0, &mut |bytes| hasher.update(bytes));
            let what = match joined {
                Ok(()) if hasher.finalize().as_slice() == id.0 => continue,
                Ok(()) => format!("the bytes of blob {id} do not have its hash"),
                Err(what) => what,
            };
            let is_erased =
                self.messages.iter().any(|(key, blob)| *blob == id && self.erased.contains(key));
            if !is_erased {
                self.wrong(index, offset, what);
            }
        }
        let erased: HashSet<BlobId> =
            self.erased.iter().filter_map(|it| self.messages.get(it)).copied().collect();
        for (number, blob) in &self.placed {
            if !self.places.contains_key(blob) && !erased.contains(blob) {
                let what = format!("entry {number} places blob {blob}, which is not there");
                self.findings.wrong(&place, what);
            }
        }
        let mut missing: Vec<_> = self.details.iter().map(|(it, (.., of))| (*it, *of)).collect();
        missing.sort_unstable();
        for (number, of) in missing {
            if !of.is_some_and(|it| self.erased.contains(&it)) {
                self.findings.wrong(&place, format!("the detail of entry {number} is missing"));
            }
        }
    }

    /// Hands out the bytes of a blob. Lists name chunks, skeletons name blobs and lists.
    fn join(&self, id: &BlobId, depth: u8, sink: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let place = self.places.get(id).filter(|_| depth < 3);
        let missing = || format!("blob {id} is not there");
        let (index, offset) = place.copied().ok_or_else(missing)?;
        let told = |it: &dyn std::fmt::Display| format!("blob {id}: {it}");
        let contents = self.contents_at(index, offset).map_err(|it| told(&it))?;
        let found = contents.iter().find(|(it, _)| it.id == *id && !it.is_gone);
        let (item, body) = found.ok_or_else(missing)?;
        match item.kind {
            Kind::ChunkList => {
                let list = ChunkList::decode(body).map_err(|it| told(&it))?;
                list.chunks.iter().try_for_each(|(chunk, _)| self.join(chunk, depth + 1, sink))
            }
            Kind::Skeleton => {
                let skeleton = Skeleton::from_bytes(item.total_len, body);
                self.join_parts(&skeleton.map_err(|it| told(&it))?, depth, sink)
            }
            _ => {
                sink(body);
                Ok(())
            }
        }
    }

    /// What the frame at a place holds. The last pack is kept: its messages follow each other.
    fn contents_at(&self, index: usize, offset: u64) -> Result<Rc<Contents>, ReadFlaw> {
        if let Some((.., contents)) =
            self.last_pack.borrow().as_ref().filter(|it| (it.0, it.1) == (index, offset))
        {
            return Ok(Rc::clone(contents));
        }
        let segment = self.segments.get(index).ok_or(ReadFlaw::at(offset)(Flaw::Short))?;
        let mut reader = segment.reader(ReadMode::Hopping);
        let frame = reader.frame(offset)?;
        let contents = Rc::new(segment.contents(&frame).map_err(ReadFlaw::at(offset))?);
        if frame.header.kind == Kind::Pack {
            self.last_pack.replace(Some((index, offset, Rc::clone(&contents))));
        }
        Ok(contents)
    }

    fn join_parts(
        &self,
        skeleton: &Skeleton,
        depth: u8,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), String> {
        let mut text = skeleton.text.as_slice();
        for piece in &skeleton.pieces {
            let (mut joiner, mut out) = (Joiner::new(&piece.form), Vec::new());
            let is_plain = piece.form == Form::PLAIN;
            let mut take = |bytes: &[u8]| {
                if is_plain {
                    return sink(bytes);
                }
                joiner.push(bytes, &mut out);
                sink(&out);
                out.clear();
            };
            match &piece.blob {
                Some(part) => self.join(part, depth + 1, &mut take)?,
                None => {
                    let len = usize::try_from(piece.len).unwrap_or(usize::MAX);
                    let (content, rest) = text.split_at_checked(len).unwrap_or((text, b""));
                    text = rest;
                    take(content);
                }
            }
            joiner.end(&mut out);
            sink(&out);
        }
        Ok(())
    }
}
