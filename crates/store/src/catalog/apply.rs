//! Row changes carried out in SQL. What they mean was decided in `ledger::project`.

use std::cmp::Ordering;

use ledger::project::{ErasureStep, MessageBytes, RowChange};
use ledger::{EnvelopeDetail, MessageDetail, QuarantineReason, SourceRef};
use ports::NewMessage;
use rusqlite::{Connection, OptionalExtension};
use types::{Address, Flags, FolderId, Hash, MessageKey, PlacementId, Timestamp};

use super::plain::apply_plain;
use super::schema::make_indexes;
use super::sets::{SetChanges, SetName};
use super::values::{from_sql, sql, unknown};

/// Senders and recipients of a message as text for lists, at most this long, in bytes.
pub(crate) const PEOPLE_BYTES_MAX: usize = 600;

/// The subject of a message for lists, at most this long, in bytes.
pub(crate) const SUBJECT_BYTES_MAX: usize = 1000;

/// What need not be asked of the tables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shortcuts {
    /// The tables have no indexes yet: they are made at the end, or when one is missed.
    pub(crate) lacks_indexes: bool,
    /// Nothing is in quarantine; `false` when that is not known.
    pub(crate) no_quarantine: bool,
}

/// Carries out row changes inside a transaction.
pub(crate) struct Applier<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) sets: &'a mut SetChanges,
    pub(crate) shortcuts: &'a mut Shortcuts,
    /// The next dense number.
    pub(crate) n_next: &'a mut u32,
    /// The message that was made last: its placement comes next.
    pub(crate) newest: &'a mut Option<(MessageKey, u32)>,
    pub(crate) made: &'a mut Vec<NewMessage>,
}

/// A row of `placement`, as far as a change asks for it.
struct Placed {
    id: i64,
    n: u32,
    folder: FolderId,
    flags: Flags,
}

