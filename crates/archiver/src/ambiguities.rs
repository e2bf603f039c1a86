//! What files leave open: one warning for each kind and file, with its first place and how often
//! it was found, however many messages it concerns.

use ports::Origin;

use crate::report::Warnings;

/// Kinds that are looked through for one found again. Files come one after the other, and one
/// file has fewer kinds.
const RECENT: usize = 16;

/// Collects them.
#[derive(Debug, Default)]
pub(crate) struct Ambiguities(Vec<Ambiguity>);

#[derive(Debug)]
struct Ambiguity {
    first: Origin,
    what: &'static str,
    more: u64,
}

impl Ambiguities {
    /// One in one message.
    pub(crate) fn add(&mut self, origin: Origin, what: &'static str) {
        let mut recent = self.0.iter_mut().rev().take(RECENT);
        match recent.find(|it| it.what == what && it.first.path == origin.path) {
            Some(known) => known.more += 1,
            None => self.0.push(Ambiguity { first: origin, what, more: 0 }),
        }
    }

    /// Tells them.
    pub(crate) fn warn(self, warnings: &mut Warnings) {
        for Ambiguity { first, what, more } in self.0 {
            warnings.add(match more {
                0 => format!("{first}: {what}"),
                1 => format!("{first} and one more message: {what}"),
                more => format!("{first} and {more} more messages: {what}"),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_each_file_is_told_once() {
        let mut ambiguities = Ambiguities::default();
        for (path, offset, what) in [
            ("a", 1, "length"),
            ("a", 2, "quote"),
            ("a", 3, "length"),
            ("b", 4, "length"),
            ("b", 5, "length"),
            ("b", 6, "length"),
        ] {
            ambiguities.add(Origin { path: path.into(), offset: Some(offset) }, what);
        }
        let mut warnings = Warnings::default();
        ambiguities.warn(&mut warnings);
        let expected =
            ["a:1 and one more message: length", "a:2: quote", "b:4 and 2 more messages: length"];
        assert_eq!(warnings.into_list(), expected);
    }
}
