//! The fields that a query can name: one table.

use crate::tree::{TextField, TimeField};

/// What stands before a colon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    Text(TextField),
    /// `date:` and `archived:`
    Time(TimeField),
    After,
    Before,
    Larger,
    Smaller,
    Has,
    Is,
    Folder,
    User,
    Id,
    MessageIdHeader,
}

/// Name, meaning, and a value to show in hints.
const FIELDS: [(&str, Field, &str); 20] = [
    ("from", Field::Text(TextField::From), "bob"),
    ("to", Field::Text(TextField::To), "bob"),
    ("cc", Field::Text(TextField::Cc), "bob"),
    ("subject", Field::Text(TextField::Subject), "offer"),
    ("body", Field::Text(TextField::Body), "offer"),
    ("attachment", Field::Text(TextField::Attachment), "offer"),
    ("filename", Field::Text(TextField::FileName), "offer.pdf"),
    ("folder", Field::Folder, "inbox"),
    ("user", Field::User, "alice"),
    ("date", Field::Time(TimeField::Date), "2026-11"),
    ("archived", Field::Time(TimeField::Archived), "2026-11"),
    ("after", Field::After, "2026-11-21"),
    ("before", Field::Before, "2026-11-21"),
    ("larger", Field::Larger, "5M"),
    ("smaller", Field::Smaller, "10k"),
    ("has", Field::Has, "attachment"),
    ("is", Field::Is, "flagged"),
    ("id", Field::Id, "e3b0c44298fc"),
    ("message-id", Field::MessageIdHeader, "x1@example.org"),
    ("messageid", Field::MessageIdHeader, "x1@example.org"),
];

impl Field {
    /// The field of this name, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Field> {
        let found = FIELDS.iter().find(|(it, ..)| it.eq_ignore_ascii_case(name))?;
        Some(found.1)
    }

    /// How it is written, and a value that it could have.
    pub(crate) fn name_and_example(self) -> (&'static str, &'static str) {
        let found = FIELDS.iter().find(|(_, it, _)| *it == self);
        found.map_or(("", ""), |(name, _, example)| (*name, *example))
    }
}

/// The names of all fields, for an error.
pub(crate) fn names() -> String {
    let names: Vec<String> = FIELDS.iter().take(19).map(|(name, ..)| format!("{name}:")).collect();
    names.join(" ")
}

/// The field name that `wrong` was probably meant to be.
pub(crate) fn nearest(wrong: &str) -> Option<&'static str> {
    let wrong = wrong.to_ascii_lowercase();
    let distances = FIELDS.iter().map(|(name, ..)| (edit_distance(&wrong, name), *name));
    let near = if wrong.len() < 5 { 1 } else { 2 };
    distances.min().filter(|(distance, _)| *distance <= near).map(|(_, name)| name)
}

/// Insertions, deletions, exchanges and swaps of neighbours that make `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let exchanged = at(&row, j) + usize::from(from != *to);
            let mut best = exchanged.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = j >= 1 && last == Some(*to) && b.get(j - 1) == Some(&from);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(from);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let cases = [
            ("form", Some("from")),
            ("Form", Some("from")),
            ("subjet", Some("subject")),
            ("attachement", Some("attachment")),
            ("file", None),
            ("mailto", None),
            ("foo", None),
            ("sent", None),
        ];
        for (wrong, want) in cases {
            assert_eq!(nearest(wrong), want, "{wrong}");
        }
    }
}
