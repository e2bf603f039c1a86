//! How far the steps of a run are together.
//!
//! Rule: a total is told when the total of every step is known; half of one would be passed.

use std::sync::{Arc, Mutex, PoisonError};

use commands::{Gone, Progress, ProgressSink, Work};
use tokio::sync::{mpsc, watch};

/// Things other than sums that wait to be told; what comes then is dropped.
const NOTICES_MAX: usize = 1_000;

/// What is told of all steps.
pub(super) struct Sums {
    shared: Arc<Shared>,
    news: watch::Receiver<Work>,
    notices: mpsc::Receiver<Progress>,
}

/// Something to tell.
pub(super) struct Heard(pub(super) Progress);

struct Shared {
    steps: Mutex<Steps>,
    sum: watch::Sender<Work>,
    notices: mpsc::Sender<Progress>,
}

impl Sums {
    /// Nothing is done of so many steps.
    pub(super) fn new(n_steps: usize) -> Sums {
        let (sum, news) = watch::channel(Work::default());
        let (notices_in, notices) = mpsc::channel(NOTICES_MAX);
        let steps = Mutex::new(Steps::new(n_steps));
        Sums { shared: Arc::new(Shared { steps, sum, notices: notices_in }), news, notices }
    }

    /// Takes what the step at this place tells.
    pub(super) fn sink(&self, place: usize) -> StepSink {
        StepSink { place, shared: Arc::clone(&self.shared) }
    }

    /// What is to be told next. Waits until there is something.
    pub(super) async fn heard(&mut self) -> Heard {
        tokio::select! {
            Some(notice) = self.notices.recv() => Heard(notice),
            Ok(()) = self.news.changed() => {
                Heard(Progress::Work(*self.news.borrow_and_update()))
            }
        }
    }
}

/// Takes what one step tells.
pub(super) struct StepSink {
    place: usize,
    shared: Arc<Shared>,
}

impl ProgressSink for StepSink {
    fn send(&self, progress: Progress) -> Result<(), Gone> {
        let Progress::Work(work) = progress else {
            // Whoever does not listen in time misses a notice, not the answer.
            let _ = self.shared.notices.try_send(progress);
            return Ok(());
        };
        let mut steps = self.shared.steps.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.sum.send_replace(steps.take(self.place, work));
        Ok(())
    }
}

/// What each step told last, and the sum, which is kept: with many steps, adding all of them up
/// whenever one says something takes longer than what it says.
struct Steps {
    each: Vec<Work>,
    messages: u64,
    bytes: u64,
    messages_total: Total,
    bytes_total: Total,
}

/// A sum of which some parts may be unknown.
struct Total {
    known: u64,
    n_unknown: usize,
}

impl Total {
    fn replace(&mut self, old: Option<u64>, new: Option<u64>) {
        self.known = self.known.saturating_sub(old.unwrap_or(0)).saturating_add(new.unwrap_or(0));
        self.n_unknown = self.n_unknown + usize::from(new.is_none()) - usize::from(old.is_none());
    }

    fn value(&self) -> Option<u64> {
        (self.n_unknown == 0).then_some(self.known)
    }
}

impl Steps {
    fn new(n_steps: usize) -> Steps {
        let total = || Total { known: 0, n_unknown: n_steps };
        Steps {
            each: vec![Work::default(); n_steps],
            messages: 0,
            bytes: 0,
            messages_total: total(),
            bytes_total: total(),
        }
    }

    /// Takes what the step at this place tells, and gives the sum of all.
    fn take(&mut self, place: usize, work: Work) -> Work {
        if let Some(step) = self.each.get_mut(place) {
            let old = std::mem::replace(step, work);
            self.messages = self.messages.saturating_sub(old.messages) + work.messages;
            self.bytes = self.bytes.saturating_sub(old.bytes) + work.bytes;
            self.messages_total.replace(old.messages_total, work.messages_total);
            self.bytes_total.replace(old.bytes_total, work.bytes_total);
        }
        Work {
            phase: work.phase,
            messages: self.messages,
            messages_total: self.messages_total.value(),
            bytes: self.bytes,
            bytes_total: self.bytes_total.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sums_have_a_total_when_every_step_has_one() {
        let mut sums = Sums::new(2);
        let work = |messages, messages_total| {
            Progress::Work(Work { messages, messages_total, ..Work::default() })
        };
        let told = async |sums: &mut Sums| match sums.heard().await {
            Heard(Progress::Work(it)) => (it.messages, it.messages_total),
            Heard(other) => panic!("{other:?}"),
        };
        sums.sink(0).send(work(3, Some(10))).unwrap();
        assert_eq!(told(&mut sums).await, (3, None));
        sums.sink(1).send(work(1, Some(5))).unwrap();
        sums.sink(0).send(work(4, Some(10))).unwrap();
        assert_eq!(told(&mut sums).await, (5, Some(15)), "only the newest counts");
        sums.sink(1).send(Progress::Notice("Look.".into())).unwrap();
        assert!(matches!(sums.heard().await, Heard(Progress::Notice(_))));
    }
}
