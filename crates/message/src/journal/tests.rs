use expect_test::{Expect, expect};

use super::*;

const ORIGINAL: &str =
    "From: alice@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nHello\r\n--x\r\n";

fn report_with(text_header: &str, text: &str, original_header: &str, original: &str) -> String {
    format!(
        "From: <MicrosoftExchange329e@example.org>\r\nX-MS-Journal-Report: \r\n\
         Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n\
         preamble\r\n--b1\r\n{text_header}\r\n{text}\r\n--b1\r\n{original_header}\r\n{original}\r\n--b1--\r\n"
    )
}

fn report(text: &str) -> String {
    let plain = "Content-Type: text/plain; charset=utf-8\r\n";
    report_with(plain, text, "Content-Type: message/rfc822\r\n", ORIGINAL)
}

fn show(envelope: &JournalEnvelope) -> String {
    let mut lines = vec![format!("from {:?}", envelope.senders().collect::<Vec<_>>())];
    lines.push(format!("id {}, subject {}", envelope.message_id, envelope.subject));
    lines.extend(envelope.recipients.iter().map(|it| match &it.via {
        Some(via) => format!("{:?} {} {via:?}", it.addressing, it.address),
        None => format!("{:?} {}", it.addressing, it.address),
    }));
    lines.join("\n") + "\n"
}

fn check(text: &str, want: &Expect) {
    let bytes = report(text);
    let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!("no report: {text}") };
    assert_eq!(found.original(bytes.as_bytes()), ORIGINAL.as_bytes(), "the original, untouched");
    assert!(found.closed);
    want.assert_eq(&show(&found.envelope));
}

#[test]
fn an_envelope_is_read() {
    check(
        "Sender: alice@example.org\r\nSubject: Grüße: heute\r\nMessage-ID: <1@example.org>\r\n\
         To: bob@example.org\r\nTo: m1@example.org, Expanded: list@example.org\r\n\
         Cc: carol@example.org, Forwarded: dora@example.org\r\nBcc: eve@example.org\r\n\
         Recipient: frank@example.org\r\n",
        &expect![[r#"
            from ["alice@example.org"]
            id 1@example.org, subject Grüße: heute
            To bob@example.org
            To m1@example.org Expanded("list@example.org")
            Cc carol@example.org Forwarded("dora@example.org")
            Bcc eve@example.org
            Unsaid frank@example.org
        "#]],
    );
}

#[test]
fn journal_line_parser_odd_lines() {
    check(
        "\r\nSENDER : \"Doe, Alice\" <SMTP:alice@example.org>\r\nOn-Behalf-Of: boss@example.org\r\n\
         Subject: folded\r\n here\r\nTo: \"B, ob\" <bob@example.org>,\r\n\tcarol@example.org\r\n\
         no label\r\nX-Other: y@z\r\nSender: second@example.org\r\nBcc:\r\nTo: , Expanded: l@x\r\n",
        &expect![[r#"
            from ["alice@example.org", "boss@example.org"]
            id , subject folded here
            To bob@example.org
            To carol@example.org Expanded("l@x")
        "#]],
    );
}

#[test]
fn journal_charset() {
    let header = "Content-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n";
    let text = "Sender: a@b\r\nSubject: Gr=FC=DFe\r\nRecipient: c=\r\n@d\r\n";
    let bytes = report_with(header, text, "Content-Type: message/rfc822\r\n", ORIGINAL);
    let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!() };
    assert_eq!(found.envelope.subject, "Grüße");
    assert_eq!(found.envelope.addressees().collect::<Vec<_>>(), ["c@d"]);

    let header = header.replace("quoted-printable", "base64");
    let text = "U2VuZGVyOiBhQGINClJlY2lwaWVudDogY0BkDQo=\r\n";
    let bytes = report_with(&header, text, "Content-Type: message/rfc822\r\n", ORIGINAL);
    let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!() };
    assert_eq!(found.envelope.addressees().collect::<Vec<_>>(), ["c@d"]);
}

#[test]
fn an_encoded_original_is_decoded() {
    let header = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n";
    let bytes = report_with("", "Sender: a@b\r\n", header, "QTogYg0KDQp4");
    let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!() };
    assert_eq!(&*found.original(bytes.as_bytes()), b"A: b\r\n\r\nx");
}

#[test]
fn journal_nested_is_one_level() {
    let inner = report("Sender: inner@x\r\n").replace("b1", "b2");
    let plain = "Content-Type: text/plain\r\n";
    let bytes =
        report_with(plain, "Sender: outer@x\r\n", "Content-Type: message/rfc822\r\n", &inner);
    let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!() };
    assert_eq!(found.envelope.sender, "outer@x");
    assert_eq!(found.original(bytes.as_bytes()), inner.as_bytes());
    assert!(matches!(journal(inner.as_bytes()), Journal::Report(_)));
}

