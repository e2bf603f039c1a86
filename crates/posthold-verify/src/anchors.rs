//! What somebody else kept: checkpoints in mails, files and time-stamp tokens.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ledger::checkpoint::split_origin;
use ledger::note::Verifier;
use ledger::{Anchored, Checkpoint, anchored_in};
use stamps::{Expected, Roots};
use types::Hash;

use crate::findings::Findings;

/// The most of a file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Anchored checkpoints, and what their tokens are checked with.
pub(crate) struct Anchors {
    found: Vec<(String, Anchored)>,
    roots: Option<Roots>,
    /// Which of them were about something that was checked.
    used: Vec<bool>,
}

impl Anchors {
    /// Those in files.
    pub(crate) fn read(
        files: &[PathBuf],
        roots: Option<&Path>,
        findings: &mut Findings,
    ) -> io::Result<Anchors> {
        let mut found = Vec::new();
        for path in files {
            let place = path.to_string_lossy().into_owned();
            let bytes = read(path)?;
            let plain = anchored_in(&String::from_utf8_lossy(&bytes));
            let all = match plain.iter().any(Result::is_ok) {
                true => plain,
                // The text of a mail may be encoded.
                false => anchored_in(&message::parse(&bytes).0.text),
            };
            if all.is_empty() {
                findings.wrong(&place, "no anchored checkpoint stands in it");
            }
            for it in all {
                match it {
                    Ok(it) => found.push((place.clone(), it)),
                    Err(error) => findings.wrong(&place, error.to_string()),
                }
            }
        }
        let pem = |path: &Path| {
            let wrong = |it| io::Error::new(io::ErrorKind::InvalidData, it);
            Roots::from_pem(&read(path)?).map_err(wrong)
        };
        let used = vec![false; found.len()];
        Ok(Anchors { found, roots: roots.map(pem).transpose()?, used })
    }

    /// Those of the log with this name, with where they stand. A signature that does not hold is
    /// said, and so is a token.
    pub(crate) fn of(
        &mut self,
        base: &str,
        keys: &[Verifier],
        findings: &mut Findings,
    ) -> Vec<(String, Checkpoint)> {
        let mut all = Vec::new();
        let found = std::mem::take(&mut self.found);
        for ((place, it), used) in found.iter().zip(&mut self.used) {
            let is_of = it.unchecked().is_ok_and(|it| split_origin(&it.origin).0 == base);
            if !is_of {
                continue;
            }
            *used = true;
            match it.open(keys) {
                Ok(checkpoint) => all.push((place.clone(), checkpoint)),
                Err(error) => findings.wrong(place, error.to_string()),
            }
            token(place, it, self.roots.as_ref(), findings);
        }
        self.found = found;
        all
    }

    /// One that came with an export: its token, if it has one.
    pub(crate) fn token(&self, place: &str, it: &Anchored, findings: &mut Findings) {
        token(place, it, self.roots.as_ref(), findings);
    }

    /// Says which were about nothing that was checked.
    pub(crate) fn end(&self, findings: &mut Findings) {
        for ((place, it), used) in self.found.iter().zip(&self.used) {
            if !used {
                let origin = it.unchecked().map(|it| it.origin).unwrap_or_default();
                findings.wrong(place, format!("it is about {origin}, which is not here"));
            }
        }
    }
}

fn token(place: &str, it: &Anchored, roots: Option<&Roots>, findings: &mut Findings) {
    let Some(token) = &it.token else { return };
    let Some(roots) = roots else {
        return findings.note(
            "Time-stamp tokens were not checked: name the certificate of their authority with \
             --ca-file.",
        );
    };
    let imprint = Hash::of(it.note.as_bytes()).0;
    let expected = Expected { imprint: &imprint, nonce: None, now: None };
    match stamps::verify(token, &expected, roots) {
        Ok(stamp) => {
            let entries = it.unchecked().map(|it| it.position.entries).unwrap_or_default();
            let (time, by) = (stamp.time, &it.anchor);
            findings.checked(format!(
                "{place}: the first {entries} entries were there at {time}, says the authority \
                 of the anchor {by}."
            ));
        }
        Err(error) => findings.wrong(place, error.to_string()),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(named)?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}
