//! Answers about the server that runs, for programs.

use commands::{
    ChangeShown, ChangeState, GroupShown, GroupState, NextShown, RunningShown, ServedAnswer,
    ServiceStatus, StuckShown,
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct StatusObject<'a> {
    data: String,
    socket: String,
    pid: Option<u32>,
    uptime_seconds: Option<u64>,
    entries: Option<u64>,
    groups: Vec<GroupObject<'a>>,
    running: Vec<RunningObject<'a>>,
    next: Vec<NextObject<'a>>,
    stuck: Vec<StuckObject<'a>>,
    changes: Vec<ChangeObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct GroupObject<'a> {
    group: &'static str,
    state: &'static str,
    percent: Option<u8>,
    told: &'a str,
}

#[derive(Serialize)]
struct RunningObject<'a> {
    title: &'a str,
    job: Option<&'a str>,
    since: String,
    messages: u64,
    messages_total: Option<u64>,
}

#[derive(Serialize)]
struct NextObject<'a> {
    job: &'a str,
    at: Option<String>,
    why: &'a str,
}

#[derive(Serialize)]
struct StuckObject<'a> {
    job: &'a str,
    account: &'a str,
    complete_at: Option<String>,
}

#[derive(Serialize)]
struct ChangeObject<'a> {
    title: &'a str,
    asked: String,
    state: &'static str,
    percent: Option<u8>,
    reinitialised: &'static str,
    jobs: &'a [String],
}

#[derive(Serialize)]
pub(super) struct ServedObject<'a> {
    uptime_seconds: u64,
    cut_off: &'a [String],
    warnings: &'a [String],
}

impl<'a> From<&'a ServiceStatus> for StatusObject<'a> {
    fn from(it: &'a ServiceStatus) -> StatusObject<'a> {
        StatusObject {
            data: it.data.display().to_string(),
            socket: it.socket.display().to_string(),
            pid: it.pid,
            uptime_seconds: it.uptime.map(|it| it.as_secs()),
            entries: it.entries,
            groups: it.groups.iter().map(GroupObject::from).collect(),
            running: it.running.iter().map(RunningObject::from).collect(),
            next: it.next.iter().map(NextObject::from).collect(),
            stuck: it.stuck.iter().map(StuckObject::from).collect(),
            changes: it.changes.iter().map(ChangeObject::from).collect(),
            warnings: &it.warnings,
        }
    }
}

impl<'a> From<&'a GroupShown> for GroupObject<'a> {
    fn from(it: &'a GroupShown) -> GroupObject<'a> {
        let percent = match it.state {
            GroupState::Reinitialising(percent) => Some(percent),
            _ => None,
        };
        GroupObject { group: it.group.name(), state: it.state.name(), percent, told: &it.told }
    }
}

impl<'a> From<&'a RunningShown> for RunningObject<'a> {
    fn from(it: &'a RunningShown) -> RunningObject<'a> {
        RunningObject {
            title: &it.title,
            job: it.job.as_deref(),
            since: it.since.to_string(),
            messages: it.messages,
            messages_total: it.messages_total,
        }
    }
}

impl<'a> From<&'a NextShown> for NextObject<'a> {
    fn from(it: &'a NextShown) -> NextObject<'a> {
        NextObject { job: &it.job, at: it.at.map(|it| it.to_string()), why: &it.why }
    }
}

impl<'a> From<&'a StuckShown> for StuckObject<'a> {
    fn from(it: &'a StuckShown) -> StuckObject<'a> {
        let complete_at = it.complete_at.map(|it| it.to_string());
        StuckObject { job: &it.job, account: &it.account, complete_at }
    }
}

impl<'a> From<&'a ChangeShown> for ChangeObject<'a> {
    fn from(it: &'a ChangeShown) -> ChangeObject<'a> {
        let percent = match it.state {
            ChangeState::Applying(percent) => Some(percent),
            _ => None,
        };
        ChangeObject {
            title: &it.title,
            asked: it.asked.to_string(),
            state: it.state.name(),
            percent,
            reinitialised: it.reinitialised.name(),
            jobs: &it.jobs,
        }
    }
}

impl<'a> From<&'a ServedAnswer> for ServedObject<'a> {
    fn from(it: &'a ServedAnswer) -> ServedObject<'a> {
        ServedObject {
            uptime_seconds: it.uptime.as_secs(),
            cut_off: &it.cut_off,
            warnings: &it.warnings,
        }
    }
}
