//! The server's end of the socket: commands of others, carried out here.
//!
//! Rules: who asks is known from the kernel; a command whose asker is gone goes on (what was
//! handed over is the server's), and only Ctrl-C ends it; nobody who reads slowly holds anybody
//! up; a command that panics fails alone.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commands::{Answer, ExitCode, Failure, FailureKind, Request};
use net::LocalPeer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use types::Secret;

use super::caught::caught;
use super::wire::{self, Command, ToCommand, ToServer};
use super::{apply, version};
use crate::cli::{self, Format, Invocation, Refused, Surroundings, Task};
use crate::context::Context;
use crate::progress::{Columns, Ends, Surface};
use crate::run::{self, Asker};

/// How long a command may take to say what it wants.
const HELLO_WAIT: Duration = Duration::from_secs(10);

/// The most of one frame of output, in bytes.
const OUT_BYTES_MAX: usize = 256 << 10;

/// Output that may wait for a slow reader, in bytes; one who leaves more has read enough.
const OUT_WAITING_MAX: usize = 16 << 20;

/// Likewise for standard error, which loses what is above: it is progress.
const ERR_WAITING_MAX: usize = 1 << 20;

/// Hears one command out, carries it out, and answers.
pub(super) async fn serve_peer(context: Context, peer: LocalPeer) {
    let whose = (peer.uid, peer.pid);
    let (mut reader, mut writer) = peer.stream.into_split();
    let heard = tokio::time::timeout(HELLO_WAIT, hear(&mut reader, &mut writer)).await;
    let Ok(Ok(Some(command))) = heard else { return };
    let (sender, receiver) = unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let writes = tokio::spawn(write_all(writer, receiver, Arc::clone(&waiting)));
    let outbox = Outbox { sender, waiting };
    let code = carry_out(context, command, whose, &outbox, reader).await;
    // Nobody is left to tell when the other end is closed.
    let _ = outbox.sender.send(ToCommand::End(code as u8));
    drop(outbox);
    let _ = writes.await;
}

/// Tells somebody that no command of theirs is taken.
pub(super) async fn turn_away(mut peer: LocalPeer, message: String, hint: &str) {
    let refused = ToCommand::Refused(message, Some(hint.to_owned()));
    let told = async {
        // A connection that is closed with something unread loses what was sent.
        let _ = wire::receive::<ToServer>(&mut peer.stream).await;
        wire::send(&mut peer.stream, &refused).await
    };
    // Nobody is left to tell when the other end is closed.
    let _ = tokio::time::timeout(HELLO_WAIT, told).await;
}

