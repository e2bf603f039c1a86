//! A file for each folder, as mboxrd.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ports::{Access, Disk, DiskFile};
use types::{Civil, Timestamp};

use super::dir_name::dir_of;
use super::quoter::Quoter;
use super::{LeftOut, MailWriter, Outgoing, no_message};
use crate::mbox::{OWN_SENDER, OWN_SENDER_UNTERMINATED};

pub(super) struct MboxWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// The files that were made, with their lengths.
    files: HashMap<PathBuf, u64>,
    /// The file that was written last.
    open: Option<(PathBuf, Box<dyn DiskFile>)>,
    message: Option<NewMessage>,
    buf: Vec<u8>,
}

struct NewMessage {
    quoter: Quoter,
    /// Where its separator line begins.
    start: u64,
    /// Where the next bytes go.
    end: u64,
    last: Option<u8>,
}

impl MboxWriter {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> MboxWriter {
        let files = HashMap::new();
        MboxWriter { disk, dir, files, open: None, message: None, buf: Vec::new() }
    }

    /// Has the file of a folder open; a new one must not be there already.
    fn open(&mut self, path: PathBuf) -> io::Result<u64> {
        let len = self.files.get(&path).copied();
        if self.open.as_ref().is_some_and(|(open, _)| *open == path) {
            return Ok(len.unwrap_or(0));
        }
        let access = if len.is_some() { Access::Write } else { Access::CreateNew };
        if let (None, Some(dir)) = (len, path.parent()) {
            self.disk.create_dir_all(dir)?;
        }
        let file = self.disk.open(&path, access)?;
        self.files.insert(path.clone(), len.unwrap_or(0));
        self.open = Some((path, file));
        Ok(len.unwrap_or(0))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (_, file) = self.open.as_ref().ok_or_else(no_message)?;
        file.write_at(bytes, offset)
    }
}

impl MailWriter for MboxWriter {
    fn place(&mut self, _message: &Outgoing<'_>) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn begin(&mut self, message: &Outgoing<'_>) -> io::Result<()> {
        self.cancel()?;
        let mut path = dir_of(&self.dir, message.folder).into_os_string();
        path.push(".mbox");
        let start = self.open(path.into())?;
        let line = separator_line(message.received.unwrap_or_default());
        self.write_at(line.as_bytes(), start)?;
        let end = start + u64::try_from(line.len()).unwrap_or(0);
        self.message = Some(NewMessage { quoter: Quoter::new(), start, end, last: None });
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut buf = std::mem::take(&mut self.buf);
        buf.clear();
        let message = self.message.as_mut().ok_or_else(no_message)?;
        message.quoter.push(bytes, &mut buf);
        message.last = bytes.last().copied().or(message.last);
        let at = message.end;
        message.end += u64::try_from(buf.len()).unwrap_or(0);
        self.write_at(&buf, at)?;
        self.buf = buf;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<PathBuf> {
        let mut message = self.message.take().ok_or_else(no_message)?;
        let mut tail = Vec::new();
        message.quoter.finish(&mut tail);
        let unterminated = message.last.is_some_and(|it| it != b'\n');
        if unterminated {
            tail.push(b'\n');
        }
        tail.push(b'\n');
        self.write_at(&tail, message.end)?;
        if unterminated {
            let at = message.start + u64::try_from("From ".len()).unwrap_or(0);
            self.write_at(OWN_SENDER_UNTERMINATED.as_bytes(), at)?;
        }
        let (path, _) = self.open.as_ref().ok_or_else(no_message)?;
        let end = message.end + u64::try_from(tail.len()).unwrap_or(0);
        self.files.insert(path.clone(), end);
        Ok(path.clone())
    }

    fn cancel(&mut self) -> io::Result<()> {
        let Some(message) = self.message.take() else { return Ok(()) };
        let (_, file) = self.open.as_ref().ok_or_else(no_message)?;
        file.set_len(message.start)
    }

    fn close(mut self: Box<Self>) -> io::Result<LeftOut> {
        self.cancel()?;
        Ok(LeftOut::default())
    }
}

/// `From SENDER DATE`, the date in UTC as C's `asctime` writes it (RFC 4155, appendix A).
fn separator_line(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second } = at.civil();
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from(at.0.div_euclid(86_400).rem_euclid(7)).unwrap_or(0);
    let weekday = DAYS.get(weekday).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or_default();
    format!(
        "From {OWN_SENDER} {weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separator_lines_are_as_asctime_writes_them() {
        let cases = [
            (0, "Thu Jan  1 00:00:00 1970"),
            (1_741_083_300, "Tue Mar  4 10:15:00 2025"),
            (951_827_696, "Tue Feb 29 12:34:56 2000"),
        ];
        for (seconds, want) in cases {
            let line = separator_line(Timestamp(seconds));
            assert_eq!(line, format!("From {OWN_SENDER} {want}\n"));
        }
        assert_eq!(OWN_SENDER.len(), OWN_SENDER_UNTERMINATED.len());
    }
}
