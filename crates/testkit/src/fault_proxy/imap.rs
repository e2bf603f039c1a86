//! Faults of a server, played by changing what a real one says.

use std::collections::BTreeSet;

use super::responses::{Part, Response, Responses};
use crate::raw_imap::number_after;

/// What a broken or busy server does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImapFault {
    /// It gives up in the middle of a message: half of its bytes, then a BYE line, then the end.
    ByeInLiteral,
    /// It leaves out the bodies of these messages: no FETCH response at all.
    OmitBody(BTreeSet<u32>),
    /// It gives `NIL` in place of these messages' bodies.
    NilBody(BTreeSet<u32>),
    /// It gives empty bodies of these messages.
    EmptyBody(BTreeSet<u32>),
    /// It gives these messages without their last bytes, though in good form.
    ShortBody {
        /// Which.
        uids: BTreeSet<u32>,
        /// How many bytes are missing.
        missing: usize,
    },
    /// It announces literals of these messages with a wrong size: this much more (or less).
    WrongSize {
        /// Which.
        uids: BTreeSet<u32>,
        /// How much more than it sends.
        by: i64,
    },
    /// It gives these messages twice.
    Twice(BTreeSet<u32>),
    /// It says this before it gives these messages.
    Before {
        /// Which.
        uids: BTreeSet<u32>,
        /// A line, with its CRLF.
        says: &'static str,
    },
    /// Wherever it tells a UIDVALIDITY, it tells this one.
    UidValidity(u32),
    /// It gives the messages of each FETCH in reverse order.
    Reverse,
    /// It answers commands that begin so (after their tag; any case) itself.
    Refuse {
        /// `UID FETCH`, `EXAMINE`, or empty for every command.
        command: &'static str,
        /// What it says.
        with: Refusal,
    },
}

