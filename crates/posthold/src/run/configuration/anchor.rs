//! An anchor as keys and values, and back.

use std::path::Path;

use commands::{AnchorAdd, AnchorTarget, Failure, FailureKind, check_name};

use super::super::anchors;
use super::fields::Fields;
use super::object::Object;

/// Hours between two checkpoints when nothing is said.
const EVERY_HOURS: u32 = 24;

/// An anchor as fields.
pub(super) fn fields(name: &str, target: &AnchorTarget, every_hours: u32) -> Fields {
    let mut fields = Fields::default();
    fields.text("name", name);
    match target {
        AnchorTarget::Mail(people) => fields.list("to", people),
        AnchorTarget::File(path) => fields.text("file", path.to_string_lossy()),
        AnchorTarget::Tsa { url, roots } => {
            fields.text("url", url);
            fields.lines("certificates", roots);
        }
    }
    fields.whole("every_hours", every_hours.into());
    fields
}

/// Reads an anchor. `dir` is where relative paths begin.
pub(super) fn read(mut object: Object, dir: &Path) -> Result<AnchorAdd, Failure> {
    check_name(object.name()).map_err(|it| object.about(it))?;
    let to = object.list("to")?.map(AnchorTarget::Mail);
    let file = object.text("file")?.map(|it| AnchorTarget::File(dir.join(it)));
    let roots = roots(&mut object, dir)?;
    let url = object.text("url")?;
    if url.is_some() != roots.is_some() {
        return Err(
            object.wrong("url", "it comes with ca_file or certificates, and without it not")
        );
    }
    let tsa = url.zip(roots).map(|(url, roots)| AnchorTarget::Tsa { url, roots });
    let mut targets = [to, file, tsa].into_iter().flatten();
    let (Some(target), None) = (targets.next(), targets.next()) else {
        let message = "it is at one place: to, file or url says where";
        return Err(object.about(Failure::new(FailureKind::Request, message)));
    };
    anchors::check_target(&target).map_err(|it| object.about(it))?;
    let every_hours = object.whole("every_hours")?.unwrap_or(EVERY_HOURS);
    anchors::check_hours(every_hours).map_err(|it| object.about(it))?;
    let name = object.name().to_owned();
    object.end()?;
    Ok(AnchorAdd { name, target, every_hours, ca_file: None })
}

/// The certificates of an authority: in another file, or as the export writes them.
fn roots(object: &mut Object, dir: &Path) -> Result<Option<String>, Failure> {
    let file = object.text("ca_file")?;
    let written = object.text("certificates")?;
    match (file, written) {
        (Some(_), Some(_)) => Err(object.wrong("ca_file", "certificates stand there too")),
        (Some(path), None) => {
            anchors::pem(&dir.join(path)).map(Some).map_err(|it| object.about(it))
        }
        (None, Some(text)) => {
            anchors::check_roots(&text).map_err(|it| object.wrong("certificates", it))?;
            Ok(Some(text))
        }
        (None, None) => Ok(None),
    }
}
