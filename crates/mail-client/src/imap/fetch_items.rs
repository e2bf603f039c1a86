//! Reads FETCH responses, forgivingly: what was asked for is taken, the rest passed over.
//!
//! Rules: an item that is not known never costs a message; a value that was asked for and cannot
//! be read makes the whole response [`Malformed`], because half a message is none. Behind the
//! bytes of a message nothing is forgiven: a literal whose announced length is wrong must not
//! pass for a message.

use types::{Flags, Timestamp};

use super::tokens::{Malformed, Token, Tokens};
use internal_date::internal_date;

mod internal_date;

/// The bytes of a section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Section {
    /// The response does not speak of it.
    #[default]
    Absent,
    /// NIL.
    Nil,
    /// The literal of this number.
    Literal(usize),
    /// A quoted string.
    Quoted(Vec<u8>),
}

/// What a FETCH response says of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FetchItems {
    pub(crate) uid: Option<u32>,
    /// System flags and keywords.
    pub(crate) flags: Option<(Flags, Vec<String>)>,
    /// `Some(None)`: there is one, and it is no date.
    pub(crate) received: Option<Option<Timestamp>>,
    pub(crate) size: Option<u64>,
    /// Gmail's labels, as they were sent.
    pub(crate) labels: Vec<Label>,
    /// `BODY[]`
    pub(crate) body: Section,
    /// `BODY[HEADER]`
    pub(crate) header: Section,
}

/// A label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Label {
    /// It stands in the text.
    Text(Vec<u8>),
    /// It is the literal of this number.
    Literal(usize),
}

impl FetchItems {
    /// Whether the bytes of a message, or of a header block, came as a literal.
    fn has_literal(&self) -> bool {
        matches!((&self.body, &self.header), (Section::Literal(_), _) | (_, Section::Literal(_)))
    }

    /// Whether everything has come that is sent beside the bytes of a message.
    pub(crate) fn has_facts(&self) -> bool {
        self.uid.is_some() && self.flags.is_some() && self.received.is_some()
    }
}

/// Items that are recognised where the value of an unknown item should be: that one has none.
const KNOWN: [&[u8]; 7] =
    [b"UID", b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"MODSEQ", b"BODY[]", b"BODY[HEADER]"];

/// Reads the response with this text; of its literals, the first `n_literals` are there.
///
/// Stops without an error at the first literal that is not there, so that the beginning of a
/// response can be read while its message is still to come.
pub(crate) fn read(text: &[u8], n_literals: usize) -> Result<FetchItems, Malformed> {
    let mut tokens = Tokens::new(text);
    for _ in 0..2 {
        // `*` and the number.
        tokens.next()?.ok_or(Malformed)?;
    }
    match tokens.item_name() {
        Some(word) if word.eq_ignore_ascii_case(b"FETCH") => (),
        _ => return Err(Malformed),
    }
    if tokens.next()? != Some(Token::Open) {
        return Err(Malformed);
    }
    let mut items = FetchItems::default();
    loop {
        match tokens.peek()? {
            // Without its parenthesis the line has still come to its end.
            None if !items.has_literal() => return Ok(items),
            None => return Err(Malformed),
            Some(Token::Close) => return ended(&mut tokens, items),
            Some(Token::Literal(n)) if n >= n_literals => return Ok(items),
            // A value without a name.
            Some(Token::Open | Token::Quoted(_) | Token::Literal(_)) if !items.has_literal() => {
                tokens.skip_value()?;
            }
            Some(Token::Open | Token::Quoted(_) | Token::Literal(_)) => return Err(Malformed),
            Some(Token::Atom(_)) => {
                if !item(&mut tokens, &mut items, n_literals)? {
                    return Ok(items);
                }
            }
        }
    }
}

fn ended(tokens: &mut Tokens<'_>, items: FetchItems) -> Result<FetchItems, Malformed> {
    tokens.next()?;
    match tokens.rest().trim_ascii() {
        b"" => Ok(items),
        _ if !items.has_literal() => Ok(items),
        _ => Err(Malformed),
    }
}

/// Reads one item; false when its literal is not there yet.
fn item(
    tokens: &mut Tokens<'_>,
    items: &mut FetchItems,
    n_literals: usize,
) -> Result<bool, Malformed> {
    let name = tokens.item_name().ok_or(Malformed)?.to_ascii_uppercase();
    if let Some(Token::Literal(n)) = tokens.peek()?
        && n >= n_literals
    {
        return Ok(false);
    }
    match name.as_slice() {
        b"UID" => {
            let uid = tokens.number().and_then(|it| u32::try_from(it).ok()).ok_or(Malformed)?;
            // Some servers tell it once because it was asked for and once because they must.
            if items.uid.replace(uid).is_some_and(|before| before != uid) {
                return Err(Malformed);
            }
        }
        b"RFC822.SIZE" => once(&mut items.size, tokens.number().ok_or(Malformed)?)?,
        b"FLAGS" => once(&mut items.flags, flags(tokens)?)?,
        b"INTERNALDATE" => once(&mut items.received, date(tokens)?)?,
        b"BODY[]" if items.body == Section::Absent => items.body = section(tokens)?,
        b"BODY[HEADER]" if items.header == Section::Absent => items.header = section(tokens)?,
        b"BODY[]" | b"BODY[HEADER]" => return Err(Malformed),
        b"X-GM-LABELS" => items.labels = labels(tokens)?,
        _ if items.has_literal() => tokens.skip_value()?,
        _ => skip_unknown(tokens)?,
    }
    Ok(true)
}