/// Versions first; then the command. `None` when the other end only wanted to know whether
/// somebody listens, or is of another version.
async fn hear(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<Option<Command>> {
    let Some(ToServer::Hello(its)) = wire::receive(reader).await? else { return Ok(None) };
    let ours = version();
    if its != ours {
        let message = format!("the server is posthold {ours}, and this command is posthold {its}");
        let hint = "Restart the server, so that both are of one version.".to_owned();
        wire::send(writer, &ToCommand::Refused(message, Some(hint))).await?;
        return Ok(None);
    }
    wire::send(writer, &ToCommand::Hello(ours)).await?;
    Ok(match wire::receive(reader).await? {
        Some(ToServer::Command(command)) => Some(command),
        _ => None,
    })
}

async fn carry_out(
    context: Context,
    command: Command,
    peer: (u32, Option<u32>),
    outbox: &Outbox,
    reader: impl AsyncRead + Unpin + Send + 'static,
) -> ExitCode {
    let Command { args, dir, out_columns, err_columns, place, secrets } = command;
    let wants_json = args.iter().any(|it| it == "--json");
    let typed = Handed { dir, secrets: Mutex::new(secrets.into()) };
    let ends = |out_columns: Option<u32>| Ends {
        out: Box::new(outbox.end(ToCommand::Out, Full::Ends)),
        err: Box::new(outbox.end(ToCommand::Err, Full::Loses)),
        out_columns: out_columns.and_then(|it| usize::try_from(it).ok()),
        err_columns: err_columns.map(columns),
    };
    let (request, format, reason) = match requested(args.clone(), &typed) {
        Ok(requested) => requested,
        Err(failure) => {
            let format = if wants_json { Format::Json } else { Format::Text };
            return Surface::new(format, ends(out_columns)).ended(&Err(failure));
        }
    };
    let surface = Arc::new(Surface::new(format, ends(out_columns)));
    let asker = Asker::of_peer(peer.0, peer.1, place, &args, reason);
    let context = Context { stop: context.stop.child(), asker, ..context };
    let listens = tokio::spawn(listen(reader, context.clone(), Arc::clone(&surface)));
    let ended = isolated(request, context, Arc::clone(&surface)).await;
    listens.abort();
    surface.ended(&ended)
}

/// Runs a command so that a panic of it is its own failure.
async fn isolated(
    request: Request,
    context: Context,
    surface: Arc<Surface>,
) -> Result<Answer, Failure> {
    match &context.serving {
        Some(serving) => {
            caught(Box::pin(apply::carry_out(serving, &context, request, &*surface))).await
        }
        None => run::boxed(request, &context, &*surface).await,
    }
}

fn columns(n_columns: u32) -> Columns {
    let n_columns = usize::try_from(n_columns).unwrap_or(usize::MAX);
    Box::new(move || n_columns)
}

/// Understands the arguments as the command did before it handed them over.
fn requested(
    args: Vec<OsString>,
    typed: &Handed,
) -> Result<(Request, Format, Option<String>), Failure> {
    let not_here = |what: &str| Err(Failure::new(FailureKind::Request, what));
    match cli::parse(args, typed) {
        Ok(Invocation { task: Task::Request(Request::Serve), .. }) => {
            not_here("the data directory is served already")
        }
        Ok(Invocation { task: Task::Request(request), format, reason, .. }) => {
            Ok((request, format, reason))
        }
        Ok(_) => not_here("this is nothing for a server"),
        Err(Refused::Request(failure)) => Err(failure),
        Err(Refused::Usage(error)) => {
            Err(Failure::new(FailureKind::Request, error.render().to_string().trim_end()))
        }
    }
}

/// Passes Ctrl-C on.
async fn listen(mut reader: impl AsyncRead + Unpin, context: Context, surface: Arc<Surface>) {
    while let Ok(Some(ToServer::Cancel)) = wire::receive(&mut reader).await {
        context.stop.cancel();
        surface.remark("Ending at the next batch; once more leaves it to the server.");
    }
}

/// What the command found out before it handed its arguments over.
struct Handed {
    dir: PathBuf,
    secrets: Mutex<VecDeque<Secret>>,
}

impl Surroundings for Handed {
    fn data_dir(&self) -> Option<PathBuf> {
        None
    }

    fn paths_from(&self) -> Option<&Path> {
        Some(&self.dir)
    }

    fn password(&self, _: Option<&Path>, _: &str) -> Result<Secret, Failure> {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets
            .pop_front()
            .ok_or_else(|| Failure::new(FailureKind::Internal, "a password was not handed over"))
    }
}

/// What goes to the command, in order.
#[derive(Clone)]
struct Outbox {
    sender: UnboundedSender<ToCommand>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
}

/// What happens to output when too much of it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Full {
    /// It is as if the reader had closed its end.
    Ends,
    /// It is lost.
    Loses,
}

struct End {
    outbox: Outbox,
    frame: fn(Vec<u8>) -> ToCommand,
    full: Full,
}

impl Outbox {
    fn end(&self, frame: fn(Vec<u8>) -> ToCommand, full: Full) -> End {
        End { outbox: self.clone(), frame, full }
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..OUT_BYTES_MAX).unwrap_or(bytes);
        let waiting = self.outbox.waiting.load(Ordering::Acquire);
        match self.full {
            Full::Ends if OUT_WAITING_MAX < waiting => {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Full::Loses if ERR_WAITING_MAX < waiting => return Ok(bytes.len()),
            _ => (),
        }
        self.outbox.waiting.fetch_add(bytes.len(), Ordering::AcqRel);
        let sent = self.outbox.sender.send((self.frame)(bytes.to_vec()));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn write_all(
    mut writer: impl AsyncWrite + Unpin,
    mut frames: UnboundedReceiver<ToCommand>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(frame) = frames.recv().await {
        let sent = wire::send(&mut writer, &frame).await;
        if sent.is_err() || matches!(frame, ToCommand::End(_)) {
            return;
        }
        if let ToCommand::Out(bytes) | ToCommand::Err(bytes) = frame {
            waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
        }
    }
}
