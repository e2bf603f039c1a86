//! Users and the archives they own.

use ports::Random;
use rusqlite::params;
use types::{ArchiveId, Timestamp, UserName};

use crate::{State, StateError, signed, unsigned};

/// A person or service that has an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// The archive. It stays when the name changes.
    pub archive: ArchiveId,
    /// When the user was made.
    pub created: Timestamp,
    /// Mail addresses, the primary one first.
    pub addresses: Vec<String>,
}

impl State {
    /// Every user, by name.
    pub fn users(&self) -> Result<Vec<User>, StateError> {
        let failed = |it| StateError::query("list the users", it);
        let sql = "SELECT name, archive, created FROM user ORDER BY name";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))
            .map_err(failed)?;
        let mut users = Vec::new();
        for row in rows {
            let (name, archive, created): (_, i64, i64) = row.map_err(failed)?;
            // Only names that were checked are in the table.
            let Ok(name) = UserName::new(&name) else { continue };
            let addresses = self.addresses(&name)?;
            let archive = ArchiveId(unsigned(archive));
            users.push(User { name, archive, created: Timestamp(created), addresses });
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
        if self.user(name)?.is_some() {
            return Err(StateError::user_exists(name.as_str()));
        }
        let failed = |it| StateError::query("make the user", it);
        let mut id = [0; 8];
        random.fill(&mut id);
        let archive = ArchiveId(u64::from_le_bytes(id));
        self.db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let made = self.insert_user(name, archive, addresses, now).map_err(failed);
        self.db.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        made?;
        Ok(User { name: name.clone(), archive, created: now, addresses: addresses.to_vec() })
    }

    fn insert_user(
        &mut self,
        name: &UserName,
        archive: ArchiveId,
        addresses: &[String],
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let tx = self.db.transaction()?;
        tx.execute(
            "INSERT INTO user VALUES (?, ?, ?)",
            params![name.as_str(), signed(archive.0), now.0],
        )?;
        for (place, address) in (0_i64..).zip(addresses) {
            let sql = "INSERT INTO user_address VALUES (?, ?, ?)";
            tx.execute(sql, params![name.as_str(), place, address])?;
        }
        tx.commit()
    }

    fn addresses(&self, name: &UserName) -> Result<Vec<String>, StateError> {
        let failed = |it| StateError::query("read a user's addresses", it);
        let sql = "SELECT address FROM user_address WHERE user = ? ORDER BY place";
        let mut select = self.db.prepare_cached(sql).map_err(failed)?;
        let rows = select.query_map([name.as_str()], |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}
