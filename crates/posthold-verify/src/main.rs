//! `posthold-verify DIR [--key FILE] [--unlock FILE] [--anchor FILE]`: checks an export with
//! proofs, or a copied store.
//!
//! What it is not: a part of Posthold that runs anywhere else. It knows neither server, database
//! nor index, writes nothing, and asks no network. What it checks stands in
//! `docs/format/proof.md`, so that somebody could write it again.
//!
//! Rules: nothing in DIR is trusted. With `--key`, signatures count when a key of that file made
//! them; without, the keys in DIR are taken, and it says so. A store that is encrypted is read with
//! the key of `--unlock`, which is read from that file and stands nowhere else.

mod anchors;
mod description;
mod export;
mod findings;
mod keys;
mod notes;
mod stored;
mod unlock;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anchors::Anchors;
use findings::Findings;
use keys::Keys;
use unlock::Unlock;

const USAGE: &str = "\
Checks an export that `posthold export --proof` or `posthold audit export` made, a store or a data
directory, without Posthold.

Usage: posthold-verify DIR [--key FILE] [--unlock FILE] [--anchor FILE]... [--ca-file FILE]

  DIR            the export, the store, or the data directory
  --key FILE     keys that you got elsewhere, one a line, as `posthold key show` prints them
  --unlock FILE  the key of encrypted stores, as in secret.key or POSTHOLD_KEY_FILE
  --anchor FILE  checkpoints that somebody else kept: a mail saved as a file, or the file of an
                 anchor; several times for several
  --ca-file FILE certificates in PEM that time-stamp tokens have to lead to

Exit codes: 0 everything holds; 1 something does not, or is missing: it says what; 2 the command
is wrong; 3 it could not be read.
";

/// What is asked.
#[derive(Default)]
struct Asked {
    dir: PathBuf,
    key: Option<PathBuf>,
    unlock: Option<PathBuf>,
    anchors: Vec<PathBuf>,
    roots: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(asked) = asked(std::env::args_os().skip(1)) else {
        let _ = io::stderr().write_all(USAGE.as_bytes());
        return ExitCode::from(2);
    };
    let mut findings = Findings::default();
    let checked = Keys::elsewhere(asked.key.as_deref()).and_then(|keys| {
        let unlock = Unlock::with(asked.unlock.as_deref())?;
        let roots = asked.roots.as_deref();
        let mut anchors = Anchors::read(&asked.anchors, roots, &mut findings)?;
        check(&asked.dir, &keys, &unlock, &mut anchors, &mut findings)?;
        anchors.end(&mut findings);
        Ok(())
    });
    let shown = match checked {
        Ok(()) => findings.show(&mut io::stdout().lock()),
        Err(error) => {
            let _ = writeln!(io::stderr(), "posthold-verify: {error}");
            return ExitCode::from(3);
        }
    };
    match shown {
        Ok(()) if findings.is_whole() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(_) => ExitCode::from(3),
    }
}

fn asked(arguments: impl Iterator<Item = OsString>) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut dir = None;
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        if argument == "--key" {
            asked.key = Some(PathBuf::from(arguments.next()?));
        } else if argument == "--unlock" {
            asked.unlock = Some(PathBuf::from(arguments.next()?));
        } else if argument == "--anchor" {
            asked.anchors.push(PathBuf::from(arguments.next()?));
        } else if argument == "--ca-file" {
            asked.roots = Some(PathBuf::from(arguments.next()?));
        } else if argument.to_string_lossy().starts_with('-') || dir.is_some() {
            return None;
        } else {
            dir = Some(PathBuf::from(argument));
        }
    }
    Some(Asked { dir: dir?, ..asked })
}

fn check(
    dir: &Path,
    keys: &Keys,
    unlock: &Unlock,
    anchors: &mut Anchors,
    findings: &mut Findings,
) -> io::Result<()> {
    if dir.join("proof").is_dir() {
        return export::check(dir, keys, anchors, findings);
    }
    if dir.join("segments").is_dir() {
        return stored::check(dir, keys, unlock, anchors, findings);
    }
    let mut logs = Vec::new();
    if dir.join("stores").is_dir() {
        logs = subdirectories(&dir.join("stores"))?;
        logs.retain(|it| it.join("segments").is_dir());
    }
    logs.extend(Some(dir.join("audit")).filter(|it| it.join("segments").is_dir()));
    if logs.is_empty() {
        let message = format!("{} is no export with proofs and no store", dir.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    logs.iter().try_for_each(|it| stored::check(it, keys, unlock, anchors, findings))
}

/// Directories in a directory, by name.
fn subdirectories(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let read = |text: &str| {
            let asked = asked(text.split_whitespace().map(OsString::from))?;
            let Asked { dir, key, unlock, anchors, roots } = asked;
            Some(format!("{} {key:?} {unlock:?} {} {roots:?}", dir.display(), anchors.len()))
        };
        let cases = [
            ("out", Some("out None None 0 None")),
            ("out --key k", Some("out Some(\"k\") None 0 None")),
            ("--key k out --unlock u", Some("out Some(\"k\") Some(\"u\") 0 None")),
            ("--anchor a out --anchor b --ca-file c", Some("out None None 2 Some(\"c\")")),
            ("", None),
            ("--key k", None),
            ("out --key", None),
            ("out --unlock", None),
            ("a b", None),
            ("--help", None),
        ];
        for (text, want) in cases {
            assert_eq!(read(text).as_deref(), want, "{text}");
        }
    }
}