/// What is told twice is that of two messages.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    if slot.replace(value).is_some() { Err(Malformed) } else { Ok(()) }
}

fn flags(tokens: &mut Tokens<'_>) -> Result<(Flags, Vec<String>), Malformed> {
    if let Some(Token::Atom(it)) = tokens.peek()?
        && it.eq_ignore_ascii_case(b"NIL")
    {
        tokens.next()?;
        return Ok((Flags::default(), Vec::new()));
    }
    let mut flags = Flags::default();
    let mut keywords = Vec::new();
    for word in tokens.words()? {
        match Flags::from_imap(&word) {
            Some(flag) => flags = flags.with(flag),
            // It belongs to a session, not to the message (RFC 3501 §2.3.2).
            None if word.eq_ignore_ascii_case("\\Recent") => (),
            None => keywords.push(word),
        }
    }
    Ok((flags, keywords))
}

/// A flat list. What is no list has no labels.
fn labels(tokens: &mut Tokens<'_>) -> Result<Vec<Label>, Malformed> {
    let mut labels = Vec::new();
    if tokens.peek()? != Some(Token::Open) {
        return tokens.skip_value().map(|()| labels);
    }
    let mut ahead = tokens.clone();
    ahead.next()?;
    loop {
        match ahead.next()?.ok_or(Malformed)? {
            Token::Close => {
                *tokens = ahead;
                return Ok(labels);
            }
            Token::Atom(it) => labels.push(Label::Text(it.to_vec())),
            Token::Quoted(it) => labels.push(Label::Text(it.into_owned())),
            Token::Literal(n) => labels.push(Label::Literal(n)),
            // Lists inside the list: nobody sends them.
            Token::Open => return tokens.skip_value().map(|()| Vec::new()),
        }
    }
}

fn date(tokens: &mut Tokens<'_>) -> Result<Option<Timestamp>, Malformed> {
    match tokens.next()?.ok_or(Malformed)? {
        Token::Quoted(it) => Ok(internal_date(&it)),
        Token::Atom(_) | Token::Literal(_) => Ok(None),
        Token::Open | Token::Close => Err(Malformed),
    }
}

fn section(tokens: &mut Tokens<'_>) -> Result<Section, Malformed> {
    match tokens.next()?.ok_or(Malformed)? {
        Token::Literal(n) if matches!(tokens.rest().first(), Some(b' ' | b')')) => {
            Ok(Section::Literal(n))
        }
        Token::Quoted(it) => Ok(Section::Quoted(it.into_owned())),
        Token::Atom(it) if it.eq_ignore_ascii_case(b"NIL") => Ok(Section::Nil),
        _ => Err(Malformed),
    }
}

fn skip_unknown(tokens: &mut Tokens<'_>) -> Result<(), Malformed> {
    let mut ahead = tokens.clone();
    let known =
        ahead.item_name().is_some_and(|next| KNOWN.iter().any(|it| next.eq_ignore_ascii_case(it)));
    match tokens.peek()? {
        None | Some(Token::Close) => Ok(()),
        Some(_) if known => Ok(()),
        Some(_) => tokens.skip_value(),
    }
}

/// Whether the text so far is a FETCH response that announces the value of `BODY[]` as a
/// literal: the message itself is next.
pub(crate) fn announces_body(text: &[u8]) -> bool {
    let Some(brace) = memchr::memrchr(b'{', text) else { return false };
    let before = text.get(..brace).unwrap_or_default();
    let before = before.strip_suffix(b"~").unwrap_or(before).trim_ascii_end();
    let name_from = before.len().saturating_sub(b"BODY[]".len());
    let name = before.get(name_from..).unwrap_or_default();
    name.eq_ignore_ascii_case(b"BODY[]") && is_fetch(text)
}

/// Whether the text begins a FETCH response.
pub(crate) fn is_fetch(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"* ") else { return false };
    let digits = rest.iter().take_while(|it| it.is_ascii_digit()).count();
    let word = rest.get(digits..digits + 6).unwrap_or_default();
    digits > 0 && word.eq_ignore_ascii_case(b" FETCH")
}

#[cfg(test)]
mod tests;
