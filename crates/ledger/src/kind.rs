//! The numbers of entry kinds. They never change and are never used again for something else.
//!
//! 1 to 18 stand in the order in which the design lists them; later ones are appended.

pub(crate) const PLACED: u64 = 1;
pub(crate) const MOVED: u64 = 2;
pub(crate) const FLAGGED: u64 = 3;
pub(crate) const REMOVED: u64 = 4;
pub(crate) const SOURCE_GONE: u64 = 5;
pub(crate) const FOLDER_CHANGED: u64 = 6;
pub(crate) const CURSOR_ADVANCED: u64 = 7;
pub(crate) const QUARANTINED: u64 = 8;
pub(crate) const CERTIFIED: u64 = 9;
pub(crate) const RUN_FINISHED: u64 = 10;
pub(crate) const DETAIL: u64 = 11;
pub(crate) const DEFERRED: u64 = 12;
pub(crate) const CONDEMNED: u64 = 13;
pub(crate) const SPARED: u64 = 14;
pub(crate) const ERASED: u64 = 15;
pub(crate) const HOLD: u64 = 16;
pub(crate) const CONFIRMED: u64 = 17;
pub(crate) const EPOCH: u64 = 18;
pub(crate) const SOURCE_OPENED: u64 = 19;
pub(crate) const SIGHTED: u64 = 20;
pub(crate) const AUDITED: u64 = 21;

/// The feature that a reader needs for entries of a kind that this version cannot read.
pub(crate) fn feature(kind: u64) -> String {
    match kind {
        DEFERRED => "deferred-changes".into(),
        CONDEMNED | SPARED | ERASED => "erasure".into(),
        HOLD => "holds".into(),
        CONFIRMED => "confirmations".into(),
        EPOCH => "epochs".into(),
        AUDITED => "audit".into(),
        other => format!("entry-kind-{other}"),
    }
}
