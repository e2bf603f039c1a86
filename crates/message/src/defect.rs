//! What can be wrong with a message.

use std::fmt;

macro_rules! defects {
    ($($variant:ident $name:literal $sentence:literal;)+) => {
        /// Something wrong in a message. It is recorded beside the message and stops nothing.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Defect {
            $(#[doc = $sentence] $variant,)+
        }

        impl Defect {
            /// Every defect there is.
            pub const ALL: &[Defect] = &[$(Defect::$variant,)+];

            /// Its name in details and reports. A name is never changed and never used again.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Defect::$variant => $name,)+
                }
            }

            /// What it means, as a sentence.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Defect::$variant => $sentence,)+
                }
            }
        }
    };
}

defects! {
    Empty "empty"
        "The message has no bytes.";
    NoHeader "no-header"
        "The message begins without any header field; all of it was read as text.";
    MalformedHeader "malformed-header"
        "A line of a header is not a field; it was read as text.";
    HeaderTooLong "header-too-long"
        "A header or one of its fields is longer than the limit; the rest was not read.";
    RawBytesInHeader "raw-bytes-in-header"
        "A header field has bytes that are not UTF-8; they were read as windows-1252.";
    BrokenEncodedWord "broken-encoded-word"
        "An encoded word of a header could not be decoded completely.";
    RepeatedField "repeated-field"
        "A field that may occur once occurs more often.";
    NoDate "no-date"
        "The message has no Date field.";
    WrongDate "wrong-date"
        "The Date field is not a date, or not a possible one.";
    UnknownCharset "unknown-charset"
        "A text names a character set that is not known; it was read as UTF-8 or windows-1252.";
    WrongCharset "wrong-charset"
        "A text is not in the character set that it names; the likelier one was taken.";
    UnknownEncoding "unknown-encoding"
        "A part has a transfer encoding that is not known; it was read as it is.";
    BrokenBase64 "broken-base64"
        "A base64 part has bytes that are not base64; they were passed over.";
    BrokenQuotedPrintable "broken-quoted-printable"
        "A quoted-printable part has an = that begins nothing; it was taken as it is.";
    BoundaryMissing "boundary-missing"
        "A multipart names no boundary, or its boundary is nowhere in it.";
    MultipartUnclosed "multipart-unclosed"
        "A multipart has no end; the message may be cut off.";
    TooDeep "too-deep"
        "Parts are nested deeper than the limit; the inner ones were not read.";
    TooManyParts "too-many-parts"
        "The message has more parts than the limit; the rest was not read.";
    TooManyParameters "too-many-parameters"
        "A field has more parameters than the limit; the rest was not read.";
    TooManyAddresses "too-many-addresses"
        "The message has more addresses or references than the limit; the rest was left out.";
    ValueShortened "value-shortened"
        "A subject, name, address or Message-ID is longer than the limit and was shortened.";
    TextShortened "text-shortened"
        "The message has more text than the limit; the rest cannot be found by its words.";
    PartlyParsed "partly-parsed"
        "The message is larger than the limit for parsing; only its beginning was read.";
    ParserPanicked "parser-panicked"
        "The parser failed on this message; only its header was read, in a simple way.";
}

/// Its name.
impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The defects of one message, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defects(Vec<Defect>);

impl Defects {
    /// Notes a defect.
    pub(crate) fn add(&mut self, defect: Defect) {
        if !self.0.contains(&defect) {
            self.0.push(defect);
        }
    }

    /// Notes a defect when there is one.
    pub(crate) fn add_if(&mut self, found: bool, defect: Defect) {
        if found {
            self.add(defect);
        }
    }

    /// All of them, in the order of [`Defect::ALL`].
    pub(crate) fn into_sorted(mut self) -> Vec<Defect> {
        self.0.sort_unstable();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_sentences_are_sentences() {
        let mut names: Vec<&str> = Defect::ALL.iter().map(|it| it.name()).collect();
        for defect in Defect::ALL {
            let name = defect.name();
            assert!(
                name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
            );
            let sentence = defect.sentence();
            assert!(sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Defect::ALL.len(), "no name twice");
    }

    #[test]
    fn each_defect_is_noted_once_and_sorted() {
        let mut defects = Defects::default();
        defects.add(Defect::NoDate);
        defects.add(Defect::Empty);
        defects.add(Defect::NoDate);
        defects.add_if(false, Defect::TooDeep);
        assert_eq!(defects.into_sorted(), [Defect::Empty, Defect::NoDate]);
    }
}
