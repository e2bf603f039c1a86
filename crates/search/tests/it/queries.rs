//! Tables of queries over a small set of messages.

use expect_test::{Expect, expect};
use search::{Order, Resolved, Scope, SearchErrorKind};
use types::MessageSet;

use crate::library::{Letter, index_of, numbers, ordered, parse};

fn check(letters: &[Letter], queries: &[&str], expect: &Expect) {
    let (_dir, searcher) = index_of(&[letters]);
    let resolved = Resolved::default();
    let lines: Vec<String> = queries
        .iter()
        .map(|query| format!("{query} {:?}\n", numbers(&searcher, query, None, &resolved).unwrap()))
        .collect();
    expect.assert_eq(&lines.concat());
}

fn office() -> Vec<Letter> {
    vec![
        Letter::new("Bob Smith <bob@example.org>", "Quarterly report", "The figures are attached.")
            .to("alice@example.org")
            .attached("Report Q3.pdf")
            .dated(1, 0),
        Letter::new("alice@example.org", "Re: Quarterly report", "Thanks, Bob. Report received.")
            .to("Bob Smith <bob@example.org>;carol@other.example")
            .dated(0, 0),
        Letter::new("Jim Bob <jim.bob@example.org>", "Lunch", "quarterly\nreport of the canteen")
            .cc("Alice <alice@example.org>", "hidden@example.net")
            .sized(20_000)
            .dated(40, 30),
        Letter::new("\u{0}mailer@sub.example.org", "", "")
            .id("<Empty.1@Example.org>")
            .sized(0)
            .dated(400, 40),
        Letter::new("Dörte Müßig <doerte@example.de>", "Angebot", "Im Anhang: das Angebot.")
            .attached("Angebot-2026-11.PDF")
            .attached("logo.png")
            .sized(3_000_000)
            .dated(-2, 0),
    ]
}

