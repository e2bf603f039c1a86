//! Sorting: whose mail a message in a shared mailbox is (multidrop, journal, catch-all, SMTP).
//!
//! What it is not: parsing. Addresses come in as text from the header, from one envelope field,
//! from a journal report or from SMTP; archives and directions go out.
//!
//! Rules:
//! - A sender gets the message as sent, a recipient as received; who writes to himself gets it in
//!   both folders, and nobody gets it twice in one.
//! - An envelope field is believed in its topmost occurrence only. Whatever stands below it may
//!   have been written by whoever sent the message.
//! - A message that belongs to nobody is never dropped: it goes to [`CATCH_ALL`], or stays at
//!   its source and is counted there.

use std::collections::BTreeSet;

use types::{Address, FolderPath, Hash, UserName};

use crate::address::{AddressBook, AddressKey};

mod check;

pub use check::{Finding, FolderScope, Protocol, Severity, SortingSetup, check};

/// The name of the archive for messages that belong to nobody.
pub const CATCH_ALL: &str = UserName::CATCH_ALL;

/// The folder in it.
pub const CATCH_ALL_FOLDER: &str = "Unknown E-mail Addresses";

/// The most addresses that are read in one envelope field. The rest is left out.
pub const ENVELOPE_ADDRESSES_MAX: usize = 10_000;

/// Who a message is from and to, as text, from whichever place is believed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parties {
    /// Who sent it.
    pub senders: Vec<String>,
    /// Who got it.
    pub recipients: Vec<String>,
}

impl Parties {
    /// All addresses of a header: From (and Sender) on one side; To, Cc, Bcc on the other.
    pub fn of_header<'a>(
        senders: impl IntoIterator<Item = &'a Address>,
        recipients: impl IntoIterator<Item = &'a Address>,
    ) -> Parties {
        Parties { senders: texts(senders), recipients: texts(recipients) }
    }

    /// The recipients that one envelope field names, given as its value (see [`topmost`]), and
    /// the senders of the header. Without the field there are no recipients.
    pub fn of_envelope_field<'a>(
        senders: impl IntoIterator<Item = &'a Address>,
        field: Option<&str>,
    ) -> Parties {
        let recipients = field.map(list).unwrap_or_default();
        Parties { senders: texts(senders), recipients }
    }

    /// The envelope of SMTP or of a journal report. Empty senders (`<>`) are none.
    pub fn of_envelope<'a>(
        senders: impl IntoIterator<Item = &'a str>,
        recipients: impl IntoIterator<Item = &'a str>,
    ) -> Parties {
        let kept = |it: &str| it.trim().trim_matches(['<', '>']).trim().to_owned();
        let senders = senders.into_iter().map(kept).filter(|it| !it.is_empty()).collect();
        let recipients = recipients.into_iter().map(kept).filter(|it| !it.is_empty()).collect();
        Parties { senders, recipients }
    }
}

/// Group names and the like have no address.
fn texts<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> Vec<String> {
    let bare = addresses.into_iter().map(|it| it.addr.trim());
    bare.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// The value of the first field of this name, unfolded; the only one that is believed. `fields`
/// are those of a header, from its top. The server has to write this field into every message: into
/// one where it does not, whoever sent the message could.
pub fn topmost<'a>(
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    name: &str,
) -> Option<String> {
    let named = |field: &&[u8]| field.eq_ignore_ascii_case(name.trim().as_bytes());
    let (_, value) = fields.into_iter().find(|(field, _)| named(field))?;
    let text = String::from_utf8_lossy(value);
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The addresses of a field, separated by commas, semicolons or (bare ones) spaces.
fn list(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut item = String::new();
    let (mut quoted, mut angle, mut escaped) = (false, false, false);
    for c in value.chars() {
        let ends = !quoted && !angle && matches!(c, ',' | ';');
        if ends {
            take(&mut found, &mut item);
            continue;
        }
        match c {
            '"' if !escaped => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            _ => (),
        }
        escaped = c == '\\' && !escaped;
        item.push(c);
    }
    take(&mut found, &mut item);
    found.truncate(ENVELOPE_ADDRESSES_MAX);
    found
}

fn take(found: &mut Vec<String>, item: &mut String) {
    let text = std::mem::take(item);
    let text = text.trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    let all_bare = words.iter().all(|it| it.contains('@'));
    if !text.contains(['"', '<']) && all_bare {
        found.extend(words.into_iter().map(str::to_owned));
    } else {
        found.push(text.to_owned());
    }
}

/// Whether a user sent or received a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// The user is one of its recipients.
    Received,
    /// The user is its sender.
    Sent,
}

/// What happens with a message that belongs to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unclaimed {
    /// It stays where it is, and is counted as excluded: unknown address.
    #[default]
    Left,
    /// It is archived in [`CATCH_ALL`].
    CaughtAll,
}

