//! Cuts the text of a response into tokens (RFC 9051 §9), forgivingly.
//!
//! What it is not: a grammar. It knows parentheses, quoted strings, literals and atoms; missing
//! and doubled spaces do not matter.

use std::borrow::Cow;

use super::limits::DEPTH_MAX;

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Token<'a> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// A run of other bytes.
    Atom(&'a [u8]),
    /// A quoted string, without quotes and escapes.
    Quoted(Cow<'a, [u8]>),
    /// The literal of this number in the response.
    Literal(usize),
}

/// The text breaks a rule that nobody can forgive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

/// A cursor over the text of a response. Line ends after a literal's announcement are skipped,
/// so the text of all fragments stands there without the literals.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
    literals_seen: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Tokens<'a> {
        Tokens { rest: text, literals_seen: 0 }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn skip_spaces(&mut self) {
        let spaces = self.rest.iter().take_while(|it| matches!(it, b' ' | b'\r' | b'\n' | b'\t'));
        let n = spaces.count();
        self.rest = self.rest.get(n..).unwrap_or_default();
    }

    /// Reads the next token, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, Malformed> {
        self.skip_spaces();
        let Some((&first, rest)) = self.rest.split_first() else { return Ok(None) };
        let token = match first {
            b'(' => {
                self.rest = rest;
                Token::Open
            }
            b')' => {
                self.rest = rest;
                Token::Close
            }
            b'"' => Token::Quoted(self.quoted()?),
            b'{' | b'~' if self.literal() => {
                self.literals_seen += 1;
                Token::Literal(self.literals_seen - 1)
            }
            _ => Token::Atom(self.take_while(|it| !matches!(it, b' ' | b'(' | b')' | b'"'))),
        };
        Ok(Some(token))
    }

    /// Reads the next token without passing over it.
    pub(crate) fn peek(&self) -> Result<Option<Token<'a>>, Malformed> {
        self.clone().next()
    }

    fn take_while(&mut self, takes: impl Fn(u8) -> bool) -> &'a [u8] {
        let n = self.rest.iter().take_while(|it| **it >= b' ' && takes(**it)).count();
        // A lone control character is an atom, so that reading always moves on.
        let (taken, rest) = self.rest.split_at_checked(n.max(1)).unwrap_or((self.rest, b""));
        self.rest = rest;
        taken
    }

    /// `"...` with `\"` and `\\`; the opening quote is next.
    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, Malformed> {
        let inner = self.rest.get(1..).unwrap_or_default();
        let end = inner.iter().position(|it| matches!(it, b'"' | b'\\' | b'\r' | b'\n'));
        let end = end.ok_or(Malformed)?;
        let (plain, rest) = inner.split_at_checked(end).ok_or(Malformed)?;
        if let Some(rest) = rest.strip_prefix(b"\"") {
            self.rest = rest;
            return Ok(Cow::Borrowed(plain));
        }
        let mut unescaped = plain.to_vec();
        let mut rest = rest.iter();
        loop {
            match rest.next() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let escaped = *rest.next().ok_or(Malformed)?;
                    // Only quotes and backslashes are escaped; a server that sends another
                    // backslash did not escape it.
                    if !matches!(escaped, b'"' | b'\\') {
                        unescaped.push(b'\\');
                    }
                    unescaped.push(escaped);
                }
                None | Some(b'\r' | b'\n') => return Err(Malformed),
                Some(byte) => unescaped.push(*byte),
            }
        }
        self.rest = rest.as_slice();
        Ok(Cow::Owned(unescaped))
    }

    /// Passes over `{n}`, `{n+}` or `~{n}` with its line end, when it stands here.
    fn literal(&mut self) -> bool {
        let text = self.rest.strip_prefix(b"~").unwrap_or(self.rest);
        let Some(text) = text.strip_prefix(b"{") else { return false };
        let n = text.iter().take_while(|it| it.is_ascii_digit()).count();
        let text = text.get(n..).unwrap_or_default();
        let text = text.strip_prefix(b"+").unwrap_or(text);
        let Some(text) = text.strip_prefix(b"}") else { return false };
        let text = text.strip_prefix(b"\r").unwrap_or(text);
        match text.strip_prefix(b"\n") {
            Some(rest) if n > 0 => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads digits, leaving what follows them.
    pub(crate) fn number(&mut self) -> Option<u64> {
        self.skip_spaces();
        let n = self.rest.iter().take_while(|it| it.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(n)?;
        let value = std::str::from_utf8(digits).ok()?.parse().ok()?;
        self.rest = rest;
        Some(value)
    }

    /// Reads the name of a FETCH item: an atom whose section, `[...]<...>`, may hold anything.
    /// It ends behind the section, whether or not a space follows.
    pub(crate) fn item_name(&mut self) -> Option<&'a [u8]> {
        self.skip_spaces();
        let name = self.rest;
        let is_end =
            |it: &u8| matches!(it, b' ' | b'(' | b')' | b'"' | b'[' | b'{' | b'\r' | b'\n');
        let mut n = name.iter().position(is_end).unwrap_or(name.len());
        if name.get(n) == Some(&b'[') {
            n += name.get(n..)?.iter().position(|it| *it == b']')? + 1;
            if name.get(n) == Some(&b'<') {
                n += name.get(n..)?.iter().position(|it| *it == b'>')? + 1;
            }
        }
        let (name, rest) = name.split_at_checked(n).filter(|(name, _)| !name.is_empty())?;
        self.rest = rest;
        Some(name)
    }

    /// Passes over one value: a token, or a list with all that is in it.
    pub(crate) fn skip_value(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_usize;
        loop {
            match self.next()?.ok_or(Malformed)? {
                Token::Open => depth += 1,
                Token::Close => depth = depth.checked_sub(1).ok_or(Malformed)?,
                _ => (),
            }
            if depth == 0 {
                return Ok(());
            }
            if depth > DEPTH_MAX {
                return Err(Malformed);
            }
        }
    }

    /// Reads a flat list of words, `(a b "c")`; the parenthesis is next.
    pub(crate) fn words(&mut self) -> Result<Vec<String>, Malformed> {
        if self.next()? != Some(Token::Open) {
            return Err(Malformed);
        }
        let mut words = Vec::new();
        loop {
            match self.next()?.ok_or(Malformed)? {
                Token::Close => return Ok(words),
                Token::Atom(it) => words.push(String::from_utf8_lossy(it).into_owned()),
                Token::Quoted(it) => words.push(String::from_utf8_lossy(&it).into_owned()),
                Token::Open | Token::Literal(_) => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
    fn check(text: &str, want: Expect) {
        let mut tokens = Tokens::new(text.as_bytes());
        let mut shown = Vec::new();
        loop {
            shown.push(match tokens.next() {
                Ok(None) => break,
                Ok(Some(Token::Open)) => "(".into(),
                Ok(Some(Token::Close)) => ")".into(),
                Ok(Some(Token::Atom(it))) => it.escape_ascii().to_string(),
                Ok(Some(Token::Quoted(it))) => format!("{:?}", it.escape_ascii().to_string()),
                Ok(Some(Token::Literal(n))) => format!("#{n}"),
                Err(Malformed) => {
                    shown.push("malformed".into());
                    break;
                }
            });
        }
        want.assert_eq(&shown.join(" "));
    }

    #[test]
    fn tokens_of_all_kinds() {
        check("(a  \"b c\")d\r\n", expect![[r#"( a "b c" ) d"#]]);
        check(r#""say \"hi\" \\" x"#, expect![[r#""say \\\"hi\\\" \\\\" x"#]]);
        check("{5}\r\n ~{12}\r\n{3+}\r\n)", expect!["#0 #1 #2 )"]);
        check("{5} {x}\r\n a{5}", expect!["{5} {x} a{5}"]);
        check("a\"b\"c", expect![[r#"a "b" c"#]]);
        check("\x01\x02 \\Seen $x", expect![[r"\x01 \x02 \\Seen $x"]]);
        check("", expect![""]);
        check("\"open", expect!["malformed"]);
        check("\"open\r\n\"", expect!["malformed"]);
        check("\"end\\", expect!["malformed"]);
    }

    #[test]
    fn item_names_keep_their_sections() {
        let mut tokens = Tokens::new(b" BODY[HEADER.FIELDS (From \"x]\" To)]<0>\"v\"UID 5FLAGS(");
        // A `]` inside a quoted field name ends the section early: no server sends one.
        assert_eq!(tokens.item_name(), Some(&b"BODY[HEADER.FIELDS (From \"x]"[..]));
        let mut tokens = Tokens::new(b"BODY[]<0>{3}\r\nUID 5FLAGS (\\Seen)RFC822.SIZE");
        assert_eq!(tokens.item_name(), Some(&b"BODY[]<0>"[..]));
        assert_eq!(tokens.next(), Ok(Some(Token::Literal(0))));
        assert_eq!(tokens.item_name(), Some(&b"UID"[..]));
        assert_eq!(tokens.number(), Some(5));
        assert_eq!(tokens.item_name(), Some(&b"FLAGS"[..]));
        assert_eq!(tokens.words(), Ok(vec!["\\Seen".to_owned()]));
        assert_eq!(tokens.item_name(), Some(&b"RFC822.SIZE"[..]));
        assert_eq!(tokens.item_name(), None);
    }

    #[test]
    fn values_are_skipped_whole() {
        for (text, rest) in [
            ("(a (b \")\" {3}\r\n) c) d", " d"),
            ("NIL d", " d"),
            ("\"x\"d", "d"),
            ("(((()))) d", " d"),
        ] {
            let mut tokens = Tokens::new(text.as_bytes());
            assert_eq!(tokens.skip_value(), Ok(()), "{text}");
            assert_eq!(tokens.rest(), rest.as_bytes());
        }
        let deep = "(".repeat(100_000);
        for text in ["(a", ")", "", "(\"", &deep] {
            assert_eq!(Tokens::new(text.as_bytes()).skip_value(), Err(Malformed));
        }
    }
}
