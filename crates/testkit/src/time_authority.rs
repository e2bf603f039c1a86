//! A time-stamp authority of `openssl ts`, with a certificate authority above it, for tests.
//!
//! What it is not: an authority. Its keys lie in a temporary directory, and it stamps whatever
//! comes, also by certificates that may not.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use crate::peers::{left_out, program};

/// What the certificate of an authority is like.
#[derive(Clone, Copy, Debug)]
pub struct AuthorityOptions {
    /// The kind of key: `rsa`, `prime256v1`, `secp384r1`.
    pub key: &'static str,
    /// The hash that it signs with.
    pub digest: &'static str,
    /// The hash by which it names its certificate.
    pub names_by: &'static str,
    /// What its key may be used for.
    pub usage: &'static str,
    /// From when its certificate counts, and to when.
    pub valid: (&'static str, &'static str),
    /// Hashes that it stamps.
    pub stamps: &'static str,
}

impl Default for AuthorityOptions {
    fn default() -> AuthorityOptions {
        AuthorityOptions {
            key: "prime256v1",
            digest: "sha256",
            names_by: "sha256",
            usage: "critical,timeStamping",
            valid: ("20200101000000Z", "20990101000000Z"),
            stamps: "sha256",
        }
    }
}

/// An authority. Its files go with it.
#[derive(Debug)]
pub struct TimeAuthority {
    dir: TempDir,
    is_allowed: bool,
}

impl TimeAuthority {
    /// Makes one; `None`, and a line about it, where there is no `openssl`.
    ///
    /// # Panics
    /// When `openssl` does something else than it should.
    #[must_use]
    pub fn new_or_leave_out(options: &AuthorityOptions) -> Option<TimeAuthority> {
        if program("openssl").is_none() {
            left_out("openssl is not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let is_allowed = options.usage == AuthorityOptions::default().usage;
        let made = TimeAuthority { dir, is_allowed };
        made.write("index.txt", "");
        made.write("serial", "1000\n");
        made.write("ts-serial", "01\n");
        made.write("openssl.cnf", &config(options));
        for name in ["root", "between", "signer"] {
            made.key(name, options.key);
        }
        let root = "req -x509 -new -config openssl.cnf -key root.key -subj /CN=Root -days 3650 \
                    -extensions authority -out root.pem";
        made.openssl(root);
        made.request("between", "Between");
        made.signed("between", "root", "authority", options.valid);
        made.request("signer", "Stamps");
        made.signed("signer", "between", "stamps", options.valid);
        let certificates = ["between.pem", "root.pem"].map(|it| made.read(it)).concat();
        made.write("chain.pem", &String::from_utf8(certificates).unwrap());
        Some(made)
    }

    /// The certificate that everything leads to, in PEM.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.path("root.pem")
    }

    /// The answer to a request.
    ///
    /// # Panics
    /// When `openssl` does something else than it should.
    #[must_use]
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        fs::write(self.path("request"), request).unwrap();
        self.openssl("ts -reply -config openssl.cnf -queryfile request -out answer");
        self.read("answer")
    }

    /// A token that says what this one says, signed by the key of this authority, whatever it may
    /// be used for.
    ///
    /// # Panics
    /// When `openssl` does something else than it should.
    #[must_use]
    pub fn signed_again(&self, token: &[u8]) -> Vec<u8> {
        fs::write(self.path("other"), token).unwrap();
        self.openssl("cms -verify -noverify -inform DER -in other -out info");
        self.openssl(
            "cms -sign -binary -nodetach -nosmimecap -cades -md sha256 -outform DER -in info -out \
             again -signer signer.pem -inkey signer.key -certfile chain.pem -econtent_type \
             1.2.840.113549.1.9.16.1.4",
        );
        self.read("again")
    }

    /// What `openssl ts -verify` says of a token over these bytes: whether it holds.
    ///
    /// # Panics
    /// When `openssl` cannot be started.
    #[must_use]
    pub fn accepts(&self, token: &[u8], data: &[u8]) -> bool {
        fs::write(self.path("token"), token).unwrap();
        fs::write(self.path("data"), data).unwrap();
        let line =
            "ts -verify -token_in -in token -data data -CAfile root.pem -untrusted chain.pem";
        self.command(line).output().unwrap().status.success()
    }

