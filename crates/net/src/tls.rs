//! TLS by rustls: one client per certificate policy, shared by its connections.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::{ClientConfig, Error as RustlsError, ProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::io::BufReader;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificate::{CertificatePolicy, Refused, Verifier};
use crate::error::{NetError, NetErrorKind};
use crate::fingerprint::Fingerprint;
use crate::stream::{BoxedIo, Server};

/// Encrypted bytes read from the socket at once. The TLS library alone asks for 4 KiB.
const RECORDS_BYTES: usize = 256 << 10;

/// Makes TLS connections by one certificate policy. Cheap to clone; connections made with
/// clones of one client resume each other's sessions.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    accepts_all: bool,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("accepts_all", &self.accepts_all).finish_non_exhaustive()
    }
}

/// How a connection is encrypted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSummary {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The server's certificate.
    pub fingerprint: Option<Fingerprint>,
}

/// Something about a connection that its owner must be told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The certificate was not checked.
    AnyCertificate {
        /// Whose.
        server: Server,
        /// What it was.
        fingerprint: Option<Fingerprint>,
    },
    /// Nothing is encrypted.
    Plaintext {
        /// Towards whom.
        server: Server,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::AnyCertificate { server, fingerprint } => {
                write!(f, "the certificate of {server} was not checked")?;
                match fingerprint {
                    Some(it) => write!(f, "; to pin it: --fingerprint {it}"),
                    None => Ok(()),
                }
            }
            Warning::Plaintext { server } => {
                write!(f, "the connection to {server} is not encrypted")
            }
        }
    }
}

impl TlsClient {
    /// A client that accepts certificates by `policy`.
    ///
    /// Fails when the policy's roots cannot be read. Speaks TLS 1.2 and 1.3.
    pub fn new(policy: &CertificatePolicy) -> Result<TlsClient, NetError> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> =
            Arc::new(Verifier::new(policy, Arc::clone(&provider))?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| {
                NetError::new(NetErrorKind::Tls, "failed to set up TLS").caused_by(cause)
            })?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let accepts_all = matches!(policy, CertificatePolicy::AcceptAll);
        Ok(TlsClient { config: Arc::new(config), accepts_all })
    }

    pub(crate) async fn handshake(
        &self,
        io: BoxedIo,
        server: &Server,
    ) -> Result<Encrypted, NetError> {
        let name = ServerName::try_from(server.host.clone()).map_err(|cause| {
            NetError::new(
                NetErrorKind::UnknownHost,
                format!("{} cannot be the name in a certificate", server.host),
            )
            .hint_is("Write international names in their xn-- form.")
            .caused_by(cause)
        })?;
        let io = BufReader::with_capacity(RECORDS_BYTES, io);
        TlsConnector::from(Arc::clone(&self.config))
            .connect(name, io)
            .await
            .map_err(|cause| handshake_failed(cause, server))
    }

    pub(crate) fn warning(&self, server: &Server, tls: &TlsSummary) -> Option<Warning> {
        let fingerprint = tls.fingerprint;
        self.accepts_all.then(|| Warning::AnyCertificate { server: server.clone(), fingerprint })
    }
}

/// A TLS stream over any other.
pub(crate) type Encrypted = TlsStream<BufReader<BoxedIo>>;

pub(crate) fn summary(stream: &Encrypted) -> TlsSummary {
    let (_, connection) = stream.get_ref();
    TlsSummary {
        version: version_of(connection.protocol_version()),
        fingerprint: connection
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| Fingerprint::of(certificate)),
    }
}

pub(crate) fn version_of(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS",
    }
}

fn handshake_failed(cause: io::Error, server: &Server) -> NetError {
    let tls = cause.get_ref().and_then(|it| it.downcast_ref::<RustlsError>());
    if let Some(refused) = tls.and_then(refused_certificate) {
        let Refused { fingerprint, reason } = refused;
        let kind = NetErrorKind::Certificate { fingerprint: *fingerprint, reason: reason.clone() };
        let message =
            format!("the certificate of {server} is not accepted: {reason} ({fingerprint})");
        return NetError::new(kind, message).hint_is(format!(
            "If it is the right one, pin it with --fingerprint {fingerprint}, or name its issuer \
             with --ca-file FILE. --accept-all-certificates checks nothing."
        ));
    }
    match tls {
        Some(RustlsError::InvalidMessage(_)) => NetError::new(
            NetErrorKind::Tls,
            format!("{server} does not speak TLS on this port"),
        )
        .hint_is(
            "Check the port: servers encrypt from the start on one port (imaps://, pop3s://) and \
                     after STARTTLS on another (imap://, pop3://).",
        )
        .caused_by(cause),
        Some(_) => {
            NetError::new(NetErrorKind::Tls, format!("the TLS handshake with {server} failed"))
                .hint_is("The server must offer TLS 1.2 or 1.3; older versions are not spoken.")
                .caused_by(cause)
        }
        None => NetError::io(cause, server),
    }
}

fn refused_certificate(error: &RustlsError) -> Option<&Refused> {
    match error {
        RustlsError::InvalidCertificate(rustls::CertificateError::Other(other)) => {
            let cause: &(dyn StdError + 'static) = &*other.0;
            cause.downcast_ref::<Refused>()
        }
        _ => None,
    }
}