/// A folder that a message goes to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Placing {
    /// Whose archive.
    pub user: UserName,
    /// Into which of the two folders.
    pub direction: Direction,
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To these users; at least one. Each once, in the order of names.
    Users(Vec<Placing>),
    /// To [`CATCH_ALL`].
    CatchAll,
    /// Nowhere: it stays at the source, because its addresses are unknown.
    Left,
}

/// An address that belongs to nobody here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UnknownAddress {
    /// The address as it was first written, or whatever stood in its place.
    pub address: String,
    /// What its owner, if there were one, would have done.
    pub direction: Direction,
    /// Whether somebody here might have it.
    pub domain: Domain,
}

/// Whose domain an unknown address is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Domain {
    /// One in which users have addresses: a user or an alias is likely missing.
    Ours,
    /// Another one: whoever writes from outside, or is written to there.
    Foreign,
}

/// What sorting found for one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sorted {
    /// Where it goes.
    pub destination: Destination,
    /// Its addresses that belong to nobody, each once per direction, also when others are known.
    pub unknown: Vec<UnknownAddress>,
}

/// The settings of a sorting job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sorting {
    /// The folders that messages go to.
    pub folders: SortingFolders,
    /// What happens with what belongs to nobody.
    pub unclaimed: Unclaimed,
    /// The address of the shared mailbox itself. It is nobody's, and not an unknown one.
    pub journal_address: Option<String>,
}

impl Sorting {
    /// Names these settings.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        let Sorting { folders, unclaimed, journal_address } = self;
        let SortingFolders { received, sent } = folders;
        let text = format!("sorting 1\n{received:?} {sent:?} {unclaimed:?} {journal_address:?}");
        Hash::of(text.as_bytes())
    }

    /// Whether an address is that of the shared mailbox itself, with or without a detail.
    #[must_use]
    pub fn is_journal(&self, book: &AddressBook, address: &str) -> bool {
        let Some(journal) = self.journal_address.as_deref().and_then(|it| book.key(it)) else {
            return false;
        };
        let Some(key) = book.key(address) else { return false };
        key == journal || key.without_detail('+').is_some_and(|it| it == journal)
    }

    /// Decides where a message goes.
    #[must_use]
    pub fn sort(&self, book: &AddressBook, parties: &Parties) -> Sorted {
        let mut placings = BTreeSet::new();
        let mut unknown = Vec::new();
        let mut seen: BTreeSet<(Result<AddressKey, &str>, Direction)> = BTreeSet::new();
        let sides =
            [(Direction::Received, &parties.recipients), (Direction::Sent, &parties.senders)];
        for (direction, addresses) in sides {
            for address in addresses {
                let key = book.key(address).ok_or(address.as_str());
                if self.is_journal(book, address) {
                    continue;
                }
                if let Some(user) = book.owner(address) {
                    placings.insert(Placing { user: user.name.clone(), direction });
                } else if seen.insert((key, direction)) {
                    let domain = if book.is_ours(address) { Domain::Ours } else { Domain::Foreign };
                    unknown.push(UnknownAddress { address: address.clone(), direction, domain });
                }
            }
        }
        let destination = match (placings.is_empty(), self.unclaimed) {
            (false, _) => Destination::Users(placings.into_iter().collect()),
            (true, Unclaimed::CaughtAll) => Destination::CatchAll,
            (true, Unclaimed::Left) => Destination::Left,
        };
        Sorted { destination, unknown }
    }
}

/// The folders that sorted messages go to, below the root of each user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortingFolders {
    /// For received messages; parts are separated by `/`.
    pub received: String,
    /// For sent ones.
    pub sent: String,
}

impl Default for SortingFolders {
    /// `INBOX` and `Sent Items`.
    fn default() -> SortingFolders {
        SortingFolders { received: "INBOX".into(), sent: "Sent Items".into() }
    }
}

impl SortingFolders {
    /// The name of the folder for one direction.
    #[must_use]
    pub fn name(&self, direction: Direction) -> &str {
        match direction {
            Direction::Received => &self.received,
            Direction::Sent => &self.sent,
        }
    }

    /// The folder for one direction in an archive, below `root`.
    #[must_use]
    pub fn path(&self, root: &str, direction: Direction) -> FolderPath {
        let parts = self.name(direction).split('/').filter(|it| !it.is_empty()).enumerate();
        parts.fold(FolderPath::from_parts([root]), |path, (level, part)| {
            let is_inbox = level == 0 && part.eq_ignore_ascii_case("INBOX");
            path.child(if is_inbox { "INBOX" } else { part })
        })
    }
}

/// The folder in the archive [`CATCH_ALL`].
#[must_use]
pub fn catch_all_folder() -> FolderPath {
    FolderPath::from_parts([CATCH_ALL_FOLDER])
}

#[cfg(test)]
mod tests;
