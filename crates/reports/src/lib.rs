//! What people are told away from a terminal: run reports, alerts, the daily report, and the
//! messages that carry them.
//!
//! A report is a [`Document`]: made once from values, shown as text and as a page of HTML, so that
//! both say the same. [`alerts`] decides what is worth an alert and when it is told again;
//! [`mail`] writes messages; [`pacing`] decides when one is sent.
//!
//! What it is not: sending, keeping, or a clock. Rules: everything that comes from elsewhere
//! (subjects, names of mailboxes, what a server said) is escaped by the type that carries it.

pub mod alerts;
mod daily;
mod document;
mod html;
pub mod mail;
pub mod pacing;
mod run;
pub mod table;
mod text;
pub mod words;

pub use daily::{daily_report, daily_subject};
pub use document::{
    Align, Block, Column, Document, Fact, Note, Row, Section, Segment, Table, Tile, Tone, Unfolded,
};
pub use html::html;
pub use run::run_report;
pub use text::text;
