//! `verify`: everything is read again.

mod evidence;
mod words;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use commands::{
    DefectFound, Examination, Failure, FailureKind, Phase, ProgressSink, VerifyAnswer, Work,
};
use disk::RealDisk;
use ports::Disk;
use query::Query;
use search::{Resolved, Scope, Searcher};
use state::State;
use store::evidence::Evidence;
use store::log::{LogDefect, LogVerdict, Recorded, SegmentLog, VerifyProgress};
use store::{SqlCatalog, Store, StoreError, StoreErrorKind, TableDiffers};
use types::{MessageSet, Position};

use super::stores::{check_has_log, is_empty, recorded_by_state};
use super::{Teller, all_stores, anchors, audit, faults, keys, telling};
use crate::context::{Context, DataDir};

/// Names of the parts of a store in answers.
const LOG: &str = "log";
const CATALOG: &str = "catalog";
const INDEX: &str = "index";
const AUDIT: &str = "audit";

/// Verifies the store: the log frame by frame, and that both views are views of it.
pub(super) async fn verify(
    context: &Context,
    examination: Examination,
    progress: &dyn ProgressSink,
) -> Result<VerifyAnswer, Failure> {
    let data = context.data.clone();
    tokio::select! {
        verdict = telling(progress, move |teller| verified(&data, examination, teller)) => verdict,
        // Half of a verdict is none.
        () = context.stop.cancelled() => {
            Ok(VerifyAnswer { cancelled: true, ..VerifyAnswer::default() })
        }
    }
}

/// Verifies one store.
pub(super) async fn of_store(
    context: &Context,
    place: DataDir,
    progress: &dyn ProgressSink,
) -> Result<VerifyAnswer, Failure> {
    let verdict = telling(progress, move |teller| one(&place, Examination::Brief, teller));
    tokio::select! {
        verdict = verdict => verdict,
        () = context.stop.cancelled() => {
            Ok(VerifyAnswer { cancelled: true, ..VerifyAnswer::default() })
        }
    }
}

/// Store by store; what is disabled is not asked.
fn verified(
    data: &DataDir,
    examination: Examination,
    teller: &Teller,
) -> Result<VerifyAnswer, Failure> {
    let stores = all_stores::saved(data)?;
    let active: Vec<_> = stores.iter().filter(|it| it.state.is_active()).collect();
    let mut answer = VerifyAnswer::default();
    for store in &active {
        let place = data.at(store);
        if !store.is_begun && is_empty(&place.segments()) && active.len() != 1 {
            continue;
        }
        let of_store = match one(&place, examination, teller) {
            Ok(it) => it,
            Err(_) if active.len() != 1 && is_empty(&place.store()) => {
                let message = format!("there is no store in {}", place.store().display());
                unreadable(&store.name, &Failure::new(FailureKind::Store, message))
            }
            Err(failure) if active.len() != 1 => unreadable(&store.name, &failure),
            Err(failure) => return Err(failure),
        };
        answer.add(of_store);
    }
    answer.defects.extend(of_audit_log(data)?);
    answer.defects.extend(of_state(data)?);
    Ok(answer)
}

/// The audit log is no store, and is checked like one.
fn of_audit_log(data: &DataDir) -> Result<Vec<DefectFound>, Failure> {
    let found = audit::check(data)?.into_iter();
    let defect =
        |part, (place, message)| DefectFound { store: String::new(), part, place, message };
    let mut defects: Vec<DefectFound> = found.map(|it| defect(AUDIT, it)).collect();
    let state = State::open_for_reading(&data.state()).map_err(|it| faults::state(&it))?;
    let anchored = anchors::of_audit_log(data, &state)?;
    let anchored = evidence::anchor_defects(anchored);
    defects.extend(anchored.map(|it| defect(evidence::ANCHORS, it)));
    Ok(defects)
}

/// The file of the state, and what the audit log says of what is in it.
fn of_state(data: &DataDir) -> Result<Vec<DefectFound>, Failure> {
    let state = State::open_for_reading(&data.state()).map_err(|it| faults::state(&it))?;
    let mut found = state.check().unwrap_or_else(|it| vec![faults::chain(&it)]);
    // A log that cannot be read is told as such.
    found.extend(audit::configuration_changed(data).unwrap_or_default());
    let defect = |message| DefectFound {
        store: String::new(),
        part: evidence::STATE,
        place: "state.db".into(),
        message,
    };
    Ok(found.into_iter().map(defect).collect())
}

/// What cannot even be looked at is a defect of the store that it is.
fn unreadable(store: &str, failure: &Failure) -> VerifyAnswer {
    let defect = DefectFound {
        store: store.to_owned(),
        part: "store",
        place: "store".into(),
        message: failure.message.clone(),
    };
    VerifyAnswer { defects: vec![defect], ..VerifyAnswer::default() }
}