#[test]
fn what_is_no_report_or_none_that_can_be_read() {
    let whole = report("Sender: a@b\r\n");
    let cases = [
        (ORIGINAL.to_owned(), "NotAReport"),
        (String::new(), "NotAReport"),
        (whole.replace("X-MS-Journal-Report", "X-Other"), "NotAReport"),
        (whole.replace("multipart/mixed", "text/plain"), "Unreadable(NoParts)"),
        (whole.replace("; boundary=\"b1\"", ""), "Unreadable(NoParts)"),
        (whole.replace("--b1", "--b2"), "Unreadable(NoParts)"),
        (whole.replace("text/plain", "text/html"), "Unreadable(NoText)"),
        (whole.replace("Sender:", "Sendr:"), "Unreadable(NoEnvelope)"),
        (whole.replace("message/rfc822", "application/ms-tnef"), "Unreadable(NoOriginal)"),
        ("X-MS-Journal-Report:".to_owned(), "Unreadable(NoParts)"),
    ];
    for (bytes, want) in cases {
        assert_eq!(format!("{:?}", journal(bytes.as_bytes())), want, "{bytes}");
    }
}

#[test]
fn a_report_cut_anywhere_is_read_as_far_as_it_goes() {
    let whole = report("Sender: a@b\r\nRecipient: c@d\r\n");
    let Journal::Report(full) = journal(whole.as_bytes()) else { panic!() };
    for end in 0..whole.len() {
        let part = whole.as_bytes().get(..end).unwrap();
        if let Journal::Report(found) = journal(part) {
            assert!(found.range.start <= found.range.end && found.range.end <= end);
            assert!(!found.closed || found == full, "cut at {end}");
        }
        let bare = part.iter().copied().filter(|it| *it != b'\r').collect::<Vec<u8>>();
        let _ = journal(&bare);
    }
}

#[test]
fn limits_hold() {
    let many = "Recipient: a@b\r\n".repeat(ADDRESSES_MAX + 5);
    let bytes = report(&format!("Sender: {}@x\r\n{many}", "y".repeat(5000)));
    let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!() };
    assert_eq!(found.envelope.recipients.len(), ADDRESSES_MAX);
    assert_eq!(found.envelope.sender.len(), NAME_BYTES_MAX);
}

#[test]
fn journal_bifurcation_merges() {
    let texts = [
        ("Sender: a@b\r\nMessage-ID: <1>\r\nTo: c@d\r\nTo: e@f\r\n", ORIGINAL),
        ("Message-ID: <1>\r\nBcc: g@h\r\nTo: c@d\r\nSender: a@b\r\n", ORIGINAL),
        ("Sender: a@b\r\nMessage-ID: <2>\r\nTo: i@j\r\n", ORIGINAL),
        ("Sender: a@b\r\nMessage-ID: <1>\r\nTo: k@l\r\n", "Subject: another\r\n\r\n"),
    ];
    let reports = texts.map(|(text, original)| {
        let header = "Content-Type: message/rfc822\r\n";
        // What a message's ways add to its header does not tell its copies apart.
        let original = format!("Received: from {}\r\n{original}", text.len());
        let bytes = report_with("", text, header, &original);
        let Journal::Report(found) = journal(bytes.as_bytes()) else { panic!() };
        (found.key(bytes.as_bytes()), found.envelope)
    });
    let merged: Vec<String> = merge(reports).iter().map(|(_, it)| show(it)).collect();
    expect![[r#"
        from ["a@b"]
        id 1, subject 
        To c@d
        To e@f
        Bcc g@h

        from ["a@b"]
        id 2, subject 
        To i@j

        from ["a@b"]
        id 1, subject 
        To k@l
    "#]]
    .assert_eq(&merged.join("\n"));
}
