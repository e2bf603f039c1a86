//! An export with proofs: `DIR/proof/STORE/` beside the messages.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use commands::Activity;
use ledger::checkpoint::split_origin;
use ledger::note::Verifier;
use ledger::proof::{ProofFile, is_consistent, parse_hash_lines, root_by_inclusion};
use ledger::statement::{Stated, audit_statement, erasure, needed, statement};
use ledger::{
    Anchored, Audited, Checkpoint, Detail, Entry, Fact, anchored_in, detail_hash, leaf_hash,
};
use sha2::{Digest, Sha256};
use types::{BlobId, MessageKey};

use crate::anchors::Anchors;
use crate::findings::{Findings, counted};
use crate::keys::Keys;

/// The most of a small file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn check(
    dir: &Path,
    keys: &Keys,
    anchors: &mut Anchors,
    findings: &mut Findings,
) -> io::Result<()> {
    let proof = dir.join("proof");
    let mut messages = HashMap::new();
    hash_files(dir, &proof, &mut messages)?;
    let mut proven = HashSet::new();
    let mut n_erased = 0;
    for store in crate::subdirectories(&proof)? {
        let known = keys.beside(&store.join("key.pub"), findings);
        let store = ProvenStore { dir: store, known, is_given: keys.are_given() };
        n_erased += store.check(&messages, &mut proven, anchors, findings)?;
    }
    let mut unproven: Vec<&PathBuf> =
        messages.iter().filter(|(id, _)| !proven.contains(*id)).map(|(_, path)| path).collect();
    unproven.sort();
    for path in unproven {
        findings.wrong(path.to_string_lossy(), "no proof covers this file");
    }
    if !proven.is_empty() || n_erased == 0 {
        findings.checked(format!("{} messages with proofs.", proven.len()));
    }
    if n_erased != 0 {
        let messages = counted(n_erased, "message", "messages");
        findings.checked(format!("{messages} proven to be erased."));
    }
    Ok(())
}

/// The entries that condemned a message last, and erased it.
fn last_steps(message: u64, entries: &HashMap<u64, Stated>) -> Option<(&Stated, &Stated)> {
    let key = MessageKey(message);
    let condemns = |it: &&Stated| match &it.entry.fact {
        Fact::Condemned { messages, .. } => messages.contains(&key),
        _ => false,
    };
    let erases = |it: &&Stated| match &it.entry.fact {
        Fact::Erased { messages } => messages.contains(&key),
        _ => false,
    };
    let erased = entries.values().filter(erases).min_by_key(|it| it.number)?;
    let before = entries.values().filter(|it| it.number < erased.number);
    Some((before.filter(condemns).max_by_key(|it| it.number)?, erased))
}

/// The files below `dir`, by the hash of their bytes; those below `but` are none.
fn hash_files(dir: &Path, but: &Path, found: &mut HashMap<BlobId, PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path == but {
            continue;
        }
        if path.is_dir() {
            hash_files(&path, but, found)?;
        } else {
            found.insert(hash_file(&path)?, path);
        }
    }
    Ok(())
}

fn hash_file(path: &Path) -> io::Result<BlobId> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; 256 << 10];
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            return Ok(BlobId(hasher.finalize().into()));
        }
        hasher.update(block.get(..n).unwrap_or_default());
    }
}

/// What is proven of one store.
struct ProvenStore {
    dir: PathBuf,
    known: Vec<Verifier>,
    is_given: bool,
}

