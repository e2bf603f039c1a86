//! What runs in a server: commands of others and jobs, each with how far it is.
//!
//! Rules: a job runs once at a time; each can be asked to end, or to begin again with new
//! settings, without the others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use archiver::CancelToken;
use commands::{Gone, Progress, ProgressSink, RunningShown, Work, WorkerGroup};
use tokio::sync::watch;
use types::Timestamp;

/// What runs.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Shared>);

#[derive(Default)]
struct Shared {
    entries: Mutex<Entries>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    by_number: BTreeMap<u64, Entry>,
}

struct Entry {
    title: String,
    job: Option<String>,
    group: Option<WorkerGroup>,
    since: Timestamp,
    work: Work,
    stop: CancelToken,
    again: Arc<AtomicBool>,
}

/// What becomes of a run that is asked to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Ends,
    BeginsAgain,
}

/// Something that begins to run.
pub(crate) struct Begins {
    /// What it is, as it is typed, without secrets.
    pub(crate) title: String,
    /// The job, when it is a run of one.
    pub(crate) job: Option<String>,
    /// Whose workers do it.
    pub(crate) group: Option<WorkerGroup>,
    /// When.
    pub(crate) now: Timestamp,
}

/// Something that runs, until it is dropped.
pub(crate) struct Entered {
    running: Running,
    number: u64,
    group: Option<WorkerGroup>,
    stop: CancelToken,
    again: Arc<AtomicBool>,
}

/// A job runs already: what the run is called.
#[derive(Debug)]
pub(crate) struct RunsAlready(pub(crate) String);

impl Running {
    /// Notes that something begins, which ends when `stop` is asked or it alone.
    pub(crate) fn enter(&self, begins: Begins, stop: &CancelToken) -> Result<Entered, RunsAlready> {
        let Begins { title, job, group, now: since } = begins;
        let mut entries = self.entries();
        let same = |it: &&Entry| it.job.is_some() && it.job == job;
        if let Some(other) = entries.by_number.values().find(same) {
            return Err(RunsAlready(other.title.clone()));
        }
        let (stop, again) = (stop.child(), Arc::new(AtomicBool::new(false)));
        let number = entries.next;
        entries.next += 1;
        let entry = Entry {
            title,
            job,
            group,
            since,
            work: Work::default(),
            stop: stop.clone(),
            again: Arc::clone(&again),
        };
        entries.by_number.insert(number, entry);
        drop(entries);
        self.tell();
        Ok(Entered { running: self.clone(), number, group, stop, again })
    }

    /// What runs, the oldest first.
    pub(crate) fn shown(&self) -> Vec<RunningShown> {
        let shown = |it: &Entry| RunningShown {
            title: it.title.clone(),
            job: it.job.clone(),
            since: it.since,
            messages: it.work.messages,
            messages_total: it.work.messages_total,
        };
        self.entries().by_number.values().map(shown).collect()
    }

    /// How many of a group run.
    pub(crate) fn count(&self, group: WorkerGroup) -> usize {
        self.entries().by_number.values().filter(|it| it.group == Some(group)).count()
    }

    /// The jobs that run.
    pub(crate) fn jobs(&self) -> Vec<String> {
        self.entries().by_number.values().filter_map(|it| it.job.clone()).collect()
    }

    /// Asks everything of a group to end.
    pub(crate) fn end_group(&self, group: WorkerGroup) -> Vec<Asked> {
        self.ask(|it| it.group == Some(group), Then::Ends)
    }

    /// Asks the runs of these jobs to end.
    pub(crate) fn end_jobs(&self, is_meant: impl Fn(&str) -> bool) -> Vec<Asked> {
        self.ask(|it| it.job.as_deref().is_some_and(&is_meant), Then::Ends)
    }