/// One store: that which `data` has in view.
fn one(data: &DataDir, examination: Examination, teller: &Teller) -> Result<VerifyAnswer, Failure> {
    check_has_log(data)?;
    let store = data.place().name;
    let mut found = Found { store: store.clone(), ..Found::default() };
    // The views before the log: another process may be writing, and the log is ahead of them.
    let index = found.index(data);
    let state = State::open_for_reading(&data.state()).map_err(|it| faults::state(&it))?;
    let mut recorded = recorded_by_state(&state, &store).map_err(|it| faults::state(&it))?;
    let evidence = evidence::of_store(data);
    recorded.extend(evidence.as_ref().and_then(Evidence::recorded));
    let Some((log, catalog)) = found.open(data, &recorded)? else { return Ok(found.answer()) };
    let mut tell = |VerifyProgress { bytes, bytes_total, .. }| {
        let bytes_total = Some(bytes_total);
        teller.tell(Work { phase: Phase::Verifying, bytes, bytes_total, ..Work::default() });
    };
    // To hold the rows of the catalog against those that the log gives takes as long as all the
    // rest, so they go side by side.
    let (checked, rows) = beside_rows(catalog.as_deref(), &log, || {
        found.verdict = log.verify(&mut tell);
        found.evidence(evidence.as_ref(), &log);
        found.anchors(&state, evidence.as_ref(), &log);
        found.state(&state, evidence.as_ref(), &log);
        catalog.as_deref().and_then(|it| found.catalog(&log, it))
    });
    if let Some(rows) = rows.filter(|_| checked.is_some() && found.verdict.is_sound()) {
        found.rows(rows);
    }
    if let Some(searcher) = &index {
        found.compare_index(&log, searcher, checked.as_ref());
    }
    if let (Some(index), Some(catalog), Some(checked)) = (&index, &catalog, &checked)
        && examination == Examination::Thorough
        && found.verdict.is_sound()
    {
        found.words(data, (&log, catalog), index, &checked.erased, teller);
    }
    Ok(found.answer())
}

/// What is wrong with the rows of a catalog, when that could be told.
type Rows = Result<Option<Vec<TableDiffers>>, StoreError>;

/// Does something, and holds the rows of the catalog against those of the log meanwhile.
fn beside_rows<T>(
    catalog: Option<&SqlCatalog>,
    log: &SegmentLog,
    something: impl FnOnce() -> T,
) -> (T, Option<Rows>) {
    thread::scope(|threads| {
        let rows = catalog.map(|it| threads.spawn(move || store::compare_catalog(it, log)));
        let done = something();
        let rows = rows.map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)));
        (done, rows)
    })
}

/// What was found so far.
#[derive(Default)]
struct Found {
    store: String,
    verdict: LogVerdict,
    /// Checkpoints, and entries behind the last one.
    checkpoints: u64,
    unsigned: u64,
    /// Of the views, and of a log that does not open.
    defects: Vec<DefectFound>,
}

/// How far the catalog is, and how many messages it has.
struct CatalogState {
    position: Position,
    messages: u64,
    /// Those of them that are erased: the index may have them until it is cleared.
    erased: MessageSet,
}

/// The numbers of the messages that are erased.
fn erased_of(log: &SegmentLog, catalog: &SqlCatalog) -> Result<MessageSet, String> {
    let mut numbers = MessageSet::default();
    for row in log.erased().map_err(|it| faults::chain(&it))? {
        let message = catalog.message(row.message).map_err(|it| faults::chain(&it))?;
        message.iter().for_each(|it| numbers.insert(it.n));
    }
    Ok(numbers)
}

impl Found {
    fn defect(&mut self, part: &'static str, place: &str, message: impl Into<String>) {
        let (store, place) = (self.store.clone(), place.into());
        self.defects.push(DefectFound { store, part, place, message: message.into() });
    }

    /// Opens the log, and the catalog where it can be opened.
    #[allow(clippy::type_complexity, reason = "named once, here")]
    fn open(
        &mut self,
        data: &DataDir,
        recorded: &[Recorded],
    ) -> Result<Option<(Arc<SegmentLog>, Option<Arc<SqlCatalog>>)>, Failure> {
        let keys = keys::for_stores(data);
        let store = match Store::open_for_reading(&data.store(), Arc::new(RealDisk), &keys) {
            Ok(store) => Some(store),
            Err(error) if *error.kind() == StoreErrorKind::View => {
                self.defect(CATALOG, "catalog.db", faults::chain(&error));
                None
            }
            Err(error) if is_about_the_log(error.kind()) => None,
            Err(error) => return Err(faults::store(&error)),
        };
        // Once more by itself, against what the state remembers; it also says where it is wrong.
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let dir = store::log_dir(&data.store(), &disk, &keys).map_err(|it| faults::store(&it))?;
        match SegmentLog::open_for_reading(disk, dir, recorded) {
            Ok(log) => Ok(Some((Arc::new(log), store.map(|it| Arc::clone(it.catalog()))))),
            Err(error) => {
                let place = match (error.segment(), error.offset()) {
                    (Some(segment), Some(offset)) => place(segment, offset),
                    _ => "segments".into(),
                };
                self.defect(LOG, &place, faults::chain(&error));
                Ok(None)
            }
        }
    }

