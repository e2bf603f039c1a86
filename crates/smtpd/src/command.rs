//! Lines as commands (RFC 5321 §4.1.1, and the extensions that are offered).

use crate::address::path;

/// A command, its arguments not yet judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    /// Address and parameters.
    Mail(&'a str, &'a str),
    /// Address and parameters.
    Rcpt(&'a str, &'a str),
    Data,
    /// RFC 3030 §2.
    Bdat {
        bytes: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    /// RFC 3207.
    StartTls,
    /// RFC 4954: mechanism and first response.
    Auth(&'a str, Option<&'a str>),
}

/// Why a line is not a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoCommand {
    Unknown,
    /// The arguments do not fit.
    Arguments,
    /// The arguments do not fit, and bytes follow whose number we do not know.
    LostInChunk,
}

/// Reads a line without its end.
pub(crate) fn parse(line: &str) -> Result<Command<'_>, NoCommand> {
    // Trailing space is common, and means nothing.
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let alone = |it| if rest.is_empty() { Ok(it) } else { Err(NoCommand::Arguments) };
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => name(rest).map(Command::Ehlo),
        "HELO" => name(rest).map(Command::Helo),
        "MAIL" => addressed(rest, "FROM:").map(|(path, rest)| Command::Mail(path, rest)),
        "RCPT" => addressed(rest, "TO:").map(|(path, rest)| Command::Rcpt(path, rest)),
        "DATA" => alone(Command::Data),
        "BDAT" => chunk(rest).ok_or(NoCommand::LostInChunk),
        "RSET" => alone(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(Command::Quit),
        "VRFY" => Ok(Command::Vrfy),
        "EXPN" => Ok(Command::Expn),
        "HELP" => Ok(Command::Help),
        "STARTTLS" => alone(Command::StartTls),
        "AUTH" => login(rest).ok_or(NoCommand::Arguments),
        _ => Err(NoCommand::Unknown),
    }
}

/// The longest name that a client may give itself (RFC 5321 §4.5.3.1.2).
const NAME_BYTES_MAX: usize = 255;

fn name(rest: &str) -> Result<&str, NoCommand> {
    let fits = !rest.is_empty() && rest.len() <= NAME_BYTES_MAX && !rest.contains(' ');
    if fits { Ok(rest) } else { Err(NoCommand::Arguments) }
}

/// `FROM:<path>` and parameters. One space before the path is taken as if it were not there:
/// the standard forbids it, and programs of many makers send it.
fn addressed<'a>(rest: &'a str, word: &str) -> Result<(&'a str, &'a str), NoCommand> {
    let (start, rest) = rest.split_at_checked(word.len()).ok_or(NoCommand::Arguments)?;
    if !start.eq_ignore_ascii_case(word) {
        return Err(NoCommand::Arguments);
    }
    path(rest.strip_prefix(' ').unwrap_or(rest)).ok_or(NoCommand::Arguments)
}

fn chunk(rest: &str) -> Option<Command<'_>> {
    let (bytes, last) = match rest.split_once(' ') {
        Some((bytes, last)) if last.eq_ignore_ascii_case("LAST") => (bytes, true),
        Some(_) => return None,
        None => (rest, false),
    };
    if !bytes.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    Some(Command::Bdat { bytes: bytes.parse().ok()?, last })
}

fn login(rest: &str) -> Option<Command<'_>> {
    let mut words = rest.split(' ');
    let mechanism = words.next().filter(|it| !it.is_empty())?;
    let first = words.next();
    words.next().is_none().then_some(Command::Auth(mechanism, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let cases = [
            ("ehlo mx.example", Ok(Command::Ehlo("mx.example"))),
            ("EHLO", Err(NoCommand::Arguments)),
            ("EHLO a b", Err(NoCommand::Arguments)),
            ("MAIL FROM:<a@b> SIZE=1", Ok(Command::Mail("a@b", " SIZE=1"))),
            ("mail from: <>", Ok(Command::Mail("", ""))),
            ("MAIL FROM <a@b>", Err(NoCommand::Arguments)),
            ("MAIL TO:<a@b>", Err(NoCommand::Arguments)),
            ("RCPT TO:<a@b>", Ok(Command::Rcpt("a@b", ""))),
            ("RCPT", Err(NoCommand::Arguments)),
            ("DATA  ", Ok(Command::Data)),
            ("DATA now", Err(NoCommand::Arguments)),
            ("BDAT 12", Ok(Command::Bdat { bytes: 12, last: false })),
            ("BDAT 0 last", Ok(Command::Bdat { bytes: 0, last: true })),
            ("BDAT", Err(NoCommand::LostInChunk)),
            ("BDAT -1", Err(NoCommand::LostInChunk)),
            ("BDAT 99999999999999999999", Err(NoCommand::LostInChunk)),
            ("NOOP anything", Ok(Command::Noop)),
            ("AUTH PLAIN", Ok(Command::Auth("PLAIN", None))),
            ("AUTH PLAIN =", Ok(Command::Auth("PLAIN", Some("=")))),
            ("AUTH", Err(NoCommand::Arguments)),
            ("", Err(NoCommand::Unknown)),
            ("GET / HTTP/1.1", Err(NoCommand::Unknown)),
            ("ÉHLO x", Err(NoCommand::Unknown)),
            ("MAIL FRÖM:<a@b>", Err(NoCommand::Arguments)),
        ];
        for (line, want) in cases {
            assert_eq!(parse(line), want, "{line:?}");
        }
    }
}
