//! Phase 1: which mailboxes there are, which are in scope, and which have changed.

use std::collections::{HashMap, HashSet};

use ledger::RunCounts;
use ports::{Catalog, Log, MailboxInfo, Namespace, SourceRow, SpecialUse};
use rules::{DefaultFolder, ListedMailbox, OutReason, PatternList, Role, Verdict, Whose};
use types::{FolderId, FolderPath, MailboxName};

use crate::mailbox::Mailbox;
use crate::report::{ExcludedFolder, RunFailure, RunFailureKind};
use crate::run::{Run, Stop};

/// A mailbox that the archive knows and the server does not list.
#[derive(Debug)]
pub(crate) struct Vanished {
    pub(crate) name: MailboxName,
    /// Its epochs in the archive, oldest first.
    pub(crate) rows: Vec<SourceRow>,
    /// Whether opening it failed, too: then it is not there.
    pub(crate) confirmed: bool,
}

/// The name under which a mailbox is the same one: `INBOX` in any case, others byte for byte.
pub(crate) fn key(name: &MailboxName) -> Vec<u8> {
    if name.raw.eq_ignore_ascii_case(b"INBOX") { b"INBOX".to_vec() } else { name.raw.clone() }
}

/// What the archive knows of the account's mailboxes in this root, by [`key`].
type Known = HashMap<Vec<u8>, KnownMailbox>;

