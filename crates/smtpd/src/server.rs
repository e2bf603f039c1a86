//! Conversations over sockets: who may connect, how long everything may take, and how it stops.
//!
//! Rules:
//! - Every wait has an end: for bytes, for a message, for a conversation, for the delivery.
//! - A conversation that fails, or a delivery that panics, ends that connection and no other.
//! - When it stops, nothing new begins; a message that is under way is given
//!   [`Limits::stop`](crate::Limits::stop) to end.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use net::{Deadlines, Listener, NetError, NetErrorKind, Stream, TlsServer};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::delivery::{
    Delivery, Incoming, LoginVerdict, Logins, Outcome, RecipientVerdict, Refusal,
};
use crate::session::{Config, Session, StartTls, Step};

/// The TLS handshake may take so long.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// A connection that there is no room for is told so within this time, or not at all.
const REFUSAL: Duration = Duration::from_secs(1);

/// How connections at one address are encrypted.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// Not at all.
    Clear,
    /// In clear until the client asks for TLS (RFC 3207).
    StartTls(TlsServer),
    /// From the start (RFC 8314 §3).
    FromStart(TlsServer),
}

/// Receives mail at one address.
#[derive(Debug)]
pub struct Server<D, L> {
    shared: Arc<Shared<D, L>>,
    stop: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Shared<D, L> {
    config: Arc<Config>,
    encryption: Encryption,
    delivery: D,
    logins: L,
}

impl<D: Delivery, L: Logins> Server<D, L> {
    /// A server by these rules that stops when `stop` becomes true, or its sender is gone.
    /// What `config` says of STARTTLS is replaced by what `encryption` can do.
    pub fn new(
        mut config: Config,
        encryption: Encryption,
        delivery: D,
        logins: L,
        stop: watch::Receiver<bool>,
    ) -> Server<D, L> {
        config.start_tls = match encryption {
            Encryption::StartTls(_) => StartTls::Offered,
            Encryption::Clear | Encryption::FromStart(_) => StartTls::Absent,
        };
        let config = Arc::new(config);
        Server { shared: Arc::new(Shared { config, encryption, delivery, logins }), stop }
    }

    /// Receives mail until it is stopped. Returns when the last conversation has ended.
    pub async fn run(mut self, listener: Listener) {
        let limits = self.shared.config.limits.clone();
        let deadlines = Deadlines { connect: HANDSHAKE, idle: limits.idle };
        let mut tasks = JoinSet::new();
        let mut clients: HashMap<Id, IpAddr> = HashMap::new();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => break,
                Some(ended) = tasks.join_next_with_id() => {
                    clients.remove(&match ended {
                        Ok((id, ())) => id,
                        Err(failed) => failed.id(),
                    });
                }
                (stream, peer) = listener.accept(deadlines) => {
                    let client = peer.ip().to_canonical();
                    let same = clients.values().filter(|it| **it == client).count();
                    let full = limits.connections_max <= clients.len()
                        || limits.connections_per_address_max <= same;
                    if full {
                        self.refuse(stream).await;
                        continue;
                    }
                    let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
                    let task = tasks.spawn(converse(shared, stream, peer, stop));
                    clients.insert(task.id(), client);
                }
            }
        }
        drop(listener);
        let drained = timeout(limits.stop, async { while tasks.join_next().await.is_some() {} });
        if drained.await.is_err() {
            debug!(n_connections = tasks.len(), "conversations were cut off");
        }
        tasks.shutdown().await;
    }

    async fn refuse(&self, mut stream: Stream) {
        if !matches!(self.shared.encryption, Encryption::FromStart(_)) {
            let name = &self.shared.config.host_name;
            let text = format!("421 {name} has too many connections, try again later\r\n");
            // Whoever does not listen learns it from the end of the connection.
            let _ = timeout(REFUSAL, stream.write(text.as_bytes())).await;
        }
    }
}

/// Ends when the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could stop us is gone: that is a stop as well.
    let _ = stop.wait_for(|it| *it).await;
}

async fn converse<D: Delivery, L: Logins>(
    shared: Arc<Shared<D, L>>,
    stream: Stream,
    peer: SocketAddr,
    stop: watch::Receiver<bool>,
) {
    let client = peer.ip();
    let ended = match &shared.encryption {
        Encryption::FromStart(tls) => match stream.accept_tls(tls).await {
            Ok(stream) => Conversation::new(&shared, &stream, client, stop).run(stream).await,
            Err(error) => Err(error),
        },
        _ => Conversation::new(&shared, &stream, client, stop).run(stream).await,
    };
    match ended {
        Ok(()) => debug!(%client, "a conversation ended"),
        Err(error) => debug!(%client, %error, "a conversation was cut"),
    }
}

