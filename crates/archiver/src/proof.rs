//! What is proven of the messages that a mailbox still owed: which are durable, and up to which
//! UID without a gap.

/// The number of an append of this run.
pub(crate) type AppendNumber = u32;

/// What is known of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    /// Nothing is durable yet.
    Owed,
    /// It stands in this append.
    In(AppendNumber),
    /// It is archived, in quarantine, or no longer at the source, and that is durable.
    Proven,
}

/// The messages of one mailbox that a run has to account for.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// Ascending.
    uids: Vec<u64>,
    marks: Vec<Mark>,
    /// Everything before this index is proven.
    proven_before: usize,
    /// How many are not proven.
    owed: usize,
}

impl Proof {
    /// Of these UIDs, ascending and without repeats.
    pub(crate) fn of(uids: Vec<u64>) -> Proof {
        let owed = uids.len();
        Proof { marks: vec![Mark::Owed; owed], uids, proven_before: 0, owed }
    }

    /// All UIDs that it is about.
    pub(crate) fn uids(&self) -> &[u64] {
        &self.uids
    }

    /// Whether everything is proven.
    pub(crate) fn is_done(&self) -> bool {
        self.owed == 0
    }

    /// How many are not proven.
    pub(crate) fn owed(&self) -> u64 {
        u64::try_from(self.owed).unwrap_or(u64::MAX)
    }

    /// Notes that a message stands in an append. False when it is not owed any more, or never
    /// was: then nothing must be appended for it.
    pub(crate) fn begin(&mut self, uid: u64, append: AppendNumber) -> bool {
        self.change(uid, |mark| (*mark == Mark::Owed).then_some(Mark::In(append)))
    }

    /// Whether nothing was begun for this message.
    pub(crate) fn is_owed(&self, uid: u64) -> bool {
        let index = self.uids.binary_search(&uid).ok();
        index.and_then(|it| self.marks.get(it)).is_some_and(|it| *it == Mark::Owed)
    }

    /// Notes that a message is accounted for, durably.
    pub(crate) fn prove(&mut self, uid: u64) {
        let changed = self.change(uid, |mark| (*mark != Mark::Proven).then_some(Mark::Proven));
        if changed {
            self.owed -= 1;
        }
        while self.marks.get(self.proven_before) == Some(&Mark::Proven) {
            self.proven_before += 1;
        }
    }

    /// The first UID that is neither proven nor in this append; `None` when there is none.
    pub(crate) fn first_open(&self, append: AppendNumber) -> Option<u64> {
        let covered = |mark: &Mark| matches!(mark, Mark::Proven) || *mark == Mark::In(append);
        let rest = self.marks.get(self.proven_before..).unwrap_or_default();
        let open = self.proven_before + rest.iter().take_while(|it| covered(it)).count();
        self.uids.get(open).copied()
    }

    /// How many of the UIDs are at least `from` and less than `to`.
    pub(crate) fn uids_between(&self, from: u64, to: u64) -> u64 {
        let below = |limit| self.uids.partition_point(|it| *it < limit);
        u64::try_from(below(to).saturating_sub(below(from))).unwrap_or(0)
    }

    fn change(&mut self, uid: u64, to: impl FnOnce(&Mark) -> Option<Mark>) -> bool {
        let Ok(index) = self.uids.binary_search(&uid) else { return false };
        let Some(mark) = self.marks.get_mut(index) else { return false };
        let Some(new) = to(mark) else { return false };
        *mark = new;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_has_no_gap() {
        let mut proof = Proof::of(vec![3, 5, 8, 9]);
        assert_eq!(proof.first_open(0), Some(3));
        assert!(proof.begin(5, 1));
        assert!(!proof.begin(5, 2), "not twice");
        assert!(!proof.begin(4, 2), "not one that is not owed");
        assert_eq!(proof.first_open(1), Some(3), "3 is a gap");
        assert!(proof.begin(3, 2));
        assert_eq!(proof.first_open(2), Some(5), "5 stands in another append");
        proof.prove(5);
        assert_eq!(proof.first_open(2), Some(8));
        proof.prove(3);
        proof.prove(3);
        assert_eq!((proof.owed(), proof.first_open(0)), (2, Some(8)));
        assert!(proof.is_owed(8) && !proof.is_owed(5) && !proof.is_owed(7));
        proof.prove(8);
        proof.prove(9);
        assert!(proof.is_done());
        assert_eq!(proof.first_open(0), None);
    }
}
