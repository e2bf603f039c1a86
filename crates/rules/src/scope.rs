//! The scope of an archiving run: which mailboxes are in, and why the others are out.
//!
//! Asked in this order, the first reason counts:
//! 1. an entry of the exclude list matches: out;
//! 2. the include list is not empty and no entry of it matches: out;
//! 3. it is another user's or everybody's: out, if the scope is [`Scope::own_only`];
//! 4. it is Trash, Junk, Drafts or Outbox, or below one of them: out, unless
//!    [`DefaultFolders::Kept`].
//!
//! What is Trash, Junk or Drafts is said by SPECIAL-USE (RFC 6154) where the server marks any
//! mailbox of the same namespace with that role; only for roles that it marks nowhere, and for
//! Outbox, which has no mark, the tables of `names` are asked. A name counts
//! - on the top level, and directly below `INBOX`, `[Gmail]` and `[Google Mail]`;
//! - in the namespace of other users, up to two levels further down (`user/bob/Trash`), and in
//!   shared namespaces one (`Public/Trash`).
//!
//! So `Projects/Drafts` stays in. A mailbox that the server marks as something else is never out
//! by its name, and `INBOX` never by default.

use std::collections::HashSet;
use std::fmt;

use types::{Hash, MailboxName};
use unicode_normalization::UnicodeNormalization;

use crate::folder;
use crate::names::{self, Meaning};
use crate::pattern::{Pattern, PatternError, PatternList, matched_path};

/// Folders that are not archived by default.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DefaultFolder {
    /// What people deleted.
    Trash,
    /// What nobody asked for.
    Junk,
    /// What is not written yet.
    Drafts,
    /// What is not sent yet.
    Outbox,
}

impl fmt::Display for DefaultFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DefaultFolder::Trash => "Trash",
            DefaultFolder::Junk => "Junk",
            DefaultFolder::Drafts => "Drafts",
            DefaultFolder::Outbox => "Outbox",
        })
    }
}

/// What happens with Trash, Junk, Drafts and Outbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultFolders {
    /// They are left out, and their subfolders with them.
    LeftOut,
    /// They are like any other (`--all-folders`).
    Kept,
}

/// What the server says a mailbox is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// One of the folders that are left out by default.
    Default(DefaultFolder),
    /// Sent mail.
    Sent,
    /// Anything else that it has a mark for.
    Other,
}

/// Whose a mailbox is (RFC 2342).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Whose {
    /// The account's own.
    Own,
    /// Another user's.
    OtherUsers,
    /// Nobody's in particular.
    Shared,
}

/// A mailbox, as far as a scope asks.
#[derive(Clone, Copy, Debug)]
pub struct ListedMailbox<'a> {
    /// Its name.
    pub name: &'a MailboxName,
    /// What the server says it is for, if it says so.
    pub role: Option<Role>,
    /// Whose it is.
    pub whose: Whose,
}

/// Whether a mailbox is archived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is.
    In,
    /// It is not.
    Out(OutReason),
}

/// Why a mailbox is not archived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OutReason {
    /// It is one of the folders that are left out by default, or below it.
    DefaultFolder(DefaultFolder),
    /// The include list does not name it.
    NotIncluded,
    /// It is another user's, or nobody's in particular.
    NotOwn(Whose),
    /// The exclude list names it.
    ExcludeList {
        /// By this entry.
        entry: String,
    },
}

impl fmt::Display for OutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutReason::DefaultFolder(which) => write!(f, "{which} is left out by default"),
            OutReason::NotIncluded => f.write_str("not in the include list"),
            OutReason::NotOwn(Whose::OtherUsers) => f.write_str("a folder of another user"),
            OutReason::NotOwn(_) => f.write_str("a public folder"),
            OutReason::ExcludeList { entry } => write!(f, "in the exclude list: {entry}"),
        }
    }
}

/// Which mailboxes of an account are archived.
#[derive(Clone, Debug)]
pub struct Scope {
    defaults: DefaultFolders,
    own_only: bool,
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Scope {
    /// Understands the two lists. The first entry that cannot be understood is the error.
    pub fn parse(
        defaults: DefaultFolders,
        include: &[String],
        exclude: &[String],
    ) -> Result<Scope, PatternError> {
        let parse = |list, entries: &[String]| -> Result<Vec<Pattern>, PatternError> {
            let numbered = entries.iter().enumerate();
            numbered.map(|(index, text)| Pattern::parse(list, index + 1, text)).collect()
        };
        Ok(Scope {
            defaults,
            own_only: false,
            include: parse(PatternList::Include, include)?,
            exclude: parse(PatternList::Exclude, exclude)?,
        })
    }

    /// The same scope without the mailboxes of other users and of everybody (RFC 2342).
    #[must_use]
    pub fn own_only(self) -> Scope {
        Scope { own_only: true, ..self }
    }

    /// Names what this scope means: it changes whenever a mailbox could change sides. The order
    /// and repetition of entries do not count.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        let mut text = String::from("scope 1\n");
        text.push_str(match self.defaults {
            DefaultFolders::LeftOut => "default folders left out\n",
            DefaultFolders::Kept => "default folders kept\n",
        });
        if self.own_only {
            text.push_str("own folders only\n");
        }
        for (sign, list) in [('+', &self.include), ('-', &self.exclude)] {
            let mut entries: Vec<&str> = list.iter().map(|it| it.text.as_str()).collect();
            entries.sort_unstable();
            entries.dedup();
            for entry in entries {
                // The length tells an entry with a line break from two entries.
                text.push_str(&format!("{sign}{} {entry}\n", entry.len()));
            }
        }
        Hash::of(text.as_bytes())
    }

