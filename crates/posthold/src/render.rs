//! Answers for people and for programs.
//!
//! What it is not: behaviour. Whatever stands here is also in the values of `commands`.

pub(crate) mod json;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod text;

use std::io::{self, Write};

use commands::{AdminAnswer, Answer, Failure, Hit};
use reports::table;
pub(crate) use reports::words;

use crate::cli::Format;

/// Writes hits as they come.
pub(crate) fn hits(
    format: Format,
    hits: &[Hit],
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::hits(hits, width, out),
        Format::Json => json::hits(hits, out),
    }
}

/// Writes the answer to `out`, and remarks that are no part of it to `err`.
pub(crate) fn answer(
    format: Format,
    answer: &Answer,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::answer(answer, out, err),
        Format::Json => json::answer(answer, out),
    }
}

/// Writes a report in the form that it was asked for.
pub(crate) fn report(answer: &AdminAnswer, out: &mut dyn Write) -> io::Result<()> {
    text::report(answer, out)
}

/// Writes a failure: for people to `err`, for programs to `out`.
pub(crate) fn failure(
    format: Format,
    failure: &Failure,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => text::failure(failure, err),
        Format::Json => json::failure(failure, out),
    }
}
