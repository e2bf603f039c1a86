//! The only sockets and the only TLS of Posthold.
//!
//! What it is not: a protocol, but for a single request by HTTP. It moves bytes to and from one
//! peer, with a deadline on every wait, and says in words what went wrong.
//!
//! Rules:
//! - Every wait ends: connecting, the TLS handshake, each read and each write have a deadline.
//! - Certificate checks can be disabled for one connection only, and then it carries a warning.
//! - Bytes that came before encryption are never read after it (STARTTLS injection).
//! - The TLS provider (ring) is named here, never taken from a process default.

mod accept;
mod certificate;
mod connect;
mod deflate;
mod error;
mod fingerprint;
mod http;
mod local;
mod stream;
mod tls;

pub use accept::{Listener, TlsServer};
pub use certificate::CertificatePolicy;
pub use connect::resolve;
pub use error::{NetError, NetErrorKind};
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use http::{HttpUrl, Post, post};
pub use local::{LocalListener, LocalPeer, connect_local};
pub use stream::{ByteStream, Counters, Deadlines, Server, Stream};
pub use tls::{TlsClient, TlsSummary, Warning};
