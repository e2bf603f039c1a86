//! Which certificates hold: once a day a `Confirmed` entry names the root over all of them.

use types::{Hash, SourceId, Timestamp};

use crate::entry::{Certificate, Fact};
use crate::entry_wire::write_certificate;
use crate::leaf_hash;
use crate::merkle::Tree;
use crate::wire::Writer;

/// A certificate, and when it was last found to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfirmedLeaf {
    /// The certificate.
    pub certificate: Certificate,
    /// When it was last found to hold.
    pub at: Timestamp,
}

impl ConfirmedLeaf {
    /// The bytes of the leaf: the fields of a `Certified` entry, then the time.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        write_certificate(&mut writer, &self.certificate);
        writer.time(self.at);
        writer.bytes
    }
}

/// The fact that all these certificates hold. Their order does not matter.
#[must_use]
pub fn confirmed(mut leaves: Vec<ConfirmedLeaf>) -> Fact {
    leaves.sort_unstable_by_key(|it| -> SourceId { it.certificate.source });
    let mut tree = Tree::new();
    leaves.iter().for_each(|it| tree.append(leaf_hash(&it.encode())));
    let root: Hash = tree.root();
    Fact::Confirmed { sources: tree.size(), root }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunCounts;

    fn leaf(source: u64, at: i64) -> ConfirmedLeaf {
        let counts = RunCounts { server_count: 3, archived: 3, ..RunCounts::default() };
        let source = SourceId(source);
        let certificate = Certificate { source, uid_validity: 1, uid_next: 4, modseq: 0, counts };
        ConfirmedLeaf { certificate, at: Timestamp(at) }
    }

    #[test]
    fn the_root_covers_every_certificate_and_its_time() {
        let all = || vec![leaf(5, 100), leaf(2, 90)];
        let fact = confirmed(all());
        assert!(matches!(fact, Fact::Confirmed { sources: 2, .. }));
        assert_eq!(confirmed(vec![leaf(2, 90), leaf(5, 100)]), fact, "in whatever order");
        for changed in [vec![leaf(5, 100)], vec![leaf(5, 101), leaf(2, 90)], Vec::new()] {
            assert_ne!(confirmed(changed), fact);
        }
    }

    #[test]
    fn the_bytes_of_a_leaf() {
        let hex: String = leaf(5, 100).encode().iter().map(|it| format!("{it:02x}")).collect();
        expect_test::expect!["050104000303000000000000c801"].assert_eq(&hex);
    }
}
