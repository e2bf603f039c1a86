//! A mail server that plays a transcript, over a pipe: what a client sees of a server that no real
//! one would be. It speaks IMAP, POP3 or SMTP: they differ in tags, and in how one says goodbye.
//!
//! A script is lines; empty ones and those that begin with `#` say nothing:
//!
//! - `C: a NOOP` waits for this line. In IMAP the first word is a label: it stands for whatever tag
//!   the client chose, here and in the lines that follow; POP3 and SMTP have no labels.
//!   `C: a LOGIN *` takes anything from there on, and `C: *` any line, without a label.
//! - `S: a OK done` sends this line, with its label turned into the tag, and CRLF.
//! - `S+ Subject: x\r\n` sends these bytes and nothing more; `\r`, `\n`, `\0`, `\\` and `\xHH` are
//!   escapes.
//! - `S*1000 * OK still here` sends this line so many times.
//! - `ZEROS 1000` sends so many bytes of `x`.
//! - `HANG` says nothing until the client is gone. `CLOSE` ends the connection.
//!
//! After the last line LOGOUT or QUIT is answered, and anything else is a [`Played::surprise`].

use std::collections::HashMap;
use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// What a server speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    /// Lines with tags.
    Imap,
    /// Lines.
    Pop3,
    /// Lines.
    Smtp,
}

/// How the server's bytes reach the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delivery {
    /// In groups of this many bytes; 0: as they are sent.
    pub group: usize,
    /// The connection ends after this many bytes.
    pub cut_after: Option<usize>,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Played {
    /// Every line that the client sent.
    pub lines: Vec<String>,
    /// How many bytes were sent to it.
    pub n_sent: usize,
    /// Where the client left the script, if it did.
    pub surprise: Option<String>,
}

impl Played {
    /// The commands that the client sent, without tags and arguments, each once, sorted.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        let mut commands: Vec<String> = self
            .lines
            .iter()
            .filter_map(|line| {
                let mut words = line.split(' ').skip(1);
                let first = words.next()?;
                Some(if first == "UID" { format!("UID {}", words.next()?) } else { first.into() })
            })
            .collect();
        commands.sort();
        commands.dedup();
        commands
    }
}

/// Plays `script` to the client at the other end of `io`, until the client is gone.
///
/// # Panics
/// When the script cannot be read.
pub async fn play(
    speech: Speech,
    script: &str,
    io: impl AsyncRead + AsyncWrite + Unpin,
    delivery: Delivery,
) -> Played {
    let mut player = Player {
        speech,
        io: BufReader::new(io),
        delivery,
        labels: HashMap::new(),
        played: Played::default(),
    };
    match player.run(script).await {
        Ok(()) | Err(Ended::Gone) => (),
        Err(Ended::Surprise(surprise)) => player.played.surprise = Some(surprise),
    }
    player.played
}

/// Why a script was not played to its end.
enum Ended {
    /// The connection is over: the client left, or the script or a cut ended it.
    Gone,
    /// The client left the script.
    Surprise(String),
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Ended {
        Ended::Gone
    }
}

struct Player<IO> {
    speech: Speech,
    io: BufReader<IO>,
    delivery: Delivery,
    labels: HashMap<String, String>,
    played: Played,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Player<IO> {
    async fn run(&mut self, script: &str) -> Result<(), Ended> {
        for line in script.lines().map(str::trim_start) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            match what {
                "C:" => self.expect(rest).await?,
                "S:" => self.say(rest).await?,
                "S+" => self.send(&unescaped(rest)).await?,
                "ZEROS" => {
                    let mut left: usize = rest.parse().expect("ZEROS and a number");
                    while left > 0 {
                        let n = left.min(1 << 20);
                        self.send(&vec![b'x'; n]).await?;
                        left -= n;
                    }
                }
                "HANG" => return self.hang().await,
                "CLOSE" => return Err(Ended::Gone),
                _ => {
                    let times = what.strip_prefix("S*").and_then(|it| it.parse().ok());
                    let times: usize = times.unwrap_or_else(|| panic!("not a script: {line}"));
                    self.say_often(rest, times).await?;
                }
            }
        }
        self.after_the_end().await
    }

