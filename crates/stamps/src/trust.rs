//! Whether a certificate may stamp times, and leads to a root.

use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use types::Timestamp;
use webpki::ring as algorithms;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::der::{
    BOOLEAN, CONTAINER_0, CONTAINER_3, CONTEXT_0, INTEGER, OCTETS, OID, Reader, SEQUENCE,
};
use crate::{StampError, StampErrorKind};

/// 1.3.6.1.5.5.7.3.8: id-kp-timeStamping.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
/// 2.5.29.37: extended key usage.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// 2.5.29.14: subject key identifier.
const KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];

/// The tags of the optional fields between key and extensions.
const CONTEXT_1: u8 = CONTEXT_0 + 1;
const CONTEXT_2: u8 = CONTEXT_0 + 2;

/// The most roots.
const ROOTS_MAX: usize = 500;

/// What certificates of authorities may be signed with.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ED25519,
];

/// The certificates that a token has to lead to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Those in a PEM file.
    pub fn from_pem(text: &[u8]) -> Result<Roots, StampError> {
        let wrong = |what: &str| StampError::new(StampErrorKind::Untrusted, what);
        let all = CertificateDer::pem_slice_iter(text).take(ROOTS_MAX);
        let roots: Result<Vec<_>, _> = all.collect();
        let roots = roots.map_err(|_| wrong("the certificates of the authority are not in PEM"))?;
        let is_root = |it: &CertificateDer<'_>| anchor_from_trusted_cert(it).is_ok();
        match roots.is_empty() || !roots.iter().all(is_root) {
            true => Err(wrong("there is no certificate of the authority that can be read")),
            false => Ok(Roots(roots)),
        }
    }
}

/// What is read of a certificate.
pub(crate) struct Certificate<'a> {
    pub(crate) der: &'a CertificateDer<'a>,
    /// Its issuer, in DER.
    pub(crate) issuer: &'a [u8],
    /// Its serial number.
    pub(crate) serial: &'a [u8],
    /// The identifier of its key.
    pub(crate) key_id: Option<&'a [u8]>,
    /// What its key may be used for, as it stands there, and whether everybody has to understand
    /// that.
    usage: Option<(&'a [u8], bool)>,
}

impl<'a> Certificate<'a> {
    pub(crate) fn parse(der: &'a CertificateDer<'a>) -> Result<Certificate<'a>, StampError> {
        let mut outer = Reader::new(der).inside(SEQUENCE)?;
        let mut fields = outer.inside(SEQUENCE)?;
        fields.optional(CONTAINER_0)?;
        let serial = fields.content(INTEGER)?;
        fields.content(SEQUENCE)?;
        let issuer = fields.value(SEQUENCE)?.whole;
        // Validity, subject and key.
        for _ in 0..3 {
            fields.content(SEQUENCE)?;
        }
        fields.optional(CONTEXT_1)?;
        fields.optional(CONTEXT_2)?;
        let mut read = Certificate { der, issuer, serial, key_id: None, usage: None };
        if let Some(extensions) = fields.optional(CONTAINER_3)? {
            let mut all = Reader::new(extensions.content).inside(SEQUENCE)?;
            while !all.is_empty() {
                read.extension(all.inside(SEQUENCE)?)?;
            }
        }
        Ok(read)
    }

    fn extension(&mut self, mut reader: Reader<'a>) -> Result<(), StampError> {
        let name = reader.content(OID)?;
        let critical = reader.optional(BOOLEAN)?;
        let is_critical = critical.is_some_and(|it| it.content != [0]);
        let value = reader.content(OCTETS)?;
        match name {
            EXTENDED_KEY_USAGE => self.usage = Some((value, is_critical)),
            KEY_ID => self.key_id = Some(Reader::new(value).content(OCTETS)?),
            _ => (),
        }
        Ok(())
    }

    /// RFC 3161 §2.3: it may stamp times and nothing else, and says so critically.
    pub(crate) fn check_usage(&self) -> Result<(), StampError> {
        let refused = |what: &str| {
            let message = format!("its certificate may not stamp times: {what}");
            StampError::new(StampErrorKind::NotForStamps, message)
        };
        let (usage, is_critical) = self.usage.ok_or_else(|| refused("it does not say so"))?;
        let mut usages = Reader::new(usage).inside(SEQUENCE)?;
        if usages.content(OID)? != TIME_STAMPING || !usages.is_empty() {
            return Err(refused("its key has another purpose"));
        }
        if is_critical { Ok(()) } else { Err(refused("it does not say so critically")) }
    }

    /// Whether it leads to a root, at this time, over these certificates.
    pub(crate) fn check_chain(
        &self,
        between: &[CertificateDer<'_>],
        roots: &Roots,
        at: Timestamp,
    ) -> Result<(), StampError> {
        let refused = |what: String| {
            let message = format!("the certificate of the time-stamp token does not count: {what}");
            StampError::new(StampErrorKind::Untrusted, message)
        };
        let anchors: Vec<TrustAnchor<'_>> =
            roots.0.iter().filter_map(|it| anchor_from_trusted_cert(it).ok()).collect();
        let entity = EndEntityCert::try_from(self.der).map_err(|it| refused(it.to_string()))?;
        let seconds = u64::try_from(at.0).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        // What authorities between may stamp is their own matter; that of the token is checked.
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        let path = entity.verify_for_usage(ALGORITHMS, &anchors, between, at, usage, None, None);
        path.map(|_| ()).map_err(|it| refused(it.to_string()))
    }
}
