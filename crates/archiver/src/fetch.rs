//! Fetching the messages of one unit, and asking again for what did not come.
//!
//! Every message of a unit ends in one of four ways: it arrived; it is missing, with a reason; a
//! full list of the mailbox shows that it is no longer there; or the unit ends before, and the
//! message stays owed. What comes twice, or was not asked for, is passed over.
//!
//! - Bytes that are fewer than the server announced, none where some were announced, NIL, a
//!   refusal and silence are suspicious: each is asked again once, singly (once more when the
//!   second answer is suspicious in another way).
//! - Fewer bytes than announced are taken when the same came twice, from a server whose sizes are
//!   estimates; from one whose sizes are right otherwise, only after several runs.
//! - A message at which the connection breaks twice in a row when it is asked for singly is set
//!   aside, so that the others come.

use std::collections::BTreeSet;

use ledger::QuarantineReason;
use ports::{Connect, FetchAnswer, Log, LogError, Source, SourceError, SourceErrorKind, Uids};
use tokio::sync::mpsc;
use types::BlobId;

use crate::drain::{Desk, Drain, DrainEnd};
use crate::line::{Line, LineError, is_of_mailbox, renumbered};
use crate::report::with_causes;
use crate::work::{Event, Missing, Unit};

/// Messages between a connection and what takes them from it.
const FETCHED_QUEUE: usize = 64;

/// Failures in a row after which messages are asked for singly.
const FAILURES_TO_SINGLE: u32 = 2;

/// How often the connection may break at one message that is asked for singly.
const BREAKS_PER_MESSAGE: u32 = 2;

/// Messages in a row that may be set aside before the mailbox is given up for this run.
const ASIDE_MAX: u32 = 3;

/// Characters of what a server said that are kept.
const TEXT_CHARS_MAX: usize = 300;

/// How a unit ended.
#[derive(Debug)]
pub(crate) enum UnitEnd {
    /// Every message is accounted for.
    Done,
    /// The mailbox goes no further in this run.
    Mailbox(SourceError),
    /// The connection goes no further in this run; these messages are owed still.
    Line(SourceError, Vec<u64>),
    /// The run is to end.
    Cancelled,
    /// The log failed.
    Log(LogError),
}

impl From<LineError> for UnitEnd {
    fn from(error: LineError) -> UnitEnd {
        match error {
            LineError::Cancelled => UnitEnd::Cancelled,
            LineError::Source(error) if is_of_mailbox(&error) => UnitEnd::Mailbox(error),
            LineError::Source(error) => UnitEnd::Line(error, Vec::new()),
        }
    }
}

/// What is wrong with an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Suspect {
    /// It said nothing of the message.
    Omitted,
    /// NO, with its text.
    Refused(String),
    /// NIL in place of the bytes.
    Nil,
    /// Fewer bytes than announced: which ones, and how many of how many.
    Short { id: BlobId, len: u64, announced: u64 },
    /// The bytes ended before their announced end.
    Cut,
    /// The connection broke at it.
    Lost(String),
    /// It is larger than the limit.
    TooLarge,
}

impl Suspect {
    fn missing(self, uid: u64) -> Missing {
        let (reason, text) = match self {
            Suspect::Omitted => (QuarantineReason::Omitted, "left out of the answer".to_owned()),
            Suspect::Refused(text) => (QuarantineReason::Refused, text),
            Suspect::Nil => (QuarantineReason::Nil, "NIL in place of the message".to_owned()),
            Suspect::Short { len, announced, .. } => {
                let text = format!("{len} bytes came of {announced} that were announced");
                (QuarantineReason::Truncated, text)
            }
            Suspect::Cut => (QuarantineReason::Truncated, "ended early".to_owned()),
            Suspect::Lost(text) => (QuarantineReason::Truncated, text),
            Suspect::TooLarge => {
                (QuarantineReason::TooLarge, "larger than the limit for one message".to_owned())
            }
        };
        Missing { uid, reason, text: text.chars().take(TEXT_CHARS_MAX).collect() }
    }

    /// Whether both times the same bytes came, too few.
    pub(crate) fn is_same_bytes(&self, other: &Suspect) -> bool {
        match (self, other) {
            (Suspect::Short { id, .. }, Suspect::Short { id: other, .. }) => id == other,
            _ => false,
        }
    }

