//! Tokens of `openssl ts`: those that hold, and what is done to them.
//!
//! What it is not: a list of authorities. Everything is made by the test.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use stamps::{Expected, Roots, Stamp, StampError, StampErrorKind, request, token_of, verify};
use testkit::time_authority::token_by_openssl;
use testkit::{AuthorityOptions, TimeAuthority};
use types::{Hash, Timestamp};

const DATA: &[u8] = b"posthold/store/1\n7\nroot\n";
const NONCE: u64 = 0x8899_aabb_ccdd_eeff;

fn authority(options: AuthorityOptions) -> Option<TimeAuthority> {
    TimeAuthority::new_or_leave_out(&options)
}

fn roots(of: &TimeAuthority) -> Roots {
    Roots::from_pem(&fs::read(of.root()).unwrap()).unwrap()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_secs()).unwrap())
}

/// A token over the data.
fn token(of: &TimeAuthority) -> Vec<u8> {
    token_of(&of.answer(&request(&Hash::of(DATA).0, NONCE))).unwrap()
}

fn checked(token: &[u8], roots: &Roots) -> Result<Stamp, StampError> {
    let imprint = Hash::of(DATA).0;
    verify(token, &Expected { imprint: &imprint, nonce: Some(NONCE), now: Some(now()) }, roots)
}

fn kind(token: &[u8], roots: &Roots) -> StampErrorKind {
    checked(token, roots).unwrap_err().kind()
}

#[test]
fn tokens_of_every_sort_hold() {
    let plain = AuthorityOptions::default();
    for options in [
        plain,
        AuthorityOptions { key: "secp384r1", digest: "sha384", ..plain },
        AuthorityOptions { key: "rsa", ..plain },
        AuthorityOptions { key: "rsa", digest: "sha512", names_by: "sha512", ..plain },
        AuthorityOptions { key: "rsa", names_by: "sha1", ..plain },
    ] {
        let Some(authority) = authority(options) else { return };
        let token = token(&authority);
        let stamp =
            checked(&token, &roots(&authority)).unwrap_or_else(|it| panic!("{options:?}: {it}"));
        assert!(stamp.time.0.abs_diff(now().0) < 600, "{stamp:?}");
        assert_eq!((stamp.accuracy_seconds, stamp.serial.as_str()), (Some(2), "02"));
        // The other way round: what we asked for and kept, openssl takes too.
        assert!(authority.accepts(&token, DATA));
        assert!(!authority.accepts(&token, b"other data"));
        let answer = authority.answer(&request(&Hash::of(DATA).0, NONCE));
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(token_of(&answer).unwrap(), token_by_openssl(dir.path(), &answer));
    }
}

#[test]
fn what_is_asked_for_has_to_be_answered() {
    let Some(authority) = authority(AuthorityOptions::default()) else { return };
    let (token, roots) = (token(&authority), roots(&authority));
    let (imprint, other) = (Hash::of(DATA).0, Hash::of(b"other").0);
    let of = |imprint, nonce, now| {
        let expected = Expected { imprint, nonce, now };
        verify(&token, &expected, &roots).map_err(|it| it.kind())
    };
    assert!(of(&imprint, None, None).is_ok());
    assert_eq!(of(&other, None, None), Err(StampErrorKind::OtherImprint));
    assert_eq!(of(&imprint, Some(NONCE ^ 1), None), Err(StampErrorKind::OtherNonce));
    assert_eq!(of(&imprint, Some(5), None), Err(StampErrorKind::OtherNonce));
    let late = Timestamp(now().0 + 3_600);
    assert_eq!(of(&imprint, None, Some(late)), Err(StampErrorKind::OtherTime));
    let refuses = AuthorityOptions { stamps: "sha512", ..AuthorityOptions::default() };
    let Some(refuses) = self::authority(refuses) else { return };
    let error = token_of(&refuses.answer(&request(&imprint, NONCE))).unwrap_err();
    assert_eq!(error.kind(), StampErrorKind::Refused, "{error}");
}

#[test]
fn certificates_have_to_count() {
    let plain = AuthorityOptions::default();
    let Some(good) = authority(plain) else { return };
    let token = token(&good);
    let other = authority(plain).unwrap();
    assert_eq!(kind(&token, &roots(&other)), StampErrorKind::Untrusted);
    let is_over = AuthorityOptions { valid: ("20200101000000Z", "20210101000000Z"), ..plain };
    let to_come = AuthorityOptions { valid: ("20900101000000Z", "20990101000000Z"), ..plain };
    for options in [is_over, to_come] {
        let authority = authority(options).unwrap();
        // openssl signs all the same, and does not take it back.
        let token = self::token(&authority);
        assert_eq!(kind(&token, &roots(&authority)), StampErrorKind::Untrusted, "{options:?}");
        assert!(!authority.accepts(&token, DATA));
    }
    assert!(checked(&good.signed_again(&token), &roots(&good)).is_ok());
    for usage in ["timeStamping", "critical,clientAuth", "critical,timeStamping,clientAuth"] {
        let authority = authority(AuthorityOptions { usage, ..plain }).unwrap();
        let token = authority.signed_again(&token);
        assert_eq!(kind(&token, &roots(&authority)), StampErrorKind::NotForStamps, "{usage}");
    }
}

#[test]
fn a_changed_token_shows_nothing() {
    let Some(authority) = authority(AuthorityOptions::default()) else { return };
    let (token, roots) = (token(&authority), roots(&authority));
    let good = checked(&token, &roots).unwrap();
    for at in 0..token.len() {
        for bit in [0, 5] {
            let mut changed = token.clone();
            changed[at] ^= 1 << bit;
            // What is not signed, such as a certificate that nobody needs, changes nothing.
            if let Ok(stamp) = checked(&changed, &roots) {
                assert_eq!(stamp, good, "{at}");
            }
        }
        assert!(checked(&token[..at], &roots).is_err(), "cut at {at}");
    }
    assert!(checked(&[token.as_slice(), &[0]].concat(), &roots).is_err());
    // Its content is another one, and all else is as it was.
    let time = token.windows(2).position(|it| it == b"20").unwrap();
    let mut changed = token.clone();
    changed[time + 3] ^= 1;
    assert_eq!(kind(&changed, &roots), StampErrorKind::Changed);
}
