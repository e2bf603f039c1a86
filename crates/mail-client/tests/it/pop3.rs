//! POP3: against scripted servers over pipes, and against a real Dovecot.

mod cuts;
mod dovecot;
mod hostile;
mod logins;
mod messages;
mod removal;
pub(crate) mod wire;
