//! What messages are recognised by: their header blocks, by TOP where the server has it.

use std::collections::{HashMap, VecDeque};

use ports::{HeaderItem, SourceError};
use sha2::{Digest, Sha256};
use types::Hash;
use types::limits::CHUNK_BYTES;

use super::command::Command;
use super::identity::Looks;
use super::limits::HEADER_BYTES_MAX;
use super::listing::Listing;
use super::reply::Reply;
use super::session::{Incoming, Session};

/// What is read of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// The header (TOP).
    Header,
    /// Everything (RETR), to be hashed only.
    Whole,
}

impl What {
    fn command(self, number: u32) -> Command<'static> {
        match self {
            What::Header => Command::Top(number),
            What::Whole => Command::Retr(number),
        }
    }
}

/// What messages of the session are recognised by. Omits all of them when the server has no TOP:
/// then they are fetched.
pub(crate) async fn headers(
    session: &mut Session,
    listing: &Listing,
    uids: &[u64],
) -> Result<Vec<HeaderItem>, SourceError> {
    if !session.has_top() {
        return Ok(Vec::new());
    }
    let entries = listing.entries(uids);
    let numbers: Vec<u32> = entries.iter().map(|it| it.1.number).collect();
    let looks = read(session, &numbers, What::Header).await?;
    let mut items = Vec::with_capacity(entries.len());
    for (uid, entry) in entries {
        let (Some(Looks::Header(header_hash)), Some(size)) =
            (looks.get(&entry.number).copied(), entry.size)
        else {
            continue;
        };
        items.push(HeaderItem { uid, size, received: None, header_hash });
    }
    items.sort_by_key(|it| it.uid);
    Ok(items)
}

/// UID, size and hash of the header block of the oldest and of the newest message, by their
/// numbers. Without TOP their whole bytes are hashed: they are not read by anybody.
pub(crate) async fn ends(
    session: &mut Session,
    listing: &Listing,
) -> Result<[Option<(u64, u64, Hash)>; 2], SourceError> {
    let Some(ends) = listing.ends() else { return Ok([None; 2]) };
    let mut numbers: Vec<u32> = ends.iter().map(|it| it.1.number).collect();
    numbers.dedup();
    let looks = looks(session, &numbers).await?;
    Ok(ends.map(|(uid, entry)| {
        let (Looks::Header(hash) | Looks::Whole(hash)) = *looks.get(&entry.number)?;
        Some((uid, entry.size.unwrap_or(0), hash))
    }))
}

/// What messages look like that their UIDLs do not tell apart.
pub(crate) async fn looks(
    session: &mut Session,
    numbers: &[u32],
) -> Result<HashMap<u32, Looks>, SourceError> {
    let mut all = HashMap::new();
    if session.has_top() {
        all = read(session, numbers, What::Header).await?;
    }
    let rest: Vec<u32> = numbers.iter().filter(|it| !all.contains_key(it)).copied().collect();
    all.extend(read(session, &rest, What::Whole).await?);
    Ok(all)
}

async fn read(
    session: &mut Session,
    numbers: &[u32],
    what: What,
) -> Result<HashMap<u32, Looks>, SourceError> {
    session.begin()?;
    let mut all = HashMap::new();
    let mut unsent = numbers.iter();
    let mut in_flight = VecDeque::new();
    let mut n_refused = 0;
    loop {
        let mut commands = Vec::new();
        while in_flight.len() < session.window()
            && let Some(number) = unsent.next()
        {
            commands.push(what.command(*number));
            in_flight.push_back(*number);
        }
        session.send(&commands).await?;
        let Some(number) = in_flight.pop_front() else { break };
        let reply = session.reply().await?;
        if !reply.is_ok {
            check_pause(session, &reply)?;
            n_refused += 1;
        } else if let Some(looks) = one(session, what).await? {
            all.insert(number, looks);
        }
        let is_guess = what == What::Header && !session.capabilities().has("TOP");
        if is_guess && n_refused > 0 && all.is_empty() && in_flight.is_empty() {
            // Refused from the start, and never announced: the server has no TOP.
            session.note_no_top();
            break;
        }
    }
    session.settle();
    if what == What::Whole && !numbers.is_empty() {
        // It was not read by anybody.
        session.run(Command::Rset).await?;
    }
    Ok(all)
}

/// What a refusal leaves out is left out; only a pause is more than that.
fn check_pause(session: &Session, reply: &Reply) -> Result<(), SourceError> {
    match reply.pause(session.capabilities().login_delay()) {
        Some(_) => Err(reply.refused(session.server(), "to show messages")),
        None => Ok(()),
    }
}

/// One header or message. `None` for a header block beyond the limit.
async fn one(session: &mut Session, what: What) -> Result<Option<Looks>, SourceError> {
    let mut incoming = Incoming::default();
    let mut bytes = Vec::new();
    if what == What::Whole {
        let mut hasher = Sha256::new();
        loop {
            let is_done = session.receive(&mut incoming, &mut bytes, CHUNK_BYTES).await?;
            hasher.update(&bytes);
            bytes.clear();
            if is_done {
                return Ok(Some(Looks::Whole(Hash(hasher.finalize().into()))));
            }
        }
    }
    let mut fits = true;
    while !session.receive(&mut incoming, &mut bytes, HEADER_BYTES_MAX).await? {
        // Some servers send the body too; it may be of any size.
        fits = false;
        bytes.clear();
    }
    Ok(fits.then(|| Looks::Header(message::header_hash(&bytes))))
}
