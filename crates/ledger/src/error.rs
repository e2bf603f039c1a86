//! What can be wrong with the bytes of an entry or a detail.

use thiserror::Error;

/// Bytes that are not an entry, or not a detail, of this program's.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{message}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
    message: String,
}

/// What the caller of a decoder can do.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// Report damage: no version of the format has such bytes.
    Malformed,
    /// Refuse the store and name this feature: a newer program wrote it.
    Unsupported {
        /// The feature that the reader would need, as `store.toml` names it.
        feature: String,
    },
}

impl DecodeError {
    pub(crate) fn malformed(what: &str) -> DecodeError {
        let message = format!("malformed {what}");
        DecodeError { kind: DecodeErrorKind::Malformed, message }
    }

    pub(crate) fn unsupported(feature: String) -> DecodeError {
        let message = format!("needs the feature {feature}, which this version does not have");
        DecodeError { kind: DecodeErrorKind::Unsupported { feature }, message }
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.kind
    }
}
