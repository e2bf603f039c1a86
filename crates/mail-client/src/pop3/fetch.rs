//! Fetching messages: many in flight, each whole or not at all.
//!
//! Rules: a message is what stands before the line of one dot; it is delivered when another answer
//! has begun behind it, and at the end of all an RSET is that other answer. (It also takes back
//! the `\Seen` that servers with IMAP set for what was fetched.) The announced size is told to the
//! archiver only from a server whose sizes were right so far, because many estimate; that it is
//! not zero is always told of an empty message.

use std::collections::VecDeque;

use ports::{Body, FetchAnswer, Fetched, InFlight, Piece, SourceError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use types::Flags;
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};

use super::command::Command;
use super::limits::{PIECES_AHEAD, SIZE_GUESS, SIZES_MIN};
use super::listing::{Entry, Listing};
use super::reply::Reply;
use super::session::{Incoming, Session};
use crate::trouble;

/// What is known of the sizes that a server announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sizes {
    right: u64,
    wrong: u64,
}

impl Sizes {
    fn note(&mut self, announced: Option<u64>, len: u64) {
        match announced {
            Some(announced) if announced == len => self.right += 1,
            Some(_) => self.wrong += 1,
            None => (),
        }
    }

    fn are_right(self) -> bool {
        self.right >= SIZES_MIN && self.wrong <= self.right / 8
    }
}

/// Fetches `uids` of the session into `out`, in the order of their numbers.
pub(crate) async fn fetch(
    session: &mut Session,
    listing: &Listing,
    sizes: &mut Sizes,
    uids: &[u64],
    budget: &InFlight,
    out: &mpsc::Sender<Fetched>,
) -> Result<FetchAnswer, SourceError> {
    let asked = listing.entries(uids);
    if asked.is_empty() {
        return Ok(FetchAnswer::Done);
    }
    session.begin()?;
    let mut run = Run { session, sizes, budget, out, held: None, refused: None };
    run.all(&asked).await?;
    let refused = run.refused.take();
    session.settle();
    let Some(refused) = refused else { return Ok(FetchAnswer::Done) };
    if let Some(kind) = refused.pause(session.capabilities().login_delay()) {
        let message = format!("{} wants a pause: {}", session.server(), refused.shown());
        return Err(refused.paused(kind, message));
    }
    Ok(FetchAnswer::Refused(refused.shown()))
}

/// One call of [`fetch`].
struct Run<'a> {
    session: &'a mut Session,
    sizes: &'a mut Sizes,
    budget: &'a InFlight,
    out: &'a mpsc::Sender<Fetched>,
    /// The last message, of which it is not known yet that an answer follows it.
    held: Option<Held>,
    refused: Option<Reply>,
}

/// What is said of a message when the next answer has begun.
enum Held {
    Message(Box<Fetched>),
    /// All pieces of a large one have gone out.
    End(mpsc::Sender<Piece>),
}

/// A command in flight.
enum Asked {
    Message(u64, Entry),
    /// The last one: an answer behind the last message.
    Rset,
}

impl Asked {
    fn command(&self) -> Command<'static> {
        match self {
            Asked::Message(_, entry) => Command::Retr(entry.number),
            Asked::Rset => Command::Rset,
        }
    }
}

