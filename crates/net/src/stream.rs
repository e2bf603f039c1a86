//! One connection as a stream of bytes: buffered, with a deadline on every wait, optionally
//! encrypted and compressed.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::accept::TlsServer;
use crate::connect::dial;
use crate::deflate::Deflate;
use crate::error::{NetError, NetErrorKind};
use crate::tls::{TlsClient, TlsSummary, Warning, summary};

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// The same for connections that others made, of which there may be many.
const ACCEPTED_BUFFER_BYTES: usize = 32 << 10;
/// From this length on, bytes go straight to where the caller wants them.
const DIRECT_BYTES: usize = 64 << 10;

/// Host and port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Server {
    /// A name or an address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl Server {
    /// Whether the name can only mean this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            // RFC 6761 §6.3: resolvers answer these with loopback addresses.
            Err(_) => {
                let host = self.host.trim_end_matches('.').to_ascii_lowercase();
                host == "localhost" || host.ends_with(".localhost")
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How long waits may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// Look-up of the name and TCP connection together; the TLS handshake has as long again.
    pub connect: Duration,
    /// One wait for bytes to come, or to go.
    pub idle: Duration,
}

/// Bytes that went over a connection, as the protocol sees them: not compressed, not encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// From the server.
    pub received: u64,
    /// To the server.
    pub sent: u64,
}

/// What a [`Stream`] can run over: a socket, or one end of a pipe in tests.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for T {}

pub(crate) type BoxedIo = Box<dyn ByteStream>;

/// A connection to a server.
///
/// After an error nothing is known of the stream: drop it.
pub struct Stream {
    io: BoxedIo,
    server: Server,
    deadlines: Deadlines,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    deflate: Option<Box<Deflate>>,
    tls: Option<TlsSummary>,
    warnings: Vec<Warning>,
    counters: Counters,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("server", &self.server)
            .field("tls", &self.tls)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// Connects without encryption.
    pub async fn connect(server: &Server, deadlines: Deadlines) -> Result<Stream, NetError> {
        let tcp = dial(server, deadlines.connect).await?;
        Ok(Stream::over(tcp, server.clone(), deadlines))
    }