    /// Checks the file of the catalog, and that it is a view of this log.
    fn catalog(&mut self, log: &SegmentLog, catalog: &SqlCatalog) -> Option<CatalogState> {
        let place = "catalog.db";
        let checked = catalog
            .check()
            .and_then(|flaws| Ok((flaws, catalog.position()?, catalog.counts()?.messages)));
        let (flaws, position, messages) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                self.defect(CATALOG, place, faults::chain(&error));
                return None;
            }
        };
        for flaw in flaws {
            self.defect(CATALOG, place, flaw);
        }
        self.check_history(CATALOG, place, log, position);
        let LogVerdict { entries, messages: placed, .. } = self.verdict;
        if position.entries == entries && messages != placed {
            self.defect(CATALOG, place, format!("has {messages} messages, not {placed}"));
        }
        let erased = erased_of(log, catalog);
        let erased = erased.map_err(|why| self.defect(CATALOG, place, why)).ok()?;
        Some(CatalogState { position, messages, erased })
    }

    /// Takes what the rows of the catalog say otherwise than the log.
    fn rows(&mut self, rows: Rows) {
        match rows {
            Ok(found) => {
                for TableDiffers { table, what } in found.into_iter().flatten() {
                    self.defect(CATALOG, &format!("catalog.db, table {table}"), what);
                }
            }
            Err(error) => self.defect(CATALOG, "catalog.db", faults::chain(&error)),
        }
    }

    /// Opens the index and checks its files.
    fn index(&mut self, data: &DataDir) -> Option<Searcher> {
        let dir = data.index();
        let opened = Searcher::open(&dir).and_then(|it| it.verify().map(|()| it));
        opened.map_err(|error| self.defect(INDEX, "index", faults::chain(&error))).ok()
    }

    /// Checks that the index is a view of this log, with as many messages as the catalog.
    fn compare_index(
        &mut self,
        log: &SegmentLog,
        searcher: &Searcher,
        catalog: Option<&CatalogState>,
    ) {
        let resolved = Resolved::new();
        let scope = Scope { visible: None, resolved: &resolved };
        let matches = match searcher.matching(&Query::everything(), &scope) {
            Ok(matches) => matches,
            Err(error) => {
                self.defect(INDEX, "index", faults::chain(&error));
                return;
            }
        };
        self.check_history(INDEX, "index", log, matches.position);
        let Some(catalog) = catalog.filter(|it| it.position == matches.position) else { return };
        let mut found = matches.messages;
        found.subtract(&catalog.erased);
        let (messages, wanted) = (found.len(), catalog.messages - catalog.erased.len());
        // A message that cannot be read cannot be in the index; that is a defect of the log.
        if messages != wanted && self.verdict.is_sound() {
            let message = format!("has {messages} messages, not {wanted}");
            self.defect(INDEX, "index", message);
            return;
        }
        // Numbers are dense: as many as there are messages, and none beyond, are all of them.
        let beyond = u32::try_from(catalog.messages).unwrap_or(u32::MAX);
        if let Some(n) = found.iter_from(beyond).next() {
            self.defect(INDEX, "index", format!("has message {n}, which there is not"));
        }
    }

    fn check_history(
        &mut self,
        part: &'static str,
        at: &str,
        log: &SegmentLog,
        position: Position,
    ) {
        if position.entries == 0 {
            return;
        }
        match log.root_at(position.entries) {
            Ok(Some(root)) if root == position.root => (),
            Ok(_) => self.defect(part, at, "is a view of another log, or of another history"),
            // The verdict on the log says so too, with its place.
            Err(error) => self.defect(LOG, "segments", faults::chain(&error)),
        }
    }

    fn answer(self) -> VerifyAnswer {
        let (checkpoints, unsigned) = (self.checkpoints, self.unsigned);
        let LogVerdict { messages, blobs, entries, bytes, defects, n_defects_left_off } =
            self.verdict;
        let store = self.store;
        let of_log = |it: LogDefect| DefectFound {
            store: store.clone(),
            part: LOG,
            place: place(it.segment, it.offset),
            message: it.what,
        };
        let mut all: Vec<DefectFound> = defects.into_iter().map(of_log).collect();
        if n_defects_left_off != 0 {
            let message = format!("{n_defects_left_off} more defects are not listed");
            all.push(DefectFound { store, part: LOG, place: "segments".into(), message });
        }
        all.extend(self.defects);
        VerifyAnswer {
            messages,
            blobs,
            entries,
            bytes,
            checkpoints,
            unsigned,
            defects: all,
            cancelled: false,
        }
    }
}

fn is_about_the_log(kind: &StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Damaged | StoreErrorKind::Rollback)
}

/// As the files are called.
fn place(segment: u32, offset: u64) -> String {
    format!("{segment:06}.seg at {offset}")
}
