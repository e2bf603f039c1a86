//! The file of a job over many mailboxes, each with a password of its own (CSV).
//!
//! Its columns are login, password, address and user; the last two may be left out. The first row
//! is a heading, whatever it says. For users: `docs/reference/batch-file.md`.
//!
//! What it is not: a general reader of CSV. A row is a line; a field never goes on in the next.
//!
//! Rules:
//! - A row that is wrong is a [`BatchError`] with line and column, and left out; the others count.
//!   Only a file of which nothing can be understood is an error as a whole.
//! - No error ever repeats a value: where columns are shifted, any of them may be a password.
//! - Passwords count to the last space; all other values are trimmed.

use std::collections::{BTreeSet, HashMap};

use thiserror::Error;
use types::{Secret, UserName};

use crate::address::{AddressKey, is_same};

mod decode;
mod fields;

use fields::{Cell, Row};

/// The largest file, in bytes.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// The most rows of a file, without the heading.
pub const BATCH_ROWS_MAX: usize = 100_000;

/// The most bytes of one value.
pub const BATCH_VALUE_BYTES_MAX: usize = 1024;

/// A place in the file where something is wrong. What a caller can do: show it to whoever wrote
/// the file.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("line {line}, column {column}: {what}")]
pub struct BatchError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    what: String,
    hint: &'static str,
}

impl BatchError {
    fn new(at: (usize, usize), what: impl Into<String>, hint: &'static str) -> BatchError {
        BatchError { line: at.0, column: at.1, what: what.into(), hint }
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

/// A mailbox that the file names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchRow {
    /// The line that names it.
    pub line: usize,
    /// The login at the server.
    pub login: String,
    /// Its password there. It serves for archiving only.
    pub password: Secret,
    /// The address of the mailbox, when the file has one.
    pub address: Option<String>,
    /// Whose archive it goes to: the named user, else one called like the login.
    pub user: UserName,
}

impl BatchRow {
    /// The first level of folders in the archive: the address, else the login.
    #[must_use]
    pub fn root(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.login)
    }
}

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BatchFile {
    /// The mailboxes, in the order of the file.
    pub rows: Vec<BatchRow>,
    /// What is wrong with rows that were left out.
    pub errors: Vec<BatchError>,
    /// Every login that stands in the file, those of wrong rows too.
    logins: BTreeSet<String>,
}

impl BatchFile {
    /// Reads a file. `code_page` names the character set of a file that is not Unicode; without
    /// it, such a file is read as windows-1252.
    pub fn read(bytes: &[u8], code_page: Option<&str>) -> Result<BatchFile, BatchError> {
        if bytes.len() > BATCH_BYTES_MAX {
            let what = format!("the file is larger than {} MiB", BATCH_BYTES_MAX >> 20);
            return Err(BatchError::new((1, 1), what, "Divide it among several jobs."));
        }
        let mut text = decode::text(bytes, code_page)?;
        if !text.contains('\n') {
            // Some programs still end lines as old systems did.
            text = text.replace('\r', "\n").into();
        }
        let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line)).peekable();
        // Spreadsheets write this line, and hide it again.
        let declared = lines.peek().and_then(|(_, line)| fields::declared_separator(line));
        if declared.is_some() {
            lines.next();
        }
        let mut filled = lines.filter(|(_, line)| !line.trim().is_empty());
        let Some((line, heading)) = filled.next() else {
            return Err(BatchError::new((1, 1), "the file is empty", HEADING_HINT));
        };
        let separator = declared.or_else(|| fields::detect_separator(heading));
        let no_columns = || {
            let what = "the heading has one column, and two at least are needed";
            BatchError::new((line, 1), what, "Separate columns by ; , | or a tab.")
        };
        let separator = separator.ok_or_else(no_columns)?;
        check_heading(&fields::row(line, heading, separator)?)?;
        let mut reading = Reading::default();
        for (line, text) in filled {
            if reading.n_rows >= BATCH_ROWS_MAX {
                let what = format!("there are more than {BATCH_ROWS_MAX} rows");
                return Err(BatchError::new((line, 1), what, "Divide it among several jobs."));
            }
            reading.take(line, text, separator);
        }
        Ok(reading.file)
    }

    /// Users that the file names and that are not among `known`: they are made. Each once, in
    /// the order of the file.
    #[must_use]
    pub fn new_users(&self, known: &BTreeSet<UserName>) -> Vec<&UserName> {
        let mut seen = BTreeSet::new();
        let named = self.rows.iter().map(|it| &it.user);
        named.filter(|it| !known.contains(*it) && seen.insert(*it)).collect()
    }

    /// Of the logins that earlier runs knew, those that the file does not name any more.
    #[must_use]
    pub fn vanished<'a>(&self, before: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        before.into_iter().filter(|it| !self.logins.contains(*it)).collect()
    }
}

