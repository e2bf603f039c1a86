//! Aligned columns.

use std::io::{self, Write};

use super::words::{columns, padded};

/// How a column is aligned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Writes `rows`, each indented by two, every column as wide as its widest cell. The last column
/// is not filled up.
pub fn write(align: &[Align], rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let width = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| columns(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..align.len()).map(width).collect();
    for row in rows {
        let mut line = String::from(" ");
        for ((cell, align), width) in row.iter().zip(align).zip(&widths) {
            line.push(' ');
            match align {
                Align::Left => line.push_str(&padded(cell, *width)),
                Align::Right => {
                    line.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(cell))));
                    line.push_str(cell);
                }
            }
            line.push(' ');
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
