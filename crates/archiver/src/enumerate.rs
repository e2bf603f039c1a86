//! Phase 2: what the changed mailboxes list, against what the archive has of them.

use ledger::{QuarantineReason, SourceRef};
use ports::{
    Catalog, Enumeration, Known, Log, QuarantineRow, SourceError, SourceErrorKind, SourceRow, Uids,
};

use crate::compare::{Compared, compare};
use crate::mailbox::Stage;
use crate::options::RetryQuarantined;
use crate::proof::Proof;
use crate::report::{RunFailure, RunFailureKind, with_causes};
use crate::run::{Run, Stop};
use crate::work::{Event, Named, Work};

/// Slots from here on are those of mailboxes that the server does not list.
const VANISHED: usize = usize::MAX / 2;

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Lists the messages of every changed mailbox, and looks whether those that are not listed
    /// are there.
    pub(crate) async fn enumerate(&mut self) -> Result<(), Stop> {
        let mut open = 0;
        for slot in 0..self.mailboxes.len() {
            open += usize::from(self.ask_list(slot, true));
        }
        for (index, vanished) in self.vanished.iter().enumerate() {
            let name = std::sync::Arc::new(vanished.name.clone());
            let mailbox = Named { slot: VANISHED + index, name, unnumbered: None };
            self.queue.put(Work::Enumerate { mailbox, known: None });
            open += 1;
        }
        while open > 0 {
            let Some(event) = self.next_event().await? else { break };
            if let Event::Enumerated { slot, answer } = event {
                open -= 1;
                let again = match slot.checked_sub(VANISHED) {
                    Some(index) => self.vanished_answered(index, answer)?,
                    None => self.listed(slot, answer)?,
                };
                open += usize::from(again);
            }
        }
        Ok(())
    }

    /// Asks for the list of a mailbox that may have changed. False when none is needed.
    fn ask_list(&self, slot: usize, differences: bool) -> bool {
        let mailbox = self.mailboxes.get(slot).filter(|it| it.stage == Stage::Listed);
        let Some(mailbox) = mailbox else { return false };
        // Differences do not say how many messages there are that the filter left out.
        let differences = differences && self.options.filter.is_empty();
        let known: Option<Known> = if differences { mailbox.known(self.fingerprint) } else { None };
        self.queue.put(Work::Enumerate { mailbox: mailbox.named(), known });
        true
    }

    /// A mailbox was opened. True when it has to be listed once more, in full.
    fn listed(
        &mut self,
        slot: usize,
        answer: Result<Enumeration, SourceError>,
    ) -> Result<bool, Stop> {
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Ok(false) };
        let Enumeration { status, uids } = match answer {
            Ok(enumeration) => enumeration,
            Err(error) => {
                mailbox.error = Some(RunFailure::from(&error));
                return Ok(false);
            }
        };
        mailbox.status = status;
        let is_full = matches!(uids, Uids::All(_));
        let current = mailbox.current().cloned();
        match (current, uids) {
            (Some(row), uids) if status.uid_validity != 0 => {
                let refs = self.catalog.source_refs(row.source)?;
                let held = self.catalog.quarantined(row.source)?;
                let retry = self.retry(&row);
                match compare(&refs, &held, &uids, status.messages, retry) {
                    Some(compared) => self.take_compared(slot, compared),
                    None => return Ok(self.misfit(slot, is_full)),
                }
                if let Some(mailbox) = self.mailboxes.get_mut(slot) {
                    mailbox.cursor = row.cursor;
                }
            }
            // Differences against another epoch say nothing.
            (_, Uids::Delta { .. }) => return Ok(self.ask_list(slot, false)),
            (_, Uids::All(mut uids)) => {
                uids.sort_unstable();
                uids.dedup();
                mailbox.server_count = u64::try_from(uids.len()).unwrap_or(u64::MAX);
                if mailbox.server_count != status.messages {
                    return Ok(self.misfit(slot, is_full));
                }
                if status.uid_validity == 0 {
                    mailbox.unnumbered = Some(std::sync::Arc::new(uids.clone()));
                }
                mailbox.uids = uids;
                mailbox.stage = Stage::Compared;
            }
        }
        Ok(false)
    }

    /// A list that has another number of messages than the mailbox says it has is no proof of
    /// anything: it is asked for again, in full. The second full one that does not fit ends the
    /// mailbox.
    fn misfit(&mut self, slot: usize, is_full: bool) -> bool {
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return false };
        mailbox.misfits += u32::from(is_full);
        if mailbox.misfits > 1 {
            let messages = mailbox.status.messages;
            let text = format!("it lists another number of messages than the {messages} it has");
            mailbox.error = Some(RunFailure::new(RunFailureKind::Protocol, text));
            mailbox.server_count = messages;
            return false;
        }
        self.ask_list(slot, false)
    }

    /// Whether a message of a source that is in quarantine is tried again now. One that belonged to
    /// nobody is, when that was by other rules, or when its UID may mean another message.
    pub(crate) fn retry(&self, source: &SourceRow) -> impl Fn(&QuarantineRow) -> bool + use<L, K> {
        let now = self.clock.now();
        let (asked, accepted) = (self.options.quarantine, self.options.accepted.clone());
        let source_id = source.source;
        let same_rules = source.cursor.filter(|it| it.fingerprint == self.fingerprint);
        let covered = same_rules.filter(|_| source.uid_validity != 0).map_or(0, |it| it.uid_next);
        move |row| match row.reason {
            QuarantineReason::UnknownAddress => covered <= row.uid,
            _ => {
                let place = SourceRef { source: source_id, uid: row.uid };
                match asked {
                    RetryQuarantined::One(one) => place == one,
                    _ if accepted.has(place) => false,
                    RetryQuarantined::All => true,
                    RetryQuarantined::WhenDue => row.retry_at <= now,
                }
            }
        }
    }

    fn take_compared(&mut self, slot: usize, compared: Compared) {
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return };
        let Some(row) = mailbox.current() else { return };
        let (source, folder) = (row.source, row.folder);
        let gone = compared.gone.iter().map(|uid| SourceRef { source, uid: *uid });
        self.gone_first.extend(gone);
        mailbox.source = Some(source);
        mailbox.folder = Some(folder);
        mailbox.server_count = compared.server_count;
        mailbox.already = compared.standing;
        mailbox.rest(&compared.waiting, &self.options.accepted);
        mailbox.attempts = compared.attempts;
        mailbox.left = compared.left;
        mailbox.left_before = compared.left_before;
        mailbox.uids = compared.fresh;
        mailbox.stage = Stage::Compared;
    }

    /// A mailbox that the server does not list was asked for. True when it opens after all and
    /// has to be listed in full.
    fn vanished_answered(
        &mut self,
        index: usize,
        answer: Result<Enumeration, SourceError>,
    ) -> Result<bool, Stop> {
        match answer {
            Ok(_) => {
                let added = self.add_unlisted(index)?;
                Ok(added && self.ask_list(self.mailboxes.len() - 1, true))
            }
            Err(error) if error.kind() == SourceErrorKind::Mailbox => {
                if let Some(vanished) = self.vanished.get_mut(index) {
                    vanished.confirmed = true;
                }
                Ok(false)
            }
            Err(error) => {
                let path = self.vanished.get(index).map(|it| it.name.path()).unwrap_or_default();
                let why = with_causes(&error);
                self.warnings.add(format!("{path}: the server does not list it: {why}"));
                Ok(false)
            }
        }
    }

    /// From what was compared and recognised to what has to be fetched.
    pub(crate) fn owe(&mut self, slot: usize, recognised: &[u64]) {
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return };
        let mut uids = std::mem::take(&mut mailbox.uids);
        if !recognised.is_empty() {
            let recognised: std::collections::HashSet<u64> = recognised.iter().copied().collect();
            uids.retain(|it| !recognised.contains(it));
        }
        mailbox.proof = Proof::of(uids);
    }
}
