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
    steps: Mutex<Vec<Work>>,
    sum: watch::Sender<Work>,
    notices: mpsc::Sender<Progress>,
}

impl Sums {
    /// Nothing is done of so many steps.
    pub(super) fn new(n_steps: usize) -> Sums {
        let (sum, news) = watch::channel(Work::default());
        let (notices_in, notices) = mpsc::channel(NOTICES_MAX);
        let steps = Mutex::new(vec![Work::default(); n_steps]);
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
        if let Some(step) = steps.get_mut(self.place) {
            *step = work;
        }
        self.shared.sum.send_replace(Work { phase: work.phase, ..sum(&steps) });
        Ok(())
    }
}

fn sum(steps: &[Work]) -> Work {
    let all = |of: fn(&Work) -> Option<u64>| {
        steps.iter().try_fold(0_u64, |sum, it| of(it).map(|it| sum.saturating_add(it)))
    };
    Work {
        phase: commands::Phase::default(),
        messages: steps.iter().map(|it| it.messages).sum(),
        messages_total: all(|it| it.messages_total),
        bytes: steps.iter().map(|it| it.bytes).sum(),
        bytes_total: all(|it| it.bytes_total),
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
