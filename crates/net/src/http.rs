//! One request by HTTP/1.1 (RFC 9112): a POST, and its answer.
//!
//! What it is not: a client for pages. It follows no redirection, keeps no connection and no
//! cookie, and asks no proxy. It stands here, because adapters that need it do not know each other.
//!
//! Rules: head and body of an answer have limits; the whole exchange has a deadline.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;

use crate::certificate::CertificatePolicy;
use crate::error::{NetError, NetErrorKind};
use crate::stream::{Deadlines, Server, Stream};
use crate::tls::TlsClient;

/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// The longest line that says how long a chunk is, in bytes.
const CHUNK_LINE_BYTES_MAX: usize = 1 << 10;

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpUrl {
    server: Server,
    is_encrypted: bool,
    path: String,
}

impl HttpUrl {
    /// Reads `http://host[:port]/path` or `https://...`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<HttpUrl> {
        let (scheme, rest) = text.split_once("://")?;
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(split)?;
        let path = match path.chars().next() {
            None => "/".to_owned(),
            Some('/') => path.to_owned(),
            Some(_) => format!("/{path}"),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = match port {
            "" if is_encrypted => 443,
            "" => 80,
            port => port.parse().ok().filter(|it| *it != 0)?,
        };
        // Names and passwords in an address end up in places where nobody expects them.
        let is_plain = |it: &str| it.bytes().all(|it| (0x21..0x7f).contains(&it));
        let is_possible = !host.is_empty() && is_plain(host) && is_plain(&path);
        let has_odd = host.contains(['@', '"', '\\', '<', '>']) || path.contains('#');
        let server = Server { host: host.to_owned(), port };
        (is_possible && !has_odd).then_some(HttpUrl { server, is_encrypted, path })
    }

    /// The server that it names.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.server, self.path)
    }
}

/// A request with a body.
#[derive(Clone, Debug)]
pub struct Post<'a> {
    /// Where it goes.
    pub url: &'a HttpUrl,
    /// What the body is.
    pub content_type: &'a str,
    /// What the answer has to be.
    pub accept: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The longest answer, in bytes.
    pub answer_bytes_max: usize,
}

/// Sends a request, and gives the body of the answer, which has to be a success of the type that
/// was asked for. Fails when it is not whole `within` this time.
pub async fn post(
    post: &Post<'_>,
    certificates: &CertificatePolicy,
    within: Duration,
) -> Result<Vec<u8>, NetError> {
    let server = &post.url.server;
    match timeout(within, exchange(post, certificates, within)).await {
        Ok(answer) => answer,
        Err(_) => Err(NetError::timeout("a request by HTTP", server)),
    }
}

async fn exchange(
    post: &Post<'_>,
    certificates: &CertificatePolicy,
    within: Duration,
) -> Result<Vec<u8>, NetError> {
    let Post { url, content_type, accept, body, answer_bytes_max } = post;
    let deadlines = Deadlines { connect: within, idle: within };
    let mut stream = Stream::connect(&url.server, deadlines).await?;
    if url.is_encrypted {
        stream = stream.start_tls(&TlsClient::new(certificates)?).await?;
    }
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: posthold\r\nContent-Type: {content_type}\r\n\
         Accept: {accept}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        url.path,
        url.server,
        body.len()
    );
    stream.write(&[head.as_bytes(), body].concat()).await?;
    let head = Head::read(&mut stream).await?;
    if head.status != 200 {
        let message = format!("{} answers {} {}", url.server, head.status, head.reason);
        return Err(NetError::new(NetErrorKind::Answer, message));
    }
    let kind = head.field("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(accept) {
        let message = format!("{} answers with {kind:?}, not with {accept}", url.server);
        return Err(NetError::new(NetErrorKind::Answer, message)
            .hint_is("Check the address: this may be a page for people."));
    }
    let body = head.body(&mut stream, *answer_bytes_max).await?;
    stream.shut_down().await;
    Ok(body)
}

