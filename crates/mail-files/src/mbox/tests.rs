use expect_test::{Expect, expect};

use super::*;

const SEP: &str = "From bob@example.org Tue Mar  4 10:15:00 2025\n";

/// Reads all messages whole; the notices of a message stand before it.
fn read(bytes: &[u8], variant: MboxVariant) -> Vec<Result<Vec<u8>, Notice>> {
    let mut mbox = Mbox::new(bytes, variant);
    let mut found = Vec::new();
    while let Some(message) = mbox.message().unwrap() {
        let whole = message.whole.unwrap_or_else(|| {
            let mut whole = Vec::new();
            while let Some(piece) = mbox.piece().unwrap() {
                assert!(piece.len() <= CHUNK_BYTES);
                whole.extend(piece);
            }
            whole
        });
        while let Some(notice) = mbox.notice() {
            found.push(Err(notice));
        }
        found.push(Ok(whole));
    }
    assert_eq!(mbox.pos(), u64::try_from(bytes.len()).unwrap());
    found
}

fn check_as(variant: MboxVariant, mbox: &str, want: &Expect) {
    let show = |it| match it {
        Ok(message) => format!("{:?}\n", String::from_utf8(message).unwrap()),
        Err(Notice { offset, what }) => format!("at {offset}: {what}\n"),
    };
    let text: String = read(mbox.as_bytes(), variant).into_iter().map(show).collect();
    want.assert_eq(&text);
}

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(mbox: &str, want: Expect) {
    check_as(MboxVariant::Auto, mbox, &want);
}

