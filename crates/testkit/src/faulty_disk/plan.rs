//! When a disk fails, and how.

use std::io;
use std::path::{Path, PathBuf};

/// What a call does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CallKind {
    /// Opens a file that is there.
    Open,
    /// Reads from a file.
    Read,
    /// Asks for the length of a file.
    Len,
    /// Lists a directory.
    List,
    /// Makes a file.
    Create,
    /// Writes into a file.
    Write,
    /// Cuts or extends a file.
    SetLen,
    /// Makes the content of a file durable.
    Sync,
    /// Gives a file another name.
    Rename,
    /// Takes a name away.
    Remove,
    /// Makes directories.
    CreateDir,
    /// Makes the names in a directory durable.
    SyncDir,
}

impl CallKind {
    /// Whether it changes something or makes it durable.
    #[must_use]
    pub fn is_change(self) -> bool {
        !matches!(self, CallKind::Open | CallKind::Read | CallKind::Len | CallKind::List)
    }
}

/// A call that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// What it did.
    pub kind: CallKind,
    /// To which file or directory.
    pub path: PathBuf,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The power goes before the call has any effect. Every later call fails.
    CrashBefore,
    /// The power goes during the call: half of a write has reached the page cache; any other
    /// call has its whole effect, and nobody hears of it. Every later call fails.
    CrashDuring,
    /// The call fails with EIO and has no effect. Later ones work.
    Eio,
    /// A write puts down half of its bytes and fails. Other calls as [`Fault::Eio`].
    ShortWrite,
    /// From this call on there is no room: what makes a file longer, or a new name, fails; such
    /// a write puts down half of its bytes. Lasts until the plan is cleared.
    DiskFull,
    /// A sync fails, as a kernel does it: some of the dirty pages are written, all count as
    /// clean from then on, so that a later sync succeeds and writes none of them. They are read
    /// back until the power goes. Other calls as [`Fault::Eio`].
    SyncLost,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 6] = [
        Fault::CrashBefore,
        Fault::CrashDuring,
        Fault::Eio,
        Fault::ShortWrite,
        Fault::DiskFull,
        Fault::SyncLost,
    ];
}

/// A fault, and the call at which it comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    at: At,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Call(u64),
    Change(u64),
}

impl Plan {
    /// At the `n`-th call of all kinds, counted from 1 and from when the plan is set.
    #[must_use]
    pub fn at_call(n: u64, fault: Fault) -> Plan {
        Plan { at: At::Call(n), fault }
    }

    /// At the `n`-th call that changes something or makes it durable, counted likewise.
    #[must_use]
    pub fn at_change(n: u64, fault: Fault) -> Plan {
        Plan { at: At::Change(n), fault }
    }
}

/// Counts calls and stops them as planned.
#[derive(Clone, Default)]
pub(super) struct Gate {
    pub(super) plan: Option<Plan>,
    pub(super) n_calls: u64,
    pub(super) n_changes: u64,
    pub(super) changes: Vec<Call>,
    pub(super) has_failed: bool,
    pub(super) crashed: bool,
}

/// What becomes of a call.
pub(super) enum Admission {
    Whole,
    DiskFull,
    PartThen(io::Error),
    LostThen(io::Error),
}

impl Gate {
    pub(super) fn with_plan(plan: Plan) -> Gate {
        Gate { plan: Some(plan), ..Gate::default() }
    }

    pub(super) fn admit(&mut self, kind: CallKind, path: &Path) -> io::Result<Admission> {
        if self.crashed {
            return Err(failed(path, "the power is gone"));
        }
        self.n_calls += 1;
        if kind.is_change() {
            self.n_changes += 1;
            self.changes.push(Call { kind, path: path.to_owned() });
        }
        let Some(Plan { at, fault }) = self.plan else { return Ok(Admission::Whole) };
        let (is_now, is_past) = match at {
            At::Call(n) => (self.n_calls == n, n < self.n_calls),
            At::Change(n) => (kind.is_change() && self.n_changes == n, n < self.n_changes),
        };
        if fault == Fault::DiskFull && (is_now || is_past) {
            self.has_failed = true;
            return Ok(Admission::DiskFull);
        }
        if !is_now {
            return Ok(Admission::Whole);
        }
        self.has_failed = true;
        match (fault, kind) {
            (Fault::CrashBefore, _) => {
                self.crashed = true;
                Err(failed(path, "the power is gone"))
            }
            (Fault::CrashDuring, _) => {
                self.crashed = true;
                Ok(Admission::PartThen(failed(path, "the power is gone")))
            }
            (Fault::ShortWrite, CallKind::Write) => {
                Ok(Admission::PartThen(failed(path, "input/output error after a part")))
            }
            (Fault::SyncLost, CallKind::Sync) => {
                Ok(Admission::LostThen(failed(path, "input/output error")))
            }
            _ => Err(failed(path, "input/output error")),
        }
    }
}

fn failed(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{}: {what}", path.display()))
}