const HEADING_HINT: &str = "Begin the file with a heading: login;password;address;user.";
const QUOTE_HINT: &str = "Is a separator in a value? Then put the value in quotes.";

fn check_heading(heading: &Row<'_>) -> Result<(), BatchError> {
    if heading.cells.len() < 2 {
        let what = "the heading has one column, and two at least are needed";
        return Err(BatchError::new((heading.line, 1), what, HEADING_HINT));
    }
    let is_account = heading.cells.iter().any(|it| AddressKey::read(it.text.trim()).is_some());
    if is_account {
        let what = "this should be the heading, and has an address in it";
        return Err(BatchError::new((heading.line, 1), what, HEADING_HINT));
    }
    Ok(())
}

#[derive(Default)]
struct Reading {
    file: BatchFile,
    n_rows: usize,
    /// The line of each login and user.
    mailboxes: HashMap<(String, UserName), usize>,
    /// The line of each user and root.
    roots: HashMap<(UserName, String), usize>,
}

impl Reading {
    fn take(&mut self, line: usize, text: &str, separator: char) {
        let row = match fields::row(line, text, separator) {
            Ok(row) => row,
            Err(error) => return self.file.errors.push(error),
        };
        if row.cells.iter().all(|it| it.text.trim().is_empty()) {
            return;
        }
        self.n_rows += 1;
        if let Some(login) = row.cells.first().map(|it| it.text.trim()) {
            self.file.logins.insert(login.to_owned());
        }
        match mailbox(&row).and_then(|it| self.once(it, &row)) {
            Ok(mailbox) => self.file.rows.push(mailbox),
            Err(error) => self.file.errors.push(error),
        }
    }

    /// Refuses a mailbox that an earlier row has, or that would share its folders.
    fn once(&mut self, mailbox: BatchRow, row: &Row<'_>) -> Result<BatchRow, BatchError> {
        let key = (mailbox.login.clone(), mailbox.user.clone());
        if let Some(first) = self.mailboxes.get(&key) {
            let what = format!("line {first} has this login for this user already");
            return Err(BatchError::new(row.at(0), what, "Leave one of the rows out."));
        }
        let root = (mailbox.user.clone(), mailbox.root().to_lowercase());
        if let Some(first) = self.roots.get(&root) {
            let what = format!("line {first} has another mailbox for the same folders");
            let hint = "Give each mailbox of a user its own address, or none.";
            return Err(BatchError::new(row.at(2), what, hint));
        }
        self.mailboxes.insert(key, mailbox.line);
        self.roots.insert(root, mailbox.line);
        Ok(mailbox)
    }
}

/// What a row says.
fn mailbox(row: &Row<'_>) -> Result<BatchRow, BatchError> {
    let cell = |n: usize| row.cells.get(n).map_or("", |it| it.text.as_ref());
    let surplus = row.cells.iter().skip(4).find(|it| !it.text.trim().is_empty());
    if let Some(Cell { column, .. }) = surplus {
        let what = "the row has more than four columns";
        return Err(BatchError::new((row.line, *column), what, QUOTE_HINT));
    }
    for (n, value) in row.cells.iter().enumerate() {
        if value.text.len() > BATCH_VALUE_BYTES_MAX {
            let what = format!("the value is longer than {BATCH_VALUE_BYTES_MAX} bytes");
            return Err(BatchError::new(row.at(n), what, QUOTE_HINT));
        }
        if value.text.chars().any(|it| it.is_control() && it != '\t') {
            let what = "the value has a control character in it";
            return Err(BatchError::new(row.at(n), what, "Is the code page right?"));
        }
    }
    let login = cell(0).trim();
    if login.is_empty() {
        return Err(BatchError::new(row.at(0), "the login is missing", "Fill in the column."));
    }
    if cell(1).is_empty() {
        let hint = "Fill in the column, or leave the row out.";
        return Err(BatchError::new(row.at(1), "the password is missing", hint));
    }
    let address = Some(cell(2).trim()).filter(|it| !it.is_empty());
    if address.is_some_and(|it| !is_same(it, it)) {
        let hint = "Write one address, such as bob@example.org, or nothing.";
        return Err(BatchError::new(row.at(2), "this is not an address", hint));
    }
    let (named, user_cell) = match cell(3).trim() {
        "" => (login, 0),
        user => (user, 3),
    };
    let user = UserName::new(named).map_err(|_| {
        let hint = "Name the user in the fourth column: up to 255 bytes without a slash.";
        BatchError::new(row.at(user_cell), "this cannot be the name of a user", hint)
    })?;
    Ok(BatchRow {
        line: row.line,
        login: login.to_owned(),
        password: Secret::new(cell(1).to_owned()),
        address: address.map(str::to_owned),
        user,
    })
}

#[cfg(test)]
mod tests;
