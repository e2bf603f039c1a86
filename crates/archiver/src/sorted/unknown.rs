//! Addresses that belong to nobody, as sorting meets them.

use std::collections::HashMap;
use std::fmt::Debug;

use rules::address::AddressKey;
use rules::sorting::{Direction, Domain, UnknownAddress};

use super::Kept;

/// Different addresses that are told at once.
const TOLD_AT_ONCE: usize = 256;

/// Addresses of one message that are told. A message may name thousands.
const OF_ONE_MESSAGE_MAX: usize = 100;

/// An address that belongs to nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownSeen {
    /// The address, its direction, and whose its domain is.
    pub address: UnknownAddress,
    /// How many messages it was found on since it was told last.
    pub messages: u64,
    /// One of them, in words: where it stands, and its subject.
    pub example: String,
}

/// Takes note of addresses that belong to nobody.
pub trait UnknownAddresses: Send + Sync + Debug {
    /// These were found. Short; it may block. Whoever cannot keep them says so elsewhere: sorting
    /// goes on.
    fn note(&self, seen: Vec<UnknownSeen>);
}

/// Those that were found and not told yet.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    seen: HashMap<(Option<AddressKey>, String, Direction), UnknownSeen>,
}

impl Unknown {
    /// Notes those of one message. Of a message that somebody here has, only those in our domains
    /// say anything; most addresses in mail are other people's.
    pub(crate) fn add(&mut self, found: Vec<UnknownAddress>, kept: Kept, example: &str) {
        let telling = found
            .into_iter()
            .filter(|it| kept != Kept::ByUsers || it.domain == Domain::Ours)
            .take(OF_ONE_MESSAGE_MAX);
        for address in telling {
            let key = AddressKey::read(&address.address);
            let text = if key.is_some() { String::new() } else { address.address.clone() };
            let known = self.seen.entry((key, text, address.direction));
            let seen = known.or_insert_with(|| UnknownSeen {
                address,
                messages: 0,
                example: example.to_owned(),
            });
            seen.messages += 1;
        }
    }

    /// Whether so many wait that they are told now.
    pub(crate) fn is_full(&self) -> bool {
        self.seen.len() >= TOLD_AT_ONCE
    }

    /// Tells them.
    pub(crate) fn tell(&mut self, to: &dyn UnknownAddresses) {
        if !self.seen.is_empty() {
            to.note(std::mem::take(&mut self.seen).into_values().collect());
        }
    }
}

/// Characters of a subject in an example.
const SUBJECT_CHARS_MAX: usize = 120;

/// A message in words.
pub(crate) fn example(where_: &str, subject: &str) -> String {
    format!("{}: {}", where_.replace(['\n', '\r'], " "), subject_in_example(subject))
}

/// A subject as it stands at the end of an example.
#[must_use]
pub fn subject_in_example(subject: &str) -> String {
    let subject: String = subject.chars().take(SUBJECT_CHARS_MAX).collect();
    subject.replace(['\n', '\r'], " ")
}
