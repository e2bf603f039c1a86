//! CMS signed data (RFC 5652 §5), as a token has it: one content, one signer, signed attributes.

use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::EndEntityCert;
use webpki::ring as algorithms;

use crate::der::{
    CONTAINER_0, CONTAINER_1, CONTEXT_0, INTEGER, OCTETS, OID, Reader, SEQUENCE, SET, Value, small,
};
use crate::trust::Certificate;
use crate::{StampError, TOKEN_BYTES_MAX};

/// 2.16.840.1.101.3.4.2.1
pub(crate) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 2.16.840.1.101.3.4.2.2
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
/// 2.16.840.1.101.3.4.2.3
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
/// 1.2.840.113549.1.9.3
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
/// 1.2.840.113549.1.9.4
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// 1.2.840.113549.1.9.16.2.12
const SIGNING_CERTIFICATE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
/// 1.2.840.113549.1.9.16.2.47
const SIGNING_CERTIFICATE_V2: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
/// 1.2.840.113549.1.1 with 1 (any hash), 11, 12 and 13 behind it.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4.3 with 2, 3 and 4 behind it; and 1.2.840.10045.2.1, any hash.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// The most certificates of one token.
const CERTIFICATES_MAX: usize = 20;

/// The most attributes of one signer.
const ATTRIBUTES_MAX: usize = 50;

/// A hash that signatures are made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn from_oid(oid: &[u8]) -> Option<Hash> {
        match oid {
            SHA256 => Some(Hash::Sha256),
            SHA384 => Some(Hash::Sha384),
            SHA512 => Some(Hash::Sha512),
            _ => None,
        }
    }

    fn of(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

/// A token, taken apart.
pub(crate) struct Signed<'a> {
    /// What was signed: a `TSTInfo`.
    pub(crate) content: &'a [u8],
    /// The certificates that came along.
    pub(crate) certificates: Vec<CertificateDer<'a>>,
    signer: Signer<'a>,
}

struct Signer<'a> {
    /// Issuer and serial number, in DER; or the identifier of a key.
    id: SignerId<'a>,
    hash: Hash,
    algorithm: &'a [u8],
    attributes: Value<'a>,
    signature: &'a [u8],
}

enum SignerId<'a> {
    IssuerAndSerial(&'a [u8], &'a [u8]),
    Key(&'a [u8]),
}

