//! The rows of a catalog, held against those that the log gives.
//!
//! A second catalog is made from the log in a file of SQLite's own, which has no name and goes
//! when it is closed. What is compared is what [`digest`](super::digest) hashes.

use rusqlite::types::Value;
use rusqlite::{Connection, Rows};

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
    loop {
        let one = next(table, names, &mut here)?;
        let other = next(table, names, &mut right)?;
        let what = match (&one, &other) {
            (None, None) => return Ok(None),
            (Some(one), Some(other)) if one == other => continue,
            (Some(one), Some(other)) => {
                let changed = names.iter().zip(one.iter().zip(other));
                let changed: Vec<&str> =
                    changed.filter(|(_, (a, b))| a != b).map(|(name, _)| name.as_str()).collect();
                let changed = changed.join(", ");
                format!("the row {} differs in {changed}", shown(names, key, other))
            }
            (Some(one), None) => format!("the row {} is too much", shown(names, key, one)),
            (None, Some(other)) => format!("the row {} is missing", shown(names, key, other)),
        };
        return Ok(Some(what));
    }
}

/// The values of the next row. Sets count by what is in them.
fn next(
    table: &str,
    names: &[String],
    rows: &mut Rows<'_>,
) -> rusqlite::Result<Option<Vec<Value>>> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut values = Vec::with_capacity(names.len());
    for (column, name) in names.iter().enumerate() {
        let value: Value = row.get(column)?;
        values.push(match value {
            Value::Blob(bits) if table == "message_set" && name == "bits" => {
                Value::Blob(decode(&bits)?.iter().flat_map(u32::to_be_bytes).collect())
            }
            value => value,
        });
    }
    Ok(Some(values))
}

fn shown(names: &[String], key: &str, values: &[Value]) -> String {
    let of_key = |name: &str| {
        let value = names.iter().position(|it| it == name).and_then(|it| values.get(it));
        let value = match value {
            Some(Value::Integer(number)) => number.to_string(),
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Blob(bytes)) => bytes.iter().map(|it| format!("{it:02x}")).collect(),
            _ => "?".to_owned(),
        };
        format!("{name} {value}")
    };
    key.split(", ").map(of_key).collect::<Vec<_>>().join(", ")
}
