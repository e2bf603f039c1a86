//! Entries as bytes: `docs/format/entries.md` in code.
//!
//! An entry has one form only: what decodes encodes to the same bytes, because the bytes are a
//! leaf of the Merkle tree.

use types::limits::ENTRY_BYTES_MAX;
use types::{
    ArchiveId, BlobId, EntryNumber, Flags, FolderId, HoldId, MessageKey, PlacementId, Position,
    SourceId, StoreId,
};

use crate::entry::{
    Certificate, DeferredChange, Entry, EpochReason, Excluded, Fact, HoldChange, HoldScope,
    Outcome, QuarantineReason, RunCounts, SourceRef, TreeKind,
};
use crate::erasure::{EraseReason, SpareReason};
use crate::wire::{Reader, Writer};
use crate::{DecodeError, audit, kind};

/// Bits of the byte behind the kind: which optional fields are there.
const HAS_DETAIL: u8 = 1;
const HAS_FIRST: u8 = 1 << 1;
const HAS_RECEIVED: u8 = 1 << 2;
const HAS_SOURCE: u8 = 1 << 3;

impl Entry {
    /// The bytes of this entry: at most [`ENTRY_BYTES_MAX`], and the same every time.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let (kind, optional) = shape(&self.fact);
        writer.number(kind);
        writer.byte(optional | if self.detail.is_some() { HAS_DETAIL } else { 0 });
        writer.time(self.time);
        writer.raw(&self.salt);
        if let Some(hash) = &self.detail {
            writer.raw(&hash.0);
        }
        write_fact(&mut writer, &self.fact);
        assert!(writer.bytes.len() <= ENTRY_BYTES_MAX, "an entry is made of numbers and hashes");
        writer.bytes
    }

    /// Reads what [`encode`](Self::encode) wrote, and nothing else.
    ///
    /// # Errors
    ///
    /// `Unsupported` names the feature for a kind of entry that this version does not know;
    /// `Malformed` is everything else, trailing bytes and longer forms of numbers included.
    pub fn decode(bytes: &[u8]) -> Result<Entry, DecodeError> {
        let mut reader = Reader::new("entry", bytes);
        if bytes.len() > ENTRY_BYTES_MAX {
            return reader.malformed();
        }
        let kind = reader.number()?;
        if kind == 0 {
            return reader.malformed();
        }
        if !is_known(kind) {
            return Err(DecodeError::unsupported(kind::feature(kind)));
        }
        let optional = reader.byte()?;
        let time = reader.time()?;
        let salt = reader.array()?;
        let detail = (optional & HAS_DETAIL != 0).then(|| reader.hash()).transpose()?;
        let fact = read_fact(&mut reader, kind, optional)?;
        // Bits that this kind does not have would be lost, and with them the leaf's bytes.
        if !reader.is_empty() || shape(&fact).1 != optional & !HAS_DETAIL {
            return reader.malformed();
        }
        Ok(Entry { time, salt, detail, fact })
    }
}

fn is_known(kind: u64) -> bool {
    matches!(kind, kind::PLACED..=kind::AUDITED)
}