/// One connection.
struct Conversation<'a, D: Delivery, L> {
    shared: &'a Shared<D, L>,
    session: Session,
    incoming: Option<D::Incoming>,
    stop: watch::Receiver<bool>,
    ends: Instant,
    message_ends: Instant,
}

impl<'a, D: Delivery, L: Logins> Conversation<'a, D, L> {
    fn new(
        shared: &'a Shared<D, L>,
        stream: &Stream,
        client: IpAddr,
        stop: watch::Receiver<bool>,
    ) -> Conversation<'a, D, L> {
        let tls = stream.tls().map(|it| it.version);
        let session = Session::new(Arc::clone(&shared.config), client, tls);
        let ends = Instant::now() + shared.config.limits.session;
        Conversation { shared, session, incoming: None, stop, ends, message_ends: ends }
    }

    async fn run(mut self, mut stream: Stream) -> Result<(), NetError> {
        loop {
            let (taken, step) = self.session.step(stream.buffered());
            stream.consume(taken);
            match step {
                Step::Answered => (),
                Step::Input => {
                    self.send(&mut stream).await?;
                    self.wait(&mut stream).await?;
                }
                Step::Close => {
                    self.send(&mut stream).await?;
                    stream.shut_down().await;
                    return Ok(());
                }
                Step::StartTls => {
                    self.send(&mut stream).await?;
                    match &self.shared.encryption {
                        Encryption::StartTls(tls) if stream.buffered().is_empty() => {
                            stream = stream.accept_tls(tls).await?;
                            self.session.encrypted(stream.tls().map_or("TLS", |it| it.version));
                        }
                        _ => self.session.injected(),
                    }
                }
                other => self.deliver(other).await,
            }
        }
    }

    /// Sends what was answered, after the pause that errors cost.
    async fn send(&mut self, stream: &mut Stream) -> Result<(), NetError> {
        let pause = self.session.take_pause();
        if !pause.is_zero() {
            tokio::select! {
                () = sleep(pause) => (),
                () = stopped(&mut self.stop) => (),
            }
        }
        let output = self.session.take_output();
        if output.is_empty() { Ok(()) } else { stream.write(&output).await }
    }

    /// Waits for bytes; ends the conversation when it takes too long or the server stops.
    async fn wait(&mut self, stream: &mut Stream) -> Result<(), NetError> {
        let in_message = self.session.is_in_message();
        let ends = if in_message { self.message_ends } else { self.ends };
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.session.time_out();
            return Ok(());
        }
        let filled = tokio::select! {
            biased;
            () = stopped(&mut self.stop), if !in_message => {
                self.session.stop();
                return Ok(());
            }
            filled = timeout(left, stream.fill()) => filled,
        };
        match filled {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if *error.kind() != NetErrorKind::Timeout => Err(error),
            Ok(Err(_)) | Err(_) => {
                self.session.time_out();
                Ok(())
            }
        }
    }

    /// Asks the caller what the protocol wants to know.
    async fn deliver(&mut self, step: Step) {
        let Shared { delivery, logins, config, .. } = self.shared;
        let limit = config.limits.delivery;
        match step {
            Step::Recipient(address) => {
                let verdict = within(limit, delivery.recipient(&address)).await;
                self.session.recipient_is(verdict.unwrap_or(RecipientVerdict::NotNow));
            }
            Step::Login(credentials) => {
                let verdict = within(limit, logins.check(credentials)).await;
                self.session.login_is(verdict.unwrap_or(LoginVerdict::NotNow));
            }
            Step::Begin(envelope) => {
                self.message_ends = Instant::now() + config.limits.message;
                let begun = if *self.stop.borrow() {
                    Err(Refusal::Stopping)
                } else {
                    let begun = within(limit, delivery.begin(*envelope)).await;
                    begun.unwrap_or(Err(Refusal::NotNow))
                };
                self.session.begun(begun.map(|it| self.incoming = Some(it)));
            }
            Step::Piece(bytes) => {
                let Some(mut incoming) = self.incoming.take() else { return };
                let taken = within(limit, incoming.piece(&bytes)).await;
                match taken.unwrap_or(Err(Refusal::NotNow)) {
                    Ok(()) => self.incoming = Some(incoming),
                    Err(refusal) => self.session.fail(refusal),
                }
            }
            Step::End => {
                let outcome = match self.incoming.take() {
                    Some(incoming) => within(limit, incoming.finish()).await,
                    None => None,
                };
                self.session.finished(outcome.unwrap_or(Outcome::Refused(Refusal::NotNow)));
            }
            Step::Abandon => self.incoming = None,
            Step::Input | Step::Answered | Step::StartTls | Step::Close => (),
        }
    }
}

/// The answer of the caller, or `None` when it took too long.
async fn within<T>(limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
    timeout(limit, answer).await.ok()
}
