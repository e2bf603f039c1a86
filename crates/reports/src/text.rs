//! A report as text, for terminals and for the plain part of messages.

use std::io::{self, Write};

use crate::document::{Block, Document, Fact, Note, Section, Table, Tile};
use crate::table::{self, Align};
use crate::words;

/// The report as text. What would move a cursor or turn the direction of writing is a visible
/// sign in it.
#[must_use]
pub fn text(document: &Document) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = write(document, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn write(it: &Document, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", words::line(&it.title))?;
    writeln!(out, "{}", words::line(&it.verdict))?;
    for sentence in &it.lead {
        writeln!(out, "{}", words::line(sentence))?;
    }
    blocks(&it.blocks, out)?;
    if !it.foot.is_empty() {
        writeln!(out, "\n{}", words::line(&it.foot))?;
    }
    Ok(())
}

fn blocks(blocks: &[Block], out: &mut dyn Write) -> io::Result<()> {
    for block in blocks {
        match block {
            Block::Text(text) => writeln!(out, "\n{}", words::lines(text))?,
            Block::Facts(list) => facts(list, out)?,
            Block::Tiles(list) => tiles(list, out)?,
            Block::Bar(_) => (),
            Block::Notes(list) => notes(list, out)?,
            Block::Table(it) => rows(it, out)?,
            Block::Section(it) => section(it, out)?,
        }
    }
    Ok(())
}

fn facts(list: &[Fact], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    let name = |it: &Fact| format!("{}:", it.name);
    let row = |it: &Fact| vec![name(it), words::line(&it.value).into_owned()];
    let rows: Vec<_> = list.iter().map(row).collect();
    table::write(&[Align::Left, Align::Left], &rows, out)
}

fn tiles(list: &[Tile], out: &mut dyn Write) -> io::Result<()> {
    let told = |it: &Tile| format!("{} {}", words::count(it.value), it.name);
    let told: Vec<_> = list.iter().map(told).collect();
    writeln!(out, "\n  {}", told.join(", "))
}

fn notes(list: &[Note], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    for note in list {
        writeln!(out, "  {}", words::line(&note.text))?;
        if let Some(hint) = &note.hint {
            writeln!(out, "    {}", words::line(hint))?;
        }
    }
    Ok(())
}

fn rows(it: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    let aligns: Vec<_> = it.columns.iter().map(|it| it.align).collect();
    let heads = it.columns.iter().map(|it| it.head.to_owned()).collect();
    let cell = |it: &String| words::line(it).into_owned();
    let rows = it.rows.iter().map(|row| row.cells.iter().map(cell).collect());
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    table::write(&aligns, &rows, out)
}

fn section(it: &Section, out: &mut dyn Write) -> io::Result<()> {
    let (title, summary) = (words::line(&it.title), words::line(&it.summary));
    match summary.is_empty() {
        true => writeln!(out, "\n{title}")?,
        false => writeln!(out, "\n{title} ({summary})")?,
    }
    blocks(&it.blocks, out)
}
