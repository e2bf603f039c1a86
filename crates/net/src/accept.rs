//! The other direction: connections that others make to us.
//!
//! Rules: an address that cannot be listened on is an error that names it; a connection that was
//! made is never an error for those after it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::{NetError, NetErrorKind};
use crate::stream::{BoxedIo, Deadlines, Server, Stream};
use crate::tls::version_of;

/// Encrypted bytes read from the socket at once.
const RECORDS_BYTES: usize = 32 << 10;
/// How long to wait when the system has no descriptors left for a connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(100);

/// An address that is listened on.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on `address`; port 0 is any free one.
    ///
    /// Fails with [`NetErrorKind::Settings`] when it is taken, not ours or not allowed.
    pub async fn bind(address: SocketAddr) -> Result<Listener, NetError> {
        let failed = |cause: io::Error| {
            let hint = match cause.kind() {
                io::ErrorKind::AddrInUse => "Another program listens there.",
                io::ErrorKind::AddrNotAvailable => "No interface of this machine has this address.",
                io::ErrorKind::PermissionDenied => "Ports below 1024 need a privilege.",
                _ => "Check the address.",
            };
            let message = format!("failed to listen on {address}");
            NetError::new(NetErrorKind::Settings, message).hint_is(hint).caused_by(cause)
        };
        let tcp = TcpListener::bind(address).await.map_err(failed)?;
        let address = tcp.local_addr().map_err(failed)?;
        Ok(Listener { tcp, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, and where it comes from. One that fails while it is made is passed
    /// over; without room for more it waits for room. May be dropped at any time.
    pub async fn accept(&self, deadlines: Deadlines) -> (Stream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((tcp, peer)) => {
                    // Answers are short and each is written whole: waiting for more costs time.
                    let _ = tcp.set_nodelay(true);
                    let server = Server { host: peer.ip().to_string(), port: peer.port() };
                    return (Stream::accepted(tcp, server, deadlines), peer);
                }
                Err(cause) if is_passing(&cause) => (),
                Err(_) => sleep(NO_ROOM_PAUSE).await,
            }
        }
    }
}

/// Whether it was this connection that failed, not accepting.
fn is_passing(cause: &io::Error) -> bool {
    use io::ErrorKind as Io;
    matches!(cause.kind(), Io::ConnectionAborted | Io::ConnectionReset | Io::Interrupted)
}

/// Encrypts connections that others made, with one certificate. Cheap to clone.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

impl TlsServer {
    /// Reads the certificate, with those between it and its authority behind it, and its key,
    /// both in PEM form. Speaks TLS 1.2 and 1.3; asks clients for no certificate.
    ///
    /// Fails with [`NetErrorKind::Settings`] when a file cannot be used, or they do not belong
    /// together. Call it again when the files have changed.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<TlsServer, NetError> {
        let settings = |what: String| NetError::new(NetErrorKind::Settings, what);
        let shown = certificate.display();
        let unreadable = |cause: rustls_pki_types::pem::Error| {
            settings(format!("failed to read certificates from {shown}")).caused_by(cause)
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
            .map_err(unreadable)?
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        if chain.is_empty() {
            return Err(settings(format!("{shown} holds no certificate")));
        }
        let shown_key = key.display();
        let key = PrivateKeyDer::from_pem_file(key).map_err(|cause| {
            settings(format!("failed to read a private key from {shown_key}")).caused_by(cause)
        })?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|cause| settings("failed to set up TLS".into()).caused_by(cause))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|cause| {
                settings(format!("{shown} and {shown_key} cannot be used together"))
                    .hint_is("The first certificate in the file has to be the one of the key.")
                    .caused_by(cause)
            })?;
        Ok(TlsServer { config: Arc::new(config) })
    }

    pub(crate) async fn handshake(
        &self,
        io: BoxedIo,
        peer: &Server,
    ) -> Result<(BoxedIo, &'static str), NetError> {
        let io = BufReader::with_capacity(RECORDS_BYTES, io);
        let tls: TlsStream<_> =
            TlsAcceptor::from(Arc::clone(&self.config)).accept(io).await.map_err(|cause| {
                let message = format!("the TLS handshake with {peer} failed");
                NetError::new(NetErrorKind::Tls, message)
                    .hint_is("The client does not speak TLS here, or refused our certificate.")
                    .caused_by(cause)
            })?;
        let version = version_of(tls.get_ref().1.protocol_version());
        Ok((Box::new(tls), version))
    }
}
