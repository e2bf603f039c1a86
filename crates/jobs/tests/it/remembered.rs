//! A memory that lives as long as a test, and the time of its runtime.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ports::{Clock, LeaseRow, Leases, MemoryError, PauseRow, Traffic};
use tokio::time::Instant;
use types::Timestamp;

/// What outlives a governor.
#[derive(Default)]
pub(crate) struct Remembered {
    pub(crate) pauses: Mutex<BTreeMap<String, PauseRow>>,
    pub(crate) bytes: Mutex<BTreeMap<String, (i64, u64)>>,
    pub(crate) leases: Mutex<BTreeMap<String, LeaseRow>>,
    /// Whether nothing can be read or written.
    pub(crate) is_broken: Mutex<bool>,
}

impl Remembered {
    fn check(&self) -> Result<(), MemoryError> {
        if *self.is_broken.lock().unwrap() {
            Err(MemoryError::new("the disk is gone"))
        } else {
            Ok(())
        }
    }
}

impl Traffic for Remembered {
    fn pauses(&self) -> Result<Vec<PauseRow>, MemoryError> {
        self.check()?;
        Ok(self.pauses.lock().unwrap().values().cloned().collect())
    }

    fn set_pause(&self, pause: &PauseRow) -> Result<(), MemoryError> {
        self.check()?;
        self.pauses.lock().unwrap().insert(pause.of.clone(), pause.clone());
        Ok(())
    }

    fn forget_pause(&self, of: &str) -> Result<(), MemoryError> {
        self.check()?;
        self.pauses.lock().unwrap().remove(of);
        Ok(())
    }

    fn bytes(&self, budget: &str, day: i64) -> Result<u64, MemoryError> {
        self.check()?;
        let bytes = self.bytes.lock().unwrap().get(budget).copied();
        Ok(bytes.filter(|(of, _)| *of == day).map_or(0, |(_, bytes)| bytes))
    }

    fn add_bytes(&self, budget: &str, day: i64, bytes: u64) -> Result<(), MemoryError> {
        self.check()?;
        let mut all = self.bytes.lock().unwrap();
        let spent = all.entry(budget.to_owned()).or_insert((day, 0));
        if spent.0 != day {
            *spent = (day, 0);
        }
        spent.1 += bytes;
        Ok(())
    }

    fn visited(&self, _: &str) -> Result<Option<Timestamp>, MemoryError> {
        Ok(None)
    }

    fn set_visited(&self, _: &str, _: Timestamp) -> Result<(), MemoryError> {
        Ok(())
    }
}

impl Leases for Remembered {
    fn take(&self, row: &LeaseRow) -> Result<LeaseRow, MemoryError> {
        self.check()?;
        let mut leases = self.leases.lock().unwrap();
        let held = leases.get(&row.key).filter(|it| row.renewed < it.until);
        if let Some(held) = held.filter(|it| it.holder != row.holder) {
            return Ok(held.clone());
        }
        leases.insert(row.key.clone(), row.clone());
        Ok(row.clone())
    }

    fn renew(
        &self,
        key: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, MemoryError> {
        self.check()?;
        let mut leases = self.leases.lock().unwrap();
        let Some(row) = leases.get_mut(key).filter(|it| it.holder == holder) else {
            return Ok(false);
        };
        (row.renewed, row.until) = (now, until);
        Ok(true)
    }

    fn release(&self, key: &str, holder: &str) -> Result<(), MemoryError> {
        self.check()?;
        self.leases.lock().unwrap().retain(|_, it| it.key != key || it.holder != holder);
        Ok(())
    }

    fn leases(&self) -> Result<Vec<LeaseRow>, MemoryError> {
        self.check()?;
        Ok(self.leases.lock().unwrap().values().cloned().collect())
    }
}

/// The time of the runtime, from a given moment on.
pub(crate) struct RuntimeClock {
    pub(crate) from: Timestamp,
    pub(crate) began: Instant,
}

impl RuntimeClock {
    pub(crate) fn at(from: i64) -> RuntimeClock {
        RuntimeClock { from: Timestamp(from), began: Instant::now() }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let passed = Instant::now().duration_since(self.began).as_secs();
        Timestamp(self.from.0 + i64::try_from(passed).unwrap())
    }
}
