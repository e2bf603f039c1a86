//! What is known of messages without their bodies: what they are recognised by (size, time, hash
//! of the header block), and what a filter looks at.

use ports::{FactsItem, HeaderItem, SourceError, SourceErrorKind, WithHeaders};

use super::command::{Command, FetchWhat};
use super::fetch::as_uids;
use super::fetch_items::{self, FetchItems, Section};
use super::limits::{FETCH_WINDOW, HEADER_BYTES_MAX, IDLE_REPLIES_MAX};
use super::reply::{Reply, Status, StatusKind};
use super::session::Session;
use super::trouble;
use super::uid_set::chunks;

/// Fetches the header blocks of `uids` of the open mailbox, and hashes them.
///
/// What the server leaves out is left out; so is a message whose header block is larger than
/// the limit: it is not recognised, and is fetched.
pub(crate) async fn headers(
    session: &mut Session,
    uids: &[u64],
) -> Result<Vec<HeaderItem>, SourceError> {
    let mut found = collect(session, uids, FetchWhat::Header, header_item).await?;
    found.sort_by_key(|it| it.uid);
    found.dedup_by_key(|it| it.uid);
    Ok(found)
}

/// Fetches what a filter looks at. What the server leaves out is left out; a header block that is
/// larger than the limit is not in its item.
pub(crate) async fn facts(
    session: &mut Session,
    uids: &[u64],
    headers: WithHeaders,
) -> Result<Vec<FactsItem>, SourceError> {
    let what = match headers {
        WithHeaders::Yes => FetchWhat::FactsAndHeader,
        WithHeaders::No => FetchWhat::Facts,
    };
    let mut found = collect(session, uids, what, facts_item).await?;
    found.sort_by_key(|it| it.uid);
    found.dedup_by_key(|it| it.uid);
    Ok(found)
}

/// An item of one message.
trait OfMessage {
    fn uid(&self) -> u64;
}

impl OfMessage for HeaderItem {
    fn uid(&self) -> u64 {
        self.uid
    }
}

impl OfMessage for FactsItem {
    fn uid(&self) -> u64 {
        self.uid
    }
}

/// Fetches what the oldest and the newest message of the open mailbox are recognised by: two
/// items, one when they are the same, or what is left of them when the server leaves some out.
pub(crate) async fn ends(session: &mut Session) -> Result<Vec<HeaderItem>, SourceError> {
    let mut found = answers(session, &[Command::FetchEnds], 2, header_item).await?;
    found.sort_by_key(|it| it.uid);
    found.dedup_by_key(|it| it.uid);
    Ok(found)
}

/// Fetches `what` of `uids`, and reads an item from each answer.
async fn collect<T: OfMessage>(
    session: &mut Session,
    uids: &[u64],
    what: FetchWhat,
    read: fn(&mut Session) -> Result<Option<T>, SourceError>,
) -> Result<Vec<T>, SourceError> {
    let asked = as_uids(uids);
    let sets = chunks(&asked);
    let commands: Vec<Command<'_>> =
        sets.iter().map(|set| Command::UidFetch { set, what }).collect();
    let is_asked = |uid: u64| u32::try_from(uid).is_ok_and(|it| asked.binary_search(&it).is_ok());
    let read = |session: &mut Session| read(session).map(|it| it.filter(|it| is_asked(it.uid())));
    answers(session, &commands, asked.len(), read).await
}

/// Sends FETCH commands, and reads an item from each answer; about `expected` of them.
async fn answers<T>(
    session: &mut Session,
    commands: &[Command<'_>],
    expected: usize,
    read: impl Fn(&mut Session) -> Result<Option<T>, SourceError>,
) -> Result<Vec<T>, SourceError> {
    session.begin()?;
    let mut unsent = commands.iter();
    let mut found: Vec<T> = Vec::with_capacity(expected);
    let mut refused = None;
    let mut n_idle = 0;
    loop {
        while session.n_in_flight() < FETCH_WINDOW
            && let Some(command) = unsent.next()
        {
            session.send(command).await?;
        }
        if session.n_in_flight() == 0 {
            break;
        }
        session.response(HEADER_BYTES_MAX).await?;
        if fetch_items::is_fetch(session.framer().text()) {
            let item = read(session)?;
            n_idle = if item.is_some() { 0 } else { n_idle + 1 };
            found.extend(item);
        } else {
            n_idle += 1;
            if let Reply::Tagged { tag, status } = session.interpret()? {
                session.complete(&tag)?;
                refused = refused.or(Some(status).filter(|it| it.kind != StatusKind::Ok));
            }
        }
        if n_idle > IDLE_REPLIES_MAX || found.len() > 2 * expected {
            return Err(session.endless());
        }
    }
    session.settle();
    if let Some(status) = refused {
        check_refusal(session, &status)?;
    }
    Ok(found)
}

/// What a refusal leaves out is left out; only a pause is more than that.
fn check_refusal(session: &Session, status: &Status) -> Result<(), SourceError> {
    let reason = session.reason(status);
    let kind = match (trouble::throttled(status), status.kind) {
        (Some(kind), _) => kind,
        (None, StatusKind::Bad) => SourceErrorKind::Protocol,
        (None, _) => return Ok(()),
    };
    let message = format!("{} does not give headers: {reason}", session.server());
    Err(trouble::paused(kind, status, message))
}

fn header_item(session: &mut Session) -> Result<Option<HeaderItem>, SourceError> {
    let Some((uid, items)) = items_of_message(session)? else { return Ok(None) };
    let block = block(session, items.header);
    Ok(block.map(|block| HeaderItem {
        uid,
        size: items.size.unwrap_or(0),
        received: items.received.flatten(),
        // Without its empty line, where it has one (RFC 9051 §6.4.5.1): as a parser of the whole
        // message makes it.
        header_hash: message::header_hash(&block),
    }))
}

/// Without flags it only tells that something of the message changed.
fn facts_item(session: &mut Session) -> Result<Option<FactsItem>, SourceError> {
    let Some((uid, items)) = items_of_message(session)? else { return Ok(None) };
    let Some((flags, size)) = items.flags.map(|it| it.0).zip(items.size) else { return Ok(None) };
    let received = items.received.flatten();
    let header = block(session, items.header);
    Ok(Some(FactsItem { uid, size, received, flags, header }))
}

fn items_of_message(session: &mut Session) -> Result<Option<(u64, FetchItems)>, SourceError> {
    let framer = session.framer();
    let (text, literals) = (framer.text(), framer.literals());
    let items = fetch_items::read(text, literals.len())
        .map_err(|_| trouble::undecodable("data of a message", text))?;
    Ok(items.uid.map(|uid| (u64::from(uid), items)))
}

/// The bytes of a section; none when it did not come.
fn block(session: &mut Session, section: Section) -> Option<Vec<u8>> {
    match section {
        // One that was passed over stands here as empty; no message announces its header so.
        Section::Literal(n) => {
            session.framer().literals().get(n).filter(|it| !it.is_empty()).cloned()
        }
        Section::Quoted(bytes) => Some(bytes),
        Section::Nil | Section::Absent => None,
    }
}
