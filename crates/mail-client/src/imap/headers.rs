//! What messages are recognised by: size, time, and the hash of their header block.

use ports::{HeaderItem, SourceError, SourceErrorKind};

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
    session.begin()?;
    let asked = as_uids(uids);
    let sets = chunks(&asked);
    let mut unsent = sets.iter();
    let mut found: Vec<HeaderItem> = Vec::with_capacity(asked.len());
    let mut refused = None;
    let mut n_idle = 0;
    loop {
        while session.n_in_flight() < FETCH_WINDOW
            && let Some(set) = unsent.next()
        {
            session.send(&Command::UidFetch { set, what: FetchWhat::Header }).await?;
        }
        if session.n_in_flight() == 0 {
            break;
        }
        session.response(HEADER_BYTES_MAX).await?;
        if fetch_items::is_fetch(session.framer().text()) {
            let item = header_item(session)?.filter(|it| is_asked(&asked, it.uid));
            n_idle = if item.is_some() { 0 } else { n_idle + 1 };
            found.extend(item);
        } else {
            n_idle += 1;
            if let Reply::Tagged { tag, status } = session.interpret()? {
                session.complete(&tag)?;
                refused = refused.or(Some(status).filter(|it| it.kind != StatusKind::Ok));
            }
        }
        if n_idle > IDLE_REPLIES_MAX || found.len() > 2 * asked.len() {
            return Err(session.endless());
        }
    }
    session.settle();
    if let Some(status) = refused {
        check_refusal(session, &status)?;
    }
    found.sort_by_key(|it| it.uid);
    found.dedup_by_key(|it| it.uid);
    Ok(found)
}

fn is_asked(asked: &[u32], uid: u64) -> bool {
    u32::try_from(uid).is_ok_and(|uid| asked.binary_search(&uid).is_ok())
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
    Err(SourceError::new(kind, message))
}

fn header_item(session: &mut Session) -> Result<Option<HeaderItem>, SourceError> {
    let framer = session.framer();
    let (text, literals) = (framer.text(), framer.literals());
    let items = fetch_items::read(text, literals.len())
        .map_err(|_| trouble::undecodable("data of a message", text))?;
    let FetchItems { uid: Some(uid), received, size, header, .. } = items else { return Ok(None) };
    let quoted;
    let block = match header {
        // One that was passed over stands here as empty; no message announces its header so.
        Section::Literal(n) => literals.get(n).filter(|it| !it.is_empty()),
        Section::Quoted(bytes) => {
            quoted = bytes;
            Some(&quoted)
        }
        Section::Nil | Section::Absent => None,
    };
    Ok(block.map(|block| HeaderItem {
        uid: u64::from(uid),
        size: size.unwrap_or(0),
        received: received.flatten(),
        // Without its empty line, where it has one (RFC 9051 §6.4.5.1): as a parser of the whole
        // message makes it.
        header_hash: message::header_hash(block),
    }))
}
