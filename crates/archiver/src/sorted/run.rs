//! A run whose messages are sorted: what becomes of each, instead of one folder for all.

use std::collections::HashMap;

use ledger::{Detail, Fact, QuarantineDetail, QuarantineReason};
use ports::{Catalog, Log};
use types::{EntryNumber, Hash};

use super::{Appended, NewPlace, SortPlacer, Verdict};
use crate::fetching::NO_APPEND;
use crate::intake::Prepared;
use crate::note::Note;
use crate::run::{Run, Stop};

/// What a run needs to sort.
pub(crate) struct Sorter<L, K> {
    pub(crate) placer: SortPlacer<L, K>,
    /// Messages that wait until something about another copy is durable.
    waiting: HashMap<Hash, Vec<Prepared>>,
}

impl<L: Log, K: Catalog> Sorter<L, K> {
    pub(crate) fn new(placer: SortPlacer<L, K>) -> Sorter<L, K> {
        Sorter { placer, waiting: HashMap::new() }
    }
}

/// Remembered for each entry in flight about a message that was sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SortedNote {
    pub(crate) slot: usize,
    pub(crate) uid: u64,
    pub(crate) size: u64,
    /// Whether all its placements were there before this run.
    pub(crate) existed: bool,
    pub(crate) appended: Appended,
}

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Decides about a message and puts what follows into the next append.
    pub(crate) async fn sort(&mut self, mut message: Prepared) -> Result<(), Stop> {
        let (slot, size) = (message.slot, message.size);
        let Some(uid) = message.uid else { return Ok(()) };
        let Some(mailbox) = self.mailboxes.get(slot) else { return Ok(()) };
        let Some(source) = mailbox.place_of(uid) else { return Ok(()) };
        let Some(addressed) = message.addressed.as_mut() else { return Ok(()) };
        if !mailbox.proof.is_owed(uid) {
            // It came twice.
            return Ok(());
        }
        let at = format!("{}, UID {uid}", mailbox.path);
        if let Some(odd) = addressed.odd.take() {
            self.warnings.add(format!("{at}: {odd}"));
        }
        let group = addressed.group;
        let first_look = !mailbox.left_before.contains(&uid);
        let Some(sorter) = &mut self.sorter else { return Ok(()) };
        let verdict = sorter.placer.place(message, Some(source), &at, first_look).await?;
        let note = |existed, folder, last| {
            let appended = Appended { group, folder, last };
            Note::Sorted(SortedNote { slot, uid, size, existed, appended })
        };
        match verdict {
            Verdict::Wait(message) => sorter.waiting.entry(group).or_default().push(*message),
            Verdict::Left { why } => self.leave(slot, uid, why),
            Verdict::There { fact, existed } => {
                let Some(fact) = fact else { return Ok(()) };
                self.begin_sorted(slot, uid);
                self.appends.fact(fact, None, note(existed, None, true));
            }
            Verdict::Placed(places) => {
                self.begin_sorted(slot, uid);
                let count = places.len();
                for (idx, place) in places.into_iter().enumerate() {
                    let NewPlace { folder, changes, encoded_bytes, permits } = place;
                    let note = note(false, Some(folder), idx + 1 == count);
                    self.appends.message(changes, encoded_bytes, permits, note);
                }
            }
        }
        Ok(())
    }

    fn begin_sorted(&mut self, slot: usize, uid: u64) {
        let number = self.appends.number();
        if let Some(mailbox) = self.mailboxes.get_mut(slot) {
            mailbox.proof.begin(uid, number);
        }
    }

    /// A message belongs to nobody and stays at its source. That it was looked at is noted once.
    fn leave(&mut self, slot: usize, uid: u64, text: String) {
        let now = self.clock.now();
        let number = self.appends.number();
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return };
        let Some(source) = mailbox.place_of(uid) else { return };
        if mailbox.left_before.contains(&uid) {
            mailbox.proof.begin(uid, NO_APPEND);
            mailbox.leave(uid);
            self.progress.messages_done += 1;
            self.certify(slot);
            return;
        }
        mailbox.proof.begin(uid, number);
        let reason = QuarantineReason::UnknownAddress;
        let fact = Fact::Quarantined { source, reason, attempts: 1, retry_at: now };
        let detail = Detail::Quarantine(QuarantineDetail { text });
        self.appends.fact(fact, Some(detail), Note::Left { slot, uid });
    }

    /// Notes that an entry about a sorted message is durable.
    pub(crate) async fn sorted_durable(
        &mut self,
        entry: EntryNumber,
        note: SortedNote,
    ) -> Result<(), Stop> {
        let SortedNote { slot, uid, size, existed, appended } = note;
        let Some(sorter) = &mut self.sorter else { return Ok(()) };
        sorter.placer.appended(entry, appended);
        if !appended.last {
            return Ok(());
        }
        let waiting = sorter.waiting.remove(&appended.group).unwrap_or_default();
        if let Some(mailbox) = self.mailboxes.get_mut(slot) {
            mailbox.proof.prove(uid);
            if existed {
                mailbox.already += 1;
            } else {
                mailbox.archived += 1;
            }
        }
        self.progress.messages_done += 1;
        self.progress.bytes_done += size;
        for message in waiting {
            self.sort(message).await?;
        }
        Ok(())
    }
}
