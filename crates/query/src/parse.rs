//! From the text of a query to its tree.
//!
//! Rules: the parser never panics; depth, length and number of terms have limits; whatever it
//! does not understand is an error with its place, never ignored.
//!
//! ```text
//! query       = [alternatives]
//! alternatives = all *("OR" all)
//! all         = item *(["AND"] item)
//! item        = ("-" / "NOT" ) item / "(" alternatives ")" / [field ":"] value
//! value       = word / quoted / "(" alternatives ")" / "-" value
//! ```

use types::{Flags, Timestamp};

use crate::catalog_term::NamePattern;
use crate::catalog_term::{CatalogTerm, FlagName, FolderPattern, ID_DIGITS_MIN, IdPrefix};
use crate::error::QueryError;
use crate::field::{self, Field};
use crate::terms;
use crate::tree::{Node, Query, Span, TextField, TimeField};
use crate::value::{self, Wrong};

/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 << 10;

/// How deep parentheses and negations may stand in one another.
pub const DEPTH_MAX: usize = 32;

/// How many words, phrases and field values a query may have.
pub const TERMS_MAX: usize = 256;

type Parsed<T> = Result<T, Box<QueryError>>;

/// Reads a query. Relative dates (`7d`, `today`) count from `now`. An empty text finds everything.
pub fn parse(text: &str, now: Timestamp) -> Result<Query, Box<QueryError>> {
    if QUERY_BYTES_MAX < text.len() {
        let what = format!("the query is longer than {QUERY_BYTES_MAX} bytes");
        let at = text.floor_char_boundary(QUERY_BYTES_MAX);
        return Err(QueryError::new(at, what, "search for fewer words at once"));
    }
    if text.trim().is_empty() {
        return Ok(Query::everything());
    }
    let mut parser = Parser { text, at: 0, now, depth: 0, n_terms: 0 };
    let root = parser.alternatives(None)?;
    match parser.peek() {
        None => Ok(Query { root }),
        Some(_) => Err(parser.error(
            "there is no opening parenthesis for this one",
            "leave it out, or put the text in quotes",
        )),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    now: Timestamp,
    depth: usize,
    n_terms: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes on behind the next character if it is `expected`.
    fn take(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        if is_next {
            self.at += expected.len_utf8();
        }
        is_next
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn error(&self, what: impl Into<String>, hint: impl Into<String>) -> Box<QueryError> {
        QueryError::new(self.at, what, hint)
    }

    fn is_keyword(&self, word: &str) -> bool {
        let ends = |it: char| it.is_whitespace() || is_delimiter(it);
        self.rest().strip_prefix(word).is_some_and(|it| it.chars().next().is_none_or(ends))
    }

    fn alternatives(&mut self, field: Option<Field>) -> Parsed<Node> {
        let mut nodes = vec![self.all(field)?];
        while self.is_keyword("OR") {
            self.at += "OR".len();
            nodes.push(self.all(field)?);
        }
        Ok(join(nodes, Node::Or))
    }

    /// Stops before `OR`, a closing parenthesis and the end.
    fn all(&mut self, field: Option<Field>) -> Parsed<Node> {
        let mut nodes = Vec::new();
        loop {
            self.skip_space();
            let ends = self.peek().is_none_or(|it| it == ')') || self.is_keyword("OR");
            if ends {
                break;
            }
            if !nodes.is_empty() && self.is_keyword("AND") {
                self.at += "AND".len();
                self.skip_space();
            }
            nodes.push(self.item(field)?);
        }
        if nodes.is_empty() {
            return Err(self.missing("something to search for"));
        }
        Ok(join(nodes, Node::And))
    }

    fn missing(&self, expected: &str) -> Box<QueryError> {
        let found = match self.peek() {
            None => "the query ends here".to_owned(),
            Some(')') => "here is a closing parenthesis".to_owned(),
            Some(_) => format!("here is {}", self.rest().split_whitespace().next().unwrap_or("")),
        };
        let hint = "write a word on both sides of OR and AND; in small letters they are words";
        self.error(format!("{expected} is missing: {found}"), hint)
    }

    fn item(&mut self, field: Option<Field>) -> Parsed<Node> {
        if self.is_keyword("NOT") {
            self.at += "NOT".len();
            self.skip_space();
            return self.negated(|parser| parser.item(field));
        }
        if self.take('-') {
            return self.negated(|parser| parser.item(field));
        }
        match self.peek() {
            None | Some(')') => Err(self.missing("something to search for")),
            Some('(') => self.group(field),
            Some(c) if is_quote(c) => self.quoted_leaf(field),
            Some(_) if self.is_keyword("OR") || self.is_keyword("AND") => {
                Err(self.missing("something to search for"))
            }
            Some(_) => self.word_or_field(field),
        }
    }

    fn negated(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<Node>) -> Parsed<Node> {
        if self.peek().is_none_or(char::is_whitespace) {
            let hint = "write -word without a space; a dash that is no minus is left out";
            return Err(self.error("a minus stands directly before what it excludes", hint));
        }
        self.deeper(|parser| inner(parser).map(|it| Node::Not(Box::new(it))))
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<Node>) -> Parsed<Node> {
        if self.depth == DEPTH_MAX {
            let what = format!("more than {DEPTH_MAX} parentheses or minus signs in one another");
            return Err(self.error(what, "write it with fewer parentheses"));
        }
        self.depth += 1;
        let node = inner(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn group(&mut self, field: Option<Field>) -> Parsed<Node> {
        let open = self.at;
        self.take('(');
        let node = self.deeper(|parser| parser.alternatives(field))?;
        if self.take(')') {
            return Ok(node);
        }
        let what = "this parenthesis is never closed";
        Err(QueryError::new(open, what, "write ) where it ends, or leave it out"))
    }

    /// Reads up to the closing quote. `\"` is a quote and `\\` a backslash.
    fn quoted(&mut self) -> Parsed<String> {
        let open = self.at;
        let mut chars = self.rest().char_indices().skip(1);
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, it)| it)),
                _ if is_quote(c) => {
                    self.at = open + at + c.len_utf8();
                    return Ok(text);
                }
                _ => text.push(c),
            }
        }
        let what = "this quote is never closed";
        Err(QueryError::new(open, what, "write \" at the end of the phrase"))
    }

    fn quoted_leaf(&mut self, field: Option<Field>) -> Parsed<Node> {
        let at = self.at;
        let text = self.quoted()?;
        self.leaf(field, at, &text, Spelling::Quoted)
    }

    /// The characters up to a space, parenthesis or quote.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|it: char| it.is_whitespace() || is_delimiter(it));
        let (word, _) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        self.at += word.len();
        word
    }

    fn word_or_field(&mut self, outer: Option<Field>) -> Parsed<Node> {
        let at = self.at;
        let word = self.word();
        let Some((name, value)) = word.split_once(':') else {
            return self.leaf(outer, at, word, Spelling::Bare);
        };
        if let Some(field) = Field::from_name(name) {
            self.at = at + name.len() + 1;
            if outer.is_some() {
                let what = format!("{name}: stands inside the parentheses of another field");
                let hint = "name the field once, before the parenthesis, or before each word";
                return Err(QueryError::new(at, what, hint));
            }
            return self.value(field);
        }
        let goes_on = self.peek().is_some_and(|it| it == '(' || is_quote(it));
        if is_like_field(name, value, goes_on) {
            return Err(unknown_field(at, name, word));
        }
        self.leaf(outer, at, word, Spelling::Bare)
    }

    /// What stands after the colon.
    fn value(&mut self, field: Field) -> Parsed<Node> {
        match self.peek() {
            Some('(') => self.group(Some(field)),
            Some('-') => {
                self.take('-');
                self.negated(|parser| parser.value(field))
            }
            Some(c) if is_quote(c) => self.quoted_leaf(Some(field)),
            Some(c) if c != ')' && !c.is_whitespace() => {
                let at = self.at;
                let word = self.word();
                self.leaf(Some(field), at, word, Spelling::Bare)
            }
            _ => {
                let (name, example) = field.name_and_example();
                let hint = format!("write it directly behind the colon: {name}:{example}");
                Err(self.error(format!("{name}: has no value"), hint))
            }
        }
    }

    fn leaf(
        &mut self,
        field: Option<Field>,
        at: usize,
        text: &str,
        spelling: Spelling,
    ) -> Parsed<Node> {
        if self.n_terms == TERMS_MAX {
            let what = format!("the query has more than {TERMS_MAX} words and values");
            return Err(QueryError::new(at, what, "search for fewer words at once"));
        }
        self.n_terms += 1;
        let wrong = |(what, hint): Wrong| QueryError::new(at, what, hint);
        let Some(field) = field else {
            return terms::words_leaf(TextField::Any, at, text, spelling);
        };
        let time = |from, until| Node::Time(TimeField::Date, Span { from, until });
        let node = match field {
            Field::Text(field) => return terms::words_leaf(field, at, text, spelling),
            Field::Time(which) => Node::Time(which, value::span(text, self.now).map_err(wrong)?),
            Field::After => time(Some(value::start(text, self.now).map_err(wrong)?), None),
            Field::Before => time(None, Some(value::start(text, self.now).map_err(wrong)?)),
            Field::Larger => Node::Larger(value::size(text).map_err(wrong)?),
            Field::Smaller => Node::Smaller(value::size(text).map_err(wrong)?),
            _ => catalog_leaf(field, text).map_err(wrong)?,
        };
        Ok(node)
    }
}

