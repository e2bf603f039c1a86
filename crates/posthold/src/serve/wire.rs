//! What a command and the server say to each other over the socket of a data directory.
//!
//! What it is not: a surface for other programs (it changes with every version, and both ends say
//! theirs first), and not a second way to ask: a command is handed over as it was typed.
//!
//! ```text
//! frame    = length (4 bytes, little-endian, of what follows) kind (1 byte) content
//! command  : Hello, then Command, then Cancel at any time
//! server   : Hello or Refused, then Out and Err in order, then End
//! ```
//!
//! Rules: frames have a limit; what cannot be read ends the connection; secrets are here and in
//! no argument.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use commands::{Failure, FailureKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use types::Secret;

use crate::run::Place;

/// The longest frame, in bytes. Command lines have two megabytes at most on Linux.
const FRAME_BYTES_MAX: u32 = 4 << 20;

/// The most arguments and secrets of one command.
const FIELDS_MAX: u32 = 100_000;

/// What the command says.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum ToServer {
    /// Its version, first of all.
    Hello(String),
    /// What is to be done.
    Command(Command),
    /// Ctrl-C.
    Cancel,
}

/// A command as it was typed, and where.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Command {
    /// The arguments; the first is the program's name.
    pub(super) args: Vec<OsString>,
    /// The directory that it was typed in: paths are meant from there.
    pub(super) dir: PathBuf,
    /// Columns of its standard output, when it is a terminal.
    pub(super) out_columns: Option<u32>,
    /// Columns of its standard error, when it is a terminal.
    pub(super) err_columns: Option<u32>,
    /// Where it was typed, as the command says: terminal or address, and the machine.
    pub(super) place: Place,
    /// What was read from files, the environment or a person while the arguments were parsed,
    /// in order.
    pub(super) secrets: Vec<Secret>,
}

/// What the server says.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum ToCommand {
    /// Its version.
    Hello(String),
    /// It does not take the command: why, and what can be done about it.
    Refused(String, Option<String>),
    /// For standard output.
    Out(Vec<u8>),
    /// For standard error.
    Err(Vec<u8>),
    /// It is over, with this exit code.
    End(u8),
}

/// What can be sent.
pub(super) trait Frame: Sized {
    /// Kind and content.
    fn encode(&self) -> Vec<u8>;
    /// `None` when it is something else.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// Sends a frame.
pub(super) async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    frame: &impl Frame,
) -> io::Result<()> {
    let bytes = frame.encode();
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "the command line is too long");
    let length = u32::try_from(bytes.len()).ok().filter(|it| *it <= FRAME_BYTES_MAX);
    stream.write_all(&length.ok_or_else(too_long)?.to_le_bytes()).await?;
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// Waits for a frame; `None` at the end of the connection.
pub(super) async fn receive<F: Frame>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<F>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let length = u32::from_le_bytes(length);
    if FRAME_BYTES_MAX < length {
        return Err(wrong("a frame is too long"));
    }
    let mut bytes = Vec::new();
    // As it comes: a length that is only claimed reserves nothing.
    let read = (&mut *stream).take(length.into()).read_to_end(&mut bytes).await?;
    if u64::from(length) != u64::try_from(read).unwrap_or(u64::MAX) {
        return Err(wrong("a frame was cut off"));
    }
    F::decode(&bytes).map(Some).ok_or_else(|| wrong("a frame has a form of another version"))
}

/// A failure of the connection, for who gave the command.
pub(super) fn broken(error: &io::Error) -> Failure {
    let message = format!("the connection to the server broke: {error}");
    Failure::new(FailureKind::Unavailable, message)
        .with_hint("What it was doing may go on there: `posthold service status` says so.")
}

impl Frame for ToServer {
    fn encode(&self) -> Vec<u8> {
        match self {
            ToServer::Hello(version) => [b"h", version.as_bytes()].concat(),
            ToServer::Cancel => b"c".to_vec(),
            ToServer::Command(it) => {
                let mut out = b"r".to_vec();
                put_list(&mut out, it.args.iter().map(|it| it.as_bytes()));
                put(&mut out, it.dir.as_os_str().as_bytes());
                put_number(&mut out, it.out_columns.unwrap_or(0));
                put_number(&mut out, it.err_columns.unwrap_or(0));
                put(&mut out, it.place.endpoint.as_bytes());
                put(&mut out, it.place.workstation.as_bytes());
                put_list(&mut out, it.secrets.iter().map(|it| it.declassify().as_bytes()));
                out
            }
        }
    }

