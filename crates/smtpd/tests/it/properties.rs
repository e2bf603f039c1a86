//! What holds for any bytes: the protocol never fails, grouping changes nothing, and a message
//! comes out as it went in.

use crate::script::{play, setting};

/// A sequence of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // Constants of the linear congruential generator in Knuth's MMIX.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

const PIECES: &[&[u8]] = &[
    b"EHLO a\r\n",
    b"HELO a\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM:<a@example.org> SIZE=9\r\n",
    b"RCPT TO:<journal@example.org>\r\n",
    b"RCPT TO:<x>\r\n",
    b"DATA\r\n",
    b"BDAT 7\r\n",
    b"BDAT 5 LAST\r\n",
    b"BDAT 0\r\n",
    b"BDAT 99999999999\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN YQ==\r\n",
    b"cmlnaHQ=\r\n",
    b"*\r\n",
    b".\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b".",
    b"..",
    b"\0",
    b"\xff\xfe",
    b" ",
    b"<",
    b"text\r\n",
    b"text",
];

#[test]
fn any_bytes_in_any_groups_come_to_the_same() {
    let mut open = setting();
    open.config.limits.errors_max = 1_000;
    open.config.limits.commands_max = 1_000;
    open.config.policy.access = smtpd::Access::NetworkOrLogin;
    open.config.policy.clear_login = smtpd::ClearLogin::OnLoopback;
    for seed in 0..3_000 {
        let mut dice = Dice(seed);
        let mut input = b"EHLO a\r\n".to_vec();
        for _ in 0..dice.below(40) {
            input.extend_from_slice(PIECES[dice.below(PIECES.len())]);
        }
        let whole = play(&open, &input, &[usize::MAX]);
        let groups: Vec<usize> = (0..9).map(|_| 1 + dice.below(12)).collect();
        assert_eq!(play(&open, &input, &groups), whole, "{:?}", String::from_utf8_lossy(&input));
        assert_eq!(play(&open, &input, &[1]), whole, "{:?}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn made_up_and_hostile_mail_passes_byte_for_byte() {
    let mut open = setting();
    open.config.limits.message_bytes_max = 10 << 20;
    let mut mails: Vec<Vec<u8>> = testkit::corpus::messages(5, 60).map(|it| it.bytes).collect();
    mails.extend(hostile());
    for mail in mails {
        for by in [send_by_data, send_by_chunks] {
            let (input, expected) = by(&mail);
            let record = play(&open, &input, &[3, 1_000, 1, 1, 4_096]);
            assert_eq!(record.messages.len(), 1, "{}", record.text);
            assert!(record.messages[0].1 == expected, "{:?}", String::from_utf8_lossy(&mail));
        }
    }
}

/// Messages that break programs: empty, endless, of any bytes, with ends in the middle.
fn hostile() -> Vec<Vec<u8>> {
    let every_byte: Vec<u8> = (0..=255_u8).cycle().take(5_000).collect();
    let mut dice = Dice(11);
    let letters = [b'.', b'\r', b'\n', b'x', 0];
    let mut mails: Vec<Vec<u8>> = (0..400)
        .map(|_| (0..dice.below(60)).map(|_| letters[dice.below(letters.len())]).collect())
        .collect();
    mails.extend([
        Vec::new(),
        every_byte,
        vec![b'a'; 1 << 20],
        b".\r\n".repeat(2_000),
        b"\n.\n".repeat(2_000),
        b"\r".repeat(5_000),
        b"\r\n".repeat(5_000),
        b"Subject: a\r\n\r\nQUIT\r\nDATA\r\n.QUIT\r\n".to_vec(),
        [&b"X: "[..], &[b'a'; 100_000], b"\r\n\r\n"].concat(),
    ]);
    mails
}

const BEGIN: &[u8] = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<journal@example.org>\r\n";

/// As RFC 5321 §4.5.2 has it; a message without an end of line gets one, because without it there
/// is no end of DATA.
fn send_by_data(mail: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut whole = mail.to_vec();
    if !whole.is_empty() && !whole.ends_with(b"\r\n") {
        whole.extend_from_slice(b"\r\n");
    }
    let mut input = [BEGIN, b"DATA\r\n"].concat();
    for (n, byte) in whole.iter().enumerate() {
        if *byte == b'.' && (n == 0 || whole[..n].ends_with(b"\r\n")) {
            input.push(b'.');
        }
        input.push(*byte);
    }
    input.extend_from_slice(b".\r\n");
    (input, whole)
}

fn send_by_chunks(mail: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut input = BEGIN.to_vec();
    for chunk in mail.chunks(30_000) {
        input.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
        input.extend_from_slice(chunk);
    }
    input.extend_from_slice(b"BDAT 0 LAST\r\n");
    (input, mail.to_vec())
}