/// What a server says instead of carrying out a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `NO`, with this text: `[THROTTLED] slow down`.
    No(&'static str),
    /// `BAD`, with this text.
    Bad(&'static str),
    /// `* BYE`, with this text, and the end.
    Bye(&'static str),
}

impl ImapFault {
    /// Strikes at the first occasion only.
    #[must_use]
    pub fn once(self) -> ImapRule {
        self.times(0, 1)
    }

    /// Strikes at every occasion.
    #[must_use]
    pub fn always(self) -> ImapRule {
        self.times(0, u32::MAX)
    }

    /// Strikes `times` times, after `skip` occasions without.
    #[must_use]
    pub fn times(self, skip: u32, times: u32) -> ImapRule {
        ImapRule { fault: self, skip, times }
    }
}

/// A fault, and at which of its occasions it strikes. Occasions count over all connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImapRule {
    /// What happens.
    pub fault: ImapFault,
    /// Occasions that pass before.
    pub skip: u32,
    /// Occasions at which it strikes.
    pub times: u32,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct ImapFaults {
    rules: Vec<ImapRule>,
    pub(super) n_struck: u32,
}

/// What is said instead of a command being carried out.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) ends: bool,
}

/// What becomes of a response.
pub(super) enum Verdict {
    Say(Vec<u8>),
    SayAndEnd(Vec<u8>),
}

impl ImapFaults {
    pub(super) fn new(rules: Vec<ImapRule>) -> ImapFaults {
        ImapFaults { rules, n_struck: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How a command that begins with `line` is refused, if it is.
    pub(super) fn refusal(&mut self, line: &[u8]) -> Option<Answer> {
        let line = String::from_utf8_lossy(line).into_owned();
        let (tag, rest) = line.split_once(' ')?;
        for rule in &mut self.rules {
            let ImapFault::Refuse { command, with } = &rule.fault else { continue };
            let begins =
                rest.get(..command.len()).is_some_and(|it| it.eq_ignore_ascii_case(command));
            let with = *with;
            if begins && rule.strikes() {
                self.n_struck += 1;
                let (text, ends) = match with {
                    Refusal::No(text) => (format!("{tag} NO {text}\r\n"), false),
                    Refusal::Bad(text) => (format!("{tag} BAD {text}\r\n"), false),
                    Refusal::Bye(text) => (format!("* BYE {text}\r\n"), true),
                };
                return Some(Answer { bytes: text.into_bytes(), ends });
            }
        }
        None
    }
}

impl ImapRule {
    /// Takes note of an occasion.
    fn strikes(&mut self) -> bool {
        if 0 < self.skip {
            self.skip -= 1;
            return false;
        }
        let strikes = 0 < self.times;
        self.times = self.times.saturating_sub(1);
        strikes
    }
}

/// Changes what one connection's server says.
#[derive(Default)]
pub(super) struct Rewriter {
    responses: Responses,
    held: Vec<Vec<u8>>,
}

impl Rewriter {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Response> {
        self.responses.push(bytes)
    }

    /// Applies the faults to a response.
    pub(super) fn judge(&mut self, response: Response, faults: &mut ImapFaults) -> Verdict {
        let mut draft = Draft { response, extra: 0, before: Vec::new(), copies: 1, ends: false };
        let mut holds = false;
        for rule in &mut faults.rules {
            holds |= rule.fault == ImapFault::Reverse;
            if draft.concerns(&rule.fault) && rule.strikes() {
                faults.n_struck += 1;
                draft.apply(&rule.fault);
            }
        }
        if draft.ends {
            let mut bytes = draft.response.bytes_to_half_a_literal();
            bytes.extend_from_slice(b"\r\n* BYE [UNAVAILABLE] going down\r\n");
            return Verdict::SayAndEnd(bytes);
        }
        let bytes = draft.bytes();
        if !holds {
            return Verdict::Say(bytes);
        }
        if draft.response.is_fetch() {
            self.held.push(bytes);
            return Verdict::Say(Vec::new());
        }
        if !draft.response.is_tagged() {
            return Verdict::Say(bytes);
        }
        faults.n_struck += u32::from(1 < self.held.len());
        let mut reversed: Vec<u8> = self.held.drain(..).rev().flatten().collect();
        reversed.extend_from_slice(&bytes);
        Verdict::Say(reversed)
    }
}

/// A response that is being changed.
struct Draft {
    response: Response,
    extra: i64,
    before: Vec<u8>,
    copies: usize,
    ends: bool,
}

impl Draft {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.before.clone();
        bytes.extend(self.response.bytes(self.extra).repeat(self.copies));
        bytes
    }

    fn concerns(&self, fault: &ImapFault) -> bool {
        let body_of = |uids: &BTreeSet<u32>| {
            let text = self.response.text();
            self.response.is_fetch()
                && text.contains("BODY[")
                && number_after(&text, "UID ").is_some_and(|it| uids.contains(&it))
        };
        match fault {
            ImapFault::ByeInLiteral => self.response.is_fetch() && 1 < self.response.parts.len(),
            ImapFault::OmitBody(uids)
            | ImapFault::NilBody(uids)
            | ImapFault::EmptyBody(uids)
            | ImapFault::ShortBody { uids, .. }
            | ImapFault::WrongSize { uids, .. }
            | ImapFault::Twice(uids)
            | ImapFault::Before { uids, .. } => body_of(uids),
            ImapFault::UidValidity(_) => {
                !self.response.is_fetch() && self.response.text().contains("UIDVALIDITY ")
            }
            ImapFault::Reverse | ImapFault::Refuse { .. } => false,
        }
    }

    fn apply(&mut self, fault: &ImapFault) {
        match fault {
            ImapFault::ByeInLiteral => self.ends = true,
            ImapFault::OmitBody(_) => self.copies = 0,
            ImapFault::NilBody(_) => self.replace_literals(b"NIL"),
            ImapFault::EmptyBody(_) => self.response.literals().for_each(Vec::clear),
            ImapFault::ShortBody { missing, .. } => {
                for literal in self.response.literals() {
                    literal.truncate(literal.len().saturating_sub(*missing));
                }
            }
            ImapFault::WrongSize { by, .. } => self.extra = *by,
            ImapFault::Twice(_) => self.copies *= 2,
            ImapFault::Before { says, .. } => self.before.extend_from_slice(says.as_bytes()),
            ImapFault::UidValidity(value) => self.set_uid_validity(*value),
            ImapFault::Reverse | ImapFault::Refuse { .. } => (),
        }
    }

    fn replace_literals(&mut self, text: &[u8]) {
        for part in &mut self.response.parts {
            if matches!(part, Part::Literal(_)) {
                *part = Part::Text(text.to_vec());
            }
        }
    }

    fn set_uid_validity(&mut self, value: u32) {
        for part in &mut self.response.parts {
            let Part::Text(bytes) = part else { continue };
            let text = String::from_utf8_lossy(bytes).into_owned();
            if let Some((before, after)) = text.split_once("UIDVALIDITY ") {
                let after = after.trim_start_matches(|it: char| it.is_ascii_digit());
                *bytes = format!("{before}UIDVALIDITY {value}{after}").into_bytes();
            }
        }
    }
}
