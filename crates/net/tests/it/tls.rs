//! Certificates and STARTTLS, against a TLS server with certificates made for the test.

use std::sync::Arc;
use std::time::Duration;

use net::{CertificatePolicy, Deadlines, Fingerprint, NetError, NetErrorKind, Server, Stream};
use net::{TlsClient, Warning};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use testkit::certificates::{Certificates, ServerCertificate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(20), idle: Duration::from_secs(20) };

fn fingerprint(certificates: &Certificates) -> Fingerprint {
    Fingerprint::of(&certificates.server_der)
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from(certificates.server_der.clone())];
    let key = PrivateKeyDer::from_pem_slice(certificates.key_pem.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn ca_file(certificates: &Certificates, dir: &TempDir) -> CertificatePolicy {
    let file = fingerprint(certificates).to_string().replace(':', "-");
    let path = dir.path().join(file);
    std::fs::write(&path, &certificates.ca_pem).unwrap();
    CertificatePolicy::CaFile(path)
}

/// A server that echoes over TLS after it has sent `before` in clear.
async fn echo(pki: &Certificates, before: &'static [u8]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor(pki);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve(tcp, acceptor.clone(), before));
        }
    });
    Server { host: "127.0.0.1".into(), port }
}

async fn serve(mut tcp: TcpStream, acceptor: TlsAcceptor, before: &[u8]) {
    tcp.write_all(before).await.unwrap();
    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
    let mut bytes = vec![0; 100_000];
    loop {
        match tls.read(&mut bytes).await {
            Ok(n) if n > 0 => tls.write_all(&bytes[..n]).await.unwrap(),
            _ => return,
        }
        tls.flush().await.unwrap();
    }
}

async fn connect(server: &Server, policy: &CertificatePolicy) -> Result<Stream, NetError> {
    let client = TlsClient::new(policy)?;
    Stream::connect(server, DEADLINES).await?.start_tls(&client).await
}

/// Sends and receives more than any buffer holds, both ways at once in pieces.
async fn exchange(stream: &mut Stream) {
    let sent: Vec<u8> = (0..600_000_u32).map(|it| (it % 253) as u8).collect();
    let mut got = Vec::new();
    for piece in sent.chunks(150_000) {
        stream.write(piece).await.unwrap();
        stream.read_into(&mut got, piece.len()).await.unwrap();
    }
    assert!(got == sent);
}

#[tokio::test]
async fn certificates_that_are_accepted() {
    let dir = TempDir::new().unwrap();
    let pki = Certificates::new(ServerCertificate::Valid);
    let server = echo(&pki, b"").await;

    let mut stream = connect(&server, &ca_file(&pki, &dir)).await.unwrap();
    exchange(&mut stream).await;
    let tls = stream.tls().unwrap();
    assert_eq!((tls.version, tls.fingerprint), ("TLS 1.3", Some(fingerprint(&pki))));
    assert_eq!(stream.warnings(), []);

    let pinned = CertificatePolicy::Fingerprint(fingerprint(&pki));
    let stream = connect(&server, &pinned).await.unwrap();
    assert_eq!(stream.warnings(), []);

    let stream = connect(&server, &CertificatePolicy::AcceptAll).await.unwrap();
    let fingerprint = Some(fingerprint(&pki));
    assert_eq!(stream.warnings(), [Warning::AnyCertificate { server, fingerprint }]);
}

#[tokio::test]
async fn certificates_that_are_refused() {
    let dir = TempDir::new().unwrap();
    let good = Certificates::new(ServerCertificate::Valid);
    let named = Certificates::new(ServerCertificate::WrongHost);
    let expired = Certificates::new(ServerCertificate::Expired);
    let other = Fingerprint([7; 32]);
    let cases = [
        (&named, ca_file(&named, &dir), "it is for another name (elsewhere.example)".to_owned()),
        (&good, CertificatePolicy::SystemRoots, "its issuer is not trusted".to_owned()),
        (
            &good,
            CertificatePolicy::Fingerprint(other),
            format!("the pinned one is {other}, this is another"),
        ),
    ];
    for (pki, policy, want) in cases {
        check_refused(pki, &policy, &want).await;
    }
    check_refused(&expired, &ca_file(&expired, &dir), "it has expired").await;
    check_refused(&good, &ca_file(&expired, &dir), "its issuer is not trusted").await;
}

async fn check_refused(pki: &Certificates, policy: &CertificatePolicy, want: &str) {
    let server = echo(pki, b"").await;
    let error = connect(&server, policy).await.unwrap_err();
    let NetErrorKind::Certificate { fingerprint, reason } = error.kind() else {
        panic!("{error}: {:?}", error.kind());
    };
    assert_eq!((*fingerprint, reason.as_str()), (self::fingerprint(pki), want));
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("--fingerprint {fingerprint}")), "{hint}");
}

#[tokio::test]
async fn ca_files_that_cannot_be_used() {
    let dir = TempDir::new().unwrap();
    for (name, content) in [("empty.pem", ""), ("text.pem", "hello"), ("bad.pem", BAD_PEM)] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = TlsClient::new(&CertificatePolicy::CaFile(path)).unwrap_err();
        assert_eq!(*error.kind(), NetErrorKind::Settings, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let missing = CertificatePolicy::CaFile(dir.path().join("missing.pem"));
    assert!(TlsClient::new(&missing).unwrap_err().to_string().contains("missing.pem"));
}

const BAD_PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[tokio::test]
async fn starttls_upgrades_and_refuses_injected_bytes() {
    let pki = Certificates::new(ServerCertificate::Valid);
    let client = TlsClient::new(&CertificatePolicy::Fingerprint(fingerprint(&pki))).unwrap();
    let agreed = b"A1 OK go ahead\r\n";

    let server = echo(&pki, agreed).await;
    let mut stream = Stream::connect(&server, DEADLINES).await.unwrap();
    stream.skip(agreed.len() as u64).await.unwrap();
    let mut stream = stream.start_tls(&client).await.unwrap();
    exchange(&mut stream).await;

    let server = echo(&pki, b"A1 OK go ahead\r\n* CAPABILITY AUTH=EVIL\r\n").await;
    let mut stream = Stream::connect(&server, DEADLINES).await.unwrap();
    while stream.buffered().len() < 40 {
        stream.fill().await.unwrap();
    }
    stream.consume(agreed.len());
    let error = stream.start_tls(&client).await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Tls);
    assert!(error.to_string().contains("sent 24 bytes in clear"), "{error}");

    // The same bytes, but still under way when the handshake begins: it fails on them.
    let server = echo(&pki, b"A1 OK go ahead\r\n* CAPABILITY AUTH=EVIL\r\n").await;
    let stream = Stream::connect(&server, DEADLINES).await.unwrap();
    let error = stream.start_tls(&client).await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Tls);
    assert!(error.hint().unwrap().contains("imap://"), "{error}");
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server { host: "127.0.0.1".into(), port };
    let client = TlsClient::new(&CertificatePolicy::AcceptAll).unwrap();
    let stream = Stream::connect(&server, DEADLINES).await.unwrap();
    let (_held, _) = listener.accept().await.unwrap();
    tokio::time::pause();
    let error = stream.start_tls(&client).await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Timeout);
    assert!(error.hint().unwrap().contains("imaps://"));
}
