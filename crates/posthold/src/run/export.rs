//! `export`: messages become files.

pub(super) mod proofs;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archiver::CancelToken;
use commands::{
    DamagedMessage, Export, ExportAnswer, ExportFormat, ExportScope, Failure, FailureKind,
    IndexReach, Phase, ProgressSink, Proof, ProofCounts, StoresRead, Work,
};
use disk::RealDisk;
use mail_files::write::{MailWriter, Outgoing, WriteFormat, writer};
use ports::{Disk, ReadErrorKind};
use sha2::{Digest, Sha256};
use store::{Place, PlacedMessage};
use types::{ArchiveId, BlobId, FolderPath, MessageSet, PlacementId};

use super::all_stores::{AllStores, OneStore};
use super::search::Resolution;
use super::stores::Reading;
use super::{Reads, Teller, faults, telling, users};
use crate::context::{Context, DataDir};

/// Messages that are looked up together.
const MESSAGES_AT_ONCE: usize = 200;

/// Bytes of a file that are compared at once.
const COMPARED_BYTES: usize = 256 << 10;

/// Where files are written that have their names only at the end.
const STAGE: &str = ".posthold-export.part";

/// Exports messages.
pub(super) async fn export(
    context: &Context,
    request: Export,
    progress: &dyn ProgressSink,
) -> Result<ExportAnswer, Failure> {
    let (data, stop) = (context.data.clone(), context.stop.clone());
    let reads = context.reads.clone();
    telling(progress, move |teller| {
        let selection = Selection::new(&data, &request)?;
        let (reach, read) = (selection.reach, selection.all.read());
        let mut exporting = Exporting::new(&request, reach, read)?;
        exporting.reads = reads;
        exporting.write_all(&selection, &stop, teller)?;
        exporting.prove(&selection)?;
        exporting.close()
    })
    .await
}

/// Which placements are exported.
struct Selection {
    all: AllStores,
    /// Of each store, in the same order.
    messages: Vec<MessageSet>,
    archive: Option<ArchiveId>,
    /// Only in this folder and below.
    folder: Option<String>,
    reach: IndexReach,
}

impl Selection {
    fn new(data: &DataDir, request: &Export) -> Result<Selection, Failure> {
        let all = AllStores::open(data)?;
        let user = request.user.as_ref();
        let archive = user.map(|it| users::find(data, it)).transpose()?.map(|it| it.archive);
        let folder = match &request.scope {
            ExportScope::Folder(path) => {
                check_folder(&all, archive, path)?;
                Some(path.clone())
            }
            ExportScope::All | ExportScope::Query(_) => None,
        };
        let mut reach = IndexReach { read: 0, entries: all.entries() };
        let mut messages = Vec::new();
        for one in &all.stores {
            let (set, read) = Selection::of_store(&all, one, data, request, archive)?;
            messages.push(set);
            reach.read += read;
        }
        Ok(Selection { all, messages, archive, folder, reach })
    }

    /// The messages of one store, and how far its views had read.
    fn of_store(
        all: &AllStores,
        one: &OneStore,
        data: &DataDir,
        request: &Export,
        archive: Option<ArchiveId>,
    ) -> Result<(MessageSet, u64), Failure> {
        let reading = &one.reading;
        let catalog = reading.store.catalog();
        let read = reading.store.reach().catalog.entries;
        let is_own = |it: &&Place| archive.is_none_or(|archive| it.archive == archive);
        let messages = match &request.scope {
            ExportScope::All => match archive {
                Some(archive) => catalog.set_of_archive(archive),
                None => catalog.set_of_all(),
            },
            ExportScope::Folder(path) => catalog.set_below(archive, path),
            ExportScope::Query(query) => {
                let resolution = Resolution::new(all, one, data, query, request.user.as_ref())?;
                let found = reading.searcher()?.map(|it| resolution.matching(&it)).transpose()?;
                let (messages, indexed) = found.unwrap_or_default();
                return Ok((messages, read.min(indexed)));
            }
        };
        let takes = |places: &[Place]| match &request.scope {
            ExportScope::Folder(path) => {
                places.iter().filter(is_own).any(|it| is_below(&it.path, path))
            }
            _ => places.iter().any(|it| is_own(&it)),
        };
        let messages = messages.map_err(|it| faults::catalog(&it))?;
        Ok((all.patched(one, messages, takes)?, read))
    }

    fn len(&self) -> u64 {
        self.messages.iter().map(MessageSet::len).sum()
    }

    fn takes(&self, place: &Place) -> bool {
        self.archive.is_none_or(|it| place.archive == it)
            && self.folder.as_ref().is_none_or(|it| is_below(&place.path, it))
    }

    /// Folders that a message goes to from stores before this one: there it is one message.
    fn earlier(&self, store: usize, id: &BlobId) -> Result<Vec<FolderPath>, Failure> {
        let mut folders = Vec::new();
        for one in self.all.stores.iter().take(store) {
            let places = self.all.places_in(one, id)?;
            let taken = places.into_iter().filter(|it| self.takes(it));
            folders.extend(taken.map(|it| FolderPath::from_stored(it.path)));
        }
        Ok(folders)
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|it| it.is_empty() || it.starts_with('/'))
}

