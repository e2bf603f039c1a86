//! Who keeps what is handed in: the store while a message is under way, and whose every address is.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use archiver::{NotReceived, ReceptionCounts, ReceptionOptions, ReceptionTally, SortOptions};
use commands::Failure;
use disk::SystemClock;
use store::{AllCatalog, AllLog};
use tokio::sync::Mutex as AsyncMutex;

use super::{Reception, sort_options};
use crate::context::{Context, OpenState};
use crate::run::{Writing, blocking, open_state};

/// How often it is looked whether users were changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Keeps what is handed in. Clones are the same one.
#[derive(Clone)]
pub(super) struct Keeper(Arc<Inner>);

struct Inner {
    context: Context,
    job: Reception,
    options: ReceptionOptions,
    /// Open while a message is under way.
    lent: AsyncMutex<Weak<Lent>>,
    book: AsyncMutex<Book>,
}

/// The store while messages are under way.
pub(super) struct Lent {
    pub(super) reception: archiver::Reception<AllLog, AllCatalog>,
    #[expect(dead_code, reason = "it is held: the store stays with this reception while it is")]
    pub(super) writing: Writing,
}

/// How mail is sorted, as the state said last.
struct Book {
    options: Arc<SortOptions>,
    state: Mutex<OpenState>,
    version: i64,
    looked: Instant,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("job", &self.0.job.name).finish_non_exhaustive()
    }
}

impl Keeper {
    /// For a job. The caller owns the data directory.
    pub(super) async fn new(
        context: &Context,
        job: &Reception,
        title: &str,
    ) -> Result<Keeper, Failure> {
        let (of, reception) = (context.clone(), job.clone());
        let book = blocking(move || Book::open(&of, &reception)).await?;
        let options = ReceptionOptions {
            title: title.to_owned(),
            message_bytes_max: job.source.size_max,
            cancel: context.stop.clone(),
            tally: ReceptionTally::default(),
        };
        Ok(Keeper(Arc::new(Inner {
            context: context.clone(),
            job: job.clone(),
            options,
            lent: AsyncMutex::new(Weak::new()),
            book: AsyncMutex::new(book),
        })))
    }

    /// What was received so far.
    pub(super) fn counts(&self) -> ReceptionCounts {
        self.0.options.tally.counts()
    }

    /// How mail is sorted now.
    pub(super) async fn sorting(&self) -> Result<Arc<SortOptions>, Failure> {
        let inner = &self.0;
        let mut book = inner.book.lock().await;
        if book.looked.elapsed() < LOOK_EVERY {
            return Ok(Arc::clone(&book.options));
        }
        book.looked = Instant::now();
        if book.now() != Some(book.version) {
            let (context, job) = (inner.context.clone(), inner.job.clone());
            let fresh = blocking(move || Book::open(&context, &job)).await?;
            let changed = !fresh.options.is_like(&book.options);
            let options = Arc::clone(&book.options);
            *book = fresh;
            if !changed {
                book.options = options;
            }
        }
        Ok(Arc::clone(&book.options))
    }

    /// The store, for one message.
    pub(super) async fn lend(&self) -> Result<Arc<Lent>, Failure> {
        let sorting = self.sorting().await?;
        let inner = &self.0;
        let mut place = inner.lent.lock().await;
        if let Some(lent) = place.upgrade() {
            if !Arc::ptr_eq(&lent.reception.sorting(), &sorting) {
                lent.reception.sort_by(sorting).await;
            }
            return Ok(lent);
        }
        let writing = Writing::open(&inner.context).await?;
        let reception = archiver::Reception::new(
            writing.log(),
            &writing.catalog(),
            Arc::new(SystemClock),
            inner.options.clone(),
            sorting,
        );
        let lent = Arc::new(Lent { reception, writing });
        *place = Arc::downgrade(&lent);
        Ok(lent)
    }

    /// After a message that was not kept: when the store is the reason, the next one gets another.
    pub(super) async fn heed(&self, why: &NotReceived, lent: &Arc<Lent>) {
        let NotReceived::Failed(failure) = why else { return };
        let job = &self.0.job.name;
        tracing::warn!(%job, "a message was not kept: {}", failure.message);
        let mut place = self.0.lent.lock().await;
        if place.upgrade().is_some_and(|it| Arc::ptr_eq(&it, lent)) {
            *place = Weak::new();
        }
    }
}

impl Book {
    fn open(context: &Context, job: &Reception) -> Result<Book, Failure> {
        let state = open_state(&context.data)?;
        // Asked before reading: what changes in between is read again.
        let version = state.version().unwrap_or_default();
        let options = Arc::new(sort_options(context, job)?);
        Ok(Book { options, state: Mutex::new(state), version, looked: Instant::now() })
    }

    fn now(&self) -> Option<i64> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).version().ok()
    }
}
