//! Lines of the protocols that consist of lines: POP3 and SMTP.
//!
//! Rules: a line has a limit, and the wait for its end has one.

use std::time::Duration;

use memchr::memchr;
use net::Stream;
use ports::SourceError;
use tokio::time::timeout;

use crate::trouble;

/// A status line, a line of a list or of an answer, in bytes. RFC 2449 §4 and RFC 5321 §4.5.3.1.5
/// allow 512; servers put long texts there.
pub(crate) const LINE_BYTES_MAX: usize = 8 << 10;

/// Reads a line into `line`, without its end. Fails when the server keeps silent for `idle`
/// before the end of the line, or when that is further than [`LINE_BYTES_MAX`].
pub(crate) async fn read(
    stream: &mut Stream,
    line: &mut Vec<u8>,
    idle: Duration,
) -> Result<(), SourceError> {
    line.clear();
    if !take(stream, line)? {
        match timeout(idle, rest(stream, line)).await {
            Ok(read) => read?,
            Err(_) => return Err(trouble::too_slow("a line", stream.server())),
        }
    }
    while let Some(b'\n' | b'\r') = line.last() {
        line.pop();
    }
    Ok(())
}

async fn rest(stream: &mut Stream, line: &mut Vec<u8>) -> Result<(), SourceError> {
    loop {
        stream.fill().await.map_err(trouble::net)?;
        if take(stream, line)? {
            return Ok(());
        }
    }
}

/// Moves what has come of a line; true when that is all of it.
fn take(stream: &mut Stream, line: &mut Vec<u8>) -> Result<bool, SourceError> {
    let ready = stream.buffered();
    let end = memchr(b'\n', ready).map(|at| at + 1);
    let n = end.unwrap_or(ready.len());
    line.extend_from_slice(ready.get(..n).unwrap_or_default());
    stream.consume(n);
    if line.len() > LINE_BYTES_MAX {
        return Err(trouble::undecodable("a line without end", line));
    }
    Ok(end.is_some())
}
