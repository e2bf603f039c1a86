//! What one client, and all of them together, may use up.

use std::time::Duration;

/// The longest line outside of messages, in bytes with its end. RFC 4954 §4 asks for 12,288 in an
/// exchange for a login; other commands need far less (RFC 5321 §4.5.3.1.4).
pub const LINE_BYTES_MAX: usize = 12_288;

/// Limits of a [`Session`](crate::Session) and of a server.
///
/// The default suits a journal of one organization: generous towards a mail server that works,
/// and finite for one that does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest message, in bytes. Announced as `SIZE` (RFC 1870); a larger one gets 552.
    pub message_bytes_max: u64,
    /// Recipients of one message; those after it get 452. RFC 5321 §4.5.3.1.8 asks for 100.
    pub recipients_max: usize,
    /// Answers of 5xx without a message in between; then 421.
    pub errors_max: u32,
    /// Commands without a message in between; then 421. Accepted recipients do not count.
    pub commands_max: u32,
    /// Refused logins of one connection; then 421.
    pub logins_max: u32,
    /// How much longer the answer takes with each 5xx (a brake on guessing and probing).
    pub error_pause: Duration,
    /// The longest of these pauses.
    pub error_pause_max: Duration,
    /// One wait for the client to send, or to read. RFC 5321 §4.5.3.2.7 asks for 5 minutes.
    pub idle: Duration,
    /// One message from `DATA` (or the first `BDAT`) to its end.
    pub message: Duration,
    /// What the delivery may take to begin or finish a message, and to judge a login or a
    /// recipient. Clients wait 10 minutes for the last answer (RFC 5321 §4.5.3.2.6): with less
    /// than that they learn that it failed.
    pub delivery: Duration,
    /// One connection; then 421 between two messages.
    pub session: Duration,
    /// Connections at the same time; more get 421.
    pub connections_max: usize,
    /// Connections at the same time from one address.
    pub connections_per_address_max: usize,
    /// What messages that are under way are given to end when the server stops.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes_max: 150 << 20,
            recipients_max: 1_000,
            errors_max: 20,
            commands_max: 200,
            logins_max: 3,
            error_pause: Duration::from_millis(500),
            error_pause_max: Duration::from_secs(10),
            idle: Duration::from_secs(5 * 60),
            message: Duration::from_secs(30 * 60),
            delivery: Duration::from_secs(5 * 60),
            session: Duration::from_secs(4 * 60 * 60),
            connections_max: 100,
            connections_per_address_max: 20,
            stop: Duration::from_secs(8),
        }
    }
}