fn check_folder(all: &AllStores, archive: Option<ArchiveId>, path: &str) -> Result<(), Failure> {
    for one in &all.stores {
        let folders = one.reading.store.catalog().folders(archive);
        let folders = folders.map_err(|it| faults::catalog(&it))?;
        if folders.iter().any(|it| it.is_at_or_below(path)) {
            return Ok(());
        }
    }
    let message = format!("there is no folder {path:?}");
    Err(Failure::new(FailureKind::Request, message)
        .with_hint("`posthold search --json` shows the folders of messages."))
}

/// An export under way.
struct Exporting {
    writer: Box<dyn MailWriter>,
    /// Where the writer writes, when files have to be compared as wholes.
    stage: Option<PathBuf>,
    /// Messages in each file of the stage.
    staged: HashMap<PathBuf, u64>,
    /// Of each store the placements that are proven; `None` when that was not asked for.
    proven: Option<Vec<BTreeSet<PlacementId>>>,
    answer: ExportAnswer,
    /// Who reads the audit log reads which messages went out.
    reads: Reads,
}

impl Exporting {
    fn new(request: &Export, reach: IndexReach, stores: StoresRead) -> Result<Exporting, Failure> {
        let failed = |it: io::Error| faults::io(&it, "failed to make the directory of the export");
        let to = &request.to;
        RealDisk.create_dir_all(to).map_err(failed)?;
        // Many messages share the file of a folder: it is made beside and compared at the end.
        let (format, stage) = match request.format {
            ExportFormat::Eml => (WriteFormat::Eml, None),
            ExportFormat::Maildir => (WriteFormat::Maildir, None),
            ExportFormat::Mbox => (WriteFormat::Mbox, Some(to.join(STAGE))),
        };
        if let Some(stage) = &stage {
            disk::remove_tree(stage).map_err(failed)?;
        }
        let writer = writer(format, Arc::new(RealDisk), stage.as_deref().unwrap_or(to));
        let answer = ExportAnswer {
            to: to.clone(),
            format: request.format,
            exported: 0,
            already: 0,
            missing: Vec::new(),
            damaged: Vec::new(),
            conflicts: Vec::new(),
            bytes: 0,
            index: reach,
            stores,
            proof: None,
            cancelled: false,
        };
        let proven = (request.proof == Proof::Wanted).then(Vec::new);
        let reads = Reads::default();
        Ok(Exporting { writer, stage, staged: HashMap::new(), proven, answer, reads })
    }

    fn write_all(
        &mut self,
        selection: &Selection,
        stop: &CancelToken,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let mut work = Work {
            phase: Phase::Exporting,
            messages_total: Some(selection.len()),
            ..Work::default()
        };
        for store in 0..selection.messages.len() {
            self.write_store(selection, store, &mut work, stop, teller)?;
        }
        Ok(())
    }

    /// Writes what is selected of one store.
    fn write_store(
        &mut self,
        selection: &Selection,
        store: usize,
        work: &mut Work,
        stop: &CancelToken,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let (Some(one), Some(messages)) =
            (selection.all.stores.get(store), selection.messages.get(store))
        else {
            return Ok(());
        };
        let catalog = one.reading.store.catalog();
        let mut n_next = 0;
        loop {
            let found = catalog.placed(messages, n_next, MESSAGES_AT_ONCE);
            let found = found.map_err(|it| faults::catalog(&it))?;
            let Some(last) = found.last() else { return Ok(()) };
            n_next = last.message.n.saturating_add(1);
            for message in &found {
                if stop.is_cancelled() {
                    self.answer.cancelled = true;
                    return Ok(());
                }
                self.write_message(selection, (store, &one.reading), message)?;
                work.messages += 1;
                work.bytes = self.answer.bytes;
                teller.tell(*work);
            }
        }
    }

    fn write_message(
        &mut self,
        selection: &Selection,
        (store, reading): (usize, &Reading),
        message: &PlacedMessage,
    ) -> Result<(), Failure> {
        let mut written = selection.earlier(store, &message.message.blob)?;
        let places = match selection.all.stores.get(store) {
            Some(one) => selection.all.laid_over(one, message.places.clone())?,
            None => Vec::new(),
        };
        for place in places.iter().filter(|it| selection.takes(it)) {
            let folder = FolderPath::from_stored(place.path.clone());
            // Two archives may have folders of one path.
            if written.contains(&folder) {
                continue;
            }
            let outgoing = Outgoing {
                id: message.message.blob,
                folder: &folder,
                flags: place.flags,
                keywords: &place.keywords,
                received: Some(place.received.unwrap_or(message.message.date)),
            };
            if !self.write_placement(reading, &outgoing)? {
                return Ok(());
            }
            written.push(folder);
            if let Some(proven) = &mut self.proven {
                proven.resize_with(proven.len().max(store + 1), BTreeSet::new);
                proven.get_mut(store).map(|it| it.insert(place.placement));
            }
        }
        Ok(())
    }

