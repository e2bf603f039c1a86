//! SMTP: against scripted servers over pipes, and a real Postfix.

mod hostile;
mod logins;
mod peers;
mod sending;
mod wire;
