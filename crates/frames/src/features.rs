//! What a program must know to read a store, by name: `store.toml` lists it.

/// Segments may have a dictionary.
pub const DICTIONARIES: &str = "dictionaries";

/// Messages may be kept as skeletons that refer to their parts.
pub const PARTS: &str = "parts";

/// Small messages of a batch may stand in one frame.
pub const PACKS: &str = "packs";

/// Messages may be condemned and erased, and segments compacted.
pub const ERASURE: &str = "erasure";

/// Segments are sealed with keys of their own.
pub const ENCRYPTION: &str = "encryption";

/// The log may name the root over all certificates that hold.
pub const CONFIRMATIONS: &str = "confirmations";

/// The log may have gone on from an older state.
pub const EPOCHS: &str = "epochs";

/// It is an audit log: no mail, and neither catalog nor index.
pub const AUDIT: &str = "audit";

/// Changes may wait in another log than that of their store.
pub const DEFERRED_CHANGES: &str = "deferred-changes";

/// The log may have legal holds.
pub const HOLDS: &str = "holds";

/// The features that this version can read. Not all are written: entries of the last two kinds are
/// refused by name by a program that does not know them, wherever they stand.
pub const FEATURES: [&str; 10] = [
    DICTIONARIES,
    PARTS,
    PACKS,
    ERASURE,
    ENCRYPTION,
    CONFIRMATIONS,
    EPOCHS,
    AUDIT,
    DEFERRED_CHANGES,
    HOLDS,
];

/// The first of these that this version does not know.
#[must_use]
pub fn unknown<T: AsRef<str>>(features: &[T]) -> Option<&str> {
    features.iter().map(AsRef::as_ref).find(|it| !FEATURES.contains(it))
}
