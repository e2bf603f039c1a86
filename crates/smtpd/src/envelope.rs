//! What SMTP says of a message beside its bytes: the envelope, which sorting believes first.

use std::net::IpAddr;

/// What was said of a message before its bytes came, and over which connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The address of `MAIL FROM`, as written without brackets; empty for `<>`.
    pub sender: String,
    /// The accepted recipients, in order; at least one, never more than
    /// [`Limits::recipients_max`](crate::Limits::recipients_max).
    pub recipients: Vec<Recipient>,
    /// How the client says the message is encoded.
    pub body: Body,
    /// Whether addresses and header may be in UTF-8 (RFC 6531).
    pub smtp_utf8: bool,
    /// The size that the client announced (RFC 1870), in bytes. Nothing depends on it later.
    pub announced_bytes: Option<u64>,
    /// `ENVID` of RFC 3461 §4.4, as written.
    pub envelope_id: Option<String>,
    /// `AUTH` of RFC 4954 §5: who first handed the message in, as written. Not checked.
    pub submitter: Option<String>,
    /// The name that the client gave itself. Not checked.
    pub hello: String,
    /// The client's address.
    pub client: IpAddr,
    /// Who logged in, if anybody.
    pub login: Option<String>,
    /// The version of TLS, or `None` when the connection was in clear.
    pub tls: Option<&'static str>,
}

/// A recipient of an envelope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The address as written, without brackets and source route.
    pub address: String,
    /// `ORCPT` of RFC 3461 §4.2, as written.
    pub original: Option<String>,
    /// `NOTIFY` of RFC 3461 §4.1, as written. An archive sends no notifications.
    pub notify: Option<String>,
}

/// What the client says of a message's bytes. Bytes are kept as they come in every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Body {
    /// `7BIT`, or nothing said.
    #[default]
    SevenBit,
    /// `8BITMIME` (RFC 6152).
    EightBitMime,
    /// `BINARYMIME` (RFC 3030 §3).
    BinaryMime,
}