impl Run<'_> {
    async fn all(&mut self, asked: &[(u64, Entry)]) -> Result<(), SourceError> {
        let messages = asked.iter().map(|(uid, entry)| Asked::Message(*uid, *entry));
        let mut unsent = messages.chain([Asked::Rset]);
        let mut in_flight = VecDeque::new();
        let window = self.session.window();
        loop {
            let mut commands = Vec::new();
            while in_flight.len() < window
                && let Some(next) = unsent.next()
            {
                commands.push(next.command());
                in_flight.push_back(next);
            }
            self.session.send(&commands).await?;
            let Some(next) = in_flight.pop_front() else { return Ok(()) };
            let reply = self.answer().await?;
            match next {
                // Whether it knows the command or not, it has answered.
                Asked::Rset => (),
                Asked::Message(..) if !reply.is_ok => {
                    self.refused.get_or_insert(reply);
                }
                Asked::Message(uid, entry) => self.message(uid, entry).await?,
            }
        }
    }

    /// Reads the next status line, and lets the message before go out.
    async fn answer(&mut self) -> Result<Reply, SourceError> {
        self.session.read_line().await?;
        let line = self.session.line();
        let Some(reply) = Reply::read(line) else {
            let what =
                if self.held.is_some() { "text behind the end of a message" } else { "no status" };
            // Another message may come well: this one is set aside when it stays like this.
            let error = trouble::undecodable(what, line);
            return Err(trouble::transient(error.to_string()));
        };
        match self.held.take() {
            None => (),
            Some(Held::Message(fetched)) => self.hand_out(*fetched).await?,
            // Whoever gave it up does not wait for its end either.
            Some(Held::End(sender)) => drop(sender.send(Piece::End).await),
        }
        Ok(reply)
    }

    async fn hand_out(&mut self, fetched: Fetched) -> Result<(), SourceError> {
        let sent = self.out.send(fetched).await;
        sent.map_err(|_| trouble::transient("nobody takes the messages any more".into()))
    }

    async fn message(&mut self, uid: u64, entry: Entry) -> Result<(), SourceError> {
        let announced = entry.size.and_then(|it| usize::try_from(it).ok());
        let mut incoming = Incoming::default();
        if announced.is_some_and(|it| it > PARSE_BYTES_MAX) {
            return self.large(uid, entry, incoming, Vec::new(), None).await;
        }
        // Servers that count lines shorter than they are miss a few percent.
        let guess = announced.map_or(SIZE_GUESS, |it| it + it / 16 + 1024);
        let mut room = guess.min(PARSE_BYTES_MAX);
        let mut permit = self.budget.take(room).await;
        let mut bytes = Vec::with_capacity(room.min(CHUNK_BYTES));
        loop {
            let more = room - bytes.len();
            if self.session.receive(&mut incoming, &mut bytes, more).await? {
                break;
            }
            if room == PARSE_BYTES_MAX {
                return self.large(uid, entry, incoming, bytes, permit).await;
            }
            room = (2 * room).min(PARSE_BYTES_MAX);
            // Given back before more is taken: who waits while holding may wait for ever.
            drop(permit);
            permit = self.budget.take(room).await;
        }
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let is_believed = self.sizes.are_right() || bytes.is_empty();
        self.sizes.note(entry.size, len);
        let fetched = fetched(uid, entry, is_believed, Body::Whole(bytes), permit);
        self.held = Some(Held::Message(Box::new(fetched)));
        Ok(())
    }

    /// A message that is not held in memory: its pieces go out as they come, those first that
    /// have come already.
    async fn large(
        &mut self,
        uid: u64,
        entry: Entry,
        mut incoming: Incoming,
        start: Vec<u8>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), SourceError> {
        let permit = match permit {
            Some(permit) => Some(permit),
            None => self.budget.take((PIECES_AHEAD + 2) * CHUNK_BYTES).await,
        };
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let is_believed = self.sizes.are_right();
        let body = Body::Pieces(receiver);
        self.hand_out(fetched(uid, entry, is_believed, body, permit)).await?;
        let mut len = u64::try_from(start.len()).unwrap_or(u64::MAX);
        let mut is_wanted = true;
        for piece in start.chunks(CHUNK_BYTES) {
            is_wanted &= sender.send(Piece::Bytes(piece.to_vec())).await.is_ok();
        }
        drop(start);
        loop {
            let mut piece = Vec::with_capacity(CHUNK_BYTES);
            let is_done = self.session.receive(&mut incoming, &mut piece, CHUNK_BYTES).await?;
            len += u64::try_from(piece.len()).unwrap_or(0);
            if is_wanted && !piece.is_empty() {
                // When nobody wants it any more, the others are still to come.
                is_wanted = sender.send(Piece::Bytes(piece)).await.is_ok();
            }
            if is_done {
                break;
            }
        }
        self.sizes.note(entry.size, len);
        self.held = Some(Held::End(sender));
        Ok(())
    }
}

fn fetched(
    uid: u64,
    entry: Entry,
    size_is_believed: bool,
    body: Body,
    permit: Option<OwnedSemaphorePermit>,
) -> Fetched {
    Fetched {
        uid,
        size_claimed: entry.size.filter(|_| size_is_believed).unwrap_or(0),
        received: None,
        flags: Flags::default(),
        keywords: Vec::new(),
        body,
        permit,
    }
}
