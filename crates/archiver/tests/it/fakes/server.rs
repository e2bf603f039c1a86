//! An account at a server in memory, whose answers a test may spoil.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use ports::{
    Body, Connect, Enumeration, FactsItem, FetchAnswer, Fetched, HeaderItem, Identity, InFlight,
    Kept, Known, MailboxInfo, MailboxStatus, Namespace, Piece, Proof, Removed, Removes, Source,
    SourceError, SourceErrorKind, SpecialUse, Standing, Uids, WithHeaders,
};
use rules::removal::Way;
use tokio::sync::mpsc;
use types::{Flags, Hash, MailboxName, Timestamp};

/// What a server is able to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ServerKind {
    /// CONDSTORE and QRESYNC.
    Full,
    /// Neither.
    Plain,
    /// UIDs that last and come in no order, as those that are made of the names of POP3.
    Named,
    /// No UIDVALIDITY either, and other UIDs in every session.
    Unnumbered,
    /// The same whenever a mailbox is opened.
    Restless,
}

/// How an answer is spoiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// The message is left out.
    Omit,
    /// NIL in place of it.
    Nil,
    /// No bytes of it.
    Empty,
    /// Only so many bytes.
    Short(usize),
    /// NO, and nothing of the message.
    Refuse,
    /// The connection breaks.
    Break,
    /// The server asks for a pause.
    Throttle,
    /// What comes cannot be understood.
    Garbage,
    /// Twice.
    Twice,
    /// The message is expunged just before.
    Expunge,
    /// In pieces, and the last ones are missing.
    Cut,
}

/// How a removal goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Twist {
    /// The mailbox is not opened for it.
    Closed(SourceErrorKind),
    /// The connection breaks before anything was done.
    BreakFirst,
    /// It breaks when messages are marked, and not yet gone.
    BreakBetween,
    /// It breaks when they are gone.
    BreakLast,
    /// Somebody flags this message between the check and the removal.
    Flag(u64),
    /// This message goes, too.
    Another(u64),
    /// The server agrees, and keeps the messages.
    Keep,
    /// All goes well.
    Fine,
}

#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) received: i64,
    /// RFC822.SIZE, when it is not the truth.
    pub(crate) announced: Option<u64>,
    pub(crate) flags: Flags,
    modseq: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Mailbox {
    pub(crate) uid_validity: u64,
    pub(crate) uid_next: u64,
    pub(crate) messages: BTreeMap<u64, Stored>,
    vanished: Vec<(u64, u64)>,
    modseq: u64,
    pub(crate) special_use: Option<SpecialUse>,
    pub(crate) selectable: bool,
    pub(crate) listed: bool,
}

pub(crate) struct State {
    pub(crate) kind: ServerKind,
    pub(crate) mailboxes: BTreeMap<String, Mailbox>,
    last_validity: u64,
    clock: i64,
    /// Answers to spoil, by mailbox and UID, in the order in which they are asked for.
    spoiled: HashMap<(String, u64), VecDeque<Answer>>,
    /// Errors of the next connections.
    pub(crate) refused: VecDeque<SourceErrorKind>,
    /// Errors of the next openings of a mailbox.
    pub(crate) locked: HashMap<String, VecDeque<SourceErrorKind>>,
    /// What happens to the next removals.
    pub(crate) twists: VecDeque<Twist>,
    /// Messages that are removed together.
    pub(crate) together: usize,
    /// Whether it shows no headers (POP3 without TOP).
    pub(crate) no_headers: bool,
    /// How many of the next lists lack their last message.
    pub(crate) short_lists: u32,
    /// Connections at the same time, at most.
    pub(crate) connections_max: usize,
    connections: usize,
    /// What each of the next connections has to tell.
    pub(crate) alerts: VecDeque<&'static str>,
    /// What was asked for.
    pub(crate) seen: Vec<String>,
    pub(crate) bodies: u64,
}

/// The account. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<State>>);

/// A message that the server has no date for.
pub(crate) const UNDATED: i64 = -1;

fn dated(received: i64) -> Option<Timestamp> {
    Some(Timestamp(received)).filter(|it| it.0 != UNDATED)
}

/// A message that is like no other.
pub(crate) fn mail(label: &str) -> Vec<u8> {
    format!(
        "Subject: {label}\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <{label}@a>\r\n\
         \r\nThis is {label}.\r\n"
    )
    .into_bytes()
}

