//! A turn of the log: a moment at which nothing is appended, and what its holder appends next.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use ports::{Change, LogError, LogErrorKind};
use tokio::sync::oneshot;
use types::{EntryNumber, Position};

use super::batch::Reply;

/// How long the log waits for the holder of a turn. Appends wait meanwhile.
pub(super) const TURN_MAX: Duration = Duration::from_secs(60);

/// Where the holder's changes go.
pub(super) type Back = SyncSender<(Vec<Change>, Reply)>;

/// Who waits for a turn.
pub(super) type TurnReply = oneshot::Sender<Result<(Position, Back), LogError>>;

/// The log stands still while this is held, for at most a minute.
pub struct Turn {
    position: Position,
    back: Back,
}

impl Turn {
    pub(super) fn new(position: Position, back: Back) -> Turn {
        Turn { position, back }
    }

    /// Where the log ends; everything before it is durable.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Appends, and ends the turn.
    ///
    /// Fails with nothing appended when it was held for too long.
    pub async fn append(self, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let too_late =
            || LogError::new(LogErrorKind::Request, "the log did not wait that long: try again");
        self.back.try_send((changes, reply)).map_err(|_| too_late())?;
        drop(self.back);
        answer.await.unwrap_or_else(|_| Err(too_late()))
    }
}
