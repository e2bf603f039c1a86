//! A connector and its connections, held within what a server and its profile allow.
//!
//! Rules:
//! - What the source says goes through unchanged. Only errors that ask for a pause get the pause
//!   that counts.
//! - A connection gives way between two commands only, and unseen: the mailbox is opened again,
//!   in the epoch that it had, or the command fails as if the server had renumbered it. Where
//!   UIDs mean nothing beyond a session, it keeps its place.
//! - A message that began to come is not cut off by the bytes of the day. So each day brings at
//!   least one message, however large.

use std::sync::Arc;

use ports::{
    Body, Connect, Enumeration, FactsItem, FetchAnswer, Fetched, HeaderItem, InFlight, Known,
    MailboxInfo, MailboxStatus, Piece, Proof, Removed, Removes, Source, SourceError,
    SourceErrorKind, Standing, WithHeaders,
};
use rules::removal::Way;
use tokio::sync::mpsc;
use types::MailboxName;

use crate::allowance::Allowance;
use crate::governor::{Governor, Place};
use crate::pause::Stage;

/// Messages between a source and its reader while bytes are counted.
const COUNTED_QUEUE: usize = 1;

/// A connector that asks the governor before it connects.
pub struct Governed<C> {
    connector: Arc<C>,
    governor: Arc<Governor>,
    allowance: Arc<Allowance>,
}

impl<C: Connect> Governed<C> {
    /// Holds `connector` within `allowance`.
    #[must_use]
    pub fn new(connector: C, governor: Arc<Governor>, allowance: Allowance) -> Governed<C> {
        Governed { connector: Arc::new(connector), governor, allowance: Arc::new(allowance) }
    }

    async fn connected(&self) -> Result<(Place, C::Source), SourceError> {
        let place = self.governor.admit(&self.allowance).await?;
        match self.connector.connect().await {
            Ok(source) => {
                place.connected();
                self.governor.worked(&self.allowance, Stage::Connecting).await;
                Ok((place, source))
            }
            Err(error) => {
                Err(self.governor.failed(&self.allowance, error, Stage::Connecting).await)
            }
        }
    }

    /// Tells the governor how a command ended.
    async fn told<T>(
        &self,
        answer: Result<T, SourceError>,
        stage: Stage,
    ) -> Result<T, SourceError> {
        let Governed { governor, allowance, .. } = self;
        match answer {
            Ok(answer) => {
                governor.worked(allowance, stage).await;
                Ok(answer)
            }
            Err(error) => Err(governor.failed(allowance, error, stage).await),
        }
    }

    fn again(&self) -> Governed<C> {
        Governed {
            connector: Arc::clone(&self.connector),
            governor: Arc::clone(&self.governor),
            allowance: Arc::clone(&self.allowance),
        }
    }
}

impl<C: Connect> Connect for Governed<C> {
    type Source = GovernedSource<C>;

    async fn connect(&self) -> Result<GovernedSource<C>, SourceError> {
        let (place, source) = self.connected().await?;
        Ok(GovernedSource {
            transport: source.transport(),
            warnings: Vec::new(),
            standing: Some((source, place)),
            connector: self.again(),
            opened: None,
        })
    }
}

/// A connection that has a place at its server.
pub struct GovernedSource<C: Connect> {
    connector: Governed<C>,
    transport: &'static str,
    /// Of connections that gave way.
    warnings: Vec<String>,
    /// `None` while it gives way, and when that failed.
    standing: Option<(C::Source, Place)>,
    /// The mailbox that is open, as it was listed.
    opened: Option<(MailboxName, Known)>,
}

impl<C: Connect> GovernedSource<C> {
    fn source(&mut self) -> Result<&mut C::Source, SourceError> {
        match &mut self.standing {
            Some((source, _)) => Ok(source),
            None => Err(SourceError::new(SourceErrorKind::Transient, "the connection ended")),
        }
    }

    /// Gives the place up when somebody else is to have it, and waits for the next one. Says
    /// whether it did.
    async fn give_way(&mut self) -> Result<bool, SourceError> {
        let gives_way = self.standing.as_ref().is_some_and(|(_, place)| place.gives_way());
        let Some((source, place)) = self.standing.take_if(|_| gives_way) else { return Ok(false) };
        tracing::debug!(server = %self.connector.allowance.server, "giving way");
        self.warnings.extend(source.warnings());
        source.close().await;
        drop(place);
        let (place, source) = self.connector.connected().await?;
        self.standing = Some((source, place));
        Ok(true)
    }

    /// The same between two commands in an open mailbox, which is opened again.
    async fn give_way_within(&mut self) -> Result<(), SourceError> {
        let Some((mailbox, known)) = self.opened.clone() else { return Ok(()) };
        // Only such UIDs name the same messages in the next session.
        if known.uid_validity == 0 || known.uid_next == 0 || !self.give_way().await? {
            return Ok(());
        }
        let delta = (known.modseq != 0).then_some(known);
        let answer = self.source()?.open(&mailbox, delta).await;
        let now = self.connector.told(answer, Stage::Looking).await?;
        if now.status.uid_validity == known.uid_validity {
            return Ok(());
        }
        self.opened = None;
        let text = "the server renumbered the mailbox during the run";
        Err(SourceError::new(SourceErrorKind::Mailbox, text))
    }