impl Applier<'_> {
    pub(crate) fn apply(&mut self, change: RowChange) -> rusqlite::Result<()> {
        match change {
            RowChange::Message { message, bytes, date, detail, content } => {
                self.message(message, bytes, date, detail.as_deref())?;
                content.map_or(Ok(()), |it| self.content(message, it))
            }
            RowChange::Placement {
                placement,
                message,
                folder,
                flags,
                keywords,
                received,
                placed,
                source,
                envelope,
            } => {
                let row = NewPlacementRow {
                    placement,
                    folder,
                    flags,
                    keywords,
                    received,
                    placed,
                    envelope,
                };
                self.placement(message, &row, source)
            }
            RowChange::PlacementChange { placement, folder, flags, removed } => {
                self.placement_change(placement, folder, flags, removed.is_some())
            }
            RowChange::SourceRef { source, placement: Some(placement) } => {
                let placement = self.resolve(placement)?;
                self.stands_at(source, placement)
            }
            RowChange::SourceRef { source, placement: None } => {
                self.end_quarantine(source)?;
                let query = "DELETE FROM source_ref WHERE source = ?1 AND uid = ?2";
                self.run(query, place(source))
            }
            RowChange::Quarantine { source, reason, text, attempts, retry_at, at } => {
                self.quarantine(source, reason, &text, attempts, retry_at, at)
            }
            RowChange::Erasure { message, step } => self.erasure(message, step),
            other => apply_plain(self.connection, other),
        }
    }

    fn run(&self, query: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
        self.connection.prepare_cached(query)?.execute(values).map(|_| ())
    }

    fn message(
        &mut self,
        message: MessageKey,
        bytes: Option<MessageBytes>,
        date: Option<Timestamp>,
        detail: Option<&MessageDetail>,
    ) -> rusqlite::Result<()> {
        let known = self.number_of(message)?;
        let shown = detail.map(Shown::of);
        let header = detail.map(|it| it.header_hash.0);
        let sender = shown.as_ref().map(|it| it.sender.as_str());
        let recipients = shown.as_ref().map(|it| it.recipients.as_str());
        let subject = shown.as_ref().map(|it| it.subject.as_str());
        let (Some(bytes), None) = (bytes, known) else {
            let Some(n) = known else { return Ok(()) };
            let query = "UPDATE message SET date = coalesce(?2, archived), header = ?3, \
                         sender = ?4, recipients = ?5, subject = ?6 WHERE n = ?1";
            let date = date.map(|it| it.0);
            self.run(query, (n, date, header, sender, recipients, subject))?;
            return self.note_reading(n, detail);
        };
        let MessageBytes { blob, size, archived } = bytes;
        let date = date.unwrap_or(archived);
        let n = *self.n_next;
        *self.n_next = n.checked_add(1).ok_or_else(|| unknown("message after", n))?;
        let query = "INSERT INTO message \
                     (n, key, blob, size, archived, date, header, sender, recipients, subject) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let values = (
            n,
            sql(message.0),
            blob.0,
            sql(size),
            archived.0,
            date.0,
            header,
            sender,
            recipients,
            subject,
        );
        self.run(query, values)?;
        self.note_reading(n, detail)?;
        *self.newest = Some((message, n));
        self.made.push(NewMessage { key: message, n, blob, size, date, archived });
        Ok(())
    }

    /// Of a message without a detail nothing is known to have been read.
    fn note_reading(&mut self, n: u32, detail: Option<&MessageDetail>) -> rusqlite::Result<()> {
        match detail.is_none_or(MessageDetail::is_partly_read) {
            true => self.sets.insert(self.connection, SetName::PartlyRead, n),
            false => self.sets.remove(self.connection, SetName::PartlyRead, n),
        }
    }

    fn content(&mut self, message: MessageKey, Hash(canonical): Hash) -> rusqlite::Result<()> {
        let Some(n) = self.number_of(message)? else { return Ok(()) };
        self.run("INSERT OR IGNORE INTO content (canonical, n) VALUES (?1, ?2)", (canonical, n))
    }

    fn placement(
        &mut self,
        message: MessageKey,
        new: &NewPlacementRow,
        source: Option<SourceRef>,
    ) -> rusqlite::Result<()> {
        let n = self.number_of(message)?;
        let n = n.ok_or_else(|| unknown("message", message))?;
        let there = match self.at_place(n, new.folder)? {
            Some(id) => {
                // The same message again: what is said of it later is meant for the first.
                if id != sql(new.placement.0) {
                    self.alias(sql(new.placement.0), id)?;
                }
                id
            }
            None => return self.insert_placement(n, new, source),
        };
        match source {
            Some(source) => self.stands_at(source, Some(there)),
            None => Ok(()),
        }
    }

    fn insert_placement(
        &mut self,
        n: u32,
        new: &NewPlacementRow,
        source: Option<SourceRef>,
    ) -> rusqlite::Result<()> {
        let id = sql(new.placement.0);
        let keywords = (!new.keywords.is_empty()).then(|| new.keywords.join("\n"));
        let query = "INSERT INTO placement \
                     (id, n, folder, flags, keywords, received, placed, source, senders, \
                     recipients) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let received = new.received.map(|it| it.0);
        let (folder, flags) = (sql(new.folder.0), new.flags.0);
        let [senders, recipients] = match new.envelope.is_empty() {
            true => [None, None],
            false => [&new.envelope.senders, &new.envelope.recipients].map(|it| Some(lines(it))),
        };
        let (placed, stood) = (new.placed.0, source.map(|it| sql(it.source.0)));
        let values = (id, n, folder, flags, keywords, received, placed, stood, senders, recipients);
        self.run(query, values)?;
        if let Some(source) = source {
            self.end_quarantine(source)?;
            self.note_place(source, id)?;
        }
        self.sets.insert(self.connection, SetName::All, n)?;
        self.sets.insert(self.connection, SetName::Folder(new.folder), n)?;
        for flag in single_flags(new.flags) {
            self.sets.insert(self.connection, SetName::Flag(flag), n)?;
        }
        Ok(())
    }

    fn placement_change(
        &mut self,
        placement: PlacementId,
        folder: Option<FolderId>,
        flags: Option<Flags>,
        removed: bool,
    ) -> rusqlite::Result<()> {
        let Some(id) = self.resolve(placement)? else { return Ok(()) };
        if let Some(folder) = folder {
            self.move_to(id, folder)?;
        }
        // The move may have found another placement there.
        let Some(id) = self.resolve(placement)? else { return Ok(()) };
        if let Some(flags) = flags {
            self.set_flags(id, flags)?;
        }
        if removed { self.take_away(id) } else { Ok(()) }
    }

    fn move_to(&mut self, id: i64, folder: FolderId) -> rusqlite::Result<()> {
        let Some(moved) = self.row(id)? else { return Ok(()) };
        if moved.folder == folder {
            return Ok(());
        }
        if let Some(there) = self.at_place(moved.n, folder)? {
            self.need_indexes()?;
            let query = "UPDATE source_ref SET placement = ?2 WHERE placement = ?1";
            self.run(query, [id, there])?;
            self.delete(id)?;
            return self.alias(id, there);
        }
        self.run("UPDATE placement SET folder = ?2 WHERE id = ?1", [id, sql(folder.0)])?;
        self.sets.remove(self.connection, SetName::Folder(moved.folder), moved.n)?;
        self.sets.insert(self.connection, SetName::Folder(folder), moved.n)
    }

    fn set_flags(&mut self, id: i64, flags: Flags) -> rusqlite::Result<()> {
        let Some(row) = self.row(id)? else { return Ok(()) };
        self.run("UPDATE placement SET flags = ?2 WHERE id = ?1", (id, flags.0))?;
        for flag in single_flags(flags) {
            self.sets.insert(self.connection, SetName::Flag(flag), row.n)?;
        }
        self.drop_flags(row.n, Flags(row.flags.0 & !flags.0))
    }

    /// Takes a placement away that nothing refers to any more.
    fn delete(&mut self, id: i64) -> rusqlite::Result<()> {
        let Some(Placed { id, n, folder, flags }) = self.row(id)? else { return Ok(()) };
        self.need_indexes()?;
        self.run("DELETE FROM placement WHERE id = ?1", [id])?;
        self.sets.remove(self.connection, SetName::Folder(folder), n)?;
        self.drop_flags(n, flags)?;
        let query = "SELECT 1 FROM placement WHERE n = ?1";
        if !self.connection.prepare_cached(query)?.exists([n])? {
            self.sets.remove(self.connection, SetName::All, n)?;
        }
        Ok(())
    }

    /// A message has a flag while one of its placements has it.
    fn drop_flags(&mut self, n: u32, gone: Flags) -> rusqlite::Result<()> {
        let query = "SELECT 1 FROM placement WHERE n = ?1 AND flags & ?2 != 0";
        if gone != Flags::default() {
            self.need_indexes()?;
        }
        for flag in single_flags(gone) {
            if !self.connection.prepare_cached(query)?.exists((n, flag.0))? {
                self.sets.remove(self.connection, SetName::Flag(flag), n)?;
            }
        }
        Ok(())
    }

    fn erasure(&mut self, message: MessageKey, step: ErasureStep) -> rusqlite::Result<()> {
        let Some(n) = self.number_of(message)? else { return Ok(()) };
        let query = "DELETE FROM condemned WHERE n = ?1";
        match step {
            ErasureStep::Condemned { entry, due } => {
                let query = "REPLACE INTO condemned (n, entry, due) VALUES (?1, ?2, ?3)";
                self.run(query, (n, sql(entry.0), due.0))
            }
            ErasureStep::Spared => self.run(query, [n]),
            ErasureStep::Erased => {
                self.run(query, [n])?;
                self.erase(n)
            }
        }
    }

    /// Takes away all that a message's details said, and its placements. The row stays: dense
    /// numbers have no gaps. What is left does not depend on whether the details were still there.
    fn erase(&mut self, n: u32) -> rusqlite::Result<()> {
        self.need_indexes()?;
        let query = "SELECT id FROM placement WHERE n = ?1";
        let ids: Vec<i64> = {
            let mut statement = self.connection.prepare_cached(query)?;
            statement.query_map([n], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        for id in ids {
            self.take_away(id)?;
        }
        self.run("DELETE FROM content WHERE n = ?1", [n])?;
        self.sets.remove(self.connection, SetName::PartlyRead, n)?;
        let query = "UPDATE message SET date = archived, header = NULL, sender = NULL, \
                     recipients = NULL, subject = NULL WHERE n = ?1";
        self.run(query, [n])
    }

    /// Ends a placement, with all that refers to it.
    fn take_away(&mut self, id: i64) -> rusqlite::Result<()> {
        self.need_indexes()?;
        self.run("DELETE FROM source_ref WHERE placement = ?1", [id])?;
        self.run("DELETE FROM placement_alias WHERE of = ?1", [id])?;
        self.delete(id)
    }

    fn stands_at(&mut self, source: SourceRef, placement: Option<i64>) -> rusqlite::Result<()> {
        self.end_quarantine(source)?;
        let Some(placement) = placement else { return Ok(()) };
        self.note_place(source, placement)?;
        let query = "UPDATE placement SET source = ?2 WHERE id = ?1";
        self.run(query, [placement, sql(source.source.0)])
    }

    fn note_place(&self, source: SourceRef, placement: i64) -> rusqlite::Result<()> {
        let query = "REPLACE INTO source_ref (source, uid, placement) VALUES (?1, ?2, ?3)";
        let (source_id, uid) = place(source);
        self.run(query, (source_id, uid, placement))
    }

    fn end_quarantine(&self, source: SourceRef) -> rusqlite::Result<()> {
        if self.shortcuts.no_quarantine {
            return Ok(());
        }
        self.run("DELETE FROM quarantine WHERE source = ?1 AND uid = ?2", place(source))
    }

    fn quarantine(
        &mut self,
        source: SourceRef,
        reason: QuarantineReason,
        text: &str,
        attempts: u32,
        retry_at: Timestamp,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let query = "REPLACE INTO quarantine (source, uid, reason, text, attempts, retry_at, at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (source_id, uid) = place(source);
        self.shortcuts.no_quarantine = false;
        self.run(query, (source_id, uid, reason.number(), text, attempts, retry_at.0, at.0))
    }

    fn number_of(&self, message: MessageKey) -> rusqlite::Result<Option<u32>> {
        if let Some((key, n)) = *self.newest
            && key <= message
        {
            // Numbers are in the order of keys: behind the newest there is none.
            return Ok((key == message).then_some(n));
        }
        if self.shortcuts.lacks_indexes {
            return self.number_by_order(message);
        }
        let mut statement =
            self.connection.prepare_cached("SELECT n FROM message WHERE key = ?1")?;
        statement.query_row([sql(message.0)], |row| row.get(0)).optional()
    }

    /// The same without an index: numbers are in the order of keys.
    fn number_by_order(&self, message: MessageKey) -> rusqlite::Result<Option<u32>> {
        let mut statement =
            self.connection.prepare_cached("SELECT key FROM message WHERE n = ?1")?;
        let (mut low, mut high) = (0, *self.n_next);
        while low < high {
            let middle = low + (high - low) / 2;
            let key = statement.query_row([middle], |row| row.get(0).map(from_sql))?;
            match key.cmp(&message.0) {
                Ordering::Equal => return Ok(Some(middle)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Makes the indexes, when something is to be found that is not found by its key.
    fn need_indexes(&mut self) -> rusqlite::Result<()> {
        if self.shortcuts.lacks_indexes {
            make_indexes(self.connection)?;
            self.shortcuts.lacks_indexes = false;
        }
        Ok(())
    }

    /// The placement of a message in a folder.
    fn at_place(&mut self, n: u32, folder: FolderId) -> rusqlite::Result<Option<i64>> {
        if !self.sets.contains(self.connection, SetName::Folder(folder), n)? {
            return Ok(None);
        }
        self.need_indexes()?;
        let query = "SELECT id FROM placement WHERE n = ?1 AND folder = ?2";
        let mut statement = self.connection.prepare_cached(query)?;
        statement.query_row((n, sql(folder.0)), |row| row.get(0)).optional()
    }

    fn row(&self, id: i64) -> rusqlite::Result<Option<Placed>> {
        let query = "SELECT id, n, folder, flags FROM placement WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(query)?;
        let read = |row: &rusqlite::Row<'_>| {
            let folder = FolderId(from_sql(row.get(2)?));
            let flags = Flags(row.get(3)?);
            Ok(Placed { id: row.get(0)?, n: row.get(1)?, folder, flags })
        };
        statement.query_row([id], read).optional()
    }

    /// The placement that this one is, if it is there.
    fn resolve(&self, PlacementId(id): PlacementId) -> rusqlite::Result<Option<i64>> {
        let query = "SELECT id FROM placement WHERE id = ?1 UNION ALL \
                     SELECT of FROM placement_alias WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(query)?;
        statement.query_row([sql(id)], |row| row.get(0)).optional()
    }

    /// From now on `id` is `of`, and so is all that was `id`. Aliases never form chains.
    fn alias(&mut self, id: i64, of: i64) -> rusqlite::Result<()> {
        self.need_indexes()?;
        self.run("UPDATE placement_alias SET of = ?2 WHERE of = ?1", [id, of])?;
        self.run("REPLACE INTO placement_alias (id, of) VALUES (?1, ?2)", [id, of])
    }
}

/// The columns of a new placement.
struct NewPlacementRow {
    placement: PlacementId,
    folder: FolderId,
    flags: Flags,
    keywords: Vec<String>,
    received: Option<Timestamp>,
    placed: Timestamp,
    envelope: EnvelopeDetail,
}

/// One text a line. A line end inside of one would be another one: it is a space.
fn lines(texts: &[String]) -> String {
    let one_line = texts.iter().map(|it| it.replace(['\n', '\r'], " "));
    one_line.collect::<Vec<_>>().join("\n")
}

fn place(source: SourceRef) -> (i64, i64) {
    (sql(source.source.0), sql(source.uid))
}

/// The flags one by one.
fn single_flags(flags: Flags) -> impl Iterator<Item = Flags> {
    (0..u16::BITS).map(|bit| Flags(1 << bit)).filter(move |it| flags.contains(*it))
}

/// What lists show of a message.
struct Shown {
    sender: String,
    recipients: String,
    subject: String,
}

impl Shown {
    fn of(detail: &MessageDetail) -> Shown {
        Shown {
            sender: people(&detail.from),
            recipients: people(&detail.to),
            subject: shortened(detail.subject.clone(), SUBJECT_BYTES_MAX),
        }
    }
}

fn people(addresses: &[Address]) -> String {
    let mut text = String::new();
    for address in addresses {
        if PEOPLE_BYTES_MAX < text.len() {
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&address.to_string());
    }
    shortened(text, PEOPLE_BYTES_MAX)
}

fn shortened(mut text: String, bytes_max: usize) -> String {
    const ELLIPSIS: &str = "\u{2026}";
    if bytes_max < text.len() {
        text.truncate(text.floor_char_boundary(bytes_max - ELLIPSIS.len()));
        text.push_str(ELLIPSIS);
    }
    text
}