    /// Writes the proofs of what was written.
    fn prove(&mut self, selection: &Selection) -> Result<(), Failure> {
        let Some(proven) = self.proven.take().filter(|_| !self.answer.cancelled) else {
            return Ok(());
        };
        proofs::begin(&self.answer.to, proofs::Of::Messages)?;
        let mut counts = ProofCounts::default();
        for (one, placements) in selection.all.stores.iter().zip(&proven) {
            let of_store = proofs::write_store(one, &self.answer.to, placements)?;
            counts.proven += of_store.proven;
            counts.unsigned += of_store.unsigned;
        }
        self.answer.proof = Some(counts);
        Ok(())
    }

    /// Writes a message into one folder. False when its bytes cannot be had.
    fn write_placement(
        &mut self,
        reading: &Reading,
        outgoing: &Outgoing<'_>,
    ) -> Result<bool, Failure> {
        let failed = |it: io::Error| faults::io(&it, "failed to write a message");
        if let Some(path) = self.writer.place(outgoing).map_err(failed)? {
            match is_message(&path, &outgoing.id) {
                Ok(true) => {
                    self.answer.already += 1;
                    return Ok(true);
                }
                Ok(false) => {
                    self.answer.conflicts.push(path);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(failed(error)),
            }
        }
        self.writer.begin(outgoing).map_err(failed)?;
        let writer = &mut self.writer;
        let read = reading.store.log().read(&outgoing.id, &mut |bytes| writer.write(bytes));
        let error = match read {
            Ok(bytes) => {
                let path = self.writer.finish().map_err(failed)?;
                *self.staged.entry(path).or_default() += 1;
                self.reads.note(&outgoing.id);
                self.answer.exported += 1;
                self.answer.bytes += bytes;
                return Ok(true);
            }
            Err(error) => error,
        };
        self.writer.cancel().map_err(failed)?;
        match error.kind() {
            ReadErrorKind::NotFound => self.answer.missing.push(outgoing.id),
            ReadErrorKind::Damaged => {
                let message = faults::chain(&error);
                self.answer.damaged.push(DamagedMessage { id: outgoing.id, message });
            }
            _ => return Err(faults::read(&error, &outgoing.id)),
        }
        Ok(false)
    }

    fn close(self) -> Result<ExportAnswer, Failure> {
        let Exporting { writer, stage, staged, mut answer, .. } = self;
        let failed = |it: io::Error| faults::io(&it, "failed to finish the export");
        writer.close().map_err(failed)?;
        let Some(stage) = stage else { return Ok(answer) };
        // Half of a folder must not have the name of the whole.
        let staged = if answer.cancelled { HashMap::new() } else { staged };
        for (path, n_messages) in staged {
            let to = answer.to.join(path.strip_prefix(&stage).unwrap_or(&path));
            match is_same(&path, &to).map_err(failed)? {
                Some(true) => answer.already += n_messages,
                Some(false) => answer.conflicts.push(to),
                None => {
                    RealDisk
                        .create_dir_all(to.parent().unwrap_or(Path::new("")))
                        .map_err(failed)?;
                    RealDisk.rename(&path, &to).map_err(failed)?;
                    continue;
                }
            }
            answer.exported -= n_messages;
        }
        if answer.cancelled {
            answer.exported = 0;
        }
        disk::remove_tree(&stage).map_err(failed)?;
        answer.conflicts.sort();
        Ok(answer)
    }
}

/// Whether the file at `path` has the bytes with this hash.
fn is_message(path: &Path, id: &BlobId) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; COMPARED_BYTES];
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            return Ok(<[u8; 32]>::from(hasher.finalize()) == id.0);
        }
        hasher.update(block.get(..n).unwrap_or_default());
    }
}

/// Whether two files have the same bytes; `None` when the second is not there.
fn is_same(one: &Path, other: &Path) -> io::Result<Option<bool>> {
    let mut other = match File::open(other) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut one = File::open(one)?;
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(Some(false));
    }
    let (mut left, mut right) = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
    loop {
        let n = one.read(&mut left)?;
        if n == 0 {
            return Ok(Some(true));
        }
        let (left, right) = (left.get(..n).unwrap_or_default(), right.get_mut(..n));
        let right = right.unwrap_or_default();
        other.read_exact(right)?;
        if left != right {
            return Ok(Some(false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_to_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let long = vec![7; COMPARED_BYTES * 2 + 3];
        let mut other = long.clone();
        other[COMPARED_BYTES * 2] ^= 1;
        std::fs::write(path("a"), &long).unwrap();
        for (content, want) in [(&long, true), (&other, false), (&b"short".to_vec(), false)] {
            std::fs::write(path("b"), content).unwrap();
            assert_eq!(is_same(&path("a"), &path("b")).unwrap(), Some(want));
            assert_eq!(is_message(&path("b"), &BlobId::of(&long)).unwrap(), want);
        }
        assert_eq!(is_same(&path("a"), &path("none")).unwrap(), None);
        assert!(is_message(&path("none"), &BlobId::of(b"")).is_err());
    }
}
