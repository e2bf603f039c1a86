//! One connection to an account: what the archiver sees.

use std::fmt;

use ports::{
    Enumeration, FactsItem, FetchAnswer, Fetched, HeaderItem, InFlight, Known, MailboxInfo,
    MailboxStatus, Proof, Removed, Removes, Source, SourceError, SourceErrorKind, Standing,
    WithHeaders,
};
use rules::removal::Way;
use rules::same_mailbox::Seen;
use tokio::sync::mpsc;
use types::MailboxName;

use super::listing::Namespaces;
use super::removal::{self, REMOVED_TOGETHER, Selected};
use super::session::Session;
use super::{examine, fetch, headers, listing};
use crate::look::LookAtInbox;
use crate::security::encryption;

/// What was switched on, and what is known of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    /// EXAMINE may answer with what is gone (RFC 7162 §3.2).
    pub(crate) qresync: bool,
    /// Mailboxes may have modification sequences (RFC 7162 §3.1).
    pub(crate) condstore: bool,
    /// Mailbox names are UTF-8, not modified UTF-7.
    pub(crate) utf8_names: bool,
    pub(crate) namespaces: Namespaces,
    pub(crate) server_id: Vec<(String, String)>,
}

/// A session at an IMAP server, logged in. It only reads, as long as nobody removes by it.
///
/// After an error that is neither `Mailbox` nor a refusal in an answer it is over: connect again.
#[derive(Debug)]
pub struct ImapConnection {
    session: Session,
    extensions: Extensions,
    method: &'static str,
    /// The mailbox that is open for removal.
    selected: Option<Selected>,
}

/// What a connection is like, for reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Host and port.
    pub server: String,
    /// What the server says it is (RFC 2971), such as `Dovecot`.
    pub software: Option<String>,
    /// `TLS 1.3, SHA256:...`, or `None` without encryption.
    pub encryption: Option<String>,
    /// How the login was proven.
    pub login: &'static str,
    /// Whether the connection is compressed.
    pub compressed: bool,
    /// What it offers, sorted.
    pub capabilities: Vec<String>,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let software = self.software.as_deref().unwrap_or("unknown software");
        let encryption = self.encryption.as_deref().unwrap_or("not encrypted");
        write!(f, "{} ({software}), {encryption}, login by {}", self.server, self.login)?;
        if self.compressed { f.write_str(", compressed") } else { Ok(()) }
    }
}

impl ImapConnection {
    pub(crate) fn new(
        session: Session,
        extensions: Extensions,
        method: &'static str,
    ) -> ImapConnection {
        ImapConnection { session, extensions, method, selected: None }
    }

    /// What the connection is like.
    #[must_use]
    pub fn describe(&self) -> Description {
        let stream = self.session.stream();
        let field = |name: &str| {
            let found = self.extensions.server_id.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let software: Vec<&str> = ["name", "version"].into_iter().filter_map(field).collect();
        Description {
            server: stream.server().to_string(),
            software: (!software.is_empty()).then(|| software.join(" ")),
            encryption: encryption(stream),
            login: self.method,
            compressed: stream.is_compressed(),
            capabilities: self.session.capabilities().names().map(str::to_owned).collect(),
        }
    }

    /// Bytes that came and went, not compressed and not encrypted.
    #[must_use]
    pub fn counters(&self) -> net::Counters {
        self.session.stream().counters()
    }
}

impl LookAtInbox for ImapConnection {
    async fn look_at_inbox(&mut self) -> Result<Seen, SourceError> {
        examine::look_at_inbox(&mut self.session).await
    }
}

impl Source for ImapConnection {
    fn transport(&self) -> &'static str {
        "imap"
    }

    fn warnings(&self) -> Vec<String> {
        let stream = self.session.stream().warnings();
        let mut warnings: Vec<String> = stream.iter().map(ToString::to_string).collect();
        warnings.extend_from_slice(self.session.warnings());
        warnings
    }

    async fn mailboxes(&mut self) -> Result<Vec<MailboxInfo>, SourceError> {
        listing::mailboxes(&mut self.session, &self.extensions).await
    }

    async fn open(
        &mut self,
        mailbox: &MailboxName,
        known: Option<Known>,
    ) -> Result<Enumeration, SourceError> {
        self.selected = None;
        examine::open(&mut self.session, &self.extensions, mailbox, known).await
    }

    async fn fetch(
        &mut self,
        uids: &[u64],
        budget: &InFlight,
        out: &mpsc::Sender<Fetched>,
    ) -> Result<FetchAnswer, SourceError> {
        fetch::fetch(&mut self.session, uids, budget, out).await
    }

    async fn headers(&mut self, uids: &[u64]) -> Result<Vec<HeaderItem>, SourceError> {
        headers::headers(&mut self.session, uids).await
    }

    async fn facts(
        &mut self,
        uids: &[u64],
        with: WithHeaders,
    ) -> Result<Vec<FactsItem>, SourceError> {
        headers::facts(&mut self.session, uids, with).await
    }

    async fn close(self) {
        self.session.log_out().await;
    }
}

impl Removes for ImapConnection {
    fn removes_together(&self) -> usize {
        REMOVED_TOGETHER
    }

    async fn open_to_remove(
        &mut self,
        mailbox: &MailboxName,
        way: &Way,
    ) -> Result<MailboxStatus, SourceError> {
        if let Some(selected) = self.selected.as_ref().filter(|it| it.is(mailbox, way)) {
            return Ok(selected.status());
        }
        self.selected = None;
        let opened = removal::open(&mut self.session, &self.extensions, mailbox, way).await?;
        Ok(self.selected.insert(opened).status())
    }

    async fn standing(&mut self, uids: &[u64]) -> Result<Vec<Standing>, SourceError> {
        let selected = self.selected.as_ref().ok_or_else(not_open)?;
        removal::standing(&mut self.session, selected, uids).await
    }

    async fn remove(&mut self, proofs: Vec<Proof>) -> Result<Removed, SourceError> {
        let selected = self.selected.as_ref().ok_or_else(not_open)?;
        removal::remove(&mut self.session, selected, &proofs).await
    }

    async fn try_removal(&mut self, way: &Way) -> Result<String, SourceError> {
        let inbox = MailboxName::from_parts(["INBOX"]);
        self.open_to_remove(&inbox, way).await?;
        let shown = self.selected.as_ref().map(Selected::shown).unwrap_or_default();
        Ok(shown.to_owned())
    }
}

fn not_open() -> SourceError {
    SourceError::new(SourceErrorKind::Mailbox, "no mailbox is open for removal")
}