/// What the archive knows of a mailbox.
struct KnownMailbox {
    name: MailboxName,
    /// Where its messages go, by the name that it had.
    path: FolderPath,
    folder: Option<FolderId>,
    rows: Vec<SourceRow>,
}

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Decides about every mailbox of the account.
    pub(crate) fn survey(&mut self, listed: Vec<MailboxInfo>) -> Result<(), Stop> {
        let mut names = HashSet::new();
        let mut listed: Vec<MailboxInfo> =
            listed.into_iter().filter(|it| it.selectable && names.insert(key(&it.name))).collect();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        if listed.is_empty() {
            // Every account has an INBOX: an empty list is a broken one, not an empty account.
            let text = "the server listed no mailbox";
            return Err(RunFailure::new(RunFailureKind::Protocol, text).into());
        }
        let mut known = self.known_mailboxes()?;
        let verdicts = self.verdicts(&listed);
        for (info, verdict) in listed.into_iter().zip(verdicts) {
            let known = known.remove(&key(&info.name));
            match verdict {
                Verdict::In => self.add_mailbox(info, known)?,
                Verdict::Out(reason) => self.excluded.push(ExcludedFolder {
                    path: info.name.path(),
                    count: info.status.map(|it| it.messages),
                    reason,
                }),
            }
        }
        for KnownMailbox { name, rows, .. } in known.into_values() {
            if self.stands_anything(&rows)? {
                self.vanished.push(Vanished { name, rows, confirmed: false });
            }
        }
        self.vanished.sort_by(|a, b| a.name.cmp(&b.name));
        if self.mailboxes.is_empty() {
            let text = "no mailbox of the account is in scope";
            return Err(RunFailure::new(RunFailureKind::Configuration, text).into());
        }
        Ok(())
    }

    fn known_mailboxes(&mut self) -> Result<Known, Stop> {
        let options = self.options;
        let rows =
            self.catalog.sources(options.target.archive, &options.profile, &options.account)?;
        let mut known = Known::new();
        for row in rows {
            let name = self.catalog.mailbox_name(row.source)?;
            let Some(name) = name else { continue };
            // The same account may be archived below another root as well.
            let (path, folder) = self.folder_of(&name)?;
            if self.sorter.is_none() && folder != Some(row.folder) {
                continue;
            }
            self.placer.account.insert(row.source);
            let mailbox = || KnownMailbox { name: name.clone(), path, folder, rows: Vec::new() };
            known.entry(key(&name)).or_insert_with(mailbox).rows.push(row);
        }
        Ok(known)
    }

    /// The folder of a mailbox, and its id when it exists.
    pub(crate) fn folder_of(
        &self,
        name: &MailboxName,
    ) -> Result<(FolderPath, Option<FolderId>), Stop> {
        let path = rules::folder_path(&self.options.target.root, name);
        if self.sorter.is_some() {
            // Its messages go where they are sorted to.
            return Ok((path, Some(FolderId::SHARED)));
        }
        let folder = self.catalog.folder(self.options.target.archive, &path)?;
        Ok((path, folder))
    }

    fn verdicts(&mut self, listed: &[MailboxInfo]) -> Vec<Verdict> {
        let listed: Vec<ListedMailbox<'_>> = listed.iter().map(as_listed).collect();
        let scope = &self.options.scope;
        for (list, entry) in scope.unmatched(&listed) {
            // An exclude list may name what an account has not got.
            if list == PatternList::Include {
                self.warnings.add(format!("no mailbox matches {entry} of the include list"));
            }
        }
        scope.apply(&listed)
    }

    fn add_mailbox(&mut self, info: MailboxInfo, known: Option<KnownMailbox>) -> Result<(), Stop> {
        let path = rules::folder_path(&self.options.target.root, &info.name);
        let (folder, rows) = match known {
            // One look-up less, of which a poll makes few.
            Some(known) if known.path == path => (known.folder, known.rows),
            Some(known) => (self.folder_of(&info.name)?.1, known.rows),
            None => (self.folder_of(&info.name)?.1, Vec::new()),
        };
        let slot = self.mailboxes.len();
        let mut mailbox = Mailbox::new(slot, info.name, path, folder, rows);
        mailbox.shared = self.sorter.is_some();
        mailbox.server_count = info.status.map_or(0, |it| it.messages);
        // Time alone moves messages in and out of some filters.
        let may_stand = !self.options.filter.changes_with_time();
        let unchanged = info.status.filter(|_| may_stand);
        if let Some(now) = unchanged.filter(|now| mailbox.is_unchanged(now, self.fingerprint)) {
            mailbox.stand(now);
        }
        self.mailboxes.push(mailbox);
        Ok(())
    }

    /// Adds a mailbox that the server does not list but opens. False when it is not in scope.
    pub(crate) fn add_unlisted(&mut self, vanished: usize) -> Result<bool, Stop> {
        let Some(found) = self.vanished.get_mut(vanished) else { return Ok(false) };
        let (name, rows) = (found.name.clone(), std::mem::take(&mut found.rows));
        let listed = ListedMailbox { name: &name, role: None, whose: Whose::Own };
        if self.options.scope.apply(&[listed]) != [Verdict::In] {
            return Ok(false);
        }
        let path = name.path();
        self.warnings.add(format!("{path}: the server does not list it, but opens it"));
        let (folder_path, folder) = self.folder_of(&name)?;
        let slot = self.mailboxes.len();
        let mut mailbox = Mailbox::new(slot, name, folder_path, folder, rows);
        mailbox.shared = self.sorter.is_some();
        self.mailboxes.push(mailbox);
        Ok(true)
    }

    /// Whether anything is known to stand in these epochs, or to be in quarantine there.
    fn stands_anything(&self, rows: &[SourceRow]) -> Result<bool, Stop> {
        for row in rows {
            let stands = !self.catalog.source_refs(row.source)?.is_empty();
            if stands || !self.catalog.quarantined(row.source)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A mailbox as the rules ask for it.
#[must_use]
pub fn as_listed(info: &MailboxInfo) -> ListedMailbox<'_> {
    let role = info.special_use.map(|it| match it {
        SpecialUse::Trash => Role::Default(DefaultFolder::Trash),
        SpecialUse::Junk => Role::Default(DefaultFolder::Junk),
        SpecialUse::Drafts => Role::Default(DefaultFolder::Drafts),
        SpecialUse::Sent => Role::Sent,
        SpecialUse::All | SpecialUse::Archive | SpecialUse::Flagged => Role::Other,
    });
    let whose = match info.namespace {
        Namespace::Personal => Whose::Own,
        Namespace::OtherUsers => Whose::OtherUsers,
        Namespace::Shared => Whose::Shared,
    };
    ListedMailbox { name: &info.name, role, whose }
}

/// Adds the messages of a mailbox that was left out.
pub(crate) fn count_excluded(counts: &mut RunCounts, folder: &ExcludedFolder) {
    let messages = folder.count.unwrap_or(0);
    counts.server_count += messages;
    match folder.reason {
        OutReason::DefaultFolder(_) => counts.excluded.default_folders += messages,
        OutReason::NotIncluded | OutReason::NotOwn(_) | OutReason::ExcludeList { .. } => {
            counts.excluded.folder_list += messages;
        }
    }
}
