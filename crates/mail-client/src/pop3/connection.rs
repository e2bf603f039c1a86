//! One session with an account: what the archiver sees. Its only mailbox is `INBOX`.

use ports::{
    Enumeration, FetchAnswer, Fetched, HeaderItem, Identity, InFlight, Known, MailboxInfo,
    MailboxStatus, Namespace, Proof, Removed, Removes, Source, SourceError, SourceErrorKind,
    Standing,
};
use rules::removal::Way;
use rules::same_mailbox::Seen;
use tokio::sync::mpsc;
use types::{Flags, MailboxName};

use super::account::Pop3Account;
use super::fetch::{self, Sizes};
use super::headers;
use super::listing::{self, Listing};
use super::removal::{self, REMOVED_TOGETHER};
use super::session::Session;
use crate::imap::Description;
use crate::look::LookAtInbox;
use crate::security::encryption;
use crate::trouble;

/// How the mailbox is looked at again: what a session sees was fixed when it began (RFC 1939 §4).
#[derive(Debug)]
pub(crate) enum Again {
    /// By a session of its own.
    NewSession(Box<Pop3Account>),
    /// There is no other.
    SameSession,
}

/// A session at a POP3 server, logged in. It only reads, as long as nobody removes by it.
///
/// After an error that is no refusal in an answer it is over: connect again.
#[derive(Debug)]
pub struct Pop3Connection {
    session: Option<Session>,
    method: &'static str,
    again: Again,
    listing: Option<Listing>,
    /// Whether the list was made for [`Source::mailboxes`] and nobody opened it yet.
    is_unopened: bool,
    /// Whether the list was made to remove messages.
    is_for_removal: bool,
    sizes: Sizes,
    /// Of sessions that have ended.
    warnings: Vec<String>,
}

impl Pop3Connection {
    /// A connection whose mailbox is looked at once.
    pub(crate) fn new(session: Session, method: &'static str) -> Pop3Connection {
        Pop3Connection {
            session: Some(session),
            method,
            again: Again::SameSession,
            listing: None,
            is_unopened: false,
            is_for_removal: false,
            sizes: Sizes::default(),
            warnings: Vec::new(),
        }
    }

    /// The same, looking again by sessions of this account.
    pub(crate) fn again_by(self, account: Pop3Account) -> Pop3Connection {
        Pop3Connection { again: Again::NewSession(Box::new(account)), ..self }
    }

    /// What the connection is like; `None` when it is over.
    #[must_use]
    pub fn describe(&self) -> Option<Description> {
        let session = self.session.as_ref()?;
        let (stream, capabilities) = (session.stream(), session.capabilities());
        let software = capabilities.arguments("IMPLEMENTATION").join(" ");
        Some(Description {
            server: stream.server().to_string(),
            software: Some(software).filter(|it| !it.is_empty()),
            encryption: encryption(stream),
            login: self.method,
            compressed: false,
            capabilities: capabilities.lines(),
        })
    }

    fn session(&mut self) -> Result<&mut Session, SourceError> {
        self.session.as_mut().ok_or_else(|| trouble::transient("the session is over".into()))
    }

    /// Lists the messages as they are now.
    async fn list(&mut self) -> Result<&Listing, SourceError> {
        let looked = self.listing.take().is_some();
        self.is_for_removal = false;
        let waits = self.session()?.capabilities().login_delay().is_some();
        if let Again::NewSession(account) = &self.again
            && looked
            && !waits
        {
            if let Some(session) = self.session.take() {
                self.warnings.extend_from_slice(session.warnings());
                session.quit().await;
            }
            let fresh = account.open().await?;
            (self.session, self.method) = (fresh.session, fresh.method);
        }
        let listing = listing::list(self.session()?).await?;
        Ok(self.listing.insert(listing))
    }
}

fn inbox() -> MailboxName {
    MailboxName::from_parts(["INBOX"])
}

fn not_open() -> SourceError {
    SourceError::new(SourceErrorKind::Mailbox, "no mailbox is open")
}

impl LookAtInbox for Pop3Connection {
    async fn look_at_inbox(&mut self) -> Result<Seen, SourceError> {
        let status = self.list().await?.status();
        let (Some(session), Some(listing)) = (&mut self.session, &self.listing) else {
            return Err(not_open());
        };
        let [oldest, newest] = headers::ends(session, listing).await?;
        Ok(Seen { mailbox_id: None, uid_validity: status.uid_validity, oldest, newest })
    }
}

