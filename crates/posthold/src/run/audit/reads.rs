//! The messages that a command shows, noted while it does.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ledger::{AUDITED_MESSAGES_MAX, AuditDetail};
use sha2::{Digest, Sha256};
use types::{BlobId, Hash};

/// Notes messages. Clones note in one place.
#[derive(Clone, Default)]
pub(crate) struct Reads(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    first: Vec<BlobId>,
    n_messages: u64,
    hasher: Sha256,
}

impl Reads {
    /// Notes that a message is shown.
    pub(crate) fn note(&self, id: &BlobId) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.first.len() < AUDITED_MESSAGES_MAX {
            seen.first.push(*id);
        }
        seen.n_messages += 1;
        seen.hasher.update(id.0);
    }

    /// What was noted, as it stands in the log.
    pub(super) fn detail(&self) -> AuditDetail {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.n_messages == 0 {
            return AuditDetail::default();
        }
        AuditDetail {
            messages: seen.first.clone(),
            n_messages: seen.n_messages,
            messages_hash: Hash(seen.hasher.clone().finalize().into()),
            ..AuditDetail::default()
        }
    }
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reads")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_messages_are_counted_and_hashed() {
        let reads = Reads::default();
        assert_eq!(reads.detail(), AuditDetail::default());
        let n_messages = AUDITED_MESSAGES_MAX + 5;
        let mut all = Vec::new();
        for n in 0..n_messages {
            let id = BlobId::of(&n.to_le_bytes());
            all.extend(id.0);
            reads.clone().note(&id);
        }
        let detail = reads.detail();
        assert_eq!(detail.messages.len(), AUDITED_MESSAGES_MAX);
        assert_eq!(detail.n_messages, u64::try_from(n_messages).unwrap());
        assert_eq!(detail.messages_hash.0, <[u8; 32]>::from(Sha256::digest(&all)));
    }
}