    /// Fetches, and counts what comes.
    async fn fetch_counted(
        &mut self,
        uids: &[u64],
        budget: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<FetchAnswer, SourceError> {
        let meter = Meter {
            governor: Arc::clone(&self.connector.governor),
            allowance: Arc::clone(&self.connector.allowance),
        };
        meter.check().await?;
        let (into, from) = mpsc::channel(COUNTED_QUEUE);
        let source = self.source()?;
        let fetch = async {
            let answer = source.fetch(uids, budget, &into).await;
            drop(into);
            answer
        };
        // The last message of the day ends both: what comes behind it is not waited for.
        let both = tokio::try_join!(fetch, meter.pass_on(from, out));
        let saved = self.connector.allowance.budget();
        self.connector.governor.save_bytes(&saved, 0).await;
        both.map(|(answer, ())| answer)
    }
}

impl<C: Connect> Source for GovernedSource<C> {
    fn transport(&self) -> &'static str {
        self.transport
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        for warning in self.standing.iter().flat_map(|(source, _)| source.warnings()) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        warnings
    }

    async fn mailboxes(&mut self) -> Result<Vec<MailboxInfo>, SourceError> {
        self.opened = None;
        self.give_way().await?;
        let answer = self.source()?.mailboxes().await;
        self.connector.told(answer, Stage::Looking).await
    }

    async fn open(
        &mut self,
        mailbox: &MailboxName,
        known: Option<Known>,
    ) -> Result<Enumeration, SourceError> {
        self.opened = None;
        self.give_way().await?;
        let answer = self.source()?.open(mailbox, known).await;
        let answer = self.connector.told(answer, Stage::Looking).await?;
        let status = answer.status;
        let known = Known {
            uid_validity: status.uid_validity,
            modseq: status.modseq,
            uid_next: status.uid_next,
        };
        self.opened = Some((mailbox.clone(), known));
        Ok(answer)
    }

    async fn fetch(
        &mut self,
        uids: &[u64],
        budget: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<FetchAnswer, SourceError> {
        self.give_way_within().await?;
        let answer = match self.connector.allowance.bytes_per_day {
            None => self.source()?.fetch(uids, budget, out).await,
            Some(_) => self.fetch_counted(uids, budget, out).await,
        };
        self.connector.told(answer, Stage::Fetching).await
    }

    async fn headers(&mut self, uids: &[u64]) -> Result<Vec<HeaderItem>, SourceError> {
        self.give_way_within().await?;
        let answer = self.source()?.headers(uids).await;
        self.connector.told(answer, Stage::Looking).await
    }

    async fn facts(
        &mut self,
        uids: &[u64],
        headers: WithHeaders,
    ) -> Result<Vec<FactsItem>, SourceError> {
        self.give_way_within().await?;
        let answer = self.source()?.facts(uids, headers).await;
        self.connector.told(answer, Stage::Looking).await
    }

    async fn close(self) {
        if let Some((source, _place)) = self.standing {
            source.close().await;
        }
    }
}

/// Removal keeps its place from the opening of a mailbox to what is done there.
impl<C: Connect> Removes for GovernedSource<C>
where
    C::Source: Removes,
{
    fn removes_together(&self) -> usize {
        self.standing.as_ref().map_or(1, |(source, _)| source.removes_together())
    }

    async fn open_to_remove(
        &mut self,
        mailbox: &MailboxName,
        way: &Way,
    ) -> Result<MailboxStatus, SourceError> {
        self.opened = None;
        self.give_way().await?;
        let answer = self.source()?.open_to_remove(mailbox, way).await;
        self.connector.told(answer, Stage::Looking).await
    }

    async fn standing(&mut self, uids: &[u64]) -> Result<Vec<Standing>, SourceError> {
        let answer = self.source()?.standing(uids).await;
        self.connector.told(answer, Stage::Looking).await
    }

    async fn remove(&mut self, proofs: Vec<Proof>) -> Result<Removed, SourceError> {
        let answer = self.source()?.remove(proofs).await;
        self.connector.told(answer, Stage::Looking).await
    }

    async fn try_removal(&mut self, way: &Way) -> Result<String, SourceError> {
        self.opened = None;
        let answer = self.source()?.try_removal(way).await;
        self.connector.told(answer, Stage::Looking).await
    }
}

/// Counts the bytes of messages that pass.
#[derive(Clone)]
struct Meter {
    governor: Arc<Governor>,
    allowance: Arc<Allowance>,
}

impl Meter {
    async fn check(&self) -> Result<(), SourceError> {
        self.governor.check_bytes(&self.allowance).await
    }

    async fn count(&self, bytes: usize) -> Result<(), SourceError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.governor.count_bytes(&self.allowance, bytes).await
    }

    /// Passes messages on until there are no more, or the bytes of the day are used up.
    async fn pass_on(
        &self,
        mut from: mpsc::Receiver<Fetched>,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<(), SourceError> {
        while let Some(fetched) = from.recv().await {
            // The pieces of the message before may have been the last ones.
            self.check().await?;
            let Fetched { body, .. } = fetched;
            let (body, counted) = match body {
                Body::Whole(bytes) => {
                    let counted = self.count(bytes.len()).await;
                    (Body::Whole(bytes), counted)
                }
                Body::Pieces(pieces) => (Body::Pieces(self.counting(pieces)), Ok(())),
                Body::Nil => (Body::Nil, Ok(())),
            };
            // Whoever does not listen any more gets the answer of the source.
            let _ = out.send(Fetched { body, ..fetched }).await;
            counted?;
        }
        Ok(())
    }

    /// The same pieces, counted as they pass.
    fn counting(&self, mut pieces: mpsc::Receiver<Piece>) -> mpsc::Receiver<Piece> {
        let (into, counted) = mpsc::channel(COUNTED_QUEUE);
        let meter = self.clone();
        tokio::spawn(async move {
            while let Some(piece) = pieces.recv().await {
                if let Piece::Bytes(bytes) = &piece {
                    // It is not cut off; the next message finds out.
                    let _ = meter.count(bytes.len()).await;
                }
                if into.send(piece).await.is_err() {
                    break;
                }
            }
        });
        counted
    }
}
