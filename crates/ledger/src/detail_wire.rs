//! Details as bytes: `docs/format/entries.md` in code.
//!
//! A detail is a kind byte and sections, each with its length before it. A later version may add
//! fields at the end of a section, and sections at the end: this one passes over them. A field
//! that an earlier version did not write reads as empty.

use sha2::{Digest, Sha256};
use types::limits::DETAIL_BYTES_MAX;
use types::{Address, BlobId, Hash};

use crate::DecodeError;
use crate::audit;
use crate::detail::{
    Detail, EnvelopeDetail, Fidelity, FolderDetail, HoldDetail, MessageDetail, PartDetail,
    PlacementDetail, QuarantineDetail, RunDetail, SourceDetail,
};
use crate::erasure::ErasureDetail;
use crate::shorten::shorten;
use crate::wire::{Reader, Writer};

const PLACED: u8 = 1;
const FOLDER: u8 = 2;
const SOURCE: u8 = 3;
const QUARANTINE: u8 = 4;
const RUN: u8 = 5;
// Later kinds have the number of the first kind of entry that they belong to.
const ERASURE: u8 = 13;
const HOLD: u8 = 16;
const AUDIT: u8 = 21;

/// The hash by which an entry names its detail: SHA-256 over the entry's salt and the bytes.
#[must_use]
pub fn detail_hash(salt: &[u8; 16], detail: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update(salt).chain_update(detail).finalize().into())
}

impl Detail {
    /// The bytes of this detail: at most [`DETAIL_BYTES_MAX`].
    ///
    /// When they would be more, the longest texts and lists are shortened until they fit; a
    /// shortened text ends with `…`, and a message says so by the defect `detail-shortened`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes = self.encode_whole();
        if bytes.len() <= DETAIL_BYTES_MAX {
            return bytes;
        }
        let short = shorten(self.clone(), |it| DETAIL_BYTES_MAX < it.encode_whole().len());
        short.encode_whole()
    }

    fn encode_whole(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Detail::Placed(placement, message) => {
                writer.byte(PLACED);
                writer.section(|writer| write_placement(writer, placement));
                if let Some(message) = message {
                    writer.section(|writer| write_message(writer, message));
                }
            }
            Detail::Folder(FolderDetail { user, path }) => {
                writer.byte(FOLDER);
                writer.section(|writer| [user, path].iter().for_each(|it| write_text(writer, it)));
            }
            Detail::Source(SourceDetail { profile, account, mailbox_raw, mailbox }) => {
                writer.byte(SOURCE);
                writer.section(|writer| {
                    write_text(writer, profile);
                    write_text(writer, account);
                    writer.sized(mailbox_raw);
                    write_text(writer, mailbox);
                });
            }
            Detail::Quarantine(QuarantineDetail { text }) => {
                writer.byte(QUARANTINE);
                writer.section(|writer| write_text(writer, text));
            }
            Detail::Audit(detail) => {
                writer.byte(AUDIT);
                writer.section(|writer| audit::write_detail(writer, detail));
            }
            Detail::Run(RunDetail { title, warnings }) => {
                writer.byte(RUN);
                writer.section(|writer| {
                    write_text(writer, title);
                    writer.list(warnings, write_text);
                });
            }
            Detail::Hold(HoldDetail { name, query, user, by, reason }) => {
                writer.byte(HOLD);
                writer.section(|writer| {
                    [name, query, user, by, reason].iter().for_each(|it| write_text(writer, it));
                });
            }
            Detail::Erasure(it) => {
                writer.byte(ERASURE);
                writer.section(|writer| write_erasure(writer, it));
            }
        }
        writer.bytes
    }

    /// Reads what [`encode`](Self::encode) of this or another version wrote.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a kind of detail that this version does not know, else `Malformed`.
    pub fn decode(bytes: &[u8]) -> Result<Detail, DecodeError> {
        let mut reader = Reader::new("detail", bytes);
        if bytes.len() > DETAIL_BYTES_MAX {
            return reader.malformed();
        }
        let kind = reader.byte()?;
        if !matches!(kind, PLACED..=RUN | ERASURE | HOLD | AUDIT) {
            return Err(DecodeError::unsupported(format!("detail-kind-{kind}")));
        }
        let section = &mut reader.section()?;
        Ok(match kind {
            PLACED => {
                let placement = read_placement(section)?;
                let message = match reader.is_empty() {
                    true => None,
                    false => Some(Box::new(read_message(&mut reader.section()?)?)),
                };
                Detail::Placed(placement, message)
            }
            FOLDER => Detail::Folder(FolderDetail {
                user: section.field(Reader::text)?,
                path: section.field(Reader::text)?,
            }),
            SOURCE => Detail::Source(SourceDetail {
                profile: section.field(Reader::text)?,
                account: section.field(Reader::text)?,
                mailbox_raw: section.field(|it| it.sized().map(<[u8]>::to_vec))?,
                mailbox: section.field(Reader::text)?,
            }),
            QUARANTINE => {
                Detail::Quarantine(QuarantineDetail { text: section.field(Reader::text)? })
            }
            HOLD => Detail::Hold(HoldDetail {
                name: section.field(Reader::text)?,
                query: section.field(Reader::text)?,
                user: section.field(Reader::text)?,
                by: section.field(Reader::text)?,
                reason: section.field(Reader::text)?,
            }),
            ERASURE => Detail::Erasure(read_erasure(section)?),
            AUDIT => Detail::Audit(Box::new(audit::read_detail(section)?)),
            _ => Detail::Run(RunDetail {
                title: section.field(Reader::text)?,
                warnings: section.field(read_texts)?,
            }),
        })
    }
}

