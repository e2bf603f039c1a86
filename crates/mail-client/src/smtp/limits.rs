//! Limits towards an SMTP server, each with its reason.

use std::time::Duration;

/// Lines of one answer: the longest are those of EHLO.
pub(crate) const LINES_MAX: usize = 200;

/// Recipients in one transaction (RFC 5321 §4.5.3.1.8: every server takes as many). More go in
/// several.
pub(crate) const RECIPIENTS_MAX: usize = 100;

/// An address, in bytes: local part, `@` and domain (RFC 5321 §4.5.3.1).
pub(crate) const ADDRESS_BYTES_MAX: usize = 320;

/// The first line of AUTH; a longer initial response is sent on its own line (RFC 4954 §4).
pub(crate) const AUTH_LINE_BYTES_MAX: usize = 500;

/// Prompts in one login.
pub(crate) const PROMPTS_MAX: usize = 20;

/// Bytes of a message that are written at once.
pub(crate) const WRITE_BYTES: usize = 64 << 10;

/// How long a polite goodbye may take.
pub(crate) const QUIT_MAX: Duration = Duration::from_secs(5);

/// Warnings kept of one connection.
pub(crate) const WARNINGS_MAX: usize = 50;