/// Status and fields of an answer.
#[derive(Debug)]
struct Head {
    status: u16,
    reason: String,
    /// Names in small letters.
    fields: Vec<(String, String)>,
}

impl Head {
    async fn read(stream: &mut Stream) -> Result<Head, NetError> {
        let mut head = Head { status: 100, reason: String::new(), fields: Vec::new() };
        let mut left = HEAD_BYTES_MAX;
        // RFC 9110 §15.2: what is only for now is passed over.
        while (100..200).contains(&head.status) {
            head.fields.clear();
            let line = line(stream, &mut left).await?;
            let mut words = line.splitn(3, ' ');
            let version = words.next().unwrap_or_default();
            let status = words.next().and_then(|it| it.parse().ok());
            head.status = status
                .filter(|_| version.starts_with("HTTP/1."))
                .ok_or_else(|| odd(stream, "does not speak HTTP"))?;
            head.reason = words.next().unwrap_or_default().chars().take(100).collect();
            loop {
                let line = self::line(stream, &mut left).await?;
                if line.is_empty() {
                    break;
                }
                if let Some((name, value)) = line.split_once(':') {
                    head.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
        Ok(head)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    async fn body(&self, stream: &mut Stream, bytes_max: usize) -> Result<Vec<u8>, NetError> {
        let mut body = Vec::new();
        if let Some(coding) = self.field("transfer-encoding") {
            if !coding.eq_ignore_ascii_case("chunked") {
                return Err(odd(stream, "answers in a coding that was not asked for"));
            }
            chunks(stream, bytes_max, &mut body).await?;
            return Ok(body);
        }
        let Some(len) = self.field("content-length") else {
            // RFC 9112 §6.3: up to the end of the connection.
            loop {
                let n = stream.buffered().len();
                body.extend_from_slice(stream.buffered());
                stream.consume(n);
                check(stream, body.len(), bytes_max)?;
                match stream.fill().await {
                    Ok(_) => (),
                    Err(error) if *error.kind() == NetErrorKind::Reset => return Ok(body),
                    Err(error) => return Err(error),
                }
            }
        };
        let len = len.parse().map_err(|_| odd(stream, "does not say how long its answer is"))?;
        check(stream, len, bytes_max)?;
        stream.read_into(&mut body, len).await?;
        Ok(body)
    }
}

/// RFC 9112 §7.1. What stands behind the last chunk is left to the end of the connection.
async fn chunks(stream: &mut Stream, bytes_max: usize, body: &mut Vec<u8>) -> Result<(), NetError> {
    loop {
        let mut left = CHUNK_LINE_BYTES_MAX;
        let line = line(stream, &mut left).await?;
        let len = line.split(';').next().unwrap_or_default().trim();
        let len = usize::from_str_radix(len, 16).ok();
        let len = len.ok_or_else(|| odd(stream, "sends a chunk without a length"))?;
        if len == 0 {
            return Ok(());
        }
        check(stream, body.len().saturating_add(len), bytes_max)?;
        stream.read_into(body, len).await?;
        if !self::line(stream, &mut left).await?.is_empty() {
            return Err(odd(stream, "sends a chunk that is longer than it says"));
        }
    }
}

fn check(stream: &Stream, len: usize, bytes_max: usize) -> Result<(), NetError> {
    match len <= bytes_max {
        true => Ok(()),
        false => Err(odd(stream, "sends a longer answer than it may")),
    }
}

fn odd(stream: &Stream, what: &str) -> NetError {
    NetError::new(NetErrorKind::Answer, format!("{} {what}", stream.server()))
}

/// The next line, without its end. `left` is how many bytes it, and those behind it, may have.
async fn line(stream: &mut Stream, left: &mut usize) -> Result<String, NetError> {
    loop {
        let buffered = stream.buffered();
        let end = buffered.iter().position(|it| *it == b'\n');
        let taken = end.map_or(buffered.len(), |it| it + 1);
        if *left < taken {
            return Err(odd(stream, "sends a longer head than it may"));
        }
        if let Some(end) = end {
            let line = String::from_utf8_lossy(buffered.get(..end).unwrap_or_default());
            let line = line.trim_end_matches('\r').to_owned();
            stream.consume(taken);
            *left -= taken;
            return Ok(line);
        }
        stream.fill().await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("http://tsa.example.org", Some("http://tsa.example.org:80/")),
            ("HTTPS://tsa.example.org/x?y", Some("https://tsa.example.org:443/x?y")),
            ("http://127.0.0.1:8080/tsa", Some("http://127.0.0.1:8080/tsa")),
            ("http://[::1]:81/tsa", Some("http://[::1]:81/tsa")),
            ("http://h?q", Some("http://h:80/?q")),
            ("ftp://h/", None),
            ("http://", None),
            ("http://h:0/", None),
            ("http://h:x/", None),
            ("http://a:b@h/", None),
            ("http://h/a b", None),
            ("h/", None),
        ];
        for (text, want) in cases {
            let read = HttpUrl::parse(text).map(|it| it.to_string());
            assert_eq!(read.as_deref(), want, "{text}");
        }
    }

    /// What becomes of an answer.
    async fn answered(answer: &str) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/tsa", listener.local_addr().unwrap());
        let url = HttpUrl::parse(&url).unwrap();
        let answer = answer.to_owned();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let n = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..n]).into_owned()
        });
        let request = Post {
            url: &url,
            content_type: "a/query",
            accept: "a/reply",
            body: b"question",
            answer_bytes_max: 20,
        };
        let policy = CertificatePolicy::SystemRoots;
        let answer = post(&request, &policy, Duration::from_secs(20)).await;
        let asked = server.await.unwrap();
        assert!(asked.starts_with("POST /tsa HTTP/1.1\r\nHost: 127.0.0.1:"), "{asked}");
        assert!(
            asked.ends_with("Content-Length: 8\r\nConnection: close\r\n\r\nquestion"),
            "{asked}"
        );
        let answer = answer.map(|it| String::from_utf8(it).unwrap());
        answer.map_err(|it| it.to_string().split_once(' ').unwrap().1.to_owned())
    }

    #[tokio::test]
    async fn answers() {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: a/reply; x\r\n";
        let good = |text: &str| Ok(text.to_owned());
        let bad = |text: &str| Err(text.to_owned());
        let cases = [
            (format!("{OK}Content-Length: 6\r\n\r\nanswer more"), good("answer")),
            (format!("{OK}\r\nanswer"), good("answer")),
            (format!("HTTP/1.1 100 Go on\r\n\r\n{OK}Content-Length: 1\r\n\r\na"), good("a")),
            (
                format!(
                    "{OK}Transfer-Encoding: chunked\r\n\r\n3;x\r\nans\r\n3\r\nwer\r\n0\r\n\r\n"
                ),
                good("answer"),
            ),
            (
                format!("{OK}Transfer-Encoding: chunked\r\n\r\n3\r\nanswer\r\n0\r\n\r\n"),
                bad("sends a chunk that is longer than it says"),
            ),
            (
                format!("{OK}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
                bad("sends a longer answer than it may"),
            ),
            (format!("{OK}Content-Length: 21\r\n\r\n"), bad("sends a longer answer than it may")),
            (format!("{OK}\r\n{}", "x".repeat(21)), bad("sends a longer answer than it may")),
            (format!("{OK}Content-Length: 6\r\n\r\nans"), bad("closed the connection")),
            ("HTTP/1.1 503 Tired\r\n\r\n".into(), bad("answers 503 Tired")),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".into(),
                bad("answers with \"text/html\", not with a/reply"),
            ),
            ("220 mail.example.org\r\n".into(), bad("does not speak HTTP")),
            (
                format!("{OK}X: {}\r\n\r\n", "x".repeat(40_000)),
                bad("sends a longer head than it may"),
            ),
        ];
        for (answer, want) in cases {
            assert_eq!(answered(&answer).await, want, "{answer:.200}");
        }
    }
}
