//! SASL mechanisms (RFC 4422): how a login is proven.
//!
//! What it is not: a protocol. It turns challenges into responses; who carries them, and in what
//! encoding, is the protocol's.
//!
//! Rules: a password goes out in clear only by a mechanism whose
//! [`is_cleartext`](Mechanism::is_cleartext) says so; SCRAM is done when the server has proven
//! that it knows the password too.

mod scram;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use net::{CertificatePolicy, Stream};
use ports::SourceError;
use thiserror::Error;
use types::Secret;

use crate::trouble;
use scram::Scram;

/// How a login is proven.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mechanism {
    /// The best that is offered: SCRAM-SHA-256, PLAIN, LOGIN, in this order; for another account
    /// PLAIN first, where it is safe.
    #[default]
    Auto,
    /// RFC 7677: the password never leaves this machine, and the server proves itself.
    ScramSha256,
    /// RFC 4616: the password as it is; knows another identity to act for.
    Plain,
    /// The password as it is, prompted for. Never standardised, widely spoken.
    Login,
    /// RFC 2195: a keyed MD5 of a challenge. Only when asked for.
    CramMd5,
    /// An OAuth 2.0 access token, as Google and Microsoft take it.
    XOAuth2,
    /// The MD5 of the greeting and the password. No mechanism of SASL but a command of POP3 alone
    /// (RFC 1939 §7). Only when asked for.
    Apop,
    /// The master password of Kerio Connect, and then a user (`X-MASTERAUTH`, `X-SETUSER`). No
    /// mechanism of SASL but commands of IMAP. Only when asked for.
    KerioMaster,
}

impl Mechanism {
    /// Its name on the wire; `AUTO` for [`Mechanism::Auto`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Auto => "AUTO",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::XOAuth2 => "XOAUTH2",
            Mechanism::Apop => "APOP",
            Mechanism::KerioMaster => "X-MASTERAUTH",
        }
    }

    /// The mechanism of this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Mechanism> {
        const ALL: [Mechanism; 8] = [
            Mechanism::Auto,
            Mechanism::ScramSha256,
            Mechanism::Plain,
            Mechanism::Login,
            Mechanism::CramMd5,
            Mechanism::XOAuth2,
            Mechanism::Apop,
            Mechanism::KerioMaster,
        ];
        ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Whether who listens learns what is needed to log in.
    #[must_use]
    pub fn is_cleartext(self) -> bool {
        matches!(self, Mechanism::Plain | Mechanism::Login | Mechanism::XOAuth2)
    }

    /// Whether it can act for another identity.
    #[must_use]
    pub fn takes_authzid(self) -> bool {
        matches!(self, Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::KerioMaster)
    }

    /// What [`Mechanism::Auto`] tries over this connection, the best first.
    ///
    /// For another account PLAIN comes first where it may be sent: Dovecot and others offer SCRAM
    /// and refuse it to who acts for somebody else.
    pub(crate) fn order(
        stream: &Stream,
        certificates: &CertificatePolicy,
        authzid: Option<&str>,
    ) -> &'static [Mechanism] {
        let is_proven = stream.tls().is_some() && *certificates != CertificatePolicy::AcceptAll;
        match authzid {
            None => &[Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login],
            Some(_) if is_proven || stream.server().is_loopback() => {
                &[Mechanism::Plain, Mechanism::ScramSha256]
            }
            Some(_) => &[Mechanism::ScramSha256, Mechanism::Plain],
        }
    }

    /// Whether the client speaks first.
    #[must_use]
    pub fn is_client_first(self) -> bool {
        !matches!(self, Mechanism::Login | Mechanism::CramMd5)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who logs in, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credentials<'a> {
    pub(crate) login: &'a str,
    pub(crate) authzid: Option<&'a str>,
    pub(crate) secret: &'a Secret,
}

/// An exchange cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum SaslError {
    /// The credentials cannot be put into this mechanism's form.
    #[error("{0}")]
    Unfit(&'static str),
    /// The server broke the mechanism's rules, or does not know the password.
    #[error("{0}")]
    Server(String),
}

/// One exchange.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// What is sent, once; afterwards only the empty response to a reason for refusing.
    Once { response: Option<Vec<u8>>, refusal: Option<String> },
    /// Login, then password.
    Login { responses: std::vec::IntoIter<Vec<u8>> },
    /// The answer to one challenge.
    CramMd5 { login: String, secret: Secret },
    /// RFC 5802.
    Scram(Box<Scram>),
}

impl Exchange {
    /// Begins an exchange. `nonce` is random and holds no comma; only SCRAM uses it.
    pub(crate) fn new(
        mechanism: Mechanism,
        credentials: &Credentials<'_>,
        nonce: &str,
    ) -> Result<Exchange, SaslError> {
        let Credentials { login, authzid, secret } = *credentials;
        let password = secret.declassify();
        let texts = [login, authzid.unwrap_or_default(), password];
        if texts.iter().any(|it| it.contains('\0')) {
            return Err(SaslError::Unfit("neither login nor password can hold a zero byte"));
        }
        if authzid.is_some() && !mechanism.takes_authzid() {
            return Err(SaslError::Unfit("this mechanism cannot act for another account"));
        }
        if matches!(mechanism, Mechanism::Apop | Mechanism::KerioMaster) {
            return Err(SaslError::Unfit("APOP and X-MASTERAUTH are no mechanisms of SASL"));
        }
        let once = |text: String| Exchange::Once { response: Some(text.into()), refusal: None };
        Ok(match mechanism {
            Mechanism::Auto | Mechanism::Plain | Mechanism::Apop | Mechanism::KerioMaster => {
                once(format!("{}\0{login}\0{password}", authzid.unwrap_or_default()))
            }
            Mechanism::XOAuth2 => once(format!("user={login}\x01auth=Bearer {password}\x01\x01")),
            Mechanism::Login => {
                let responses = vec![login.as_bytes().to_vec(), password.as_bytes().to_vec()];
                Exchange::Login { responses: responses.into_iter() }
            }
            Mechanism::CramMd5 => {
                Exchange::CramMd5 { login: login.to_owned(), secret: secret.clone() }
            }
            Mechanism::ScramSha256 => {
                Exchange::Scram(Box::new(Scram::new(login, authzid, secret, nonce)))
            }
        })
    }