#[test]
fn plain_messages() {
    check("", expect![""]);
    check(
        &format!("{SEP}A: b\n\none\n\n{SEP}C: d\n\ntwo\n\n\n{SEP}E: f\n\nthree"),
        expect![[r#"
            "A: b\n\none\n"
            "C: d\n\ntwo\n\n"
            "E: f\n\nthree"
        "#]],
    );
    check(
        &format!("\n{SEP}\n{SEP}\n\n{SEP}x").replace('\n', "\r\n"),
        expect![[r#"
            ""
            "\r\n"
            "x"
        "#]],
    );
    check(
        &format!("{SEP}{SEP}{SEP}"),
        expect![[r#"
        ""
        ""
        ""
    "#]],
    );
}

#[test]
fn quoting_is_undone_as_in_mboxrd() {
    check(
        &format!("{SEP}A: b\n\n>From x\n> From y\n>Fromage\nx >From z\n\n{SEP}>From first\n"),
        expect![[r#"
            at 52: a line begins with `>From `; the `>` was taken away as a quote, but in mboxo it may be part of the message
            "A: b\n\nFrom x\n> From y\n>Fromage\nx >From z\n"
            at 135: a line begins with `>From `; the `>` was taken away as a quote, but in mboxo it may be part of the message
            "From first\n"
        "#]],
    );
    let mbox = format!("{SEP}A: b\n\n>>From x\n>>>From y\n");
    check(
        &mbox,
        expect![[r#"
        at 52: a line begins with more than one `>` and `From `; one was taken away, as in mboxrd
        "A: b\n\n>From x\n>>From y\n"
    "#]],
    );
    check_as(
        MboxVariant::Rd,
        &mbox,
        &expect![[r#"
        "A: b\n\n>From x\n>>From y\n"
    "#]],
    );
    check_as(
        MboxVariant::O,
        &format!("{mbox}>From z\n"),
        &expect![[r#"
        "A: b\n\n>>From x\n>>>From y\nFrom z\n"
    "#]],
    );
}

#[test]
fn separators_that_are_none() {
    check(
        &format!("{SEP}A: b\n\nFrom now on we meet at ten.\nThanks\n\n{SEP}C: d\n\nx\n"),
        expect![[r#"
            at 52: a line begins with `From ` and is not quoted, but looks like no separator; it was read as text
            "A: b\n\nFrom now on we meet at ten.\nThanks\n"
            "C: d\n\nx\n"
        "#]],
    );
    check(
        &format!("{SEP}A: b\n\nquoting a mailbox:\n{SEP}was its line.\n"),
        expect![[r#"
            at 71: a line begins with `From ` and is not quoted, but looks like no separator; it was read as text
            "A: b\n\nquoting a mailbox:\nFrom bob@example.org Tue Mar  4 10:15:00 2025\nwas its line.\n"
        "#]],
    );
}

#[test]
fn separators_in_bad_shape() {
    check(
        &format!("{SEP}A: b\n\nno empty line after this\n{SEP}C: d\n\nx\n"),
        expect![[r#"
            at 77: a separator line follows a line that is not empty; it was read as the beginning of a message
            "A: b\n\nno empty line after this\n"
            "C: d\n\nx\n"
        "#]],
    );
    check(
        &format!("{SEP}A: b\n\nx\n\nFrom somebody\nC: d\n\ny\n"),
        expect![[r#"
            at 55: a separator line has no date; it was read as the beginning of a message
            "A: b\n\nx\n"
            "C: d\n\ny\n"
        "#]],
    );
}

#[test]
fn messages_by_their_length() {
    let body = format!("one\n\n{SEP}not: a message\n\nFrom here\n>From there\n");
    let mbox =
        format!("{SEP}Content-Length: {}\n\n{body}\n{SEP}Content-Length: 3\n\ntwo\n\n", body.len());
    check(
        &mbox,
        expect![[r#"
            at 71: a separator line stands inside a message by its Content-Length; it was read as text
            at 143: a line begins with `>From ` in a file whose messages have a Content-Length; the `>` was left as it is
            "Content-Length: 89\n\none\n\nFrom bob@example.org Tue Mar  4 10:15:00 2025\nnot: a message\n\nFrom here\n>From there\n"
            "Content-Length: 3\n\ntwo"
        "#]],
    );
    check_as(
        MboxVariant::Cl,
        &mbox,
        &expect![[r#"
            at 71: a separator line stands inside a message by its Content-Length; it was read as text
            "Content-Length: 89\n\none\n\nFrom bob@example.org Tue Mar  4 10:15:00 2025\nnot: a message\n\nFrom here\nFrom there\n"
            "Content-Length: 3\n\ntwo"
        "#]],
    );
}

#[test]
fn lengths_that_lead_nowhere() {
    for length in ["1", "5", "999999", "18446744073709551615"] {
        let mbox = format!("{SEP}Content-Length: {length}\n\none\n\n{SEP}C: d\n\nx\n");
        let found = read(mbox.as_bytes(), MboxVariant::Auto);
        assert_eq!(found.len(), if length == "5" { 2 } else { 3 }, "{length}");
        assert_eq!(found.last().unwrap().as_deref(), Ok(&b"C: d\n\nx\n"[..]));
    }
    // One too many or none: the empty line may count.
    for length in ["4", "3"] {
        let mbox = format!("{SEP}Content-Length: {length}\n\none\n\n{SEP}C: d\n\nx\n");
        assert_eq!(read(mbox.as_bytes(), MboxVariant::Auto).len(), 2, "{length}");
    }
}

/// A sender must not be able to swallow the messages after his own.
#[test]
fn a_length_is_not_believed_where_the_first_message_has_none() {
    let next = format!("{SEP}C: d\n\nthe next message\n\n");
    let length = "evil\n\n".len() + next.len();
    check(
        &format!(
            "{SEP}A: b\n\nx\n\n{SEP}Content-Length: {length}\n\nevil\n\n{next}{SEP}E: f\n\ny\n"
        ),
        expect![[r#"
            "A: b\n\nx\n"
            "Content-Length: 76\n\nevil\n"
            "C: d\n\nthe next message\n"
            "E: f\n\ny\n"
        "#]],
    );
}

#[test]
fn state_and_date() {
    let mbox = format!("{SEP}Status: R\nX-Keywords: a b\n\nx\n");
    let message = Mbox::new(mbox.as_bytes(), MboxVariant::Auto).message().unwrap().unwrap();
    assert_eq!(message.flags, Flags::SEEN);
    assert_eq!(message.keywords, ["a", "b"]);
    assert_eq!(message.received.map(|it| it.to_string()).as_deref(), Some("2025-03-04T10:15:00Z"));
}

/// Splits line by line; says what [`Mbox`] must say.
fn simple(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for line in bytes.split_inclusive(|it| *it == b'\n') {
        if line == SEP.as_bytes() {
            messages.push(Vec::new());
            continue;
        }
        let depth = line.iter().take_while(|it| **it == b'>').count();
        let quoted = depth > 0 && line[depth..].starts_with(b"From ");
        messages.last_mut().unwrap().extend(&line[usize::from(quoted)..]);
    }
    for message in &mut messages {
        message.pop();
    }
    messages
}

#[test]
fn borders_of_the_window_change_nothing() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |end: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % end).unwrap()
    };
    let mut mbox = Vec::new();
    while mbox.len() < 3_000_000 {
        mbox.extend(SEP.bytes());
        mbox.extend(b"A: b\n\n");
        for _ in 0..next(2_000) {
            match next(8) {
                0 => mbox.extend(vec![b'>'; 1 + next(20)]),
                1 if next(50) == 0 => mbox.extend(vec![b'>'; 1 + next(700_000)]),
                2 => mbox.extend(vec![b'x'; next(200)]),
                _ => {}
            }
            let lines: [&[u8]; 4] = [b">From \n", b">From x", b">Fro\n", b"\n"];
            mbox.extend(lines[next(4)]);
        }
        mbox.extend(b"\n\n");
    }
    let want = simple(&mbox);
    let got: Vec<_> = read(&mbox, MboxVariant::Auto).into_iter().filter_map(Result::ok).collect();
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(&want) {
        assert!(got == want, "{} and {} bytes", got.len(), want.len());
    }
}

#[test]
fn large_messages_come_in_pieces() {
    let line = "a line of a large message\n>From quoted\n";
    for extra in [0, 1, 2, CHUNK_BYTES] {
        let text = line.repeat((PARSE_BYTES_MAX + extra) / line.len() + 1);
        let mbox = format!("{SEP}A: b\n\nx\n\n{SEP}C: d\n\n{text}\n{SEP}E: f\n\ny\n");
        let found: Vec<_> =
            read(mbox.as_bytes(), MboxVariant::Auto).into_iter().filter_map(Result::ok).collect();
        assert_eq!(found.len(), 3);
        assert!(found[1] == format!("C: d\n\n{}", text.replace(">From", "From")).as_bytes());
    }
}

#[test]
fn a_message_in_pieces_may_be_passed_over() {
    let text = "large\n".repeat(PARSE_BYTES_MAX / 5);
    let mbox = format!("{SEP}A: b\n\n{text}\n{SEP}C: d\n\ny\n");
    let mut mbox = Mbox::new(mbox.as_bytes(), MboxVariant::Auto);
    assert!(mbox.message().unwrap().unwrap().whole.is_none());
    assert_eq!(mbox.piece().unwrap().unwrap().len(), CHUNK_BYTES);
    assert_eq!(mbox.message().unwrap().unwrap().whole.as_deref(), Some(&b"C: d\n\ny\n"[..]));
    assert!(mbox.piece().unwrap().is_none());
    assert!(mbox.message().unwrap().is_none());
    assert!(mbox.message().unwrap().is_none());
}
