//! The master password of Kerio Connect: one password, without a name, opens every mailbox.
//!
//! No standard has it and no capability announces it. As others have found out:
//!
//! ```text
//! C: P1 X-MASTERAUTH
//! S: + <challenge>
//! C: hex(md5(<challenge> <master password>))
//! S: P1 OK
//! C: P2 X-SETUSER alice@example.org
//! S: P2 OK
//! ```
//!
//! Rule: the user is set before anything else is said; a login that stops half-way is none.

use ports::{SourceError, SourceErrorKind};

use super::account::ImapSettings;
use super::authenticate::login_refused;
use super::command::Command;
use super::limits::IDLE_REPLIES_MAX;
use super::reply::{Reply, Status, StatusKind};
use super::session::Session;
use super::trouble;
use crate::sasl::md5_digest;

/// Logs in with the master password, and opens the mailbox of the account that was asked for (the
/// login, when there is no other). Returns the status of the last command that was tried.
pub(crate) async fn log_in(
    session: &mut Session,
    settings: &ImapSettings,
) -> Result<Status, SourceError> {
    let status = prove(session, settings).await?;
    match status.kind {
        StatusKind::Ok => (),
        StatusKind::No => return Err(login_refused(session, &status)),
        StatusKind::Bad => return Err(switched_off(session, &status)),
    }
    let user = settings.authzid.as_deref().unwrap_or(&settings.login);
    let status = session.run(&Command::SetUser { user }, |_| Ok(())).await?;
    if status.kind == StatusKind::Ok || trouble::throttled(&status).is_some() {
        return Ok(status);
    }
    let (server, reason) = (session.server(), session.reason(&status));
    let message = format!("{server} took the master password, and does not open {user}: {reason}");
    let hint = "Kerio Connect wants the whole address, of a user that it has.";
    Err(SourceError::new(SourceErrorKind::Credentials, message).with_hint(hint))
}

async fn prove(session: &mut Session, settings: &ImapSettings) -> Result<Status, SourceError> {
    session.begin()?;
    session.send(&Command::MasterAuth).await?;
    let mut is_answered = false;
    for _ in 0..IDLE_REPLIES_MAX {
        match session.reply().await? {
            Reply::Continue(challenge) if !is_answered => {
                is_answered = true;
                let digest = md5_digest(&challenge, &settings.secret);
                session.write(format!("{digest}\r\n").as_bytes()).await?;
            }
            Reply::Continue(_) => {
                let message = format!("{} asks more than X-MASTERAUTH has", session.server());
                return Err(trouble::protocol(message));
            }
            Reply::Tagged { tag, status } => {
                session.complete(&tag)?;
                session.settle();
                return check_proven(session, status, is_answered);
            }
            _ => (),
        }
    }
    Err(session.endless())
}

/// An OK without a challenge proves nothing to either side.
fn check_proven(
    session: &Session,
    status: Status,
    is_answered: bool,
) -> Result<Status, SourceError> {
    if status.kind == StatusKind::Ok && !is_answered {
        let message = format!("{} takes X-MASTERAUTH without a password", session.server());
        return Err(trouble::protocol(message));
    }
    Ok(status)
}

/// `BAD Unknown authentication method`, or a server of another kind.
fn switched_off(session: &Session, status: &Status) -> SourceError {
    let (server, reason) = (session.server(), session.reason(status));
    trouble::configuration(
        format!("{server} takes no master password: {reason}"),
        "In Kerio Connect, switch master authentication on in the advanced options, and put this \
         machine into the group of addresses that may use it. Other servers have no X-MASTERAUTH.",
    )
}
