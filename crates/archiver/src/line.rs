//! A connection that is made again when it breaks, up to a limit.
//!
//! What cannot be helped by trying again is given back at once: wrong credentials, a wrong
//! configuration, a mailbox that is not there, a broken protocol.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::{
    Connect, Enumeration, FactsItem, HeaderItem, Known, Source, SourceError, SourceErrorKind,
    WithHeaders,
};
use rules::filter::Filter;
use types::{MailboxName, Timestamp};

use crate::cancel::CancelToken;
use crate::options::Limits;
use crate::wanted::leaves_out;
use crate::work::Named;

/// Messages whose headers are asked for in one command.
const HEADERS_PER_COMMAND: usize = 5_000;

/// What all connections of a run share.
#[derive(Debug)]
pub(crate) struct LineShared {
    pub(crate) limits: Limits,
    pub(crate) cancel: CancelToken,
    /// How often connections broke, all together.
    pub(crate) breaks: AtomicU32,
    /// What connections that have ended had to tell.
    pub(crate) heard: Mutex<BTreeSet<String>>,
}

impl LineShared {
    /// Waits before the next try, or gives the error back.
    async fn pause_after(
        &self,
        error: SourceError,
        failures: u32,
        failures_max: u32,
    ) -> Result<(), LineError> {
        let Some(pause) = self.pause(error.kind(), failures) else {
            return Err(LineError::Source(error));
        };
        if failures >= failures_max {
            return Err(LineError::Source(error));
        }
        tracing::debug!(%error, pause_ms = pause.as_millis(), "trying again");
        tokio::select! {
            () = self.cancel.cancelled() => Err(LineError::Cancelled),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    /// How long to wait after this many failures; `None` when waiting does not help.
    fn pause(&self, kind: SourceErrorKind, failures: u32) -> Option<Duration> {
        let Limits { pause_first, pause_max, .. } = self.limits;
        let doubled = pause_first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        match kind {
            SourceErrorKind::Transient | SourceErrorKind::Throttled { retry_after: None } => {
                Some(doubled.min(pause_max))
            }
            SourceErrorKind::Throttled { retry_after: Some(asked) } => {
                (asked <= pause_max).then(|| asked.max(doubled.min(pause_max)))
            }
            _ => None,
        }
    }
}

/// Why a connection could not do something.
#[derive(Debug)]
pub(crate) enum LineError {
    /// The run is to end.
    Cancelled,
    /// The source failed, and trying again did not help or would not.
    Source(SourceError),
}

/// Whether the trouble is with one mailbox; else it is with the account or the network.
pub(crate) fn is_of_mailbox(error: &SourceError) -> bool {
    matches!(error.kind(), SourceErrorKind::Mailbox | SourceErrorKind::Protocol)
}

/// Connects, as often as the limits allow.
async fn connect<C: Connect>(connector: &C, shared: &LineShared) -> Result<C::Source, LineError> {
    let mut failures = 0;
    loop {
        let answer = tokio::select! {
            () = shared.cancel.cancelled() => return Err(LineError::Cancelled),
            answer = connector.connect() => answer,
        };
        match answer {
            Ok(source) => return Ok(source),
            Err(error) => {
                failures += 1;
                let limit = shared.limits.connect_attempts_max;
                shared.pause_after(error, failures, limit).await?;
            }
        }
    }
}

/// The error of a mailbox whose UIDs no longer mean what they meant when the run listed it.
pub(crate) fn renumbered(
    mailbox: &Named,
    uid_validity: u64,
    now: &Enumeration,
) -> Option<SourceError> {
    let same = now.status.uid_validity == uid_validity && mailbox.means_the_same(&now.uids);
    (!same).then(|| {
        let text = "the server renumbered the mailbox during the run";
        SourceError::new(SourceErrorKind::Mailbox, text)
    })
}

/// A connection to the account.
pub(crate) struct Line<C: Connect> {
    connector: Arc<C>,
    pub(crate) shared: Arc<LineShared>,
    source: Option<C::Source>,
    /// The mailbox that is open, with its UIDVALIDITY.
    open: Option<(usize, u64)>,
}

impl<C: Connect> Line<C> {
    /// A connection that is made when it is needed.
    pub(crate) fn new(connector: Arc<C>, shared: Arc<LineShared>) -> Line<C> {
        Line { connector, shared, source: None, open: None }
    }

    /// Whether it has a connection now.
    pub(crate) fn is_connected(&self) -> bool {
        self.source.is_some()
    }

    /// The connection, made now when there is none.
    pub(crate) async fn source(&mut self) -> Result<&mut C::Source, LineError> {
        if self.source.is_none() {
            let made = connect(self.connector.as_ref(), &self.shared).await?;
            self.source = Some(made);
        }
        match &mut self.source {
            Some(source) => Ok(source),
            None => Err(LineError::Cancelled),
        }
    }

    /// What the owner of the account must be told of the connection.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.source.as_ref().map(Source::warnings).unwrap_or_default()
    }

    /// Every mailbox of the account.
    pub(crate) async fn mailboxes(&mut self) -> Result<Vec<ports::MailboxInfo>, LineError> {
        let mut failures = 0;
        loop {
            let cancel = self.shared.cancel.clone();
            let source = self.source().await?;
            let answer = tokio::select! {
                () = cancel.cancelled() => return self.cancelled(),
                answer = source.mailboxes() => answer,
            };
            match answer {
                Ok(all) => return Ok(all),
                Err(error) => self.recover(error, &mut failures).await?,
            }
        }
    }

    /// Opens a mailbox and lists its messages.
    pub(crate) async fn enumerate(
        &mut self,
        mailbox: &Named,
        known: Option<Known>,
    ) -> Result<Enumeration, LineError> {
        let mut failures = 0;
        loop {
            match self.open_once(mailbox.slot, &mailbox.name, known).await {
                Ok(enumeration) => return Ok(enumeration),
                Err(LineError::Cancelled) => return Err(LineError::Cancelled),
                Err(LineError::Source(error)) => self.recover(error, &mut failures).await?,
            }
        }
    }

    /// Makes sure that a mailbox is open in the epoch in which it was listed; fails when it has
    /// another one now.
    pub(crate) async fn ensure_open(
        &mut self,
        mailbox: &Named,
        listed: Known,
    ) -> Result<(), LineError> {
        let Known { uid_validity, modseq, .. } = listed;
        if self.source.is_some() && self.open == Some((mailbox.slot, uid_validity)) {
            return Ok(());
        }
        // What it lists now is not looked at: what came since is the next run's.
        let known = (modseq != 0 && uid_validity != 0).then_some(listed);
        let found = self.open_once(mailbox.slot, &mailbox.name, known).await?;
        match renumbered(mailbox, uid_validity, &found) {
            None => Ok(()),
            Some(error) => {
                self.open = None;
                Err(LineError::Source(error))
            }
        }
    }

    async fn open_once(
        &mut self,
        slot: usize,
        name: &MailboxName,
        known: Option<Known>,
    ) -> Result<Enumeration, LineError> {
        let cancel = self.shared.cancel.clone();
        self.open = None;
        let source = self.source().await?;
        let answer = tokio::select! {
            () = cancel.cancelled() => return self.cancelled(),
            answer = source.open(name, known) => answer,
        };
        let enumeration = answer.map_err(LineError::Source)?;
        self.open = Some((slot, enumeration.status.uid_validity));
        Ok(enumeration)
    }

    /// What messages of a mailbox are recognised by.
    pub(crate) async fn headers(
        &mut self,
        mailbox: &Named,
        listed: Known,
        uids: &[u64],
    ) -> Result<Vec<HeaderItem>, LineError> {
        let mut all = Vec::with_capacity(uids.len());
        for some in uids.chunks(HEADERS_PER_COMMAND) {
            let mut failures = 0;
            loop {
                match self.headers_once(mailbox, listed, some).await {
                    Ok(items) => {
                        all.extend(items);
                        break;
                    }
                    Err(LineError::Cancelled) => return Err(LineError::Cancelled),
                    Err(LineError::Source(error)) => self.recover(error, &mut failures).await?,
                }
            }
        }
        Ok(all)
    }

    async fn headers_once(
        &mut self,
        mailbox: &Named,
        listed: Known,
        uids: &[u64],
    ) -> Result<Vec<HeaderItem>, LineError> {
        self.ensure_open(mailbox, listed).await?;
        let cancel = self.shared.cancel.clone();
        let source = self.source().await?;
        tokio::select! {
            () = cancel.cancelled() => self.cancelled(),
            answer = source.headers(uids) => answer.map_err(LineError::Source),
        }
    }

    /// Which messages of a mailbox a filter leaves out, ascending. One that the server does not
    /// tell anything of is not left out.
    pub(crate) async fn left_out(
        &mut self,
        mailbox: &Named,
        listed: Known,
        uids: &[u64],
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Vec<u64>, LineError> {
        let headers = if filter.looks_at_headers() { WithHeaders::Yes } else { WithHeaders::No };
        let mut left_out = Vec::new();
        for some in uids.chunks(HEADERS_PER_COMMAND) {
            let mut failures = 0;
            let items = loop {
                match self.facts_once(mailbox, listed, some, headers).await {
                    Ok(items) => break items,
                    Err(LineError::Cancelled) => return Err(LineError::Cancelled),
                    Err(LineError::Source(error)) => self.recover(error, &mut failures).await?,
                }
            };
            let out = items.iter().filter(|it| leaves_out(filter, it, now));
            left_out.extend(out.map(|it| it.uid));
        }
        left_out.sort_unstable();
        left_out.dedup();
        Ok(left_out)
    }

    async fn facts_once(
        &mut self,
        mailbox: &Named,
        listed: Known,
        uids: &[u64],
        headers: WithHeaders,
    ) -> Result<Vec<FactsItem>, LineError> {
        self.ensure_open(mailbox, listed).await?;
        let cancel = self.shared.cancel.clone();
        let source = self.source().await?;
        tokio::select! {
            () = cancel.cancelled() => self.cancelled(),
            answer = source.facts(uids, headers) => answer.map_err(LineError::Source),
        }
    }

    /// After a failed command: returns when it is worth trying again, or gives the error back.
    pub(crate) async fn recover(
        &mut self,
        error: SourceError,
        failures: &mut u32,
    ) -> Result<(), LineError> {
        *failures += 1;
        if error.kind() == SourceErrorKind::Mailbox {
            self.open = None;
            return Err(LineError::Source(error));
        }
        // What the server would say next on this connection is anybody's guess.
        self.hang_up();
        let breaks = self.shared.breaks.fetch_add(1, Ordering::Relaxed);
        let limits = &self.shared.limits;
        let limit = if breaks < limits.breaks_max { limits.attempts_max } else { 0 };
        self.shared.pause_after(error, *failures, limit).await
    }

    /// Keeps what the connection has to tell: it is about to end.
    fn keep_warnings(&self) {
        let warnings = self.warnings();
        if !warnings.is_empty() {
            let mut heard = self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.extend(warnings);
        }
    }

    /// Drops the connection without a word.
    pub(crate) fn hang_up(&mut self) {
        self.keep_warnings();
        self.source = None;
        self.open = None;
    }

    fn cancelled<T>(&mut self) -> Result<T, LineError> {
        // The answer that was not waited for makes the connection useless.
        self.hang_up();
        Err(LineError::Cancelled)
    }

    /// Ends the connection politely.
    pub(crate) async fn close(self) {
        self.keep_warnings();
        if let Some(source) = self.source {
            source.close().await;
        }
    }
}
