//! Sorting: one mailbox for many people, whose messages go to 0..n archives by their addresses.
//!
//! Rules:
//! - All placements of a message are in one append. One of them stands at its place at the source,
//!   so that this place says of all of them that they are durable.
//! - The sources of a shared mailbox are kept under [`ArchiveId::SHARED`]: it is nobody's.
//! - Nobody gets a message twice in one folder. Copies that differ only in what their ways added
//!   to the header are one message there, when they came with an envelope.
//! - What belongs to nobody goes to `@catchall`, or stays at its source: noted in the log, counted
//!   as excluded, and looked at again when address book or rules change.
//! - Addresses that belong to nobody are told before what they were found on becomes durable: of a
//!   run that dies in between they are told twice, never not at all.

mod placer;
mod read;
mod resort;
mod run;
mod unknown;

use std::collections::HashMap;
use std::sync::Arc;

use rules::address::AddressBook;
use rules::sorting::{self, Destination, Parties, Placing, Sorting, catch_all_folder};
use types::{ArchiveId, Hash, UserName};

use crate::folders::Place;
use crate::options::Target;

pub use resort::{ResortReport, resort};
pub use unknown::{UnknownAddresses, UnknownSeen, subject_in_example};

pub(crate) use placer::{Appended, NewPlace, SortPlacer, Verdict};
pub(crate) use read::{Addressed, believe};
pub(crate) use run::{SortedNote, Sorter};

/// How the messages of a shared mailbox are sorted.
#[derive(Clone, Debug)]
pub struct SortOptions {
    /// What says who a message is from and to. The envelope of SMTP is believed before it.
    pub by: SortBy,
    /// Target folders, what happens with what belongs to nobody, the mailbox's own address.
    pub sorting: Sorting,
    /// Whose every address is.
    pub book: AddressBook,
    /// The archives of the users in the book.
    pub homes: HashMap<UserName, Home>,
    /// The archive `@catchall`. Without it, what belongs to nobody is left.
    pub catch_all: Option<ArchiveId>,
    /// Takes note of addresses that belong to nobody.
    pub unknown: Arc<dyn UnknownAddresses>,
}

/// What says who a message is from and to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SortBy {
    /// All addresses of its header.
    Header,
    /// This field of its header, in its topmost occurrence: the recipients. The senders are those
    /// of the header.
    Field(String),
    /// The journal report that it is wrapped in, which is opened. What is none is sorted by its
    /// header.
    Journal,
}

/// The archive of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Home {
    /// The archive.
    pub archive: ArchiveId,
    /// The first level of the folder tree: the primary address, or the name.
    pub root: String,
}

impl SortOptions {
    /// Names the rules and the book: messages that were left under others are looked at again.
    pub(crate) fn fingerprint(&self) -> Hash {
        let by = match &self.by {
            SortBy::Header => "header".to_owned(),
            SortBy::Field(name) => format!("field {name:?}"),
            SortBy::Journal => "journal".to_owned(),
        };
        let hashes = [self.sorting.fingerprint(), self.book.fingerprint()].map(|it| it.to_string());
        Hash::of(
            format!("sorted 1 {by} {} {}", hashes.join(" "), self.catch_all.is_some()).as_bytes(),
        )
    }

    /// Whether others sort in the same way.
    #[must_use]
    pub fn is_like(&self, other: &SortOptions) -> bool {
        self.fingerprint() == other.fingerprint()
            && self.homes == other.homes
            && self.catch_all == other.catch_all
    }

    /// Where a message of these parties goes, and which of its addresses belong to nobody.
    pub(crate) fn sort(&self, parties: &Parties) -> Sorted {
        let sorting::Sorted { destination, unknown } = self.sorting.sort(&self.book, parties);
        let (places, kept) = match (&destination, self.catch_all) {
            (Destination::Users(placings), _) => {
                (placings.iter().filter_map(|it| self.place(it)).collect(), Kept::ByUsers)
            }
            (Destination::CatchAll, Some(archive)) => {
                let user = UserName::catch_all();
                (vec![Place { archive, user, path: catch_all_folder() }], Kept::CaughtAll)
            }
            _ => (Vec::new(), Kept::Left),
        };
        let kept = if places.is_empty() { Kept::Left } else { kept };
        Sorted { places, kept, unknown }
    }

    fn place(&self, placing: &Placing) -> Option<Place> {
        let Home { archive, root } = self.homes.get(&placing.user)?;
        let path = self.sorting.folders.path(root, placing.direction);
        Some(Place { archive: *archive, user: placing.user.clone(), path })
    }

    /// Whether mail for this address would be kept: it belongs to somebody, it is the address of
    /// the shared mailbox itself, or everything is kept.
    #[must_use]
    pub fn keeps_mail_for(&self, address: &str) -> bool {
        self.catch_all.is_some() && self.sorting.unclaimed == sorting::Unclaimed::CaughtAll
            || self.sorting.is_journal(&self.book, address)
            || self.book.owner(address).is_some()
    }
}

/// Where a message goes.
pub(crate) struct Sorted {
    /// The folders, each once.
    pub(crate) places: Vec<Place>,
    pub(crate) kept: Kept,
    /// Its addresses that belong to nobody.
    pub(crate) unknown: Vec<sorting::UnknownAddress>,
}

/// By whom a message is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// By users.
    ByUsers,
    /// By `@catchall`.
    CaughtAll,
    /// By nobody: it stays at its source.
    Left,
}

impl Target {
    /// That of a shared mailbox: no archive of its own.
    pub(crate) fn shared(account: &str) -> Target {
        let (archive, user) = (ArchiveId::SHARED, UserName::catch_all());
        Target { archive, user, root: account.to_owned() }
    }
}
