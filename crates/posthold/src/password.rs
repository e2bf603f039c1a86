//! Passwords from a file, the environment or a person; never from an argument.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use commands::{Failure, FailureKind};
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use types::Secret;

use crate::cli::Surroundings;

/// The variable that a password may stand in.
const VARIABLE: &str = "POSTHOLD_PASSWORD";

/// The longest password, in bytes. Access tokens of some services have several thousand.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// The environment, files and terminal of this process.
pub(crate) struct OfProcess;

impl Surroundings for OfProcess {
    fn person(&self) -> String {
        let name =
            ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|it| std::env::var(it).ok());
        name.filter(|it| !it.is_empty()).unwrap_or_else(|| "the administrator".to_owned())
    }

    fn data_dir(&self) -> Option<PathBuf> {
        std::env::var_os("POSTHOLD_DATA").filter(|it| !it.is_empty()).map(PathBuf::from)
    }

    fn password(&self, file: Option<&Path>, prompt: &str) -> Result<Secret, Failure> {
        match file {
            Some(path) => from_file(path),
            None => match std::env::var(VARIABLE) {
                Ok(text) => checked(text, VARIABLE),
                Err(std::env::VarError::NotPresent) => from_person(prompt),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(wrong(format!("{VARIABLE} is not UTF-8")))
                }
            },
        }
    }
}

/// The same, and keeps what was asked for: another process may have to know it too.
#[derive(Default)]
pub(crate) struct Recorded(RefCell<Vec<Secret>>);

impl Recorded {
    /// What was asked for, in order.
    pub(crate) fn secrets(self) -> Vec<Secret> {
        self.0.into_inner()
    }
}

impl Surroundings for Recorded {
    fn data_dir(&self) -> Option<PathBuf> {
        OfProcess.data_dir()
    }

    fn password(&self, file: Option<&Path>, prompt: &str) -> Result<Secret, Failure> {
        let secret = OfProcess.password(file, prompt)?;
        self.0.borrow_mut().push(secret.clone());
        Ok(secret)
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureKind::Request, message)
}

/// The first line of a file.
pub(crate) fn from_file(path: &Path) -> Result<Secret, Failure> {
    let unreadable = |error: io::Error| {
        wrong(format!("failed to read the password file {}: {error}", path.display()))
            .with_hint("Name a file with --password-file whose first line is the password.")
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut line = String::new();
    // Editors end the line with LF or CR LF; spaces belong to the password.
    BufReader::new(file.take(PASSWORD_BYTES_MAX)).read_line(&mut line).map_err(unreadable)?;
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    checked(text.to_owned(), &path.display().to_string())
}

fn checked(text: String, place: &str) -> Result<Secret, Failure> {
    if text.is_empty() {
        return Err(wrong(format!("the password in {place} is empty")));
    }
    Ok(Secret::new(text))
}

fn from_person(prompt: &str) -> Result<Secret, Failure> {
    let Ok(mut terminal) = File::options().read(true).write(true).open("/dev/tty") else {
        return Err(wrong("there is no password, and no terminal to ask for one".into()).with_hint(
            "Give it with --password-file FILE or in the environment variable POSTHOLD_PASSWORD.",
        ));
    };
    let failed = |error: io::Error| wrong(format!("failed to ask for the password: {error}"));
    terminal.write_all(prompt.as_bytes()).map_err(failed)?;
    let line = {
        let _silence = Silence::new(&terminal).map_err(failed)?;
        typed_line(BufReader::new(&terminal)).map_err(failed)?
    };
    terminal.write_all(b"\n").map_err(failed)?;
    let Some(line) = line else {
        return Err(Failure::new(FailureKind::Cancelled, "no password was given"));
    };
    let text = String::from_utf8(line).map_err(|_| wrong("the password is not UTF-8".into()))?;
    checked(text, "the answer")
}

/// Reads up to the end of the line; `None` when the person gives up (Ctrl-C, Ctrl-D, end).
fn typed_line(keys: impl BufRead) -> io::Result<Option<Vec<u8>>> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const BACKSPACE: u8 = 8;
    const DELETE: u8 = 127;
    let mut line: Vec<u8> = Vec::new();
    for key in keys.take(PASSWORD_BYTES_MAX).bytes() {
        match key? {
            b'\r' | b'\n' => return Ok(Some(line)),
            CTRL_C | CTRL_D => return Ok(None),
            BACKSPACE | DELETE => {
                // One character is one to four bytes of UTF-8.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    Ok(None)
}

/// A terminal that shows nothing of what is typed and leaves Ctrl-C to us, until this is dropped:
/// a terminal that stays silent after Ctrl-C is of no use to anybody.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Silence<'_> {
    fn new(terminal: &File) -> io::Result<Silence<'_>> {
        let before = termios::tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        termios::tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Silence { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // Nobody is left to tell; the shell sets its own modes anyway.
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let cases: [(&[u8], Option<&str>); 6] = [
            (b"secret", Some("secret")),
            (b"secret\n", Some("secret")),
            (b"secret\r\nmore\n", Some("secret")),
            (b" with spaces \n", Some(" with spaces ")),
            (b"", None),
            (b"\xff\n", None),
        ];
        for (content, want) in cases {
            std::fs::write(&path, content).unwrap();
            let got = from_file(&path).ok();
            assert_eq!(got.as_ref().map(Secret::declassify), want, "{}", content.escape_ascii());
        }
        assert!(from_file(&dir.path().join("none")).is_err());
    }

    #[test]
    fn typed_passwords() {
        let cases: [(&str, Option<&str>); 5] = [
            ("secret\n", Some("secret")),
            ("secrex\u{7f}t\r", Some("secret")),
            ("\u{7f}ü\u{7f}o\r", Some("o")),
            ("secr\u{3}", None),
            ("secr", None),
        ];
        for (keys, want) in cases {
            let got = typed_line(keys.as_bytes()).unwrap();
            assert_eq!(got.as_deref(), want.map(str::as_bytes), "{keys:?}");
        }
    }
}