impl<'a> Signed<'a> {
    /// Takes a token apart. Nothing of it is checked.
    pub(crate) fn parse(token: &'a [u8]) -> Result<Signed<'a>, StampError> {
        if TOKEN_BYTES_MAX < token.len() {
            return Err(StampError::malformed("it is longer than the limit"));
        }
        let mut outer = Reader::new(token);
        let mut info = outer.inside(SEQUENCE)?;
        outer.end()?;
        if info.content(OID)? != SIGNED_DATA {
            return Err(StampError::malformed("it is not signed data"));
        }
        let mut wrapped = info.inside(CONTAINER_0)?;
        info.end()?;
        let mut data = wrapped.inside(SEQUENCE)?;
        wrapped.end()?;
        data.content(INTEGER)?;
        data.content(SET)?;
        let content = content(data.inside(SEQUENCE)?)?;
        let mut certificates = Vec::new();
        if let Some(all) = data.optional(CONTAINER_0)? {
            let mut all = Reader::new(all.content);
            while !all.is_empty() {
                let it = all.any()?;
                // Attribute certificates and what is obsolete have other tags.
                if it.tag == SEQUENCE {
                    certificates.push(CertificateDer::from(it.whole));
                }
            }
        }
        data.optional(CONTAINER_1)?;
        let mut signers = data.inside(SET)?;
        data.end()?;
        let signer = Signer::parse(signers.inside(SEQUENCE)?)?;
        // RFC 3161 §2.4.2: the token has no signature but that of the authority.
        signers.end()?;
        if CERTIFICATES_MAX < certificates.len() {
            return Err(StampError::malformed("it has more certificates than the limit"));
        }
        Ok(Signed { content, certificates, signer })
    }

    /// Whether this is the certificate that the signer names.
    pub(crate) fn names(&self, certificate: &Certificate<'_>) -> bool {
        match &self.signer.id {
            SignerId::IssuerAndSerial(issuer, serial) => {
                certificate.issuer == *issuer && certificate.serial == *serial
            }
            SignerId::Key(id) => certificate.key_id == Some(id),
        }
    }

    /// Whether the signature is that of this certificate over this content, and names it.
    pub(crate) fn check(&self, certificate: &Certificate<'_>) -> Result<(), StampError> {
        let Signer { hash, algorithm, attributes, signature, .. } = &self.signer;
        let attributes_of = Attributes::parse(attributes.content)?;
        if attributes_of.content_type != Some(TST_INFO) {
            return Err(StampError::changed("it was signed as something else"));
        }
        if attributes_of.digest != Some(hash.of(self.content).as_ref()) {
            return Err(StampError::changed("its content is not what was signed"));
        }
        attributes_of.names(certificate)?;
        // RFC 5652 §5.4: signed is the set, not the tag that it has here.
        let tag = [SET];
        let rest = attributes.whole.get(1..).unwrap_or_default();
        let signed = [&tag, rest].concat();
        let entity = EndEntityCert::try_from(certificate.der)
            .map_err(|_| StampError::malformed("its certificate cannot be read"))?;
        let mut known = algorithms_for(algorithm, *hash)?.into_iter();
        match known.any(|it| entity.verify_signature(it, &signed, signature).is_ok()) {
            true => Ok(()),
            false => Err(StampError::changed("its signature does not hold")),
        }
    }
}

fn content(mut reader: Reader<'_>) -> Result<&[u8], StampError> {
    if reader.content(OID)? != TST_INFO {
        return Err(StampError::malformed("what was signed is no time-stamp"));
    }
    let mut wrapped = reader.inside(CONTAINER_0)?;
    reader.end()?;
    let content = wrapped.content(OCTETS)?;
    wrapped.end()?;
    Ok(content)
}

impl<'a> Signer<'a> {
    fn parse(mut reader: Reader<'a>) -> Result<Signer<'a>, StampError> {
        small(reader.content(INTEGER)?)?;
        let id = reader.any()?;
        let id = match id.tag {
            SEQUENCE => {
                let mut of = Reader::new(id.content);
                let issuer = of.value(SEQUENCE)?.whole;
                let serial = of.content(INTEGER)?;
                of.end()?;
                SignerId::IssuerAndSerial(issuer, serial)
            }
            CONTEXT_0 => SignerId::Key(id.content),
            _ => return Err(StampError::malformed("it does not name its signer")),
        };
        let hash = Hash::from_oid(reader.inside(SEQUENCE)?.content(OID)?);
        let hash = hash.ok_or_else(|| StampError::malformed("its hash is not SHA-2"))?;
        let attributes = reader.optional(CONTAINER_0)?;
        let attributes =
            attributes.ok_or_else(|| StampError::malformed("it has no signed attributes"))?;
        let algorithm = reader.inside(SEQUENCE)?.content(OID)?;
        let signature = reader.content(OCTETS)?;
        reader.optional(CONTAINER_1)?;
        reader.end()?;
        Ok(Signer { id, hash, algorithm, attributes, signature })
    }
}

/// The signed attributes that count.
#[derive(Default)]
struct Attributes<'a> {
    content_type: Option<&'a [u8]>,
    digest: Option<&'a [u8]>,
    certificate: Option<&'a [u8]>,
    certificate_v2: Option<&'a [u8]>,
}

impl<'a> Attributes<'a> {
    fn parse(content: &'a [u8]) -> Result<Attributes<'a>, StampError> {
        let (mut all, mut found) = (Reader::new(content), Attributes::default());
        let mut n_attributes = 0;
        while !all.is_empty() {
            n_attributes += 1;
            let mut attribute = all.inside(SEQUENCE)?;
            let name = attribute.content(OID)?;
            let mut values = attribute.inside(SET)?;
            attribute.end()?;
            let value = values.any()?;
            let (place, tag) = match name {
                CONTENT_TYPE => (&mut found.content_type, OID),
                MESSAGE_DIGEST => (&mut found.digest, OCTETS),
                SIGNING_CERTIFICATE => (&mut found.certificate, SEQUENCE),
                SIGNING_CERTIFICATE_V2 => (&mut found.certificate_v2, SEQUENCE),
                _ => continue,
            };
            // RFC 5652 §5.3: one of each, with one value.
            let is_one = values.is_empty() && place.is_none() && value.tag == tag;
            if !is_one || ATTRIBUTES_MAX < n_attributes {
                return Err(StampError::malformed("a signed attribute is not as it has to be"));
            }
            *place = Some(value.content);
        }
        Ok(found)
    }

    /// RFC 5816 §2.2.1: the first certificate that is named is that of the signer. Without this
    /// another certificate of the same key could take its place.
    fn names(&self, certificate: &Certificate<'_>) -> Result<(), StampError> {
        let (named, has_algorithm) = match (self.certificate_v2, self.certificate) {
            (Some(it), _) => (it, true),
            (None, Some(it)) => (it, false),
            (None, None) => {
                return Err(StampError::malformed("it does not say which certificate signed it"));
            }
        };
        let mut all = Reader::new(named).inside(SEQUENCE)?;
        let mut first = all.inside(SEQUENCE)?;
        let bytes: &[u8] = certificate.der;
        let hash = match first.optional(SEQUENCE)?.filter(|_| has_algorithm) {
            Some(algorithm) => {
                let oid = Reader::new(algorithm.content).content(OID)?;
                let hash = Hash::from_oid(oid);
                hash.ok_or_else(|| StampError::malformed("its hash is not SHA-2"))?.of(bytes)
            }
            None if has_algorithm => Hash::Sha256.of(bytes),
            None => digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes),
        };
        if first.content(OCTETS)? != hash.as_ref() {
            return Err(StampError::changed("it names another certificate"));
        }
        Ok(())
    }
}

type Algorithms = Vec<&'static dyn SignatureVerificationAlgorithm>;

/// What a signature by this algorithm over this hash may be.
fn algorithms_for(algorithm: &[u8], hash: Hash) -> Result<Algorithms, StampError> {
    let unknown = || StampError::malformed("its signature is of a kind that is not known");
    let (family, last) =
        algorithm.split_last().map(|(last, it)| (it, *last)).ok_or_else(unknown)?;
    // The algorithm may name the hash again, and then it has to be the same.
    let of_rsa =
        [(1, None), (11, Some(Hash::Sha256)), (12, Some(Hash::Sha384)), (13, Some(Hash::Sha512))];
    let of_ecdsa = [(2, Some(Hash::Sha256)), (3, Some(Hash::Sha384)), (4, Some(Hash::Sha512))];
    let fits = |known: &[(u8, Option<Hash>)]| {
        known.iter().any(|(it, named)| *it == last && named.is_none_or(|it| it == hash))
    };
    let is_rsa = family == RSA && fits(&of_rsa);
    let is_ecdsa = (family == ECDSA && fits(&of_ecdsa)) || algorithm == EC_KEY;
    match (hash, is_rsa, is_ecdsa) {
        (Hash::Sha256, true, _) => Ok(vec![algorithms::RSA_PKCS1_2048_8192_SHA256]),
        (Hash::Sha384, true, _) => Ok(vec![algorithms::RSA_PKCS1_2048_8192_SHA384]),
        (Hash::Sha512, true, _) => Ok(vec![algorithms::RSA_PKCS1_2048_8192_SHA512]),
        (Hash::Sha256, _, true) => {
            Ok(vec![algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256])
        }
        (Hash::Sha384, _, true) => {
            Ok(vec![algorithms::ECDSA_P256_SHA384, algorithms::ECDSA_P384_SHA384])
        }
        _ => Err(unknown()),
    }
}