/// The kind of a fact, and which of its optional fields are there.
fn shape(fact: &Fact) -> (u64, u8) {
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    match fact {
        Fact::Placed { message, received, source, .. } => (
            kind::PLACED,
            bit(message.is_some(), HAS_FIRST)
                | bit(received.is_some(), HAS_RECEIVED)
                | bit(source.is_some(), HAS_SOURCE),
        ),
        Fact::Moved { source, .. } => (kind::MOVED, bit(source.is_some(), HAS_SOURCE)),
        Fact::Flagged { .. } => (kind::FLAGGED, 0),
        Fact::Removed { .. } => (kind::REMOVED, 0),
        Fact::SourceGone { .. } => (kind::SOURCE_GONE, 0),
        Fact::Sighted { .. } => (kind::SIGHTED, 0),
        Fact::FolderChanged { folder, .. } => {
            (kind::FOLDER_CHANGED, bit(folder.is_some(), HAS_FIRST))
        }
        Fact::SourceOpened { .. } => (kind::SOURCE_OPENED, 0),
        Fact::CursorAdvanced { .. } => (kind::CURSOR_ADVANCED, 0),
        Fact::Quarantined { .. } => (kind::QUARANTINED, 0),
        Fact::Certified(_) => (kind::CERTIFIED, 0),
        Fact::RunFinished { .. } => (kind::RUN_FINISHED, 0),
        Fact::Detail { .. } => (kind::DETAIL, 0),
        Fact::Deferred { .. } => (kind::DEFERRED, 0),
        Fact::Hold { .. } => (kind::HOLD, 0),
        Fact::Condemned { .. } => (kind::CONDEMNED, 0),
        Fact::Spared { .. } => (kind::SPARED, 0),
        Fact::Erased { .. } => (kind::ERASED, 0),
        Fact::Confirmed { .. } => (kind::CONFIRMED, 0),
        Fact::Epoch { lost, .. } => (kind::EPOCH, bit(lost.is_some(), HAS_FIRST)),
        Fact::Audited(it) => (kind::AUDITED, bit(it.of.is_some(), HAS_FIRST)),
    }
}

fn write_fact(writer: &mut Writer, fact: &Fact) {
    match fact {
        Fact::Placed { message, blob, size, folder, flags, received, source } => {
            write_optional(writer, message.as_ref(), |writer, it| writer.number(it.0));
            writer.raw(&blob.0);
            writer.number(*size);
            writer.number(folder.0);
            writer.number(flags.0.into());
            write_optional(writer, received.as_ref(), |writer, it| writer.time(*it));
            write_optional(writer, source.as_ref(), write_source_ref);
        }
        Fact::Moved { placement, folder, source } => {
            writer.number(placement.0);
            writer.number(folder.0);
            write_optional(writer, source.as_ref(), write_source_ref);
        }
        Fact::Flagged { placement, flags } => {
            writer.number(placement.0);
            writer.number(flags.0.into());
        }
        Fact::Removed { placement } => writer.number(placement.0),
        Fact::SourceGone { source } => write_source_ref(writer, source),
        Fact::Sighted { placement, source } => {
            writer.number(placement.0);
            write_source_ref(writer, source);
        }
        Fact::FolderChanged { folder, archive, kind } => {
            write_optional(writer, folder.as_ref(), |writer, it| writer.number(it.0));
            writer.number(archive.0);
            writer.byte(kind.number());
        }
        Fact::SourceOpened { archive, folder, uid_validity } => {
            writer.number(archive.0);
            writer.number(folder.0);
            writer.number(*uid_validity);
        }
        Fact::CursorAdvanced { source, uid_next, modseq, fingerprint } => {
            writer.number(source.0);
            writer.number(*uid_next);
            writer.number(*modseq);
            writer.raw(&fingerprint.0);
        }
        Fact::Quarantined { source, reason, attempts, retry_at } => {
            write_source_ref(writer, source);
            writer.byte(reason.number());
            writer.number((*attempts).into());
            writer.time(*retry_at);
        }
        Fact::Certified(certificate) => write_certificate(writer, certificate),
        Fact::RunFinished { outcome, counts, started } => {
            writer.byte(outcome.number());
            write_counts(writer, counts);
            writer.time(*started);
        }
        Fact::Detail { of } => writer.number(of.0),
        kept => write_kept(writer, kept),
    }
}

