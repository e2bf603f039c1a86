//! A server that runs, with a delivery that keeps messages in memory, and a plain client.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::{Listener, TlsServer};
use sha2::{Digest, Sha256};
use smtpd::{
    Access, BareLineEnds, ClearLogin, Config, Credentials, Delivery, Encryption, Envelope,
    Incoming, Limits, LoginVerdict, Logins, Outcome, Policy, RecipientVerdict, Recipients, Refusal,
    Server, StartTls, TlsRule,
};
use tempfile::TempDir;
use testkit::certificates::{Certificates, ServerCertificate};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use types::BlobId;

/// What a server is like.
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) tls_from_start: bool,
    pub(crate) outcome: Option<Refusal>,
    pub(crate) takes_for_ever: bool,
}

/// Everybody on loopback may send anything; STARTTLS is there.
pub(crate) fn options() -> Options {
    let policy = Policy {
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        access: Access::Network,
        tls: TlsRule::Optional,
        clear_login: ClearLogin::Never,
        senders: vec!["*".parse().unwrap()],
        recipients: Recipients::Any,
        bare_line_ends: BareLineEnds::Keep,
    };
    let limits = Limits { error_pause: Duration::ZERO, ..Limits::default() };
    let config =
        Config { host_name: "mx.test".into(), start_tls: StartTls::Absent, policy, limits };
    Options { config, tls_from_start: false, outcome: None, takes_for_ever: false }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) dir: TempDir,
    stop: watch::Sender<bool>,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    messages: Mutex<BTreeMap<[u8; 32], Vec<u8>>>,
    envelopes: Mutex<Vec<Envelope>>,
    outcome: Mutex<Option<Refusal>>,
    takes_for_ever: bool,
    n_refused: AtomicUsize,
}

impl Running {
    pub(crate) async fn start(options: Options) -> Running {
        let dir = TempDir::new().unwrap();
        let pki = Certificates::new(ServerCertificate::Valid);
        let [certificate, key, ca] =
            ["server.pem", "server.key", "ca.pem"].map(|it| dir.path().join(it));
        std::fs::write(&certificate, &pki.server_pem).unwrap();
        std::fs::write(&key, &pki.key_pem).unwrap();
        std::fs::write(&ca, &pki.ca_pem).unwrap();
        let tls = TlsServer::from_files(&certificate, &key).unwrap();
        let encryption = if options.tls_from_start {
            Encryption::FromStart(tls)
        } else {
            Encryption::StartTls(tls)
        };
        let kept = Arc::new(Kept {
            outcome: Mutex::new(options.outcome),
            takes_for_ever: options.takes_for_ever,
            ..Kept::default()
        });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        let (stop, stopped) = watch::channel(false);
        let server =
            Server::new(options.config, encryption, Memory(Arc::clone(&kept)), Open, stopped);
        let task = Mutex::new(Some(tokio::spawn(server.run(listener))));
        Running { address, dir, stop, task, kept }
    }

    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap().take().unwrap();
        task.await.unwrap();
    }

    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        self.kept.messages.lock().unwrap().values().cloned().collect()
    }

    pub(crate) fn envelopes(&self) -> Vec<Envelope> {
        self.kept.envelopes.lock().unwrap().clone()
    }

    /// How often a message was made durable, the same one counted again.
    pub(crate) fn n_delivered(&self) -> usize {
        self.kept.envelopes.lock().unwrap().len()
    }

    /// From now on messages are stored.
    pub(crate) fn recover(&self) {
        *self.kept.outcome.lock().unwrap() = None;
    }

    pub(crate) fn n_refused(&self) -> usize {
        self.kept.n_refused.load(Ordering::Relaxed)
    }

    pub(crate) async fn until_delivered(&self, n: usize) {
        while self.n_delivered() < n {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct Memory(Arc<Kept>);

struct InMemory {
    kept: Arc<Kept>,
    envelope: Envelope,
    bytes: Vec<u8>,
}

impl Delivery for Memory {
    type Incoming = InMemory;

    async fn recipient(&self, _: &str) -> RecipientVerdict {
        RecipientVerdict::Known
    }

    async fn begin(&self, envelope: Envelope) -> Result<InMemory, Refusal> {
        Ok(InMemory { kept: Arc::clone(&self.0), envelope, bytes: Vec::new() })
    }
}

impl Incoming for InMemory {
    async fn piece(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        assert!(bytes.len() <= 64 << 10, "pieces are small");
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    async fn finish(self) -> Outcome {
        if self.kept.takes_for_ever {
            pending::<()>().await;
        }
        if let Some(refusal) = *self.kept.outcome.lock().unwrap() {
            self.kept.n_refused.fetch_add(1, Ordering::Relaxed);
            return Outcome::Refused(refusal);
        }
        let id: [u8; 32] = Sha256::digest(&self.bytes).into();
        self.kept.messages.lock().unwrap().insert(id, self.bytes);
        self.kept.envelopes.lock().unwrap().push(self.envelope);
        Outcome::Durable(BlobId(id))
    }
}

/// `mx` with `open sesame` may log in.
struct Open;

impl Logins for Open {
    async fn check(&self, credentials: Credentials) -> LoginVerdict {
        let right = credentials.name == "mx" && credentials.password.declassify() == "open sesame";
        if right { LoginVerdict::Right } else { LoginVerdict::Wrong }
    }
}

/// A client that sees codes.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) async fn open(server: &Running) -> Client {
        Client::to(server.address).await
    }

    pub(crate) async fn to(address: SocketAddr) -> Client {
        Client(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// With the greeting read.
    pub(crate) async fn connect(server: &Running) -> Client {
        let mut client = Client::open(server).await;
        assert_eq!(client.answer().await, "220");
        client
    }

    /// Up to DATA.
    pub(crate) async fn begin(&mut self) {
        for line in ["EHLO a\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<a@example.org>\r\n"] {
            assert_eq!(self.ask(line).await, "250", "{line}");
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The code of the next answer; nothing when the connection has ended.
    pub(crate) async fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.is_err() || line.is_empty() {
                return String::new();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line[..3].to_owned();
            }
        }
    }

    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.answer().await
    }
}
