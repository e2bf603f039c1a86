//! Before a job over many mailboxes archives anything: whether the server opens another mailbox
//! for each account.
//!
//! Rules: every account's INBOX is looked at, and that of the master's own login; on a hit the job
//! stops. An account that cannot be looked at is not archived in this run.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};

use commands::{Failure, FailureKind};
use mail_client::LookAtInbox;
use ports::{Connect, Source, SourceError, SourceErrorKind};
use rules::same_mailbox::{Guard, SameAs, Seen};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::archive::{self, Reached, Work};
use super::bounded::Bounded;
use super::faults;
use super::job_work::Ready;
use super::many_accounts::AccountOf;
use crate::context::Context;

/// Looks at every account. Fails when two are one mailbox; accounts that cannot be looked at get
/// the reason.
pub(super) async fn check(
    context: &Context,
    base: &Ready,
    accounts: &mut [AccountOf],
    at_once: NonZeroU16,
) -> Result<(), Failure> {
    let mut guard = Guard::default();
    if let Some(seen) = own(context, base).await {
        let master = base.login().cloned().unwrap_or_default();
        // The first one is compared with nothing.
        let _ = guard.add(&master, seen);
    }
    let looks = look_at_all(context, accounts, at_once).await?;
    for (account, seen) in accounts.iter_mut().zip(looks) {
        match seen {
            None => (),
            Some(Ok(seen)) => {
                guard.add(&account.planned.account, seen).map_err(|it| same(&it))?;
            }
            Some(Err(failure)) => account.ready = Err(failure),
        }
    }
    Ok(())
}

/// Why a job stops that opened one mailbox for two accounts.
pub(super) fn same(same: &SameAs) -> Failure {
    let SameAs { earlier, account } = same;
    let message = format!(
        "the server opens the same mailbox for {account} as for {earlier}: it does not heed \
         whose mailbox is asked for. Nothing was archived"
    );
    Failure::new(FailureKind::Configuration, message).with_hint(
        "The login may have no right to open the mailboxes of others, or the server wants another \
         --form or --identity. Where both names mean one mailbox on purpose, leave one out with \
         --users.",
    )
}

/// The mailbox of the master itself, if it has one.
async fn own(context: &Context, base: &Ready) -> Option<Seen> {
    // Kerio Connect has a master password without a name.
    base.login()?;
    let work = base.work().ok()?;
    look(context, &work).await.ok()
}

async fn look_at_all(
    context: &Context,
    accounts: &[AccountOf],
    at_once: NonZeroU16,
) -> Result<Vec<Option<Result<Seen, Failure>>>, Failure> {
    let places = Arc::new(Semaphore::new(usize::from(at_once.get())));
    let mut looks = JoinSet::new();
    for (place, account) in accounts.iter().enumerate() {
        let Ok(ready) = &account.ready else { continue };
        let (ready, context) = (ready.clone(), context.clone());
        let places = Arc::clone(&places);
        looks.spawn(async move {
            let _place = places.acquire().await;
            if context.stop.is_cancelled() {
                let message = "stopped before it was looked whose mailbox it is";
                return (place, Err(Failure::new(FailureKind::Cancelled, message)));
            }
            let seen = match ready.work() {
                Ok(work) => Box::pin(look(&context, &work)).await,
                Err(failure) => Err(failure),
            };
            (place, seen)
        });
    }
    let mut seen: Vec<Option<Result<Seen, Failure>>> = accounts.iter().map(|_| None).collect();
    while let Some(ended) = looks.join_next().await {
        let (place, result) = ended.map_err(|it| faults::ended_early(&it))?;
        if let Some(slot) = seen.get_mut(place) {
            *slot = Some(result);
        }
    }
    Ok(seen)
}

/// Looks at the INBOX of one account, twice when the connection broke.
async fn look(context: &Context, work: &Work) -> Result<Seen, Failure> {
    let bounded = Bounded::new(context, work, &work.opened).await?;
    let mut last = None;
    for _ in 0..2 {
        let seen = match archive::account(&work.request)? {
            Reached::Imap(it) => looked(&bounded, it).await,
            Reached::Pop3(it) => looked(&bounded, it).await,
        };
        match seen {
            Ok(seen) => return Ok(seen),
            Err(error) => {
                let again = error.kind() == SourceErrorKind::Transient;
                last = Some(faults::source(&error));
                if !again {
                    break;
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(FailureKind::Internal, "nothing was looked at")))
}

/// Looks at the INBOX of one account, once and outside of every limit: for a person who waits.
pub(super) async fn look_once(ready: &Ready) -> Result<Seen, Failure> {
    let seen = match archive::account(&ready.work()?.request)? {
        Reached::Imap(it) => look_at(it).await,
        Reached::Pop3(it) => look_at(it).await,
    };
    seen.map_err(|it| faults::source(&it))
}

async fn look_at<C>(account: C) -> Result<Seen, SourceError>
where
    C: Connect,
    C::Source: LookAtInbox,
{
    let mut source = account.connect().await?;
    let seen = source.look_at_inbox().await;
    source.close().await;
    seen
}

async fn looked<C>(bounded: &Bounded<'_>, account: C) -> Result<Seen, SourceError>
where
    C: Connect,
    C::Source: LookAtInbox,
{
    let seen = Arc::new(Mutex::new(None));
    let looking = Looking { connector: account, seen: Arc::clone(&seen) };
    bounded.connector(looking).connect().await?.close().await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(seen.unwrap_or_default())
}

/// A connector that looks at the INBOX as soon as it is connected, so that the governor need not
/// know of it.
struct Looking<C> {
    connector: C,
    seen: Arc<Mutex<Option<Seen>>>,
}

impl<C: Connect> Connect for Looking<C>
where
    C::Source: LookAtInbox,
{
    type Source = C::Source;

    async fn connect(&self) -> Result<C::Source, SourceError> {
        let mut source = self.connector.connect().await?;
        let seen = source.look_at_inbox().await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(source)
    }
}
