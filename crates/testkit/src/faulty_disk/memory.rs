//! Files and names: what is there now, and what would be there after a power loss.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::{PAGE_BYTES, Surviving};

/// Names a file, whatever its path is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileId(usize);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Node {
    File(FileId),
    Dir,
}

/// One file.
#[derive(Clone, Default)]
struct File {
    /// What everybody reads.
    now: Vec<u8>,
    /// What is on the platter.
    durable: Vec<u8>,
    /// Pages that differ, perhaps, and that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Whether the next sync writes the length.
    is_len_dirty: bool,
}

/// A change of names that a journal writes at once: what stands at these paths afterwards.
#[derive(Clone)]
struct NameChange(Vec<(PathBuf, Option<Node>)>);

#[derive(Clone, Default)]
pub(super) struct Memory {
    files: Vec<File>,
    names: BTreeMap<PathBuf, Node>,
    names_durable: BTreeMap<PathBuf, Node>,
    /// Oldest first.
    unsynced: Vec<NameChange>,
}

impl Memory {
    pub(super) fn file(&self, path: &Path) -> Option<FileId> {
        match self.names.get(path) {
            Some(Node::File(id)) => Some(*id),
            _ => None,
        }
    }

    pub(super) fn is_dir(&self, path: &Path) -> bool {
        path.parent().is_none()
            || path.as_os_str().is_empty()
            || self.names.get(path) == Some(&Node::Dir)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.names.iter().filter(|(_, it)| matches!(it, Node::File(_))).map(|(it, _)| it.clone())
    }

    pub(super) fn content(&self, FileId(at): FileId) -> &[u8] {
        &self.files[at].now
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<FileId> {
        self.file(path).ok_or_else(|| error(io::ErrorKind::NotFound, path, "no such file"))
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<FileId> {
        self.check_parent(path)?;
        if self.names.contains_key(path) {
            return Err(error(io::ErrorKind::AlreadyExists, path, "file exists"));
        }
        let id = FileId(self.files.len());
        self.files.push(File::default());
        self.change_names(vec![(path.to_owned(), Some(Node::File(id)))]);
        Ok(id)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_parent(to)?;
        let Some(node) = self.names.get(from).copied() else {
            return Err(error(io::ErrorKind::NotFound, from, "no such file or directory"));
        };
        let mut change = Vec::new();
        if node == Node::Dir {
            let below = self.names.range(from.to_owned()..);
            let below = below.filter(|(path, _)| path.starts_with(from) && *path != from);
            for (path, node) in below {
                let rest = path.strip_prefix(from).expect("a path below");
                change.push((path.clone(), None));
                change.push((to.join(rest), Some(*node)));
            }
        }
        change.push((from.to_owned(), None));
        change.push((to.to_owned(), Some(node)));
        self.change_names(change);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.open(path)?;
        self.change_names(vec![(path.to_owned(), None)]);
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        if self.is_dir(path) {
            return Ok(());
        }
        if self.names.contains_key(path) {
            return Err(error(io::ErrorKind::AlreadyExists, path, "is not a directory"));
        }
        if let Some(parent) = path.parent() {
            self.create_dir_all(parent)?;
        }
        self.change_names(vec![(path.to_owned(), Some(Node::Dir))]);
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        if !self.is_dir(dir) {
            return Err(error(io::ErrorKind::NotFound, dir, "no such directory"));
        }
        let children = self.names.keys().filter(|it| it.parent() == Some(dir));
        let names = children.filter_map(|it| it.file_name());
        Ok(names.map(|it| it.to_string_lossy().into_owned()).collect())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if !self.is_dir(dir) {
            return Err(error(io::ErrorKind::NotFound, dir, "no such directory"));
        }
        let Memory { unsynced, names_durable, .. } = self;
        for NameChange(change) in unsynced.iter_mut() {
            let moved = change.iter().map(|it| it.0.clone());
            let moved: Vec<_> = moved.filter(|it| it.parent() == Some(dir)).collect();
            // What is in a directory moves with it.
            let here =
                change.extract_if(.., |(path, _)| moved.iter().any(|it| path.starts_with(it)));
            here.for_each(|(path, node)| set_name(names_durable, path, node));
        }
        unsynced.retain(|NameChange(change)| !change.is_empty());
        Ok(())
    }

    pub(super) fn write(&mut self, FileId(at): FileId, bytes: &[u8], offset: usize) {
        let file = &mut self.files[at];
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        if file.now.len() < end {
            file.set_len(end);
        }
        file.now[offset..end].copy_from_slice(bytes);
        file.dirty.extend(offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES));
    }

    pub(super) fn set_len(&mut self, FileId(at): FileId, len: usize) {
        self.files[at].set_len(len);
    }

    pub(super) fn sync(&mut self, FileId(at): FileId) {
        self.files[at].write_back(|_| true);
    }

    /// What a failed sync leaves: some pages written, all of them clean.
    pub(super) fn lose_dirty(&mut self, FileId(at): FileId) {
        let mut coin = Coin::new(at as u64 + 1);
        let file = &mut self.files[at];
        let len = if file.is_len_dirty { file.durable.len() } else { file.now.len() };
        let survivor = file.surviving(len, |_| coin.flip());
        file.durable = survivor;
        file.dirty.clear();
        file.is_len_dirty = false;
    }

    pub(super) fn put(&mut self, path: &Path, content: &[u8]) {
        let file = File { now: content.to_vec(), durable: content.to_vec(), ..File::default() };
        if let Some(FileId(at)) = self.file(path) {
            self.files[at] = file;
            return;
        }
        let id = FileId(self.files.len());
        self.files.push(file);
        let dirs = path.ancestors().skip(1).map(|it| (it.to_owned(), Node::Dir));
        for (path, node) in dirs.chain([(path.to_owned(), Node::File(id))]) {
            self.names.insert(path.clone(), node);
            self.names_durable.insert(path, node);
        }
    }

    pub(super) fn forget(&mut self, path: &Path) {
        self.names.remove(path);
        self.names_durable.remove(path);
        self.unsynced.retain(|NameChange(change)| change.iter().all(|(it, _)| it != path));
    }

    pub(super) fn after_power_loss(&self, surviving: Surviving) -> Memory {
        let mut coin = match surviving {
            Surviving::Nothing => Coin::Always(false),
            Surviving::Everything => Coin::Always(true),
            Surviving::Seed(seed) => Coin::new(seed),
        };
        let mut names = self.names_durable.clone();
        for NameChange(change) in self.unsynced.iter().filter(|_| coin.flip()) {
            let change = change.iter().cloned();
            change.for_each(|(path, node)| set_name(&mut names, path, node));
        }
        let files = self.files.iter().map(|file| {
            let len = coin.between(file.durable.len(), file.now.len());
            let len = if file.is_len_dirty { len } else { file.durable.len() };
            let durable = file.surviving(len, |_| coin.flip());
            File { now: durable.clone(), durable, ..File::default() }
        });
        let files = files.collect();
        // A name below a directory that did not survive is nowhere.
        let all = names.clone();
        let is_there = |path: &Path| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && parent.parent().is_some() => {
                parent.ancestors().all(|it| {
                    it.as_os_str().is_empty()
                        || it.parent().is_none()
                        || all.get(it) == Some(&Node::Dir)
                })
            }
            _ => true,
        };
        names.retain(|path, _| is_there(path));
        Memory { files, names_durable: names.clone(), names, unsynced: Vec::new() }
    }

