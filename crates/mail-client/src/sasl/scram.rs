//! SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::Hmac;
use sha2::{Digest, Sha256};
use types::Secret;
use unicode_normalization::UnicodeNormalization;

use super::{SaslError, hmac};

/// RFC 7677 §4: fewer rounds make the password easy to guess for whoever sees the exchange.
const ROUNDS_MIN: u32 = 4096;
/// More would let a server keep us busy.
const ROUNDS_MAX: u32 = 1_000_000;

/// The client's side of one exchange.
#[derive(Debug)]
pub(crate) struct Scram {
    gs2_header: String,
    nonce: String,
    first_bare: String,
    password: Secret,
    state: State,
}

#[derive(Debug)]
enum State {
    Begin,
    FirstSent,
    ProofSent { server_signature: Vec<u8> },
    Proven,
}

impl Scram {
    pub(crate) fn new(login: &str, authzid: Option<&str>, secret: &Secret, nonce: &str) -> Scram {
        let authzid = authzid.map(|it| format!("a={}", escaped(it))).unwrap_or_default();
        let first_bare = format!("n={},r={nonce}", escaped(&prepared(login)));
        Scram {
            // `n`: we do not bind to the TLS channel.
            gs2_header: format!("n,{authzid},"),
            nonce: nonce.to_owned(),
            first_bare,
            password: Secret::new(prepared(secret.declassify())),
            state: State::Begin,
        }
    }

    /// Whether the server has shown that it knows the password.
    pub(crate) fn is_proven(&self) -> bool {
        matches!(self.state, State::Proven)
    }

    pub(crate) fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        match &self.state {
            State::Begin => {
                self.state = State::FirstSent;
                Ok(format!("{}{}", self.gs2_header, self.first_bare).into_bytes())
            }
            State::FirstSent => self.prove(challenge),
            State::ProofSent { server_signature } => {
                check_server(challenge, server_signature)?;
                self.state = State::Proven;
                Ok(Vec::new())
            }
            State::Proven => Err(broken("more challenges than SCRAM has")),
        }
    }

    fn prove(&mut self, server_first: &[u8]) -> Result<Vec<u8>, SaslError> {
        let server_first = std::str::from_utf8(server_first).map_err(|_| broken("no text"))?;
        if let Some(error) = server_first.strip_prefix("e=") {
            return Err(SaslError::Server(format!("the server refused the login: {error}")));
        }
        let fields: Vec<&str> = server_first.split(',').collect();
        let [nonce, salt, rounds, ..] = fields.as_slice() else {
            return Err(broken("an incomplete challenge"));
        };
        let nonce = nonce.strip_prefix("r=").ok_or_else(|| broken("a challenge without nonce"))?;
        // RFC 5802 §5.1: the server's nonce begins with ours and adds its own.
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(broken("a nonce that does not continue ours"));
        }
        let salt = salt.strip_prefix("s=").and_then(|it| BASE64.decode(it).ok());
        let salt = salt.filter(|it| !it.is_empty()).ok_or_else(|| broken("no salt"))?;
        let rounds = rounds.strip_prefix("i=").and_then(|it| it.parse::<u32>().ok());
        let rounds = rounds.ok_or_else(|| broken("no number of rounds"))?;
        if !(ROUNDS_MIN..=ROUNDS_MAX).contains(&rounds) {
            return Err(broken(&format!(
                "{rounds} rounds, where {ROUNDS_MIN} to {ROUNDS_MAX} are safe"
            )));
        }
        let final_bare = format!("c={},r={nonce}", BASE64.encode(&self.gs2_header));
        let auth_message = format!("{},{server_first},{final_bare}", self.first_bare);
        let (proof, server_signature) =
            signatures(&self.password, &salt, rounds, auth_message.as_bytes());
        self.state = State::ProofSent { server_signature };
        Ok(format!("{final_bare},p={}", BASE64.encode(proof)).into_bytes())
    }
}

