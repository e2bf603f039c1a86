//! One mailbox of a run: what it is, what it held, and what came of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ledger::{Certificate, Excluded, Fact, RunCounts, SourceRef};
use ports::{CursorRow, Known, MailboxStatus, SourceRow};
use types::{FolderId, FolderPath, Hash, MailboxName, PlacementId, SourceId};

use crate::options::Accepted;
use crate::proof::{AppendNumber, Proof};
use crate::report::{MailboxReport, RunFailure};
use crate::work::Named;

/// A cursor is told at the latest after this many more proven messages.
const CURSOR_STEP: u64 = 256;

/// A mailbox in scope.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) slot: usize,
    pub(crate) name: Arc<MailboxName>,
    /// For people.
    pub(crate) path: Arc<str>,
    /// Where its messages go.
    pub(crate) folder_path: FolderPath,
    /// Its epochs in the archive, oldest first.
    pub(crate) rows: Vec<SourceRow>,
    /// How far it is in this run.
    pub(crate) stage: Stage,
    pub(crate) folder: Option<FolderId>,
    pub(crate) source: Option<SourceId>,
    /// As it was when it was listed.
    pub(crate) status: MailboxStatus,
    /// Its UIDs while they are compared.
    pub(crate) uids: Vec<u64>,
    /// Of a mailbox without UIDVALIDITY, the UIDs that it listed.
    pub(crate) unnumbered: Option<Arc<Vec<u64>>>,
    /// How often it listed another number of messages than it said it has.
    pub(crate) misfits: u32,
    /// Messages in it.
    pub(crate) server_count: u64,
    /// Of these, archived before, or recognised without fetching.
    pub(crate) already: u64,
    pub(crate) archived: u64,
    /// Left out by the filter.
    pub(crate) filtered: u64,
    /// Left at the source because they belong to nobody.
    pub(crate) left: u64,
    pub(crate) quarantined: u64,
    /// Messages that this run has to account for.
    pub(crate) proof: Proof,
    /// How often those were tried before that come from quarantine.
    pub(crate) attempts: HashMap<u64, u32>,
    /// Those that were left at the source before, and are looked at again.
    pub(crate) left_before: HashSet<u64>,
    /// Whether its messages are sorted into archives of several users.
    pub(crate) shared: bool,
    /// Messages that were recognised: UID, placement, and whether the placement moves here.
    pub(crate) adopted: Vec<(u64, PlacementId, Adopt)>,
    /// Of those in quarantine, how many this run leaves there, without those that were accepted.
    pub(crate) resting: u64,
    /// Of those in quarantine, how many were accepted.
    pub(crate) accepted: u64,
    /// Units that are not done.
    pub(crate) units: usize,
    /// Messages that are shorter than the server says.
    pub(crate) shorter: u64,
    /// The last cursor that was told.
    pub(crate) cursor: Option<CursorRow>,
    /// What keeps it from being complete in this run.
    pub(crate) error: Option<RunFailure>,
}

/// How far a mailbox is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Nothing is known of it yet.
    Listed,
    /// It is as it was certified last.
    Unchanged,
    /// It was compared; messages are owed, or only the certificate.
    Compared,
    /// Its cursor and certificate are told.
    Certified,
}

/// What a recognised message does with its placement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Adopt {
    /// The placement goes to this folder.
    Move,
    /// It is here already.
    Sight,
}

impl Mailbox {
    pub(crate) fn new(
        slot: usize,
        name: MailboxName,
        folder_path: FolderPath,
        folder: Option<FolderId>,
        rows: Vec<SourceRow>,
    ) -> Mailbox {
        Mailbox {
            slot,
            path: name.path().into(),
            name: Arc::new(name),
            folder_path,
            rows,
            stage: Stage::Listed,
            folder,
            source: None,
            status: MailboxStatus::default(),
            uids: Vec::new(),
            unnumbered: None,
            misfits: 0,
            server_count: 0,
            already: 0,
            archived: 0,
            filtered: 0,
            left: 0,
            quarantined: 0,
            proof: Proof::default(),
            attempts: HashMap::new(),
            left_before: HashSet::new(),
            shared: false,
            adopted: Vec::new(),
            resting: 0,
            accepted: 0,
            units: 0,
            shorter: 0,
            cursor: None,
            error: None,
        }
    }

