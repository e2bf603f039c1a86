//! What a token says, once it is believed (RFC 3161 §2.4.2).

use types::Timestamp;

use crate::der::{
    BOOLEAN, CONTAINER_0, CONTAINER_1, CONTEXT_0, INTEGER, OCTETS, OID, Reader, SEQUENCE, TIME,
    small, time, unsigned,
};
use crate::signed::{SHA256, Signed};
use crate::trust::{Certificate, Roots};
use crate::{StampError, StampErrorKind};

/// How far the clock of an authority may be from ours when it has just answered, in seconds.
const CLOCKS_APART_MAX: i64 = 600;

/// What a token has to be about.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The SHA-256 of what was stamped.
    pub imprint: &'a [u8; 32],
    /// The nonce of the request, when this is the answer to it.
    pub nonce: Option<u64>,
    /// The time now, when this is the answer to a request.
    pub now: Option<Timestamp>,
}

/// What a token shows: that the authority has seen the hash at this time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// When.
    pub time: Timestamp,
    /// How far that may be off, in seconds, as the authority says.
    pub accuracy_seconds: Option<u64>,
    /// The number of the token, in hexadecimal.
    pub serial: String,
}

/// Checks a token over and over, and gives what it shows.
pub fn verify(token: &[u8], expected: &Expected<'_>, roots: &Roots) -> Result<Stamp, StampError> {
    let signed = Signed::parse(token)?;
    let read: Vec<_> =
        signed.certificates.iter().filter_map(|it| Certificate::parse(it).ok()).collect();
    let signer = read.iter().find(|it| signed.names(it));
    let signer = signer
        .ok_or_else(|| StampError::malformed("the certificate of its signer is not in it"))?;
    signed.check(signer)?;
    let info = Info::parse(signed.content)?;
    if info.algorithm != SHA256 || info.imprint != expected.imprint {
        let message = "the time-stamp token is about something else";
        return Err(StampError::new(StampErrorKind::OtherImprint, message));
    }
    if let Some(nonce) = expected.nonce
        && info.nonce.map(small_or_none) != Some(Some(nonce))
    {
        let message = "the time-stamp token answers another request";
        return Err(StampError::new(StampErrorKind::OtherNonce, message));
    }
    if let Some(now) = expected.now
        && CLOCKS_APART_MAX < now.0.abs_diff(info.time.0).try_into().unwrap_or(i64::MAX)
    {
        let message = format!("the authority says that it is {}, and here it is {now}", info.time);
        return Err(StampError::new(StampErrorKind::OtherTime, message));
    }
    signer.check_usage()?;
    signer.check_chain(&signed.certificates, roots, info.time)?;
    let serial = info.serial.iter().map(|it| format!("{it:02x}")).collect();
    Ok(Stamp { time: info.time, accuracy_seconds: info.accuracy, serial })
}

/// The SHA-256 that a token says it is about. Nothing of that is checked.
pub fn imprint_of(token: &[u8]) -> Result<[u8; 32], StampError> {
    let signed = Signed::parse(token)?;
    let info = Info::parse(signed.content)?;
    let imprint = info.imprint.try_into().ok().filter(|_| info.algorithm == SHA256);
    imprint.ok_or_else(|| StampError::malformed("it is not about a SHA-256"))
}

fn small_or_none(nonce: &[u8]) -> Option<u64> {
    small(nonce).ok()
}

/// `TSTInfo`.
struct Info<'a> {
    algorithm: &'a [u8],
    imprint: &'a [u8],
    serial: &'a [u8],
    time: Timestamp,
    accuracy: Option<u64>,
    nonce: Option<&'a [u8]>,
}

impl<'a> Info<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Info<'a>, StampError> {
        let mut outer = Reader::new(bytes);
        let mut reader = outer.inside(SEQUENCE)?;
        outer.end()?;
        if small(reader.content(INTEGER)?)? != 1 {
            return Err(StampError::malformed("it is of another version"));
        }
        reader.content(OID)?;
        let mut stamped = reader.inside(SEQUENCE)?;
        let algorithm = stamped.inside(SEQUENCE)?.content(OID)?;
        let imprint = stamped.content(OCTETS)?;
        stamped.end()?;
        let serial = unsigned(reader.content(INTEGER)?)?;
        let time = time(reader.content(TIME)?)?;
        let accuracy = match reader.optional(SEQUENCE)? {
            Some(it) => accuracy(Reader::new(it.content))?,
            None => None,
        };
        reader.optional(BOOLEAN)?;
        let nonce = reader.optional(INTEGER)?.map(|it| it.content);
        reader.optional(CONTAINER_0)?;
        // RFC 3161 §2.4.2 knows no extension that has to be understood.
        reader.optional(CONTAINER_1)?;
        reader.end()?;
        Ok(Info { algorithm, imprint, serial, time, accuracy, nonce })
    }
}

/// Whole seconds; a part of one counts as one.
fn accuracy(mut reader: Reader<'_>) -> Result<Option<u64>, StampError> {
    let seconds = reader.optional(INTEGER)?.map(|it| small(it.content)).transpose()?.unwrap_or(0);
    let millis = reader.optional(CONTEXT_0)?.is_some();
    let micros = reader.optional(CONTEXT_0 + 1)?.is_some();
    reader.end()?;
    Ok(Some(seconds.saturating_add(u64::from(millis || micros))))
}
