//! What a command tells meanwhile, on the standard output and error of whoever gave it.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use commands::{Answer, ExitCode, Failure, FailureKind, Gone, Phase, Progress, ProgressSink, Work};
use jobs::Pace;
use rustix::termios;

use crate::cli::Format;
use crate::render::{self, words};

/// The least time between two states of the progress line.
const LINE_EVERY: Duration = Duration::from_millis(100);

/// Columns where a terminal does not say how many it has.
const COLUMNS_DEFAULT: u16 = 80;

/// Standard output and error of whoever gave the command.
pub(crate) struct Surface(Mutex<Streams>);

/// Where a [`Surface`] writes to.
pub(crate) struct Ends {
    /// Standard output.
    pub(crate) out: Box<dyn Write + Send>,
    /// Standard error.
    pub(crate) err: Box<dyn Write + Send>,
    /// Columns of standard output, when it is a terminal.
    pub(crate) out_columns: Option<usize>,
    /// How many columns standard error has at the moment, when it is a terminal.
    pub(crate) err_columns: Option<Columns>,
}

/// How many columns a terminal has at the moment.
pub(crate) type Columns = Box<dyn Fn() -> usize + Send>;

impl Ends {
    /// The streams of this process.
    pub(crate) fn of_process() -> Ends {
        let (out, err) = (io::stdout(), io::stderr());
        let out_columns = out.is_terminal().then(|| terminal_columns(&out));
        let err_columns = err.is_terminal().then(|| {
            let columns: Columns = Box::new(|| terminal_columns(io::stderr()));
            columns
        });
        Ends { out: Box::new(out), err: Box::new(err), out_columns, err_columns }
    }
}

struct Streams {
    format: Format,
    out: BufWriter<Box<dyn Write + Send>>,
    err: Box<dyn Write + Send>,
    /// Columns of standard output, when it is a terminal.
    width: Option<usize>,
    /// Nothing when standard error is no terminal.
    line: Option<Line>,
    fault: Option<io::Error>,
}

impl Surface {
    /// A surface that writes there.
    pub(crate) fn new(format: Format, ends: Ends) -> Surface {
        let Ends { out, err, out_columns: width, err_columns } = ends;
        let line = err_columns.map(Line::new);
        let out = BufWriter::new(out);
        Surface(Mutex::new(Streams { format, out, err, width, line, fault: None }))
    }

    /// The streams of this process.
    pub(crate) fn of_process(format: Format) -> Surface {
        Surface::new(format, Ends::of_process())
    }

    /// Writes the answer.
    pub(crate) fn answer(&self, answer: &Answer) {
        self.lock().end(|it| render::answer(it.format, answer, &mut it.out, &mut it.err));
    }

