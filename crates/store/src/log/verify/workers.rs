//! Threads that decode and hash blobs while another one reads.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use frames::{Contents, Dictionary, Frame, Header, Item, Kind};
use types::BlobId;

use super::super::read::{check_skeleton, read_blob};
use super::super::tables::Tables;
use super::{Defects, Erased};

/// Groups of payloads that wait for a worker. Each has at most a megabyte.
const QUEUE_MAX: usize = 8;

/// A group is handed over when its payloads have so many bytes: to wake a worker costs more than
/// to hash a short message.
const GROUP_BYTES: usize = 256 << 10;

/// Or when it has so many of them.
const GROUP_JOBS: usize = 512;

/// A frame of blobs.
pub(super) struct Job {
    segment: u32,
    offset: u64,
    header: Header,
    payload: Vec<u8>,
    dictionary: Option<Arc<Dictionary>>,
}

/// Where jobs come from.
pub(super) type Inbox = Arc<Mutex<Receiver<Vec<Job>>>>;

/// The way to the workers.
pub(super) struct Workers<'a> {
    outbox: SyncSender<Vec<Job>>,
    defects: &'a Defects,
    group: RefCell<Group>,
}

/// Jobs that go to a worker together.
#[derive(Default)]
struct Group {
    jobs: Vec<Job>,
    bytes: usize,
}

impl<'a> Workers<'a> {
    pub(super) fn new(defects: &'a Defects) -> (Workers<'a>, Inbox) {
        let (outbox, inbox) = sync_channel(QUEUE_MAX);
        (Workers { outbox, defects, group: RefCell::default() }, Arc::new(Mutex::new(inbox)))
    }

    /// `dictionary` is that of the segment, when the frame needs it.
    pub(super) fn check(
        &self,
        segment: u32,
        frame: &Frame<'_>,
        dictionary: Option<Arc<Dictionary>>,
    ) {
        let Frame { header, offset, payload } = *frame;
        let job = Job { segment, offset, header, payload: payload.to_vec(), dictionary };
        let mut group = self.group.borrow_mut();
        group.bytes += job.payload.len();
        group.jobs.push(job);
        if GROUP_BYTES <= group.bytes || GROUP_JOBS <= group.jobs.len() {
            self.send(std::mem::take(&mut group));
        }
    }

    fn send(&self, group: Group) {
        let Err(unsent) = self.outbox.send(group.jobs) else { return };
        for job in unsent.0 {
            self.defects.add(job.segment, job.offset, "the blob was not checked");
        }
    }
}

/// What waits goes to the workers before they end.
impl Drop for Workers<'_> {
    fn drop(&mut self) {
        let group = self.group.take();
        self.send(group);
    }
}

/// How many workers there are: the cores but for the one that reads, and not more than help.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from).clamp(2, 4)
}

/// Checks what comes in, until nothing more can come.
pub(super) fn work(
    inbox: &Inbox,
    within: (&Tables, &Erased),
    defects: &Defects,
    blobs: &AtomicU64,
) {
    loop {
        let jobs = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(jobs) = jobs else { return };
        for job in jobs {
            check(&job, within, &mut |checked| match checked {
                Ok(n) => _ = blobs.fetch_add(n, Ordering::Relaxed),
                Err(what) => defects.add(job.segment, job.offset, what),
            });
        }
    }
}

/// Checks what is in a frame; tells of each item how many blobs it counts for, or what is wrong.
fn check(job: &Job, within: (&Tables, &Erased), tell: &mut dyn FnMut(Result<u64, String>)) {
    match Contents::open(&job.header, &job.payload, job.dictionary.as_deref()) {
        Ok(contents) => {
            for (item, body) in contents.iter().filter(|(it, _)| !it.is_gone) {
                let n_blobs = u64::from(item.kind != Kind::Chunk);
                tell(check_item(item, body, within).map(|()| n_blobs));
            }
        }
        Err(flaw) => tell(Err(flaw.to_string())),
    }
}

fn check_item(
    item: &Item,
    body: &[u8],
    (tables, erased): (&Tables, &Erased),
) -> Result<(), String> {
    let Item { kind, id, total_len, .. } = item;
    // Compaction may have taken chunks or parts, and not yet what lists them.
    if matches!(kind, Kind::ChunkList | Kind::Skeleton) && erased.has_part(id) {
        return Ok(());
    }
    if *kind == Kind::ChunkList {
        // By its chunks, wherever they stand.
        let read = read_blob(tables, id, &mut |_| Ok(()));
        return read.map(drop).map_err(|it| format!("a large blob is not there: {}", chain(&it)));
    }
    if *kind == Kind::Skeleton {
        let joined = check_skeleton(tables, (id, *total_len), body);
        return joined.map_err(|it| format!("a message is not what its parts are: {}", chain(&it)));
    }
    if BlobId::of(body) == *id {
        Ok(())
    } else {
        Err(format!("the bytes of blob {id} do not have its hash"))
    }
}

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        text = format!("{text}: {it}");
        cause = it.source();
    }
    text
}
