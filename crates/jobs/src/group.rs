//! Worker groups of a server that runs: their states, and what leads from one to another.
//!
//! What it is not: the workers. Whoever starts and stops them tells what happened.

use std::fmt;

/// A group of workers that is paused and begun anew as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// What decides which job is due.
    Scheduler,
    /// What carries out steps of jobs.
    Workers,
    /// What receives mail by SMTP.
    Reception,
    /// What sends reports and alerts.
    Outgoing,
}

impl Group {
    /// Every group.
    pub const ALL: [Group; 4] =
        [Group::Scheduler, Group::Workers, Group::Reception, Group::Outgoing];

    /// The name in commands and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Group::Scheduler => "scheduler",
            Group::Workers => "workers",
            Group::Reception => "smtpd",
            Group::Outgoing => "outgoing",
        }
    }

    /// The group of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Group> {
        Group::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What a group does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum GroupState {
    /// Nobody has said yet.
    #[default]
    Unknown,
    /// It begins.
    Starting,
    /// It works.
    Running,
    /// It ends what it has begun, and begins nothing.
    Draining,
    /// It does nothing, until it is started.
    Stopped,
    /// It takes new settings over, and is so far, in percent.
    Reinitialising(u8),
    /// It cannot work: why, without a full stop.
    Failed(String),
}

impl GroupState {
    /// The name in answers.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            GroupState::Unknown => "unknown",
            GroupState::Starting => "starting",
            GroupState::Running => "running",
            GroupState::Draining => "draining",
            GroupState::Stopped => "stopped",
            GroupState::Reinitialising(_) => "re-initialising",
            GroupState::Failed(_) => "failed",
        }
    }

    /// Whether new work may begin.
    #[must_use]
    pub fn takes_work(&self) -> bool {
        matches!(self, GroupState::Running)
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupState::Reinitialising(percent) => write!(f, "re-initialising {percent} %"),
            GroupState::Failed(why) => write!(f, "failed: {why}"),
            state => f.write_str(state.name()),
        }
    }
}

/// What happens to a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupEvent {
    /// It is to begin.
    Start,
    /// It works.
    Up,
    /// It is to end what it has begun.
    Drain,
    /// It has ended everything.
    Empty,
    /// It takes new settings over, and is so far, in percent; at 100 it works again.
    Apply(u8),
    /// It cannot work any more.
    Fail(String),
}

impl GroupState {
    /// The state after an event; `None` when that event means nothing in this state, which then
    /// stays.
    #[must_use]
    pub fn after(&self, event: GroupEvent) -> Option<GroupState> {
        use GroupEvent as E;
        use GroupState as S;
        Some(match (self, event) {
            (_, E::Fail(why)) => S::Failed(why),
            (S::Unknown | S::Stopped | S::Failed(_), E::Start) => S::Starting,
            // It was asked to end, and is now wanted again: what it has begun goes on.
            (S::Draining, E::Start) => S::Running,
            (S::Starting, E::Up) => S::Running,
            (S::Starting | S::Running | S::Reinitialising(_), E::Drain) => S::Draining,
            (S::Unknown | S::Failed(_), E::Drain) => S::Stopped,
            (S::Draining, E::Empty) => S::Stopped,
            (S::Running | S::Reinitialising(_), E::Apply(percent)) => match percent {
                100.. => S::Running,
                _ => S::Reinitialising(percent),
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_events() {
        use GroupEvent as E;
        let fail = || E::Fail("no room".into());
        let cases = [
            (vec![E::Start, E::Up], "running"),
            (vec![E::Up], "unknown, refused 1"),
            (vec![E::Start, E::Up, E::Apply(0), E::Apply(40)], "re-initialising 40 %"),
            (vec![E::Start, E::Up, E::Apply(40), E::Apply(100)], "running"),
            (vec![E::Start, E::Up, E::Drain], "draining"),
            (vec![E::Start, E::Up, E::Drain, E::Empty], "stopped"),
            (vec![E::Start, E::Up, E::Drain, E::Start], "running"),
            (vec![E::Start, E::Up, E::Drain, E::Empty, E::Start], "starting"),
            (vec![E::Start, fail(), E::Up], "failed: no room, refused 1"),
            (vec![E::Start, fail(), E::Start, E::Up], "running"),
            (vec![E::Start, fail(), E::Drain], "stopped"),
            (vec![E::Drain, E::Empty, E::Apply(1)], "stopped, refused 2"),
        ];
        for (events, want) in cases {
            let (mut state, mut refused) = (GroupState::default(), 0);
            for event in events.clone() {
                match state.after(event) {
                    Some(next) => state = next,
                    None => refused += 1,
                }
            }
            let refused = if refused == 0 { String::new() } else { format!(", refused {refused}") };
            assert_eq!(format!("{state}{refused}"), want, "{events:?}");
        }
        assert!(Group::ALL.iter().all(|it| Group::from_name(it.name()) == Some(*it)));
    }
}
