//! Handing a command over to the server that owns the data directory.
//!
//! Rules: the command looks and ends as if it had run here; Ctrl-C is passed on; the server must
//! be of this version, and a process of root or of the directory's owner, for it is told
//! passwords.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;

use archiver::CancelToken;
use commands::{ExitCode, Failure, FailureKind};
use net::{LocalPeer, connect_local};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use types::Secret;

use super::wire::{self, Command, ToCommand, ToServer};
use super::{SOCKET, version};
use crate::context::DataDir;
use crate::progress::Ends;
use crate::run::Place;

/// Frames that may wait to be written here.
const FRAMES_WAITING_MAX: usize = 64;

/// A command as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    /// The arguments; the first is the program's name.
    pub(crate) args: Vec<OsString>,
    /// What was asked for while they were parsed, in order.
    pub(crate) secrets: Vec<Secret>,
}

/// Whether a server listens in this directory.
pub(crate) async fn is_served(data: &DataDir) -> bool {
    connect_local(data.path(), SOCKET).await.is_ok()
}

/// Hands a command over and gives its exit code; `None` when no server listens.
pub(crate) async fn hand_over(
    data: &DataDir,
    typed: &Typed,
    stop: &CancelToken,
) -> Option<Result<ExitCode, Failure>> {
    let peer = match connect_local(data.path(), SOCKET).await {
        Ok(peer) => peer,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = "the server of the data directory takes no commands of this user";
            return Some(Err(Failure::new(FailureKind::Busy, message)
                .with_hint("Give them as root, or as the user that the server runs as.")));
        }
        Err(_) => return None,
    };
    let done = match trust(data, &peer) {
        Ok(()) => converse(peer, typed, stop).await,
        Err(failure) => Err(failure),
    };
    Some(done)
}

/// Passwords are told to root and to the owner of the directory only.
fn trust(data: &DataDir, peer: &LocalPeer) -> Result<(), Failure> {
    let owner = data.path().metadata().map(|it| it.uid());
    if peer.uid == 0 || owner.is_ok_and(|it| it == peer.uid) {
        return Ok(());
    }
    let message = format!("the server is a process of user {}, who owns nothing here", peer.uid);
    Err(Failure::new(FailureKind::Busy, message)
        .with_hint("Look who runs it: nothing was told to it."))
}

async fn converse(peer: LocalPeer, typed: &Typed, stop: &CancelToken) -> Result<ExitCode, Failure> {
    let (mut reader, mut writer) = peer.stream.into_split();
    let broken = |it| wire::broken(&it);
    let version = version();
    // Who is turned away at once hears why below.
    let _ = wire::send(&mut writer, &ToServer::Hello(version.clone())).await;
    match wire::receive(&mut reader).await.map_err(broken)? {
        Some(ToCommand::Hello(its)) if its == version => (),
        Some(ToCommand::Hello(its)) => return Err(other_version(&its, &version)),
        answer => return Err(refused(answer)),
    }
    let command = command(typed)?;
    wire::send(&mut writer, &ToServer::Command(command)).await.map_err(broken)?;
    let (frames, mut received) = mpsc::channel(FRAMES_WAITING_MAX);
    tokio::spawn(read_all(reader, frames));
    let mut asked = false;
    let mut ends = Ends::of_process();
    loop {
        let frame = tokio::select! {
            () = stop.cancelled(), if !asked => {
                asked = true;
                wire::send(&mut writer, &ToServer::Cancel).await.map_err(broken)?;
                continue;
            }
            frame = received.recv() => frame.unwrap_or(Ok(None)).map_err(broken)?,
        };
        match frame {
            // A reader that closed its end has read enough; the command goes on all the same.
            Some(ToCommand::Out(bytes)) => drop(write(&mut ends.out, &bytes)),
            Some(ToCommand::Err(bytes)) => drop(write(&mut ends.err, &bytes)),
            Some(ToCommand::End(code)) => {
                let codes = [ExitCode::Done, ExitCode::Partly, ExitCode::Wrong];
                let code = codes.into_iter().find(|it| *it as u8 == code);
                return Ok(code.unwrap_or(ExitCode::Failed));
            }
            other => return Err(refused(other)),
        }
    }
}

fn write(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes).and_then(|()| out.flush())
}

async fn read_all(
    mut reader: impl AsyncRead + Unpin,
    frames: mpsc::Sender<io::Result<Option<ToCommand>>>,
) {
    loop {
        let frame = wire::receive(&mut reader).await;
        let is_last = !matches!(frame, Ok(Some(_)));
        if frames.send(frame).await.is_err() || is_last {
            return;
        }
    }
}

fn command(typed: &Typed) -> Result<Command, Failure> {
    let dir = std::env::current_dir().map_err(|error| {
        let message = format!("failed to find out the current directory: {error}");
        Failure::new(FailureKind::Io, message)
    })?;
    let Ends { out_columns, err_columns, .. } = Ends::of_process();
    let columns = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    debug_assert_eq!(err_columns.is_some(), io::stderr().is_terminal());
    let err_columns = err_columns.map(|it| columns(it()));
    let Typed { args, secrets } = typed.clone();
    let (place, out_columns) = (Place::of_process(), out_columns.map(columns));
    Ok(Command { args, dir, out_columns, err_columns, place, secrets })
}

fn other_version(its: &str, ours: &str) -> Failure {
    let message = format!("the server is posthold {its}, and this command is posthold {ours}");
    Failure::new(FailureKind::Configuration, message)
        .with_hint("Restart the server, so that both are of one version.")
}

/// The server ends the conversation before the command has ended.
fn refused(answer: Option<ToCommand>) -> Failure {
    match answer {
        Some(ToCommand::Refused(message, hint)) => {
            Failure { kind: FailureKind::Busy, message, hint }
        }
        Some(_) => {
            let message = "the server answered something else than was asked";
            Failure::new(FailureKind::Protocol, message)
        }
        None => {
            let message = "the server ended before the command did";
            Failure::new(FailureKind::Unavailable, message)
                .with_hint("What it archived is kept. Start the server again.")
        }
    }
}
