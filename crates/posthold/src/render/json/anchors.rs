//! Anchors, for programs.

use std::io::{self, Write};

use commands::{AnchorAnswer, AnchorChecked, AnchorRan, AnchorShown, AnchorTarget, AnchorsRan};
use serde::Serialize;

use super::object;

/// One object, or one a line for lists.
pub(super) fn answer(answer: &AnchorAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AnchorAnswer::List(list) => {
            list.iter().try_for_each(|it| object(&AnchorObject::from(it), out))
        }
        AnchorAnswer::Removed(name) => object(&RemovedObject { removed: name }, out),
        AnchorAnswer::Ran(it) => object(&RanObject::from(it), out),
        AnchorAnswer::Verified(list) => {
            list.iter().try_for_each(|it| object(&CheckedObject::from(it), out))
        }
    }
}

#[derive(Serialize)]
struct AnchorObject<'a> {
    anchor: &'a str,
    kind: &'static str,
    to: Vec<&'a str>,
    file: Option<String>,
    url: Option<&'a str>,
    every_hours: u32,
    made: String,
    made_by: &'a str,
    done: Option<String>,
    tried: Option<String>,
    failure: Option<&'a str>,
}

impl<'a> From<&'a AnchorShown> for AnchorObject<'a> {
    fn from(it: &'a AnchorShown) -> AnchorObject<'a> {
        let (mut to, mut file, mut url) = (Vec::new(), None, None);
        match &it.target {
            AnchorTarget::Mail(people) => to.extend(people.iter().map(String::as_str)),
            AnchorTarget::File(path) => file = Some(path.display().to_string()),
            AnchorTarget::Tsa { url: address, .. } => url = Some(address.as_str()),
        }
        AnchorObject {
            anchor: &it.name,
            kind: it.target.kind(),
            to,
            file,
            url,
            every_hours: it.every_hours,
            made: it.made.to_string(),
            made_by: &it.made_by,
            done: it.done.map(|it| it.to_string()),
            tried: it.tried.map(|it| it.to_string()),
            failure: it.failure.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct RemovedObject<'a> {
    removed: &'a str,
}

#[derive(Serialize)]
struct RanObject<'a> {
    anchors: Vec<RanAnchorObject<'a>>,
    refused: &'a [String],
}

#[derive(Serialize)]
struct RanAnchorObject<'a> {
    anchor: &'a str,
    sent: u64,
    unchanged: u64,
    failure: Option<&'a str>,
}

impl<'a> From<&'a AnchorsRan> for RanObject<'a> {
    fn from(it: &'a AnchorsRan) -> RanObject<'a> {
        let anchor = |it: &'a AnchorRan| RanAnchorObject {
            anchor: &it.name,
            sent: it.sent,
            unchanged: it.unchanged,
            failure: it.failure.as_deref(),
        };
        RanObject { anchors: it.anchors.iter().map(anchor).collect(), refused: &it.refused }
    }
}

#[derive(Serialize)]
struct CheckedObject<'a> {
    place: &'a str,
    anchor: &'a str,
    kind: &'static str,
    log: &'a str,
    store: &'a str,
    at: Option<String>,
    stamped: Option<String>,
    entries: u64,
    holds: bool,
    failure: Option<&'a str>,
    note: Option<&'a str>,
}

impl<'a> From<&'a AnchorChecked> for CheckedObject<'a> {
    fn from(it: &'a AnchorChecked) -> CheckedObject<'a> {
        CheckedObject {
            place: &it.place,
            anchor: &it.anchor,
            kind: it.kind,
            log: &it.log,
            store: &it.store,
            at: it.at.map(|it| it.to_string()),
            stamped: it.stamped.map(|it| it.to_string()),
            entries: it.entries,
            holds: it.failure.is_none() && it.note.is_none(),
            failure: it.failure.as_deref(),
            note: it.note.as_deref(),
        }
    }
}
