//! Connections that others make to us: listening, our certificate, and bytes before encryption.

use std::time::Duration;

use net::{CertificatePolicy, Deadlines, Listener, NetErrorKind, Server, Stream};
use net::{TlsClient, TlsServer};
use tempfile::TempDir;
use testkit::certificates::{Certificates, ServerCertificate};

const DEADLINES: Deadlines =
    Deadlines { connect: Duration::from_secs(20), idle: Duration::from_secs(20) };

struct Here {
    dir: TempDir,
    tls: TlsServer,
    listener: Listener,
}

async fn here() -> Here {
    let dir = TempDir::new().unwrap();
    let pki = Certificates::new(ServerCertificate::Valid);
    for (name, text) in
        [("cert.pem", &pki.server_pem), ("key.pem", &pki.key_pem), ("ca.pem", &pki.ca_pem)]
    {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let tls =
        TlsServer::from_files(&dir.path().join("cert.pem"), &dir.path().join("key.pem")).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    Here { dir, tls, listener }
}

#[tokio::test]
async fn both_ends_speak_tls() {
    let here = here().await;
    let client =
        TlsClient::new(&CertificatePolicy::CaFile(here.dir.path().join("ca.pem"))).unwrap();
    let server = Server { host: "127.0.0.1".into(), port: here.listener.address().port() };
    let theirs = async {
        let stream = Stream::connect(&server, DEADLINES).await.unwrap();
        let mut stream = stream.start_tls(&client).await.unwrap();
        stream.write(b"hello").await.unwrap();
        stream.fill().await.unwrap().to_vec()
    };
    let ours = async {
        let (stream, peer) = here.listener.accept(DEADLINES).await;
        assert!(peer.ip().is_loopback());
        let mut stream = stream.accept_tls(&here.tls).await.unwrap();
        assert_eq!(stream.fill().await.unwrap(), b"hello");
        stream.write(b"welcome").await.unwrap();
        stream.tls().unwrap().version
    };
    assert_eq!(tokio::join!(theirs, ours), (b"welcome".to_vec(), "TLS 1.3"));
}

#[tokio::test]
async fn bytes_before_encryption_are_never_read_after_it() {
    let here = here().await;
    let server = Server { host: "127.0.0.1".into(), port: here.listener.address().port() };
    let mut theirs = Stream::connect(&server, DEADLINES).await.unwrap();
    theirs.write(b"MAIL FROM:<>\r\n").await.unwrap();
    let (mut ours, _) = here.listener.accept(DEADLINES).await;
    ours.fill().await.unwrap();
    let error = ours.accept_tls(&here.tls).await.unwrap_err();
    assert_eq!(*error.kind(), NetErrorKind::Tls);
    assert!(error.to_string().ends_with("sent 14 bytes in clear before TLS"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    let here = here().await;
    let error = Listener::bind(here.listener.address()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("failed to listen on {}", here.listener.address()));
    assert_eq!(error.hint(), Some("Another program listens there."));

    let [cert, key, ca, missing] =
        ["cert.pem", "key.pem", "ca.pem", "missing.pem"].map(|it| here.dir.path().join(it));
    let cases = [
        (&missing, &key, "failed to read certificates from"),
        (&cert, &missing, "failed to read a private key from"),
        (&cert, &cert, "failed to read a private key from"),
        (&key, &key, "holds no certificate"),
        (&ca, &key, "cannot be used together"),
    ];
    for (certificate, key, want) in cases {
        let error = TlsServer::from_files(certificate, key).unwrap_err();
        assert_eq!(*error.kind(), NetErrorKind::Settings);
        assert!(error.to_string().contains(want), "{error}");
    }
}
