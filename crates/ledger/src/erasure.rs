//! Erasure as facts: what is to be erased, what was spared, what is erased.

use std::collections::BTreeMap;

use types::{BlobId, EntryNumber, MessageKey, Timestamp};

use crate::{Detail, Entry, Fact};

/// Messages that one entry of erasure lists at most. As numbers they take far less than an entry.
pub const ERASURE_MESSAGES_MAX: usize = 256;

/// Ids of parts that the detail of one entry lists at most: they take 48 KiB of its 64.
pub const ERASURE_PARTS_MAX: usize = 1500;

/// Why messages are erased.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EraseReason {
    /// A retention policy ended.
    Retention,
    /// A named request under data-protection law.
    Request,
}

/// Why messages that were condemned are spared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SpareReason {
    /// A legal hold covers them.
    Hold,
    /// They came again before they were erased.
    Reference,
    /// Whoever condemned them took it back.
    Withdrawn,
}

/// What stands beside `Condemned` and `Spared`. It stays: it is the proof of a deletion. What is
/// written here must name no content of the messages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ErasureDetail {
    /// Which rule: the name of a policy, a hold or a request.
    pub rule: String,
    /// Who decided it.
    pub by: String,
    /// Why, in words.
    pub why: String,
    /// Of `Condemned`: for each of its messages the ids of all that it alone, with others that are
    /// condemned, was made of. From here on these count as absent where they stood before.
    pub parts: Vec<Vec<BlobId>>,
}

/// A message on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condemned {
    /// The entry that condemned it last.
    pub entry: EntryNumber,
    /// When.
    pub at: Timestamp,
    /// When it may be erased at the earliest.
    pub due: Timestamp,
    /// Why.
    pub reason: EraseReason,
    /// What it was made of, as far as nothing else is.
    pub parts: Vec<BlobId>,
}

/// A message that is erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// How it was condemned.
    pub condemned: Condemned,
    /// The entry that erased it.
    pub entry: EntryNumber,
    /// When.
    pub at: Timestamp,
}

/// What the entries of a log say about erasure, followed one by one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Erasures {
    /// Messages that are condemned now.
    pub condemned: BTreeMap<MessageKey, Condemned>,
    /// Messages that are erased.
    pub erased: BTreeMap<MessageKey, Gone>,
}

impl Erasures {
    /// Takes the next entry; those of other kinds change nothing.
    pub fn take(&mut self, number: EntryNumber, entry: &Entry, detail: Option<&Detail>) {
        match &entry.fact {
            Fact::Condemned { messages, reason, due } => {
                let parts = match detail {
                    Some(Detail::Erasure(it)) => it.parts.as_slice(),
                    _ => &[],
                };
                for (index, message) in messages.iter().enumerate() {
                    let parts = parts.get(index).map(Vec::as_slice).unwrap_or_default();
                    let (at, due, reason) = (entry.time, *due, *reason);
                    self.condemn(
                        *message,
                        Condemned { entry: number, at, due, reason, parts: parts.to_vec() },
                    );
                }
            }
            Fact::Spared { messages, .. } => {
                messages.iter().for_each(|it| drop(self.condemned.remove(it)));
            }
            Fact::Erased { messages } => {
                for message in messages {
                    if let Some(condemned) = self.condemned.remove(message) {
                        let gone = Gone { condemned, entry: number, at: entry.time };
                        self.erased.insert(*message, gone);
                    }
                }
            }
            _ => (),
        }
    }

    /// A message of many parts is listed by several entries: their parts belong together.
    fn condemn(&mut self, message: MessageKey, mut condemned: Condemned) {
        if let Some(known) = self.condemned.remove(&message) {
            condemned.parts.extend(known.parts);
        }
        self.condemned.insert(message, condemned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(erasures: &mut Erasures, number: u64, fact: Fact, detail: Option<&Detail>) {
        let entry = Entry {
            time: Timestamp(100 + i64::try_from(number).unwrap()),
            salt: [0; 16],
            detail: None,
            fact,
        };
        erasures.take(EntryNumber(number), &entry, detail);
    }

    #[test]
    fn a_message_is_condemned_spared_condemned_again_and_erased() {
        let mut erasures = Erasures::default();
        let (a, b) = (MessageKey(3), MessageKey(7));
        let (x, y, z) = (BlobId([1; 32]), BlobId([2; 32]), BlobId([3; 32]));
        let condemned = |messages: &[MessageKey]| Fact::Condemned {
            messages: messages.to_vec(),
            reason: EraseReason::Retention,
            due: Timestamp(900),
        };
        let detail = |parts: &[&[BlobId]]| {
            let parts = parts.iter().map(|it| it.to_vec()).collect();
            Detail::Erasure(ErasureDetail { parts, ..ErasureDetail::default() })
        };
        take(&mut erasures, 10, condemned(&[a, b]), Some(&detail(&[&[x], &[y]])));
        take(&mut erasures, 11, condemned(&[b]), Some(&detail(&[&[z]])));
        assert_eq!(erasures.condemned[&b].parts, [z, y]);
        take(
            &mut erasures,
            12,
            Fact::Spared { messages: vec![a], reason: SpareReason::Hold },
            None,
        );
        take(&mut erasures, 13, Fact::Erased { messages: vec![a, b] }, None);
        assert_eq!(erasures.condemned.len(), 0);
        assert_eq!(
            erasures.erased.keys().collect::<Vec<_>>(),
            [&b],
            "what was spared is not erased"
        );
        let gone = &erasures.erased[&b];
        assert_eq!(
            (gone.entry, gone.at, gone.condemned.entry),
            (EntryNumber(13), Timestamp(113), EntryNumber(11))
        );
    }
}
