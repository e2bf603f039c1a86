//! What the audit log says: somebody did something, or asked for it, and how that ended.
//!
//! The audit log is a ledger of its own, beside those of stores. Its leaves say what kind of thing
//! was done and how it ended; who it was, from where, and on what stands in the detail.

use types::{BlobId, EntryNumber, Hash};

use crate::DecodeError;
use crate::wire::{Reader, Writer};

/// The most messages that one entry names. Of more, it has their number and the hash over all.
pub const AUDITED_MESSAGES_MAX: usize = 1_000;

/// That somebody asked for something, or how it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audited {
    /// The kind of thing: a number of the list in `docs/format/entries.md`.
    pub activity: u16,
    /// How far it is.
    pub outcome: AuditOutcome,
    /// The entry that says what was asked for, when this one says how it ended.
    pub of: Option<EntryNumber>,
}

/// How far something is that somebody asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum AuditOutcome {
    /// It was asked for; nothing was done before this was durable.
    #[default]
    Asked,
    /// It was done.
    Done,
    /// It was done in part.
    Partly,
    /// It was refused: what was asked for is not allowed, or not possible.
    Refused,
    /// It failed.
    Failed,
}

impl AuditOutcome {
    const ALL: [AuditOutcome; 5] = [
        AuditOutcome::Asked,
        AuditOutcome::Done,
        AuditOutcome::Partly,
        AuditOutcome::Refused,
        AuditOutcome::Failed,
    ];

    /// The number that stands for it in an entry; `docs/format/entries.md` fixes it.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            AuditOutcome::Asked => 0,
            AuditOutcome::Done => 1,
            AuditOutcome::Partly => 2,
            AuditOutcome::Refused => 3,
            AuditOutcome::Failed => 4,
        }
    }

    /// The name in answers and statements.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AuditOutcome::Asked => "asked",
            AuditOutcome::Done => "done",
            AuditOutcome::Partly => "partly",
            AuditOutcome::Refused => "refused",
            AuditOutcome::Failed => "failed",
        }
    }

    /// What `number` stands for, if for anything.
    #[must_use]
    pub fn from_number(number: u8) -> Option<AuditOutcome> {
        AuditOutcome::ALL.into_iter().find(|it| it.number() == number)
    }
}

/// Who did it, from where, on what, and why.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditDetail {
    /// Who: the name of a user here, or of an account of the machine.
    pub who: String,
    /// What the machine knows of who it was: user ids, as the kernel gives them.
    pub identity: String,
    /// The way it came: `command line`, `server`, `schedule`, later `web`, `api`, `imap`.
    pub channel: String,
    /// Where it came from: a terminal, an address.
    pub endpoint: String,
    /// The machine that it came from.
    pub workstation: String,
    /// The program.
    pub agent: String,
    /// What was asked for, as it was typed, without secrets.
    pub command: String,
    /// What it was done to: `user:alice`, `job:office`, `setting:alert_stale_hours`, ...
    pub objects: Vec<String>,
    /// Why, as far as somebody said so.
    pub reason: String,
    /// How it ended, in words.
    pub told: String,
    /// Messages whose content or headers were shown, the first ones.
    pub messages: Vec<BlobId>,
    /// How many there were.
    pub n_messages: u64,
    /// SHA-256 over the ids of all of them, in order; zero when there were none.
    pub messages_hash: Hash,
    /// SHA-256 over what the state said when this was written of settings, policies and who may do
    /// what; zero in an entry that does not say. Equal from the end of one change to the beginning
    /// of the next, unless somebody changed the state past Posthold.
    pub configuration: Hash,
}

pub(crate) fn write_audited(writer: &mut Writer, audited: &Audited) {
    writer.number(audited.activity.into());
    writer.byte(audited.outcome.number());
    if let Some(of) = audited.of {
        writer.number(of.0);
    }
}

pub(crate) fn read_audited(reader: &mut Reader<'_>, has_of: bool) -> Result<Audited, DecodeError> {
    let activity = reader.number()?;
    let activity = u16::try_from(activity).or_else(|_| reader.malformed())?;
    let outcome = reader.byte()?;
    let outcome = AuditOutcome::from_number(outcome).map_or_else(|| reader.malformed(), Ok)?;
    let of = has_of.then(|| reader.number().map(EntryNumber)).transpose()?;
    Ok(Audited { activity, outcome, of })
}

pub(crate) fn write_detail(writer: &mut Writer, detail: &AuditDetail) {
    let AuditDetail { who, identity, channel, endpoint, workstation, agent, command, .. } = detail;
    for text in [who, identity, channel, endpoint, workstation, agent, command] {
        writer.sized(text.as_bytes());
    }
    writer.list(&detail.objects, |writer, it| writer.sized(it.as_bytes()));
    writer.sized(detail.reason.as_bytes());
    writer.sized(detail.told.as_bytes());
    // What reads and changes nothing ends here, what changes nothing behind the messages.
    let tells_configuration = detail.configuration != Hash::default();
    if detail.n_messages != 0 || tells_configuration {
        writer.list(&detail.messages, |writer, it| writer.raw(&it.0));
        writer.number(detail.n_messages);
        writer.raw(&detail.messages_hash.0);
    }
    if tells_configuration {
        writer.raw(&detail.configuration.0);
    }
}

pub(crate) fn read_detail(reader: &mut Reader<'_>) -> Result<AuditDetail, DecodeError> {
    Ok(AuditDetail {
        who: reader.field(Reader::text)?,
        identity: reader.field(Reader::text)?,
        channel: reader.field(Reader::text)?,
        endpoint: reader.field(Reader::text)?,
        workstation: reader.field(Reader::text)?,
        agent: reader.field(Reader::text)?,
        command: reader.field(Reader::text)?,
        objects: reader.field(|it| it.list(Reader::text))?,
        reason: reader.field(Reader::text)?,
        told: reader.field(Reader::text)?,
        messages: reader.field(|it| it.list(|it| it.array().map(BlobId)))?,
        n_messages: reader.field(Reader::number)?,
        messages_hash: reader.field(Reader::hash)?,
        configuration: reader.field(Reader::hash)?,
    })
}
