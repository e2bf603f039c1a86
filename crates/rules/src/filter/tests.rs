use expect_test::expect;

use super::*;
use crate::calendar::at;

const NOW: &str = "2026-11-21T12:00:00Z";

fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

/// A message of 2 KiB from Bob, dated 1 October 2026, arrived a day later, read.
fn check(text: &str, want: Answer) {
    let from = [Address { name: "Bob Müller".into(), addr: "bob@example.org".into() }];
    let (to, copies) = ([Address::bare("alice@example.net")], [Address::bare("carol@example.net")]);
    let header = HeaderFacts {
        date: Some(at("2026-10-01T08:00:00Z")),
        from: &from,
        to: &to,
        copies: &copies,
        subject: "Weekly  Report: Größe",
    };
    let received = Some(at("2026-10-02T08:00:00Z"));
    let facts = Facts { flags: Flags::SEEN, size: 2048, received, header: Some(header) };
    let filter = filter(text);
    assert_eq!(filter.decide(&facts, at(NOW)), want, "{text}");
    // What is known without the header is the same, or the header is asked for.
    let early = filter.decide(&Facts { header: None, ..facts }, at(NOW));
    assert!(early == want || early == Answer::NeedsHeaders, "{text}");
    assert!(early != Answer::NeedsHeaders || filter.looks_at_headers(), "{text}");
}

#[test]
fn criteria() {
    let yes = [
        "",
        "read",
        "seen",
        "is:read",
        "unflagged",
        "-unread",
        "-flagged",
        "larger:2047",
        "smaller:2049",
        "smaller:1M",
        "date:2026",
        "date:2026-10-01",
        "date:2026-09..2026-10",
        "date:..2026-10-01",
        "date:2026-10-01..",
        "after:2026-10-01",
        "before:2026-10-02",
        "-date:2025",
        "younger:60d",
        "younger:2m",
        "older:50d",
        "older:1m",
        "-older:1y",
        "from:bob",
        "from:MULLER",
        "from:@example.org",
        "from:\"bob muller\"",
        "to:alice",
        "to:carol@example.net",
        "subject:\"weekly report\"",
        "subject:grosse",
        "-subject:newsletter",
        "read larger:1k from:bob younger:1y",
    ];
    let no = [
        "unread",
        "-read",
        "flagged",
        "larger:2k",
        "smaller:2k",
        "date:2025",
        "after:2026-10-02",
        "before:2026-10-01",
        "date:..2026-09-30",
        "younger:1m",
        "older:2m",
        "-younger:1y",
        "from:alice",
        "to:bob",
        "subject:\"report weekly\"",
        "-from:bob",
        "read from:bob larger:1M",
    ];
    yes.iter().for_each(|it| check(it, Answer::Yes));
    no.iter().for_each(|it| check(it, Answer::No));
}

#[test]
fn flags_and_size_decide_before_anything_is_fetched() {
    let facts = Facts { flags: Flags::default(), size: 10, received: None, header: None };
    let cases = [
        ("", Answer::Yes),
        ("unread smaller:1k", Answer::Yes),
        ("from:bob read", Answer::No),
        ("larger:1k from:bob", Answer::No),
        ("from:bob unread", Answer::NeedsHeaders),
        ("younger:1d", Answer::NeedsHeaders),
        ("-subject:x", Answer::NeedsHeaders),
    ];
    for (text, want) in cases {
        assert_eq!(filter(text).decide(&facts, at(NOW)), want, "{text}");
    }
}

#[test]
fn a_message_without_any_date_is_archived_and_stays() {
    let header = HeaderFacts { date: None, from: &[], to: &[], copies: &[], subject: "" };
    let facts = Facts { flags: Flags::default(), size: 1, received: None, header: Some(header) };
    for text in ["date:2026", "-date:2026", "younger:1d", "older:1d"] {
        assert_eq!(filter(text).decide(&facts, at(NOW)), Answer::Yes, "{text}");
        assert_eq!(filter(text).decide_removal(&facts, at(NOW)), Answer::No, "{text}");
    }
    assert_eq!(filter("unread").decide_removal(&facts, at(NOW)), Answer::Yes);
    let arrived = Facts { received: Some(at("2026-11-21T00:00:00Z")), ..facts };
    assert_eq!(filter("younger:1d").decide(&arrived, at(NOW)), Answer::Yes, "by its arrival");
    assert_eq!(filter("older:1d").decide(&arrived, at(NOW)), Answer::No);
    for text in ["from:x", "to:x", "subject:x"] {
        assert_eq!(filter(text).decide(&facts, at(NOW)), Answer::No, "{text}");
    }
}

#[test]
fn what_time_and_flags_can_change() {
    let cases = [
        ("", true, false, false),
        ("larger:1M date:2026 from:bob", true, false, false),
        ("unread", false, false, true),
        ("-flagged larger:1", false, false, true),
        ("younger:1d", false, true, false),
        ("older:1y read", false, true, true),
    ];
    for (text, fixed, time, flags) in cases {
        let it = filter(text);
        let got = (it.is_fixed(), it.changes_with_time(), it.changes_with_flags());
        assert_eq!(got, (fixed, time, flags), "{text}");
    }
}

