//! Which server certificates are accepted, and the verifier that says why not.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::error::{NetError, NetErrorKind};
use crate::fingerprint::Fingerprint;

/// Which certificates a connection accepts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum CertificatePolicy {
    /// Those that the system's roots vouch for, for the name that was asked for.
    #[default]
    SystemRoots,
    /// Those that a certificate in this PEM file vouches for, for the name that was asked for.
    CaFile(PathBuf),
    /// This one, whatever name it bears and whether or not it has expired.
    Fingerprint(Fingerprint),
    /// Any. Nobody knows then who listens; the connection carries a warning.
    AcceptAll,
}

/// Why a certificate was not accepted. Travels inside the TLS library's error.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

/// Checks certificates by one policy. Signatures of the handshake are checked in every case:
/// without that, a pinned certificate would prove nothing.
#[derive(Debug)]
pub(crate) struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Rule {
    Roots(Arc<WebPkiServerVerifier>),
    Pinned(Fingerprint),
    Any,
}

impl Verifier {
    pub(crate) fn new(
        policy: &CertificatePolicy,
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifier, NetError> {
        let roots = match policy {
            CertificatePolicy::SystemRoots => system_roots()?,
            CertificatePolicy::CaFile(path) => Arc::new(roots_in(path)?),
            CertificatePolicy::Fingerprint(it) => {
                return Ok(Verifier { rule: Rule::Pinned(*it), provider });
            }
            CertificatePolicy::AcceptAll => return Ok(Verifier { rule: Rule::Any, provider }),
        };
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|cause| settings("failed to use the root certificates").caused_by(cause))?;
        Ok(Verifier { rule: Rule::Roots(inner), provider })
    }
}

fn settings(message: impl Into<String>) -> NetError {
    NetError::new(NetErrorKind::Settings, message)
}

fn roots_in(path: &Path) -> Result<RootCertStore, NetError> {
    let shown = path.display();
    let hint = "The file holds one or more certificates in PEM form (-----BEGIN CERTIFICATE-----).";
    let unreadable = |cause: rustls_pki_types::pem::Error| {
        settings(format!("failed to read certificates from {shown}")).hint_is(hint).caused_by(cause)
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots.add(certificate).map_err(|cause| {
            settings(format!("a certificate in {shown} cannot be used")).caused_by(cause)
        })?;
    }
    if roots.is_empty() {
        return Err(settings(format!("{shown} holds no certificate")).hint_is(hint));
    }
    Ok(roots)
}

/// The system's roots, read once: they are well over a hundred files.
fn system_roots() -> Result<Arc<RootCertStore>, NetError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Single unusable roots are common in old trust stores and harm nobody.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let error = settings("this machine has no root certificates")
            .hint_is("Install the package ca-certificates, or name a file with --ca-file.");
        return Err(match found.errors.into_iter().next() {
            Some(cause) => error.caused_by(cause),
            None => error,
        });
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

fn reason(error: &TlsError) -> String {
    let TlsError::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        // A bad signature here: a trusted issuer has this name, but another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its issuer is not trusted".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".into()
        }
        CertificateError::Revoked => "it was revoked".into(),
        CertificateError::NotValidForName => "it is for another name".into(),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it names no host".into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|it| bare_name(it)).collect();
            format!("it is for another name ({})", names.join(", "))
        }
        other => other.to_string(),
    }
}

/// `DnsName("mail.example.org")` as the library shows it, without its wrapping.
fn bare_name(shown: &str) -> &str {
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(shown).trim_matches('"')
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let fingerprint = Fingerprint::of(end_entity);
        let reason = match &self.rule {
            Rule::Any => return Ok(ServerCertVerified::assertion()),
            Rule::Pinned(wanted) if *wanted == fingerprint => {
                return Ok(ServerCertVerified::assertion());
            }
            Rule::Pinned(wanted) => format!("the pinned one is {wanted}, this is another"),
            Rule::Roots(inner) => {
                let checked = inner.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
                match checked {
                    Ok(verified) => return Ok(verified),
                    Err(error) => reason(&error),
                }
            }
        };
        let refused = Refused { fingerprint, reason };
        Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