    fn change_names(&mut self, change: Vec<(PathBuf, Option<Node>)>) {
        for (path, node) in change.clone() {
            set_name(&mut self.names, path, node);
        }
        self.unsynced.push(NameChange(change));
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if !self.is_dir(parent) => {
                Err(error(io::ErrorKind::NotFound, path, "no such directory"))
            }
            _ => Ok(()),
        }
    }
}

impl File {
    fn set_len(&mut self, len: usize) {
        let (low, high) = (len.min(self.now.len()), len.max(self.now.len()));
        self.now.resize(len, 0);
        // What was cut off and grows again is zero: these pages differ from the durable ones.
        self.dirty.extend(low / PAGE_BYTES..high.div_ceil(PAGE_BYTES));
        self.is_len_dirty = true;
    }

    fn write_back(&mut self, survives: impl FnMut(usize) -> bool) {
        let len = if self.is_len_dirty { self.now.len() } else { self.durable.len() };
        self.durable = self.surviving(len, survives);
        self.dirty.clear();
        self.is_len_dirty = false;
    }

    /// The content with this length when only some of the dirty pages were written.
    fn surviving(&self, len: usize, mut survives: impl FnMut(usize) -> bool) -> Vec<u8> {
        let mut content = self.durable.clone();
        content.resize(len, 0);
        for page in self.dirty.iter().copied() {
            let start = page * PAGE_BYTES;
            let end = (start + PAGE_BYTES).min(len).min(self.now.len());
            if survives(page) && start < end {
                content[start..end].copy_from_slice(&self.now[start..end]);
            }
        }
        content
    }
}

fn set_name(names: &mut BTreeMap<PathBuf, Node>, path: PathBuf, node: Option<Node>) {
    match node {
        Some(node) => names.insert(path, node),
        None => names.remove(&path),
    };
}

fn error(kind: io::ErrorKind, path: &Path, what: &str) -> io::Error {
    io::Error::new(kind, format!("{}: {what}", path.display()))
}

/// Decides what survives. The same seed decides the same.
enum Coin {
    Always(bool),
    /// State of the generator; how many of eight flips are heads.
    Seeded(u64, u64),
}

impl Coin {
    fn new(seed: u64) -> Coin {
        let mut coin = Coin::Seeded(seed, 4);
        // Some power losses lose nearly everything, some nearly nothing.
        let heads = 1 + coin.next() % 7;
        if let Coin::Seeded(state, _) = coin {
            coin = Coin::Seeded(state, heads);
        }
        coin
    }

    /// SplitMix64, after Steele, Lea and Flood.
    fn next(&mut self) -> u64 {
        let Coin::Seeded(state, _) = self else { return 0 };
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn flip(&mut self) -> bool {
        match *self {
            Coin::Always(value) => value,
            Coin::Seeded(_, heads) => self.next() % 8 < heads,
        }
    }

    /// The old length, the new one, or a whole number of pages between.
    fn between(&mut self, old: usize, new: usize) -> usize {
        match self {
            Coin::Always(false) => old,
            Coin::Always(true) => new,
            Coin::Seeded(..) => {
                let (low, high) = (old.min(new), old.max(new));
                let n_pages = (high - low).div_ceil(PAGE_BYTES) as u64;
                let pages = usize::try_from(self.next() % (n_pages + 2)).unwrap_or_default();
                match pages {
                    0 => low,
                    _ => ((low / PAGE_BYTES + pages) * PAGE_BYTES).min(high),
                }
            }
        }
    }
}
