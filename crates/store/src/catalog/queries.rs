//! What people and programs ask of the catalog. Read the rows beside it.

use ledger::{Outcome, QuarantineReason, TreeKind};
use ports::CatalogError;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use types::{
    ArchiveId, BlobId, Flags, FolderId, MessageKey, MessageSet, PlacementId, SourceId, Timestamp,
};

use super::look_ups::{certificate, counts, reason};
use super::reader::SqlCatalog;
use super::rows::{
    CatalogCounts, CertifiedRow, ERASED, FolderRow, MessageRow, Place, PlacedMessage,
    QuarantineListed, RunRow, UserRow,
};
use super::sets::{self, KIND_FOLDER, SetName};
use super::values::{from_sql, number, sql, time, unknown};

const MESSAGE_COLUMNS: &str =
    "n, key, blob, size, archived, date, sender, recipients, subject, header IS NULL";

impl SqlCatalog {
    /// The messages with these numbers, in this order. A number that no message has is left
    /// out.
    pub fn messages(&self, numbers: &[u32]) -> Result<Vec<MessageRow>, CatalogError> {
        self.with("messages", |it| {
            let rows = numbers.iter().map(|n| message(it, *n));
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// The message with this key.
    pub fn message(&self, key: MessageKey) -> Result<Option<MessageRow>, CatalogError> {
        let query = format!("SELECT {MESSAGE_COLUMNS} FROM message WHERE key = ?1");
        self.with("a message", |it| {
            it.prepare_cached(&query)?.query_row([sql(key.0)], message_row).optional()
        })
    }

    /// Where a message is: folders and their users, oldest placement first.
    pub fn places(&self, n: u32) -> Result<Vec<Place>, CatalogError> {
        self.with("the folders of a message", |it| places(it, n))
    }

    /// Messages of `set` with their places, by ascending number, from `n_first` on and at most
    /// `limit`: the order of an export.
    pub fn placed(
        &self,
        set: &MessageSet,
        n_first: u32,
        limit: usize,
    ) -> Result<Vec<PlacedMessage>, CatalogError> {
        self.with("messages with their folders", |it| {
            let mut found = Vec::new();
            for n in set.iter_from(n_first).take(limit) {
                if let Some(message) = message(it, n)? {
                    found.push(PlacedMessage { message, places: places(it, n)? });
                }
            }
            Ok(found)
        })
    }

    /// Messages whose keys are from `first` up to and without `end`, by ascending key, at most
    /// `limit`: what an index that has read as far as `first` has to read.
    pub fn messages_between(
        &self,
        first: u64,
        end: u64,
        limit: usize,
    ) -> Result<Vec<MessageRow>, CatalogError> {
        let query = format!(
            "SELECT {MESSAGE_COLUMNS} FROM message WHERE ?1 <= key AND key < ?2 \
             ORDER BY key LIMIT ?3"
        );
        let limit = sql(limit as u64);
        self.with("messages by key", |it| {
            let mut statement = it.prepare_cached(&query)?;
            statement.query_map((sql(first), sql(end), limit), message_row)?.collect()
        })
    }

    /// All folders, or those of one archive, by user and path.
    pub fn folders(&self, archive: Option<ArchiveId>) -> Result<Vec<FolderRow>, CatalogError> {
        let query = "SELECT f.id, f.archive, f.kind, f.user, f.path, \
                     (SELECT coalesce(sum(count), 0) FROM message_set s \
                      WHERE s.kind = ?1 AND s.id = f.id) \
                     FROM folder f WHERE ?2 IS NULL OR f.archive = ?2 \
                     ORDER BY f.user, f.canonical, f.id";
        self.with("the folders", |it| {
            let mut statement = it.prepare_cached(query)?;
            let archive = archive.map(|it| sql(it.0));
            statement.query_map((KIND_FOLDER, archive), folder_row)?.collect()
        })
    }

    /// The archives that have folders here, with the newest name of their user, by name.
    pub fn users(&self) -> Result<Vec<UserRow>, CatalogError> {
        let query = "SELECT archive, user FROM folder ORDER BY archive, id";
        let mut named: Vec<(ArchiveId, Option<String>)> = self.with("the users", |it| {
            let mut statement = it.prepare_cached(query)?;
            let read = |row: &Row<'_>| Ok((ArchiveId(number(row, 0)?), row.get(1)?));
            statement.query_map((), read)?.collect()
        })?;
        // The last folder of each archive is the newest.
        named.reverse();
        named.dedup_by_key(|(archive, _)| *archive);
        let mut users = Vec::new();
        for (archive, user) in named {
            let messages = self.set_of_archive(archive)?.len();
            users.push(UserRow { archive, user: user.unwrap_or_else(|| ERASED.into()), messages });
        }
        users.sort_by(|a, b| (&a.user, a.archive).cmp(&(&b.user, b.archive)));
        Ok(users)
    }

    /// All messages that are in a folder.
    pub fn set_of_all(&self) -> Result<MessageSet, CatalogError> {
        self.with("all messages", |it| sets::read(it, SetName::All))
    }

    /// The messages in the folders of an archive.
    pub fn set_of_archive(&self, archive: ArchiveId) -> Result<MessageSet, CatalogError> {
        self.set_of_folders(Some(archive), |_| true)
    }

    /// The messages in the folders that `takes` takes, of all archives or of one.
    pub fn set_of_folders(
        &self,
        archive: Option<ArchiveId>,
        takes: impl Fn(&FolderRow) -> bool,
    ) -> Result<MessageSet, CatalogError> {
        let folders = self.folders(archive)?;
        self.with("the messages of folders", |it| {
            let mut all = MessageSet::default();
            for row in folders.iter().filter(|row| takes(row)) {
                all.unite(&sets::read(it, SetName::Folder(row.folder))?);
            }
            Ok(all)
        })
    }

    /// The messages in the folder `path` and below it, as [`FolderRow::is_at_or_below`] says.
    pub fn set_below(
        &self,
        archive: Option<ArchiveId>,
        path: &str,
    ) -> Result<MessageSet, CatalogError> {
        self.set_of_folders(archive, |it| it.is_at_or_below(path))
    }

    /// The messages in folders whose user has this name, case folded.
    pub fn set_of_user(&self, user: &str) -> Result<MessageSet, CatalogError> {
        let wanted = user.to_lowercase();
        self.set_of_folders(None, |it| it.user.to_lowercase() == wanted)
    }

    /// The messages that have all these flags, each at any of their places, or at any of those
    /// in one archive: what somebody else did with his copy is not to be seen there.
    pub fn set_with_flags(
        &self,
        archive: Option<ArchiveId>,
        flags: Flags,
    ) -> Result<MessageSet, CatalogError> {
        let sets = archive.map(|it| Ok((it, self.set_of_archive(it)?, self.set_of_others(it)?)));
        let sets = sets.transpose()?;
        self.with("the messages with a flag", |it| {
            let mut all = sets::read(it, SetName::All)?;
            for bit in (0..u16::BITS).map(|bit| Flags(1 << bit)) {
                if flags.contains(bit) {
                    let mut flagged = sets::read(it, SetName::Flag(bit))?;
                    if let Some((archive, own, others)) = &sets {
                        flagged.intersect(own);
                        subtract_flagged_elsewhere(it, &mut flagged, others, *archive, bit)?;
                    }
                    all.intersect(&flagged);
                }
            }
            Ok(all)
        })
    }

    /// The messages in the folders of all other archives.
    fn set_of_others(&self, archive: ArchiveId) -> Result<MessageSet, CatalogError> {
        self.set_of_folders(None, |it| it.archive != archive)
    }

    /// The newest certificate of every source, or of those of one archive, by account and
    /// mailbox.
    pub fn certificates(
        &self,
        archive: Option<ArchiveId>,
    ) -> Result<Vec<CertifiedRow>, CatalogError> {
        // Two texts: one condition for both would look at every certificate for one archive.
        let of_one = if archive.is_some() { "WHERE s.archive = ?1 " } else { "" };
        let query = format!(
            "SELECT s.archive, s.profile, s.account, s.mailbox, c.at, \
             c.source, c.uid_validity, c.uid_next, c.modseq, c.server_count, c.archived, \
             c.already, c.default_folders, c.folder_list, c.filter, c.unknown_address, \
             c.quarantined FROM certificate c JOIN source s ON s.id = c.source \
             {of_one}ORDER BY s.profile, s.account, s.mailbox, s.id"
        );
        self.with("the certificates", |it| {
            let mut statement = it.prepare_cached(&query)?;
            let values = params_from_iter(archive.map(|it| sql(it.0)));
            statement.query_map(values, certified_row)?.collect()
        })
    }

    /// The messages in quarantine, of all sources or of those of one archive. Those that belong to
    /// nobody are not among them: nothing is wrong with them.
    pub fn quarantine(
        &self,
        archive: Option<ArchiveId>,
    ) -> Result<Vec<QuarantineListed>, CatalogError> {
        let query = "SELECT s.archive, q.source, s.profile, s.account, s.mailbox, q.uid, \
                     q.reason, q.text, q.attempts, q.retry_at, q.at \
                     FROM quarantine q JOIN source s ON s.id = q.source \
                     WHERE (?1 IS NULL OR s.archive = ?1) AND q.reason != ?2 \
                     ORDER BY q.source, q.uid";
        let unknown = QuarantineReason::UnknownAddress.number();
        self.with("the quarantine", |it| {
            let mut statement = it.prepare_cached(query)?;
            let values = (archive.map(|it| sql(it.0)), unknown);
            statement.query_map(values, quarantine_listed)?.collect()
        })
    }

    /// UIDVALIDITY of a source, or 0 where it has none.
    pub fn uid_validity(&self, source: SourceId) -> Result<Option<u64>, CatalogError> {
        let query = "SELECT uid_validity FROM source WHERE id = ?1";
        self.with("the epoch of a mailbox", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_row([sql(source.0)], |row| number(row, 0)).optional()
        })
    }

    /// The newest runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, CatalogError> {
        let query = "SELECT outcome, started, ended, title, server_count, archived, already, \
                     default_folders, folder_list, filter, unknown_address, quarantined \
                     FROM run ORDER BY entry DESC LIMIT ?1";
        self.with("the runs", |it| {
            let mut statement = it.prepare_cached(query)?;
            statement.query_map([sql(limit as u64)], run_row)?.collect()
        })
    }

    /// How much is in it.
    pub fn counts(&self) -> Result<CatalogCounts, CatalogError> {
        let count = |it: &Connection, query: &str| it.query_row(query, (), |row| number(row, 0));
        self.with("its counts", |it| {
            Ok(CatalogCounts {
                messages: count(it, "SELECT messages FROM head")?,
                live: sets::read(it, SetName::All)?.len(),
                placements: count(it, "SELECT count(*) FROM placement")?,
                folders: count(it, "SELECT count(*) FROM folder")?,
            })
        })
    }

    /// A hash over all rows: equal for two catalogs that read the same log.
    pub fn digest(&self) -> Result<types::Hash, CatalogError> {
        self.with("hashing its rows", super::digest::digest)
    }

    /// Reads every page and reports what is wrong with the file, at most 100 things.
    pub fn check(&self) -> Result<Vec<String>, CatalogError> {
        self.with("checking it", |it| {
            let mut statement = it.prepare("PRAGMA integrity_check(100)")?;
            let found: Vec<String> =
                statement.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(found.into_iter().filter(|it| it != "ok").collect())
        })
    }
}

fn message(connection: &Connection, n: u32) -> rusqlite::Result<Option<MessageRow>> {
    const QUERY: &str = "SELECT n, key, blob, size, archived, date, sender, recipients, \
                         subject, header IS NULL FROM message WHERE n = ?1";
    connection.prepare_cached(QUERY)?.query_row([n], message_row).optional()
}

fn message_row(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        n: row.get(0)?,
        key: MessageKey(number(row, 1)?),
        blob: BlobId(row.get(2)?),
        size: number(row, 3)?,
        archived: time(row, 4)?,
        date: time(row, 5)?,
        from: text_or_erased(row, 6)?,
        to: text_or_erased(row, 7)?,
        subject: text_or_erased(row, 8)?,
        is_erased: row.get(9)?,
    })
}

