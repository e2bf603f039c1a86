//! Phase 4: what was found so far becomes facts, and the catalog shows them, before anything is
//! fetched. So every later decision sees where messages stand and where they no longer do.

use std::collections::HashMap;

use ledger::{Detail, Fact, FolderDetail, SourceDetail, SourceRef, TreeKind};
use ports::{Catalog, Change, Log};
use types::{FolderId, SourceId};

use crate::folders;
use crate::mailbox::{Adopt, Stage};
use crate::run::{Run, Stop};

/// Facts in one append.
const FACTS_PER_APPEND: usize = 2_000;

impl<L: Log, K: Catalog> Run<'_, L, K> {
    /// Makes folders and epochs, and tells what moved, is seen elsewhere, or is gone.
    pub(crate) async fn settle(&mut self) -> Result<(), Stop> {
        self.make_folders().await?;
        self.open_epochs().await?;
        let gone = |it: SourceRef| Fact::SourceGone { source: it };
        let mut facts: Vec<Fact> = self.gone_first.drain(..).map(gone).collect();
        for mailbox in &mut self.mailboxes {
            let (Some(source), Some(folder)) = (mailbox.source, mailbox.folder) else { continue };
            facts.extend(mailbox.adopted.drain(..).map(|(uid, placement, adopt)| {
                let source = SourceRef { source, uid };
                match adopt {
                    Adopt::Move => Fact::Moved { placement, folder, source: Some(source) },
                    Adopt::Sight => Fact::Sighted { placement, source },
                }
            }));
        }
        facts.extend(self.gone_last.drain(..).map(gone));
        if facts.is_empty() {
            return Ok(());
        }
        while !facts.is_empty() {
            let rest = facts.split_off(facts.len().min(FACTS_PER_APPEND));
            let changes = facts.into_iter().map(|it| Change::Fact(it, None)).collect();
            self.append_now(changes).await?;
            facts = rest;
        }
        let entries = self.log.position().entries;
        Ok(self.catalog.wait_for(entries).await?)
    }

    async fn make_folders(&mut self) -> Result<(), Stop> {
        if !self.mailboxes.iter().any(|it| it.stage == Stage::Compared && it.folder.is_none()) {
            return Ok(());
        }
        let _making = folders::making(self.log.as_ref(), self.catalog.as_ref()).await?;
        let archive = self.options.target.archive;
        for mailbox in self.mailboxes.iter_mut().filter(|it| it.folder.is_none()) {
            // Another run into this archive may have made it meanwhile.
            mailbox.folder = self.catalog.folder(archive, &mailbox.folder_path)?;
        }
        let mut made: HashMap<String, usize> = HashMap::new();
        let mut changes = Vec::new();
        for mailbox in self.mailboxes.iter().filter(|it| it.stage == Stage::Compared) {
            let canonical = mailbox.folder_path.canonical();
            if mailbox.folder.is_some() || made.contains_key(&canonical) {
                continue;
            }
            made.insert(canonical, changes.len());
            changes.push(self.folder_change(mailbox.folder_path.as_str()));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let entries = self.append_now(changes).await?;
        for mailbox in self.mailboxes.iter_mut().filter(|it| it.folder.is_none()) {
            let index = made.get(&mailbox.folder_path.canonical());
            let entry = index.and_then(|it| entries.get(*it));
            mailbox.folder = entry.map(|it| FolderId(it.0));
        }
        Ok(())
    }

    fn folder_change(&self, path: &str) -> Change {
        let target = &self.options.target;
        let fact =
            Fact::FolderChanged { folder: None, archive: target.archive, kind: TreeKind::Archive };
        let detail = FolderDetail { user: target.user.as_str().to_owned(), path: path.to_owned() };
        Change::Fact(fact, Some(Detail::Folder(detail)))
    }

    async fn open_epochs(&mut self) -> Result<(), Stop> {
        let archive = self.options.target.archive;
        let mut slots = Vec::new();
        let mut changes = Vec::new();
        for mailbox in self.mailboxes.iter().filter(|it| it.stage == Stage::Compared) {
            let (None, Some(folder)) = (mailbox.source, mailbox.folder) else { continue };
            let uid_validity = mailbox.status.uid_validity;
            let detail = SourceDetail {
                profile: self.options.profile.clone(),
                account: self.options.account.clone(),
                mailbox_raw: mailbox.name.raw.clone(),
                mailbox: mailbox.path.to_string(),
            };
            let fact = Fact::SourceOpened { archive, folder, uid_validity };
            changes.push(Change::Fact(fact, Some(Detail::Source(detail))));
            slots.push(mailbox.slot);
            if uid_validity == 0 {
                self.warnings.add(format!(
                    "{}: the server does not number its messages for good (no UIDVALIDITY); \
                     every run compares all of them",
                    mailbox.path
                ));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let entries = self.append_now(changes).await?;
        for (slot, entry) in slots.into_iter().zip(entries) {
            if let Some(mailbox) = self.mailboxes.get_mut(slot) {
                let source = SourceId(entry.0);
                mailbox.source = Some(source);
                self.placer.account.insert(source);
            }
        }
        Ok(())
    }
}
