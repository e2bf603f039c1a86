//! The rows of a catalog, held against those that the log gives.
//!
//! A second catalog is made from the log in a file of SQLite's own, which has no name and goes
//! when it is closed. What is compared is what [`digest`](super::digest) hashes.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows};

use super::schema::TABLES;
use super::sets::decode;

/// Rows of one table that are not those that the log gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableDiffers {
    /// The table.
    pub table: &'static str,
    /// Where it differs first: the key of the row, and how.
    pub what: String,
}

/// The tables of `here` that are not as in `right`.
pub(super) fn differing(
    here: &Connection,
    right: &Connection,
) -> rusqlite::Result<Vec<TableDiffers>> {
    let mut found = Vec::new();
    for (table, key) in TABLES {
        let query = format!("SELECT * FROM {table} ORDER BY {key}");
        let (mut here, mut right) = (here.prepare(&query)?, right.prepare(&query)?);
        let names: Vec<String> = right.column_names().map(str::to_owned).collect();
        let what = first_difference(table, &names, key, here.query(())?, right.query(())?)?;
        found.extend(what.map(|what| TableDiffers { table, what }));
    }
    Ok(found)
}

fn first_difference(
    table: &str,
    names: &[String],
    key: &str,
    mut here: Rows<'_>,
    mut right: Rows<'_>,
) -> rusqlite::Result<Option<String>> {
    let sets = (table == "message_set").then(|| names.iter().position(|it| it == "bits")).flatten();
    loop {
        let (one, other) = (here.next()?, right.next()?);
        let what = match (one, other) {
            (None, None) => return Ok(None),
            (Some(one), Some(other)) => {
                let changed = changed(names, sets, one, other)?;
                if changed.is_empty() {
                    continue;
                }
                let changed = changed.join(", ");
                format!("the row {} differs in {changed}", shown(names, key, other)?)
            }
            (Some(one), None) => format!("the row {} is too much", shown(names, key, one)?),
            (None, Some(other)) => format!("the row {} is missing", shown(names, key, other)?),
        };
        return Ok(Some(what));
    }
}

/// The names of the values that are not equal. Those of column `sets` count by what is in them.
fn changed<'a>(
    names: &'a [String],
    sets: Option<usize>,
    one: &Row<'_>,
    other: &Row<'_>,
) -> rusqlite::Result<Vec<&'a str>> {
    let mut changed = Vec::new();
    for (column, name) in names.iter().enumerate() {
        let (one, other) = (one.get_ref(column)?, other.get_ref(column)?);
        let is_same = match (one, other) {
            (ValueRef::Blob(one), ValueRef::Blob(other)) if sets == Some(column) => {
                one == other || decode(one)?.iter().eq(decode(other)?.iter())
            }
            (one, other) => one == other,
        };
        if !is_same {
            changed.push(name.as_str());
        }
    }
    Ok(changed)
}

fn shown(names: &[String], key: &str, row: &Row<'_>) -> rusqlite::Result<String> {
    let of_key = |name: &str| {
        let column = names.iter().position(|it| it == name);
        let value = column.map(|it| row.get_ref(it)).transpose()?;
        let value = match value {
            Some(ValueRef::Integer(number)) => number.to_string(),
            Some(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Some(ValueRef::Blob(bytes)) => bytes.iter().map(|it| format!("{it:02x}")).collect(),
            _ => "?".to_owned(),
        };
        Ok(format!("{name} {value}"))
    };
    let values: Vec<String> = key.split(", ").map(of_key).collect::<rusqlite::Result<_>>()?;
    Ok(values.join(", "))
}
