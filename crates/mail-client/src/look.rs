//! What an account's INBOX is told from others by, without reading it.

use std::future::Future;

use ports::{Source, SourceError};
use rules::same_mailbox::Seen;

/// A source whose INBOX can be looked at: whose mailbox a login opened, for
/// [`rules::same_mailbox`].
pub trait LookAtInbox: Source {
    /// Looks at the oldest and the newest message of the INBOX, and at what the server names it by.
    /// Costs the same whatever the INBOX holds; marks nothing as read. INBOX is open afterwards.
    ///
    /// Fails like [`Source::open`].
    fn look_at_inbox(&mut self) -> impl Future<Output = Result<Seen, SourceError>> + Send;
}
