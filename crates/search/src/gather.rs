//! Collects message numbers into a set, in any order and with repeats.
//!
//! Few numbers are kept as a list, many as bits: so a rare word costs little in a large archive
//! and a frequent one does not sort.

use types::MessageSet;

/// A set under construction.
#[derive(Debug)]
pub(crate) struct Gather {
    list: Vec<u32>,
    /// Once the list would take more memory than bits.
    bits: Option<Vec<u8>>,
    n_end: u32,
}

impl Gather {
    /// For numbers below `n_end`.
    pub(crate) fn new(n_end: u32) -> Gather {
        Gather { list: Vec::new(), bits: None, n_end }
    }

    /// Adds a number below `n_end`.
    pub(crate) fn add(&mut self, n: u32) {
        if let Some(bits) = &mut self.bits {
            set_bit(bits, n);
            return;
        }
        self.list.push(n);
        if self.list.len() > self.n_end as usize / 32 {
            let mut bits = vec![0; (self.n_end as usize).div_ceil(8)];
            self.list.drain(..).for_each(|it| set_bit(&mut bits, it));
            self.bits = Some(bits);
        }
    }

    /// The set.
    pub(crate) fn into_set(mut self) -> MessageSet {
        match self.bits {
            Some(bits) => MessageSet::from_bits(&bits),
            None => {
                self.list.sort_unstable();
                self.list.into_iter().collect()
            }
        }
    }
}

fn set_bit(bits: &mut [u8], n: u32) {
    if let Some(byte) = bits.get_mut(n as usize / 8) {
        *byte |= 1 << (n % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many() {
        for numbers in [vec![], vec![5, 3, 5, 999], (0..1000).rev().step_by(3).collect()] {
            let mut gather = Gather::new(1000);
            numbers.iter().for_each(|it| gather.add(*it));
            assert_eq!(gather.into_set(), numbers.into_iter().collect());
        }
    }
}