impl ProvenStore {
    fn check(
        &self,
        messages: &HashMap<BlobId, PathBuf>,
        proven: &mut HashSet<BlobId>,
        anchors: &mut Anchors,
        findings: &mut Findings,
    ) -> io::Result<u64> {
        let place = self.dir.to_string_lossy().into_owned();
        let note = read(&self.dir.join("checkpoint"))?;
        let checkpoint = match Checkpoint::open(&note, &self.known) {
            Ok((checkpoint, _)) => checkpoint,
            Err(error) => {
                findings.wrong(format!("{place}/checkpoint"), error.to_string());
                return Ok(0);
            }
        };
        let by = if self.is_given { "a key that you named" } else { "its own key" };
        findings.checked(format!(
            "{place}: a checkpoint of {} over {} entries, signed with {by}.",
            checkpoint.origin, checkpoint.position.entries
        ));
        self.anchors(&checkpoint, anchors, findings)?;
        let entries = self.entries(&note, &checkpoint, findings)?;
        for path in files(&self.dir.join("statements"))? {
            self.statement(&path, &checkpoint, &entries, findings)?;
        }
        let erased = self.erasures(&checkpoint, &entries, findings)?;
        let mut n_audited = 0;
        for stated in entries.values() {
            let has_statement =
                self.dir.join(format!("statements/{}.txt", stated.number)).is_file();
            if let Fact::Audited(Audited { of: None, .. }) = stated.entry.fact {
                n_audited += 1;
                if !has_statement {
                    findings.wrong(format!("{place}, entry {}", stated.number), "has no statement");
                }
            }
            let Fact::Placed { blob, size, .. } = &stated.entry.fact else { continue };
            if erased.contains(&stated.number) {
                continue;
            }
            let here = messages.get(blob).map(|it| (it, it.metadata().map_or(0, |it| it.len())));
            match here {
                Some((_, len)) if len == *size => drop(proven.insert(*blob)),
                Some((path, _)) => {
                    findings.wrong(path.to_string_lossy(), "has another length than was signed");
                }
                None => {
                    let what = format!("its message {blob} is not here, or was changed");
                    findings.wrong(format!("{place}, entry {}", stated.number), what);
                }
            }
            if !has_statement {
                findings.wrong(format!("{place}, entry {}", stated.number), "has no statement");
            }
        }
        if n_audited != 0 {
            findings.checked(format!("{n_audited} entries of the audit log with proofs."));
        }
        Ok(erased.len() as u64)
    }

    /// Checks the statements that messages are erased. The numbers of those that hold.
    fn erasures(
        &self,
        checkpoint: &Checkpoint,
        entries: &HashMap<u64, Stated>,
        findings: &mut Findings,
    ) -> io::Result<HashSet<u64>> {
        let mut holding = HashSet::new();
        for path in files(&self.dir.join("erasures"))? {
            let number = path.file_stem().and_then(|it| it.to_str()?.parse::<u64>().ok());
            let placed = number.and_then(|it| entries.get(&it));
            let found = placed.and_then(|it| Some((it, last_steps(it.number, entries)?)));
            let Some((placed, (condemned, erased))) = found else {
                findings.wrong(path.to_string_lossy(), "no proven entries stand behind it");
                continue;
            };
            let want = erasure(&checkpoint.origin, placed, condemned, erased);
            match want {
                Some(want) if want == read(&path)? => drop(holding.insert(placed.number)),
                _ => findings.wrong(path.to_string_lossy(), "says something else than its entries"),
            }
            if condemned.detail.is_none() {
                findings.wrong(path.to_string_lossy(), "the detail of its entry is not here");
            }
        }
        Ok(holding)
    }

    /// What was anchored of the log: here, and elsewhere. The checkpoint has to go on from there.
    fn anchors(
        &self,
        checkpoint: &Checkpoint,
        elsewhere: &mut Anchors,
        findings: &mut Findings,
    ) -> io::Result<()> {
        let (base, _) = split_origin(&checkpoint.origin);
        let mut all = elsewhere.of(base, &self.known, findings);
        for path in files(&self.dir.join("anchors"))? {
            if path.extension().is_none_or(|it| it != "txt") {
                continue;
            }
            let place = path.to_string_lossy().into_owned();
            let text = read(&path)?;
            let found = anchored_in(&text);
            let whole: String = found.iter().flatten().map(Anchored::text).collect();
            if whole != text {
                findings.wrong(&place, "was changed");
            }
            for it in found.into_iter().flatten() {
                match it.open(&self.known) {
                    Ok(of) => all.push((place.clone(), of)),
                    Err(error) => findings.wrong(&place, error.to_string()),
                }
                elsewhere.token(&place, &it, findings);
            }
        }
        let new = checkpoint.position;
        for (place, of) in all {
            let old = of.position;
            let path = self.dir.join(format!("anchors/{}.proof", old.entries));
            let proof = match read_if_there(&path)? {
                Some(bytes) => parse_hash_lines(&String::from_utf8_lossy(&bytes)),
                // Of the same size nothing is to be proven.
                None => (old.entries == new.entries).then(Vec::new),
            };
            match proof {
                Some(proof) if is_consistent(&old, &new, &proof) => (),
                Some(_) => findings.wrong(place, "the checkpoint does not go on from there"),
                None => findings.wrong(place, "nothing proves that the checkpoint goes on from it"),
            }
        }
        Ok(())
    }

