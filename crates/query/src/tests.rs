use expect_test::{ExpectFile, expect_file};
use types::{BlobId, Timestamp};

use crate::*;

/// 2026-11-21T18:01:40Z
const NOW: Timestamp = Timestamp(1_795_284_100);

fn show(node: &Node) -> String {
    let list = |name: &str, nodes: &[Node]| {
        format!("{name}({})", nodes.iter().map(show).collect::<Vec<_>>().join(", "))
    };
    let day = |at: Option<Timestamp>| {
        at.map_or(String::new(), |it| it.to_string().replace("T00:00:00Z", ""))
    };
    match node {
        Node::All => "all".into(),
        Node::And(nodes) => list("and", nodes),
        Node::Or(nodes) => list("or", nodes),
        Node::Not(node) => format!("not({})", show(node)),
        Node::Words(words) => show_words(words),
        Node::Time(field, span) => format!("{field:?}[{}..{}]", day(span.from), day(span.until)),
        Node::Larger(size) => format!(">{size}"),
        Node::Smaller(size) => format!("<{size}"),
        Node::HasAttachment => "has-attachment".into(),
        Node::MessageIdHeader(id) => format!("message-id={id}"),
        Node::Catalog(CatalogTerm::Folder(it)) => format!("folder={it}"),
        Node::Catalog(CatalogTerm::User(it)) => format!("user={it}"),
        Node::Catalog(CatalogTerm::Flag(it)) => format!("flag={:?}", it.0),
        Node::Catalog(CatalogTerm::Id(it)) => format!("id={}", it.as_str()),
        Node::Catalog(CatalogTerm::PartlyRead) => "partly-read".into(),
    }
}

fn show_words(words: &Words) -> String {
    let phrase: Vec<String> = words.phrase.iter().map(Pattern::to_string).collect();
    let whole = |name: &str, it: &Option<Pattern>| {
        it.as_ref().map_or(String::new(), |it| format!(" {name}={it}"))
    };
    format!(
        "{:?}<{}{}{}>",
        words.field,
        phrase.join(" "),
        whole("address", &words.address),
        whole("name", &words.file_name)
    )
}

fn check(queries: &[&str], expect: &ExpectFile) {
    let lines: Vec<String> = queries
        .iter()
        .map(|query| match parse(query, NOW) {
            Ok(parsed) => format!("{query}\n    {}\n", show(&parsed.root)),
            Err(error) => format!("{}\n", error.render(query)),
        })
        .collect();
    expect.assert_eq(&lines.concat());
}

#[test]
fn words_and_operators() {
    check(
        &[
            "",
            "  ",
            "report",
            "Quarterly Report",
            "a OR b c OR d",
            "a AND b",
            "(a OR b) c",
            "-draft report",
            "report -(draft OR old)",
            "NOT draft",
            "a NOT (b -c)",
            "or and not",
            "\"quarterly report\"",
            "“typographic quotes”",
            "\"an \\\"escaped\\\" quote\"",
            "a\"b c\"d",
            "rep*",
            "w?rd",
            "foo-bar",
            "foo-ba*",
            "don't",
            "C:\\dir 12:30 http://example.org/x",
            "std::io Re: offer",
            "Straße ÉTÉ",
            "年度報告",
            "契約* 2026年*",
            "bob@example.org",
            "--x",
        ],
        &expect_file!["../test_data/words_and_operators.txt"],
    );
}

#[test]
fn fields() {
    check(
        &[
            "from:bob subject:\"quarterly report\"",
            "FROM:Bob@Example.ORG",
            "from:<bob@example.org>",
            "from:@example.org",
            "from:bob@",
            "from:bob@exam*",
            "from:\"Bob Smith\"",
            "from:\"bob@example.org\"",
            "to:(alice OR bob) cc:-carol",
            "subject:(a \"b c\" -d)",
            "body:x attachment:y filename:report.pdf",
            "filename:inv*.pdf",
            "filename:rep-2026-*",
            "folder:inbox folder:\"Sent Items\" folder:/alice/Work user:alice",
            "is:flagged is:seen is:unread",
            "is:Answered is:draft -is:read",
            "has:attachment larger:5M smaller:10k",
            "date:2026 archived:2026-11..2026-12",
            "after:2026-11-21 before:2026-11-21",
            "after:7d before:1y",
            "date:(2025 OR 2026-01)",
            "id:E3B0C44298FC",
            "message-id:<x1@example.org> messageid:x1@example.org",
        ],
        &expect_file!["../test_data/fields.txt"],
    );
}

#[test]
fn wrong_queries() {
    check(
        &[
            "(a",
            "a)",
            "()",
            "a OR",
            "OR a",
            "a AND OR b",
            "a AND",
            "\"never closed",
            "a - b",
            "&& a",
            "\"\"",
            "*",
            "*port",
            "from:*@example.org",
            "filename:*.pdf",
            "filename:report?",
            "a-*-b",
            "what?",
            "form:bob",
            "foo:\"bar\"",
            "from: bob",
            "from:",
            "from:(to:x)",
            "date:21.11.2026",
            "date:2026-12..2026-01",
            "before:2026..2027",
            "larger:big",
            "has:pictures",
            "is:important",
            "folder:/",
            "id:xyz",
            "a b\tc é (d",
        ],
        &expect_file!["../test_data/wrong_queries.txt"],
    );
}