/// Facts about what is kept and what goes, and about the log itself.
fn write_kept(writer: &mut Writer, fact: &Fact) {
    match fact {
        Fact::Deferred { store, change } => write_deferred(writer, *store, change),
        Fact::Hold { hold, change } => write_hold(writer, *hold, *change),
        Fact::Condemned { messages, reason, due } => {
            write_messages(writer, messages);
            writer.byte(reason.number());
            writer.time(*due);
        }
        Fact::Spared { messages, reason } => {
            write_messages(writer, messages);
            writer.byte(reason.number());
        }
        Fact::Erased { messages } => write_messages(writer, messages),
        Fact::Confirmed { sources, root } => {
            writer.number(*sources);
            writer.raw(&root.0);
        }
        Fact::Epoch { epoch, reason, lost } => {
            writer.number(*epoch);
            writer.byte(reason.number());
            write_optional(writer, lost.as_ref(), |writer, it| {
                writer.number(it.entries);
                writer.raw(&it.root.0);
            });
        }
        Fact::Audited(it) => audit::write_audited(writer, it),
        // The others are written above.
        _ => (),
    }
}

fn read_fact(reader: &mut Reader<'_>, kind: u64, optional: u8) -> Result<Fact, DecodeError> {
    let has = |bit: u8| optional & bit != 0;
    Ok(match kind {
        kind::PLACED => Fact::Placed {
            message: read_optional(reader, has(HAS_FIRST), |it| it.number().map(MessageKey))?,
            blob: BlobId(reader.array()?),
            size: reader.number()?,
            folder: FolderId(reader.number()?),
            flags: read_flags(reader)?,
            received: read_optional(reader, has(HAS_RECEIVED), Reader::time)?,
            source: read_optional(reader, has(HAS_SOURCE), read_source_ref)?,
        },
        kind::MOVED => Fact::Moved {
            placement: PlacementId(reader.number()?),
            folder: FolderId(reader.number()?),
            source: read_optional(reader, has(HAS_SOURCE), read_source_ref)?,
        },
        kind::FLAGGED => {
            Fact::Flagged { placement: PlacementId(reader.number()?), flags: read_flags(reader)? }
        }
        kind::REMOVED => Fact::Removed { placement: PlacementId(reader.number()?) },
        kind::SOURCE_GONE => Fact::SourceGone { source: read_source_ref(reader)? },
        kind::SIGHTED => Fact::Sighted {
            placement: PlacementId(reader.number()?),
            source: read_source_ref(reader)?,
        },
        kind::FOLDER_CHANGED => Fact::FolderChanged {
            folder: read_optional(reader, has(HAS_FIRST), |it| it.number().map(FolderId))?,
            archive: ArchiveId(reader.number()?),
            kind: read_numbered(reader, TreeKind::from_number)?,
        },
        kind::SOURCE_OPENED => Fact::SourceOpened {
            archive: ArchiveId(reader.number()?),
            folder: FolderId(reader.number()?),
            uid_validity: reader.number()?,
        },
        kind::CURSOR_ADVANCED => Fact::CursorAdvanced {
            source: SourceId(reader.number()?),
            uid_next: reader.number()?,
            modseq: reader.number()?,
            fingerprint: reader.hash()?,
        },
        kind::QUARANTINED => Fact::Quarantined {
            source: read_source_ref(reader)?,
            reason: read_numbered(reader, QuarantineReason::from_number)?,
            attempts: reader.number_u32()?,
            retry_at: reader.time()?,
        },
        kind::CERTIFIED => Fact::Certified(read_certificate(reader)?),
        kind::RUN_FINISHED => Fact::RunFinished {
            outcome: read_numbered(reader, Outcome::from_number)?,
            counts: read_counts(reader)?,
            started: reader.time()?,
        },
        kind::DETAIL => Fact::Detail { of: EntryNumber(reader.number()?) },
        kept => return read_kept(reader, kept, optional),
    })
}