    fn decode(bytes: &[u8]) -> Option<ToServer> {
        let (kind, content) = bytes.split_first()?;
        Some(match kind {
            b'h' => ToServer::Hello(String::from_utf8(content.to_vec()).ok()?),
            b'c' if content.is_empty() => ToServer::Cancel,
            b'r' => {
                let mut rest = content;
                let args = take_list(&mut rest)?.into_iter().map(OsString::from_vec).collect();
                let dir = PathBuf::from(OsString::from_vec(take(&mut rest)?));
                let columns = |it: u32| (it != 0).then_some(it);
                let out_columns = columns(take_number(&mut rest)?);
                let err_columns = columns(take_number(&mut rest)?);
                let mut text = || String::from_utf8(take(&mut rest)?).ok();
                let place = Place { endpoint: text()?, workstation: text()? };
                let secrets = take_list(&mut rest)?.into_iter().map(String::from_utf8);
                let secrets = secrets.map(|it| it.ok().map(Secret::new)).collect::<Option<_>>()?;
                let command = Command { args, dir, out_columns, err_columns, place, secrets };
                rest.is_empty().then_some(ToServer::Command(command))?
            }
            _ => return None,
        })
    }
}

impl Frame for ToCommand {
    fn encode(&self) -> Vec<u8> {
        match self {
            ToCommand::Hello(version) => [b"h", version.as_bytes()].concat(),
            ToCommand::Refused(message, hint) => {
                let mut out = b"n".to_vec();
                put(&mut out, message.as_bytes());
                put_list(&mut out, hint.iter().map(String::as_bytes));
                out
            }
            ToCommand::Out(bytes) => [b"o", &bytes[..]].concat(),
            ToCommand::Err(bytes) => [b"e", &bytes[..]].concat(),
            ToCommand::End(code) => vec![b'x', *code],
        }
    }

    fn decode(bytes: &[u8]) -> Option<ToCommand> {
        let (kind, content) = bytes.split_first()?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        Some(match kind {
            b'h' => ToCommand::Hello(text(content.to_vec())?),
            b'o' => ToCommand::Out(content.to_vec()),
            b'e' => ToCommand::Err(content.to_vec()),
            b'x' => match content {
                [code] => ToCommand::End(*code),
                _ => return None,
            },
            b'n' => {
                let mut rest = content;
                let message = text(take(&mut rest)?)?;
                let hint = take_list(&mut rest)?.into_iter().next();
                ToCommand::Refused(message, hint.map(text).map_or(Some(None), |it| it.map(Some))?)
            }
            _ => return None,
        })
    }
}

fn put_number(out: &mut Vec<u8>, number: u32) {
    out.extend(number.to_le_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is longer than this is longer than a frame, and is refused there.
    put_number(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend(bytes);
}

fn put_list<'a>(out: &mut Vec<u8>, fields: impl ExactSizeIterator<Item = &'a [u8]>) {
    put_number(out, u32::try_from(fields.len()).unwrap_or(u32::MAX));
    fields.for_each(|it| put(out, it));
}

fn take_number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*number))
}

fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes.to_vec())
}

fn take_list(rest: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    let n_fields = take_number(rest)?;
    (n_fields <= FIELDS_MAX).then_some(())?;
    (0..n_fields).map(|_| take(rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> ToServer {
        ToServer::Command(Command {
            args: vec!["posthold".into(), OsString::from_vec(b"a\xff".to_vec())],
            dir: "/home/alice".into(),
            out_columns: None,
            err_columns: Some(80),
            place: Place { endpoint: "/dev/pts/1".into(), workstation: "h".into() },
            secrets: vec![Secret::new("hunter2".into()), Secret::new(String::new())],
        })
    }

    #[test]
    fn what_is_sent_is_what_comes() {
        for frame in [command(), ToServer::Hello("1".into()), ToServer::Cancel] {
            assert_eq!(ToServer::decode(&frame.encode()), Some(frame));
        }
        let frames = [
            ToCommand::Hello("1".into()),
            ToCommand::Refused("no".into(), None),
            ToCommand::Refused("no".into(), Some("Wait.".into())),
            ToCommand::Out(b"\x00\xff".to_vec()),
            ToCommand::Err(Vec::new()),
            ToCommand::End(3),
        ];
        for frame in frames {
            assert_eq!(ToCommand::decode(&frame.encode()), Some(frame));
        }
    }

    #[test]
    fn nothing_that_comes_is_trusted() {
        let whole = command().encode();
        for cut in 0..whole.len() {
            assert_eq!(ToServer::decode(&whole[..cut]), None, "{cut}");
        }
        for place in 0..whole.len() {
            let mut other = whole.clone();
            other[place] ^= 0xff;
            // Whatever it says then, it is a value or none.
            let _ = (ToServer::decode(&other), ToCommand::decode(&other));
        }
        assert_eq!(ToServer::decode(&[&whole[..], b"more"].concat()), None);
    }

    #[tokio::test]
    async fn frames_have_a_limit() {
        let mut stream = io::Cursor::new((FRAME_BYTES_MAX + 1).to_le_bytes().to_vec());
        let error = receive::<ToServer>(&mut stream).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut cut = io::Cursor::new(FRAME_BYTES_MAX.to_le_bytes().to_vec());
        assert!(receive::<ToServer>(&mut cut).await.is_err());
        assert_eq!(receive::<ToServer>(&mut io::Cursor::new(Vec::new())).await.unwrap(), None);
    }
}
