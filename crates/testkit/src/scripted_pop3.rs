//! A POP3 server that plays a transcript, over a pipe: what a client sees of a server that no real
//! one would be.
//!
//! A script is lines, as those of [`scripted_imap`](crate::scripted_imap), without labels because
//! POP3 has no tags; empty ones and those that begin with `#` say nothing:
//!
//! - `C: RETR 1` waits for this line; `C: AUTH *` takes anything from there on, `C: *` any line.
//! - `S: +OK done` sends this line and CRLF.
//! - `S+ Subject: x\r\n` sends these bytes and nothing more; `\r`, `\n`, `\0`, `\\` and `\xHH` are
//!   escapes.
//! - `S*1000 line` sends this line so many times. `ZEROS 1000` sends so many bytes of `x`.
//! - `HANG` says nothing until the client is gone. `CLOSE` ends the connection.
//!
//! After the last line QUIT is answered, and anything else is a [`Played::surprise`].

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::scripted_imap::{Delivery, Ended, Played, unescaped};

/// Plays `script` to the client at the other end of `io`, until the client is gone.
///
/// # Panics
/// When the script cannot be read.
pub async fn play(
    script: &str,
    io: impl AsyncRead + AsyncWrite + Unpin,
    delivery: Delivery,
) -> Played {
    let mut player = Player { io: BufReader::new(io), delivery, played: Played::default() };
    match player.run(script).await {
        Ok(()) | Err(Ended::Gone) => (),
        Err(Ended::Surprise(surprise)) => player.played.surprise = Some(surprise),
    }
    player.played
}

struct Player<IO> {
    io: BufReader<IO>,
    delivery: Delivery,
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
                "S:" => self.send(format!("{rest}\r\n").as_bytes()).await?,
                "S+" => self.send(&unescaped(rest)).await?,
                "ZEROS" => {
                    let mut left: usize = rest.parse().expect("ZEROS and a number");
                    while left > 0 {
                        let n = left.min(1 << 20);
                        self.send(&vec![b'x'; n]).await?;
                        left -= n;
                    }
                }
                "HANG" => loop {
                    self.line().await?;
                },
                "CLOSE" => return Err(Ended::Gone),
                _ => {
                    let times = what.strip_prefix("S*").and_then(|it| it.parse().ok());
                    let times: usize = times.unwrap_or_else(|| panic!("not a script: {line}"));
                    let bytes = format!("{rest}\r\n").into_bytes();
                    for group in std::iter::repeat_n(1000, times / 1000).chain([times % 1000]) {
                        self.send(&bytes.repeat(group)).await?;
                    }
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
        let fits = match want.strip_suffix('*') {
            Some(start) => line.starts_with(start),
            None => line == want,
        };
        if fits { Ok(()) } else { Err(Ended::Surprise(format!("wanted {want:?}, got {line:?}"))) }
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

    async fn after_the_end(&mut self) -> Result<(), Ended> {
        let line = self.line().await?;
        if line != "QUIT" {
            return Err(Ended::Surprise(format!("wanted nothing, got {line:?}")));
        }
        self.send(b"+OK bye\r\n").await?;
        let line = self.line().await?;
        Err(Ended::Surprise(format!("after QUIT came {line:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, duplex};

    async fn talk(script: &str, says: &str, delivery: Delivery) -> (String, Played) {
        let (mut near, far) = duplex(1 << 16);
        let client = async move {
            near.write_all(says.as_bytes()).await.unwrap();
            near.shutdown().await.unwrap();
            let mut heard = Vec::new();
            near.read_to_end(&mut heard).await.unwrap();
            String::from_utf8(heard).unwrap()
        };
        tokio::join!(client, play(script, far, delivery))
    }

    #[tokio::test]
    async fn scripts_are_played() {
        let script = "
            S: +OK hi
            C: RETR *
            S+ +OK\\r\\n\\x2e
            S*2 .
        ";
        let delivery = Delivery { group: 3, ..Delivery::default() };
        let (heard, played) = talk(script, "RETR 1\r\nQUIT\r\n", delivery).await;
        assert_eq!(heard, "+OK hi\r\n+OK\r\n..\r\n.\r\n+OK bye\r\n");
        assert_eq!(played.surprise, None);
        assert_eq!(played.lines, ["RETR 1", "QUIT"]);
        assert_eq!(played.n_sent, heard.len());
        let (_, played) = talk("C: STAT", "DELE 1\r\n", Delivery::default()).await;
        assert_eq!(played.surprise.unwrap(), r#"wanted "STAT", got "DELE 1""#);
    }
}
