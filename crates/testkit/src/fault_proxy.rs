//! A bad wire, and a bad server, between a client and a real one.
//!
//! The proxy passes everything on until the faults that it was given strike: by bytes
//! ([`WireFault`]: cut, reset, stall, slow, lose) or by what IMAP says ([`ImapFault`]). A
//! [`FaultProxy::run_through`] with no faults counts the bytes of a session, so that a test can
//! strike at each of them. Counts are over all connections together since [`FaultProxy::set`].
//!
//! IMAP faults need a connection without TLS and without COMPRESS; a response is held until it
//! is whole. Threads and blocking sockets inside, so that every kind of client can be tested.

mod imap;
mod responses;

pub use imap::{ImapFault, ImapRule, Refusal};

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use imap::{ImapFaults, Rewriter, Verdict};
use responses::{CommandPiece, Commands};

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// What the client says.
    ToServer,
    /// What the server says.
    ToClient,
}

/// What happens to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireAction {
    /// It is closed in both directions, politely (FIN).
    Cut,
    /// It is reset (RST); what is under way to the client may be lost.
    Reset,
    /// Nothing comes any more in this direction, and nobody says why.
    Stall,
    /// This many bytes are lost, then it goes on.
    Lose(u64),
    /// From here on only this many bytes pass in a second, over all connections.
    Slow(u32),
}

/// A fault of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireFault {
    /// Bytes of which direction are counted, and meet the fault.
    pub direction: Direction,
    /// This many bytes pass; the next one meets the fault.
    pub after: u64,
    /// What happens.
    pub action: WireAction,
    /// How it goes on.
    pub then: Then,
}

/// What happens to connections made after one was cut, reset or stalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// They are fine: the fault strikes once.
    Fine,
    /// They meet the same at their first byte.
    Same,
}

/// The faults between a client and its server.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// By bytes.
    pub wire: Option<WireFault>,
    /// By what IMAP says. Each response meets the rules in this order.
    pub imap: Vec<ImapRule>,
}

impl From<WireFault> for Faults {
    fn from(fault: WireFault) -> Faults {
        Faults { wire: Some(fault), imap: Vec::new() }
    }
}

impl From<ImapRule> for Faults {
    fn from(rule: ImapRule) -> Faults {
        Faults { wire: None, imap: vec![rule] }
    }
}

/// What went through since the faults were set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Connections that clients made.
    pub connections: u32,
    /// Bytes that reached the server.
    pub to_server: u64,
    /// Bytes that reached the client.
    pub to_client: u64,
    /// How often a fault struck.
    pub struck: u32,
}

/// A proxy on a port of its own on loopback. Ends with the value, and its connections with it.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    session: Mutex<Arc<Session>>,
    stop: AtomicBool,
}

/// What holds from one [`FaultProxy::set`] to the next.
#[derive(Debug, Default)]
struct Session {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    wire: Option<WireFault>,
    wire_struck: bool,
    lose: u64,
    imap: ImapFaults,
    ended: bool,
    streams: Vec<TcpStream>,
}

impl FaultProxy {
    /// Starts a proxy before `server`, without faults.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start(server: SocketAddr) -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the proxy");
        let addr = listener.local_addr().expect("address of the proxy");
        let shared =
            Arc::new(Shared { server, session: Mutex::default(), stop: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        let listener = thread::spawn(move || accept(&listener, &accepting));
        FaultProxy { addr, shared, listener: Some(listener) }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends all connections, starts to count from zero, and sets the faults for those to come.
    pub fn set(&self, faults: impl Into<Faults>) {
        let Faults { wire, imap } = faults.into();
        let state = State { wire, imap: ImapFaults::new(imap), ..State::default() };
        let session = Session { state: Mutex::new(state), ended: Condvar::new() };
        let before = std::mem::replace(&mut *lock(&self.shared.session), Arc::new(session));
        before.end();
    }

    /// What went through since [`FaultProxy::set`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        let session = self.shared.session();
        let state = lock(&session.state);
        Counts { struck: u32::from(state.wire_struck) + state.imap.n_struck, ..state.counts }
    }

    /// Takes all faults away, runs `session` and gives what went through.
    pub fn run_through(&self, session: impl FnOnce()) -> Counts {
        self.set(Faults::default());
        session();
        self.counts()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.session().end();
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(self.addr));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn session(&self) -> Arc<Session> {
        Arc::clone(&lock(&self.session))
    }
}

impl Session {
    fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.ended.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Shared) {
    for client in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(client), Ok(server)) = (client, TcpStream::connect(shared.server)) else {
            continue;
        };
        let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
        let session = shared.session();
        let mut state = lock(&session.state);
        state.counts.connections += 1;
        state.streams.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
        drop(state);
        let wire = Arc::new(Wire { client, server, session, turn: Mutex::new(()) });
        let other = Arc::clone(&wire);
        thread::spawn(move || wire.run(Direction::ToServer));
        thread::spawn(move || other.run(Direction::ToClient));
    }
}

/// One connection.
struct Wire {
    client: TcpStream,
    server: TcpStream,
    session: Arc<Session>,
    /// Held while something whole is written to the client: both directions may.
    turn: Mutex<()>,
}

/// The connection carries nothing more in this direction.
struct Ended;