    /// Writes why there is no answer.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.lock().end(|it| render::failure(it.format, failure, &mut it.out, &mut it.err));
    }

    /// Writes an answer or a failure, and gives the exit code: that of what could not be written
    /// when it is greater.
    pub(crate) fn ended(&self, ended: &Result<Answer, Failure>) -> ExitCode {
        let code = match ended {
            Ok(answer) => {
                self.answer(answer);
                answer.exit_code()
            }
            Err(failure) => {
                self.failure(failure);
                failure.kind.exit_code()
            }
        };
        let Some(fault) = self.fault() else { return code };
        let mut streams = self.lock();
        // Nobody is left to tell when standard error is closed as well.
        let _ = render::failure(Format::Text, &fault, &mut io::sink(), &mut streams.err);
        code.max(fault.kind.exit_code())
    }

    /// Why something could not be written. A reader that closed its end has read enough; that
    /// is none.
    pub(crate) fn fault(&self) -> Option<Failure> {
        let streams = self.lock();
        let error = streams.fault.as_ref().filter(|it| it.kind() != ErrorKind::BrokenPipe)?;
        let message = format!("failed to write the answer: {error}");
        Some(Failure::new(FailureKind::Io, message))
    }

    /// Writes a remark for people.
    pub(crate) fn remark(&self, text: &str) {
        let mut streams = self.lock();
        streams.clear_line();
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(streams.err, "{text}");
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProgressSink for Surface {
    fn send(&self, progress: Progress) -> Result<(), Gone> {
        let mut streams = self.lock();
        let written = match &progress {
            Progress::Work(work) => {
                let Streams { line, err, .. } = &mut *streams;
                if let Some(line) = line {
                    line.show(work, err);
                }
                Ok(())
            }
            Progress::Waiting(owner) => {
                streams.clear_line();
                writeln!(streams.err, "Waiting: {}", words::line(owner))
            }
            Progress::Notice(text) => {
                streams.clear_line();
                writeln!(streams.err, "{}", words::line(text))
            }
            Progress::Hits(hits) => {
                streams.clear_line();
                let Streams { format, out, width, .. } = &mut *streams;
                render::hits(*format, hits, *width, out)
            }
            Progress::Bytes(bytes) => streams.out.write_all(bytes),
        };
        streams.noted(written);
        if streams.fault.is_some() { Err(Gone) } else { Ok(()) }
    }
}

impl Streams {
    fn end(&mut self, write: impl FnOnce(&mut Streams) -> io::Result<()>) {
        self.clear_line();
        // What was sent before comes first, also where both streams are one terminal.
        let written = self.out.flush().and_then(|()| write(self)).and_then(|()| self.out.flush());
        self.noted(written);
    }

    fn noted(&mut self, written: io::Result<()>) {
        if let (None, Err(error)) = (&self.fault, written) {
            self.fault = Some(error);
        }
    }

    fn clear_line(&mut self) {
        if let Some(line) = &mut self.line {
            line.clear(&mut self.err);
        }
    }
}

fn terminal_columns(stream: impl std::os::fd::AsFd) -> usize {
    let columns = termios::tcgetwinsize(stream).map_or(0, |it| it.ws_col);
    usize::from(if columns == 0 { COLUMNS_DEFAULT } else { columns })
}

/// The one line that shows how far the work is.
struct Line {
    columns: Columns,
    shown: bool,
    last: Option<Instant>,
    began: Option<(Phase, Instant)>,
    pace: Pace,
}

impl Line {
    fn new(columns: Columns) -> Line {
        Line { columns, shown: false, last: None, began: None, pace: Pace::default() }
    }

    fn show(&mut self, work: &Work, err: &mut dyn Write) {
        let now = Instant::now();
        let began = match self.began {
            Some((phase, began)) if phase == work.phase => began,
            _ => {
                self.pace = Pace::default();
                now
            }
        };
        self.began = Some((work.phase, began));
        let is_early = self.last.is_some_and(|it| now.duration_since(it) < LINE_EVERY);
        if is_early && began != now {
            return;
        }
        self.last = Some(now);
        let elapsed = now.duration_since(began);
        let text = line_text(work, elapsed, left(&mut self.pace, work, elapsed));
        let text = words::cut(&text, (self.columns)().saturating_sub(1)).into_owned();
        // A terminal that does not take it has nobody before it.
        let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
        self.shown = true;
    }

    fn clear(&mut self, err: &mut dyn Write) {
        if self.shown {
            let _ = write!(err, "\r\x1b[K").and_then(|()| err.flush());
            self.shown = false;
        }
    }
}

fn line_text(work: &Work, elapsed: Duration, left: Option<Duration>) -> String {
    let phase = match work.phase {
        Phase::Connecting => return "Connecting".into(),
        Phase::Archiving => "Archiving",
        Phase::Indexing => "Indexing",
        Phase::Exporting => "Exporting",
        Phase::Verifying => "Verifying",
        Phase::Rebuilding => "Rebuilding",
        Phase::Compacting => "Compacting",
        Phase::Clearing => "Clearing catalog and index",
        Phase::BackingUp => "Copying",
        Phase::Restoring => "Restoring",
    };
    let mut text = format!("{phase}  {}", words::count(work.messages));
    if let Some(total) = work.messages_total {
        text.push_str(&format!(" of {}", words::count(total)));
    }
    text.push_str(" messages");
    if work.bytes != 0 {
        text.push_str(&format!("  {}", words::size(work.bytes)));
    }
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    // Before a second has passed a rate says nothing.
    if millis < 1000 {
        return text;
    }
    let per_second = |n: u64| n.saturating_mul(1000) / millis;
    if work.messages != 0 {
        text.push_str(&format!("  {}/s", words::count(per_second(work.messages))));
    }
    if work.bytes != 0 {
        text.push_str(&format!("  {}/s", words::size(per_second(work.bytes))));
    }
    if let Some(left) = left {
        text.push_str(&format!("  {} left", duration(left.as_secs())));
    }
    text
}

/// How long it takes still, as it went lately.
fn left(pace: &mut Pace, work: &Work, elapsed: Duration) -> Option<Duration> {
    // Bytes tell better: large messages come in clusters.
    let (done, total) = match (work.bytes_total, work.messages_total) {
        (Some(total), _) => (work.bytes, total),
        (None, Some(total)) => (work.messages, total),
        (None, None) => return None,
    };
    pace.note(elapsed, done);
    pace.left(total)
}

fn duration(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes}:{:02} min", seconds % 60),
        _ => format!("{hours}:{minutes:02} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_how_fast_how_long() {
        let work = Work {
            phase: Phase::Archiving,
            messages: 1_500,
            messages_total: Some(6_000),
            bytes: 30_000_000,
            bytes_total: None,
        };
        let begun = Work { messages: 0, bytes: 0, ..work };
        let cases = [
            (work, 500, "Archiving  1,500 of 6,000 messages  30 MB"),
            (work, 10_000, "Archiving  1,500 of 6,000 messages  30 MB  150/s  3.0 MB/s  30 s left"),
            (
                Work { bytes_total: Some(3_000_000_000), messages_total: None, ..work },
                10_000,
                "Archiving  1,500 messages  30 MB  150/s  3.0 MB/s  16:30 min left",
            ),
            (Work { messages: 7, ..Work::default() }, 10_000, "Connecting"),
        ];
        for (work, millis, want) in cases {
            let (mut pace, elapsed) = (Pace::default(), Duration::from_millis(millis));
            left(&mut pace, &Work { bytes_total: work.bytes_total, ..begun }, Duration::ZERO);
            let left = left(&mut pace, &work, elapsed);
            assert_eq!(line_text(&work, elapsed, left), want);
        }
        assert_eq!(duration(7_260), "2:01 h");
    }
}
