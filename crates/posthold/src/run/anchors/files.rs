//! What anchors have, in files: read, and held against the logs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use commands::{AnchorChecked, AnchorFiles, Failure};
use ledger::{Anchored, anchored_in};
use stamps::{TOKEN_BYTES_MAX, token_of};
use state::State;

use super::logs::{Logs, shown};
use super::pem;
use crate::context::DataDir;
use crate::run::{faults, users};

/// The most of a file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Holds the checkpoints in files against the logs; without files, those that are kept here.
/// Blocks.
pub(super) fn verified(
    data: &DataDir,
    request: &AnchorFiles,
) -> Result<Vec<AnchorChecked>, Failure> {
    if !data.state().is_file() {
        return Err(faults::no_data_dir(data));
    }
    let state = users::open_for_reading(data)?;
    let mut logs = Logs::open(data, &state)?;
    let roots = request.ca_file.as_deref().map(pem).transpose()?;
    logs.trust(roots.as_deref())?;
    let mut found = Vec::new();
    if request.files.is_empty() {
        for log in &logs.open {
            found.extend(logs.held(log, &state).everything()?);
        }
    }
    for path in &request.files {
        found.extend(of_file(&logs, &state, path)?);
    }
    found.extend(logs.closed.into_iter().map(|why| {
        let why = why.trim_end_matches('.').to_owned();
        AnchorChecked { failure: Some(why), ..nothing("") }
    }));
    Ok(found)
}

fn of_file(logs: &Logs, state: &State, path: &Path) -> Result<Vec<AnchorChecked>, Failure> {
    let place = path.display().to_string();
    let mut found = Vec::new();
    let failed = |it: io::Error| faults::io(&it, &format!("failed to read {place}"));
    let read = in_file(path).map_err(failed)?;
    if read.is_empty() {
        // A token says of what it is by a hash alone: one of the checkpoints has it.
        if let Some(it) = logs.stamped(&token_in(path).map_err(failed)?)? {
            return Ok(vec![against(logs, state, &place, &it)?]);
        }
        let failure = Some("no anchored checkpoint stands in it".to_owned());
        found.push(AnchorChecked { failure, ..nothing(&place) });
    }
    for it in read {
        let of = match it {
            Ok(it) => against(logs, state, &place, &it)?,
            Err(why) => AnchorChecked { failure: Some(why), ..nothing(&place) },
        };
        found.push(of);
    }
    Ok(found)
}

fn against(
    logs: &Logs,
    state: &State,
    place: &str,
    it: &Anchored,
) -> Result<AnchorChecked, Failure> {
    let checkpoint = match it.unchecked() {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            return Ok(AnchorChecked { failure: Some(error.to_string()), ..nothing(place) });
        }
    };
    let Some(log) = logs.of(&checkpoint) else {
        let failure = Some("there is no such log here".to_owned());
        return Ok(AnchorChecked { failure, ..shown(place, it, &checkpoint) });
    };
    let checked = logs.held(log, state).checked(place, std::slice::from_ref(it))?.pop();
    let checked = checked.unwrap_or_else(|| nothing(place));
    // A token by itself says when it was stamped, and nothing of when it was asked for.
    let at = checked.at.filter(|_| !it.anchor.is_empty());
    Ok(AnchorChecked { at, ..checked })
}

/// A place of which nothing is known.
pub(super) fn nothing(place: &str) -> AnchorChecked {
    AnchorChecked {
        place: place.to_owned(),
        anchor: String::new(),
        kind: "",
        log: String::new(),
        store: String::new(),
        at: None,
        stamped: None,
        entries: 0,
        failure: None,
        note: None,
    }
}

/// The files that an anchor has: itself, or those in the directory that it is.
pub(super) fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        files.extend(Some(entry?.path()).filter(|it| it.is_file()));
    }
    files.sort();
    Ok(files)
}

/// Everything that can be read of what went to the file or directory of an anchor.
pub(super) fn in_anchor(path: &Path) -> io::Result<Vec<Anchored>> {
    let mut found = Vec::new();
    for path in files_of(path)? {
        found.extend(in_file(&path)?.into_iter().flatten());
    }
    Ok(found)
}

/// What may be a token, or the answer of an authority.
fn token_in(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(token_of(&bytes).unwrap_or(bytes))
}

/// The anchored checkpoints in a file: its own text, or that of the mail that it is. What begins as
/// one and is none, as the reason.
pub(super) fn in_file(path: &Path) -> io::Result<Vec<Result<Anchored, String>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    let told = |it: Vec<Result<Anchored, ledger::note::NoteError>>| -> Vec<_> {
        it.into_iter().map(|it| it.map_err(|error| error.to_string())).collect()
    };
    let plain = told(anchored_in(&String::from_utf8_lossy(&bytes)));
    // The lines of a mail may be encoded, so that not all of them can be read as they are.
    if plain.iter().any(Result::is_ok) {
        return Ok(plain);
    }
    let mail = told(anchored_in(&message::parse(&bytes).0.text));
    Ok(if mail.is_empty() { plain } else { mail })
}