fn read_kept(reader: &mut Reader<'_>, kind: u64, optional: u8) -> Result<Fact, DecodeError> {
    let has = |bit: u8| optional & bit != 0;
    Ok(match kind {
        kind::DEFERRED => {
            Fact::Deferred { store: StoreId(reader.array()?), change: read_deferred(reader)? }
        }
        kind::HOLD => Fact::Hold { hold: HoldId(reader.array()?), change: read_hold(reader)? },
        kind::CONDEMNED => Fact::Condemned {
            messages: read_messages(reader)?,
            reason: read_numbered(reader, EraseReason::from_number)?,
            due: reader.time()?,
        },
        kind::SPARED => Fact::Spared {
            messages: read_messages(reader)?,
            reason: read_numbered(reader, SpareReason::from_number)?,
        },
        kind::ERASED => Fact::Erased { messages: read_messages(reader)? },
        kind::CONFIRMED => Fact::Confirmed { sources: reader.number()?, root: reader.hash()? },
        kind::EPOCH => Fact::Epoch {
            epoch: reader.number()?,
            reason: read_numbered(reader, EpochReason::from_number)?,
            lost: read_optional(reader, has(HAS_FIRST), |it| {
                Ok(Position { entries: it.number()?, root: it.hash()? })
            })?,
        },
        kind::AUDITED => Fact::Audited(audit::read_audited(reader, has(HAS_FIRST))?),
        other => return Err(DecodeError::unsupported(kind::feature(other))),
    })
}

fn write_optional<T>(writer: &mut Writer, value: Option<&T>, write: impl Fn(&mut Writer, &T)) {
    if let Some(value) = value {
        write(writer, value);
    }
}

fn read_optional<'a, T>(
    reader: &mut Reader<'a>,
    is_there: bool,
    read: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    is_there.then(|| read(reader)).transpose()
}

fn write_messages(writer: &mut Writer, messages: &[MessageKey]) {
    writer.list(messages, |writer, it| writer.number(it.0));
}

fn read_messages(reader: &mut Reader<'_>) -> Result<Vec<MessageKey>, DecodeError> {
    reader.list(|it| it.number().map(MessageKey))
}

fn write_source_ref(writer: &mut Writer, place: &SourceRef) {
    writer.number(place.source.0);
    writer.number(place.uid);
}

fn read_source_ref(reader: &mut Reader<'_>) -> Result<SourceRef, DecodeError> {
    Ok(SourceRef { source: SourceId(reader.number()?), uid: reader.number()? })
}

fn read_flags(reader: &mut Reader<'_>) -> Result<Flags, DecodeError> {
    let bits = reader.number()?;
    u16::try_from(bits).map(Flags).or_else(|_| reader.malformed())
}

fn read_numbered<T>(
    reader: &mut Reader<'_>,
    known: impl Fn(u8) -> Option<T>,
) -> Result<T, DecodeError> {
    known(reader.byte()?).map_or_else(|| reader.malformed(), Ok)
}

/// Kinds of changes that wait: the numbers of the kinds of entries that they are like.
const CARRIED: u8 = 0;
const MOVED: u8 = 2;
const FLAGGED: u8 = 3;
const REMOVED: u8 = 4;
const SOURCE_GONE: u8 = 5;
const SIGHTED: u8 = 20;

fn write_deferred(writer: &mut Writer, store: StoreId, change: &DeferredChange) {
    writer.raw(&store.0);
    match change {
        DeferredChange::Carried { before } => {
            writer.byte(CARRIED);
            writer.number(before.0);
        }
        DeferredChange::Moved { placement, folder, source } => {
            writer.byte(MOVED);
            writer.number(placement.0);
            writer.number(folder.0);
            writer.byte(source.is_some().into());
            write_optional(writer, source.as_ref(), write_source_ref);
        }
        DeferredChange::Flagged { placement, flags } => {
            writer.byte(FLAGGED);
            writer.number(placement.0);
            writer.number(flags.0.into());
        }
        DeferredChange::Removed { placement } => {
            writer.byte(REMOVED);
            writer.number(placement.0);
        }
        DeferredChange::SourceGone { source } => {
            writer.byte(SOURCE_GONE);
            write_source_ref(writer, source);
        }
        DeferredChange::Sighted { placement, source } => {
            writer.byte(SIGHTED);
            writer.number(placement.0);
            write_source_ref(writer, source);
        }
    }
}

