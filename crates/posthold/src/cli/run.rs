//! `run ...`: what jobs and `archive` did.

use clap::{Args, Subcommand, ValueEnum};
use commands::{Failure, FailureKind, JobRequest, Request, RunFilter, RunOutcome};
use types::{Civil, Timestamp};

use super::alert::OutputArgs;
use super::user_name;

/// What is done with runs.
#[derive(Subcommand, Debug)]
pub(super) enum RunCommand {
    /// Lists the newest runs
    List(ListArgs),
    /// Shows a run
    Show {
        /// Its number
        id: u64,
    },
    /// Gives the whole report of a run: what is missing and why, account by account
    Report {
        /// Its number
        id: u64,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Which runs are listed.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Only those of this job
    #[arg(long, value_name = "NAME")]
    job: Option<String>,

    /// Only those that began on this day or later: YYYY-MM-DD, in UTC
    #[arg(long, value_name = "DAY")]
    since: Option<String>,

    /// Only those that ended like this
    #[arg(long)]
    outcome: Option<OutcomeArg>,

    /// Only those into the archive of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum OutcomeArg {
    Succeeded,
    Partial,
    Failed,
}

impl RunCommand {
    /// The request.
    pub(super) fn request(self) -> Result<Request, Failure> {
        Ok(match self {
            RunCommand::List(it) => Request::Job(JobRequest::Runs(it.filter()?)),
            RunCommand::Show { id } => Request::Job(JobRequest::ShowRun(id)),
            RunCommand::Report { id, output } => Request::Report(output.of_run(id)?),
        })
    }
}

impl ListArgs {
    fn filter(self) -> Result<RunFilter, Failure> {
        Ok(RunFilter {
            job: self.job,
            since: self.since.as_deref().map(|it| day("--since", it)).transpose()?,
            outcome: self.outcome.map(|it| match it {
                OutcomeArg::Succeeded => RunOutcome::Succeeded,
                OutcomeArg::Partial => RunOutcome::Partial,
                OutcomeArg::Failed => RunOutcome::Failed,
            }),
            user: self.user.as_deref().map(user_name).transpose()?,
        })
    }
}

/// The beginning of a day.
pub(super) fn day(option: &str, text: &str) -> Result<Timestamp, Failure> {
    let parsed = || {
        let mut parts = text.splitn(3, '-');
        let year = parts.next()?.parse().ok()?;
        let (month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0 };
        let at = Timestamp::from_civil(civil);
        // What does not come back is no day, such as the 31st of June.
        (at.civil() == civil).then_some(at)
    };
    parsed().ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("{option} {text}: this is no day"))
            .with_hint("Write it as YYYY-MM-DD, such as 2026-11-30.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert_eq!(day("--since", "2026-11-21").unwrap().to_string(), "2026-11-21T00:00:00Z");
        for bad in ["", "2026", "2026-11", "2026-06-31", "2026-13-01", "21.11.2026", "x-1-1"] {
            assert!(day("--since", bad).is_err(), "{bad}");
        }
    }
}
