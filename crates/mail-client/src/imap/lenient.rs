//! Reads what `imap-codec` refuses: names in 8 bits, values that are 0, items and extensions
//! that it does not know, missing spaces.
//!
//! Rule: it may be more generous than the codec, never different: what both read, they read
//! alike (a test holds them together).

use ports::MailboxStatus;

use super::reply::{ListItem, NamespacePrefix, Reply};
use super::tokens::{Malformed, Token, Tokens};
use super::uid_set;

/// Reads the response named `word`, of which `after` follows the name.
pub(crate) fn read(word: &[u8], after: &[u8], literals: &[Vec<u8>]) -> Result<Reply, Malformed> {
    let mut reader = Reader { tokens: Tokens::new(after), literals };
    match word {
        b"CAPABILITY" => reader.words().map(Reply::Capability),
        b"ENABLED" => reader.words().map(Reply::Enabled),
        b"LIST" | b"XLIST" => reader.list().map(Reply::List),
        b"STATUS" => reader.status(),
        b"SEARCH" => reader.search(),
        b"ESEARCH" => reader.esearch(),
        b"VANISHED" => reader.vanished(),
        b"NAMESPACE" => reader.namespace(),
        b"ID" => reader.id(),
        _ => Err(Malformed),
    }
}

struct Reader<'a> {
    tokens: Tokens<'a>,
    literals: &'a [Vec<u8>],
}

