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
//! TO/proof/STORE/anchors/N.txt           what was anchored of the first N entries
//! TO/proof/STORE/anchors/N.proof         that the checkpoint goes on from there
//! ```
//!
//! Rules: only placements that are exported are proven, with the folder and the source of each;
//! what nobody signed yet is counted, and has no proof.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use commands::{Activity, Failure};
use disk::RealDisk;
use ledger::note::Verifier;
use ledger::proof::hash_lines;
use ledger::statement::{Stated, audit_statement, erasure, needed, statement};
use ledger::{Audited, Detail, Entry, Fact};
use ports::{Access, CondemnedRow, Disk};
use store::evidence::{Evidence, ProofSource};
use store::log::SegmentLog;
use types::{EntryNumber, PlacementId, Position};

use super::super::all_stores::OneStore;
use super::super::faults;

/// The directory of the proofs in an export.
pub(super) const DIR: &str = "proof";

/// Entries that are read together: one walk over the log for so many.
const ENTRIES_AT_ONCE: usize = 5_000;

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

const README_AUDITED: &str = "\
This directory proves what stands in the audit log of an archive: who asked for what, when, and how
that ended.

    posthold-verify DIR --key FILE

checks it without Posthold: DIR is the directory that this one is in, FILE a file with the key of
the archive, which you should have got from somebody you trust (`posthold key show` prints it).

In `audit`, `statements` says in words what is proven. `entries` has the records that the words
follow from, with a proof for each that it is one of the entries that `checkpoint` was signed over.
docs/format/proof.md of Posthold says how to check this by other means.
";

/// What is proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::run) enum Of {
    /// Messages that are here.
    Messages,
    /// That messages are gone.
    Erasures,
    /// What somebody asked for.
    Audited,
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
        Of::Audited => README_AUDITED,
    };
    write(&dir.join("README.txt"), text.as_bytes())
}

/// Writes the proofs of placements of one store.
pub(super) fn write_store(
    one: &OneStore,
    to: &Path,
    placements: &BTreeSet<PlacementId>,
) -> Result<Proven, Failure> {
    let n_placements = u64::try_from(placements.len()).unwrap_or(u64::MAX);
    let evidence = one.reading.store.evidence(Arc::new(RealDisk));
    let Some(mut proofs) = Proofs::of_store(one, &evidence, to, n_placements)? else {
        return Ok(Proven { proven: 0, unsigned: n_placements });
    };
    let numbers: Vec<u64> = placements.iter().map(|it| it.0).collect();
    let mut proven = Proven::default();
    for numbers in numbers.chunks(ENTRIES_AT_ONCE) {
        let of_chunk = proofs.placements(numbers)?;
        proven.proven += of_chunk.proven;
        proven.unsigned += of_chunk.unsigned;
    }
    proofs.anchors(&evidence)?;
    Ok(proven)
}

/// Writes the proofs that messages of one store are erased.
pub(in crate::run) fn write_erasures(
    one: &OneStore,
    to: &Path,
    rows: &[CondemnedRow],
) -> Result<Proven, Failure> {
    let n_rows = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let evidence = one.reading.store.evidence(Arc::new(RealDisk));
    let Some(mut proofs) = Proofs::of_store(one, &evidence, to, n_rows)? else {
        return Ok(Proven { proven: 0, unsigned: n_rows });
    };
    let mut proven = Proven::default();
    for row in rows {
        match proofs.erasure(row)? {
            true => proven.proven += 1,
            false => proven.unsigned += 1,
        }
    }
    proofs.anchors(&evidence)?;
    Ok(proven)
}

/// Writes the proofs of entries of the audit log, each with the one that says how it ended.
pub(in crate::run) fn write_audit(
    evidence: &Evidence,
    log: &SegmentLog,
    to: &Path,
    asked: &[(u64, Option<u64>)],
) -> Result<Proven, Failure> {
    begin(to, Of::Audited)?;
    let unsigned = Proven { proven: 0, unsigned: asked.len() as u64 };
    let Some(source) = evidence.proofs(log).map_err(|it| faults::store(&it))? else {
        return Ok(unsigned);
    };
    let mut proofs = Proofs::begin(to.join(DIR).join("audit"), evidence, source)?;
    let mut proven = Proven::default();
    for asked in asked.chunks(ENTRIES_AT_ONCE) {
        let numbers = asked.iter().flat_map(|(asked, ended)| [Some(*asked), *ended]).flatten();
        let entries = proofs.entries(&numbers.collect())?;
        for (number, ended) in asked {
            let stated = entries.get(number);
            let ended = ended.and_then(|it| entries.get(&it));
            let text = stated.and_then(|it| proofs.audited(it, ended));
            match text {
                Some(text) => {
                    proofs.state(*number, &text)?;
                    proven.proven += 1;
                }
                None => proven.unsigned += 1,
            }
        }
    }
    proofs.anchors(evidence)?;
    Ok(proven)
}