fn text_or_erased(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let text: Option<String> = row.get(column)?;
    Ok(text.unwrap_or_else(|| ERASED.into()))
}

fn places(connection: &Connection, n: u32) -> rusqlite::Result<Vec<Place>> {
    let query = "SELECT p.id, p.folder, f.archive, f.user, f.path, p.flags, p.keywords, \
                 p.received, p.placed FROM placement p JOIN folder f ON f.id = p.folder \
                 WHERE p.n = ?1 ORDER BY p.id";
    let mut statement = connection.prepare_cached(query)?;
    statement.query_map([n], place_row)?.collect()
}

fn place_row(row: &Row<'_>) -> rusqlite::Result<Place> {
    let keywords: Option<String> = row.get(6)?;
    let keywords = keywords.map(|it| it.split('\n').map(str::to_owned).collect());
    Ok(Place {
        placement: PlacementId(number(row, 0)?),
        folder: FolderId(number(row, 1)?),
        archive: ArchiveId(number(row, 2)?),
        user: text_or_erased(row, 3)?,
        path: text_or_erased(row, 4)?,
        flags: Flags(row.get(5)?),
        keywords: keywords.unwrap_or_default(),
        received: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        placed: time(row, 8)?,
    })
}

/// Takes those out of `flagged` that have `flag` only at places in other archives than this.
fn subtract_flagged_elsewhere(
    connection: &Connection,
    flagged: &mut MessageSet,
    others: &MessageSet,
    archive: ArchiveId,
    flag: Flags,
) -> rusqlite::Result<()> {
    let mut shared = flagged.clone();
    shared.intersect(others);
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM placement p JOIN folder f ON f.id = p.folder \
         WHERE p.n = ?1 AND f.archive = ?2 AND p.flags & ?3)",
    )?;
    for n in shared.iter() {
        if !statement.query_row((n, sql(archive.0), flag.0), |it| it.get(0))? {
            flagged.remove(n);
        }
    }
    Ok(())
}

