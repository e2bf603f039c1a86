//! `user ...`, and the user that archiving makes when it is missing.

use std::collections::HashMap;

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, ProgressSink, StoresRead, Switch, UserListed,
    UserSet, UserShown,
};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use state::{Standing, State, StateErrorKind, User, UserChange};
use types::{ArchiveId, Timestamp, UserName};

use super::all_stores::{self, AllStores};
use super::{blocking, faults};
use crate::context::{Context, DataDir, OpenState};

/// Makes a user.
pub(super) async fn add(context: &Context, name: UserName) -> Result<Answer, Failure> {
    let data = context.data.clone();
    refuse_catch_all(&name)?;
    blocking(move || {
        let mut state = open(&data)?;
        let now = SystemClock.now();
        state.add_user(&name, &[], now, &OsRandom).map_err(|it| faults::state(&it))?;
        Ok(Answer::UserAdd(name))
    })
    .await
}

/// Changes a user.
pub(super) async fn set(context: &Context, change: UserSet) -> Result<Answer, Failure> {
    let named = change.addresses.iter().chain(&change.aliases).flatten();
    named.into_iter().try_for_each(|it| check_address(it))?;
    let data = context.data.clone();
    blocking(move || {
        let mut state = open(&data)?;
        let standing = change.switch.map(|it| match it {
            Switch::Enabled => Standing::Active,
            Switch::Disabled => Standing::Deactivated,
        });
        let UserSet { name, full_name, rank, addresses, aliases, .. } = change;
        let change = UserChange { full_name, standing, rank, addresses, aliases };
        let user = state.change_user(&name, &change).map_err(|it| {
            faults::state(&it)
                .with_hint("`posthold user list` shows the users, `posthold user add` makes one.")
        })?;
        shown(&state, user)
    })
    .await
}

/// Shows a user.
pub(super) async fn show(context: &Context, name: UserName) -> Result<Answer, Failure> {
    let data = context.data.clone();
    blocking(move || {
        let user = find(&data, &name)?;
        shown(&open_for_reading(&data)?, user)
    })
    .await
}

/// Addresses are compared and looked up, so they must be one each.
pub(super) fn check_address(text: &str) -> Result<(), Failure> {
    let is_odd = |it: char| it.is_whitespace() || it.is_control() || "<>,;".contains(it);
    let parts =
        text.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if parts.is_none() || text.contains(is_odd) {
        let message = format!("{text:?} is no mail address");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Write local@domain, without a name."));
    }
    Ok(())
}

fn shown(state: &State, user: User) -> Result<Answer, Failure> {
    let failed = |it| faults::state(&it);
    let jobs = state.jobs().map_err(failed)?;
    let jobs =
        jobs.into_iter().map(|it| it.job).filter(|it| it.source.target() == Some(&user.name));
    let mut warnings = Vec::new();
    for other in state.users().map_err(failed)?.iter().filter(|it| it.name != user.name) {
        let theirs: Vec<String> =
            other.addresses.iter().chain(&other.aliases).map(|it| it.to_lowercase()).collect();
        for address in user.addresses.iter().chain(&user.aliases) {
            if theirs.contains(&address.to_lowercase()) {
                warnings.push(format!("{address} is an address of the user {} too.", other.name));
            }
        }
    }
    let shown = UserShown {
        jobs: jobs.map(|it| it.name).collect(),
        switch: switch(user.standing),
        rank: user.rank,
        login_by: user.login_by,
        name: user.name,
        full_name: user.full_name,
        addresses: user.addresses,
        aliases: user.aliases,
        created: user.created,
        warnings,
    };
    Ok(Answer::Admin(Box::new(AdminAnswer::User(Box::new(shown)))))
}

fn switch(standing: Standing) -> Switch {
    match standing {
        Standing::Active => Switch::Enabled,
        Standing::Deactivated => Switch::Disabled,
    }
}