impl Source for Pop3Connection {
    fn transport(&self) -> &'static str {
        "pop3"
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        if let Some(session) = &self.session {
            warnings.extend(session.stream().warnings().iter().map(ToString::to_string));
            warnings.extend_from_slice(session.warnings());
        }
        let mut seen = std::collections::HashSet::new();
        warnings.retain(|it| seen.insert(it.clone()));
        warnings
    }

    async fn mailboxes(&mut self) -> Result<Vec<MailboxInfo>, SourceError> {
        let status = self.list().await?.status();
        self.is_unopened = true;
        Ok(vec![MailboxInfo {
            name: inbox(),
            special_use: None,
            namespace: Namespace::Personal,
            selectable: true,
            status: Some(status),
        }])
    }

    async fn open(
        &mut self,
        mailbox: &MailboxName,
        _known: Option<Known>,
    ) -> Result<Enumeration, SourceError> {
        if !mailbox.raw.eq_ignore_ascii_case(b"INBOX") {
            let message = format!("{}: POP3 has no mailbox but INBOX", mailbox.path());
            return Err(SourceError::new(SourceErrorKind::Mailbox, message));
        }
        if std::mem::take(&mut self.is_unopened)
            && let Some(listing) = &self.listing
        {
            return Ok(listing.enumeration());
        }
        Ok(self.list().await?.enumeration())
    }

    async fn fetch(
        &mut self,
        uids: &[u64],
        budget: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<FetchAnswer, SourceError> {
        let (Some(session), Some(listing)) = (&mut self.session, &self.listing) else {
            return Err(not_open());
        };
        fetch::fetch(session, listing, &mut self.sizes, uids, budget, out).await
    }

    async fn headers(&mut self, uids: &[u64]) -> Result<Vec<HeaderItem>, SourceError> {
        let (Some(session), Some(listing)) = (&mut self.session, &self.listing) else {
            return Err(not_open());
        };
        headers::headers(session, listing, uids).await
    }

    async fn close(mut self) {
        if let Some(session) = self.session.take() {
            session.quit().await;
        }
    }
}

impl Removes for Pop3Connection {
    fn removes_together(&self) -> usize {
        REMOVED_TOGETHER
    }

    async fn open_to_remove(
        &mut self,
        mailbox: &MailboxName,
        way: &Way,
    ) -> Result<MailboxStatus, SourceError> {
        check_way(way)?;
        if !mailbox.raw.eq_ignore_ascii_case(b"INBOX") {
            return Err(not_open());
        }
        if let Some(listing) = self.listing.as_ref().filter(|_| self.is_for_removal) {
            return Ok(listing.status());
        }
        if self.session.is_none()
            && let Again::NewSession(account) = &self.again
        {
            let fresh = account.open().await?;
            (self.session, self.method) = (fresh.session, fresh.method);
        }
        let status = self.list().await?.status();
        self.is_for_removal = true;
        Ok(status)
    }

    async fn standing(&mut self, uids: &[u64]) -> Result<Vec<Standing>, SourceError> {
        let listing = self.listing.as_ref().filter(|_| self.is_for_removal);
        let found = listing.ok_or_else(not_open)?.entries(uids);
        let standing = found.into_iter().map(|(uid, entry)| Standing {
            uid,
            size: entry.size.unwrap_or(0),
            received: None,
            flags: Flags::default(),
            identity: if entry.is_named { Identity::Certain } else { Identity::Uncertain },
        });
        Ok(standing.collect())
    }

    async fn remove(&mut self, proofs: Vec<Proof>) -> Result<Removed, SourceError> {
        let listing = self.listing.take().filter(|_| self.is_for_removal);
        self.is_for_removal = false;
        let (Some(session), Some(listing)) = (self.session.take(), listing) else {
            return Err(not_open());
        };
        self.warnings.extend_from_slice(session.warnings());
        removal::remove(session, &listing, &proofs).await
    }

    /// Every server has DELE; what it makes of it shows when it is used.
    async fn try_removal(&mut self, way: &Way) -> Result<String, SourceError> {
        check_way(way)?;
        let capabilities = self.session()?.capabilities();
        if capabilities.expires_at_once() {
            return Ok("DELE; the server removes what was fetched by itself, too".to_owned());
        }
        Ok("DELE".to_owned())
    }
}

fn check_way(way: &Way) -> Result<(), SourceError> {
    match way {
        Way::Removed => Ok(()),
        Way::Moved(_) => Err(trouble::configuration(
            "POP3 has no mailbox that messages could be moved to".to_owned(),
            "Leave out the mailbox, or use imaps:// where the server speaks IMAP.",
        )),
    }
}