    /// Answers by HTTP until the process ends, and gives its address. `spoil` may change answers.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn serve(self: &Arc<Self>, spoil: fn(Vec<u8>) -> Vec<u8>) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let url = format!("http://{}/tsa", listener.local_addr().expect("an address"));
        let authority = Arc::clone(self);
        let one_at_a_time = Arc::new(Mutex::new(()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _one = one_at_a_time.lock();
                // A client that went away is no concern of the authority.
                drop(converse(&authority, &stream, spoil));
            }
        });
        url
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(line.split_whitespace()).current_dir(self.dir.path());
        command
    }

    fn openssl(&self, line: &str) {
        let output = self.command(line).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        // An answer that refuses is an answer.
        assert!(output.status.success() || line.contains("-reply"), "openssl {line}: {told}");
        assert!(self.is_allowed || !line.contains("-reply"), "this authority answers nothing");
    }

    fn key(&self, name: &str, kind: &str) {
        let line = match kind {
            "rsa" => format!("genrsa -out {name}.key 2048"),
            curve => format!("ecparam -genkey -noout -name {curve} -out {name}.key"),
        };
        self.openssl(&line);
    }

    fn request(&self, name: &str, subject: &str) {
        self.openssl(&format!(
            "req -new -config openssl.cnf -key {name}.key -subj /CN={subject} -out {name}.csr"
        ));
    }

    fn signed(&self, name: &str, by: &str, section: &str, valid: (&str, &str)) {
        // The authorities count whatever the certificate of the last one says.
        let (from, to) = match section {
            "stamps" => valid,
            _ => AuthorityOptions::default().valid,
        };
        self.openssl(&format!(
            "ca -batch -notext -config openssl.cnf -in {name}.csr -cert {by}.pem -keyfile {by}.key \
             -extensions {section} -startdate {from} -enddate {to} -out {name}.pem"
        ));
    }
}

fn config(options: &AuthorityOptions) -> String {
    let AuthorityOptions { digest, names_by, usage, stamps, .. } = options;
    format!(
        "[req]\ndistinguished_name = names\n[names]\n\
         [ca]\ndefault_ca = authority_of_tests\n\
         [authority_of_tests]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\n\
         default_md = sha256\npolicy = any\nunique_subject = no\n\
         [any]\ncommonName = supplied\n\
         [authority]\nbasicConstraints = critical,CA:true\nsubjectKeyIdentifier = hash\n\
         [stamps]\nbasicConstraints = CA:false\nsubjectKeyIdentifier = hash\n\
         extendedKeyUsage = {usage}\n\
         [tsa]\ndefault_tsa = time\n\
         [time]\nserial = ts-serial\nsigner_cert = signer.pem\ncerts = chain.pem\n\
         signer_key = signer.key\nsigner_digest = {digest}\ndefault_policy = 1.2.3.4\n\
         digests = {stamps}\naccuracy = secs:1, millisecs:500\nordering = no\ntsa_name = yes\n\
         ess_cert_id_chain = no\ness_cert_id_alg = {names_by}\n"
    )
}

fn converse(
    authority: &TimeAuthority,
    mut stream: &TcpStream,
    spoil: fn(Vec<u8>) -> Vec<u8>,
) -> std::io::Result<()> {
    let (mut bytes, mut block) = (Vec::new(), [0; 4096]);
    let (start, len) = loop {
        let n = stream.read(&mut block)?;
        bytes.extend_from_slice(&block[..n]);
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            assert!(head.contains("content-type: application/timestamp-query"), "{head}");
            let len = head.lines().find_map(|it| it.strip_prefix("content-length: "));
            break (end + 4, len.and_then(|it| it.parse::<usize>().ok()).unwrap_or(0));
        }
        if n == 0 {
            return Ok(());
        }
    };
    while bytes.len() < start + len {
        let n = stream.read(&mut block)?;
        bytes.extend_from_slice(&block[..n]);
    }
    let answer = spoil(authority.answer(&bytes[start..start + len]));
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n\
         Content-Length: {}\r\n\r\n",
        answer.len()
    )?;
    stream.write_all(&answer)
}

/// The token in an answer, as `openssl` finds it.
///
/// # Panics
/// When `openssl` does something else than it should.
#[must_use]
pub fn token_by_openssl(dir: &Path, answer: &[u8]) -> Vec<u8> {
    fs::write(dir.join("answer"), answer).unwrap();
    let args = ["ts", "-reply", "-in", "answer", "-token_out", "-out", "token"];
    let status = Command::new("openssl").args(args).current_dir(dir).status().unwrap();
    assert!(status.success(), "openssl finds no token");
    fs::read(dir.join("token")).unwrap()
}