/// Lists the users, with what is in their archives.
pub(super) async fn list(
    context: &Context,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let (answer, read) = blocking(move || {
        let users = open_for_reading(&data)?.users().map_err(|it| faults::state(&it))?;
        let (messages, read) = messages(&data)?;
        let listed = |it: User| UserListed {
            name: it.name,
            switch: switch(it.standing),
            rank: it.rank,
            login_by: it.login_by,
            messages: messages.get(&it.archive).copied().unwrap_or_default(),
            created: it.created,
        };
        Ok((Answer::UserList(users.into_iter().map(listed).collect()), read))
    })
    .await?;
    all_stores::tell(&read, progress);
    Ok(answer)
}

/// How many messages each archive holds; none before anything was archived.
fn messages(data: &DataDir) -> Result<(HashMap<ArchiveId, u64>, StoresRead), Failure> {
    let mut messages = HashMap::new();
    if all_stores::check_have_log(data).is_err() {
        return Ok((messages, StoresRead::default()));
    }
    let all = AllStores::open(data)?;
    for one in &all.stores {
        let rows = one.reading.store.catalog().users().map_err(|it| faults::catalog(&it))?;
        for row in rows {
            *messages.entry(row.archive).or_default() += row.messages;
        }
    }
    Ok((messages, all.read()))
}

/// The user of this name; made when missing. The caller owns the data directory.
pub(super) fn find_or_make(data: &DataDir, name: &UserName) -> Result<User, Failure> {
    refuse_catch_all(name)?;
    let mut state = open(data)?;
    if let Some(user) = state.user(name).map_err(|it| faults::state(&it))? {
        return Ok(user);
    }
    match state.add_user(name, &[], SystemClock.now(), &OsRandom) {
        // Another command of the server was faster.
        Err(error) if error.kind() == StateErrorKind::UserExists => find(data, name),
        made => made.map_err(|it| faults::state(&it)),
    }
}

/// The user of this name; a failure when there is none.
pub(super) fn find(data: &DataDir, name: &UserName) -> Result<User, Failure> {
    let state = open_for_reading(data)?;
    let user = match *name == UserName::catch_all() {
        true => state.catch_all().map(|it| it.map(catch_all)),
        false => state.user(name),
    };
    user.map_err(|it| faults::state(&it))?.ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("there is no user {:?}", name.as_str()))
            .with_hint("`posthold user list` shows the users.")
    })
}

/// The archive of what belongs to nobody, as one looks for it. It is no user.
fn catch_all(archive: ArchiveId) -> User {
    no_user(UserName::catch_all(), archive)
}

/// Those whose mail is in a shared mailbox: nobody in particular.
pub(super) fn many() -> User {
    no_user(UserName::many(), ArchiveId::SHARED)
}

fn no_user(name: UserName, archive: ArchiveId) -> User {
    User {
        name,
        archive,
        created: Timestamp(0),
        full_name: String::new(),
        standing: Standing::Deactivated,
        rank: commands::Rank::Ordinary,
        login_by: commands::LoginBy::Nothing,
        addresses: Vec::new(),
        aliases: Vec::new(),
    }
}

/// Nobody can be called like it.
pub(super) fn refuse_catch_all(name: &UserName) -> Result<(), Failure> {
    if *name != UserName::catch_all() && *name != UserName::many() {
        return Ok(());
    }
    let message = format!("{name} stands for something else here, and is no user");
    Err(Failure::new(FailureKind::Request, message).with_hint("Name the user otherwise."))
}

/// Opens the state. The caller owns the data directory.
pub(crate) fn open(data: &DataDir) -> Result<OpenState, Failure> {
    data.open_state().map_err(|it| faults::state(&it))
}

/// Opens the state of a data directory that is there, whoever owns it.
pub(super) fn open_for_reading(data: &DataDir) -> Result<State, Failure> {
    if !data.state().is_file() {
        return Err(faults::no_data_dir(data));
    }
    State::open_for_reading(&data.state()).map_err(|it| faults::state(&it))
}