    /// The answer to a challenge; the first challenge of a mechanism where the client speaks
    /// first is empty.
    pub(crate) fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        match self {
            Exchange::Once { response, refusal } => Ok(response.take().unwrap_or_else(|| {
                // XOAUTH2 says why in a challenge, and then waits for an empty line.
                *refusal = Some(String::from_utf8_lossy(challenge).into_owned());
                Vec::new()
            })),
            Exchange::Login { responses } => responses
                .next()
                .ok_or_else(|| SaslError::Server("the server asks more than LOGIN has".into())),
            Exchange::CramMd5 { login, secret } => Ok(cram_md5(login, secret, challenge)),
            Exchange::Scram(scram) => scram.respond(challenge),
        }
    }

    /// Whether the server's OK may be believed.
    pub(crate) fn finish(&self) -> Result<(), SaslError> {
        match self {
            Exchange::Scram(scram) if !scram.is_proven() => Err(SaslError::Server(
                "the server accepted the login without proving that it knows the password".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Why the server refused, where the mechanism says so.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self {
            Exchange::Once { refusal, .. } => refusal.as_deref(),
            _ => None,
        }
    }
}

/// 24 characters that nobody can guess.
pub(crate) fn nonce() -> Result<String, SourceError> {
    let mut bytes = [0; 18];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(BASE64.encode(bytes)),
        Err(cause) => Err(trouble::transient("this machine gives no random numbers".into())
            .caused_by(std::io::Error::other(cause.to_string()))),
    }
}

/// What APOP and `X-MASTERAUTH` prove a password with: the MD5 of a challenge (APOP: the
/// greeting's, angle brackets included) and the password, as text.
pub(crate) fn md5_digest(challenge: &[u8], secret: &Secret) -> String {
    let hasher = Md5::new().chain_update(challenge).chain_update(secret.declassify());
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cram_md5(login: &str, secret: &Secret, challenge: &[u8]) -> Vec<u8> {
    let digest = hmac::<Hmac<Md5>>(secret.declassify().as_bytes(), challenge);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{login} {hex}").into_bytes()
}

/// A keyed hash of `bytes`. Any length of key fits.
fn hmac<M: Mac + KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    match <M as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(bytes).finalize().into_bytes().to_vec(),
        Err(_) => unreachable!("HMAC takes keys of any length (RFC 2104 §2)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(mechanism: Mechanism, authzid: Option<&str>) -> Result<Exchange, SaslError> {
        let secret = Secret::new("tanstaaftanstaaf".into());
        let credentials = Credentials { login: "tim", authzid, secret: &secret };
        Exchange::new(mechanism, &credentials, "nonce")
    }

    #[test]
    fn plain_with_and_without_another_identity() {
        // RFC 4616 §4.
        let mut plain = exchange(Mechanism::Plain, None).unwrap();
        assert_eq!(plain.respond(b"").unwrap(), b"\0tim\0tanstaaftanstaaf");
        let mut plain = exchange(Mechanism::Plain, Some("Ursel")).unwrap();
        assert_eq!(plain.respond(b"").unwrap(), b"Ursel\0tim\0tanstaaftanstaaf");
    }

    #[test]
    fn cram_md5_of_the_standard() {
        // RFC 2195 §2.
        let mut cram = exchange(Mechanism::CramMd5, None).unwrap();
        let response = cram.respond(b"<1896.697170952@postoffice.reston.mci.net>").unwrap();
        assert_eq!(response, b"tim b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn apop_of_the_standard() {
        // RFC 1939 §7.
        let secret = Secret::new("tanstaaf".into());
        let digest = md5_digest(b"<1896.697170952@dbc.mtview.ca.us>", &secret);
        assert_eq!(digest, "c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn login_answers_twice() {
        let mut login = exchange(Mechanism::Login, None).unwrap();
        assert_eq!(login.respond(b"User Name\0").unwrap(), b"tim");
        assert_eq!(login.respond(b"").unwrap(), b"tanstaaftanstaaf");
        assert!(login.respond(b"Again:").is_err());
    }

    #[test]
    fn xoauth2_takes_its_refusal() {
        let mut token = exchange(Mechanism::XOAuth2, None).unwrap();
        let first = token.respond(b"").unwrap();
        assert_eq!(first, b"user=tim\x01auth=Bearer tanstaaftanstaaf\x01\x01");
        assert_eq!(token.respond(br#"{"status":"401"}"#).unwrap(), b"");
        assert_eq!(token.refusal(), Some(r#"{"status":"401"}"#));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for mechanism in [Mechanism::Login, Mechanism::CramMd5, Mechanism::XOAuth2] {
            assert!(matches!(exchange(mechanism, Some("x")), Err(SaslError::Unfit(_))));
        }
        let secret = Secret::new("a\0b".into());
        let credentials = Credentials { login: "tim", authzid: None, secret: &secret };
        assert!(Exchange::new(Mechanism::Plain, &credentials, "").is_err());
    }
}
