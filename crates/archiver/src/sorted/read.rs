//! What sorting reads in a message, beside the reactor: the original in a report, and whose it is.

use std::borrow::Cow;

use ledger::{EnvelopeDetail, MessageDetail};
use message::{Journal, JournalReport};
use rules::sorting::{Parties, topmost};
use types::limits::PARSE_BYTES_MAX;
use types::{Address, Hash};

use super::{SortBy, SortOptions};

/// Who a message is from and to, as far as it has to be known to sort it.
#[derive(Debug)]
pub(crate) struct Addressed {
    pub(crate) parties: Parties,
    /// As it is kept with placements: what was said beside the header.
    pub(crate) envelope: EnvelopeDetail,
    /// Copies with the same one are decided one after the other.
    pub(crate) group: Hash,
    /// Whether these are one message to a folder, also when their bytes differ.
    pub(crate) is_content: bool,
    pub(crate) subject: String,
    /// What the run has to tell of it.
    pub(crate) odd: Option<String>,
    /// Whether it was taken out of a journal report.
    pub(crate) opened: bool,
}

/// What says whose a message is, before its header does.
pub(crate) struct Believed<'a> {
    /// The message itself: of a report, the original.
    pub(crate) original: Cow<'a, [u8]>,
    /// Whether it was taken out of a report.
    pub(crate) opened: bool,
    envelope: EnvelopeDetail,
    field: Option<Option<String>>,
    odd: Option<String>,
}

/// Looks for what is believed before the header. `bytes` are the first ones of `size`; `said` is
/// the envelope of SMTP, if it came with one.
pub(crate) fn believe<'a>(
    options: &SortOptions,
    bytes: &'a [u8],
    size: u64,
    said: EnvelopeDetail,
) -> Believed<'a> {
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|it| it == size);
    let mut found = Believed {
        original: Cow::Borrowed(bytes),
        opened: false,
        envelope: said,
        field: None,
        odd: None,
    };
    match &options.by {
        SortBy::Header => (),
        SortBy::Field(name) => found.field = Some(topmost(message::header_fields(bytes), name)),
        SortBy::Journal => match message::journal(bytes) {
            Journal::NotAReport => (),
            Journal::Unreadable(why) => {
                found.odd = Some(format!("{why}; it is archived as it is"));
            }
            Journal::Report(report) => found.open(&report, bytes, is_whole),
        },
    }
    found
}

impl<'a> Believed<'a> {
    fn open(&mut self, report: &JournalReport, bytes: &'a [u8], is_whole: bool) {
        self.envelope = EnvelopeDetail {
            senders: report.envelope.senders().map(str::to_owned).collect(),
            recipients: report.envelope.addressees().map(str::to_owned).collect(),
        };
        if is_whole && report.closed {
            self.original = report.original(bytes);
            self.opened = true;
        } else {
            let why = if is_whole { "it is cut off" } else { "it is too large to be opened" };
            self.odd = Some(format!("a journal report is archived with the message in it: {why}"));
        }
    }

    /// The same without the bytes, which are those that it was read from.
    pub(crate) fn without_bytes(self) -> Believed<'static> {
        let Believed { opened, envelope, field, odd, .. } = self;
        Believed { original: Cow::Borrowed(&[]), opened, envelope, field, odd }
    }

    /// Who the message is from and to, with what its header says.
    pub(crate) fn addressed(
        self,
        options: &SortOptions,
        detail: &MessageDetail,
        blob: types::BlobId,
        size: u64,
    ) -> Addressed {
        let Believed { envelope, field, odd, opened, .. } = self;
        let is_ours = |it: &&String| options.sorting.is_journal(&options.book, it);
        let names_somebody = envelope.recipients.iter().any(|it| !is_ours(&it));
        let texts = |it: &[String]| it.to_vec();
        let (parties, envelope) = if names_somebody {
            let senders = texts(&envelope.senders);
            let parties = Parties::of_envelope(
                senders.iter().map(String::as_str),
                envelope.recipients.iter().map(String::as_str),
            );
            (parties, envelope)
        } else if let Some(value) = field {
            let parties = Parties::of_envelope_field(&detail.from, value.as_deref());
            let Parties { senders, recipients } = parties.clone();
            let said = EnvelopeDetail { senders, recipients };
            (parties, if envelope.is_empty() { said } else { envelope })
        } else {
            let recipients: Vec<&Address> =
                detail.to.iter().chain(&detail.cc).chain(&detail.bcc).collect();
            (Parties::of_header(&detail.from, recipients), envelope)
        };
        // Of a larger one the hash covers only the beginning.
        let is_content =
            !envelope.is_empty() && usize::try_from(size).is_ok_and(|it| it <= PARSE_BYTES_MAX);
        let group = if is_content { detail.canonical_hash } else { Hash(blob.0) };
        let subject = detail.subject.clone();
        Addressed { parties, envelope, group, is_content, subject, odd, opened }
    }
}