    /// Whether two answers are wrong in the same way.
    fn is_like(&self, other: &Suspect) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Messages at which the connection broke whenever they were asked for.
#[derive(Default)]
struct Aside {
    missing: Vec<Missing>,
    /// How many were set aside since the last message that came.
    in_row: u32,
    /// The message at which it broke last, and how often.
    last: Option<(u64, u32)>,
}

impl Aside {
    /// Notes that the connection broke at a message; whether it is set aside now.
    fn takes(&mut self, uid: u64, error: &SourceError) -> bool {
        if !is_break(error) {
            return false;
        }
        let breaks = match self.last {
            Some((last, breaks)) if last == uid => breaks + 1,
            _ => 1,
        };
        self.last = Some((uid, breaks));
        if breaks < BREAKS_PER_MESSAGE {
            return false;
        }
        self.missing.push(Suspect::Lost(with_causes(error)).missing(uid));
        self.in_row += 1;
        true
    }
}

/// What one command brought.
struct Round {
    /// Messages that it said something of.
    answered: usize,
    /// Messages with a suspicious answer.
    suspects: Vec<(u64, Suspect)>,
    end: RoundEnd,
}

enum RoundEnd {
    /// The server ended its answer.
    Answered(FetchAnswer),
    /// The mailbox could not be opened.
    NotOpened(SourceError),
    /// It was open, and then the command failed.
    Failed(SourceError),
}

/// Fetches one unit.
pub(crate) struct Fetcher<'a, C: Connect, L> {
    line: &'a mut Line<C>,
    desk: &'a Desk<L>,
    unit: &'a Unit,
    /// Messages that no answer came for yet.
    left: BTreeSet<u64>,
    /// Failures in a row.
    failures: u32,
}

impl<'a, C: Connect, L: Log> Fetcher<'a, C, L> {
    /// For all messages of `unit`.
    pub(crate) fn new(line: &'a mut Line<C>, desk: &'a Desk<L>, unit: &'a Unit) -> Self {
        let left = unit.uids.iter().copied().collect();
        Fetcher { line, desk, unit, left, failures: 0 }
    }

    /// Fetches them, and tells what came of each.
    pub(crate) async fn run(mut self) -> UnitEnd {
        match self.all().await {
            Ok(()) => UnitEnd::Done,
            Err(UnitEnd::Line(error, more)) => {
                let mut left: Vec<u64> = self.left.into_iter().chain(more).collect();
                left.sort_unstable();
                left.dedup();
                UnitEnd::Line(error, left)
            }
            Err(end) => end,
        }
    }

