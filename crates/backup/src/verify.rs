//! Reading backups again.

use std::collections::{HashMap, HashSet};

use types::Hash;

use crate::erased::Held;
use crate::error::{BackupError, BackupErrorKind};
use crate::manifest::Manifest;
use crate::repository::Repository;
use crate::{Step, Watch, check_cancelled};

/// What is wrong with a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Defect {
    /// The number of the backup.
    pub number: u32,
    /// The file, where it is one.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Backups that were checked.
    pub backups: u64,
    /// Pieces that were read; one that is in several backups once.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong.
    pub defects: Vec<Defect>,
    /// What backups hold that was erased since.
    pub held: Vec<Held>,
}

/// Reads every byte of one backup, or of all, and checks it against its hash.
pub fn verify(
    repository: &Repository<'_>,
    number: Option<u32>,
    watch: &mut dyn Watch,
) -> Result<Verdict, BackupError> {
    let mut verdict = Verdict::default();
    let erased = repository.erased()?;
    let mut hashes: HashMap<u32, Hash> = HashMap::new();
    let mut manifests = Vec::new();
    for it in repository.numbers()? {
        match repository.manifest(it) {
            Ok(manifest) => {
                hashes.insert(it, manifest.hash());
                manifests.push(manifest);
            }
            Err(error) if error.kind() == BackupErrorKind::Io => return Err(error),
            Err(error) if number.is_none_or(|n| n == it) => {
                verdict.defect(it, "", error.to_string());
            }
            Err(_) => (),
        }
    }
    if let Some(number) = number {
        manifests.retain(|it| it.number == number);
        if manifests.is_empty() && verdict.defects.is_empty() {
            return Err(crate::error::request(format!("there is no backup {number}")));
        }
    }
    let mut seen = Seen { good: HashSet::new(), bad: HashSet::new(), step: Step::default() };
    seen.step.bytes_total = bytes_of(&manifests);
    for manifest in &manifests {
        verdict.backups += 1;
        check_chain(manifest, &hashes, &mut verdict);
        seen.files(repository, manifest, &mut verdict, watch)?;
        verdict.held.extend(Some(erased.held_by(manifest)).filter(|it| !it.messages.is_empty()));
    }
    Ok(verdict)
}

/// Bytes of all pieces, each once.
fn bytes_of(manifests: &[Manifest]) -> u64 {
    let mut pieces = HashSet::new();
    let files = manifests.iter().flat_map(|it| &it.files);
    let of_file = |file: &crate::FileKept| -> u64 {
        let indexed = file.pieces.iter().enumerate();
        indexed.filter(|(_, it)| pieces.insert(**it)).map(|(n, _)| file.piece_len(n)).sum()
    };
    files.map(of_file).sum()
}

/// A manifest names the hash of the one before, where that is still there.
fn check_chain(manifest: &Manifest, hashes: &HashMap<u32, Hash>, verdict: &mut Verdict) {
    let before = hashes.iter().filter(|(n, _)| **n < manifest.number).max_by_key(|(n, _)| **n);
    let is_next = before.is_some_and(|(n, _)| n + 1 == manifest.number);
    let hash = before.map(|(_, hash)| *hash);
    // Backups between may have been removed.
    if is_next && manifest.previous.is_some() && manifest.previous != hash {
        verdict.defect(manifest.number, "", "the backup before is not the one that it followed");
    }
}

impl Verdict {
    fn defect(&mut self, number: u32, path: &str, what: impl Into<String>) {
        self.defects.push(Defect { number, path: path.to_owned(), what: what.into() });
    }

    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.defects.is_empty()
    }
}

struct Seen {
    good: HashSet<Hash>,
    bad: HashSet<Hash>,
    step: Step,
}

impl Seen {
    fn files(
        &mut self,
        repository: &Repository<'_>,
        manifest: &Manifest,
        verdict: &mut Verdict,
        watch: &mut dyn Watch,
    ) -> Result<(), BackupError> {
        for file in &manifest.files {
            for (index, hash) in file.pieces.iter().enumerate() {
                check_cancelled(watch)?;
                if self.good.contains(hash) {
                    continue;
                }
                if self.bad.contains(hash) {
                    let what = format!("piece {} is missing or damaged, as above", index + 1);
                    verdict.defect(manifest.number, &file.path, what);
                    continue;
                }
                match repository.piece(file, index) {
                    Ok(bytes) => {
                        self.good.insert(*hash);
                        verdict.pieces += 1;
                        verdict.bytes += bytes.len() as u64;
                    }
                    Err(error) => {
                        self.bad.insert(*hash);
                        verdict.defect(manifest.number, &file.path, chain(&error));
                    }
                }
                self.step.bytes += file.piece_len(index);
                watch.step(self.step);
            }
            self.step.files += 1;
        }
        Ok(())
    }
}

fn chain(error: &BackupError) -> String {
    let cause = std::error::Error::source(error);
    cause.map_or_else(|| error.to_string(), |it| format!("{error}: {it}"))
}