    /// Asks the runs of these jobs to begin again at their next batch, with what is saved then.
    pub(crate) fn begin_again(&self, is_meant: impl Fn(&str) -> bool) -> Vec<Asked> {
        self.ask(|it| it.job.as_deref().is_some_and(&is_meant), Then::BeginsAgain)
    }

    fn ask(&self, is_meant: impl Fn(&Entry) -> bool, then: Then) -> Vec<Asked> {
        let entries = self.entries();
        let mut asked = Vec::new();
        for (number, entry) in entries.by_number.iter().filter(|(_, it)| is_meant(it)) {
            entry.again.store(then == Then::BeginsAgain, Ordering::Release);
            entry.stop.cancel();
            asked.extend(entry.job.clone().map(|job| Asked { number: *number, job }));
        }
        asked
    }

    /// How many of these have not ended yet.
    pub(crate) fn left(&self, asked: &[Asked]) -> usize {
        let entries = self.entries();
        asked.iter().filter(|it| entries.by_number.contains_key(&it.number)).count()
    }

    /// Hears when something began or ended.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.0.changed.send_modify(|it| *it = it.wrapping_add(1));
    }
}

/// A run that was asked to end.
pub(crate) struct Asked {
    number: u64,
    /// The job.
    pub(crate) job: String,
}

impl Entered {
    /// Says when to end.
    pub(crate) fn stop(&self) -> CancelToken {
        self.stop.clone()
    }

    /// Whose workers do it; those of jobs where nothing else was said.
    pub(crate) fn group(&self) -> WorkerGroup {
        self.group.unwrap_or(WorkerGroup::Fetch)
    }

    /// Whether it was asked to begin again.
    pub(crate) fn is_to_begin_again(&self) -> bool {
        self.again.load(Ordering::Acquire)
    }

    /// Passes progress on, and notes how far it is.
    pub(crate) fn noting<'a>(&'a self, to: &'a dyn ProgressSink) -> Noting<'a> {
        Noting { entered: self, to }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.running.entries().by_number.remove(&self.number);
        self.running.tell();
    }
}

/// Passes progress on, and notes how far it is.
pub(crate) struct Noting<'a> {
    entered: &'a Entered,
    to: &'a dyn ProgressSink,
}

impl ProgressSink for Noting<'_> {
    fn send(&self, progress: Progress) -> Result<(), Gone> {
        if let Progress::Work(work) = &progress {
            let mut entries = self.entered.running.entries();
            if let Some(entry) = entries.by_number.get_mut(&self.entered.number) {
                entry.work = *work;
            }
        }
        self.to.send(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(job: &str) -> Begins {
        let job = (!job.is_empty()).then(|| job.to_owned());
        let title = format!("job run {job:?}");
        Begins { title, job, group: Some(WorkerGroup::Fetch), now: Timestamp(0) }
    }

    #[test]
    fn a_job_runs_once_at_a_time() {
        let (running, stop) = (Running::default(), CancelToken::new());
        let one = running.enter(begins("a"), &stop).unwrap();
        assert!(running.enter(begins("a"), &stop).is_err());
        let other = running.enter(begins("b"), &stop).unwrap();
        let commands = [(); 2].map(|()| running.enter(begins(""), &stop).unwrap());
        assert_eq!(running.count(WorkerGroup::Fetch), 4);
        let asked = running.begin_again(|it| it == "a");
        assert!(one.stop().is_cancelled() && one.is_to_begin_again());
        assert!(!other.stop().is_cancelled());
        assert_eq!(running.left(&asked), 1);
        drop(one);
        assert_eq!(running.left(&asked), 0);
        let again = running.enter(begins("a"), &stop).unwrap();
        assert_eq!(running.left(&asked), 0, "a new run is not the one that was asked");
        assert_eq!(running.end_jobs(|_| true).len(), 2);
        assert!(again.stop().is_cancelled() && !again.is_to_begin_again());
        drop(commands);
        assert_eq!(running.jobs(), ["b", "a"]);
    }
}