/// The proofs of one log under way.
struct Proofs<'a> {
    dir: PathBuf,
    source: ProofSource<'a>,
    written: BTreeSet<u64>,
    /// Folders and sources that were read.
    read: BTreeMap<u64, Stated>,
}

impl<'a> Proofs<'a> {
    fn begin(
        dir: PathBuf,
        evidence: &Evidence,
        source: ProofSource<'a>,
    ) -> Result<Proofs<'a>, Failure> {
        let keys = evidence.verifiers().map_err(|it| faults::store(&it))?;
        let lines: String = keys.iter().map(|it: &Verifier| format!("{it}\n")).collect();
        write(&dir.join("key.pub"), lines.as_bytes())?;
        write(&dir.join("checkpoint"), source.signed().note.as_bytes())?;
        Ok(Proofs { dir, source, written: BTreeSet::new(), read: BTreeMap::new() })
    }

    /// Those of a store; `None` when nothing is to be proven, or nothing was signed.
    fn of_store(
        one: &'a OneStore,
        evidence: &Evidence,
        to: &Path,
        n_things: u64,
    ) -> Result<Option<Proofs<'a>>, Failure> {
        if n_things == 0 {
            return Ok(None);
        }
        let source = evidence.proofs(one.reading.store.log()).map_err(|it| faults::store(&it))?;
        let begun = source.map(|it| Proofs::begin(to.join(DIR).join(&one.name), evidence, it));
        begun.transpose()
    }

    /// Writes what is proven of placements.
    fn placements(&mut self, numbers: &[u64]) -> Result<Proven, Failure> {
        let placed = self.entries(&numbers.iter().copied().collect())?;
        let of = |it: &Stated| needed(&it.entry).map(|(folder, source)| [Some(folder), source]);
        let mut more: BTreeSet<u64> = placed.values().filter_map(of).flatten().flatten().collect();
        more.retain(|it| !self.read.contains_key(it));
        let more = self.entries(&more)?;
        self.read.extend(more);
        let origin = self.source.signed().checkpoint.origin.clone();
        let mut proven = Proven::default();
        for number in numbers {
            let text = placed.get(number).and_then(|placed| {
                let (folder, source) = needed(&placed.entry)?;
                let source = source.and_then(|it| self.read.get(&it));
                statement(&origin, placed, self.read.get(&folder), source)
            });
            match text {
                Some(text) => {
                    self.state(*number, &text)?;
                    proven.proven += 1;
                }
                None => proven.unsigned += 1,
            }
        }
        Ok(proven)
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
        Ok(self.entries(&BTreeSet::from([number]))?.remove(&number))
    }

    fn audited(&self, asked: &Stated, ended: Option<&Stated>) -> Option<String> {
        let Fact::Audited(Audited { activity, .. }) = asked.entry.fact else { return None };
        let name = Activity::from_number(activity).map(Activity::name);
        audit_statement(&self.source.signed().checkpoint.origin, asked, ended, name)
    }

    fn state(&self, number: u64, text: &str) -> Result<(), Failure> {
        write(&self.dir.join(format!("statements/{number}.txt")), text.as_bytes())
    }

    /// Writes entries with their proofs, each once, and gives them. Those that were not signed yet
    /// are left out.
    fn entries(&mut self, numbers: &BTreeSet<u64>) -> Result<BTreeMap<u64, Stated>, Failure> {
        let failed = |it| faults::store(&it);
        let mut all = BTreeMap::new();
        for (number, raw) in self.source.raw_entries(numbers).map_err(failed)? {
            let proof = self.source.prove_raw(EntryNumber(number), &raw).map_err(failed)?;
            let Some(proof) = proof else { continue };
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
            all.insert(number, Stated { number, entry, detail });
        }
        Ok(all)
    }

    /// Writes what was anchored of the log, with proofs that the checkpoint goes on from there.
    fn anchors(&mut self, evidence: &Evidence) -> Result<(), Failure> {
        let failed = |it| faults::store(&it);
        let mut by_size: BTreeMap<u64, String> = BTreeMap::new();
        for it in evidence.anchored().map_err(failed)?.anchored {
            let Ok(checkpoint) = it.unchecked() else { continue };
            let Position { entries, .. } = checkpoint.position;
            let signed = self.source.signed().checkpoint.position.entries;
            // Other epochs, and what is newer than the checkpoint, have no such proof.
            if signed < entries {
                continue;
            }
            let proof = self.source.consistency(&checkpoint.position).map_err(failed)?;
            let Some(proof) = proof else { continue };
            let is_new = !by_size.contains_key(&entries);
            if is_new {
                let lines = hash_lines(&proof);
                write(&self.dir.join(format!("anchors/{entries}.proof")), lines.as_bytes())?;
            }
            by_size.entry(entries).or_default().push_str(&it.text());
        }
        for (entries, text) in by_size {
            write(&self.dir.join(format!("anchors/{entries}.txt")), text.as_bytes())?;
        }
        Ok(())
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