#[test]
fn an_unknown_field_gets_the_list() {
    let error = parse("mailto:bob", NOW).unwrap_err();
    assert_eq!(error.to_string(), "there is no field mailto:");
    assert!(error.hint().starts_with("put \"mailto:bob\" in quotes; the fields are from: to: "));
}

#[test]
fn limits() {
    let long = "x ".repeat(QUERY_BYTES_MAX);
    let deep = "(".repeat(DEPTH_MAX + 1);
    let negated = "-".repeat(DEPTH_MAX + 1) + "x";
    let many = "x ".repeat(TERMS_MAX + 1);
    let phrase = format!("\"{}\"", "x ".repeat(PHRASE_WORDS_MAX + 1));
    let cases = [
        (long, "the query is longer than 16384 bytes"),
        (deep, "more than 32 parentheses or minus signs in one another"),
        (negated, "more than 32 parentheses or minus signs in one another"),
        (many, "the query has more than 256 words and values"),
        (phrase, "the phrase has more than 128 words"),
    ];
    for (query, want) in cases {
        assert_eq!(parse(&query, NOW).unwrap_err().to_string(), want);
    }
    assert!(parse(&"x ".repeat(TERMS_MAX), NOW).is_ok());
    assert!(parse(&("(".repeat(DEPTH_MAX) + "x" + &")".repeat(DEPTH_MAX)), NOW).is_ok());
}

#[test]
fn catalog_terms_are_listed_once() {
    let query = parse("folder:a (is:flagged OR -folder:a) user:bob folder:b", NOW).unwrap();
    let terms: Vec<String> =
        query.catalog_terms().into_iter().map(|it| show(&Node::Catalog(it.clone()))).collect();
    assert_eq!(terms, ["folder=a", "folder=b", "user=bob", "flag={\"flagged\"}"]);
    let id = BlobId::of(b"");
    let query = parse(&format!("id:{id}"), NOW).unwrap();
    assert!(matches!(query.catalog_terms()[..], [CatalogTerm::Id(it)] if it.whole() == Some(id)));
}

/// Whatever is typed: an answer or an error with a place inside the query, never a panic.
#[test]
fn random_queries_never_panic() {
    let pieces = [
        "a",
        "bob",
        "é",
        "報",
        "\u{301}",
        "*",
        "?",
        "-",
        "--",
        "(",
        ")",
        "\"",
        "“",
        ":",
        " ",
        "\t",
        "OR",
        "AND",
        "NOT",
        " OR ",
        "from:",
        "date:",
        "folder:",
        "is:",
        "id:",
        "larger:",
        "@",
        ".",
        "..",
        "2026",
        "7d",
        "/",
        "\\",
        "\u{0}",
        "\u{ad}",
        "ß",
        "\u{1f389}",
        "x@y.z",
        "<",
        ">",
    ];
    let mut seed = 20_261_121_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..60_000 {
        let mut query = String::new();
        for _ in 0..next(12) {
            query.push_str(pieces[next(pieces.len())]);
        }
        if let Err(error) = parse(&query, NOW) {
            assert!(query.is_char_boundary(error.position()), "{query:?}");
            assert!(!error.hint().is_empty() && error.render(&query).lines().count() == 3);
        }
    }
}

/// The reference for users names every field, and its examples are queries.
#[test]
fn the_reference_is_true() {
    let page = include_str!("../../../docs/reference/query.md");
    let rows = page.lines().filter_map(|it| it.strip_prefix("| `"));
    let queries: Vec<&str> = rows.filter_map(|it| it.split('`').next()).collect();
    assert!(50 < queries.len());
    for query in &queries {
        parse(query, NOW).unwrap_or_else(|error| panic!("{}", error.render(query)));
    }
    for name in crate::field::names().split(' ') {
        assert!(queries.iter().any(|it| it.contains(name)), "{name} has no example");
    }
    let wrong = "from:bob date:21.11.2026";
    let rendered = parse(wrong, NOW).unwrap_err().render(wrong);
    assert!(page.replace("\n    ", "\n").contains(&rendered), "{rendered}");
    for limit in [QUERY_BYTES_MAX >> 10, TERMS_MAX, PHRASE_WORDS_MAX, DEPTH_MAX] {
        assert!(page.contains(&format!("| {limit}")), "{limit}");
    }
}

#[test]
fn bounds_of_queries() {
    let cases = [
        ("", "all | all"),
        ("subject:a", "Subject<a> | or(Subject<a>, partly-read)"),
        ("a", "Any<a> | or(Any<a>, partly-read, has-attachment)"),
        ("attachment:a", "Attachment<a> | or(Attachment<a>, partly-read, has-attachment)"),
        ("-body:a", "not(or(Body<a>, partly-read)) | not(Body<a>)"),
        ("has:attachment larger:5", "and(has-attachment, >5) | and(has-attachment, >5)"),
        (
            "folder:x -(-body:a)",
            "and(folder=x, not(not(Body<a>))) | and(folder=x, not(not(or(Body<a>, partly-read))))",
        ),
    ];
    for (query, want) in cases {
        let Bounds { certain, possible } = parse(query, NOW).unwrap().bounds();
        assert_eq!(format!("{} | {}", show(&certain.root), show(&possible.root)), want, "{query}");
    }
}