    async fn line(&mut self) -> Result<String, Ended> {
        let mut line = Vec::new();
        self.io.read_until(b'\n', &mut line).await?;
        if !line.ends_with(b"\n") {
            return Err(Ended::Gone);
        }
        let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        self.played.lines.push(line.clone());
        Ok(line)
    }

    async fn expect(&mut self, want: &str) -> Result<(), Ended> {
        let line = self.line().await?;
        if want == "*" {
            return Ok(());
        }
        let (label, want_rest) = self.split_tag(want);
        let (tag, rest) = self.split_tag(&line);
        let fits = match want_rest.strip_suffix('*') {
            Some(start) => rest.starts_with(start),
            None => rest == want_rest,
        };
        let known = self.labels.get(label);
        if !fits || known.is_some_and(|it| it != tag) || label.is_empty() != tag.is_empty() {
            return Err(Ended::Surprise(format!("wanted {want:?}, got {line:?}")));
        }
        self.labels.insert(label.to_owned(), tag.to_owned());
        Ok(())
    }

    fn split_tag<'t>(&self, line: &'t str) -> (&'t str, &'t str) {
        match self.speech {
            Speech::Imap => line.split_once(' ').unwrap_or(("", line)),
            Speech::Pop3 | Speech::Smtp => ("", line),
        }
    }

    fn labelled(&self, line: &str) -> String {
        if self.speech != Speech::Imap {
            return line.to_owned();
        }
        let (label, rest) = line.split_once(' ').unwrap_or((line, ""));
        let line = match self.labels.get(label) {
            Some(tag) => format!("{tag} {rest}"),
            None => line.to_owned(),
        };
        // ESEARCH names a tag inside its answer.
        match line.split_once("(TAG \"").and_then(|(a, b)| Some((a, b.split_once('"')?))) {
            Some((before, (label, after))) if self.labels.contains_key(label) => {
                format!("{before}(TAG \"{}\"{after}", self.labels[label])
            }
            _ => line,
        }
    }

    async fn say(&mut self, line: &str) -> Result<(), Ended> {
        self.send(format!("{}\r\n", self.labelled(line)).as_bytes()).await
    }

    async fn say_often(&mut self, line: &str, times: usize) -> Result<(), Ended> {
        let bytes = format!("{}\r\n", self.labelled(line)).into_bytes();
        let many = bytes.repeat(1000);
        for _ in 0..times / 1000 {
            self.send(&many).await?;
        }
        self.send(&bytes.repeat(times % 1000)).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let room = self.delivery.cut_after.map(|it| it.saturating_sub(self.played.n_sent));
        let now = &bytes[..room.unwrap_or(bytes.len()).min(bytes.len())];
        let group = if self.delivery.group == 0 { now.len().max(1) } else { self.delivery.group };
        for piece in now.chunks(group) {
            self.io.get_mut().write_all(piece).await?;
            self.io.get_mut().flush().await?;
            if self.delivery.group > 0 {
                tokio::task::yield_now().await;
            }
        }
        self.played.n_sent += now.len();
        if now.len() < bytes.len() { Err(Ended::Gone) } else { Ok(()) }
    }

    async fn hang(&mut self) -> Result<(), Ended> {
        loop {
            self.line().await?;
        }
    }

    async fn after_the_end(&mut self) -> Result<(), Ended> {
        loop {
            let line = self.line().await?;
            let goodbye = match (self.speech, self.split_tag(&line)) {
                (Speech::Imap, (tag, "LOGOUT")) => format!("* BYE bye\r\n{tag} OK done\r\n"),
                (Speech::Pop3, (_, "QUIT")) => "+OK bye\r\n".to_owned(),
                (Speech::Smtp, (_, "QUIT")) => "221 bye\r\n".to_owned(),
                _ => return Err(Ended::Surprise(format!("wanted nothing, got {line:?}"))),
            };
            self.send(goodbye.as_bytes()).await?;
        }
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (kind, after) = escape.split_at(1);
        rest = after;
        bytes.push(match kind {
            "r" => b'\r',
            "n" => b'\n',
            "0" => 0,
            "\\" => b'\\',
            "x" => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                u8::from_str_radix(digits, 16).expect("two hexadecimal digits")
            }
            other => panic!("\\{other} is no escape"),
        });
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, duplex};

    async fn talk(script: &str, says: &str, delivery: Delivery) -> (String, Played) {
        talk_by(Speech::Imap, script, says, delivery).await
    }

    async fn talk_by(
        speech: Speech,
        script: &str,
        says: &str,
        delivery: Delivery,
    ) -> (String, Played) {
        let (mut near, far) = duplex(1 << 16);
        let client = async move {
            near.write_all(says.as_bytes()).await.unwrap();
            near.shutdown().await.unwrap();
            let mut heard = Vec::new();
            near.read_to_end(&mut heard).await.unwrap();
            String::from_utf8(heard).unwrap()
        };
        tokio::join!(client, play(speech, script, far, delivery))
    }

    #[tokio::test]
    async fn labels_stand_for_tags() {
        let script = r#"
            S: * OK hi
            C: a UID SEARCH *
            S: * ESEARCH (TAG "a") UID ALL 1
            S+ a\x42\r\n
            S*2 * still
            S: a OK done
        "#;
        let delivery = Delivery { group: 3, ..Delivery::default() };
        let (heard, played) = talk(script, "X7 UID SEARCH ALL\r\nX8 LOGOUT\r\n", delivery).await;
        let want = "* OK hi\r\n* ESEARCH (TAG \"X7\") UID ALL 1\r\naB\r\n* still\r\n* still\r\n\
                    X7 OK done\r\n* BYE bye\r\nX8 OK done\r\n";
        assert_eq!(heard, want);
        assert_eq!(played.surprise, None);
        assert_eq!(played.commands(), ["LOGOUT", "UID SEARCH"]);
        assert_eq!(played.n_sent, want.len());
    }

    #[tokio::test]
    async fn surprises_and_cuts_are_told() {
        let (_, played) = talk("C: a NOOP", "X1 CHECK\r\n", Delivery::default()).await;
        assert_eq!(played.surprise.unwrap(), r#"wanted "a NOOP", got "X1 CHECK""#);
        let (_, played) = talk("", "X1 NOOP\r\n", Delivery::default()).await;
        assert_eq!(played.surprise.unwrap(), r#"wanted nothing, got "X1 NOOP""#);
        let delivery = Delivery { cut_after: Some(4), ..Delivery::default() };
        let (heard, played) = talk("S: * OK hi", "", delivery).await;
        assert_eq!((heard.as_str(), played.surprise), ("* OK", None));
    }

    #[tokio::test]
    async fn lines_without_tags() {
        let script = "
            S: +OK hi
            C: RETR *
            S+ +OK\\r\\n\\x2e
            S*2 .
        ";
        let delivery = Delivery { group: 3, ..Delivery::default() };
        let (heard, played) = talk_by(Speech::Pop3, script, "RETR 1\r\nQUIT\r\n", delivery).await;
        assert_eq!(heard, "+OK hi\r\n+OK\r\n..\r\n.\r\n+OK bye\r\n");
        assert_eq!(played.surprise, None);
        assert_eq!(played.lines, ["RETR 1", "QUIT"]);
        assert_eq!(played.n_sent, heard.len());
        let by_smtp = talk_by(Speech::Smtp, "S: 220 hi", "QUIT\r\n", Delivery::default());
        assert_eq!(by_smtp.await.0, "220 hi\r\n221 bye\r\n");
        let (_, played) = talk_by(Speech::Pop3, "C: STAT", "DELE 1\r\n", Delivery::default()).await;
        assert_eq!(played.surprise.unwrap(), r#"wanted "STAT", got "DELE 1""#);
    }
}
