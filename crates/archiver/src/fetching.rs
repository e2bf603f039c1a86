//! Phase 5: everything that is owed is fetched, prepared, decided and appended, all at the same
//! time: connections, two threads that prepare, and appends in flight.

use ledger::{Detail, Fact, QuarantineDetail};
use ports::{Catalog, Log};
use types::{EntryNumber, Timestamp};

use crate::intake::Prepared;
use crate::mailbox::Stage;
use crate::note::{MessageNote, Note};
use crate::place::{Action, Decision};
use crate::recent::Waiter;
use crate::report::RunFailure;
use crate::run::{Run, Stop};
use crate::work::{Event, Missing, Unit, Work};

/// Messages that one connection fetches at a time.
const UNIT_MESSAGES: usize = 1_000;

/// The number that stands for an append that is not there yet: first another message must be
/// durable.
pub(crate) const NO_APPEND: u32 = 0;

/// How long a message rests in quarantine after so many attempts, in seconds. The first one is
/// made again by the next run, whenever that is.
const REST_SECONDS: [i64; 7] = [0, 300, 1_200, 4_800, 19_200, 43_200, 86_400];

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Fetches until nothing is owed, or nothing more can be done in this run.
    pub(crate) async fn fetch(&mut self) -> Result<(), Stop> {
        self.queue_units();
        for slot in 0..self.mailboxes.len() {
            self.certify(slot);
        }
        let mut listening = true;
        loop {
            let idle = self.preparer.is_idle();
            if !listening && idle && self.appends.is_idle() {
                return Ok(());
            }
            self.fly(idle);
            tokio::select! {
                biased;
                landed = self.appends.land(), if self.appends.is_flying() => {
                    self.acknowledge(landed?).await?;
                }
                group = self.preparer.take(), if !idle && self.appends.has_room() => {
                    for message in group? {
                        self.place(message).await?;
                    }
                }
                event = self.events.recv(), if listening && self.preparer.has_room() => {
                    match event {
                        Some(event) => self.take_event(event)?,
                        None => listening = false,
                    }
                }
                else => return Ok(()),
            }
        }
    }

    fn queue_units(&mut self) {
        let mut total = 0;
        for mailbox in &mut self.mailboxes {
            if mailbox.stage != Stage::Compared || mailbox.error.is_some() {
                continue;
            }
            total += mailbox.proof.owed();
            for uids in mailbox.proof.uids().chunks(UNIT_MESSAGES) {
                let (named, listed) = (mailbox.named(), mailbox.listed());
                let tried = &mailbox.attempts;
                let tried = uids.iter().filter_map(|it| Some((*it, *tried.get(it)?))).collect();
                let unit = Unit { mailbox: named, listed, uids: uids.to_vec(), tried };
                self.queue.put(Work::Fetch(unit));
                mailbox.units += 1;
            }
        }
        self.queue.close();
        self.progress.messages_total = Some(total);
        (self.tell)(self.progress.clone());
    }

    fn take_event(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Arrived(group) => self.preparer.put(group),
            Event::Missing { slot, missing } => {
                for message in missing {
                    self.quarantine(slot, message);
                }
            }
            Event::Expunged { slot, uids } => {
                if let Some(mailbox) = self.mailboxes.get_mut(slot) {
                    mailbox.expunged(&uids);
                }
                self.certify(slot);
            }
            Event::Shorter { slot, uid } => {
                let mailbox = self.mailboxes.get_mut(slot);
                if let Some(mailbox) = mailbox.filter(|it| it.proof.is_owed(uid)) {
                    mailbox.shorter += 1;
                }
            }
            Event::UnitDone { slot, error } => {
                let dropped = if error.is_some() { self.queue.drop_slot(slot) } else { 0 };
                if let Some(mailbox) = self.mailboxes.get_mut(slot) {
                    mailbox.units = mailbox.units.saturating_sub(1 + dropped);
                    if let Some(error) = error {
                        mailbox.error.get_or_insert_with(|| RunFailure::from(&error));
                    }
                }
                self.certify(slot);
            }
            Event::LineEnded(error) => self.line_error = Some(error),
            Event::LogFailed(failure) => return Err(failure.into()),
            Event::Enumerated { .. }
            | Event::Headers { .. }
            | Event::Filtered { .. }
            | Event::Hashes { .. } => (),
        }
        Ok(())
    }

    /// Decides about a message and puts what follows into the next append.
    async fn place(&mut self, message: Prepared) -> Result<(), Stop> {
        if self.sorter.is_some() {
            return self.sort(message).await;
        }
        let (slot, blob, size) = (message.slot, message.id, message.size);
        let Some(uid) = message.uid else { return Ok(()) };
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Ok(()) };
        let (Some(folder), Some(source)) = (mailbox.folder, mailbox.place_of(uid)) else {
            return Ok(());
        };
        if !mailbox.proof.is_owed(uid) {
            // It came twice.
            return Ok(());
        }
        let Decision { action, existed } = self.placer.place(message, folder, Some(source))?;
        let number = match action {
            Action::Park => return Ok(()),
            Action::Wait | Action::Nothing => NO_APPEND,
            Action::Place { .. } | Action::Tell(_) | Action::Move(_) => self.appends.number(),
        };
        mailbox.proof.begin(uid, number);
        let note = |makes, moves| {
            let uid = Some(uid);
            Note::Message(MessageNote { slot, uid, blob, size, makes, moves, existed })
        };
        match action {
            Action::Place { changes, encoded_bytes, permits } => {
                self.appends.message(changes, encoded_bytes, permits, note(Some(folder), false));
            }
            Action::Tell(fact) => self.appends.fact(fact, None, note(None, false)),
            Action::Move(fact) => self.appends.fact(fact, None, note(None, true)),
            Action::Wait | Action::Nothing | Action::Park => (),
        }
        Ok(())
    }

    fn quarantine(&mut self, slot: usize, missing: Missing) {
        let Missing { uid, reason, text } = missing;
        let now = self.clock.now();
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return };
        let Some(source) = mailbox.place_of(uid) else { return };
        if !mailbox.proof.begin(uid, self.appends.number()) {
            return;
        }
        self.warnings.add(format!(
            "{}: UID {uid} could not be fetched and will be tried again: {text}",
            mailbox.path
        ));
        let attempts = mailbox.attempts.get(&uid).copied().unwrap_or(0).saturating_add(1);
        let retry_at = rest_until(now, attempts);
        let fact = Fact::Quarantined { source, reason, attempts, retry_at };
        let detail = Detail::Quarantine(QuarantineDetail { text });
        self.appends.fact(fact, Some(detail), Note::Quarantined { slot, uid: Some(uid) });
    }

    /// Sends the append off when it is time, with the cursors that it proves.
    fn fly(&mut self, idle: bool) {
        if !self.appends.wants_to_fly(idle) {
            return;
        }
        let number = self.appends.number();
        for mailbox in self.mailboxes.iter_mut().filter(|it| it.stage == Stage::Compared) {
            if let Some(fact) = mailbox.cursor_on_the_way(number, self.fingerprint) {
                self.appends.fact(fact, None, Note::Plain);
            }
        }
        if let Some(sorter) = &mut self.sorter {
            sorter.placer.tell_unknown();
        }
        self.appends.fly();
    }

    /// Takes note of what is durable now.
    async fn acknowledge(&mut self, landed: Vec<(EntryNumber, Note)>) -> Result<(), Stop> {
        let mut slots = Vec::new();
        for (entry, note) in landed {
            let slot = match note {
                Note::Message(note) => {
                    self.message_durable(entry, note);
                    if note.moves {
                        for message in self.placer.moved_durably(&note.blob) {
                            self.place(message).await?;
                        }
                    }
                    note.slot
                }
                Note::Quarantined { slot, uid } => {
                    if let (Some(mailbox), Some(uid)) = (self.mailboxes.get_mut(slot), uid) {
                        mailbox.proof.prove(uid);
                        mailbox.quarantined += 1;
                        let accepted = &self.options.accepted;
                        let is_accepted = mailbox.place_of(uid).is_some_and(|it| accepted.has(it));
                        mailbox.accepted += u64::from(is_accepted);
                        self.progress.messages_done += 1;
                    }
                    slot
                }
                Note::Sorted(note) => {
                    self.sorted_durable(entry, note).await?;
                    note.slot
                }
                Note::Left { slot, uid } => {
                    if let Some(mailbox) = self.mailboxes.get_mut(slot) {
                        mailbox.leave(uid);
                        self.progress.messages_done += 1;
                    }
                    slot
                }
                Note::Plain => continue,
            };
            if slots.last() != Some(&slot) {
                slots.push(slot);
            }
        }
        slots.sort_unstable();
        slots.dedup();
        for slot in &slots {
            self.certify(*slot);
        }
        if let Some(mailbox) = slots.last().and_then(|it| self.mailboxes.get(*it)) {
            self.progress.mailbox = Some(mailbox.path.clone());
            (self.tell)(self.progress.clone());
        }
        if let Some(sorter) = &mut self.sorter {
            sorter.placer.tidy().await?;
        }
        Ok(self.placer.tidy().await?)
    }

    fn message_durable(&mut self, entry: EntryNumber, note: MessageNote) {
        let MessageNote { slot, uid, blob, size, makes, existed, .. } = note;
        let woken = self.placer.recent.acknowledge(&blob, entry, makes);
        let (Some(mailbox), Some(uid)) = (self.mailboxes.get_mut(slot), uid) else { return };
        mailbox.proof.prove(uid);
        if existed {
            mailbox.already += 1;
        } else {
            mailbox.archived += 1;
        }
        self.progress.messages_done += 1;
        self.progress.bytes_done += size;
        for (placement, waiter) in woken {
            let Waiter { slot, source: Some(source), size, existed } = waiter else { continue };
            let folder = self.mailboxes.get(slot).and_then(|it| it.folder);
            let Some(folder) = folder else { continue };
            self.placer.recent.begin(blob, folder, Some(placement), Some(source));
            let uid = Some(source.uid);
            let (makes, moves) = (None, false);
            let note = MessageNote { slot, uid, blob, size, makes, moves, existed };
            self.appends.fact(Fact::Sighted { placement, source }, None, Note::Message(note));
        }
    }

    /// Tells cursor and certificate of a mailbox in which everything is accounted for.
    pub(crate) fn certify(&mut self, slot: usize) {
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return };
        if !mailbox.is_resolved() {
            return;
        }
        for fact in mailbox.certify(self.fingerprint) {
            self.appends.fact(fact, None, Note::Plain);
        }
    }
}

/// When a message is tried again at the earliest that was tried so often.
fn rest_until(now: Timestamp, attempts: u32) -> Timestamp {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let rest = REST_SECONDS.get(index).or(REST_SECONDS.last()).copied().unwrap_or(0);
    Timestamp(now.0.saturating_add(rest))
}
