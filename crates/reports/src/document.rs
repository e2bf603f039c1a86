//! A report as a value, before anybody decided how it is shown.
//!
//! Rules: the verdict comes first; whatever stands in a report is in all of its forms; text that
//! comes from elsewhere is kept as it came, and made harmless where it is written.

pub use crate::table::Align;

/// How good something is. It is shown by colour, and never by colour alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Tone {
    /// Nothing to say.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Somebody should look at it.
    Warn,
    /// It is not as it should be.
    Bad,
}

/// A report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Document {
    /// What it is about, in a few words.
    pub title: String,
    /// How good it is.
    pub tone: Tone,
    /// The first thing to read: a sentence.
    pub verdict: String,
    /// What else is to be known first: sentences.
    pub lead: Vec<String>,
    /// The rest, in order.
    pub blocks: Vec<Block>,
    /// Where it comes from: a line.
    pub foot: String,
}

/// A part of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Names with values.
    Facts(Vec<Fact>),
    /// The numbers that matter most.
    Tiles(Vec<Tile>),
    /// The parts of a whole, as a picture. Text has the numbers in the tiles.
    Bar(Vec<Segment>),
    /// Sentences that deserve attention.
    Notes(Vec<Note>),
    /// Rows and columns.
    Table(Table),
    /// A part with a heading.
    Section(Section),
}

/// A name with a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// A number that matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tile {
    /// What it counts.
    pub name: &'static str,
    /// The number.
    pub value: u64,
    /// How good it is.
    pub tone: Tone,
}

/// A part of a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: u64,
}

/// A sentence that deserves attention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// How good it is.
    pub tone: Tone,
    /// The sentence.
    pub text: String,
    /// What a person can do: a sentence.
    pub hint: Option<String>,
}

/// Rows and columns. Every row has a cell for each column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// How it is aligned.
    pub align: Align,
}

/// A row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// How good it is.
    pub tone: Tone,
    /// Its cells.
    pub cells: Vec<String>,
}

/// A part with a heading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What is in it, in a few words; may be empty.
    pub summary: String,
    /// How good it is.
    pub tone: Tone,
    /// Whether a page shows it at once; else it waits to be opened. Paper and text show all.
    pub unfolded: Unfolded,
    /// What is in it.
    pub blocks: Vec<Block>,
}

/// Whether a section is shown at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unfolded {
    /// With nothing to fold.
    #[default]
    Always,
    /// Unfolded, and can be folded.
    AtFirst,
    /// Folded until somebody opens it.
    OnDemand,
}

impl Table {
    /// A table without rows. Columns of numbers are aligned to the right.
    #[must_use]
    pub fn new(columns: &[(&'static str, Align)]) -> Table {
        let column = |(head, align): &(&'static str, Align)| Column { head, align: *align };
        Table { columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, tone: Tone, cells: impl IntoIterator<Item = String>) {
        self.rows.push(Row { tone, cells: cells.into_iter().collect() });
    }
}

impl Section {
    /// A section that is always shown.
    pub fn new(title: impl Into<String>, blocks: Vec<Block>) -> Section {
        Section {
            title: title.into(),
            summary: String::new(),
            tone: Tone::Plain,
            unfolded: Unfolded::Always,
            blocks,
        }
    }
}

impl Note {
    /// A sentence that asks for attention.
    pub fn warn(text: impl Into<String>) -> Note {
        Note { tone: Tone::Warn, text: text.into(), hint: None }
    }
}