    /// Takes a connection that was made in another way.
    pub fn over(io: impl ByteStream, server: Server, deadlines: Deadlines) -> Stream {
        Stream {
            io: Box::new(io),
            server,
            deadlines,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            deflate: None,
            tls: None,
            warnings: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Takes a connection that somebody made to us; `peer` is where it comes from.
    pub fn accepted(io: impl ByteStream, peer: Server, deadlines: Deadlines) -> Stream {
        let mut stream = Stream::over(io, peer, deadlines);
        stream.buffer = vec![0; ACCEPTED_BUFFER_BYTES];
        stream
    }

    /// Encrypts a connection that was accepted, with our certificate: from its start, or after we
    /// agreed to STARTTLS. The handshake has the deadline for connecting.
    ///
    /// Fails with [`NetErrorKind::Tls`] when bytes have already come: somebody else may have put
    /// them there, to be taken for what the client says encrypted (RFC 3207 §6). None of them is
    /// ever read.
    pub async fn accept_tls(mut self, server: &TlsServer) -> Result<Stream, NetError> {
        let injected = self.buffered().len();
        if injected > 0 || self.deflate.is_some() {
            let message = format!("{} sent {injected} bytes in clear before TLS", self.server);
            return Err(NetError::new(NetErrorKind::Tls, message)
                .hint_is("The client is broken, or somebody changes what it sends."));
        }
        let handshake = server.handshake(self.io, &self.server);
        let Ok(encrypted) = timeout(self.deadlines.connect, handshake).await else {
            return Err(NetError::timeout("TLS handshake", &self.server));
        };
        let (io, version) = encrypted?;
        self.tls = Some(TlsSummary { version, fingerprint: None });
        self.io = io;
        Ok(self)
    }

    /// Encrypts the connection: from its start, or after the server agreed to STARTTLS.
    ///
    /// Fails with [`NetErrorKind::Tls`] when bytes have already come that the server should only
    /// send encrypted: somebody else may have put them there, to be taken for its answers
    /// (RFC 9051 §11.3 speaks of it). None of them is ever read.
    pub async fn start_tls(mut self, client: &TlsClient) -> Result<Stream, NetError> {
        let injected = self.buffered().len();
        if injected > 0 || self.deflate.is_some() {
            let message = format!(
                "{} sent {injected} bytes in clear after it agreed to encrypt",
                self.server
            );
            return Err(NetError::new(NetErrorKind::Tls, message).hint_is(
                "The server is broken, or somebody changes what it sends. Use TLS from the first \
                 byte (imaps://, pop3s://) if the server offers it.",
            ));
        }
        let handshake = client.handshake(self.io, &self.server);
        let Ok(encrypted) = timeout(self.deadlines.connect, handshake).await else {
            return Err(NetError::timeout("TLS handshake", &self.server).hint_is(
                "Check the port: servers encrypt from the start on one port (imaps://, pop3s://) \
                 and after STARTTLS on another (imap://, pop3://).",
            ));
        };
        let encrypted = encrypted?;
        let tls = summary(&encrypted);
        self.warnings.extend(client.warning(&self.server, &tls));
        self.tls = Some(tls);
        self.io = Box::new(encrypted);
        Ok(self)
    }

    /// Compresses both directions from here on (RFC 4978). What is buffered is compressed
    /// already: the caller has taken everything up to the server's agreement.
    pub fn start_deflate(&mut self) {
        self.deflate = Some(Box::new(Deflate::new(self.buffered())));
        self.start = self.end;
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How it is encrypted, or `None`.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsSummary> {
        self.tls.as_ref()
    }

    /// Whether it is compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// What its owner must be told of it.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.warnings.clone();
        if self.tls.is_none() && !self.server.is_loopback() {
            warnings.push(Warning::Plaintext { server: self.server.clone() });
        }
        warnings
    }

    /// What has gone over it.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The bytes that have come and were not consumed.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Passes over the first `n` buffered bytes.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Waits for more bytes, and returns all that are buffered.
    ///
    /// The end of the stream is an error of kind [`NetErrorKind::Reset`]: every protocol here
    /// says goodbye first. The buffer never grows: a caller takes what there is before it asks
    /// for more.
    pub async fn fill(&mut self) -> Result<&[u8], NetError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        assert!(!room.is_empty(), "the caller consumes before it asks for more");
        let n = match &mut self.deflate {
            None => receive(&mut self.io, room, self.deadlines.idle, &self.server).await?,
            Some(deflate) => {
                inflate(&mut self.io, deflate, room, self.deadlines.idle, &self.server).await?
            }
        };
        self.counters.received += n as u64;
        self.end += n;
        Ok(self.buffered())
    }

    /// Appends the next `n` bytes to `out`.
    ///
    /// On an error `out` holds what had come. Long runs are read straight into `out`.
    pub async fn read_into(&mut self, out: &mut Vec<u8>, n: usize) -> Result<(), NetError> {
        let mut missing = n;
        out.reserve_exact(n);
        loop {
            let ready = self.buffered();
            let take = ready.len().min(missing);
            out.extend_from_slice(ready.get(..take).unwrap_or_default());
            self.consume(take);
            missing -= take;
            if missing == 0 {
                return Ok(());
            }
            if missing >= DIRECT_BYTES && self.deflate.is_none() {
                missing -= self.read_some_into(out, missing).await?;
            } else {
                self.fill().await?;
            }
        }
    }

    async fn read_some_into(&mut self, out: &mut Vec<u8>, n: usize) -> Result<usize, NetError> {
        let mut limited = (&mut self.io).take(n as u64);
        let read = timeout(self.deadlines.idle, limited.read_buf(out)).await;
        let n = arrived(read, &self.server)?;
        self.counters.received += n as u64;
        Ok(n)
    }

    /// Passes over the next `n` bytes.
    pub async fn skip(&mut self, n: u64) -> Result<(), NetError> {
        let mut missing = n;
        loop {
            let take = u64::try_from(self.buffered().len()).unwrap_or(u64::MAX).min(missing);
            self.consume(usize::try_from(take).unwrap_or(usize::MAX));
            missing -= take;
            if missing == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    /// Sends all of `bytes`, now.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        let compressed = match &mut self.deflate {
            None => None,
            Some(deflate) => {
                Some(deflate.compress(bytes).map_err(|cause| NetError::io(cause, &self.server))?)
            }
        };
        let io = &mut self.io;
        let sent = timeout(self.deadlines.idle, async {
            io.write_all(compressed.as_deref().unwrap_or(bytes)).await?;
            io.flush().await
        });
        match sent.await {
            Err(_) => return Err(NetError::timeout("sending", &self.server)),
            Ok(Err(cause)) => return Err(NetError::io(cause, &self.server)),
            Ok(Ok(())) => self.counters.sent += bytes.len() as u64,
        }
        Ok(())
    }

    /// Ends the connection; what the peer still sends is lost.
    pub async fn shut_down(mut self) {
        // There is nobody left to tell about a failure here.
        let _ = timeout(self.deadlines.idle, self.io.shutdown()).await;
    }
}

type TimedRead = Result<std::io::Result<usize>, tokio::time::error::Elapsed>;

fn arrived(read: TimedRead, server: &Server) -> Result<usize, NetError> {
    match read {
        Err(_) => Err(NetError::timeout("reading", server)),
        Ok(Err(cause)) => Err(NetError::io(cause, server)),
        Ok(Ok(0)) => Err(NetError::closed(server)),
        Ok(Ok(n)) => Ok(n),
    }
}

async fn receive(
    io: &mut BoxedIo,
    room: &mut [u8],
    idle: Duration,
    server: &Server,
) -> Result<usize, NetError> {
    arrived(timeout(idle, io.read(room)).await, server)
}

async fn inflate(
    io: &mut BoxedIo,
    deflate: &mut Deflate,
    room: &mut [u8],
    idle: Duration,
    server: &Server,
) -> Result<usize, NetError> {
    loop {
        let n = deflate.inflate_into(room).map_err(|cause| NetError::io(cause, server))?;
        if n > 0 {
            return Ok(n);
        }
        arrived(timeout(idle, io.read_buf(deflate.room())).await, server)?;
    }
}
