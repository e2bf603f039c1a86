//! A hash over everything a catalog says.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use types::Hash;

use super::schema::TABLES;
use super::sets::decode;

/// SHA-256 over all rows of all tables in the order of their keys. Sets are hashed by what is
/// in them: their bytes depend on the order in which they were filled.
pub(crate) fn digest(connection: &Connection) -> rusqlite::Result<Hash> {
    let mut hasher = Sha256::new();
    for (table, key) in TABLES {
        hasher.update(table);
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}"))?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            for (column, name) in names.iter().enumerate() {
                let value = row.get_ref(column)?;
                match value {
                    ValueRef::Blob(bits) if table == "message_set" && name == "bits" => {
                        hash_set(&mut hasher, bits)?;
                    }
                    value => hash_value(&mut hasher, value),
                }
            }
        }
    }
    Ok(Hash(hasher.finalize().into()))
}

fn hash_set(hasher: &mut Sha256, bits: &[u8]) -> rusqlite::Result<()> {
    for n in decode(bits)?.iter() {
        hasher.update(n.to_be_bytes());
    }
    Ok(())
}

fn hash_value(hasher: &mut Sha256, value: ValueRef<'_>) {
    let (kind, bytes) = match value {
        ValueRef::Null => (0, Vec::new()),
        ValueRef::Integer(number) => (1, number.to_be_bytes().to_vec()),
        ValueRef::Real(number) => (2, number.to_be_bytes().to_vec()),
        ValueRef::Text(text) => (3, text.to_vec()),
        ValueRef::Blob(bytes) => (4, bytes.to_vec()),
    };
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}