fn write_text(writer: &mut Writer, text: &String) {
    writer.sized(text.as_bytes());
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    reader.list(Reader::text)
}

fn write_erasure(writer: &mut Writer, detail: &ErasureDetail) {
    for text in [&detail.rule, &detail.by, &detail.why] {
        write_text(writer, text);
    }
    writer.list(&detail.parts, |writer, parts| {
        writer.list(parts, |writer, it| writer.raw(&it.0));
    });
}

fn read_erasure(reader: &mut Reader<'_>) -> Result<ErasureDetail, DecodeError> {
    Ok(ErasureDetail {
        rule: reader.field(Reader::text)?,
        by: reader.field(Reader::text)?,
        why: reader.field(Reader::text)?,
        parts: reader.field(|it| it.list(|it| it.list(|it| it.array().map(BlobId))))?,
    })
}

fn write_placement(writer: &mut Writer, detail: &PlacementDetail) {
    writer.list(&detail.keywords, write_text);
    write_text(writer, &detail.transport);
    writer.byte(match detail.fidelity {
        Fidelity::Exact => 0,
        Fidelity::Rebuilt => 1,
        Fidelity::Lines => 2,
    });
    write_text(writer, &detail.origin);
    // Most have none: their section ends here.
    if !detail.envelope.is_empty() {
        writer.list(&detail.envelope.senders, write_text);
        writer.list(&detail.envelope.recipients, write_text);
    }
}

fn read_placement(reader: &mut Reader<'_>) -> Result<PlacementDetail, DecodeError> {
    Ok(PlacementDetail {
        keywords: reader.field(read_texts)?,
        transport: reader.field(Reader::text)?,
        fidelity: reader.field(|it| match it.byte()? {
            0 => Ok(Fidelity::Exact),
            1 => Ok(Fidelity::Rebuilt),
            2 => Ok(Fidelity::Lines),
            _ => it.malformed(),
        })?,
        origin: reader.field(Reader::text)?,
        envelope: EnvelopeDetail {
            senders: reader.field(read_texts)?,
            recipients: reader.field(read_texts)?,
        },
    })
}

fn write_message(writer: &mut Writer, detail: &MessageDetail) {
    for addresses in [&detail.from, &detail.to, &detail.cc, &detail.bcc] {
        writer.list(addresses, |writer, Address { name, addr }| {
            write_text(writer, name);
            write_text(writer, addr);
        });
    }
    write_text(writer, &detail.subject);
    write_text(writer, &detail.message_id_header);
    writer.list(&detail.references, write_text);
    writer.byte(detail.date.is_some().into());
    if let Some(date) = detail.date {
        writer.time(date);
    }
    writer.raw(&detail.header_hash.0);
    writer.raw(&detail.canonical_hash.0);
    writer.list(&detail.parts, |writer, part| writer.section(|writer| write_part(writer, part)));
    writer.list(&detail.defects, write_text);
    writer.number(detail.parser_version.into());
}

fn read_message(reader: &mut Reader<'_>) -> Result<MessageDetail, DecodeError> {
    Ok(MessageDetail {
        from: reader.field(read_addresses)?,
        to: reader.field(read_addresses)?,
        cc: reader.field(read_addresses)?,
        bcc: reader.field(read_addresses)?,
        subject: reader.field(Reader::text)?,
        message_id_header: reader.field(Reader::text)?,
        references: reader.field(read_texts)?,
        date: reader.field(|it| match it.byte()? {
            0 => Ok(None),
            1 => it.time().map(Some),
            _ => it.malformed(),
        })?,
        header_hash: reader.field(Reader::hash)?,
        canonical_hash: reader.field(Reader::hash)?,
        parts: reader.field(|it| it.list(|it| read_part(&mut it.section()?)))?,
        defects: reader.field(read_texts)?,
        parser_version: reader.field(Reader::number_u32)?,
    })
}

fn read_addresses(reader: &mut Reader<'_>) -> Result<Vec<Address>, DecodeError> {
    reader.list(|it| Ok(Address { name: it.text()?, addr: it.text()? }))
}

fn write_part(writer: &mut Writer, part: &PartDetail) {
    write_text(writer, &part.name);
    write_text(writer, &part.media_type);
    writer.number(part.size);
}

fn read_part(reader: &mut Reader<'_>) -> Result<PartDetail, DecodeError> {
    Ok(PartDetail {
        name: reader.field(Reader::text)?,
        media_type: reader.field(Reader::text)?,
        size: reader.field(Reader::number)?,
    })
}

#[cfg(test)]
mod tests;
