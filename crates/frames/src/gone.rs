//! What is left of an erased blob: which frame it was, so that its batch keeps its hash.

use types::BlobId;

use crate::wire::Fields;
use crate::{Flaw, Header, Kind};

/// A blob, chunk, list or skeleton that stood here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone {
    /// The kind of its frame.
    pub kind: Kind,
    /// The length after decoding that its header gave.
    pub raw_len: u32,
    /// Its id.
    pub id: BlobId,
}

impl Gone {
    /// What is left of the frame with this header and payload.
    pub fn of(header: &Header, payload: &[u8]) -> Result<Gone, Flaw> {
        let (id, _) = crate::split_id(payload)?;
        Ok(Gone { kind: header.kind, raw_len: header.raw_len, id })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(37);
        bytes.push(self.kind.number());
        bytes.extend(self.raw_len.to_le_bytes());
        bytes.extend(self.id.0);
        bytes
    }

    /// Reads the payload of a `Gone` frame.
    pub fn decode(payload: &[u8]) -> Result<Gone, Flaw> {
        let what = "what is left of an erased blob";
        let mut fields = Fields::new(what, payload);
        let [number] = fields.array()?;
        let raw_len = fields.u32()?;
        let id = BlobId(fields.array()?);
        fields.end()?;
        let kind = Kind::from_number(number).filter(|it| it.has_id());
        Ok(Gone { kind: kind.ok_or(Flaw::Malformed(what))?, raw_len, id })
    }
}