impl Server {
    pub(crate) fn new(kind: ServerKind) -> Server {
        Server(Arc::new(Mutex::new(State {
            kind,
            mailboxes: BTreeMap::new(),
            last_validity: 100,
            clock: 1_700_000_000,
            spoiled: HashMap::new(),
            refused: VecDeque::new(),
            twists: VecDeque::new(),
            together: 100,
            locked: HashMap::new(),
            no_headers: false,
            short_lists: 0,
            connections_max: 10,
            connections: 0,
            alerts: VecDeque::new(),
            seen: Vec::new(),
            bodies: 0,
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn create(&self, mailbox: &str) {
        let mut state = self.state();
        state.last_validity += 1;
        let uid_validity = state.last_validity;
        let new = Mailbox {
            uid_validity,
            uid_next: 1,
            modseq: 1,
            selectable: true,
            listed: true,
            ..Mailbox::default()
        };
        assert!(state.mailboxes.insert(mailbox.to_owned(), new).is_none());
    }

    /// Delivers a message; makes the mailbox when it is missing.
    pub(crate) fn deliver(&self, mailbox: &str, bytes: Vec<u8>) -> u64 {
        if !self.state().mailboxes.contains_key(mailbox) {
            self.create(mailbox);
        }
        let mut state = self.state();
        state.clock += 1;
        let received = state.clock;
        let stored =
            Stored { bytes, received, announced: None, flags: Flags::default(), modseq: 0 };
        state.mailboxes.get_mut(mailbox).unwrap().add(stored)
    }

    pub(crate) fn deliver_all(&self, mailbox: &str, labels: &str) {
        for label in labels.split(' ').filter(|it| !it.is_empty()) {
            self.deliver(mailbox, mail(label));
        }
    }

    fn has(&self, mailbox: &str, uid: u64) -> bool {
        let state = self.state();
        state.mailboxes.get(mailbox).is_some_and(|it| it.messages.contains_key(&uid))
    }

    pub(crate) fn expunge(&self, mailbox: &str, uid: u64) -> Stored {
        self.state().mailboxes.get_mut(mailbox).unwrap().expunge(uid)
    }

    pub(crate) fn copy(&self, from: &str, uid: u64, to: &str) -> u64 {
        let mut state = self.state();
        let stored = state.mailboxes[from].messages[&uid].clone();
        state.mailboxes.get_mut(to).unwrap().add(stored)
    }

    pub(crate) fn move_to(&self, from: &str, uid: u64, to: &str) -> u64 {
        let stored = self.expunge(from, uid);
        self.state().mailboxes.get_mut(to).unwrap().add(stored)
    }

    pub(crate) fn set_flags(&self, mailbox: &str, uid: u64, flags: Flags) {
        let mut state = self.state();
        let mailbox = state.mailboxes.get_mut(mailbox).unwrap();
        mailbox.modseq += 1;
        mailbox.messages.get_mut(&uid).unwrap().flags = flags;
    }

    pub(crate) fn touch(&self, mailbox: &str) {
        self.state().mailboxes.get_mut(mailbox).unwrap().modseq += 1;
    }

    /// Gives the mailbox another UIDVALIDITY and its messages other UIDs.
    pub(crate) fn renumber(&self, mailbox: &str, uid_validity: u64, first_uid: u64) {
        let mut state = self.state();
        let mailbox = state.mailboxes.get_mut(mailbox).unwrap();
        mailbox.uid_validity = uid_validity;
        mailbox.uid_next = first_uid;
        mailbox.vanished.clear();
        let messages = std::mem::take(&mut mailbox.messages);
        for (_, stored) in messages {
            mailbox.add(stored);
        }
    }

    /// Gives every message another UID in the same epoch: names after `salt`, in no order.
    pub(crate) fn name_anew(&self, mailbox: &str, salt: u64) {
        let mut state = self.state();
        let messages = &mut state.mailboxes.get_mut(mailbox).unwrap().messages;
        for (uid, stored) in std::mem::take(messages) {
            messages.insert((uid ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2, stored);
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        let mut state = self.state();
        let mailbox = state.mailboxes.remove(from).unwrap();
        assert!(state.mailboxes.insert(to.to_owned(), mailbox).is_none());
    }

    pub(crate) fn delete(&self, mailbox: &str) {
        self.state().mailboxes.remove(mailbox).unwrap();
    }

    /// Spoils the next answers about a message.
    pub(crate) fn spoil(&self, mailbox: &str, uid: u64, answers: &[Answer]) {
        let key = (mailbox.to_owned(), uid);
        self.state().spoiled.entry(key).or_default().extend(answers);
    }

    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.spoiled.clear();
        state.refused.clear();
        state.locked.clear();
    }

    pub(crate) fn announce(&self, mailbox: &str, uid: u64, size: u64) {
        let mut state = self.state();
        let mailbox = state.mailboxes.get_mut(mailbox).unwrap();
        mailbox.messages.get_mut(&uid).unwrap().announced = Some(size);
    }

    /// What was asked for since the last time.
    pub(crate) fn seen(&self) -> String {
        std::mem::take(&mut self.state().seen).join("\n")
    }

    /// Bodies sent since the last time.
    pub(crate) fn bodies(&self) -> u64 {
        std::mem::take(&mut self.state().bodies)
    }
}

impl Mailbox {
    fn add(&mut self, mut stored: Stored) -> u64 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.modseq += 1;
        stored.modseq = self.modseq;
        self.messages.insert(uid, stored);
        uid
    }

    fn expunge(&mut self, uid: u64) -> Stored {
        self.modseq += 1;
        self.vanished.push((self.modseq, uid));
        self.messages.remove(&uid).unwrap()
    }

    /// Gives every message another UID.
    fn renumber(&mut self) {
        self.uid_next += 10;
        for (_, stored) in std::mem::take(&mut self.messages) {
            self.add(stored);
        }
    }

    fn status(&self, kind: ServerKind) -> MailboxStatus {
        let numbered = matches!(kind, ServerKind::Full | ServerKind::Plain);
        let lasting = numbered || kind == ServerKind::Named;
        MailboxStatus {
            messages: self.messages.len() as u64,
            uid_validity: if lasting { self.uid_validity } else { 0 },
            uid_next: if numbered { self.uid_next } else { 0 },
            modseq: if kind == ServerKind::Full { self.modseq } else { 0 },
        }
    }
}

fn error(kind: SourceErrorKind) -> SourceError {
    SourceError::new(kind, format!("the server failed ({kind:?})"))
}

impl Connect for Server {
    type Source = Line;

    async fn connect(&self) -> Result<Line, SourceError> {
        let mut state = self.state();
        state.seen.push("connect".to_owned());
        if let Some(kind) = state.refused.pop_front() {
            return Err(error(kind));
        }
        if state.connections >= state.connections_max {
            return Err(error(SourceErrorKind::Transient));
        }
        state.connections += 1;
        let alert = state.alerts.pop_front();
        drop(state);
        let server = self.clone();
        Ok(Line { server, open: None, broken: false, alert, for_removal: false })
    }
}

pub(crate) struct Line {
    server: Server,
    open: Option<String>,
    broken: bool,
    alert: Option<&'static str>,
    for_removal: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.server.state().connections -= 1;
    }
}

/// Messages from this size on come in pieces.
const PIECES_FROM: usize = 1 << 20;

impl Line {
    fn check(&self) -> Result<(), SourceError> {
        if self.broken { Err(error(SourceErrorKind::Transient)) } else { Ok(()) }
    }

    fn next_answer(&self, mailbox: &str, uid: u64) -> Option<Answer> {
        let mut state = self.server.state();
        state.spoiled.get_mut(&(mailbox.to_owned(), uid))?.pop_front()
    }
}

fn by_utf8(name: &MailboxName) -> String {
    String::from_utf8(name.raw.clone()).unwrap()
}

impl Source for Line {
    fn transport(&self) -> &'static str {
        "imap"
    }

    fn warnings(&self) -> Vec<String> {
        self.alert.iter().map(ToString::to_string).collect()
    }

    async fn mailboxes(&mut self) -> Result<Vec<MailboxInfo>, SourceError> {
        self.check()?;
        let mut state = self.server.state();
        state.seen.push("list".to_owned());
        let kind = state.kind;
        if kind == ServerKind::Unnumbered {
            state.mailboxes.values_mut().for_each(Mailbox::renumber);
        }
        let listed = state.mailboxes.iter().filter(|it| it.1.listed);
        Ok(listed
            .map(|(name, it)| MailboxInfo {
                name: MailboxName::from_parts(name.split('/')),
                special_use: it.special_use,
                namespace: Namespace::Personal,
                selectable: it.selectable,
                status: it.selectable.then(|| it.status(kind)),
            })
            .collect())
    }

    async fn open(
        &mut self,
        mailbox: &MailboxName,
        known: Option<Known>,
    ) -> Result<Enumeration, SourceError> {
        tokio::task::yield_now().await;
        self.check()?;
        self.open = None;
        self.for_removal = false;
        let name = by_utf8(mailbox);
        let mut state = self.server.state();
        state.seen.push(format!("open {name}"));
        let kind = state.kind;
        if let Some(kind) = state.locked.get_mut(&name).and_then(VecDeque::pop_front) {
            self.broken = kind == SourceErrorKind::Transient;
            return Err(error(kind));
        }
        let Some(found) = state.mailboxes.get_mut(&name).filter(|it| it.selectable) else {
            return Err(error(SourceErrorKind::Mailbox));
        };
        if kind == ServerKind::Restless {
            found.renumber();
        }
        let status = found.status(kind);
        let usable = known.filter(|it| {
            kind == ServerKind::Full && it.uid_validity == found.uid_validity && it.modseq > 0
        });
        let uids = match usable {
            Some(known) => Uids::Delta {
                vanished: found
                    .vanished
                    .iter()
                    .filter(|it| it.0 > known.modseq)
                    .map(|it| it.1)
                    .collect(),
                new: found.messages.range(known.uid_next..).map(|it| *it.0).collect(),
            },
            None => Uids::All(found.messages.keys().copied().collect()),
        };
        let uids = match uids {
            Uids::All(mut uids) if state.short_lists > 0 => {
                state.short_lists -= 1;
                uids.pop();
                Uids::All(uids)
            }
            uids => uids,
        };
        drop(state);
        self.open = Some(name);
        Ok(Enumeration { status, uids })
    }

    async fn fetch(
        &mut self,
        uids: &[u64],
        budget: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<FetchAnswer, SourceError> {
        self.check()?;
        let name = self.open.clone().expect("a mailbox is open");
        self.server.state().seen.push(format!("fetch {name} {}", uids.len()));
        let mut refused = false;
        for uid in uids {
            tokio::task::yield_now().await;
            let answer = self.next_answer(&name, *uid);
            if answer == Some(Answer::Expunge) && self.server.has(&name, *uid) {
                self.server.expunge(&name, *uid);
            }
            let found =
                self.server.state().mailboxes.get(&name).map(|it| it.messages.get(uid).cloned());
            let Some(Some(stored)) = found else { continue };
            match answer {
                Some(Answer::Omit) => (),
                Some(Answer::Refuse) => refused = true,
                Some(Answer::Break) => {
                    self.broken = true;
                    return Err(error(SourceErrorKind::Transient));
                }
                Some(Answer::Throttle) => {
                    return Err(error(SourceErrorKind::Throttled { retry_after: None }));
                }
                Some(Answer::Garbage) => return Err(error(SourceErrorKind::Protocol)),
                other => {
                    for _ in 0..if other == Some(Answer::Twice) { 2 } else { 1 } {
                        self.server.state().bodies += 1;
                        send(*uid, stored.clone(), other, budget, out).await;
                    }
                }
            }
        }
        Ok(if refused { FetchAnswer::Refused("not today".into()) } else { FetchAnswer::Done })
    }

    async fn headers(&mut self, uids: &[u64]) -> Result<Vec<HeaderItem>, SourceError> {
        self.check()?;
        let name = self.open.clone().expect("a mailbox is open");
        let mut state = self.server.state();
        state.seen.push(format!("headers {name} {}", uids.len()));
        let none: &[u64] = &[];
        let uids = if state.no_headers { none } else { uids };
        let mailbox = &state.mailboxes[&name];
        let found = uids.iter().filter_map(|uid| Some((uid, mailbox.messages.get(uid)?)));
        Ok(found
            .map(|(uid, stored)| HeaderItem {
                uid: *uid,
                size: stored.announced.unwrap_or(stored.bytes.len() as u64),
                received: dated(stored.received),
                header_hash: header_hash(&stored.bytes),
            })
            .collect())
    }

    async fn facts(
        &mut self,
        uids: &[u64],
        headers: WithHeaders,
    ) -> Result<Vec<FactsItem>, SourceError> {
        self.check()?;
        let name = self.open.clone().expect("a mailbox is open");
        let mut state = self.server.state();
        state.seen.push(format!("facts {name} {} {headers:?}", uids.len()));
        let mailbox = &state.mailboxes[&name];
        let found = uids.iter().filter_map(|uid| Some((uid, mailbox.messages.get(uid)?)));
        Ok(found
            .map(|(uid, stored)| FactsItem {
                uid: *uid,
                size: stored.announced.unwrap_or(stored.bytes.len() as u64),
                received: dated(stored.received),
                flags: stored.flags,
                header: (headers == WithHeaders::Yes).then(|| stored.bytes.clone()),
            })
            .collect())
    }

    async fn close(self) {}
}

impl Removes for Line {
    fn removes_together(&self) -> usize {
        self.server.state().together
    }

    async fn open_to_remove(
        &mut self,
        mailbox: &MailboxName,
        way: &Way,
    ) -> Result<MailboxStatus, SourceError> {
        self.check()?;
        let name = by_utf8(mailbox);
        let mut state = self.server.state();
        state.seen.push(format!("open {name} to remove: {way:?}"));
        if let Some(Twist::Closed(kind)) = state.twists.front().copied() {
            state.twists.pop_front();
            return Err(error(kind));
        }
        let kind = state.kind;
        if kind == ServerKind::Restless {
            state.mailboxes.get_mut(&name).unwrap().renumber();
        }
        let status = state.mailboxes[&name].status(kind);
        drop(state);
        (self.open, self.for_removal) = (Some(name), true);
        Ok(status)
    }

    async fn standing(&mut self, uids: &[u64]) -> Result<Vec<Standing>, SourceError> {
        assert!(self.for_removal);
        let items = self.facts(uids, WithHeaders::No).await?;
        let identity = match self.server.state().kind {
            ServerKind::Unnumbered | ServerKind::Restless => Identity::Uncertain,
            _ => Identity::Certain,
        };
        let of = |it: FactsItem| Standing {
            uid: it.uid,
            size: it.size,
            received: it.received,
            flags: it.flags,
            identity,
        };
        Ok(items.into_iter().map(of).collect())
    }

    async fn remove(&mut self, proofs: Vec<Proof>) -> Result<Removed, SourceError> {
        self.check()?;
        assert!(self.for_removal);
        let name = self.open.clone().unwrap();
        let uids: Vec<u64> = proofs.iter().map(Proof::uid).collect();
        let twist = self.server.state().twists.pop_front().unwrap_or(Twist::Fine);
        self.server.state().seen.push(format!("remove {name} {uids:?}"));
        let broken = || Err(error(SourceErrorKind::Transient));
        if twist == Twist::BreakFirst {
            self.broken = true;
            return broken();
        }
        let mut removed = Removed::default();
        for uid in uids {
            if twist == Twist::Flag(uid) {
                self.server.set_flags(&name, uid, Flags::FLAGGED);
            }
            let flags = self.server.state().mailboxes[&name].messages.get(&uid).map(|it| it.flags);
            match flags {
                None => removed.kept.push((uid, Kept::Gone)),
                Some(it) if it.contains(Flags::FLAGGED) => removed.kept.push((uid, Kept::Flagged)),
                Some(_) if twist == Twist::Keep => removed.kept.push((uid, Kept::StillThere)),
                Some(it) if twist == Twist::BreakBetween => {
                    self.server.set_flags(&name, uid, it.with(Flags::DELETED));
                }
                Some(_) => {
                    self.server.expunge(&name, uid);
                    removed.gone.push(uid);
                }
            }
        }
        if let Twist::Another(uid) = twist {
            self.server.expunge(&name, uid);
            removed.others = 1;
        }
        if matches!(twist, Twist::BreakBetween | Twist::BreakLast) {
            self.broken = true;
            return broken();
        }
        Ok(removed)
    }

    async fn try_removal(&mut self, _: &Way) -> Result<String, SourceError> {
        Ok("everything".to_owned())
    }
}

fn header_hash(bytes: &[u8]) -> Hash {
    message::header_hash(bytes)
}

/// Sends one message, spoiled as `answer` says.
async fn send(
    uid: u64,
    stored: Stored,
    answer: Option<Answer>,
    budget: &InFlight,
    out: &mpsc::Sender<Fetched>,
) {
    let size_claimed = stored.announced.unwrap_or(stored.bytes.len() as u64);
    let mut bytes = stored.bytes;
    match answer {
        Some(Answer::Empty) => bytes.clear(),
        Some(Answer::Short(len)) => bytes.truncate(len),
        _ => (),
    }
    let permit = budget.take(bytes.len().min(PIECES_FROM)).await;
    let is_cut = answer == Some(Answer::Cut);
    let mut pieces = None;
    let body = if answer == Some(Answer::Nil) {
        Body::Nil
    } else if is_cut || bytes.len() >= PIECES_FROM {
        let (into, from) = mpsc::channel(2);
        pieces = Some(into);
        Body::Pieces(from)
    } else {
        Body::Whole(bytes.clone())
    };
    let received = dated(stored.received);
    let (flags, keywords) = (stored.flags, Vec::new());
    let fetched = Fetched { uid, size_claimed, received, flags, keywords, body, permit };
    let _ = out.send(fetched).await;
    let Some(pieces) = pieces else { return };
    let len = if is_cut { bytes.len() / 2 } else { bytes.len() };
    for piece in bytes[..len].chunks(100_000) {
        let _ = pieces.send(Piece::Bytes(piece.to_vec())).await;
    }
    if !is_cut {
        let _ = pieces.send(Piece::End).await;
    }
}
