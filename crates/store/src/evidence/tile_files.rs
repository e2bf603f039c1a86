//! The directory of tiles: what a web server could hand out as it is (C2SP tlog-tiles), but for
//! the entries.
//!
//! `tiles/checkpoint` is the checkpoint that the tiles reach to. It is written last: without it,
//! or when the tiles do not lead to its root, all are made anew.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger::Checkpoint;
use ledger::tiles::{TileId, Tiler, decode_tile, encode_tile};
use ports::{Access, Disk};
use types::Hash;

use super::{Evidence, SignedCheckpoint};
use crate::error::StoreError;
use crate::log::SegmentLog;

/// The most of `tiles/checkpoint` that is read, in bytes.
const NOTE_BYTES_MAX: usize = 64 << 10;

/// Tiles in files.
#[derive(Clone)]
pub(super) struct TileFiles {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// How far they are; `None` before somebody looked.
    tiler: Option<Tiler>,
}

impl TileFiles {
    pub(super) fn new(evidence: &Evidence) -> TileFiles {
        let Evidence { disk, dir, .. } = evidence;
        TileFiles { disk: Arc::clone(disk), dir: dir.join("tiles"), tiler: None }
    }

    /// The checkpoint that the tiles say they reach to. Its signature is not looked at.
    pub(super) fn reach(&self) -> Option<Checkpoint> {
        let bytes = self.read_file("checkpoint", NOTE_BYTES_MAX).ok()??;
        let note = String::from_utf8(bytes).ok()?;
        let (text, _) = note.rsplit_once("\n\n")?;
        Checkpoint::parse(&format!("{text}\n")).ok()
    }

    /// The hashes of a tile; of a partial one, from whichever file has them: a wider one begins
    /// with the same hashes.
    pub(super) fn read(&self, id: TileId) -> io::Result<Option<Vec<Hash>>> {
        let width = usize::from(id.width);
        for path in [id.path(), id.full_path()] {
            let Some(mut bytes) = self.read_file(&path, 8192)? else { continue };
            bytes.truncate(width * 32);
            if let Some(hashes) = decode_tile(&bytes, id.width) {
                return Ok(Some(hashes));
            }
        }
        Ok(None)
    }

    /// Makes tiles up to the checkpoint, from where they are.
    pub(super) fn bring_to(
        &mut self,
        log: &SegmentLog,
        last: &SignedCheckpoint,
    ) -> Result<(), StoreError> {
        let SignedCheckpoint { checkpoint, note } = last;
        let mut tiler = match self.tiler.take() {
            Some(tiler) => tiler,
            None => self.resumed(),
        };
        let is_there = tiler.root() == checkpoint.position.root;
        if tiler.size() == checkpoint.position.entries && is_there && self.has_note(note) {
            self.tiler = Some(tiler);
            return Ok(());
        }
        if checkpoint.position.entries < tiler.size() {
            tiler = Tiler::new();
        }
        let failed = || StoreError::io("write a tile");
        let mut leaves = log.leaves(tiler.size());
        while tiler.size() < checkpoint.position.entries {
            let Some(leaf) = leaves.next_leaf()? else { break };
            tiler.push(leaf, |id, hashes| self.write_full(id, hashes)).map_err(failed())?;
        }
        if tiler.root() != checkpoint.position.root {
            // What was there is of another history. The next time begins at the first entry.
            let gone = self.disk.remove(&self.dir.join("checkpoint"));
            return gone.map_err(StoreError::io("remove wrong tiles"));
        }
        for (id, hashes) in tiler.partial() {
            self.write(&id.path(), &encode_tile(hashes)).map_err(failed())?;
        }
        self.write("checkpoint", note.as_bytes()).map_err(failed())?;
        self.tiler = Some(tiler);
        Ok(())
    }

    fn has_note(&self, note: &str) -> bool {
        let read = self.read_file("checkpoint", NOTE_BYTES_MAX);
        matches!(read, Ok(Some(it)) if it == note.as_bytes())
    }

    /// From what is there, if it leads to the root that it should.
    fn resumed(&self) -> Tiler {
        let Some(reach) = self.reach() else { return Tiler::new() };
        let read = |id| self.read(id)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        match Tiler::resume(reach.position.entries, read) {
            Ok(tiler) if tiler.root() == reach.position.root => tiler,
            _ => Tiler::new(),
        }
    }

    /// Writes a full tile, and removes the partial ones that it takes the place of.
    fn write_full(&self, id: TileId, hashes: &[Hash]) -> io::Result<()> {
        self.write(&id.path(), &encode_tile(hashes))?;
        let partial = self.dir.join(id.partial_dir());
        let names = match self.disk.list(&partial) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names?,
        };
        names.iter().try_for_each(|it| self.disk.remove(&partial.join(it)))
    }

    /// Not synced: what a power loss leaves of it is seen by whoever reads it.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir.join(name);
        self.disk.create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        let new = path.with_extension("new");
        match self.disk.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        self.disk.open(&new, Access::CreateNew)?.write_at(bytes, 0)?;
        self.disk.rename(&new, &path)
    }

    fn read_file(&self, name: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match self.disk.open(&self.dir.join(name), Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; bytes_max];
        let n = file.read_at(&mut bytes, 0)?;
        bytes.truncate(n);
        Ok(Some(bytes))
    }
}
