//! When a message is sent: what cannot be sent is kept and tried again with a growing pause, and
//! however much happens, few messages are written.

use types::Timestamp;

/// The pause after the first failure.
const PAUSE_FIRST_SECONDS: i64 = 60;

/// The longest pause.
const PAUSE_MAX_SECONDS: i64 = 4 * 3600;

/// When to try again after so many failures.
#[must_use]
pub fn next_try(failures: u32, now: Timestamp) -> Timestamp {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = PAUSE_FIRST_SECONDS.saturating_mul(1 << doublings).min(PAUSE_MAX_SECONDS);
    Timestamp(now.0.saturating_add(pause))
}

/// Whether a message about alerts may be written now. While another one waits to be sent, or as
/// many were written in the last hour as may be, what happened waits and is told together.
#[must_use]
pub fn may_write(waiting: u64, written_in_last_hour: u64, hour_max: u64) -> bool {
    waiting == 0 && written_in_last_hour < hour_max
}

/// The moment of the daily report that was due last, and whose day is reported: today's hour when
/// it has come, else yesterday's.
#[must_use]
pub fn last_daily(now: Timestamp, hour: u8) -> Timestamp {
    let today = Timestamp(now.day_start().0 + i64::from(hour.min(23)) * 3600);
    if now < today { today.plus_days(-1) } else { today }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let pauses = [1, 2, 3, 8, 9, 100].map(|it| next_try(it, Timestamp(0)).0);
        assert_eq!(pauses, [60, 120, 240, 7_680, 14_400, 14_400]);
    }

    #[test]
    fn few_messages_are_written() {
        let cases = [(0, 0, 6, true), (0, 5, 6, true), (0, 6, 6, false), (1, 0, 6, false)];
        for (waiting, written, max, want) in cases {
            assert_eq!(may_write(waiting, written, max), want);
        }
    }

    #[test]
    fn the_daily_report_is_due_once_a_day() {
        let day = Timestamp(1_795_219_200);
        let at = |hours: i64| Timestamp(day.0 + hours * 3600);
        assert_eq!(last_daily(at(6), 6), at(6));
        assert_eq!(last_daily(at(5), 6), at(6).plus_days(-1));
        assert_eq!(last_daily(at(23), 6), at(6));
    }
}
