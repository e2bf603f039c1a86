//! What `export --proof` writes beside the messages: entries, details, proofs and statements.
//!
//! ```text
//! TO/proof/README.txt
//! TO/proof/STORE/key.pub                 the keys of the store, as it has them
//! TO/proof/STORE/checkpoint              the checkpoint that all proofs lead to
//! TO/proof/STORE/entries/N.entry         entry number N, as it stands in the log
//! TO/proof/STORE/entries/N.detail        its detail
//! TO/proof/STORE/entries/N.tlog-proof    its inclusion proof
//! TO/proof/STORE/statements/N.txt        what the entry says, in words that follow from it
//! TO/proof/STORE/erasures/N.txt          that the message N was erased, likewise
//! ```
//!
//! Rules: only placements that are exported are proven, with the folder and the source of each;
//! what nobody signed yet is counted, and has no proof.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use commands::Failure;
use disk::RealDisk;
use ledger::note::Verifier;
use ledger::statement::{Stated, erasure, needed, statement};
use ledger::{Detail, Entry};
use ports::{Access, CondemnedRow, Disk};
use store::evidence::ProofSource;
use types::{EntryNumber, PlacementId};

use super::super::all_stores::OneStore;
use super::super::faults;

/// The directory of the proofs in an export.
pub(super) const DIR: &str = "proof";

const README: &str = "\
This directory proves what the messages beside it are, and when they were archived.

    posthold-verify DIR --key FILE

checks it without Posthold: DIR is the directory of the export, FILE a file with the key of the
archive, which you should have got from somebody you trust (`posthold key show` prints it).

In each directory named after a store, `statements` says in words what is proven of each message.
`entries` has the records that the words follow from, with a proof for each that it is one of the
entries that `checkpoint` was signed over. docs/format/proof.md of Posthold says how to check this
by other means.
";

const README_ERASURES: &str = "\
This directory proves that messages were erased: which (by their hash), when, by which rule, by
whom and why.

    posthold-verify DIR --key FILE

checks it without Posthold: DIR is the directory that this one is in, FILE a file with the key of
the archive, which you should have got from somebody you trust (`posthold key show` prints it).

In each directory named after a store, `erasures` says in words what is proven of each message.
`entries` has the records that the words follow from, with a proof for each that it is one of the
entries that `checkpoint` was signed over. docs/format/proof.md of Posthold says how to check this
by other means.
";

/// What is proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::run) enum Of {
    /// Messages that are here.
    Messages,
    /// That messages are gone.
    Erasures,
}

/// How many placements have a proof, and how many nobody signed yet.
#[derive(Clone, Copy, Default)]
pub(in crate::run) struct Proven {
    pub(in crate::run) proven: u64,
    pub(in crate::run) unsigned: u64,
}

/// Makes the directory of the proofs anew.
pub(in crate::run) fn begin(to: &Path, of: Of) -> Result<(), Failure> {
    let dir = to.join(DIR);
    disk::remove_tree(&dir).map_err(failed())?;
    let text = match of {
        Of::Messages => README,
        Of::Erasures => README_ERASURES,
    };
    write(&dir.join("README.txt"), text.as_bytes())
}

/// Writes the proofs of placements of one store.
pub(super) fn write_store(
    one: &OneStore,
    to: &Path,
    placements: &BTreeSet<PlacementId>,
) -> Result<Proven, Failure> {
    write_all(one, to, placements, |proofs, placement| proofs.placement(placement.0))
}

/// Writes the proofs that messages of one store are erased.
pub(in crate::run) fn write_erasures(
    one: &OneStore,
    to: &Path,
    rows: &[CondemnedRow],
) -> Result<Proven, Failure> {
    write_all(one, to, rows, |proofs, row| proofs.erasure(row))
}

