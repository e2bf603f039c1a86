//! Groups of workers: paused, restarted, and how they are.
//!
//! What it is not: the workers. They ask here whether they may begin something.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use commands::{GroupShown, GroupState, WorkerGroup};
use tokio::sync::watch;

/// The groups of a server.
pub(crate) struct Groups {
    groups: Mutex<BTreeMap<WorkerGroup, Group>>,
    changed: watch::Sender<u64>,
}

#[derive(Clone, Default)]
struct Group {
    wish: Wish,
    stage: Stage,
    /// What it does, when it says so.
    told: String,
}

/// What people want of a group.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Wish {
    #[default]
    Works,
    Rests,
}

/// What becomes of a group besides.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Starting,
    Started,
    /// So many of a hundred parts of a change are done.
    Changing(u8),
    Failed,
}

impl Groups {
    /// All of them begin.
    pub(crate) fn new() -> Groups {
        let groups = WorkerGroup::ALL.into_iter().map(|it| (it, Group::default())).collect();
        Groups { groups: Mutex::new(groups), changed: watch::Sender::new(0) }
    }

    /// Whether a group may begin something.
    pub(crate) fn may_begin(&self, group: WorkerGroup) -> bool {
        self.groups().get(&group).is_some_and(|it| it.wish == Wish::Works)
    }

    /// Whether a group cannot do what it is for.
    pub(crate) fn has_failed(&self, group: WorkerGroup) -> bool {
        self.groups().get(&group).is_some_and(|it| it.stage == Stage::Failed)
    }

    /// It works, and does this.
    pub(crate) fn started(&self, group: WorkerGroup, told: &str) {
        self.change(group, |it| {
            it.stage = Stage::Started;
            told.clone_into(&mut it.told);
        });
    }

    /// It cannot do what it is for, and why; whoever works tries again.
    pub(crate) fn failed(&self, group: WorkerGroup, why: &str) {
        self.change(group, |it| {
            it.stage = Stage::Failed;
            why.clone_into(&mut it.told);
        });
    }

    /// So many of a hundred parts of a change are done.
    pub(crate) fn changing(&self, group: WorkerGroup, percent: u8) {
        self.change(group, |it| {
            it.stage = if percent < 100 { Stage::Changing(percent) } else { Stage::Started };
        });
    }

    /// It is to begin nothing.
    pub(crate) fn pause(&self, group: WorkerGroup) {
        self.change(group, |it| it.wish = Wish::Rests);
    }

    /// It is to go on.
    pub(crate) fn resume(&self, group: WorkerGroup) {
        self.change(group, |it| it.wish = Wish::Works);
    }

    /// The groups that are to rest, by name.
    pub(crate) fn resting(&self) -> Vec<&'static str> {
        let groups = self.groups();
        let resting = groups.iter().filter(|(_, it)| it.wish == Wish::Rests);
        resting.map(|(name, _)| name.name()).collect()
    }

    /// Hears when a group changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How they are, when so many of each are at work.
    pub(crate) fn shown(&self, at_work: impl Fn(WorkerGroup) -> usize) -> Vec<GroupShown> {
        let groups = self.groups();
        let shown = |(name, group): (&WorkerGroup, &Group)| {
            let n_at_work = at_work(*name);
            let state = group.state(n_at_work);
            let told = match state {
                GroupState::Running if n_at_work != 0 => {
                    let more = if group.told.is_empty() { "" } else { ": " };
                    format!("{n_at_work} at work{more}{}", group.told)
                }
                GroupState::Draining => format!("{n_at_work} end at their next batch"),
                GroupState::Stopped => "paused".to_owned(),
                _ => group.told.clone(),
            };
            GroupShown { group: *name, state, told }
        };
        groups.iter().map(shown).collect()
    }

    fn change(&self, group: WorkerGroup, change: impl FnOnce(&mut Group)) {
        if let Some(it) = self.groups().get_mut(&group) {
            change(it);
        }
        self.changed.send_modify(|it| *it = it.wrapping_add(1));
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<WorkerGroup, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn state(&self, n_at_work: usize) -> GroupState {
        match (self.stage, self.wish) {
            (Stage::Failed, _) => GroupState::Failed,
            (_, Wish::Rests) if n_at_work != 0 => GroupState::Draining,
            (_, Wish::Rests) => GroupState::Stopped,
            (Stage::Starting, _) => GroupState::Starting,
            (Stage::Changing(percent), _) => GroupState::Reinitialising(percent),
            (Stage::Started, _) => GroupState::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_way() {
        let groups = Groups::new();
        let state = |n_at_work| groups.shown(|_| n_at_work)[0].state;
        assert_eq!(state(0), GroupState::Starting);
        groups.started(WorkerGroup::Fetch, "");
        assert_eq!(state(2), GroupState::Running);
        groups.changing(WorkerGroup::Fetch, 50);
        assert_eq!(state(1), GroupState::Reinitialising(50));
        groups.changing(WorkerGroup::Fetch, 100);
        groups.pause(WorkerGroup::Fetch);
        assert_eq!((state(1), state(0)), (GroupState::Draining, GroupState::Stopped));
        assert!(!groups.may_begin(WorkerGroup::Fetch));
        assert_eq!(groups.resting(), ["fetch"]);
        groups.resume(WorkerGroup::Fetch);
        groups.failed(WorkerGroup::Fetch, "no");
        assert_eq!((state(0), state(1)), (GroupState::Failed, GroupState::Failed));
        groups.started(WorkerGroup::Fetch, "");
        assert_eq!(state(0), GroupState::Running);
        assert!(groups.may_begin(WorkerGroup::Fetch) && groups.may_begin(WorkerGroup::Mail));
    }
}
