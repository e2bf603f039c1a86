//! Certificates for peers under test: a fresh authority, and a server certificate by it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A server certificate with the authority that signed it.
#[derive(Debug)]
pub struct Certificates {
    /// The authority's certificate, PEM: what a client is told to trust.
    pub ca_pem: String,
    /// The server's certificate, PEM.
    pub server_pem: String,
    /// The server's certificate, DER: what a fingerprint is taken of.
    pub server_der: Vec<u8>,
    /// The server's private key, PKCS #8 PEM.
    pub key_pem: String,
}

/// How the server certificate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerCertificate {
    /// Valid for `localhost`, `127.0.0.1` and `::1`.
    Valid,
    /// Valid in time, but for `elsewhere.example` only.
    WrongHost,
    /// For `localhost`, but its time is over.
    Expired,
}

impl Certificates {
    /// Makes a new authority and a server certificate of this kind.
    #[must_use]
    pub fn new(kind: ServerCertificate) -> Certificates {
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters of the authority");
        ca.distinguished_name.push(rcgen::DnType::CommonName, "Posthold test authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate().expect("key of the authority");
        let ca = CertifiedIssuer::self_signed(ca, ca_key).expect("authority");

        let names: &[&str] = match kind {
            ServerCertificate::WrongHost => &["elsewhere.example"],
            _ => &["localhost", "127.0.0.1", "::1"],
        };
        let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
        let mut server = CertificateParams::new(names).expect("parameters of the server");
        server.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if kind == ServerCertificate::Expired {
            server.not_before = date_time_ymd(2001, 1, 1);
            server.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("key of the server");
        let server = server.signed_by(&key, &ca).expect("server certificate");
        Certificates {
            ca_pem: ca.pem(),
            server_pem: server.pem(),
            server_der: server.der().to_vec(),
            key_pem: key.serialize_pem(),
        }
    }
}
