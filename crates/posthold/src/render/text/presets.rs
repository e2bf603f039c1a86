//! Answers about presets, for people.

use std::io::{self, Write};

use commands::PresetShown;

use super::{Align, table};

/// One line per preset.
pub(super) fn list(presets: &[PresetShown], out: &mut dyn Write) -> io::Result<()> {
    let row = |it: &PresetShown| {
        let access = match &it.form {
            Some(form) => format!("master login: {form}"),
            None => "own passwords only".to_owned(),
        };
        vec![it.name.clone(), it.title.clone(), access]
    };
    let rows: Vec<_> = presets.iter().map(row).collect();
    table::write(&[Align::Left; 3], &rows, out)
}

/// Everything about one.
pub(super) fn one(it: &PresetShown, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Preset {}: {}.", it.name, it.title)?;
    let host = if it.host_is_fixed { it.host.clone() } else { format!("often {}", it.host) };
    let access = match (&it.form, &it.identity) {
        (Some(form), Some(identity)) => format!("by a master login: {form}, as {identity}"),
        _ => "each mailbox by its own password (kind batch)".to_owned(),
    };
    let folders: Vec<String> =
        it.folders.iter().map(|(folder, of)| format!("{folder} ({of})")).collect();
    let lines = [
        ("Host", host),
        ("Reached by", it.endpoints.join(", ")),
        ("Many", access),
        ("Folders", folders.join(", ")),
        ("Left out", it.excluded.join(", ")),
        ("Guide", format!("docs/guide/{}", it.guide)),
        ("Known from", it.source.clone()),
    ];
    for (head, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "  {:<14}{value}", format!("{head}:"))?;
    }
    it.hints.iter().try_for_each(|(at, text)| writeln!(out, "  ({at}) {text}"))
}
