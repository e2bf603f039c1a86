//! HTML to text to find a message by. It is not for showing.
//!
//! Rules: one pass over the source; no byte is looked at more than a fixed number of times;
//! scripts, styles and comments are left out; what only changes how letters look does not part
//! words; the text of a picture is text. Tags end as the HTML standard says (§13.2.5), with
//! quoted attribute values; there is no tree.

use memchr::{memchr, memchr2, memmem};

use crate::library;

/// The longest entity that is looked for, with `&` and `;`, in bytes.
const ENTITY_BYTES_MAX: usize = 34;

/// Elements that do not part words.
const INLINE: [&str; 27] = [
    "a", "abbr", "acronym", "b", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins",
    "kbd", "label", "mark", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt",
    "u", "wbr",
];

/// Appends the text of `html` to `out` until it is `bytes_max` long. Says whether all of it went
/// in.
pub(crate) fn push_text(out: &mut String, html: &str, bytes_max: usize) -> bool {
    let mut rest = html;
    while !rest.is_empty() {
        if out.len() >= bytes_max {
            return false;
        }
        let end = memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        out.push_str(text);
        rest = match tail.as_bytes().first() {
            Some(b'<') => markup(out, tail),
            Some(_) => entity(out, tail),
            None => "",
        };
    }
    true
}

/// Reads what begins with `<`; gives what follows it.
fn markup<'x>(out: &mut String, source: &'x str) -> &'x str {
    match source.as_bytes() {
        [_, b'!', b'-', b'-', ..] => comment(source),
        [_, b'!' | b'?', ..] => after(source, memchr(b'>', source.as_bytes())),
        [_, b'/', it, ..] if it.is_ascii_alphabetic() => tag(out, source, 2),
        [_, it, ..] if it.is_ascii_alphabetic() => tag(out, source, 1),
        _ => {
            out.push('<');
            source.get(1..).unwrap_or_default()
        }
    }
}

/// What follows the byte at `at`; nothing when there is none.
fn after(source: &str, at: Option<usize>) -> &str {
    at.and_then(|it| source.get(it + 1..)).unwrap_or_default()
}

/// HTML §13.2.5.43 and after: `<!-->` and `<!--->` are whole comments.
fn comment(source: &str) -> &str {
    for short in ["<!-->", "<!--->"] {
        if let Some(rest) = source.strip_prefix(short) {
            return rest;
        }
    }
    let end = memmem::find(source.as_bytes(), b"-->").map(|it| it + 2);
    after(source, end)
}

/// Reads a tag whose name begins at `name_start`.
fn tag<'x>(out: &mut String, source: &'x str, name_start: usize) -> &'x str {
    let from_name = source.get(name_start..).unwrap_or_default();
    let is_end = |it: u8| it.is_ascii_whitespace() || matches!(it, b'>' | b'/');
    let name_len = from_name.bytes().position(is_end).unwrap_or(from_name.len());
    let (name, attributes) = from_name.split_at_checked(name_len).unwrap_or((from_name, ""));
    let attributes_len = tag_end(attributes);
    let rest = after(attributes, Some(attributes_len));
    let is = |wanted: &[&str]| wanted.iter().any(|it| it.eq_ignore_ascii_case(name));
    if !is(&INLINE) && !out.ends_with(['\n', ' ']) {
        out.push('\n');
    }
    if name_start > 1 {
        return rest;
    }
    if is(&["script"]) {
        return raw_text(rest, "</script");
    }
    if is(&["style"]) {
        return raw_text(rest, "</style");
    }
    if is(&["img", "area"])
        && let Some(alt) = attribute(attributes.get(..attributes_len).unwrap_or_default(), "alt")
    {
        push_with_entities(out, alt);
        out.push('\n');
    }
    rest
}

/// Where the `>` is that ends a tag: outside quotes. The length of `attributes` without one.
fn tag_end(attributes: &str) -> usize {
    let mut quote = None;
    let mut previous = b' ';
    for (at, byte) in attributes.bytes().enumerate() {
        match (quote, byte) {
            (Some(it), _) if it == byte => quote = None,
            (None, b'>') => return at,
            // HTML §13.2.5.35: a quote opens a value only after the equals sign.
            (None, b'"' | b'\'') if previous == b'=' => quote = Some(byte),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            previous = byte;
        }
    }
    attributes.len()
}

