//! Phase 3: messages that the archive has, in mailboxes that were renumbered or renamed.
//!
//! Nothing is taken on trust: of the messages that look the same, a sample is compared closely,
//! and one difference means that all of them are fetched.
//!
//! - Another UIDVALIDITY (greater or smaller): messages are paired with those of the mailbox's
//!   older epochs by size, date and header; the sample is fetched whole and compared by hash.
//! - UIDs that are made of names (no UIDNEXT): when at least half of the names are gone and others
//!   came, the server may only name its messages anew; they are paired with those that are gone,
//!   in the same way.
//! - No UIDVALIDITY: the same on every pass, against what was there last time.
//! - A mailbox that is new, and one with the same UIDVALIDITY that is no longer there: UIDs name
//!   the same messages when the headers of the sample do. Placements move to the new folder. A
//!   folder that the archive has already takes no placements this way, because it may have the
//!   same messages: there, everything is fetched and decided one by one.

use std::collections::{HashMap, HashSet};

use ledger::SourceRef;
use ports::{Catalog, HeaderItem, Log, MatchRow, SourceError, SourceRow};
use types::{BlobId, PlacementId, SourceId};

use crate::compare::{Held, hold_back, pair, renumbered, sample};
use crate::mailbox::{Adopt, Mailbox, Stage};
use crate::report::{RunFailure, messages_are};
use crate::run::{Run, Stop};
use crate::work::{Event, Work};