fn read_deferred(reader: &mut Reader<'_>) -> Result<DeferredChange, DecodeError> {
    let kind = reader.byte()?;
    if kind == CARRIED {
        return Ok(DeferredChange::Carried { before: EntryNumber(reader.number()?) });
    }
    if kind == SOURCE_GONE {
        return Ok(DeferredChange::SourceGone { source: read_source_ref(reader)? });
    }
    let placement = PlacementId(reader.number()?);
    Ok(match kind {
        MOVED => DeferredChange::Moved {
            placement,
            folder: FolderId(reader.number()?),
            source: match reader.byte()? {
                0 => None,
                1 => Some(read_source_ref(reader)?),
                _ => return reader.malformed(),
            },
        },
        FLAGGED => DeferredChange::Flagged { placement, flags: read_flags(reader)? },
        REMOVED => DeferredChange::Removed { placement },
        SIGHTED => DeferredChange::Sighted { placement, source: read_source_ref(reader)? },
        _ => return reader.malformed(),
    })
}

const LIFTED: u8 = 0;
const SET_FOR_ALL: u8 = 1;
const SET_FOR_ARCHIVE: u8 = 2;
const SET_BY_QUERY: u8 = 3;

fn write_hold(writer: &mut Writer, hold: HoldId, change: HoldChange) {
    writer.raw(&hold.0);
    match change {
        HoldChange::Lifted => writer.byte(LIFTED),
        HoldChange::Set(HoldScope::All) => writer.byte(SET_FOR_ALL),
        HoldChange::Set(HoldScope::Archive(archive)) => {
            writer.byte(SET_FOR_ARCHIVE);
            writer.number(archive.0);
        }
        HoldChange::Set(HoldScope::Query) => writer.byte(SET_BY_QUERY),
    }
}

fn read_hold(reader: &mut Reader<'_>) -> Result<HoldChange, DecodeError> {
    Ok(match reader.byte()? {
        LIFTED => HoldChange::Lifted,
        SET_FOR_ALL => HoldChange::Set(HoldScope::All),
        SET_FOR_ARCHIVE => HoldChange::Set(HoldScope::Archive(ArchiveId(reader.number()?))),
        SET_BY_QUERY => HoldChange::Set(HoldScope::Query),
        _ => return reader.malformed(),
    })
}

pub(crate) fn write_certificate(writer: &mut Writer, certificate: &Certificate) {
    writer.number(certificate.source.0);
    writer.number(certificate.uid_validity);
    writer.number(certificate.uid_next);
    writer.number(certificate.modseq);
    write_counts(writer, &certificate.counts);
}

fn read_certificate(reader: &mut Reader<'_>) -> Result<Certificate, DecodeError> {
    Ok(Certificate {
        source: SourceId(reader.number()?),
        uid_validity: reader.number()?,
        uid_next: reader.number()?,
        modseq: reader.number()?,
        counts: read_counts(reader)?,
    })
}

fn write_counts(writer: &mut Writer, counts: &RunCounts) {
    writer.number(counts.server_count);
    writer.number(counts.archived);
    writer.number(counts.already);
    writer.number(counts.excluded.default_folders);
    writer.number(counts.excluded.folder_list);
    writer.number(counts.excluded.filter);
    writer.number(counts.excluded.unknown_address);
    writer.number(counts.quarantined);
}

fn read_counts(reader: &mut Reader<'_>) -> Result<RunCounts, DecodeError> {
    Ok(RunCounts {
        server_count: reader.number()?,
        archived: reader.number()?,
        already: reader.number()?,
        excluded: Excluded {
            default_folders: reader.number()?,
            folder_list: reader.number()?,
            filter: reader.number()?,
            unknown_address: reader.number()?,
        },
        quarantined: reader.number()?,
    })
}

#[cfg(test)]
mod tests;