/// What follows the end tag of an element whose content is no text. Without one, nothing.
fn raw_text<'x>(source: &'x str, end_tag: &str) -> &'x str {
    let mut pos = 0;
    while let Some(at) = source.get(pos..).and_then(|it| memmem::find(it.as_bytes(), b"</")) {
        let start = pos + at;
        let candidate = source.get(start..start + end_tag.len());
        if candidate.is_some_and(|it| it.eq_ignore_ascii_case(end_tag)) {
            return source.get(start..).unwrap_or_default();
        }
        pos = start + 2;
    }
    ""
}

/// The value of an attribute of a tag.
fn attribute<'x>(attributes: &'x str, wanted: &str) -> Option<&'x str> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|it: char| it.is_ascii_whitespace() || it == '/');
        let end = rest.find(|it: char| it.is_ascii_whitespace() || it == '=')?;
        let (name, tail) = rest.split_at_checked(end)?;
        let Some(value) = tail.trim_ascii_start().strip_prefix('=') else {
            rest = tail;
            continue;
        };
        let value = value.trim_ascii_start();
        let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''));
        let (value, tail) = match quote {
            Some(quote) => {
                let inner = value.get(1..)?;
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            None => value.split_once(|it: char| it.is_ascii_whitespace()).unwrap_or((value, "")),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = tail;
    }
}

/// Appends text in which only entities are markup.
fn push_with_entities(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        rest = entity(out, tail);
    }
    out.push_str(rest);
}

/// Reads what begins with `&`; gives what follows it.
fn entity<'x>(out: &mut String, source: &'x str) -> &'x str {
    let is_end = |it: u8| !(it.is_ascii_alphanumeric() || matches!(it, b'&' | b'#'));
    let end = source.bytes().take(ENTITY_BYTES_MAX).skip(1).position(is_end).map(|it| it + 1);
    let whole = end.filter(|it| source.as_bytes().get(*it) == Some(&b';'));
    let Some((entity, rest)) = whole.and_then(|it| source.split_at_checked(it + 1)) else {
        out.push('&');
        return source.get(1..).unwrap_or_default();
    };
    match entity {
        "&nbsp;" | "&#160;" => out.push(' '),
        "&amp;" => out.push('&'),
        // Soft hyphens and spaces of no width are inside words or nowhere.
        "&shy;" | "&zwnj;" | "&#173;" | "&#8203;" | "&#8204;" | "&#65279;" | "&#847;" => {}
        _ => library::push_entity(out, entity),
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, html, usize::MAX);
        out.trim().to_owned()
    }

    #[test]
    fn html_as_text() {
        let cases = [
            ("plain", "plain"),
            ("<p>one</p><p>two</p>", "one\ntwo"),
            ("wo<b>rd</b> s<SPAN style='x'>pan</SPAN>ned", "word spanned"),
            ("<td>a</td><td>b</td>", "a\nb"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<script>if (a < b) { x('</p>') }</SCRIPT >after", "after"),
            ("<style>p { }</style>after", "after"),
            ("<script>no end", ""),
            ("<!-- a > b -->after", "after"),
            ("<!--[if mso]><p>x</p><![endif]-->after", "after"),
            ("<![if !mso]>shown<![endif]>", "shown"),
            ("<!-->after", "after"),
            ("<!-- no end", ""),
            ("<a href='x>y' title=\"a > b\">link</a>", "link"),
            ("<a href=\"no end>x</a> y", ""),
            ("<p don't>kept</p>", "kept"),
            ("a < b and c > d", "a < b and c > d"),
            (
                "x &lt;&amp;&gt; &eacute;&#233;&#xe9; &nbsp;&unknown; &; & a&b",
                "x <&> \u{e9}\u{e9}\u{e9}  &unknown; &; & a&b",
            ),
            ("in&shy;vis&#8203;ible", "invisible"),
            ("&#0;&#x110000;", "\0\u{fffd}"),
            ("<img src=x alt='a cat &amp; a dog'>", "a cat & a dog"),
            ("<img alt=cat src='y'>", "cat"),
            ("<img alt>x", "x"),
            ("<title>T</title><body>B", "T\nB"),
            ("<", "<"),
            ("</", "</"),
            ("<a", ""),
            ("é<é>é", "é<é>é"),
            ("<p\u{e9}>x", "x"),
        ];
        for (html, want) in cases {
            assert_eq!(text(html), want, "{html}");
        }
    }

    #[test]
    fn text_ends_at_its_limit() {
        let mut out = String::new();
        assert!(!push_text(&mut out, &"<p>word</p>".repeat(1000), 100));
        assert!(out.len() < 120);
    }

    #[test]
    fn hostile_html_takes_linear_time() {
        for piece in
            ["<", "<!--", "<a href=\"", "&", "&#", "<script>", "</", "<a ", "<img alt=", "&a"]
        {
            text(&piece.repeat(200_000));
        }
    }
}