/// An epoch of which something stands still, as far as the archive knows.
#[derive(Clone)]
struct Epoch {
    row: SourceRow,
    refs: Vec<(u64, PlacementId)>,
}

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Recognises what can be, and notes what has to be fetched.
    pub(crate) async fn recognise(&mut self) -> Result<(), Stop> {
        for slot in 0..self.mailboxes.len() {
            let Some(mailbox) = self.mailboxes.get(slot) else { break };
            if mailbox.stage != Stage::Compared || mailbox.error.is_some() {
                continue;
            }
            let current = mailbox.current().cloned();
            let older: Vec<SourceRow> =
                mailbox.rows.iter().filter(|it| Some(*it) != current.as_ref()).cloned().collect();
            let epochs = self.epochs(older)?;
            let recognised = match current {
                Some(row) if mailbox_is_unnumbered(&row) => self.unnumbered(slot, row).await?,
                Some(row) if mailbox_is_named(mailbox) && epochs.is_empty() => {
                    self.named_anew(slot, row.source).await?
                }
                None if epochs.is_empty() => self.renamed(slot).await?,
                _ if epochs.is_empty() => Vec::new(),
                _ => self.renumbered(slot, &epochs).await?,
            };
            self.owe(slot, &recognised);
            self.end_epochs(&epochs)?;
        }
        let confirmed = self.vanished.iter().filter(|it| it.confirmed);
        let rows: Vec<SourceRow> = confirmed.flat_map(|it| it.rows.iter().cloned()).collect();
        let epochs = self.epochs(rows)?;
        self.end_epochs(&epochs)
    }

    /// Those of which anything stands, or is in quarantine.
    fn epochs(&self, rows: Vec<SourceRow>) -> Result<Vec<Epoch>, Stop> {
        let mut epochs = Vec::new();
        for row in rows {
            let refs = self.catalog.source_refs(row.source)?;
            if !refs.is_empty() || !self.catalog.quarantined(row.source)?.is_empty() {
                epochs.push(Epoch { row, refs });
            }
        }
        Ok(epochs)
    }

    /// Nothing stands in these epochs any more.
    fn end_epochs(&mut self, epochs: &[Epoch]) -> Result<(), Stop> {
        for Epoch { row, refs } in epochs {
            let source = row.source;
            let held = self.catalog.quarantined(source)?;
            let uids = refs.iter().map(|it| it.0).chain(held.iter().map(|it| it.uid));
            self.gone_last.extend(uids.map(|uid| SourceRef { source, uid }));
        }
        Ok(())
    }

    /// A mailbox with another UIDVALIDITY than before.
    async fn renumbered(&mut self, slot: usize, epochs: &[Epoch]) -> Result<Vec<u64>, Stop> {
        let Some(mailbox) = self.mailboxes.get(slot) else { return Ok(Vec::new()) };
        let (path, uids) = (mailbox.path.clone(), mailbox.uids.clone());
        let mut rows = Vec::new();
        for epoch in epochs {
            rows.extend(self.catalog.match_rows(epoch.row.source)?);
        }
        let mut pairs = Vec::new();
        if !uids.is_empty() && !rows.is_empty() {
            match self.ask_headers(slot, uids.clone()).await? {
                Ok(items) => pairs = self.checked(slot, pair(&rows, &items)).await?,
                Err(error) => tracing::debug!(%path, %error, "fetching all messages"),
            }
        }
        if mailbox_was_closed(epochs) {
            let fetched = uids.len() - pairs.len();
            self.warnings.add(format!(
                "{path}: the server renumbered the mailbox; {} recognised, {fetched} fetched",
                messages_are(u64::try_from(pairs.len()).unwrap_or(0))
            ));
        }
        Ok(self.adopt(slot, pairs))
    }

    /// A mailbox whose UIDs are made of names: perhaps they are other names for the same messages.
    async fn named_anew(&mut self, slot: usize, source: SourceId) -> Result<Vec<u64>, Stop> {
        let Some(mailbox) = self.mailboxes.get(slot) else { return Ok(Vec::new()) };
        let (path, uids) = (mailbox.path.clone(), mailbox.uids.clone());
        let gone: HashSet<u64> =
            self.gone_first.iter().filter(|it| it.source == source).map(|it| it.uid).collect();
        let refs = self.catalog.source_refs(source)?;
        let standing: HashSet<PlacementId> =
            refs.iter().filter(|it| !gone.contains(&it.0)).map(|it| it.1).collect();
        let rows: Vec<MatchRow> = self.catalog.match_rows(source)?;
        let rows: Vec<MatchRow> =
            rows.into_iter().filter(|it| !standing.contains(&it.placement)).collect();
        // A few that are gone and a few that came are what every day brings.
        if uids.is_empty() || rows.is_empty() || 2 * gone.len() < refs.len() {
            return Ok(Vec::new());
        }
        let items = match self.ask_headers(slot, uids.clone()).await? {
            Ok(items) => items,
            Err(error) => {
                tracing::debug!(%path, %error, "fetching all messages");
                return Ok(Vec::new());
            }
        };
        let pairs = self.checked(slot, pair(&rows, &items)).await?;
        if !pairs.is_empty() {
            let recognised = messages_are(u64::try_from(pairs.len()).unwrap_or(0));
            let fetched = uids.len() - pairs.len();
            self.warnings.add(format!(
                "{path}: the server names its messages anew; {recognised} recognised, {fetched} \
                 fetched"
            ));
        }
        Ok(self.adopt(slot, pairs))
    }

    /// A mailbox without UIDVALIDITY.
    async fn unnumbered(&mut self, slot: usize, row: SourceRow) -> Result<Vec<u64>, Stop> {
        let source = row.source;
        let refs = self.catalog.source_refs(source)?;
        let rows = self.catalog.match_rows(source)?;
        let held = self.catalog.quarantined(source)?;
        let retry = self.retry(&row);
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Ok(Vec::new()) };
        mailbox.source = Some(source);
        mailbox.folder = Some(row.folder);
        let uids = mailbox.uids.clone();
        let items = if uids.is_empty() || rows.is_empty() {
            Vec::new()
        } else {
            match self.ask_headers(slot, uids.clone()).await? {
                Ok(items) => items,
                Err(error) => return Ok(self.give_up(slot, &error)),
            }
        };
        let found = renumbered(&refs, &rows, &items);
        let pairs = self.checked(slot, found.paired).await?;
        let standing: HashSet<u64> = found.standing.iter().copied().collect();
        let ended = refs.iter().map(|it| it.0).filter(|it| !standing.contains(it));
        self.gone_first.extend(ended.map(|uid| SourceRef { source, uid }));
        let mut recognised = self.adopt(slot, pairs);
        recognised.extend(&standing);
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Ok(Vec::new()) };
        mailbox.already += u64::try_from(standing.len()).unwrap_or(0);
        let known: HashSet<u64> = recognised.iter().copied().collect();
        mailbox.uids.retain(|it| !known.contains(it));
        let Held { resting, left, attempts, left_before } =
            hold_back(&mut mailbox.uids, &held, retry);
        mailbox.left = left;
        (mailbox.attempts, mailbox.left_before) = (attempts, left_before);
        mailbox.rest(&resting, &self.options.accepted);
        let listed: HashSet<u64> = uids.into_iter().collect();
        let over = held.iter().filter(|it| !listed.contains(&it.uid) || known.contains(&it.uid));
        self.gone_first.extend(over.map(|it| SourceRef { source, uid: it.uid }));
        Ok(recognised)
    }

    /// A mailbox that the archive does not know: perhaps by another name.
    async fn renamed(&mut self, slot: usize) -> Result<Vec<u64>, Stop> {
        let Some(mailbox) = self.mailboxes.get(slot) else { return Ok(Vec::new()) };
        if mailbox.folder.is_some() || mailbox.status.uid_validity == 0 {
            return Ok(Vec::new());
        }
        let (status, path) = (mailbox.status, mailbox.path.clone());
        let listed: HashSet<u64> = mailbox.uids.iter().copied().collect();
        let candidates: Vec<(usize, SourceRow)> = self
            .vanished
            .iter()
            .enumerate()
            .filter(|(_, it)| it.confirmed)
            .filter_map(|(index, it)| Some((index, it.rows.last()?.clone())))
            .filter(|(_, row)| {
                let proven = row.cursor.map_or(0, |it| it.uid_next);
                row.uid_validity == status.uid_validity && status.uid_next >= proven
            })
            .collect();
        for (index, row) in candidates {
            let refs = self.catalog.source_refs(row.source)?;
            let common: Vec<(u64, PlacementId)> =
                refs.into_iter().filter(|it| listed.contains(&it.0)).collect();
            let rows = self.catalog.match_rows(row.source)?;
            if common.is_empty() || !self.looks_the_same(slot, &common, &rows).await? {
                continue;
            }
            let Some(old) = self.vanished.get(index) else { continue };
            let moved = messages_are(u64::try_from(common.len()).unwrap_or(0));
            self.warnings.add(format!("{}: renamed to {path}; {moved} moved", old.name.path()));
            return self.adopt_renamed(slot, &row, &common);
        }
        Ok(Vec::new())
    }

    /// Compares the headers of a sample.
    async fn looks_the_same(
        &mut self,
        slot: usize,
        common: &[(u64, PlacementId)],
        rows: &[MatchRow],
    ) -> Result<bool, Stop> {
        let by_placement: HashMap<PlacementId, &MatchRow> =
            rows.iter().map(|it| (it.placement, it)).collect();
        let sample = sample(common);
        let uids: Vec<u64> = sample.iter().map(|it| it.0).collect();
        let Ok(items) = self.ask_headers(slot, uids).await? else { return Ok(false) };
        let by_uid: HashMap<u64, &HeaderItem> = items.iter().map(|it| (it.uid, it)).collect();
        Ok(sample.iter().all(|(uid, placement)| {
            match (by_uid.get(uid), by_placement.get(placement)) {
                (Some(now), Some(before)) => {
                    now.header_hash == before.header_hash && now.received == before.received
                }
                _ => false,
            }
        }))
    }

    /// Takes over the placements of a renamed mailbox, where they stand nowhere else.
    fn adopt_renamed(
        &mut self,
        slot: usize,
        row: &SourceRow,
        common: &[(u64, PlacementId)],
    ) -> Result<Vec<u64>, Stop> {
        let mut adopted = Vec::new();
        let mut moved = HashSet::new();
        for (uid, placement) in common {
            if moved.contains(placement) {
                adopted.push((*uid, *placement, Adopt::Sight));
                continue;
            }
            let places = self.catalog.refs_of(*placement)?;
            if places.iter().all(|it| it.source == row.source) {
                moved.insert(*placement);
                adopted.push((*uid, *placement, Adopt::Move));
            }
        }
        let uids: Vec<u64> = adopted.iter().map(|it| it.0).collect();
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Ok(Vec::new()) };
        mailbox.already += u64::try_from(adopted.len()).unwrap_or(0);
        mailbox.adopted = adopted;
        Ok(uids)
    }

    /// Takes over pairs of a message and its placement in the same folder.
    fn adopt(&mut self, slot: usize, pairs: Vec<(u64, PlacementId)>) -> Vec<u64> {
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Vec::new() };
        mailbox.already += u64::try_from(pairs.len()).unwrap_or(0);
        let uids = pairs.iter().map(|it| it.0).collect();
        mailbox.adopted = pairs.into_iter().map(|(uid, it)| (uid, it, Adopt::Sight)).collect();
        uids
    }

    /// The pairs, when a sample of them proves right; else none.
    async fn checked(
        &mut self,
        slot: usize,
        pairs: Vec<(u64, PlacementId)>,
    ) -> Result<Vec<(u64, PlacementId)>, Stop> {
        let sample = sample(&pairs);
        if sample.is_empty() {
            return Ok(pairs);
        }
        let uids: Vec<u64> = sample.iter().map(|it| it.0).collect();
        let hashes: HashMap<u64, BlobId> = match self.ask_hashes(slot, uids).await? {
            Ok(hashes) => hashes.into_iter().collect(),
            Err(_) => return Ok(Vec::new()),
        };
        for (uid, placement) in sample {
            let Some(blob) = hashes.get(&uid) else { return Ok(Vec::new()) };
            if !self.is_placement_of(placement, blob)? {
                return Ok(Vec::new());
            }
        }
        Ok(pairs)
    }

    fn is_placement_of(&self, placement: PlacementId, blob: &BlobId) -> Result<bool, Stop> {
        let Some(key) = self.log.find(blob)?.and_then(|it| it.message) else { return Ok(false) };
        Ok(self.catalog.message_of(placement)? == Some(key))
    }

    /// The mailbox goes no further in this run.
    fn give_up(&mut self, slot: usize, error: &SourceError) -> Vec<u64> {
        if let Some(mailbox) = self.mailboxes.get_mut(slot) {
            mailbox.error = Some(RunFailure::from(error));
            mailbox.uids.clear();
        }
        Vec::new()
    }

    async fn ask_headers(
        &mut self,
        slot: usize,
        uids: Vec<u64>,
    ) -> Result<Result<Vec<HeaderItem>, SourceError>, Stop> {
        let Some(mailbox) = self.mailboxes.get(slot) else { return Ok(Ok(Vec::new())) };
        let (mailbox, listed) = (mailbox.named(), mailbox.listed());
        self.queue.put(Work::Headers { mailbox, listed, uids });
        loop {
            match self.next_event().await? {
                Some(Event::Headers { slot: of, answer }) if of == slot => return Ok(answer),
                Some(_) => (),
                None => return Ok(Err(self.no_connection())),
            }
        }
    }

    async fn ask_hashes(
        &mut self,
        slot: usize,
        uids: Vec<u64>,
    ) -> Result<Result<Vec<(u64, BlobId)>, SourceError>, Stop> {
        let Some(mailbox) = self.mailboxes.get(slot) else { return Ok(Ok(Vec::new())) };
        let (mailbox, listed) = (mailbox.named(), mailbox.listed());
        self.queue.put(Work::Hashes { mailbox, listed, uids });
        loop {
            match self.next_event().await? {
                Some(Event::Hashes { slot: of, answer }) if of == slot => return Ok(answer),
                Some(_) => (),
                None => return Ok(Err(self.no_connection())),
            }
        }
    }

    pub(crate) fn no_connection(&self) -> SourceError {
        let text = match &self.line_error {
            Some(error) => error.to_string(),
            None => "no connection is left".to_owned(),
        };
        SourceError::new(ports::SourceErrorKind::Transient, text)
    }
}

fn mailbox_is_unnumbered(row: &SourceRow) -> bool {
    row.uid_validity == 0
}

/// Whether its UIDs last but come in no order.
fn mailbox_is_named(mailbox: &Mailbox) -> bool {
    mailbox.status.uid_validity != 0 && !mailbox.is_ordered()
}

/// Whether a whole epoch ends here, rather than what an interrupted run left of one.
fn mailbox_was_closed(epochs: &[Epoch]) -> bool {
    epochs.iter().any(|it| !it.refs.is_empty())
}
