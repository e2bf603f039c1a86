//! Anchors: checkpoints that are kept where whoever runs the archive cannot change them, with when
//! and how they went there. As text they stand in mails, in files and beside the log alike.
//!
//! ```text
//! posthold-anchor@v1
//! anchor board
//! kind mail
//! at 2026-11-30T23:00:00Z
//!
//! posthold/store/9c1f5ad0c3f34b1fa4c7e14d7a3f5b9e
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — posthold/store/9c1f5ad0c3f34b1fa4c7e14d7a3f5b9e Az3grlgtzPICa5OS...
//! ```
//!
//! Rules: what counts is the signed checkpoint, and a token over it; the lines above it say where
//! to look. Lines that this version does not know are passed over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::{Civil, Timestamp};

use crate::Checkpoint;
use crate::note::{NoteError, Verifier};

/// The line that an anchored checkpoint begins with.
pub const ANCHOR_START: &str = "posthold-anchor@v1";

/// What stands before each signature of a note.
const SIGNATURE_START: &str = "— ";

/// The most lines of one that are read.
const LINES_MAX: usize = 100;

/// Where checkpoints are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AnchorKind {
    /// In the mailboxes of people.
    Mail,
    /// In a file that is only ever added to.
    File,
    /// In a time-stamp token of an authority (RFC 3161).
    Tsa,
}

impl AnchorKind {
    /// All of them.
    pub const ALL: [AnchorKind; 3] = [AnchorKind::Mail, AnchorKind::File, AnchorKind::Tsa];

    /// The name in texts and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AnchorKind::Mail => "mail",
            AnchorKind::File => "file",
            AnchorKind::Tsa => "tsa",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<AnchorKind> {
        AnchorKind::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// A checkpoint that went to an anchor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchored {
    /// The name of the anchor.
    pub anchor: String,
    /// What it is.
    pub kind: AnchorKind,
    /// When it went there, as the archive says. A token says it by itself.
    pub at: Timestamp,
    /// The token over the note, in DER.
    pub token: Option<Vec<u8>>,
    /// The signed checkpoint, word for word.
    pub note: String,
}

impl Anchored {
    /// As text, with an empty line behind it.
    #[must_use]
    pub fn text(&self) -> String {
        let Anchored { anchor, kind, at, token, note } = self;
        let mut text = format!("{ANCHOR_START}\nanchor {anchor}\nkind {}\nat {at}\n", kind.name());
        if let Some(token) = token {
            text.push_str("token ");
            text.push_str(&STANDARD.encode(token));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(note);
        text.push('\n');
        text
    }

    /// Checks the signature, and gives the checkpoint.
    pub fn open(&self, known: &[Verifier]) -> Result<Checkpoint, NoteError> {
        Checkpoint::open(&self.note, known).map(|(it, _)| it)
    }

    /// The checkpoint as it stands there; nobody vouches for it.
    pub fn unchecked(&self) -> Result<Checkpoint, NoteError> {
        let wrong = || NoteError::malformed("a note has no signature");
        let (text, _) = self.note.rsplit_once("\n\n").ok_or_else(wrong)?;
        Checkpoint::parse(&format!("{text}\n"))
    }
}

/// Every anchored checkpoint in a text, which may have other lines between them. What begins like
/// one and is none is an error in its place.
#[must_use]
pub fn anchored_in(text: &str) -> Vec<Result<Anchored, NoteError>> {
    let lines: Vec<&str> = text.lines().map(|it| it.trim_end_matches('\r')).collect();
    let begins = |(place, line): (usize, &&str)| (*line == ANCHOR_START).then_some(place);
    let starts: Vec<usize> = lines.iter().enumerate().filter_map(begins).collect();
    let record = |start: &usize| {
        let rest = lines.get(start + 1..).unwrap_or_default();
        let end = rest.iter().position(|it| *it == ANCHOR_START).unwrap_or(rest.len());
        let record = rest.get(..end.min(LINES_MAX)).unwrap_or_default();
        parsed(record).ok_or_else(|| NoteError::malformed("this is no whole anchored checkpoint"))
    };
    starts.iter().map(record).collect()
}

/// The lines behind the first one.
fn parsed(lines: &[&str]) -> Option<Anchored> {
    let mut lines = lines.iter().copied();
    let (mut anchor, mut kind, mut at, mut token) = (None, None, None, None);
    for line in lines.by_ref().take_while(|it| !it.is_empty()) {
        let (field, value) = line.split_once(' ')?;
        match field {
            "anchor" => anchor = Some(value.to_owned()),
            "kind" => kind = Some(AnchorKind::from_name(value)?),
            "at" => at = Some(time(value)?),
            "token" => token = Some(STANDARD.decode(value).ok()?),
            _ => (),
        }
    }
    let mut note = String::new();
    for line in lines.by_ref().take_while(|it| !it.is_empty()) {
        note.push_str(line);
        note.push('\n');
    }
    note.push('\n');
    let mut is_signed = false;
    for line in lines.take_while(|it| it.starts_with(SIGNATURE_START)) {
        note.push_str(line);
        note.push('\n');
        is_signed = true;
    }
    let anchored = Anchored { anchor: anchor?, kind: kind?, at: at?, token, note };
    (is_signed && anchored.unchecked().is_ok()).then_some(anchored)
}

/// RFC 3339 in UTC, as [`Timestamp`] is shown, and no other form.
fn time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-');
    let mut clock = clock.split(':');
    let small = |part: Option<&str>| part?.parse::<u8>().ok();
    let year = date.next()?.parse::<i64>().ok()?;
    let (month, day) = (small(date.next())?, small(date.next())?);
    let (hour, minute) = (small(clock.next())?, small(clock.next())?);
    let second = small(clock.next())?;
    let at = Timestamp::from_civil(Civil { year, month, day, hour, minute, second });
    (at.to_string() == text).then_some(at)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use types::{Hash, Position};

