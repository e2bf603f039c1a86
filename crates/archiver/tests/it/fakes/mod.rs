//! A log, a catalog and an account in memory, for the engine between them.

mod catalog;
mod log;
mod mail_files;
mod server;

pub(crate) use catalog::MemoryCatalog;
pub(crate) use log::{LogClock, MemoryLog};
pub(crate) use mail_files::{Script, ScriptedReader};
pub(crate) use server::{Answer, Mailbox, Server, ServerKind, Twist, UNDATED, mail};