/// How a word or value was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spelling {
    Bare,
    Quoted,
}

fn join(mut nodes: Vec<Node>, joined: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.pop().unwrap_or(Node::All),
        _ => joined(nodes),
    }
}

fn is_quote(c: char) -> bool {
    // What keyboards and word processors make of a straight quote.
    matches!(c, '"' | '“' | '”' | '„')
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '(' | ')') || is_quote(c)
}

/// Whether `name:value` was meant to be a field, rather than a time, a web address or `Re:`.
fn is_like_field(name: &str, value: &str, goes_on: bool) -> bool {
    let is_name = 2 <= name.len() && name.bytes().all(|it| it.is_ascii_alphabetic() || it == b'-');
    let is_value = match value.chars().next() {
        Some(c) => !matches!(c, '/' | ':' | '\\'),
        None => goes_on,
    };
    is_name && is_value
}

fn unknown_field(at: usize, name: &str, word: &str) -> Box<QueryError> {
    let hint = match field::nearest(name) {
        Some(near) => format!("write {near}: or, for the text itself, \"{word}\" in quotes"),
        None => format!("put \"{word}\" in quotes; the fields are {}", field::names()),
    };
    QueryError::new(at, format!("there is no field {name}:"), hint)
}

/// Leaves with a fixed set of values.
fn catalog_leaf(field: Field, text: &str) -> Result<Node, Wrong> {
    let (name, example) = field.name_and_example();
    let wrong =
        |expected: &str| (format!("{name}: does not know \"{text}\""), format!("write {expected}"));
    if text.trim().is_empty() {
        return Err((format!("{name}: has no value"), format!("write {name}:{example}")));
    }
    Ok(match field {
        Field::Has => match text.to_ascii_lowercase().as_str() {
            "attachment" | "attachments" => Node::HasAttachment,
            _ => return Err(wrong("has:attachment")),
        },
        Field::Is => {
            let expected = "is: and seen, unread, answered, flagged, draft, forwarded or deleted";
            flag_leaf(text).ok_or_else(|| wrong(expected))?
        }
        Field::Folder => {
            let folder = FolderPattern::new(text);
            let folder = folder.ok_or_else(|| wrong("the name of a folder: folder:inbox"))?;
            Node::Catalog(CatalogTerm::Folder(folder))
        }
        Field::User => Node::Catalog(CatalogTerm::User(NamePattern::new(text))),
        Field::Id => {
            let expected = format!("{ID_DIGITS_MIN} to 64 hexadecimal digits of the message id");
            let id = IdPrefix::new(text).ok_or_else(|| wrong(&expected))?;
            Node::Catalog(CatalogTerm::Id(id))
        }
        _ => {
            let id = text.trim().trim_start_matches('<').trim_end_matches('>');
            Node::MessageIdHeader(id.to_owned())
        }
    })
}

fn flag_leaf(text: &str) -> Option<Node> {
    let name = text.to_ascii_lowercase();
    let node = |flag| Node::Catalog(CatalogTerm::Flag(FlagName(flag)));
    match name.as_str() {
        "read" => Some(node(Flags::SEEN)),
        "unread" | "unseen" => Some(Node::Not(Box::new(node(Flags::SEEN)))),
        _ => Flags::from_name(&name).map(node),
    }
}
