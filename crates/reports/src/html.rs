//! A report as one page of HTML that needs nothing else: its style is in it, and no script, picture
//! or font is fetched from anywhere.
//!
//! Rules: only [`Page::markup`] writes markup, and it takes nothing but literals of this file;
//! everything else goes through [`Page::put`], which escapes. The page forbids a browser to run or
//! fetch anything, in case somebody finds a way around both.

use crate::document::{Block, Document, Fact, Note, Section, Segment, Table, Tile, Tone, Unfolded};
use crate::table::Align;
use crate::words;

const STYLE: &str = include_str!("style.css");

/// The report as a page of HTML.
#[must_use]
pub fn html(document: &Document) -> String {
    let mut page = Page(String::with_capacity(16 << 10));
    page.head(document);
    page.opening(document);
    page.blocks(&document.blocks, Heading::Second);
    page.markup("</main>\n<footer>").put(&document.foot).markup("</footer>\n</body>\n</html>\n");
    page.0
}

/// The heading that comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heading {
    Second,
    Third,
}

struct Page(String);

impl Page {
    /// Markup of ours. That it is `'static` keeps what was read from elsewhere out.
    fn markup(&mut self, markup: &'static str) -> &mut Page {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody, for content and for quoted attributes.
    fn put(&mut self, text: &str) -> &mut Page {
        for it in words::line(text).chars() {
            match it {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(it),
            }
        }
        self
    }

    fn head(&mut self, it: &Document) {
        self.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        self.markup("<meta http-equiv=\"Content-Security-Policy\" ");
        self.markup("content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
        self.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        self.markup("<meta name=\"color-scheme\" content=\"light dark\">\n");
        self.markup("<meta name=\"referrer\" content=\"no-referrer\">\n<title>").put(&it.title);
        self.markup("</title>\n<style>\n").markup(STYLE).markup("</style>\n</head>\n<body>\n");
    }

    fn opening(&mut self, it: &Document) {
        self.markup("<main>\n<header class=\"")
            .markup(class(it.tone))
            .markup("\">\n<p class=\"what\">");
        self.put(&it.title).markup("</p>\n<h1><span class=\"sign\">").markup(sign(it.tone));
        self.markup("</span> ").put(&it.verdict).markup("</h1>\n");
        for sentence in &it.lead {
            self.markup("<p>").put(sentence).markup("</p>\n");
        }
        self.markup("</header>\n");
    }

    fn blocks(&mut self, blocks: &[Block], next: Heading) {
        for block in blocks {
            match block {
                Block::Text(text) => self.paragraphs(text),
                Block::Facts(list) => self.facts(list),
                Block::Tiles(list) => self.tiles(list),
                Block::Bar(list) => self.bar(list),
                Block::Notes(list) => self.notes(list),
                Block::Table(it) => self.table(it),
                Block::Section(it) => self.section(it, next),
            }
        }
    }

    fn paragraphs(&mut self, text: &str) {
        for line in text.lines().filter(|it| !it.is_empty()) {
            self.markup("<p>").put(line).markup("</p>\n");
        }
    }

    fn facts(&mut self, list: &[Fact]) {
        self.markup("<dl>\n");
        for it in list {
            self.markup("<div><dt>").markup(it.name).markup("</dt><dd>").put(&it.value);
            self.markup("</dd></div>\n");
        }
        self.markup("</dl>\n");
    }

    fn tiles(&mut self, list: &[Tile]) {
        self.markup("<ul class=\"tiles\">\n");
        for it in list {
            self.markup("<li class=\"").markup(class(it.tone)).markup("\"><b>");
            self.put(&words::count(it.value)).markup("</b> ").markup(it.name).markup("</li>\n");
        }
        self.markup("</ul>\n");
    }

    /// The tiles name the numbers, so that nobody needs to see it.
    fn bar(&mut self, list: &[Segment]) {
        let all: u64 = list.iter().map(|it| it.value).sum();
        if all == 0 {
            return;
        }
        self.markup("<div class=\"bar\" aria-hidden=\"true\">");
        for it in list.iter().filter(|it| it.value != 0) {
            let percent = u128::from(it.value) * 10_000 / u128::from(all);
            self.markup("<i class=\"").markup(it.name).markup("\" style=\"flex-grow:");
            self.put(&percent.max(1).to_string()).markup("\"></i>");
        }
        self.markup("</div>\n<p class=\"legend\" aria-hidden=\"true\">");
        for it in list.iter().filter(|it| it.value != 0) {
            self.markup("<span><i class=\"").markup(it.name).markup("\"></i>");
            self.markup(it.name).markup("</span> ");
        }
        self.markup("</p>\n");
    }

    fn notes(&mut self, list: &[Note]) {
        self.markup("<ul class=\"notes\">\n");
        for it in list {
            self.markup("<li class=\"").markup(class(it.tone)).markup("\">").put(&it.text);
            if let Some(hint) = &it.hint {
                self.markup("<span class=\"hint\">").put(hint).markup("</span>");
            }
            self.markup("</li>\n");
        }
        self.markup("</ul>\n");
    }

    fn table(&mut self, it: &Table) {
        self.markup("<table>\n<thead><tr>");
        for column in &it.columns {
            self.markup("<th scope=\"col\" class=\"").markup(aligned(column.align)).markup("\">");
            self.markup(column.head).markup("</th>");
        }
        self.markup("</tr></thead>\n<tbody>\n");
        for row in &it.rows {
            self.markup("<tr class=\"").markup(class(row.tone)).markup("\">");
            for (cell, column) in row.cells.iter().zip(&it.columns) {
                // On a phone a row is a card, and each cell shows its head from here.
                self.markup("<td data-head=\"").markup(column.head).markup("\" class=\"");
                self.markup(aligned(column.align));
                self.markup(if cell.is_empty() || cell == "0" { " none\">" } else { "\">" });
                self.put(cell).markup("</td>");
            }
            self.markup("</tr>\n");
        }
        self.markup("</tbody>\n</table>\n");
    }

    fn section(&mut self, it: &Section, heading: Heading) {
        let (open, close) = match heading {
            Heading::Second => ("<h2>", "</h2>"),
            Heading::Third => ("<h3>", "</h3>"),
        };
        self.markup("<section class=\"").markup(class(it.tone)).markup("\">\n");
        match it.unfolded {
            Unfolded::Always => self.markup(""),
            Unfolded::AtFirst => self.markup("<details open><summary>"),
            Unfolded::OnDemand => self.markup("<details><summary>"),
        };
        self.markup(open).put(&it.title);
        if !it.summary.is_empty() {
            self.markup(" <small>").put(&it.summary).markup("</small>");
        }
        self.markup(close);
        self.markup(if it.unfolded == Unfolded::Always { "\n" } else { "</summary>\n" });
        self.blocks(&it.blocks, Heading::Third);
        self.markup(if it.unfolded == Unfolded::Always { "" } else { "</details>\n" });
        self.markup("</section>\n");
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

/// A sign beside the colour, for those who do not see it.
fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "\u{2022}",
        Tone::Good => "\u{2713}",
        Tone::Warn => "!",
        Tone::Bad => "\u{2715}",
    }
}

fn aligned(align: Align) -> &'static str {
    match align {
        Align::Left => "word",
        Align::Right => "number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server, a user or a message may call things.
    const HOSTILE: &[&str] = &[
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</style></title></table>",
        "&lt;b&gt; &#60;",
        "<!-- --> <![CDATA[ ]]>",
        "javascript:alert(1)",
        "\u{202e}gnp.exe\u{0}\u{1b}[31m",
        "a\r\n\r\nSet-Cookie: x",
    ];

    fn everything(text: &str) -> Document {
        let mut table = Table::new(&[("mailbox", Align::Left), ("there", Align::Right)]);
        table.push(Tone::Bad, [text.to_owned(), text.to_owned()]);
        let note = Note { tone: Tone::Warn, text: text.into(), hint: Some(text.into()) };
        let section = Section {
            title: text.into(),
            summary: text.into(),
            tone: Tone::Warn,
            unfolded: Unfolded::AtFirst,
            blocks: vec![Block::Table(table), Block::Notes(vec![note])],
        };
        Document {
            title: text.into(),
            tone: Tone::Bad,
            verdict: text.into(),
            lead: vec![text.into()],
            blocks: vec![
                Block::Text(text.replace('\n', " ")),
                Block::Facts(vec![Fact { name: "Job", value: text.into() }]),
                Block::Section(section),
            ],
            foot: text.into(),
        }
    }

    /// Markup without what stands between tags.
    fn tags(page: &str) -> Vec<String> {
        page.split('<').skip(1).filter_map(|it| Some(it.split_once('>')?.0.to_owned())).collect()
    }

    #[test]
    fn hostile_text_makes_no_markup() {
        let harmless = tags(&html(&everything("x")));
        for text in HOSTILE {
            let page = html(&everything(text));
            assert_eq!(tags(&page), harmless, "{text:?}");
            assert!(!page.contains(['\u{202e}', '\0', '\u{1b}', '\r']), "{text:?}");
            assert_eq!(
                page.matches("onerror=").count(),
                page.matches("onerror=alert(1)&gt;").count()
            );
        }
    }

    #[test]
    fn a_page_needs_nothing_else() {
        let page = html(&everything("x"));
        for word in ["<script", "<link", "<img", "src=", "href=", "url(", "@import", "http://"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}