impl Reader<'_> {
    fn expect(&mut self, want: &Token<'_>) -> Result<(), Malformed> {
        if self.tokens.next()?.as_ref() == Some(want) { Ok(()) } else { Err(Malformed) }
    }

    /// A string of any spelling; `None` for NIL.
    fn nstring(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        match self.tokens.next()?.ok_or(Malformed)? {
            Token::Atom(it) if it.eq_ignore_ascii_case(b"NIL") => Ok(None),
            Token::Atom(it) => Ok(Some(it.to_vec())),
            Token::Quoted(it) => Ok(Some(it.into_owned())),
            Token::Literal(n) => self.literals.get(n).cloned().map(Some).ok_or(Malformed),
            Token::Open | Token::Close => Err(Malformed),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Malformed> {
        self.nstring()?.ok_or(Malformed)
    }

    /// A mailbox name. `NIL` is a name like any other here.
    fn mailbox(&mut self) -> Result<Vec<u8>, Malformed> {
        let name = match self.tokens.next()?.ok_or(Malformed)? {
            Token::Atom(it) => it.to_vec(),
            Token::Quoted(it) => it.into_owned(),
            Token::Literal(n) => self.literals.get(n).cloned().ok_or(Malformed)?,
            Token::Open | Token::Close => return Err(Malformed),
        };
        Ok(if name.eq_ignore_ascii_case(b"INBOX") { b"INBOX".to_vec() } else { name })
    }

    /// The mailbox name at the end of a response. Some servers quote neither spaces nor
    /// parentheses: what is no atom goes on to the end of the line, unless the extended data of
    /// RFC 5258 §6 follow, which hold a string.
    fn last_mailbox(&mut self) -> Result<Vec<u8>, Malformed> {
        let line = self.tokens.rest().trim_ascii();
        let plain =
            !line.starts_with(b"\"") && !matches!(self.tokens.peek()?, Some(Token::Literal(_)));
        let name = self.mailbox()?;
        let after = self.tokens.rest().trim_ascii_end();
        let extended = after.starts_with(b" (") && after.contains(&b'"');
        Ok(if plain && !after.is_empty() && !extended { line.to_vec() } else { name })
    }

    fn words(&mut self) -> Result<Vec<String>, Malformed> {
        let mut words = Vec::new();
        while let Some(token) = self.tokens.next()? {
            match token {
                Token::Atom(it) => words.push(String::from_utf8_lossy(it).into_owned()),
                Token::Quoted(it) => words.push(String::from_utf8_lossy(&it).into_owned()),
                _ => return Err(Malformed),
            }
        }
        Ok(words)
    }

    fn separator(&mut self) -> Result<Option<u8>, Malformed> {
        match self.nstring()?.as_deref() {
            None | Some([]) => Ok(None),
            Some([separator]) => Ok(Some(*separator)),
            Some(_) => Err(Malformed),
        }
    }

    fn list(&mut self) -> Result<ListItem, Malformed> {
        let attributes = self.tokens.words()?;
        let separator = self.separator()?;
        let name = self.last_mailbox()?;
        Ok(ListItem { attributes, separator, name })
    }

    fn status(&mut self) -> Result<Reply, Malformed> {
        let name = self.mailbox()?;
        self.expect(&Token::Open)?;
        let mut status = MailboxStatus::default();
        loop {
            let key = match self.tokens.next()?.ok_or(Malformed)? {
                Token::Close => return Ok(Reply::MailboxStatus { name, status }),
                Token::Atom(key) => key.to_ascii_uppercase(),
                _ => return Err(Malformed),
            };
            let field = match key.as_slice() {
                b"MESSAGES" => &mut status.messages,
                b"UIDNEXT" => &mut status.uid_next,
                b"UIDVALIDITY" => &mut status.uid_validity,
                b"HIGHESTMODSEQ" => &mut status.modseq,
                _ => {
                    self.tokens.skip_value()?;
                    continue;
                }
            };
            *field = self.tokens.number().ok_or(Malformed)?;
        }
    }

    fn search(&mut self) -> Result<Reply, Malformed> {
        let mut found = Vec::new();
        loop {
            match self.tokens.peek()? {
                None => return Ok(Reply::Search(found)),
                // `(MODSEQ n)` (RFC 7162 §3.1.5).
                Some(Token::Open) => self.tokens.skip_value()?,
                Some(_) => {
                    let number = self.tokens.number().ok_or(Malformed)?;
                    found.push(u32::try_from(number).map_err(|_| Malformed)?);
                }
            }
        }
    }

    /// RFC 4466 §2.6.2, RFC 4731 §3.1.
    fn esearch(&mut self) -> Result<Reply, Malformed> {
        let mut tag = None;
        let mut all = None;
        if self.tokens.peek()? == Some(Token::Open) {
            tag = self.tokens.words()?.into_iter().nth(1);
        }
        while let Some(token) = self.tokens.next()? {
            match token {
                Token::Atom(it) if it.eq_ignore_ascii_case(b"UID") => (),
                Token::Atom(it) if it.eq_ignore_ascii_case(b"ALL") => {
                    let Some(Token::Atom(set)) = self.tokens.next()? else { return Err(Malformed) };
                    all = Some(uid_set::parse(set).ok_or(Malformed)?);
                }
                Token::Atom(_) => self.tokens.skip_value()?,
                _ => return Err(Malformed),
            }
        }
        Ok(Reply::Esearch { tag, all })
    }

    /// RFC 7162 §3.2.10.
    fn vanished(&mut self) -> Result<Reply, Malformed> {
        let earlier = self.tokens.peek()? == Some(Token::Open);
        if earlier {
            self.tokens.skip_value()?;
        }
        match self.tokens.next()? {
            None => Ok(Reply::Vanished { earlier, uids: Vec::new() }),
            Some(Token::Atom(set)) => {
                Ok(Reply::Vanished { earlier, uids: uid_set::parse(set).ok_or(Malformed)? })
            }
            Some(_) => Err(Malformed),
        }
    }

    /// RFC 2342 §5.
    fn namespace(&mut self) -> Result<Reply, Malformed> {
        Ok(Reply::Namespace([self.prefixes()?, self.prefixes()?, self.prefixes()?]))
    }

    fn prefixes(&mut self) -> Result<Vec<NamespacePrefix>, Malformed> {
        let mut prefixes = Vec::new();
        match self.tokens.next()?.ok_or(Malformed)? {
            Token::Atom(it) if it.eq_ignore_ascii_case(b"NIL") => return Ok(prefixes),
            Token::Open => (),
            _ => return Err(Malformed),
        }
        loop {
            match self.tokens.next()?.ok_or(Malformed)? {
                Token::Close => return Ok(prefixes),
                Token::Open => prefixes.push(self.prefix()?),
                _ => return Err(Malformed),
            }
        }
    }

    fn prefix(&mut self) -> Result<NamespacePrefix, Malformed> {
        let prefix = self.string()?;
        let separator = self.separator()?;
        while self.tokens.peek()?.ok_or(Malformed)? != Token::Close {
            self.tokens.skip_value()?;
        }
        self.expect(&Token::Close)?;
        Ok(NamespacePrefix { prefix, separator })
    }

    /// RFC 2971 §3.2.
    fn id(&mut self) -> Result<Reply, Malformed> {
        let mut fields = Vec::new();
        match self.tokens.next()?.ok_or(Malformed)? {
            Token::Atom(it) if it.eq_ignore_ascii_case(b"NIL") => return Ok(Reply::Id(fields)),
            Token::Open => (),
            _ => return Err(Malformed),
        }
        while self.tokens.peek()?.ok_or(Malformed)? != Token::Close {
            let key = self.string()?;
            let value = self.nstring()?;
            let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
            fields.extend(value.map(|it| (text(&key).to_ascii_lowercase(), text(&it))));
        }
        Ok(Reply::Id(fields))
    }
}
