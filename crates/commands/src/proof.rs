//! Exports with proofs.

/// Whether an export has proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A directory `proof` beside the messages.
    Wanted,
    /// Messages alone.
    None,
}

/// How much of an export has proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProofCounts {
    /// Placements with a proof.
    pub proven: u64,
    /// Placements that no checkpoint covers yet.
    pub unsigned: u64,
}
