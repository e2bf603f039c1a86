//! What runs at the same time share, so that many of them take little more than one.

use std::sync::Arc;

use ports::InFlight;
use tokio::sync::Semaphore;
use types::limits::IN_FLIGHT_BYTES_MAX;

/// The most threads that prepare: as many keep one indexing thread busy.
const THREADS_MAX: usize = 2;

/// Message bytes under way, and threads that hash, compress and parse.
///
/// Runs that share them wait for each other, and for nothing else: whoever holds message bytes
/// gives them back without asking for more.
#[derive(Clone, Debug)]
pub struct Shared {
    pub(crate) in_flight: InFlight,
    pub(crate) threads: Arc<Semaphore>,
}

impl Shared {
    /// With at most so many message bytes between networks and log.
    #[must_use]
    pub fn new(in_flight_bytes_max: usize) -> Shared {
        let in_flight = InFlight::new(in_flight_bytes_max);
        Shared { in_flight, threads: Arc::new(Semaphore::new(threads())) }
    }
}

impl Default for Shared {
    fn default() -> Shared {
        Shared::new(IN_FLIGHT_BYTES_MAX)
    }
}

/// How many threads prepare: half of the processors. The other half writes, catalogs and indexes
/// at the same time; with more, the index falls behind, and its rest is made by one thread at the
/// end while the other processors wait.
fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, THREADS_MAX)
}
