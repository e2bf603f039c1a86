//! Phase 3b: which of the messages that would be fetched the filter leaves out.
//!
//! Rules:
//! - Messages that the archive has are not asked about: what was archived stays.
//! - Flags, sizes and headers are looked at without a trace; a message of which the server says
//!   nothing is fetched.
//! - Where neither time nor flags can change the answer, the cursor covers what was left out, and
//!   nobody asks again. Elsewhere every pass asks anew.

use std::collections::HashSet;
use std::sync::Arc;

use ports::{Catalog, Log};
use types::Hash;

use crate::mailbox::{Mailbox, Stage};
use crate::proof::Proof;
use crate::report::RunFailure;
use crate::run::{Run, Stop};
use crate::work::{Event, Work};

impl Mailbox {
    /// Of the messages that are owed, those that an earlier run left out for good.
    fn left_out_before(&self, fingerprint: Hash) -> Vec<u64> {
        let cursor = self.cursor.filter(|it| it.fingerprint == fingerprint);
        let covered = match cursor {
            Some(cursor) if self.is_ordered() => cursor.uid_next,
            _ => 0,
        };
        let owed = self.proof.uids().iter().copied();
        owed.filter(|uid| *uid < covered && !self.attempts.contains_key(uid)).collect()
    }

    fn leave_out(&mut self, uids: &[u64]) {
        let out: HashSet<u64> = uids.iter().copied().collect();
        let owed = self.proof.uids().iter().copied().filter(|it| !out.contains(it)).collect();
        self.proof = Proof::of(owed);
        self.filtered += u64::try_from(out.len()).unwrap_or(0);
    }
}

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Takes out of what is owed what the filter leaves out.
    pub(crate) async fn filter(&mut self) -> Result<(), Stop> {
        if self.options.filter.is_empty() {
            return Ok(());
        }
        let filter = Arc::new(self.options.filter.clone());
        let now = self.clock.now();
        for slot in 0..self.mailboxes.len() {
            let fingerprint = self.fingerprint;
            let Some(mailbox) = self.mailboxes.get_mut(slot) else { break };
            if mailbox.stage != Stage::Compared || mailbox.error.is_some() {
                continue;
            }
            if filter.is_fixed() {
                let before = mailbox.left_out_before(fingerprint);
                mailbox.leave_out(&before);
            }
            let uids = mailbox.proof.uids().to_vec();
            if uids.is_empty() {
                continue;
            }
            let (named, listed, filter) = (mailbox.named(), mailbox.listed(), Arc::clone(&filter));
            self.queue.put(Work::Filter { mailbox: named, listed, uids, filter, now });
            self.take_filtered(slot).await?;
        }
        Ok(())
    }

    async fn take_filtered(&mut self, slot: usize) -> Result<(), Stop> {
        let answer = loop {
            match self.next_event().await? {
                Some(Event::Filtered { slot: of, answer }) if of == slot => break answer,
                Some(_) => (),
                None => break Err(self.no_connection()),
            }
        };
        let Some(mailbox) = self.mailboxes.get_mut(slot) else { return Ok(()) };
        match answer {
            Ok(uids) => mailbox.leave_out(&uids),
            Err(error) => {
                // What is in and what is out is not known: nothing of it goes further.
                mailbox.error = Some(RunFailure::from(&error));
                mailbox.proof = Proof::default();
            }
        }
        Ok(())
    }
}
