//! Makes a detail fit: always the longest of its texts and lists loses half.

use types::Address;

use crate::audit::AuditDetail;
use crate::detail::{Detail, MessageDetail, PartDetail};

/// The name of the defect that says so in a message's detail.
const SHORTENED: &str = "detail-shortened";

/// What a shortened text ends with.
const ELLIPSIS: &str = "\u{2026}";

/// Shortens `detail` while `too_long` says so. Deterministic; it ends because each turn takes
/// away half of the largest field, and without its fields a detail is short.
pub(crate) fn shorten(mut detail: Detail, too_long: impl Fn(&Detail) -> bool) -> Detail {
    if let Detail::Placed(_, Some(message)) = &mut detail {
        message.defects.push(SHORTENED.into());
        // At the front, or shortening the list of defects would take it away again.
        message.defects.rotate_right(1);
    }
    while too_long(&detail) {
        let longest = fields(&mut detail).into_iter().max_by_key(|it| it.weight());
        match longest {
            Some(longest) if longest.weight() > ELLIPSIS.len() => longest.halve(),
            _ => break,
        }
    }
    detail
}

/// What can lose half of itself.
trait Field {
    /// Roughly its bytes.
    fn weight(&self) -> usize;
    fn halve(self: Box<Self>);
}

impl Field for &mut String {
    fn weight(&self) -> usize {
        self.len()
    }

    fn halve(self: Box<Self>) {
        let text = *self;
        let half = text.floor_char_boundary(text.len() / 2);
        text.truncate(half);
        text.push_str(ELLIPSIS);
    }
}

impl Field for &mut Vec<u8> {
    fn weight(&self) -> usize {
        self.len()
    }

    fn halve(self: Box<Self>) {
        let bytes = *self;
        bytes.truncate(bytes.len() / 2);
        bytes.extend_from_slice(ELLIPSIS.as_bytes());
    }
}

/// A list of things that consist of texts.
struct List<'a, T> {
    items: &'a mut Vec<T>,
    texts: fn(&mut T) -> Vec<&mut String>,
    weight: fn(&T) -> usize,
}

/// Weight of an item beside its texts, so that a long list of empty items weighs something.
const ITEM_BYTES: usize = 2;

impl<T> Field for List<'_, T> {
    fn weight(&self) -> usize {
        self.items.iter().map(|it| (self.weight)(it) + ITEM_BYTES).sum()
    }

    fn halve(self: Box<Self>) {
        let half = self.weight() / 2;
        let weight = self.weight;
        let longest = self.items.iter_mut().max_by_key(|it| weight(it));
        match longest {
            // One long text among short ones is shortened itself.
            Some(item) if weight(item) >= half => {
                let text = (self.texts)(item).into_iter().max_by_key(|it| it.len());
                if let Some(text) = text {
                    Box::new(text).halve();
                }
            }
            _ => self.items.truncate(self.items.len() / 2),
        }
    }
}

fn texts(items: &mut Vec<String>) -> Box<dyn Field + '_> {
    Box::new(List { items, texts: |it| vec![it], weight: String::len })
}

fn addresses(items: &mut Vec<Address>) -> Box<dyn Field + '_> {
    Box::new(List {
        items,
        texts: |it| vec![&mut it.name, &mut it.addr],
        weight: |it| it.name.len() + it.addr.len(),
    })
}

fn parts(items: &mut Vec<PartDetail>) -> Box<dyn Field + '_> {
    Box::new(List {
        items,
        texts: |it| vec![&mut it.name, &mut it.media_type],
        weight: |it| it.name.len() + it.media_type.len(),
    })
}

fn fields(detail: &mut Detail) -> Vec<Box<dyn Field + '_>> {
    match detail {
        Detail::Placed(placement, message) => {
            let mut all = vec![
                texts(&mut placement.keywords),
                Box::new(&mut placement.transport),
                Box::new(&mut placement.origin),
                texts(&mut placement.envelope.senders),
                texts(&mut placement.envelope.recipients),
            ];
            if let Some(message) = message {
                all.extend(message_fields(message));
            }
            all
        }
        Detail::Folder(it) => vec![Box::new(&mut it.user), Box::new(&mut it.path)],
        Detail::Source(it) => vec![
            Box::new(&mut it.profile),
            Box::new(&mut it.account),
            Box::new(&mut it.mailbox_raw),
            Box::new(&mut it.mailbox),
        ],
        Detail::Quarantine(it) => vec![Box::new(&mut it.text)],
        Detail::Audit(it) => audit_fields(it),
        Detail::Run(it) => vec![Box::new(&mut it.title), texts(&mut it.warnings)],
        Detail::Hold(it) => vec![
            Box::new(&mut it.name),
            Box::new(&mut it.query),
            Box::new(&mut it.user),
            Box::new(&mut it.by),
            Box::new(&mut it.reason),
        ],
        // Never the ids of parts: dedupe needs them, and the writer keeps their number in bounds.
        Detail::Erasure(it) => {
            vec![Box::new(&mut it.rule), Box::new(&mut it.by), Box::new(&mut it.why)]
        }
    }
}

fn audit_fields(detail: &mut AuditDetail) -> Vec<Box<dyn Field + '_>> {
    vec![
        Box::new(&mut detail.who),
        Box::new(&mut detail.identity),
        Box::new(&mut detail.endpoint),
        Box::new(&mut detail.workstation),
        Box::new(&mut detail.agent),
        Box::new(&mut detail.command),
        texts(&mut detail.objects),
        Box::new(&mut detail.reason),
        Box::new(&mut detail.told),
    ]
}

fn message_fields(message: &mut MessageDetail) -> Vec<Box<dyn Field + '_>> {
    vec![
        addresses(&mut message.from),
        addresses(&mut message.to),
        addresses(&mut message.cc),
        addresses(&mut message.bcc),
        Box::new(&mut message.subject),
        Box::new(&mut message.message_id_header),
        texts(&mut message.references),
        parts(&mut message.parts),
        texts(&mut message.defects),
    ]
}
