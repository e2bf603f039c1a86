//! Checkpoints (C2SP tlog-checkpoint): size and root of a log, signed.
//!
//! A store signs one when it begins to write (the size is that of the last one), while it writes
//! (at most one a minute), and when it is closed. The last kind has one more line, `closed`:
//! nothing may stand behind it until the next one begins.
//!
//! Rules: of one log, sizes never get smaller, and the tree of each checkpoint is the beginning
//! of the tree of the next; a checkpoint of an origin of its own (`…/epoch/2`) begins anew from
//! where an older copy of the log was accepted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::{Hash, Position};

use crate::note::{self, NoteError, Signer, Verifier};

/// The line that says that the log was closed.
const CLOSED: &str = "closed";

/// What stands before the number of an epoch in an origin.
const EPOCH: &str = "/epoch/";

/// When a checkpoint was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The log is being written, or is about to be.
    Open,
    /// The log was closed: it ends here.
    Closed,
}

/// Size and root of a log, as its owner signs them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Names the log.
    pub origin: String,
    /// How many entries it has, and the root over them.
    pub position: Position,
    /// Whether it ends here.
    pub moment: Moment,
}

/// The origin of a log's checkpoints: its base name in the first epoch, and with the number of the
/// epoch later.
#[must_use]
pub fn origin(base: &str, epoch: u64) -> String {
    if epoch <= 1 { base.to_owned() } else { format!("{base}{EPOCH}{epoch}") }
}

/// Base name and epoch of an origin.
#[must_use]
pub fn split_origin(origin: &str) -> (&str, u64) {
    let split = origin.rsplit_once(EPOCH).and_then(|(base, epoch)| {
        let number = epoch.parse::<u64>().ok().filter(|it| 1 < *it && it.to_string() == epoch)?;
        Some((base, number))
    });
    split.unwrap_or((origin, 1))
}

impl Checkpoint {
    /// Whether a log that ends at `position` has entries that stand behind its end.
    #[must_use]
    pub fn is_exceeded(&self, position: Position) -> bool {
        self.moment == Moment::Closed && self.position.entries < position.entries
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Checkpoint { origin, position: Position { entries, root }, moment } = self;
        let mut text = format!("{origin}\n{entries}\n{}\n", STANDARD.encode(root.0));
        if *moment == Moment::Closed {
            text.push_str(CLOSED);
            text.push('\n');
        }
        text
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&self.text())
    }

    /// Reads the text of a note. Lines that this version does not know are passed over, as the
    /// specification wants it.
    pub fn parse(text: &str) -> Result<Checkpoint, NoteError> {
        let wrong = || NoteError::malformed("a note is no checkpoint");
        let mut lines = text.strip_suffix('\n').ok_or_else(wrong)?.split('\n');
        let mut line = || lines.next().filter(|it| !it.is_empty()).ok_or_else(wrong);
        let origin = line()?.to_owned();
        let size = line()?;
        let entries = size.parse::<u64>().map_err(|_| wrong())?;
        let root = STANDARD.decode(line()?).map_err(|_| wrong())?;
        let root = Hash(root.try_into().map_err(|_| wrong())?);
        let mut moment = Moment::Open;
        for line in lines {
            match line {
                "" => return Err(wrong()),
                CLOSED => moment = Moment::Closed,
                _ => (),
            }
        }
        // One form only: `+7` and `007` are numbers too.
        if entries.to_string() != size {
            return Err(wrong());
        }
        Ok(Checkpoint { origin, position: Position { entries, root }, moment })
    }

    /// Checks a signed note and reads it; says which of the known keys signed it.
    pub fn open(note: &str, known: &[Verifier]) -> Result<(Checkpoint, usize), NoteError> {
        let opened = note::open(note, known)?;
        Ok((Checkpoint::parse(opened.text)?, opened.by))
    }
}