fn folder_row(row: &Row<'_>) -> rusqlite::Result<FolderRow> {
    let kind: u8 = row.get(2)?;
    Ok(FolderRow {
        folder: FolderId(number(row, 0)?),
        archive: ArchiveId(number(row, 1)?),
        kind: TreeKind::from_number(kind).ok_or_else(|| unknown("kind of tree", kind))?,
        user: text_or_erased(row, 3)?,
        path: text_or_erased(row, 4)?,
        messages: number(row, 5)?,
    })
}

fn certified_row(row: &Row<'_>) -> rusqlite::Result<CertifiedRow> {
    Ok(CertifiedRow {
        archive: ArchiveId(number(row, 0)?),
        profile: row.get(1)?,
        account: row.get(2)?,
        mailbox: row.get(3)?,
        at: time(row, 4)?,
        certificate: certificate(row, 5)?,
    })
}

fn quarantine_listed(row: &Row<'_>) -> rusqlite::Result<QuarantineListed> {
    Ok(QuarantineListed {
        archive: ArchiveId(from_sql(row.get(0)?)),
        source: SourceId(number(row, 1)?),
        profile: row.get(2)?,
        account: row.get(3)?,
        mailbox: row.get(4)?,
        uid: number(row, 5)?,
        reason: reason(row, 6)?,
        text: row.get(7)?,
        attempts: row.get(8)?,
        retry_at: time(row, 9)?,
        at: time(row, 10)?,
    })
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let outcome: u8 = row.get(0)?;
    Ok(RunRow {
        outcome: Outcome::from_number(outcome).ok_or_else(|| unknown("outcome", outcome))?,
        started: time(row, 1)?,
        ended: time(row, 2)?,
        title: row.get(3)?,
        counts: counts(row, 4)?,
    })
}
