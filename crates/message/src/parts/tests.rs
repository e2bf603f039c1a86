use super::*;

fn joined(pieces: &[Piece<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        let mut joiner = Joiner::new(&piece.form);
        // In small pieces, as a reader may have it.
        for content in piece.content.chunks(7) {
            joiner.push(content, &mut out);
        }
        joiner.end(&mut out);
    }
    out
}

/// Random numbers from a seed.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next()).unwrap() % n
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| (self.next() & 0xff) as u8).collect()
    }
}

fn wrapped(content: &[u8], line_len: usize, line_end: &str) -> String {
    use ::base64::Engine as _;
    let chars = ::base64::engine::general_purpose::STANDARD.encode(content);
    let lines: Vec<&str> =
        chars.as_bytes().chunks(line_len).map(|it| std::str::from_utf8(it).unwrap()).collect();
    lines.join(line_end)
}

fn message(header: &str, body: &str) -> Vec<u8> {
    let boundary = "Content-Type: multipart/mixed; boundary=\"=_b\"";
    format!(
        "Subject: x\r\n{boundary}\r\n\r\n--=_b\r\n\r\nHello\r\n--=_b\r\n{header}\r\n\r\n{body}\r\n--=_b--\r\n"
    )
    .into_bytes()
}

const ATTACHED: &str = "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment";

/// The pieces that stand apart.
fn apart(bytes: &[u8]) -> Vec<Vec<u8>> {
    let pieces = split(bytes).unwrap_or_default();
    if !pieces.is_empty() {
        assert!(joined(&pieces) == bytes, "other bytes");
    }
    let apart = pieces.into_iter().filter(|it| it.place == Place::Apart);
    apart.map(|it| it.content.into_owned()).collect()
}

#[test]
fn base64_of_any_regular_lines() {
    let mut random = Seeded(1);
    for len in [2_048, 2_049, 2_050, 4_000, 5_700, 70_001] {
        let content = random.bytes(len);
        for line_len in [60, 64, 72, 73, 75, 76, 77, 78, 998, 200_000] {
            for line_end in ["\r\n", "\n"] {
                let whole = wrapped(&content, line_len, line_end);
                let bare = whole.trim_end_matches('=').to_owned();
                let ended = format!("{whole}{line_end}");
                let odd = format!("{whole}\r\nAB*\r\n");
                for body in [&whole, &ended, &odd] {
                    let mail = message(ATTACHED, body);
                    let what = format!("{len} bytes in lines of {line_len}");
                    // Padding that a line break cuts is not found.
                    let is_cut = line_len % 4 != 0 && whole.ends_with('=');
                    if !is_cut {
                        assert!(apart(&mail) == [&content[..]], "{what}");
                    }
                }
                let mail = message(ATTACHED, &bare);
                assert!(apart(&mail) == [&content[..]], "without padding, {line_len}");
            }
        }
    }
}

#[test]
fn one_attachment_under_several_encodings_is_one_part() {
    let text = "Zeile mit Umlaut ü und = und mehr davon, damit sie umbrochen wird.\r\n".repeat(60);
    let quoted = text.replace('=', "=3D").replace('ü', "=C3=BC");
    let soft: Vec<String> =
        quoted.lines().map(|it| it.split_at(60)).map(|(a, b)| format!("{a}=\r\n{b}")).collect();
    let named = |encoding: &str, name: &str| {
        format!(
            "Content-Type: text/plain; name={name}\r\nContent-Transfer-Encoding: {encoding}\r\n\
             Content-Disposition: attachment; filename={name}"
        )
    };
    let plain = text.strip_suffix("\r\n").unwrap();
    let mails = [
        message(&named("base64", "a.txt"), &wrapped(plain.as_bytes(), 76, "\r\n")),
        message(&named("base64", "b.txt"), &wrapped(plain.as_bytes(), 60, "\r\n")),
        message(&named("quoted-printable", "c.txt"), &soft.join("\r\n")),
        message(&named("8bit", "d.txt"), plain),
        message(&named("8bit", "e.txt"), &plain.replace("\r\n", "\n")),
        message(
            &named("base64", "f.txt"),
            &wrapped(plain.replace("\r\n", "\n").as_bytes(), 76, "\n"),
        ),
    ];
    let all: Vec<Vec<Vec<u8>>> = mails.iter().map(|it| apart(it)).collect();
    assert_eq!(all[0].len(), 1);
    for (n, parts) in all.iter().enumerate() {
        assert!(*parts == all[0], "mail {n}");
    }
}

