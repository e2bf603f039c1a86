//! A step within its limits: what its server profile, its job and the settings allow.
//!
//! What it is not: the step. It leaves an account to whoever works on it, passes over what comes
//! too early, and hands out connectors that ask the governor.

use std::future::Future;
use std::num::NonZeroU16;
use std::sync::Arc;

use ::jobs::{Allowance, Counted, Governed, JobShare, ServerKey};
use archiver::CancelToken;
use commands::{Failure, FailureKind, Profile, ProfileLimits};
use ports::Connect;

use super::archive::Work;
use super::governing::Bounds;
use crate::context::Context;

/// What a server profile and a job allow.
#[derive(Clone, Debug)]
pub(super) struct Allowed {
    /// The limits of the profile.
    pub(super) limits: ProfileLimits,
    /// Over what they are counted.
    pub(super) counted: Counted,
    /// How many accounts of the job at the same time.
    pub(super) job: Option<JobShare>,
}

impl Default for Allowed {
    /// What is allowed where no profile says anything.
    fn default() -> Allowed {
        let limits = ProfileLimits { connections: u16::MAX, ..ProfileLimits::default() };
        Allowed { limits, counted: Counted::Account, job: None }
    }
}

impl Allowed {
    /// What this profile allows; `id` names it for ever.
    pub(super) fn of_profile(profile: &Profile, id: &str, job: JobShare) -> Allowed {
        let counted = match profile.counted() {
            commands::Counted::PerAccount => Counted::Account,
            commands::Counted::PerProfile => Counted::Profile(id.to_owned()),
        };
        Allowed { limits: profile.limits, counted, job: Some(job) }
    }
}

/// What a step is held to while it is at work.
pub(super) struct Bounded<'a> {
    bounds: &'a Bounds,
    allowance: Allowance,
}

/// How a step ended that was held to its limits.
pub(super) enum Ended<T> {
    /// It was at work.
    Worked(T),
    /// It is not its time: why, in a sentence without a full stop.
    NotNow(String),
}

impl<'a> Bounded<'a> {
    /// What `work` is held to at the account `opened`.
    pub(super) async fn new(
        context: &'a Context,
        work: &Work,
        opened: &str,
    ) -> Result<Bounded<'a>, Failure> {
        let bounds = context.governing.open(&context.data).await?;
        let Allowed { limits, counted, job } = work.allowed.clone();
        let account = &work.request.account;
        let allowance = Allowance {
            server: ServerKey::new(&account.host, account.port),
            account: opened.to_owned(),
            counted,
            connections: NonZeroU16::new(limits.connections).unwrap_or(NonZeroU16::MIN),
            job,
            bytes_per_day: limits.bytes_per_day,
            pause_first: limits.pause_first,
            pause_max: limits.pause_max,
        };
        Ok(Bounded { bounds, allowance })
    }

    /// A connector that asks the governor first.
    pub(super) fn connector<C: Connect>(&self, connector: C) -> Governed<C> {
        Governed::new(connector, Arc::clone(&self.bounds.governor), self.allowance.clone())
    }

    /// Does `step` as the only one at its account. `stop` is asked to end it when somebody else
    /// took the account over.
    pub(super) async fn alone<T>(
        &self,
        work: &Work,
        stop: &CancelToken,
        step: impl Future<Output = T>,
    ) -> Result<Ended<T>, Failure> {
        let account = self.allowance.key();
        let lease = match self.bounds.lease(&account).await {
            Err(failure) if failure.kind == FailureKind::Busy => {
                return Ok(Ended::NotNow(failure.message));
            }
            leased => leased?,
        };
        let every = work.allowed.limits.poll_every;
        let ended = match self.bounds.visit(&account, every, work.trigger).await {
            Err(failure) => Err(failure),
            Ok(Some(early)) => Ok(Ended::NotNow(format!("the account {account} was {early}"))),
            Ok(None) => {
                tokio::pin!(step);
                Ok(Ended::Worked(tokio::select! {
                    ended = &mut step => ended,
                    () = lease.lost() => {
                        stop.cancel();
                        step.await
                    }
                }))
            }
        };
        self.bounds.governor.settle().await;
        // One that cannot be given back ends by itself.
        if let Err(error) = lease.release().await {
            tracing::warn!(%error, "a lease was not given back");
        }
        ended
    }
}
