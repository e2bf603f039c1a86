//! What can be wrong with a token, and what somebody can do about it.

use thiserror::Error;

/// A token that shows nothing, or an answer without one.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{message}")]
pub struct StampError {
    kind: StampErrorKind,
    message: String,
}

/// What the holder of a token can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StampErrorKind {
    /// It is no token, or one that this version cannot read: ask whoever made it.
    Malformed,
    /// The authority gives none: read why, and try again later.
    Refused,
    /// It is about something else: look for the right one.
    OtherImprint,
    /// It answers another request: ask again.
    OtherNonce,
    /// Its time is far from that of this machine: look at both clocks.
    OtherTime,
    /// It was changed, or not signed by whom it names: do not believe it.
    Changed,
    /// Its certificate may not stamp times: ask another authority.
    NotForStamps,
    /// Its certificate leads to none of the roots, or did not count at that time: get the right
    /// root, if there is one.
    Untrusted,
}

impl StampError {
    pub(crate) fn new(kind: StampErrorKind, message: impl Into<String>) -> StampError {
        StampError { kind, message: message.into() }
    }

    pub(crate) fn malformed(what: &str) -> StampError {
        StampError::new(StampErrorKind::Malformed, format!("this is no time-stamp token: {what}"))
    }

    pub(crate) fn changed(what: &str) -> StampError {
        let message = format!("the time-stamp token was changed: {what}");
        StampError::new(StampErrorKind::Changed, message)
    }

    /// What the holder can do.
    #[must_use]
    pub fn kind(&self) -> StampErrorKind {
        self.kind
    }
}