#[test]
fn words_phrases_and_operators() {
    check(
        &office(),
        &[
            "",
            "report",
            "REPORT quarterly",
            "\"quarterly report\"",
            "\"report quarterly\"",
            "report -thanks",
            "-report",
            "thanks OR lunch",
            "thanks OR lunch canteen",
            "(thanks OR lunch) report",
            "-(thanks OR lunch)",
            "-report -angebot",
            "rep*",
            "\"of the\" OR angebot",
            "can*n",
            "q*rly-rep*",
            "nothing",
            "nothing OR -nothing",
        ],
        &expect![[r#"
             [0, 1, 2, 3, 4]
            report [0, 1, 2]
            REPORT quarterly [0, 1, 2]
            "quarterly report" [0, 1, 2]
            "report quarterly" []
            report -thanks [0, 2]
            -report [3, 4]
            thanks OR lunch [1, 2]
            thanks OR lunch canteen [1, 2]
            (thanks OR lunch) report [1, 2]
            -(thanks OR lunch) [0, 3, 4]
            -report -angebot [3]
            rep* [0, 1, 2]
            "of the" OR angebot [2, 4]
            can*n [2]
            q*rly-rep* [0, 1, 2]
            nothing []
            nothing OR -nothing [0, 1, 2, 3, 4]
        "#]],
    );
}

#[test]
fn fields_and_addresses() {
    check(
        &office(),
        &[
            "subject:report",
            "body:report",
            "from:bob",
            "from:bob@example.org",
            "from:BOB@EXAMPLE.ORG",
            "from:@example.org",
            "from:example.org",
            "from:bob@",
            "from:bob@ex*",
            "from:\"bob smith\"",
            "from:\"Bob Smith <bob@example.org>\"",
            "bob@example.org",
            "to:bob",
            "cc:alice",
            "cc:hidden@example.net",
            "to:(alice OR carol)",
            "to:\"bob example org carol\"",
            "from:mailer",
            "from:dorte from:mussig",
            "filename:report",
            "filename:pdf",
            "filename:\"report q3\"",
            "filename:report*.pdf",
            "filename:angebot-2026-*",
            "attachment:logo.png",
            "has:attachment",
            "-has:attachment",
            "message-id:empty.1@example.org",
            "message-id:<Empty.1@Example.org>",
            "message-id:empty",
        ],
        &expect![[r#"
            subject:report [0, 1]
            body:report [1, 2]
            from:bob [0, 2]
            from:bob@example.org [0]
            from:BOB@EXAMPLE.ORG [0]
            from:@example.org [0, 1, 2]
            from:example.org [0, 1, 2, 3]
            from:bob@ [0]
            from:bob@ex* [0]
            from:"bob smith" [0]
            from:"Bob Smith <bob@example.org>" [0]
            bob@example.org [0, 1]
            to:bob [1]
            cc:alice [2]
            cc:hidden@example.net [2]
            to:(alice OR carol) [0, 1]
            to:"bob example org carol" []
            from:mailer [3]
            from:dorte from:mussig [4]
            filename:report [0]
            filename:pdf [0, 4]
            filename:"report q3" [0]
            filename:report*.pdf [0]
            filename:angebot-2026-* [4]
            attachment:logo.png [4]
            has:attachment [0, 4]
            -has:attachment [1, 2, 3]
            message-id:empty.1@example.org [3]
            message-id:<Empty.1@Example.org> [3]
            message-id:empty []
        "#]],
    );
}

#[test]
fn dates_and_sizes() {
    check(
        &office(),
        &[
            "date:today",
            "date:yesterday",
            "date:7d",
            "date:2026-11",
            "date:2026-10",
            "after:2026-11-21",
            "before:2026-11-21",
            "before:1y",
            "date:2025..2026-10",
            "date:2027..",
            "archived:today",
            "archived:2026-10",
            "larger:10k",
            "larger:19999 smaller:20001",
            "larger:20000 smaller:3000001",
            "smaller:0",
            "smaller:1",
        ],
        &expect![[r#"
            date:today [1]
            date:yesterday [0]
            date:7d [0, 1]
            date:2026-11 [0, 1, 4]
            date:2026-10 [2]
            after:2026-11-21 [1, 4]
            before:2026-11-21 [0, 2, 3]
            before:1y [3]
            date:2025..2026-10 [2, 3]
            date:2027.. []
            archived:today [0, 1, 4]
            archived:2026-10 [2, 3]
            larger:10k [2, 4]
            larger:19999 smaller:20001 [2]
            larger:20000 smaller:3000001 [4]
            smaller:0 []
            smaller:1 [3]
        "#]],
    );
}

#[test]
fn scripts_and_folding() {
    let letters = [
        Letter::new("", "Straßenfest", "Füße GRÜSSE ﬁnal"),
        Letter::new("", "Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ Ёлка"),
        Letter::new("", "年度報告書", "契約は2026年に締結"),
        Letter::new("", "계약서를 보냅니다", "ｶﾀｶﾅ"),
        Letter::new("", "ภาษาไทย", "हिन्दी में"),
        Letter::new("", "شُكْرًا", "שָׁלוֹם in\u{200b}visible"),
        Letter::new("", "x", &format!("{}TAIL", "long".repeat(30))),
    ];
    let long = format!("{}OTHER", "long".repeat(30));
    check(
        &letters,
        &[
            "strassenfest",
            "STRASSENFEST fuße grusse final",
            "οδυσσευς",
            "елка",
            "報告",
            "度報",
            "告報",
            "年",
            "契約*",
            "2026年",
            "계약",
            "약서",
            "カタ",
            "ไทย",
            "हिन्दी",
            "شكرا",
            "שלום",
            "invisible",
            "invis*",
            "longlong*",
        ],
        &expect![[r#"
            strassenfest [0]
            STRASSENFEST fuße grusse final [0]
            οδυσσευς [1]
            елка [1]
            報告 [2]
            度報 [2]
            告報 []
            年 [2]
            契約* [2]
            2026年 [2]
            계약 [3]
            약서 [3]
            カタ [3]
            ไทย [4]
            हिन्दी [4]
            شكرا [5]
            שלום [5]
            invisible [5]
            invis* [5]
            longlong* [6]
        "#]],
    );
    let (_dir, searcher) = index_of(&[&letters]);
    let found = numbers(&searcher, &long, None, &Resolved::default()).unwrap();
    assert_eq!(found, [6], "of a long word the beginning counts");
}

#[test]
fn a_phrase_stays_in_one_value() {
    let letters = [
        Letter::new(
            "Ann Lee <x@y.example>;Bo Ray <z@y.example>",
            "end of subject",
            "begin of body",
        ),
        Letter::new("", "subject begin", "").attached("one two").attached("three four.txt"),
    ];
    check(
        &letters,
        &[
            "\"subject begin\"",
            "\"end of subject\"",
            "from:\"lee x y example\"",
            "from:\"example bo\"",
            "filename:\"one two\"",
            "filename:\"two three\"",
            "\"three four txt\"",
        ],
        &expect![[r#"
            "subject begin" [1]
            "end of subject" [0]
            from:"lee x y example" [0]
            from:"example bo" []
            filename:"one two" [1]
            filename:"two three" []
            "three four txt" [1]
        "#]],
    );
}

#[test]
fn the_catalogs_answers_stand_anywhere() {
    let (_dir, searcher) = index_of(&[&office()]);
    let mut resolved = Resolved::default();
    let text = "folder:inbox is:flagged user:bob";
    for (term, numbers) in parse(text).catalog_terms().into_iter().zip([&[0, 2, 9][..], &[1], &[2]])
    {
        resolved.insert(term.clone(), numbers.iter().copied().collect());
    }
    let sets: Vec<String> = resolved.iter().map(|(k, v)| format!("{k:.0?} {v:?}\n")).collect();
    assert_eq!(sets.len(), 3);
    let visible: MessageSet = [0, 1, 4].into_iter().collect();
    let queries = [
        "folder:inbox",
        "-folder:inbox",
        "folder:inbox OR thanks",
        "folder:inbox -lunch",
        "report -(folder:inbox OR user:bob)",
        "-(-folder:inbox)",
        "is:flagged OR -report",
        "",
    ];
    let lines: Vec<String> = queries
        .iter()
        .map(|query| {
            let all = numbers(&searcher, query, None, &resolved).unwrap();
            let some = numbers(&searcher, query, Some(&visible), &resolved).unwrap();
            format!("{query} {all:?} visible {some:?}\n")
        })
        .collect();
    expect![[r#"
        folder:inbox [0, 2] visible [0]
        -folder:inbox [1, 3, 4] visible [1, 4]
        folder:inbox OR thanks [0, 1, 2] visible [0, 1]
        folder:inbox -lunch [0] visible [0]
        report -(folder:inbox OR user:bob) [] visible []
        -(-folder:inbox) [0, 2] visible [0]
        is:flagged OR -report [2, 3, 4] visible [4]
         [0, 1, 2, 3, 4] visible [0, 1, 4]
    "#]]
    .assert_eq(&lines.concat());
    let error = numbers(&searcher, "folder:other", None, &resolved).unwrap_err();
    assert_eq!(error.kind(), SearchErrorKind::Unresolved);
}

#[test]
fn counts_are_of_what_is_visible() {
    let (_dir, searcher) = index_of(&[&office()]);
    let visible: MessageSet = [1, 2].into_iter().collect();
    let resolved = Resolved::default();
    let scope = Scope { visible: Some(&visible), resolved: &resolved };
    let options = search::SearchOptions { order: Order::ByDate, limit: 1, offset: 0 };
    let hits = searcher.search(&parse("report"), &scope, &options).unwrap();
    assert_eq!((hits.total, hits.hits.len()), (2, 1));
}

#[test]
fn the_newest_come_first() {
    let (_dir, searcher) = index_of(&[&office()]);
    let newest = |offset, limit| ordered(&searcher, "", Order::ByDate, offset, limit);
    assert_eq!(newest(0, 10), [4, 1, 0, 2, 3]);
    assert_eq!(newest(1, 2), [1, 0]);
    assert_eq!(newest(5, 2), [0; 0]);
    assert_eq!(newest(0, 0), [0; 0]);
    assert_eq!(newest(usize::MAX, usize::MAX), [0; 0]);
    let same_second = [Letter::new("", "a", ""), Letter::new("", "a", "")];
    let (_dir, searcher) = index_of(&[&same_second]);
    assert_eq!(ordered(&searcher, "a", Order::ByDate, 0, 9), [1, 0], "the later archived first");
}

#[test]
fn the_most_relevant_come_first() {
    let filler = "and so on and so forth, ".repeat(40);
    let letters = [
        Letter::new("", "minutes", &format!("a word on futex in passing. {filler}")),
        Letter::new("", "futex wakes too late", &filler),
        Letter::new("", "notes", "futex futex futex and nothing else"),
        Letter::new("", "notes", "nothing of the kind"),
    ];
    let (_dir, searcher) = index_of(&[&letters[..2], &letters[2..]]);
    let relevant = |query| ordered(&searcher, query, Order::ByRelevance, 0, 9);
    assert_eq!(relevant("futex"), [1, 2, 0]);
    assert_eq!(relevant("futex OR nothing"), [2, 1, 3, 0]);
    assert_eq!(relevant("fut*").len(), 3);
    assert_eq!(relevant("-futex"), [3]);
    assert_eq!(relevant("\"futex and nothing\""), [2]);
}

#[test]
fn a_wildcard_for_too_many_words_is_an_error() {
    let words = |from: u32| (from..from + 60_000).map(|it| format!("w{it} ")).collect::<String>();
    let letters = [Letter::new("", "", &words(0)), Letter::new("", "", &words(60_000))];
    let (_dir, searcher) = index_of(&[&letters]);
    let resolved = Resolved::default();
    let error = numbers(&searcher, "w*", None, &resolved).unwrap_err();
    assert_eq!(error.kind(), SearchErrorKind::TooBroad);
    assert_eq!(error.to_string(), "too many words have the form w*: write more letters before it");
    assert_eq!(numbers(&searcher, "w1*", None, &resolved).unwrap(), [0, 1]);
}

#[test]
fn an_empty_index_finds_nothing() {
    let (_dir, searcher) = index_of(&[]);
    let resolved = Resolved::default();
    for query in ["", "a", "-a", "\"a b\"", "date:today", "a*", "message-id:x"] {
        assert_eq!(numbers(&searcher, query, None, &resolved).unwrap(), [0; 0], "{query}");
    }
    assert_eq!(searcher.position().entries, 0);
}

/// Tantivy 0.27 took a range that ends before the oldest message for the date of the oldest.
#[test]
fn a_span_before_the_oldest_message_finds_nothing() {
    let letters = [Letter::new("", "a", "").dated(1, 1), Letter::new("", "b", "").dated(0, 0)];
    check(
        &letters,
        &["date:2020", "archived:2020", "date:2030"],
        &expect![[r#"
        date:2020 []
        archived:2020 []
        date:2030 []
    "#]],
    );
}