impl Wire {
    fn run(&self, direction: Direction) {
        let (from, to) = self.ends(direction);
        let mut block = vec![0; 32 << 10];
        let mut commands = Commands::default();
        let mut rewriter = Rewriter::default();
        loop {
            let n = match (&*from).read(&mut block) {
                Ok(0) | Err(_) => break,
                Ok(n) => n,
            };
            let bytes = &block[..n];
            let passed = match direction {
                _ if lock(&self.session.state).imap.is_empty() => self.forward(direction, bytes),
                Direction::ToServer => self.commands(&mut commands, bytes),
                Direction::ToClient => self.responses(&mut rewriter, bytes),
            };
            if passed.is_err() {
                // Take what still comes, so that closing does not turn into a reset.
                let _ = io::copy(&mut &*from, &mut io::sink());
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        }
    }

    fn commands(&self, commands: &mut Commands, bytes: &[u8]) -> Result<(), Ended> {
        for piece in commands.push(bytes) {
            let refusal = match &piece {
                CommandPiece::Start(line) => lock(&self.session.state).imap.refusal(line),
                CommandPiece::More(_) => None,
            };
            if refusal.is_some() {
                commands.swallow_current();
            }
            match refusal {
                Some(answer) if answer.ends => return self.say_and_end(&answer.bytes),
                Some(answer) => self.say(&answer.bytes)?,
                None if commands.is_swallowed(&piece) => (),
                None => self.forward(Direction::ToServer, piece.bytes())?,
            }
        }
        Ok(())
    }

    fn responses(&self, rewriter: &mut Rewriter, bytes: &[u8]) -> Result<(), Ended> {
        for response in rewriter.push(bytes) {
            let verdict = rewriter.judge(response, &mut lock(&self.session.state).imap);
            match verdict {
                Verdict::Say(bytes) => self.say(&bytes)?,
                Verdict::SayAndEnd(bytes) => return self.say_and_end(&bytes),
            }
        }
        Ok(())
    }

    fn say(&self, bytes: &[u8]) -> Result<(), Ended> {
        let _turn = lock(&self.turn);
        self.forward(Direction::ToClient, bytes)
    }

    fn say_and_end(&self, bytes: &[u8]) -> Result<(), Ended> {
        self.say(bytes)?;
        self.act(WireAction::Cut)
    }

    /// Passes `bytes` on, as far as the wire does.
    fn forward(&self, direction: Direction, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            let step = lock(&self.session.state).step(direction, bytes.len());
            let (now, rest) = bytes.split_at(step.pass);
            let (_, mut to) = self.ends(direction);
            to.write_all(now).map_err(|_| Ended)?;
            bytes = &rest[step.lose.min(rest.len())..];
            if let Some(wait) = step.wait {
                self.sleep(wait)?;
            }
            if let Some(action) = step.action {
                self.act(action)?;
            }
        }
        Ok(())
    }

    fn act(&self, action: WireAction) -> Result<(), Ended> {
        match action {
            WireAction::Cut => {
                let _ = self.client.shutdown(Shutdown::Write);
                let _ = self.server.shutdown(Shutdown::Both);
                Err(Ended)
            }
            WireAction::Reset => {
                // Linux resets a connection that is dissolved.
                let _ = rustix::net::connect_unspec(&self.client);
                let _ = self.server.shutdown(Shutdown::Both);
                Err(Ended)
            }
            WireAction::Stall => {
                let state = lock(&self.session.state);
                drop(self.session.ended.wait_while(state, |it| !it.ended));
                Err(Ended)
            }
            WireAction::Lose(_) | WireAction::Slow(_) => Ok(()),
        }
    }

    fn sleep(&self, wait: Duration) -> Result<(), Ended> {
        let state = lock(&self.session.state);
        match self.session.ended.wait_timeout_while(state, wait, |it| !it.ended) {
            Ok((state, _)) if !state.ended => Ok(()),
            _ => Err(Ended),
        }
    }
}

/// What to do with the next bytes.
#[derive(Default)]
struct Step {
    pass: usize,
    lose: usize,
    wait: Option<Duration>,
    action: Option<WireAction>,
}

impl State {
    fn step(&mut self, direction: Direction, len: usize) -> Step {
        let mut step = Step { pass: len, ..Step::default() };
        if let Some(fault) = self.wire.filter(|it| it.direction == direction) {
            self.meet(fault, len, &mut step);
        }
        let count = match direction {
            Direction::ToServer => &mut self.counts.to_server,
            Direction::ToClient => &mut self.counts.to_client,
        };
        *count += step.pass as u64;
        step
    }

    fn meet(&mut self, fault: WireFault, len: usize, step: &mut Step) {
        let count = match fault.direction {
            Direction::ToServer => self.counts.to_server,
            Direction::ToClient => self.counts.to_client,
        };
        let before = usize::try_from(fault.after.saturating_sub(count)).unwrap_or(usize::MAX);
        if !self.wire_struck && len <= before {
            return;
        }
        let first = !self.wire_struck;
        self.wire_struck = true;
        if first {
            step.pass = before;
        }
        match fault.action {
            WireAction::Lose(bytes) => {
                if first {
                    self.lose = bytes;
                }
                step.pass = if first { before } else { 0 };
                step.lose = usize::try_from(self.lose).unwrap_or(usize::MAX).min(len - step.pass);
                self.lose -= step.lose as u64;
                if !first && step.lose == 0 {
                    step.pass = len;
                }
            }
            WireAction::Slow(bytes_per_second) => {
                let piece = (bytes_per_second / 20).max(1);
                if !first {
                    step.pass = len.min(piece as usize);
                }
                step.wait = Some(Duration::from_millis(50));
            }
            action if first => step.action = Some(action),
            action if fault.then == Then::Same => {
                step.pass = 0;
                step.action = Some(action);
            }
            _ => (),
        }
    }
}
