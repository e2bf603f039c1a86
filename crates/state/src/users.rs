//! Users and the archives they own.

use commands::{LoginBy, Rank};
use ports::Random;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use types::{ArchiveId, Timestamp, UserName};

use crate::{State, StateError, StateErrorKind, signed, unsigned};

/// A person or service that has an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// The archive. It stays when the name changes.
    pub archive: ArchiveId,
    /// When the user was made.
    pub created: Timestamp,
    /// The full name; may be empty.
    pub full_name: String,
    /// Whether the user takes part.
    pub standing: Standing,
    /// What the user may do.
    pub rank: Rank,
    /// How the user logs in.
    pub login_by: LoginBy,
    /// Mail addresses, the primary one first.
    pub addresses: Vec<String>,
    /// Addresses that mail to this user may bear besides, in no order of rank.
    pub aliases: Vec<String>,
}

/// Whether a user takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The user may log in, and jobs that select users take this one.
    Active,
    /// Neither; the archive stays.
    Deactivated,
}

/// A change of a user; `None` leaves a thing as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserChange {
    /// The full name.
    pub full_name: Option<String>,
    /// Whether the user takes part.
    pub standing: Option<Standing>,
    /// What the user may do.
    pub rank: Option<Rank>,
    /// All addresses, the primary one first.
    pub addresses: Option<Vec<String>>,
    /// All aliases.
    pub aliases: Option<Vec<String>>,
}

impl State {
    /// Every user, by name.
    pub fn users(&self) -> Result<Vec<User>, StateError> {
        let failed = |it| StateError::query("list the users", it);
        let sql = "SELECT name, archive, created, full_name, active, administrator, login_by
                   FROM user ORDER BY name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select.query_map([], columns).map_err(failed)?;
        let mut users = Vec::new();
        for row in rows {
            // Only names that were checked are in the table.
            let Some(user) = row.map_err(failed)? else { continue };
            users.push(User {
                addresses: self.texts("SELECT address FROM user_address", &user.name)?,
                aliases: self.texts("SELECT alias FROM user_alias", &user.name)?,
                ..user
            });
        }
        Ok(users)
    }

    /// The user of this name.
    pub fn user(&self, name: &UserName) -> Result<Option<User>, StateError> {
        Ok(self.users()?.into_iter().find(|it| it.name == *name))
    }

    /// Makes a user with an empty archive, durably: mail that is archived for a user whose
    /// archive id is lost with the power would be archived again into another archive.
    ///
    /// Archive ids are random: a state database that was lost and begun again must not give one
    /// user's mail to another.
    pub fn add_user(
        &mut self,
        name: &UserName,
        addresses: &[String],
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<User, StateError> {
        let mut id = [0; 8];
        random.fill(&mut id);
        let archive = ArchiveId(u64::from_le_bytes(id));
        self.durably("make the user", |tx| {
            let failed = |it| StateError::query("make the user", it);
            let sql = "SELECT EXISTS (SELECT 1 FROM user WHERE name = ?)";
            if tx.query_row(sql, [name.as_str()], |it| it.get(0)).map_err(failed)? {
                return Err(StateError::user_exists(name.as_str()));
            }
            let sql = "INSERT INTO user (name, archive, created) VALUES (?, ?, ?)";
            tx.execute(sql, params![name.as_str(), signed(archive.0), now.0]).map_err(failed)?;
            replace(tx, name, List::Addresses, addresses).map_err(failed)
        })?;
        Ok(User {
            name: name.clone(),
            archive,
            created: now,
            full_name: String::new(),
            standing: Standing::Active,
            rank: Rank::Ordinary,
            login_by: LoginBy::Nothing,
            addresses: addresses.to_vec(),
            aliases: Vec::new(),
        })
    }

    /// Changes a user, and returns it as it is then. Fails with `Missing` when there is none.
    pub fn change_user(
        &mut self,
        name: &UserName,
        change: &UserChange,
    ) -> Result<User, StateError> {
        let missing = || {
            let message = format!("there is no user {:?}", name.as_str());
            StateError::plain(StateErrorKind::Missing, message)
        };
        self.durably("change the user", |tx| {
            let failed = |it| StateError::query("change the user", it);
            let found: Option<i64> = tx
                .query_row("SELECT 1 FROM user WHERE name = ?", [name.as_str()], |it| it.get(0))
                .optional()
                .map_err(failed)?;
            found.ok_or_else(missing)?;
            let active = change.standing.map(|it| it == Standing::Active);
            let sql = "UPDATE user SET full_name = coalesce(?2, full_name),
                       active = coalesce(?3, active), administrator = coalesce(?4, administrator)
                       WHERE name = ?1";
            let administrator = change.rank.map(|it| it == Rank::Administrator);
            let row = params![name.as_str(), change.full_name, active, administrator];
            tx.execute(sql, row).map_err(failed)?;
            if let Some(addresses) = &change.addresses {
                replace(tx, name, List::Addresses, addresses).map_err(failed)?;
            }
            if let Some(aliases) = &change.aliases {
                replace(tx, name, List::Aliases, aliases).map_err(failed)?;
            }
            Ok(())
        })?;
        self.user(name)?.ok_or_else(missing)
    }

    fn texts(&self, sql: &str, name: &UserName) -> Result<Vec<String>, StateError> {
        let failed = |it| StateError::query("read a user's addresses", it);
        let sql = format!("{sql} WHERE user = ? ORDER BY place");
        let mut select = self.db.prepare_cached(&sql).map_err(failed)?;
        let rows = select.query_map([name.as_str()], |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}

/// A user without addresses; `None` when the name is none.
fn columns(row: &Row<'_>) -> rusqlite::Result<Option<User>> {
    let name: String = row.get(0)?;
    let active: bool = row.get(4)?;
    let administrator: bool = row.get(5)?;
    let login_by: String = row.get(6)?;
    let Ok(name) = UserName::new(&name) else { return Ok(None) };
    Ok(Some(User {
        name,
        archive: ArchiveId(unsigned(row.get(1)?)),
        created: Timestamp(row.get(2)?),
        full_name: row.get(3)?,
        standing: if active { Standing::Active } else { Standing::Deactivated },
        rank: if administrator { Rank::Administrator } else { Rank::Ordinary },
        login_by: LoginBy::from_name(&login_by).unwrap_or_default(),
        addresses: Vec::new(),
        aliases: Vec::new(),
    }))
}

#[derive(Clone, Copy)]
enum List {
    Addresses,
    Aliases,
}

fn replace(
    tx: &Transaction<'_>,
    name: &UserName,
    list: List,
    texts: &[String],
) -> rusqlite::Result<()> {
    let (delete, insert) = match list {
        List::Addresses => {
            ("DELETE FROM user_address WHERE user = ?", "INSERT INTO user_address VALUES (?, ?, ?)")
        }
        List::Aliases => {
            ("DELETE FROM user_alias WHERE user = ?", "INSERT INTO user_alias VALUES (?, ?, ?)")
        }
    };
    tx.execute(delete, [name.as_str()])?;
    for (place, text) in (0_i64..).zip(texts) {
        tx.execute(insert, params![name.as_str(), place, text])?;
    }
    Ok(())
}