fn write_all<T>(
    one: &OneStore,
    to: &Path,
    things: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    mut write_one: impl FnMut(&mut Proofs<'_>, T) -> Result<bool, Failure>,
) -> Result<Proven, Failure> {
    let things = things.into_iter();
    let n_things = u64::try_from(things.len()).unwrap_or(u64::MAX);
    if n_things == 0 {
        return Ok(Proven::default());
    }
    let store = &one.reading.store;
    let evidence = store.evidence(Arc::new(RealDisk));
    let Some(source) = evidence.proofs(store.log()).map_err(|it| faults::store(&it))? else {
        return Ok(Proven { proven: 0, unsigned: n_things });
    };
    let keys = evidence.verifiers().map_err(|it| faults::store(&it))?;
    let dir = to.join(DIR).join(&one.name);
    let lines: String = keys.iter().map(|it: &Verifier| format!("{it}\n")).collect();
    write(&dir.join("key.pub"), lines.as_bytes())?;
    write(&dir.join("checkpoint"), source.signed().note.as_bytes())?;
    let mut proofs = Proofs { dir, source, written: BTreeSet::new() };
    let mut proven = Proven::default();
    for thing in things {
        match write_one(&mut proofs, thing)? {
            true => proven.proven += 1,
            false => proven.unsigned += 1,
        }
    }
    Ok(proven)
}

/// The proofs of one store under way.
struct Proofs<'a> {
    dir: PathBuf,
    source: ProofSource<'a>,
    written: BTreeSet<u64>,
}

impl Proofs<'_> {
    /// Writes what is proven of a placement. False when it was not signed yet.
    fn placement(&mut self, number: u64) -> Result<bool, Failure> {
        let Some(placed) = self.entry(number)? else { return Ok(false) };
        let Some((folder, source)) = needed(&placed.entry) else { return Ok(false) };
        let folder = self.entry(folder)?;
        let source = source.map(|it| self.entry(it)).transpose()?.flatten();
        let origin = self.source.signed().checkpoint.origin.clone();
        let Some(text) = statement(&origin, &placed, folder.as_ref(), source.as_ref()) else {
            return Ok(false);
        };
        write(&self.dir.join(format!("statements/{number}.txt")), text.as_bytes())?;
        Ok(true)
    }

    /// Writes what is proven of an erasure. False when it was not signed yet.
    fn erasure(&mut self, row: &CondemnedRow) -> Result<bool, Failure> {
        let Some((EntryNumber(erased), _)) = row.erased else { return Ok(false) };
        // The last one first: whatever it needs was signed before it.
        let Some(erased) = self.entry(erased)? else { return Ok(false) };
        let (placed, condemned) = (self.entry(row.message.0)?, self.entry(row.entry.0)?);
        let (Some(placed), Some(condemned)) = (placed, condemned) else { return Ok(false) };
        let origin = self.source.signed().checkpoint.origin.clone();
        let Some(text) = erasure(&origin, &placed, &condemned, &erased) else { return Ok(false) };
        write(&self.dir.join(format!("erasures/{}.txt", placed.number)), text.as_bytes())?;
        Ok(true)
    }

    /// Writes an entry with its proof, once. `None` when it was not signed yet.
    fn entry(&mut self, number: u64) -> Result<Option<Stated>, Failure> {
        let proved = self.source.prove(EntryNumber(number)).map_err(|it| faults::store(&it))?;
        let Some((raw, proof)) = proved else { return Ok(None) };
        let odd = |error: ledger::DecodeError| {
            let error = io::Error::new(io::ErrorKind::InvalidData, error);
            faults::io(&error, "failed to read an entry")
        };
        let entry = Entry::decode(&raw.entry).map_err(odd)?;
        let detail = raw.detail.as_deref().map(Detail::decode).transpose().map_err(odd)?;
        if self.written.insert(number) {
            let path = |ending: &str| self.dir.join(format!("entries/{number}.{ending}"));
            write(&path("entry"), &raw.entry)?;
            write(&path("tlog-proof"), proof.text().as_bytes())?;
            if let Some(detail) = &raw.detail {
                write(&path("detail"), detail)?;
            }
        }
        Ok(Some(Stated { number, entry, detail }))
    }
}

fn failed() -> impl FnOnce(io::Error) -> Failure {
    |error| faults::io(&error, "failed to write a proof")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        RealDisk.create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        RealDisk.open(path, Access::CreateNew)?.write_at(bytes, 0)
    };
    written().map_err(failed())
}