/// ClientProof and ServerSignature (RFC 5802 §3).
fn signatures(
    password: &Secret,
    salt: &[u8],
    rounds: u32,
    auth_message: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let mut salted = [0; 32];
    let password = password.declassify().as_bytes();
    pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut salted);
    let client_key = hmac::<Hmac<Sha256>>(&salted, b"Client Key");
    let stored_key = Sha256::digest(&client_key);
    let client_signature = hmac::<Hmac<Sha256>>(&stored_key, auth_message);
    let proof = client_key.iter().zip(&client_signature).map(|(a, b)| a ^ b).collect();
    let server_key = hmac::<Hmac<Sha256>>(&salted, b"Server Key");
    (proof, hmac::<Hmac<Sha256>>(&server_key, auth_message))
}

fn check_server(server_final: &[u8], expected: &[u8]) -> Result<(), SaslError> {
    let server_final = String::from_utf8_lossy(server_final);
    if let Some(error) = server_final.strip_prefix("e=") {
        return Err(SaslError::Server(format!("the server refused the login: {error}")));
    }
    let verifier = server_final.split(',').next().and_then(|it| it.strip_prefix("v="));
    let verifier = verifier.and_then(|it| BASE64.decode(it).ok());
    if verifier.as_deref() == Some(expected) {
        return Ok(());
    }
    Err(SaslError::Server("the server does not know the password: it may be another one".into()))
}

fn broken(what: &str) -> SaslError {
    SaslError::Server(format!("the server broke the rules of SCRAM: {what}"))
}

/// RFC 5802 §5.1: `,` and `=` in names.
fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The mappings of SASLprep (RFC 4013 §2.1, §2.2): what is invisible goes, all spaces are one,
/// then NFKC. What it prohibits is left to the server to refuse.
fn prepared(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let is_nothing = |it: &char| {
        matches!(it, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}'
        | '\u{2060}' | '\u{feff}' | '\u{180b}'..='\u{180d}' | '\u{fe00}'..='\u{fe0f}')
    };
    let one_space = |it: char| if it.is_whitespace() && !it.is_control() { ' ' } else { it };
    text.chars().filter(|it| !is_nothing(it)).map(one_space).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn begun() -> Scram {
        let secret = Secret::new("pencil".into());
        let mut scram = Scram::new("user", None, &secret, "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.respond(b"").unwrap(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        scram
    }

    #[test]
    fn the_example_of_the_standard() {
        // RFC 7677 §3.
        let mut scram = begun();
        let last = scram.respond(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(last).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(!scram.is_proven());
        assert_eq!(scram.respond(SERVER_FINAL.as_bytes()).unwrap(), b"");
        assert!(scram.is_proven());
        assert!(scram.respond(b"v=again").is_err());
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        for last in ["v=AAAA", "v=", "", "e=invalid-proof", "v=6rriTRBi23WpRR/wtup+mMhUZUn"] {
            let mut scram = begun();
            scram.respond(SERVER_FIRST.as_bytes()).unwrap();
            assert!(matches!(scram.respond(last.as_bytes()), Err(SaslError::Server(_))), "{last}");
            assert!(!scram.is_proven());
        }
    }

    #[test]
    fn challenges_that_break_the_rules() {
        let ours = "rOprNGfwEbeRWgbNEkqO";
        for bad in [
            "",
            "e=unknown-user",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            &format!("r={ours},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            &format!("r={ours}x,s=,i=4096"),
            &format!("r={ours}x,s=!,i=4096"),
            &format!("r={ours}x,s=W22Z,i=1"),
            &format!("r={ours}x,s=W22Z,i=4294967295"),
            &format!("r={ours}x,s=W22Z,i=x"),
            &format!("r={ours}x,s=W22Z"),
            &format!("m=ext,r={ours}x,s=W22Z,i=4096"),
        ] {
            assert!(begun().respond(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(begun().respond(b"\xff").is_err());
    }

    #[test]
    fn names_are_escaped_and_prepared() {
        let secret = Secret::new("x".into());
        let mut scram = Scram::new("a=b,c", Some("d,e"), &secret, "n");
        assert_eq!(scram.respond(b"").unwrap(), b"n,a=d=2Ce,n=a=3Db=2Cc,r=n");
        // RFC 4013 §3.
        for (text, want) in
            [("I\u{ad}X", "IX"), ("\u{aa}", "a"), ("\u{2168}", "IX"), ("a\u{a0}b", "a b")]
        {
            assert_eq!(prepared(text), want);
        }
    }
}
