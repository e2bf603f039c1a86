//! One connection at work: takes work from the queue until there is none, and tells what came.

use std::sync::Arc;

use ports::{Body, Connect, Fetched, Known, Log, Piece, Source, SourceError};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use types::BlobId;

use crate::drain::Desk;
use crate::fetch::{Fetcher, UnitEnd};
use crate::line::{Line, LineError, is_of_mailbox};
use crate::report::RunFailure;
use crate::work::{Event, Named, Work, WorkQueue};

/// Whether a connection goes on.
enum Then {
    GoOn,
    End,
}

/// Works until the queue has no more for this connection, or it cannot go on.
pub(crate) async fn work<C: Connect, L: Log>(
    mut line: Line<C>,
    desk: Desk<L>,
    queue: Arc<WorkQueue>,
) {
    let mut counted = line.is_connected();
    while let Some(work) = queue.take(counted).await {
        if !counted {
            // Another connection: when it cannot be made, the others do its work.
            match line.source().await {
                Ok(_) => queue.connected(),
                Err(error) => {
                    queue.put_back(work);
                    report_unmade(&desk, error).await;
                    return;
                }
            }
            counted = true;
        }
        if let Then::End = one(&mut line, &desk, &queue, work).await {
            break;
        }
    }
    if counted {
        queue.disconnected();
    }
    line.close().await;
}

async fn report_unmade<L>(desk: &Desk<L>, error: LineError) {
    if let LineError::Source(error) = error {
        tracing::debug!(%error, "going on with fewer connections");
        // When it was the last one, this says why nothing more was done.
        let _ = desk.events.send(Event::LineEnded(error)).await;
    }
}

async fn one<C: Connect, L: Log>(
    line: &mut Line<C>,
    desk: &Desk<L>,
    queue: &WorkQueue,
    work: Work,
) -> Then {
    match work {
        Work::Enumerate { mailbox, known } => {
            let answer = line.enumerate(&mailbox, known).await;
            let slot = mailbox.slot;
            answered(desk, answer, |answer| Event::Enumerated { slot, answer }).await
        }
        Work::Headers { mailbox, listed, uids } => {
            let answer = line.headers(&mailbox, listed, &uids).await;
            let slot = mailbox.slot;
            answered(desk, answer, |answer| Event::Headers { slot, answer }).await
        }
        Work::Filter { mailbox, listed, uids, filter, now } => {
            let answer = line.left_out(&mailbox, listed, &uids, &filter, now).await;
            let slot = mailbox.slot;
            answered(desk, answer, |answer| Event::Filtered { slot, answer }).await
        }
        Work::Hashes { mailbox, listed, uids } => {
            let answer = hashes(line, desk, &mailbox, listed, &uids).await;
            let slot = mailbox.slot;
            answered(desk, answer, |answer| Event::Hashes { slot, answer }).await
        }
        Work::Fetch(mut unit) => {
            let slot = unit.mailbox.slot;
            match Fetcher::new(line, desk, &unit).run().await {
                UnitEnd::Done => told(desk, Event::UnitDone { slot, error: None }).await,
                UnitEnd::Mailbox(error) => {
                    told(desk, Event::UnitDone { slot, error: Some(error) }).await
                }
                UnitEnd::Line(error, left) => {
                    unit.uids = left;
                    queue.put_back(Work::Fetch(unit));
                    told(desk, Event::LineEnded(error)).await;
                    Then::End
                }
                UnitEnd::Cancelled => Then::End,
                UnitEnd::Log(error) => {
                    told(desk, Event::LogFailed(RunFailure::from(error))).await;
                    Then::End
                }
            }
        }
    }
}

/// Tells an answer. An error that is not of the mailbox ends the connection, too.
async fn answered<L, T>(
    desk: &Desk<L>,
    answer: Result<T, LineError>,
    event: impl FnOnce(Result<T, SourceError>) -> Event,
) -> Then {
    match answer {
        Ok(answer) => told(desk, event(Ok(answer))).await,
        Err(LineError::Cancelled) => Then::End,
        Err(LineError::Source(error)) => {
            let goes_on = is_of_mailbox(&error);
            match told(desk, event(Err(error))).await {
                Then::GoOn if goes_on => Then::GoOn,
                _ => Then::End,
            }
        }
    }
}

async fn told<L>(desk: &Desk<L>, event: Event) -> Then {
    match desk.events.send(event).await {
        Ok(()) => Then::GoOn,
        Err(_) => Then::End,
    }
}

/// Fetches messages only to hash them. Those that do not come whole are left out.
async fn hashes<C: Connect, L: Log>(
    line: &mut Line<C>,
    desk: &Desk<L>,
    mailbox: &Named,
    listed: Known,
    uids: &[u64],
) -> Result<Vec<(u64, BlobId)>, LineError> {
    let mut failures = 0;
    loop {
        let answer = hashes_once(line, desk, mailbox, listed, uids).await;
        match answer {
            Err(LineError::Source(error)) => line.recover(error, &mut failures).await?,
            other => return other,
        }
    }
}

async fn hashes_once<C: Connect, L: Log>(
    line: &mut Line<C>,
    desk: &Desk<L>,
    mailbox: &Named,
    listed: Known,
    uids: &[u64],
) -> Result<Vec<(u64, BlobId)>, LineError> {
    line.ensure_open(mailbox, listed).await?;
    let cancel = line.shared.cancel.clone();
    let source = line.source().await?;
    let (into, mut from) = mpsc::channel::<Fetched>(4);
    let fetch = async {
        let answer = source.fetch(uids, &desk.budget, &into).await;
        drop(into);
        answer
    };
    let hash = async {
        let mut all = Vec::new();
        while let Some(fetched) = from.recv().await {
            if let Some(id) = hash_of(fetched.body).await {
                all.push((fetched.uid, id));
            }
        }
        all
    };
    let both = async { tokio::join!(fetch, hash) };
    let (answer, all) = tokio::select! {
        () = cancel.cancelled() => {
            line.hang_up();
            return Err(LineError::Cancelled);
        }
        both = both => both,
    };
    answer.map(|_| all).map_err(LineError::Source)
}

/// Hashes a message as it comes; `None` when it does not come whole.
pub(crate) async fn hash_of(body: Body) -> Option<BlobId> {
    match body {
        Body::Nil => None,
        Body::Whole(bytes) => Some(BlobId::of(&bytes)),
        Body::Pieces(mut pieces) => {
            let mut hasher = Sha256::new();
            loop {
                match pieces.recv().await? {
                    Piece::Bytes(bytes) => hasher.update(&bytes),
                    Piece::End => return Some(BlobId(hasher.finalize().into())),
                }
            }
        }
    }
}