    /// Decides about every mailbox of an account, given all of them: whether a name counts
    /// depends on what the server marks. Verdicts come in the order of `mailboxes`.
    #[must_use]
    pub fn apply(&self, mailboxes: &[ListedMailbox<'_>]) -> Vec<Verdict> {
        let account = Account::of(mailboxes);
        mailboxes.iter().map(|it| self.verdict(it, &account)).collect()
    }

    /// The entries of both lists that match none of `mailboxes`: likely a typing error.
    #[must_use]
    pub fn unmatched(&self, mailboxes: &[ListedMailbox<'_>]) -> Vec<(PatternList, &str)> {
        let paths: Vec<String> = mailboxes.iter().map(|it| matched_path(it.name)).collect();
        let lists = [(PatternList::Include, &self.include), (PatternList::Exclude, &self.exclude)];
        let all =
            lists.into_iter().flat_map(|(list, entries)| entries.iter().map(move |it| (list, it)));
        all.filter(|(_, entry)| !paths.iter().any(|path| entry.matches(path)))
            .map(|(list, entry)| (list, entry.text.as_str()))
            .collect()
    }

    fn verdict(&self, mailbox: &ListedMailbox<'_>, account: &Account) -> Verdict {
        let path = matched_path(mailbox.name);
        if let Some(entry) = self.exclude.iter().find(|it| it.matches(&path)) {
            return Verdict::Out(OutReason::ExcludeList { entry: entry.text.clone() });
        }
        if !self.include.is_empty() && !self.include.iter().any(|it| it.matches(&path)) {
            return Verdict::Out(OutReason::NotIncluded);
        }
        if self.own_only && mailbox.whose != Whose::Own {
            return Verdict::Out(OutReason::NotOwn(mailbox.whose));
        }
        match (self.defaults, account.default_folder(mailbox)) {
            (DefaultFolders::LeftOut, Some(which)) => Verdict::Out(OutReason::DefaultFolder(which)),
            _ => Verdict::In,
        }
    }
}

/// What has to be known of all mailboxes to judge one.
struct Account {
    /// Mailboxes that the server marks with a default role: canonical parts.
    marked: Vec<(Vec<String>, DefaultFolder)>,
    /// Roles that it marks, by namespace.
    roles: HashSet<(Whose, DefaultFolder)>,
    /// Mailboxes that it marks as something else.
    spared: HashSet<Vec<String>>,
    /// Whether there is a folder for sent mail.
    has_sent: bool,
}

impl Account {
    fn of(mailboxes: &[ListedMailbox<'_>]) -> Account {
        let mut account = Account {
            marked: Vec::new(),
            roles: HashSet::new(),
            spared: HashSet::new(),
            has_sent: false,
        };
        for mailbox in mailboxes {
            let parts = canonical_parts(mailbox.name);
            account.has_sent |= mailbox.role == Some(Role::Sent)
                || parts.last().is_some_and(|it| names::is_sent(it));
            match mailbox.role {
                Some(Role::Default(which)) => {
                    account.roles.insert((mailbox.whose, which));
                    account.marked.push((parts, which));
                }
                Some(Role::Sent | Role::Other) => {
                    account.spared.insert(parts);
                }
                None => (),
            }
        }
        account
    }

    /// Which default folder a mailbox is, or is below of.
    fn default_folder(&self, mailbox: &ListedMailbox<'_>) -> Option<DefaultFolder> {
        let parts = canonical_parts(mailbox.name);
        if is_inbox(&parts) {
            return None;
        }
        let marked = self.marked.iter().find(|(top, _)| !is_inbox(top) && parts.starts_with(top));
        marked.map(|(_, which)| *which).or_else(|| self.by_name(&parts, mailbox.whose))
    }

    fn by_name(&self, parts: &[String], whose: Whose) -> Option<DefaultFolder> {
        let levels_more = match whose {
            Whose::Own => 0,
            Whose::Shared => 1,
            Whose::OtherUsers => 2,
        };
        let mut levels = 1 + levels_more;
        for (level, part) in parts.iter().enumerate().take(4) {
            if level >= levels {
                break;
            }
            if names::is_container(part) {
                levels = levels.max(level + 2);
            }
            let top = parts.get(..=level).unwrap_or(parts);
            if self.spared.contains(top) {
                return None;
            }
            if let Some(which) = self.named(part, whose) {
                return Some(which);
            }
        }
        None
    }

    /// The default folder that a name means, where the server leaves that to names.
    fn named(&self, part: &str, whose: Whose) -> Option<DefaultFolder> {
        let which = match names::meaning(part)? {
            Meaning::Is(which) => which,
            Meaning::OutboxOrSent if self.has_sent => DefaultFolder::Outbox,
            Meaning::OutboxOrSent => return None,
        };
        (!self.roles.contains(&(whose, which))).then_some(which)
    }
}

fn is_inbox(parts: &[String]) -> bool {
    parts.len() == 1 && parts.first().is_some_and(|it| it == "INBOX")
}

fn canonical_parts(name: &MailboxName) -> Vec<String> {
    folder::parts(name).map(|it| it.nfc().collect()).collect()
}

#[cfg(test)]
mod tests;
