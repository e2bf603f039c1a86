//! A time-stamp token from an authority.

use std::time::Duration;

use commands::{Failure, FailureKind};
use disk::{OsRandom, SystemClock};
use net::{CertificatePolicy, HttpUrl, NetError, Post};
use ports::{Clock, Random};
use stamps::{Expected, Roots, StampError, StampErrorKind, TOKEN_BYTES_MAX};
use types::Hash;

/// How long an authority may take.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// A token over a signed checkpoint, checked over and over.
///
/// The connection needs no protection: whoever changes the answer makes it fail, and a checkpoint
/// is no secret. Still, one by `https` has to be with whom it should be.
pub(super) async fn stamped(url: &str, roots: &str, note: &str) -> Result<Vec<u8>, Failure> {
    let wrong = || {
        let message = format!("{url:?} is no address of a time-stamp authority");
        Failure::new(FailureKind::Configuration, message)
    };
    let address = HttpUrl::parse(url).ok_or_else(wrong)?;
    let roots = Roots::from_pem(roots.as_bytes()).map_err(|it| refused(url, &it))?;
    let imprint = Hash::of(note.as_bytes()).0;
    let mut nonce = [0; 8];
    OsRandom.fill(&mut nonce);
    let nonce = u64::from_be_bytes(nonce);
    let request = stamps::request(&imprint, nonce);
    let post = Post {
        url: &address,
        content_type: "application/timestamp-query",
        accept: "application/timestamp-reply",
        body: &request,
        answer_bytes_max: TOKEN_BYTES_MAX,
    };
    let answer = net::post(&post, &CertificatePolicy::SystemRoots, ANSWER_WAIT).await;
    let answer = answer.map_err(|it| unreachable(&it))?;
    let token = stamps::token_of(&answer).map_err(|it| refused(url, &it))?;
    let expected = Expected { imprint: &imprint, nonce: Some(nonce), now: Some(SystemClock.now()) };
    stamps::verify(&token, &expected, &roots).map_err(|it| refused(url, &it))?;
    Ok(token)
}

fn unreachable(error: &NetError) -> Failure {
    let failure = Failure::chain(FailureKind::Unavailable, error);
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn refused(url: &str, error: &StampError) -> Failure {
    let kind = match error.kind() {
        StampErrorKind::Refused => FailureKind::Unavailable,
        StampErrorKind::Untrusted | StampErrorKind::OtherTime => FailureKind::Configuration,
        _ => FailureKind::Protocol,
    };
    Failure::new(kind, format!("{url}: {error}"))
}
