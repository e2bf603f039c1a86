//! Fetching messages: many in flight, none twice, none mistaken for another.
//!
//! Rules: a message is what stands under its UID, whatever else a response holds; the length of
//! its literal is its size; what was cut is not a message. A message is delivered when another
//! response has begun behind it: until then its announced length is only the server's word.

use std::collections::VecDeque;

use ports::{Body, FetchAnswer, Fetched, InFlight, Piece, SourceError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};

use super::command::{Command, FetchWhat};
use super::fetch_items::{self, FetchItems, Label, Section, announces_body};
use super::frame::Step;
use super::limits::{FETCH_WINDOW, IDLE_REPLIES_MAX, LITERAL_BYTES_MAX, PIECES_AHEAD};
use super::listing::decode_name;
use super::reply::{Reply, Status, StatusKind};
use super::session::Session;
use super::trouble;
use super::uid_set::chunks;

/// Fetches `uids` of the open mailbox into `out`.
///
/// Responses that cannot be understood do not stop the others; the first of them is the error at
/// the end.
pub(crate) async fn fetch(
    session: &mut Session,
    uids: &[u64],
    budget: &InFlight,
    out: &mpsc::Sender<Fetched>,
) -> Result<FetchAnswer, SourceError> {
    session.begin()?;
    let mut run = Run::new(session, uids, budget, out);
    run.all().await?;
    while let Some(uid) = run.late.pop_front() {
        run.facts_first(uid).await?;
    }
    let Run { undecodable, refused, .. } = run;
    // The last of them was followed by the answer to its command.
    session.settle();
    if let Some(error) = undecodable {
        return Err(error);
    }
    match refused {
        None => Ok(FetchAnswer::Done),
        Some(status) => refusal(session, &status),
    }
}

fn refusal(session: &Session, status: &Status) -> Result<FetchAnswer, SourceError> {
    let reason = session.reason(status);
    if let Some(kind) = trouble::throttled(status) {
        let message = format!("{} wants a pause: {reason}", session.server());
        return Err(trouble::paused(kind, status, message));
    }
    match status.kind {
        StatusKind::Bad => Err(trouble::protocol(format!(
            "{} did not understand a FETCH: {reason}",
            session.server()
        ))),
        _ => Ok(FetchAnswer::Refused(reason)),
    }
}

/// One call of [`fetch`].
struct Run<'a> {
    session: &'a mut Session,
    budget: &'a InFlight,
    out: &'a mpsc::Sender<Fetched>,
    /// Ascending, with whether it was delivered.
    asked: Vec<(u32, bool)>,
    /// Large messages whose facts came behind them: they are asked for once more.
    late: VecDeque<u32>,
    /// Facts of the one message that is asked for, when they were fetched before.
    facts: Option<FetchItems>,
    /// The last message, whole, of which it is not known yet that a response follows it.
    held: Option<Held>,
    refused: Option<Status>,
    undecodable: Option<SourceError>,
    progress: Instant,
    n_idle: usize,
}

/// What is said of a message when the next response has begun.
enum Held {
    Message(Fetched),
    /// All pieces of a large one have gone out.
    End(mpsc::Sender<Piece>),
}

/// A message of the response that is being read.
#[derive(Default)]
struct Incoming {
    permit: Option<OwnedSemaphorePermit>,
    /// Where the pieces of a large one went: the end is still to be said.
    pieces: Option<(u32, mpsc::Sender<Piece>)>,
    /// It was too large to hold, and nobody knew what it was.
    passed_over: bool,
}