#[test]
fn filters_are_written_as_they_are_read() {
    let cases = [
        ("", ""),
        ("  unread   larger:1M ", "unread larger:1M"),
        ("is:unread -is:flagged", "unread unflagged"),
        ("-unread", "read"),
        ("larger:1024 smaller:1025 larger:0", "larger:1k smaller:1025 larger:0"),
        ("younger:90D OLDER:1y", "younger:90d older:1y"),
        ("date:2026", "date:2026-01-01..2026-12-31"),
        ("date:2026-11-21", "date:2026-11-21"),
        ("date:2026..", "after:2026-01-01"),
        ("date:..2026", "before:2027-01-01"),
        ("-date:2026-02", "-date:2026-02-01..2026-02-28"),
        ("after:2026-11", "after:2026-11-01"),
        ("from:Bob", "from:Bob"),
        ("from:\"Bob\"", "from:Bob"),
        ("-subject:\"a \\\"b\\\" \\\\ c\"", "-subject:\"a \\\"b\\\" \\\\ c\""),
        ("subject:C:\\dir", "subject:C:\\dir"),
        ("subject:Re:", "subject:Re:"),
    ];
    for (text, want) in cases {
        let it = filter(text);
        assert_eq!(it.to_string(), want);
        assert_eq!(filter(want).to_string(), want);
        assert_eq!(filter(want).fingerprint(), it.fingerprint(), "{text}");
        assert_eq!(it.canonical().canonical(), it.canonical());
    }
}

#[test]
fn a_fingerprint_is_that_of_the_meaning() {
    let same = [
        ("unread larger:1M", "larger:1024k is:unread unread"),
        ("from:Bob", "from:\"BOB\""),
        ("date:2026", "date:2026-01..2026-12"),
        ("subject:\"a  b\"", "subject:\"A B\""),
    ];
    for (a, b) in same {
        assert_eq!(filter(a).fingerprint(), filter(b).fingerprint(), "{a} {b}");
    }
    let texts = ["", "unread", "read", "from:a", "to:a", "-from:a", "younger:1d", "older:1d"];
    let mut prints: Vec<_> = texts.iter().map(|it| filter(it).fingerprint()).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), texts.len());
}

#[test]
fn wrong_filters() {
    let texts = [
        "unread recent",
        "unread OR flagged",
        "cc:bob",
        "larger:1M -younger:soon",
        "larger:big",
        "date:yesterday",
        "date:2026..2025",
        "date:..",
        "date:2026..20x6",
        "read from:",
        "from:\"\"",
        "read from:\"Bob",
        "from:a\"b\"",
        "-",
    ];
    let shown = texts.map(|it| it.parse::<Filter>().unwrap_err().render(it) + "\n");
    expect![[r#"
        unread recent
               ^ "recent" is not a criterion
        Write criteria such as unread, flagged, younger:90d, larger:1M, from:bob or subject:"weekly report".
        unread OR flagged
               ^ "OR" is no criterion: all criteria have to hold
        Leave it out; write - before a criterion for its opposite.
        cc:bob
        ^ "cc:" is not a criterion
        Write criteria such as unread, flagged, younger:90d, larger:1M, from:bob or subject:"weekly report".
        larger:1M -younger:soon
                           ^ "soon" is not an age
        Write a number and d, w, m or y: 90d, 2w, 3m, 1y.
        larger:big
               ^ "big" is not a size
        Write bytes, or 10k, 5M, 1G: larger:5M.
        date:yesterday
             ^ "yesterday" is not a date
        Write 2026, 2026-11, 2026-11-21 or 2026-01..2026-03; for an age write younger:90d or older:1y.
        date:2026..2025
             ^ the range "2026..2025" ends before it begins
        Write 2025..2026.
        date:..
             ^ a range needs a date on one side at least
        Write 2026, 2026-11, 2026-11-21 or 2026-01..2026-03; for an age write younger:90d or older:1y.
        date:2026..20x6
                   ^ "20x6" is not a date
        Write 2026, 2026-11, 2026-11-21 or 2026-01..2026-03; for an age write younger:90d or older:1y.
        read from:
                  ^ there is nothing to look for
        Write what to look for: from:bob, subject:"weekly report".
        from:""
             ^ there is nothing to look for
        Write what to look for: from:bob, subject:"weekly report".
        read from:"Bob
                  ^ this quote has no end
        Write " at the end, too.
        from:a"b"
             ^ a quote stands in the middle of a word
        Put the quotes around all of it, and write \" for one inside.
        -
         ^ "" is not a criterion
        Write criteria such as unread, flagged, younger:90d, larger:1M, from:bob or subject:"weekly report".
    "#]].assert_eq(&shown.concat());
    let many = "read ".repeat(CRITERIA_MAX + 1);
    assert!(many.parse::<Filter>().is_err());
    assert!("x".repeat(5000).parse::<Filter>().is_err());
}
