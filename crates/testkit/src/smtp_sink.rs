//! A small SMTP server that keeps what it is given, or refuses it as it is told.
//!
//! What it is not: careful. It speaks in clear, takes one command after the other, and believes
//! everything. Recipients that begin with `no` are refused for good, those with `later` for now.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How the sink treats who comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SinkMood {
    /// It takes mail.
    Takes,
    /// It greets with 421 and ends the connection.
    Busy,
    /// It refuses every message behind its last byte, for good.
    Refuses,
}

/// A message that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkMail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients that were taken.
    pub to: Vec<String>,
    /// The message, with CR LF.
    pub bytes: Vec<u8>,
}

/// A running sink. It ends with the process.
#[derive(Debug)]
pub struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    mood: SinkMood,
    mails: Vec<SinkMail>,
}

impl SmtpSink {
    /// Starts one on a free port of loopback.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> SmtpSink {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared { mood: SinkMood::Takes, mails: Vec::new() }));
        let kept = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // A client that went away is no concern of the sink.
                thread::spawn(move || drop(converse(&stream, &kept)));
            }
        });
        SmtpSink { address, shared }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how it treats who comes next.
    ///
    /// # Panics
    /// When a thread of it panicked.
    pub fn set(&self, mood: SinkMood) {
        self.shared.lock().expect("the sink").mood = mood;
    }

    /// Everything that it took, the oldest first.
    ///
    /// # Panics
    /// When a thread of it panicked.
    #[must_use]
    pub fn mails(&self) -> Vec<SinkMail> {
        self.shared.lock().expect("the sink").mails.clone()
    }
}

fn converse(stream: &TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mood = shared.lock().expect("the sink").mood;
    let mut lines = BufReader::new(stream).split(b'\n');
    let mut out = stream;
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes());
    if mood == SinkMood::Busy {
        return say("421 4.3.2 come back later");
    }
    say("220 sink.example.test ESMTP")?;
    let mut mail = SinkMail { from: String::new(), to: Vec::new(), bytes: Vec::new() };
    while let Some(line) = lines.next().transpose()? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say("250-sink.example.test\r\n250 8BITMIME")?,
            "MAIL" => {
                mail = SinkMail { from: address, to: Vec::new(), bytes: Vec::new() };
                say("250 2.1.0 ok")?;
            }
            "RCPT" if address.starts_with("no") => say("550 5.1.1 no such user")?,
            "RCPT" if address.starts_with("later") => say("450 4.2.1 greylisted")?,
            "RCPT" => {
                mail.to.push(address);
                say("250 2.1.5 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                while let Some(line) = lines.next().transpose()? {
                    if line == b".\r" {
                        break;
                    }
                    mail.bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                    mail.bytes.push(b'\n');
                }
                if mood == SinkMood::Refuses {
                    say("554 5.7.1 not that")?;
                } else {
                    shared.lock().expect("the sink").mails.push(mail.clone());
                    say("250 2.0.0 kept")?;
                }
            }
            "RSET" => say("250 2.0.0 ok")?,
            "QUIT" => return say("221 2.0.0 bye"),
            _ => say("500 5.5.2 what?")?,
        }
    }
    Ok(())
}
