//! What a reception did, day by day, as people look it up later.

use archiver::ReceptionCounts;
use commands::{RunAnswer, StepAnswer, Trigger};
use disk::SystemClock;
use ports::Clock;
use state::PlannedStep;
use types::Timestamp;

use super::keeper::Keeper;
use super::{Reception, answer};
use crate::context::Context;
use crate::run::Recorded;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Keeps a run for each day on which anything came. What cannot be kept is only missing there:
/// mail goes on coming.
pub(super) struct Diary {
    context: Context,
    job: Reception,
    title: String,
    today: Option<Today>,
    /// What was received before today.
    before: ReceptionCounts,
}

struct Today {
    run: Recorded,
    began: Timestamp,
    /// What its run says.
    noted: ReceptionCounts,
}

impl Diary {
    pub(super) fn new(context: &Context, job: &Reception, title: &str) -> Diary {
        Diary {
            context: context.clone(),
            job: job.clone(),
            title: title.to_owned(),
            today: None,
            before: ReceptionCounts::default(),
        }
    }

    /// Keeps what came since the last time.
    pub(super) async fn note(&mut self, keeper: &Keeper) {
        let (now, counts) = (SystemClock.now(), keeper.counts());
        if self.today.as_ref().is_some_and(|it| it.began.0 / DAY != now.0 / DAY) {
            self.end(keeper).await;
        }
        let noted = self.today.as_ref().map_or(self.before, |it| it.noted);
        if counts == noted {
            return;
        }
        if self.today.is_none() {
            self.today = self.begin(now).await;
        }
        let step = self.step(since(counts, self.before));
        let Some(today) = &mut self.today else { return };
        today.noted = counts;
        if let Err(failure) = today.run.end_step(0, &step).await {
            tracing::warn!("a run could not be kept: {}", failure.message);
        }
    }

    async fn begin(&self, now: Timestamp) -> Option<Today> {
        let begun = async {
            let job = Some(self.job.job);
            let run = Recorded::begin(&self.context, job, Trigger::Start, &self.title).await?;
            let account = self.job.source.listen.join(" ");
            run.plan(vec![PlannedStep { account, target: String::new() }]).await?;
            run.alive(0).await.map(|()| run)
        };
        match begun.await {
            Ok(run) => Some(Today { run, began: now, noted: ReceptionCounts::default() }),
            Err(failure) => {
                tracing::warn!("a run could not be kept: {}", failure.message);
                None
            }
        }
    }

    fn step(&self, counts: ReceptionCounts) -> StepAnswer {
        StepAnswer {
            account: self.job.source.listen.join(" "),
            target: String::new(),
            ended: Some(Ok(answer(counts))),
        }
    }

    /// The day is over, or the reception is.
    pub(super) async fn end(&mut self, keeper: &Keeper) {
        let counts = keeper.counts();
        if counts == self.before {
            return;
        }
        let today = match self.today.take() {
            Some(today) => Some(today),
            None => self.begin(SystemClock.now()).await,
        };
        let day = since(counts, self.before);
        let before = std::mem::replace(&mut self.before, counts);
        let Some(Today { run, began, .. }) = today else { return };
        let step = self.step(day);
        let RunAnswer { outcome, .. } = answer(day);
        let kept = match run.end_step(0, &step).await {
            Ok(()) => run.end(outcome, &[]).await,
            failed => failed,
        };
        if let Err(failure) = kept {
            tracing::warn!("a run could not be kept: {}", failure.message);
        }
        match keeper.lend().await {
            Ok(lent) => {
                if let Err(failure) = lent.reception.note_run(before, began).await {
                    tracing::warn!("the log was not told of a day: {}", failure.message);
                }
            }
            Err(failure) => tracing::warn!("the log was not told of a day: {}", failure.message),
        }
    }
}

fn since(now: ReceptionCounts, before: ReceptionCounts) -> ReceptionCounts {
    ReceptionCounts {
        received: now.received - before.received,
        archived: now.archived - before.archived,
        already: now.already - before.already,
        unclaimed: now.unclaimed - before.unclaimed,
        failed: now.failed - before.failed,
    }
}