    /// The entries whose proofs hold, by number.
    fn entries(
        &self,
        note: &str,
        checkpoint: &Checkpoint,
        findings: &mut Findings,
    ) -> io::Result<HashMap<u64, Stated>> {
        let mut entries = HashMap::new();
        for path in files(&self.dir.join("entries"))? {
            let is_entry = path.extension().is_some_and(|it| it == "entry");
            let number = path.file_stem().and_then(|it| it.to_str()?.parse::<u64>().ok());
            let (true, Some(number)) = (is_entry, number) else {
                let entry = path.with_extension("entry");
                if !entry.is_file() {
                    findings.wrong(path.to_string_lossy(), "belongs to no entry");
                }
                continue;
            };
            match entry(&path, number, note, checkpoint)? {
                Ok(stated) => drop(entries.insert(number, stated)),
                Err(what) => findings.wrong(path.to_string_lossy(), what),
            }
        }
        Ok(entries)
    }

    /// A statement says what the entries say, and nothing else.
    fn statement(
        &self,
        path: &Path,
        checkpoint: &Checkpoint,
        entries: &HashMap<u64, Stated>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        let number = path.file_stem().and_then(|it| it.to_str()?.parse::<u64>().ok());
        let placed = number.and_then(|it| entries.get(&it));
        if let Some(asked) = placed
            && let Fact::Audited(Audited { activity, of: None, .. }) = asked.entry.fact
        {
            let ends = |it: &&Stated| match it.entry.fact {
                Fact::Audited(Audited { of: Some(of), .. }) => of.0 == asked.number,
                _ => false,
            };
            let ended = entries.values().find(ends);
            let name = Activity::from_number(activity).map(Activity::name);
            let want = audit_statement(&checkpoint.origin, asked, ended, name);
            if want.as_deref() != Some(read(path)?.as_str()) {
                findings.wrong(path.to_string_lossy(), "says something else than its entries");
            }
            return Ok(());
        }
        let names = placed.and_then(|it| needed(&it.entry));
        let (Some(placed), Some((folder, source))) = (placed, names) else {
            findings.wrong(path.to_string_lossy(), "no proven entry stands behind it");
            return Ok(());
        };
        let folder = entries.get(&folder);
        let source = source.and_then(|it| entries.get(&it));
        let want = statement(&checkpoint.origin, placed, folder, source);
        if want.as_deref() != Some(read(path)?.as_str()) {
            findings.wrong(path.to_string_lossy(), "says something else than its entries");
        }
        Ok(())
    }
}

/// An entry with its detail, when its proof holds; else what does not.
fn entry(
    path: &Path,
    number: u64,
    note: &str,
    checkpoint: &Checkpoint,
) -> io::Result<Result<Stated, String>> {
    let bytes = read_bytes(path)?;
    let proof = match read_if_there(&path.with_extension("tlog-proof"))? {
        Some(bytes) => ProofFile::parse(&String::from_utf8_lossy(&bytes)),
        None => return Ok(Err("its proof is missing".to_owned())),
    };
    let proof = match proof {
        Ok(proof) => proof,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let position = checkpoint.position;
    let root = root_by_inclusion(leaf_hash(&bytes), number, position.entries, &proof.hashes);
    if proof.index != number || proof.checkpoint != note || root != Some(position.root) {
        return Ok(Err("its proof does not lead to the checkpoint".to_owned()));
    }
    let entry = match Entry::decode(&bytes) {
        Ok(entry) => entry,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let detail = read_if_there(&path.with_extension("detail"))?;
    let decoded = match (&detail, entry.detail) {
        (None, _) => Ok(None),
        (Some(bytes), Some(hash)) if detail_hash(&entry.salt, bytes) == hash => {
            Detail::decode(bytes).map(Some).map_err(|it| it.to_string())
        }
        (Some(_), _) => Err("its detail does not have the hash that was signed".to_owned()),
    };
    Ok(decoded.map(|detail| Stated { number, entry, detail }))
}

fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        entries => entries?.map(|it| Ok(it?.path())).collect::<io::Result<_>>()?,
    };
    found.sort();
    Ok(found)
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(named)?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_bytes(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn read(path: &Path) -> io::Result<String> {
    read_bytes(path).map(|it| String::from_utf8_lossy(&it).into_owned())
}
