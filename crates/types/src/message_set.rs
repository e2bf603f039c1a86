//! Sets of messages, by their dense numbers.

use std::io;

use roaring::RoaringBitmap;

/// A set of messages of one store, as dense numbers (order of first `Placed`), compressed.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct MessageSet(RoaringBitmap);

impl MessageSet {
    /// Adds a message.
    pub fn insert(&mut self, n: u32) {
        self.0.insert(n);
    }

    /// Takes a message out.
    pub fn remove(&mut self, n: u32) {
        self.0.remove(n);
    }

    /// Whether the message is in the set.
    #[must_use]
    pub fn contains(&self, n: u32) -> bool {
        self.0.contains(n)
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether the set has no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds every message of `other`.
    pub fn unite(&mut self, other: &MessageSet) {
        self.0 |= &other.0;
    }

    /// Keeps only messages that are also in `other`.
    pub fn intersect(&mut self, other: &MessageSet) {
        self.0 &= &other.0;
    }

    /// Takes out every message of `other`.
    pub fn subtract(&mut self, other: &MessageSet) {
        self.0 -= &other.0;
    }

    /// How many messages are in both sets.
    #[must_use]
    pub fn common_len(&self, other: &MessageSet) -> u64 {
        self.0.intersection_len(&other.0)
    }

    /// The messages whose bit is set: bit `n % 8` of byte `n / 8`.
    #[must_use]
    pub fn from_bits(bits: &[u8]) -> MessageSet {
        MessageSet(RoaringBitmap::from_lsb0_bytes(0, bits))
    }

    /// The messages in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter()
    }

    /// The messages from number `first` on, in ascending order.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let mut numbers = self.0.iter();
        numbers.advance_to(first);
        numbers
    }

    /// The portable roaring form, for a table of a view.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        // Writing to a vector does not fail.
        let _ = self.0.serialize_into(&mut bytes);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; an error when it is something else.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<MessageSet> {
        RoaringBitmap::deserialize_from(bytes).map(MessageSet)
    }
}

impl FromIterator<u32> for MessageSet {
    fn from_iter<I: IntoIterator<Item = u32>>(iter: I) -> MessageSet {
        MessageSet(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_combine() {
        let set = |numbers: &[u32]| numbers.iter().copied().collect::<MessageSet>();
        let mut left = set(&[1, 2, 3, 70_000]);
        let right = set(&[2, 70_000, 80_000]);
        assert_eq!(left.common_len(&right), 2);
        left.subtract(&right);
        assert_eq!(left, set(&[1, 3]));
        assert_eq!(MessageSet::from_bits(&[0b1000_0001, 0, 0b10]), set(&[0, 7, 17]));
        assert_eq!(MessageSet::from_bits(&[]), set(&[]));
        assert_eq!(right.iter_from(3).collect::<Vec<_>>(), [70_000, 80_000]);
    }
}