    pub(crate) fn named(&self) -> Named {
        let unnumbered = self.unnumbered.clone();
        Named { slot: self.slot, name: Arc::clone(&self.name), unnumbered }
    }

    /// The epoch that the mailbox is in, when the archive knows it: the newest one, and only
    /// that one. A number that comes back later may name other messages.
    pub(crate) fn current(&self) -> Option<&SourceRow> {
        self.rows.last().filter(|it| it.uid_validity == self.status.uid_validity)
    }

    /// The mailbox as it was listed, for a connection that opens it again.
    pub(crate) fn listed(&self) -> Known {
        let MailboxStatus { uid_validity, modseq, uid_next, .. } = self.status;
        Known { uid_validity, modseq, uid_next }
    }

    /// Whether `now` shows that nothing has changed since everything was certified.
    pub(crate) fn is_unchanged(&self, now: &MailboxStatus, fingerprint: Hash) -> bool {
        let Some(row) = self.rows.last() else { return false };
        let (Some(certificate), Some(cursor)) = (&row.certificate, &row.cursor) else {
            return false;
        };
        certificate.is_complete()
            && now.uid_validity != 0
            && now.uid_next != 0
            && now.modseq != 0
            && [row.uid_validity, certificate.uid_validity] == [now.uid_validity; 2]
            && [cursor.uid_next, certificate.uid_next] == [now.uid_next; 2]
            && [cursor.modseq, certificate.modseq] == [now.modseq; 2]
            && certificate.counts.server_count == now.messages
            && cursor.fingerprint == fingerprint
    }

    /// It is as it was certified last.
    pub(crate) fn stand(&mut self, now: MailboxStatus) {
        let certificate = self.rows.last().and_then(|it| it.certificate);
        let excluded = certificate.map(|it| it.counts.excluded).unwrap_or_default();
        (self.filtered, self.left) = (excluded.filter, excluded.unknown_address);
        self.stage = Stage::Unchanged;
        self.status = now;
        self.already = now.messages.saturating_sub(self.excluded().total());
    }

    /// What a server may answer against with differences.
    pub(crate) fn known(&self, fingerprint: Hash) -> Option<Known> {
        let row = self.rows.last()?;
        let cursor = row.cursor?;
        let usable = row.uid_validity != 0
            && cursor.modseq != 0
            && cursor.uid_next != 0
            && cursor.fingerprint == fingerprint;
        usable.then_some(Known {
            uid_validity: row.uid_validity,
            modseq: cursor.modseq,
            uid_next: cursor.uid_next,
        })
    }

    /// Whether its UIDs are lasting and ascend, so that a cursor over them means something. A
    /// mailbox without UIDNEXT (POP3: its UIDs are made of names) is listed whole every time.
    pub(crate) fn is_ordered(&self) -> bool {
        self.status.uid_validity != 0 && self.status.uid_next != 0
    }

    /// Whether every message is accounted for, durably.
    pub(crate) fn is_resolved(&self) -> bool {
        self.stage == Stage::Compared
            && self.error.is_none()
            && self.units == 0
            && self.proof.is_done()
    }

    /// The cursor for messages that are proven, or stand in this append, when it is worth
    /// telling. It says nothing about changes of older messages: the last one does.
    pub(crate) fn cursor_on_the_way(
        &mut self,
        append: AppendNumber,
        fingerprint: Hash,
    ) -> Option<Fact> {
        let source = self.source.filter(|_| self.is_ordered())?;
        let uid_next = self.proof.first_open(append)?;
        let told = self.cursor.map_or(0, |it| it.uid_next);
        let step = self.proof.uids_between(told, uid_next);
        if uid_next <= told || step < CURSOR_STEP {
            return None;
        }
        self.cursor = Some(CursorRow { uid_next, modseq: 0, fingerprint });
        Some(Fact::CursorAdvanced { source, uid_next, modseq: 0, fingerprint })
    }

