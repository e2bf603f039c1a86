//! `user add`, `user list`, and the user that archiving makes when it is missing.

use commands::{Answer, Failure, FailureKind, UserListed};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use state::{State, User};
use types::UserName;

use super::{blocking, faults};
use crate::context::{Context, DataDir};

/// Makes a user.
pub(super) async fn add(context: &Context, name: UserName) -> Result<Answer, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let mut state = open(&data)?;
        let now = SystemClock.now();
        state.add_user(&name, &[], now, &OsRandom).map_err(|it| faults::state(&it))?;
        Ok(Answer::UserAdd(name))
    })
    .await
}

/// Lists the users.
pub(super) async fn list(context: &Context) -> Result<Answer, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let users = open_for_reading(&data)?.users().map_err(|it| faults::state(&it))?;
        let listed = |it: User| UserListed { name: it.name, messages: 0, created: it.created };
        Ok(Answer::UserList(users.into_iter().map(listed).collect()))
    })
    .await
}

/// The user of this name; made when missing. The caller owns the data directory.
pub(super) fn find_or_make(data: &DataDir, name: &UserName) -> Result<User, Failure> {
    let mut state = open(data)?;
    if let Some(user) = state.user(name).map_err(|it| faults::state(&it))? {
        return Ok(user);
    }
    state.add_user(name, &[], SystemClock.now(), &OsRandom).map_err(|it| faults::state(&it))
}

/// The user of this name; a failure when there is none.
pub(super) fn find(data: &DataDir, name: &UserName) -> Result<User, Failure> {
    let user = open_for_reading(data)?.user(name).map_err(|it| faults::state(&it))?;
    user.ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("there is no user {:?}", name.as_str()))
            .with_hint("`posthold user list` shows the users.")
    })
}

/// Opens the state. The caller owns the data directory.
pub(super) fn open(data: &DataDir) -> Result<State, Failure> {
    State::open(&data.state()).map_err(|it| faults::state(&it))
}

/// Opens the state of a data directory that is there, whoever owns it.
pub(super) fn open_for_reading(data: &DataDir) -> Result<State, Failure> {
    if !data.state().is_file() {
        return Err(faults::no_data_dir(data));
    }
    State::open_for_reading(&data.state()).map_err(|it| faults::state(&it))
}