#[test]
fn quoted_printable_is_given_back_whatever_its_encoder_does() {
    let texts = [
        "plain\r\nlines\r\n",
        "soft=\r\nbreak=\r\n at odd=\r\n\r\nplaces",
        "=41ll=20escaped=20",
        "trailing=20\r\nspace=20\r\n",
        "trailing \r\nspace \r\n",
        "trailing \r\nspace=20\r\n",
        "lower=3d",
        "not=ZZ",
        "cut=",
        "cut=4",
        "end=\r\n",
        "=\r\n=\r\n=\r\n",
        "=0D=0A=\r\nx",
        "lf=3D\nonly=\n",
        "mixed\r\nends\n",
        "\r\r\n",
        "",
        ".dot=2Edot",
    ];
    for text in texts {
        let long = text.repeat(40);
        for body in [text, &long] {
            let bytes = body.as_bytes();
            if let Some((content, form)) = quoted::decode(bytes) {
                let mut out = Vec::new();
                let mut joiner = Joiner::new(&form);
                joiner.push(&content, &mut out);
                joiner.end(&mut out);
                assert_eq!(out.escape_ascii().to_string(), bytes.escape_ascii().to_string());
            }
        }
    }
}

/// Something like mail, and broken in every way.
fn made_up(random: &mut Seeded) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.below(12) {
        let len = random.below(5_000);
        match random.below(9) {
            0 => bytes.extend(random.bytes(len)),
            1 => bytes.extend(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
            2 => bytes.extend(b"\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            3 => bytes.extend(b"\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"),
            4 => bytes.extend(b"\r\n--b\r\nContent-Disposition: attachment\r\n\r\n"),
            5 | 6 => {
                let content = random.bytes(len);
                let line_len = [60, 64, 75, 76, 2_000][random.below(5)];
                let line_end = ["\r\n", "\n"][random.below(2)];
                bytes.extend(wrapped(&content, line_len, line_end).as_bytes());
            }
            7 => bytes.extend("so =\r\nweit =C3=BC\r\n".repeat(len / 40).as_bytes()),
            _ => bytes.extend("Text in lines.\r\n".repeat(len / 16).as_bytes()),
        }
        if !bytes.is_empty() && random.below(3) == 0 {
            let at = random.below(bytes.len());
            bytes[at] = (random.next() & 0xff) as u8;
        }
    }
    bytes
}

#[test]
fn joining_gives_the_bytes_of_anything() {
    let mut random = Seeded(7);
    let mut n_split = 0;
    for round in 0..400 {
        let bytes = made_up(&mut random);
        let pieces = pieces(&bytes);
        assert!(joined(&pieces) == bytes, "round {round}");
        n_split += usize::from(split(&bytes).is_some());
    }
    assert!(n_split > 100, "{n_split}");
}

/// Splits in a stream and joins again; also how much content came.
fn streamed(bytes: &[u8], step: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let mut content = Vec::new();
    let mut n_content = 0;
    let mut events = |event: Event<'_>| match event {
        Event::Literal(bytes) => out.extend_from_slice(bytes),
        Event::Begin(_) => (),
        Event::Content(bytes) => content.extend_from_slice(bytes),
        Event::End(form) => {
            n_content += content.len();
            let mut joiner = Joiner::new(&form);
            joiner.push(&content, &mut out);
            joiner.end(&mut out);
            content.clear();
        }
    };
    let mut splitter = Splitter::new();
    for piece in bytes.chunks(step) {
        splitter.push(piece, &mut events);
    }
    splitter.end(&mut events);
    (out, n_content)
}

#[test]
fn a_stream_gives_the_bytes_of_anything() {
    let mut random = Seeded(11);
    for round in 0..4 {
        let mut bytes = Vec::new();
        while bytes.len() < 600_000 {
            bytes.extend(made_up(&mut random));
            let content = random.bytes(90_000 + round);
            bytes.extend(wrapped(&content, 76, "\r\n").as_bytes());
        }
        for step in [4_096, 262_144, 1_000_000] {
            let (out, n_content) = streamed(&bytes, step);
            assert!(out == bytes, "round {round}, step {step}");
            assert!(n_content * 3 > bytes.len(), "{n_content} of {}", bytes.len());
        }
    }
}