/// The first note of a list of notes, each of them with an empty line behind it, and what is left
/// behind that. `None` when no whole note stands there.
///
/// The notes are not looked into: this only finds where the signatures end.
#[must_use]
pub fn next_note(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let find = |from: usize, what: &[u8]| {
        let at = list.get(from..)?.windows(what.len()).position(|it| it == what);
        at.map(|it| it + from)
    };
    let signatures = find(0, "\n\n— ".as_bytes())? + 2;
    let end = find(signatures, b"\n\n")? + 1;
    let (note, rest) = list.split_at_checked(end)?;
    Some((note, rest.strip_prefix(b"\n")?))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn checkpoint(entries: u64, moment: Moment) -> Checkpoint {
        let position = Position { entries, root: Hash::of(&entries.to_be_bytes()) };
        Checkpoint { origin: "posthold/store/1".into(), position, moment }
    }

    #[test]
    fn texts_are_fixed_and_read_back() {
        expect![[r"
            posthold/store/1
            7
            o+uNuJ/FEjzP1JWFBZ8pK8QKHA1VC4YPJPhO+0dg+/I=
            closed
        "]]
        .assert_eq(&checkpoint(7, Moment::Closed).text());
        for moment in [Moment::Open, Moment::Closed] {
            for entries in [0, 1, 20_852_163, u64::MAX] {
                let checkpoint = checkpoint(entries, moment);
                assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
            }
        }
        let published = "example.com/behind-the-sofa\n20852163\n\
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nwhat others add\n";
        let read = Checkpoint::parse(published).unwrap();
        assert_eq!(
            (read.origin.as_str(), read.position.entries, read.moment),
            ("example.com/behind-the-sofa", 20_852_163, Moment::Open)
        );
    }

    #[test]
    fn other_forms_are_refused() {
        let root = STANDARD.encode([1; 32]);
        let cases = [
            String::new(),
            "\n".into(),
            "a\n1\n".into(),
            format!("a\n1\n{root}"),
            format!("\n1\n{root}\n"),
            format!("a\n01\n{root}\n"),
            format!("a\n+1\n{root}\n"),
            format!("a\n-1\n{root}\n"),
            format!("a\n\n{root}\n"),
            format!("a\n1\n{root}\n\nb\n"),
            format!("a\n1\n{}\n", STANDARD.encode([1; 31])),
            format!("a\n18446744073709551616\n{root}\n"),
        ];
        for text in cases {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_list_is_cut_into_its_notes() {
        let signer = Signer::new("posthold/store/1", [3; 32]).unwrap();
        let known = [signer.verifier().clone()];
        let notes: Vec<String> = [(0, Moment::Open), (5, Moment::Open), (9, Moment::Closed)]
            .into_iter()
            .map(|(entries, moment)| checkpoint(entries, moment).sign(&signer))
            .collect();
        let list: String = notes.iter().map(|it| format!("{it}\n")).collect();
        let mut rest = list.as_bytes();
        for note in &notes {
            let (found, behind) = next_note(rest).unwrap();
            assert_eq!(found, note.as_bytes());
            assert!(Checkpoint::open(note, &known).is_ok());
            rest = behind;
        }
        assert_eq!(next_note(rest), None);
        assert!(rest.is_empty());
        for cut in 0..notes[0].len() {
            assert_eq!(next_note(&list.as_bytes()[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn epochs_are_part_of_origins() {
        for (text, want) in [
            ("posthold/store/a", ("posthold/store/a", 1)),
            ("posthold/store/a/epoch/2", ("posthold/store/a", 2)),
            ("posthold/store/a/epoch/1", ("posthold/store/a/epoch/1", 1)),
            ("posthold/store/a/epoch/02", ("posthold/store/a/epoch/02", 1)),
        ] {
            assert_eq!(split_origin(text), want);
        }
        assert_eq!(origin("x", 1), "x");
        assert_eq!(split_origin(&origin("x", 12)), ("x", 12));
    }
}
