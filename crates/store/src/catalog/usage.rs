//! How much mail a catalog shows, and of which years.

use ports::CatalogError;
use rusqlite::Row;

use super::reader::SqlCatalog;
use super::values::number;

/// How much mail there is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CatalogUsage {
    /// Messages that are in a folder.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Placements.
    pub placements: u64,
    /// Bytes of the messages, once for each placement.
    pub placed_bytes: u64,
    /// Messages by the year of their date (UTC), ascending.
    pub years: Vec<YearUsage>,
}

/// The messages of one year.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct YearUsage {
    /// The year.
    pub year: i64,
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl SqlCatalog {
    /// How much mail there is. Looks at every message.
    pub fn usage(&self) -> Result<CatalogUsage, CatalogError> {
        let placed = "SELECT count(*), coalesce(sum(m.size), 0) \
                      FROM placement p JOIN message m ON m.n = p.n";
        let by_year = "SELECT coalesce(CAST(strftime('%Y', date, 'unixepoch') AS INTEGER), 0), \
                       count(*), coalesce(sum(size), 0) FROM message m \
                       WHERE EXISTS (SELECT 1 FROM placement p WHERE p.n = m.n) \
                       GROUP BY 1 ORDER BY 1";
        self.with("how much mail it has", |it| {
            let it = it.unchecked_transaction()?;
            let pair = |row: &Row<'_>| Ok((number(row, 0)?, number(row, 1)?));
            let (placements, placed_bytes) = it.query_row(placed, (), pair)?;
            let mut select = it.prepare_cached(by_year)?;
            let read = |row: &Row<'_>| {
                let (messages, bytes) = (number(row, 1)?, number(row, 2)?);
                Ok(YearUsage { year: row.get(0)?, messages, bytes })
            };
            let years: Vec<YearUsage> = select.query_map((), read)?.collect::<Result<_, _>>()?;
            let messages = years.iter().map(|it| it.messages).sum();
            let bytes = years.iter().map(|it| it.bytes).sum();
            Ok(CatalogUsage { messages, bytes, placements, placed_bytes, years })
        })
    }
}