impl<'a> Run<'a> {
    fn new(
        session: &'a mut Session,
        uids: &[u64],
        budget: &'a InFlight,
        out: &'a mpsc::Sender<Fetched>,
    ) -> Run<'a> {
        Run {
            session,
            budget,
            out,
            asked: as_uids(uids).into_iter().map(|uid| (uid, false)).collect(),
            late: VecDeque::new(),
            facts: None,
            held: None,
            refused: None,
            undecodable: None,
            progress: Instant::now(),
            n_idle: 0,
        }
    }

    async fn all(&mut self) -> Result<(), SourceError> {
        let uids: Vec<u32> = self.asked.iter().map(|(uid, _)| *uid).collect();
        let sets = chunks(&uids);
        let mut unsent = sets.iter();
        let what = match self.session.capabilities().has_labels() {
            true => FetchWhat::LabelledMessage,
            false => FetchWhat::Message,
        };
        loop {
            while self.session.n_in_flight() < FETCH_WINDOW
                && let Some(set) = unsent.next()
            {
                self.session.send(&Command::UidFetch { set, what }).await?;
            }
            if self.session.n_in_flight() == 0 {
                return Ok(());
            }
            self.response().await?;
        }
    }

    /// Fetches what goes with a large message, then the message.
    async fn facts_first(&mut self, uid: u32) -> Result<(), SourceError> {
        self.facts = Some(FetchItems { uid: Some(uid), ..FetchItems::default() });
        let set = uid.to_string();
        let facts = match self.session.capabilities().has_labels() {
            true => FetchWhat::LabelledFacts,
            false => FetchWhat::Facts,
        };
        for what in [facts, FetchWhat::Body] {
            self.session.send(&Command::UidFetch { set: &set, what }).await?;
            while self.session.n_in_flight() > 0 {
                self.response().await?;
            }
        }
        self.facts = None;
        Ok(())
    }

    /// Reads one response.
    async fn response(&mut self) -> Result<(), SourceError> {
        let mut incoming = Incoming::default();
        self.session.framer().begin();
        let mut step = self.session.framer().step().await?;
        self.release().await?;
        while let Step::Literal(n) = step {
            self.literal(n, &mut incoming).await?;
            step = self.session.framer().step().await?;
        }
        if fetch_items::is_fetch(self.session.framer().text()) {
            return self.message(incoming);
        }
        match self.session.interpret()? {
            Reply::Tagged { tag, status } => {
                self.session.complete(&tag)?;
                self.note_progress();
                if status.kind != StatusKind::Ok {
                    self.refused.get_or_insert(status);
                }
                Ok(())
            }
            Reply::Continue(_) => {
                let text = self.session.framer().text();
                Err(trouble::undecodable("a prompt that nobody waits for", text))
            }
            _ => self.note_idle(),
        }
    }

    /// Lets the message before go out, if a response begins behind it. If none does, its length
    /// was wrong: it is not one, and the caller of [`fetch`] learns why.
    async fn release(&mut self) -> Result<(), SourceError> {
        let Some(held) = self.held.take() else { return Ok(()) };
        if !self.session.begins_response() {
            let text = self.session.framer().text();
            return Err(trouble::undecodable("a message of another length than announced", text));
        }
        match held {
            Held::Message(fetched) => {
                if self.out.send(fetched).await.is_err() {
                    let message = "nobody takes the messages any more".into();
                    return Err(trouble::transient(message));
                }
            }
            // Whoever gave it up does not wait for its end either.
            Held::End(sender) => drop(sender.send(Piece::End).await),
        }
        // Waiting for whoever takes them is not the server's fault.
        self.note_progress();
        Ok(())
    }

    fn note_progress(&mut self) {
        self.progress = Instant::now();
        self.n_idle = 0;
    }

    /// A response that brought nothing we asked for.
    fn note_idle(&mut self) -> Result<(), SourceError> {
        self.n_idle += 1;
        if self.n_idle > IDLE_REPLIES_MAX {
            return Err(self.session.endless());
        }
        if self.progress.elapsed() > self.session.timeouts().command {
            return Err(trouble::too_slow("a message", self.session.server()));
        }
        Ok(())
    }

    async fn literal(&mut self, n: u64, incoming: &mut Incoming) -> Result<(), SourceError> {
        let framer = self.session.framer();
        if !announces_body(framer.text()) || incoming.pieces.is_some() || incoming.permit.is_some()
        {
            return match usize::try_from(n) {
                Ok(n) if n <= LITERAL_BYTES_MAX => framer.keep_literal(n).await,
                _ => framer.skip_literal(n).await,
            };
        }
        let so_far = fetch_items::read(framer.text(), framer.literals().len()).unwrap_or_default();
        if so_far.uid.is_some_and(|uid| !self.is_wanted(uid)) {
            return self.session.framer().skip_literal(n).await;
        }
        match usize::try_from(n) {
            Ok(n) if n <= PARSE_BYTES_MAX => {
                incoming.permit = self.budget.take(n).await;
                self.session.framer().keep_literal(n).await
            }
            _ => self.large(n, so_far, incoming).await,
        }
    }

    /// Whether a UID was asked for and has not been delivered.
    fn is_wanted(&self, uid: u32) -> bool {
        self.place(uid).and_then(|it| self.asked.get(it)).is_some_and(|(_, delivered)| !delivered)
    }

    fn place(&self, uid: u32) -> Option<usize> {
        self.asked.binary_search_by_key(&uid, |(uid, _)| *uid).ok()
    }

    fn note_delivered(&mut self, uid: u32) {
        if let Some(place) = self.place(uid).and_then(|it| self.asked.get_mut(it)) {
            place.1 = true;
        }
        self.note_progress();
    }

    /// A message that is not held in memory: its pieces go out as they come.
    async fn large(
        &mut self,
        n: u64,
        so_far: FetchItems,
        incoming: &mut Incoming,
    ) -> Result<(), SourceError> {
        let facts = match &self.facts {
            Some(facts) if so_far.uid.is_none_or(|it| Some(it) == facts.uid) => facts.clone(),
            _ => so_far.clone(),
        };
        let Some(uid) = facts.uid.filter(|_| self.facts.is_some() || so_far.has_facts()) else {
            incoming.passed_over = true;
            return self.session.framer().skip_literal(n).await;
        };
        let permit = self.budget.take((PIECES_AHEAD + 2) * CHUNK_BYTES).await;
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let fetched = self.fetched(uid, facts, Body::Pieces(receiver), permit);
        if self.out.send(fetched).await.is_err() {
            return Err(trouble::transient("nobody takes the messages any more".into()));
        }
        let mut left = n;
        while left > 0 {
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            let mut piece = Vec::with_capacity(len);
            self.session.framer().read_piece(&mut piece, len).await?;
            left -= len as u64;
            if sender.send(Piece::Bytes(piece)).await.is_err() {
                // Whoever wanted it has given it up; the others are still to come.
                self.session.framer().skip_literal(left).await?;
                incoming.pieces = Some((uid, sender));
                return Ok(());
            }
        }
        self.session.framer().note_taken_literal();
        incoming.pieces = Some((uid, sender));
        Ok(())
    }

    fn fetched(
        &mut self,
        uid: u32,
        facts: FetchItems,
        body: Body,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Fetched {
        self.note_delivered(uid);
        let (flags, mut keywords) = facts.flags.unwrap_or_default();
        if self.session.capabilities().has_labels() {
            keywords.extend(facts.labels.iter().filter_map(|it| self.label(it)));
        }
        Fetched {
            uid: u64::from(uid),
            size_claimed: facts.size.unwrap_or(0),
            received: facts.received.flatten(),
            flags,
            keywords,
            body,
            permit,
        }
    }

    /// A label as people read it: what is text of a placement stands among its keywords.
    fn label(&mut self, label: &Label) -> Option<String> {
        let raw = match label {
            Label::Text(raw) => raw,
            // Gone when the facts were fetched before the message.
            Label::Literal(n) => self.session.framer().literals().get(*n)?,
        };
        Some(decode_name(raw, false)).filter(|it| !it.is_empty())
    }

    /// A FETCH response has come to its end.
    fn message(&mut self, incoming: Incoming) -> Result<(), SourceError> {
        let framer = self.session.framer();
        let Ok(items) = fetch_items::read(framer.text(), framer.literals().len()) else {
            let error = trouble::undecodable("data of a message", framer.text());
            self.undecodable.get_or_insert(error);
            return Ok(());
        };
        if let Some((uid, sender)) = incoming.pieces {
            self.end_large(uid, &items, sender);
            return Ok(());
        }
        let Some(uid) = items.uid.filter(|uid| self.is_wanted(*uid)) else {
            return self.note_idle();
        };
        if incoming.passed_over {
            return self.put_off(uid);
        }
        let body = match &items.body {
            Section::Absent => {
                self.keep_facts(items);
                return self.note_idle();
            }
            Section::Nil => Body::Nil,
            Section::Quoted(bytes) => Body::Whole(bytes.clone()),
            Section::Literal(n) => {
                Body::Whole(self.session.framer().take_literal(*n).unwrap_or_default())
            }
        };
        let facts = self.facts.clone().unwrap_or(items);
        self.held = Some(Held::Message(self.fetched(uid, facts, body, incoming.permit)));
        Ok(())
    }

    /// Of the one message that is asked for.
    fn keep_facts(&mut self, items: FetchItems) {
        if let Some(facts) = self.facts.as_mut().filter(|it| it.uid == items.uid) {
            facts.flags = items.flags.or(facts.flags.take());
            facts.received = items.received.or(facts.received);
            facts.size = items.size.or(facts.size);
            facts.labels.extend(items.labels);
        }
    }

    /// The facts of a large message stand behind it: ask for them first, once.
    fn put_off(&mut self, uid: u32) -> Result<(), SourceError> {
        if self.facts.is_none() && !self.late.contains(&uid) {
            self.late.push_back(uid);
            self.note_progress();
            return Ok(());
        }
        self.note_idle()
    }

    fn end_large(&mut self, uid: u32, items: &FetchItems, sender: mpsc::Sender<Piece>) {
        if items.uid.is_some_and(|it| it != uid) {
            // Its pieces went out under another name: without their end they count for nothing.
            let text = self.session.framer().text();
            let error = trouble::undecodable("a message that was not asked for", text);
            self.undecodable.get_or_insert(error);
            return;
        }
        self.note_progress();
        self.held = Some(Held::End(sender));
    }
}

/// UIDs as IMAP has them: ascending, each once. What does not fit 32 bits is of no IMAP server.
pub(crate) fn as_uids(uids: &[u64]) -> Vec<u32> {
    let mut uids: Vec<u32> =
        uids.iter().filter_map(|it| u32::try_from(*it).ok()).filter(|it| *it > 0).collect();
    uids.sort_unstable();
    uids.dedup();
    uids
}