    use super::*;
    use crate::Moment;
    use crate::note::Signer;

    fn anchored(entries: u64, token: Option<Vec<u8>>) -> (Anchored, [Verifier; 1]) {
        let signer = Signer::new("posthold/store/1", [3; 32]).unwrap();
        let position = Position { entries, root: Hash::of(b"x") };
        let checkpoint =
            Checkpoint { origin: "posthold/store/1".into(), position, moment: Moment::Closed };
        let note = checkpoint.sign(&signer);
        let kind = if token.is_some() { AnchorKind::Tsa } else { AnchorKind::Mail };
        let at = Timestamp(1_795_284_100);
        let anchored = Anchored { anchor: "the board".into(), kind, at, token, note };
        (anchored, [signer.verifier().clone()])
    }

    #[test]
    fn texts_are_fixed_and_read_back() {
        let (it, known) = anchored(7, Some(vec![1, 2, 3]));
        let text = it.text();
        let (above, signature) = text.split_once("— ").unwrap();
        assert!(signature.starts_with("posthold/store/1 ") && signature.ends_with("=\n\n"));
        expect![[r"
            posthold-anchor@v1
            anchor the board
            kind tsa
            at 2026-11-21T18:01:40Z
            token AQID

            posthold/store/1
            7
            LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=
            closed

        "]]
        .assert_eq(above);
        assert_eq!(it.open(&known).unwrap().position.entries, 7);
        assert_eq!(it.unchecked(), it.open(&known));
        let (other, _) = anchored(u64::MAX, None);
        let list = format!("Dear all,\n\n{}words\n{}\nbye\n", it.text(), other.text());
        for text in [list.clone(), list.replace('\n', "\r\n")] {
            assert_eq!(anchored_in(&text), [Ok(it.clone()), Ok(other.clone())]);
        }
        let with_more = it.text().replace("kind tsa\n", "kind tsa\nfuture word\n");
        assert_eq!(anchored_in(&with_more), [Ok(it)]);
        assert_eq!(anchored_in("nothing of that kind\n"), []);
    }

    #[test]
    fn what_is_cut_or_changed_is_no_anchor() {
        let (it, known) = anchored(7, None);
        let text = it.text();
        // The last line feed ends an empty line that nothing needs.
        for cut in ANCHOR_START.len()..text.len() - 2 {
            let Some(cut) = text.get(..cut) else { continue };
            let found = anchored_in(cut);
            let holds = found.iter().flatten().any(|it| it.open(&known).is_ok());
            assert!(found.len() == 1 && !holds, "{cut:?}");
        }
        for (from, to) in [("18:01", "18:1"), ("kind mail", "kind fax"), ("at 2", "when 2")] {
            assert!(anchored_in(&text.replace(from, to))[0].is_err(), "{to}");
        }
        let changed = anchored_in(&text.replace("\n7\n", "\n8\n"));
        assert!(changed[0].as_ref().unwrap().open(&known).is_err());
    }
}
