//! How Tantivy is given the words of a field: it cuts nothing itself, `query` does.
//!
//! Whole addresses, domains and file names are terms beside the words, with [`WHOLE_MARK`] in
//! front, which no word begins with: so neither a word nor a wildcard meets them by accident.

use query::{WordCutter, whole_address, whole_domain, whole_file_name};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Stands before whole forms in the term dictionary.
pub(crate) const WHOLE_MARK: char = '=';

/// Stands between display name and address in the text of an address field.
pub(crate) const NAME_END: char = '\u{0}';

/// Text: its words.
#[derive(Clone)]
pub(crate) struct WordTokenizer;

/// An address: whole, its domain, the words of its display name, the words of the address.
#[derive(Clone)]
pub(crate) struct AddressTokenizer;

/// A file name: whole, and its words.
#[derive(Clone)]
pub(crate) struct FileNameTokenizer;

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        Words::new([None, None], text)
    }
}

impl Tokenizer for AddressTokenizer {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        let (_, addr) = text.rsplit_once(NAME_END).unwrap_or(("", text));
        Words::new([whole_address(addr), whole_domain(addr)], text)
    }
}

impl Tokenizer for FileNameTokenizer {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        Words::new([whole_file_name(text), None], text)
    }
}

/// Gives out the whole forms, then the words. Whole forms take no place among the words.
pub(crate) struct Words<'a> {
    whole: [Option<String>; 2],
    cutter: WordCutter<'a>,
    next_position: usize,
    token: Token,
}

impl<'a> Words<'a> {
    fn new(whole: [Option<String>; 2], text: &'a str) -> Words<'a> {
        Words { whole, cutter: WordCutter::new(text), next_position: 0, token: Token::default() }
    }
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        if let Some(whole) = self.whole.iter_mut().find_map(Option::take) {
            self.token.position = 0;
            self.token.text.clear();
            self.token.text.push(WHOLE_MARK);
            self.token.text.push_str(&whole);
            return true;
        }
        self.token.position = self.next_position;
        self.next_position += 1;
        self.cutter.next_into(&mut self.token.text)
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut tokenizer: impl Tokenizer, text: &str, want: &[&str]) {
        let mut stream = tokenizer.token_stream(text);
        let mut found = Vec::new();
        while stream.advance() {
            found.push(format!("{}:{}", stream.token().position, stream.token().text));
        }
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn whole_forms_stand_beside_the_words() {
        check(WordTokenizer, "Hello, World", &["0:hello", "1:world"]);
        check(
            AddressTokenizer,
            "Bob Smith\u{0}Bob@Example.org",
            &[
                "0:=bob@example.org",
                "0:=@example.org",
                "0:bob",
                "1:smith",
                "2:bob",
                "3:example",
                "4:org",
            ],
        );
        check(AddressTokenizer, "x@y\u{0}nobody", &["0:x", "1:y", "2:nobody"]);
        check(FileNameTokenizer, "Q1.pdf", &["0:=q1.pdf", "0:q1", "1:pdf"]);
        check(FileNameTokenizer, "README", &["0:readme"]);
        check(FileNameTokenizer, "", &[]);
    }
}
