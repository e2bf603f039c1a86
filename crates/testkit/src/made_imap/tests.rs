//! What the server holds is what a client reads.

use super::*;
use crate::raw_imap::RawImap;

const OPTIONS: MadeOptions =
    MadeOptions { mailboxes: &["INBOX", "Sent"], n_messages: 25, speaks: Speaks::Modern };

fn talk(server: &MadeImap, says: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(says.as_bytes()).unwrap();
    stream.write_all(b"z LOGOUT\r\n").unwrap();
    io::read_to_string(stream).unwrap()
}

#[test]
fn one_uid_of_eleven_is_missing() {
    let uids: Vec<u32> = (1..=21).map(Opened::uid).collect();
    assert_eq!(uids[..11], [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]);
    assert_eq!(uids[18..], [20, 22, 23]);
    let mailbox = Opened { seed: 1, n_messages: 21 };
    for place in 1..=21 {
        assert_eq!(mailbox.n_up_to(Opened::uid(place)), place);
    }
    assert_eq!([10, 21, 99].map(|it| mailbox.n_up_to(it)), [9, 19, 21]);
}

#[test]
fn lists_and_states() {
    let server = MadeImap::start(OPTIONS);
    let login = format!("a LOGIN \"ann\" \"{PASSWORD}\"\r\n");
    let said = talk(
        &server,
        &(login.clone()
            + "b EXAMINE \"INBOX\" (CONDSTORE)\r\nc UID SEARCH RETURN (ALL) ALL\r\n\
               d UID SEARCH UID 26:*\r\ne UID SEARCH UID 99:*\r\nf LIST \"\" \"*\" RETURN (STATUS (MESSAGES))\r\n"),
    );
    assert!(said.contains("* ESEARCH (TAG \"c\") UID ALL 1:9,11:20,22:27\r\n"), "{said}");
    assert!(said.contains("* SEARCH 26 27\r\n"), "{said}");
    assert!(said.contains("* SEARCH 27\r\ne OK"), "{said}");
    assert!(said.contains("* STATUS \"Sent\" (MESSAGES 25 UIDNEXT 28 UIDVALIDITY "), "{said}");
    assert!(said.contains("HIGHESTMODSEQ 26)\r\n"), "{said}");
    server.deliver(5);
    let said = talk(&server, &(login + "b EXAMINE INBOX\r\nc UID SEARCH UID 28:*\r\n"));
    assert!(said.contains("* 30 EXISTS\r\n"), "{said}");
    assert!(said.contains("* SEARCH 28 29 30 31 33\r\n"), "{said}");
}

#[test]
fn a_client_reads_it() {
    let server = MadeImap::start(OPTIONS);
    let everything = RawImap::login(server.addr(), "ann", PASSWORD).everything();
    assert_eq!(everything.keys().collect::<Vec<_>>(), ["INBOX", "Sent"]);
    assert_eq!(everything["INBOX"].messages.len(), 25);
    assert_ne!(everything["INBOX"].messages[0].bytes, everything["Sent"].messages[0].bytes);
    assert_eq!(server.n_sent_again(), 25, "both mailboxes");
    let counts = server.counts();
    assert_eq!((counts.logins, counts.bodies), (1, 50));
    let again = RawImap::login(server.addr(), "ann", PASSWORD).everything();
    assert_eq!(everything, again);
}

#[test]
fn who_opens_what() {
    let server = MadeImap::start(OPTIONS);
    // \0ann\0open sesame; bob\0master\0master sesame; bob\0ann\0open sesame
    for (response, logins) in [
        ("AGFubgBvcGVuIHNlc2FtZQ==", 1),
        ("Ym9iAG1hc3RlcgBtYXN0ZXIgc2VzYW1l", 2),
        ("Ym9iAGFubgBvcGVuIHNlc2FtZQ==", 2),
    ] {
        talk(&server, &format!("a AUTHENTICATE PLAIN {response}\r\n"));
        assert_eq!(server.counts().logins, logins);
    }
    assert!(talk(&server, "a LIST \"\" \"*\"\r\n").contains("a BAD"));
}