    async fn all(&mut self) -> Result<(), UnitEnd> {
        let (suspects, mut missing) = self.first_round().await?;
        let mut owed: Vec<u64> = suspects.iter().map(|it| it.0).collect();
        owed.extend(missing.iter().map(|it: &Missing| it.uid));
        let owing = |end: UnitEnd| match end {
            UnitEnd::Line(error, _) => UnitEnd::Line(error, owed.clone()),
            other => other,
        };
        for (uid, first) in suspects {
            if let Some(last) = self.ask_again(uid, first).await.map_err(&owing)? {
                missing.push(last.missing(uid));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.tell_missing(missing).await.map_err(&owing)
    }

    /// Asks for everything, until each message has an answer or is set aside.
    async fn first_round(&mut self) -> Result<(Vec<(u64, Suspect)>, Vec<Missing>), UnitEnd> {
        let mut suspects = Vec::new();
        let mut aside = Aside::default();
        while let Some(&next) = self.left.first() {
            let single = self.failures >= FAILURES_TO_SINGLE || aside.in_row > 0;
            let ask: Vec<u64> =
                if single { vec![next] } else { self.left.iter().copied().collect() };
            let round = self.round(&ask, None).await?;
            if round.answered > 0 {
                (self.failures, aside.in_row) = (0, 0);
            }
            let cut = |it: &(u64, Suspect)| it.1 == Suspect::Cut;
            match round.end {
                RoundEnd::Answered(answer) => {
                    (self.failures, aside.in_row) = (0, 0);
                    suspects.extend(round.suspects);
                    for uid in ask.iter().filter(|it| self.left.remove(it)) {
                        suspects.push((*uid, silence(&answer)));
                    }
                }
                RoundEnd::NotOpened(error) => self.recover(error).await?,
                RoundEnd::Failed(error) => {
                    // What a broken connection cut is simply not here yet.
                    let (cut, other): (Vec<_>, Vec<_>) = round.suspects.into_iter().partition(cut);
                    self.left.extend(cut.into_iter().map(|it| it.0));
                    suspects.extend(other);
                    if single && round.answered == 0 && aside.takes(next, &error) {
                        self.left.remove(&next);
                        self.failures = 0;
                    }
                    if aside.in_row >= ASIDE_MAX {
                        self.line.hang_up();
                        return Err(UnitEnd::Mailbox(error));
                    }
                    self.recover(error).await?;
                }
            }
        }
        Ok((suspects, aside.missing))
    }

    /// Asks for one message again. Gives what is wrong with it still, if anything.
    async fn ask_again(&mut self, uid: u64, first: Suspect) -> Result<Option<Suspect>, UnitEnd> {
        let mut last = first;
        let mut breaks = 0;
        let mut asked = 0;
        while asked < 2 && last != Suspect::TooLarge {
            self.left.insert(uid);
            let mut round = self.round(&[uid], Some(&last)).await?;
            let unanswered = self.left.remove(&uid);
            let now = match round.end {
                RoundEnd::NotOpened(error) => {
                    self.recover(error).await?;
                    continue;
                }
                RoundEnd::Failed(error) => {
                    breaks += 1;
                    let lost = Suspect::Lost(with_causes(&error));
                    let is_break = is_break(&error);
                    self.recover(error).await?;
                    if !is_break || breaks < BREAKS_PER_MESSAGE {
                        continue;
                    }
                    return Ok(Some(lost));
                }
                RoundEnd::Answered(answer) if unanswered => silence(&answer),
                RoundEnd::Answered(_) => match round.suspects.pop() {
                    Some((_, suspect)) => suspect,
                    None => return Ok(None),
                },
            };
            self.failures = 0;
            asked += 1;
            let is_like = now.is_like(&last);
            last = now;
            if is_like {
                break;
            }
        }
        Ok(Some(last))
    }

    /// Looks whether messages that did not come are still there, and tells.
    async fn tell_missing(&mut self, missing: Vec<Missing>) -> Result<(), UnitEnd> {
        let slot = self.unit.mailbox.slot;
        let now = self.line.enumerate(&self.unit.mailbox, None).await?;
        let uid_validity = self.unit.listed.uid_validity;
        if let Some(error) = renumbered(&self.unit.mailbox, uid_validity, &now) {
            return Err(UnitEnd::Mailbox(error));
        }
        let there: BTreeSet<u64> = match now.uids {
            Uids::All(uids) => uids.into_iter().collect(),
            Uids::Delta { .. } => BTreeSet::new(),
        };
        // Only a whole list can show that a message is not there.
        let is_whole = u64::try_from(there.len()) == Ok(now.status.messages);
        let is_there = |it: &Missing| !is_whole || there.contains(&it.uid);
        let (missing, gone): (Vec<_>, Vec<_>) = missing.into_iter().partition(is_there);
        if !gone.is_empty() {
            let uids = gone.iter().map(|it| it.uid).collect();
            self.tell(Event::Expunged { slot, uids }).await?;
        }
        if !missing.is_empty() {
            self.tell(Event::Missing { slot, missing }).await?;
        }
        Ok(())
    }

    /// One command.
    async fn round(&mut self, ask: &[u64], before: Option<&Suspect>) -> Result<Round, UnitEnd> {
        let opened = self.line.ensure_open(&self.unit.mailbox, self.unit.listed).await;
        if let Err(LineError::Source(error)) = opened {
            let end = RoundEnd::NotOpened(error);
            return Ok(Round { answered: 0, suspects: Vec::new(), end });
        }
        let cancel = self.line.shared.cancel.clone();
        let source = self.line.source().await?;
        let (into, from) = mpsc::channel(FETCHED_QUEUE);
        let budget = self.desk.budget.clone();
        let mut drain =
            Drain::new(self.desk, self.unit, source.transport(), &mut self.left, before);
        let fetch = async {
            let answer = source.fetch(ask, &budget, &into).await;
            drop(into);
            answer
        };
        let both = async { tokio::join!(fetch, drain.run(from)) };
        let (answer, drained) = tokio::select! {
            () = cancel.cancelled() => {
                self.line.hang_up();
                return Err(UnitEnd::Cancelled);
            }
            both = both => both,
        };
        match drained {
            Ok(()) => (),
            Err(DrainEnd::Closed) => return Err(UnitEnd::Cancelled),
            Err(DrainEnd::Log(error)) => return Err(UnitEnd::Log(error)),
        }
        let (answered, suspects) = drain.into_result();
        let end = match answer {
            Ok(answer) => RoundEnd::Answered(answer),
            Err(error) => RoundEnd::Failed(error),
        };
        Ok(Round { answered, suspects, end })
    }

    async fn recover(&mut self, error: SourceError) -> Result<(), UnitEnd> {
        if is_of_mailbox(&error) {
            if error.kind() == SourceErrorKind::Protocol {
                self.line.hang_up();
            }
            return Err(UnitEnd::Mailbox(error));
        }
        Ok(self.line.recover(error, &mut self.failures).await?)
    }

    async fn tell(&mut self, event: Event) -> Result<(), UnitEnd> {
        self.desk.events.send(event).await.map_err(|_| UnitEnd::Cancelled)
    }
}

/// What it means that a finished answer said nothing of a message.
fn silence(answer: &FetchAnswer) -> Suspect {
    match answer {
        FetchAnswer::Done => Suspect::Omitted,
        FetchAnswer::Refused(text) => Suspect::Refused(text.clone()),
    }
}

/// Whether the connection broke, so that the message may be the reason.
fn is_break(error: &SourceError) -> bool {
    error.kind() == SourceErrorKind::Transient
}