    /// Cursor and certificate of a resolved mailbox, each only when it differs from the last.
    pub(crate) fn certify(&mut self, fingerprint: Hash) -> Vec<Fact> {
        self.stage = Stage::Certified;
        let Some(source) = self.source else { return Vec::new() };
        let MailboxStatus { uid_validity, uid_next, modseq, .. } = self.status;
        let mut facts = Vec::new();
        let beyond_last = self.proof.uids().last().map_or(0, |it| it + 1);
        let told = self.cursor.map_or(0, |it| it.uid_next);
        let proven = uid_next.max(beyond_last).max(told);
        let cursor = if self.is_ordered() {
            Some(CursorRow { uid_next: proven, modseq, fingerprint })
        } else if self.shared && uid_validity != 0 {
            // UIDs in no order: it says which rules those were left by that stay there.
            Some(CursorRow { uid_next: u64::MAX, modseq: 0, fingerprint })
        } else {
            None
        };
        if let Some(cursor) = cursor.filter(|it| self.cursor != Some(*it)) {
            let CursorRow { uid_next, modseq, fingerprint } = cursor;
            facts.push(Fact::CursorAdvanced { source, uid_next, modseq, fingerprint });
            self.cursor = Some(cursor);
        }
        let counts = RunCounts {
            server_count: self.server_count,
            archived: self.already + self.archived,
            already: 0,
            excluded: self.excluded(),
            quarantined: self.quarantined,
        };
        let certificate = Certificate { source, uid_validity, uid_next, modseq, counts };
        let last = self.rows.last().filter(|it| it.source == source);
        if last.and_then(|it| it.certificate) != Some(certificate) {
            facts.push(Fact::Certified(certificate));
        }
        facts
    }

    /// Notes that a message stays at the source because it belongs to nobody.
    pub(crate) fn leave(&mut self, uid: u64) {
        self.proof.prove(uid);
        self.left += 1;
    }

    /// Notes messages in quarantine that this run leaves there.
    pub(crate) fn rest(&mut self, uids: &[u64], accepted: &Accepted) {
        let all = u64::try_from(uids.len()).unwrap_or(u64::MAX);
        let places = uids.iter().filter_map(|uid| self.place_of(*uid));
        let accepted = places.filter(|it| accepted.has(*it)).count();
        self.accepted = u64::try_from(accepted).unwrap_or(u64::MAX);
        self.quarantined = all;
        self.resting = all.saturating_sub(self.accepted);
    }

    /// Notes messages that are no longer in the mailbox.
    pub(crate) fn expunged(&mut self, uids: &[u64]) {
        for uid in uids {
            if self.proof.is_owed(*uid) {
                self.proof.prove(*uid);
                self.server_count = self.server_count.saturating_sub(1);
            }
        }
    }

    pub(crate) fn place_of(&self, uid: u64) -> Option<SourceRef> {
        self.source.map(|source| SourceRef { source, uid })
    }

    fn excluded(&self) -> Excluded {
        let (filter, unknown_address) = (self.filtered, self.left);
        Excluded { filter, unknown_address, ..Excluded::default() }
    }

    pub(crate) fn counts(&self) -> RunCounts {
        RunCounts {
            server_count: self.server_count,
            archived: self.archived,
            already: self.already,
            excluded: self.excluded(),
            quarantined: self.quarantined,
        }
    }

    /// Whether everything in scope is archived, as far as this run knows.
    pub(crate) fn is_complete(&self) -> bool {
        let seen = matches!(self.stage, Stage::Unchanged | Stage::Certified);
        seen && self.error.is_none() && self.quarantined == self.accepted && self.counts().adds_up()
    }

    /// What went wrong with it, naming it.
    pub(crate) fn failure(&self) -> Option<RunFailure> {
        let RunFailure { kind, message, hint } = self.error.clone()?;
        Some(RunFailure { kind, message: format!("{}: {message}", self.path), hint })
    }

    pub(crate) fn report(&self) -> MailboxReport {
        MailboxReport {
            mailbox: self.path.to_string(),
            source: self.source.or_else(|| self.current().map(|it| it.source)),
            server_count: self.server_count,
            archived: self.archived,
            already: self.already,
            excluded: self.excluded().total(),
            unknown: self.left,
            quarantined: self.quarantined,
            accepted: self.accepted,
            complete: self.is_complete(),
            error: self.error.as_ref().map(|it| it.message.clone()),
        }
    }
}
