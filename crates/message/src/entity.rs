//! What the header of a part says about its body (RFC 2045, RFC 2046, RFC 2183).

use crate::defect::{Defect, Defects};
use crate::header::Name;
use crate::params::{self, Params};
use crate::transfer::Encoding;

/// A message or a part of one, as its header describes it.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    /// `type/subtype`, lower case.
    pub media_type: String,
    pub kind: Kind,
    /// Of a multipart.
    pub boundary: Option<Vec<u8>>,
    /// As it is named, or empty.
    pub charset: Vec<u8>,
    pub encoding: Encoding,
    pub disposition: Option<Disposition>,
    /// File name, decoded, or empty.
    pub name: String,
    pub has_content_id: bool,
    /// Whether `name` is from the disposition, which goes before that of the type.
    named_by_disposition: bool,
}

/// What a body is to the parser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Multipart(Multipart),
    /// A message with a header of its own.
    Message,
    /// Text as it is.
    Text,
    Html,
    Other,
}

/// The multiparts that make a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Multipart {
    Mixed,
    Alternative,
    Related,
    Digest,
    Signed,
}

/// RFC 2183 §2; an unknown one counts as attachment there (§2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Disposition {
    Inline,
    Attachment,
}

impl Default for Entity {
    /// RFC 2045 §5.2: plain text.
    fn default() -> Entity {
        Entity {
            media_type: "text/plain".into(),
            kind: Kind::Text,
            boundary: None,
            charset: Vec::new(),
            encoding: Encoding::Identity,
            disposition: None,
            name: String::new(),
            has_content_id: false,
            named_by_disposition: false,
        }
    }
}

impl Entity {
    /// RFC 2046 §5.1.5: what a part of a digest is without a `Content-Type`.
    pub(crate) fn of_digest() -> Entity {
        Entity { media_type: "message/rfc822".into(), kind: Kind::Message, ..Entity::default() }
    }

    /// Takes what a field says, if it is one of those that describe a body.
    pub(crate) fn take(&mut self, name: Name, value: &[u8], defects: &mut Defects) {
        match name {
            Name::ContentType => self.take_type(params::parse(value, defects)),
            Name::ContentDisposition => self.take_disposition(params::parse(value, defects)),
            Name::ContentTransferEncoding => {
                self.encoding = Encoding::from_field(value);
                defects.add_if(self.encoding == Encoding::Unknown, Defect::UnknownEncoding);
            }
            Name::ContentId => self.has_content_id = true,
            _ => {}
        }
    }

    fn take_type(&mut self, params: Params) {
        // RFC 2045 §5.2: what is no type is plain text.
        if params.value.contains('/') {
            self.kind = kind(&params.value);
            self.media_type = params.value;
        }
        self.boundary = params.boundary.filter(|it| !it.is_empty());
        self.charset = params.charset.unwrap_or_default();
        if let Some(name) = params.name.filter(|_| !self.named_by_disposition) {
            self.name = name;
        }
    }

    fn take_disposition(&mut self, params: Params) {
        self.disposition = match params.value.as_str() {
            "" => None,
            "inline" => Some(Disposition::Inline),
            _ => Some(Disposition::Attachment),
        };
        if let Some(name) = params.name {
            self.name = name;
            self.named_by_disposition = true;
        }
    }
}

fn kind(media_type: &str) -> Kind {
    let (main, sub) = media_type.split_once('/').unwrap_or((media_type, ""));
    match (main, sub) {
        ("multipart", "alternative") => Kind::Multipart(Multipart::Alternative),
        ("multipart", "related") => Kind::Multipart(Multipart::Related),
        ("multipart", "digest") => Kind::Multipart(Multipart::Digest),
        ("multipart", "signed") => Kind::Multipart(Multipart::Signed),
        ("multipart", _) => Kind::Multipart(Multipart::Mixed),
        ("message", "rfc822" | "global" | "news") => Kind::Message,
        // RFC 3464, RFC 8098, RFC 5965: fields of text that say what happened to a message.
        (
            "message",
            "delivery-status"
            | "disposition-notification"
            | "feedback-report"
            | "global-delivery-status"
            | "global-disposition-notification",
        ) => Kind::Text,
        // RFC 1896 has the same shape: tags between which the text stands.
        ("text", "html" | "x-amp-html" | "enriched" | "richtext")
        | ("application", "xhtml+xml") => Kind::Html,
        ("text", _) => Kind::Text,
        _ => Kind::Other,
    }
}
