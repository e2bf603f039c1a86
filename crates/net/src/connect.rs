//! Making a TCP connection: addresses of a name, tried in turn.
//!
//! A light form of RFC 8305: families alternate, the next address is tried when the one before
//! has failed or has been silent for a quarter of a second, and the first that answers wins.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::error::{NetError, NetErrorKind};
use crate::stream::Server;

/// How long one address may be silent before the next is tried beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Connects to `server` within `deadline`, name look-up included.
pub(crate) async fn dial(server: &Server, deadline: Duration) -> Result<TcpStream, NetError> {
    let dialled = timeout(deadline, async {
        let addresses = resolve(server).await?;
        race(&alternate(&addresses)).await.map_err(|cause| refused(cause, server))
    });
    let Ok(dialled) = dialled.await else {
        return Err(NetError::timeout("connecting", server)
            .hint_is("Check host and port. A firewall that drops packets looks like this too."));
    };
    let tcp = dialled?;
    // Commands are short and each is written whole: waiting for more only costs time.
    tcp.set_nodelay(true).map_err(|cause| NetError::io(cause, server))?;
    Ok(tcp)
}

/// The addresses of `server`, at most eight, as the system's resolver gives them.
pub async fn resolve(server: &Server) -> Result<Vec<SocketAddr>, NetError> {
    if let Ok(ip) = server.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, server.port)]);
    }
    let unknown = || {
        NetError::new(NetErrorKind::UnknownHost, format!("unknown host {}", server.host))
            .hint_is("Check the spelling of the host name, and that this machine can reach a DNS.")
    };
    match lookup_host((server.host.as_str(), server.port)).await {
        Ok(found) => {
            let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
            if found.is_empty() { Err(unknown()) } else { Ok(found) }
        }
        Err(cause) => Err(unknown().caused_by(cause)),
    }
}

/// Keeps the resolver's order within a family, and lets the families take turns.
fn alternate(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, other): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|it| it.is_ipv6() == first_is_v6);
    let mut ordered = Vec::with_capacity(addresses.len());
    let mut other = other.into_iter();
    for address in preferred {
        ordered.push(address);
        ordered.extend(other.next());
    }
    ordered.extend(other);
    ordered
}

async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(TcpStream::connect(address));
        } else if attempts.is_empty() {
            return Err(failure);
        }
        let more = waiting.len() > 0;
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(cause)) => failure = cause,
                Err(cause) => failure = io::Error::other(cause),
            },
            () = sleep(ATTEMPT_DELAY), if more => (),
        }
    }
}

fn refused(cause: io::Error, server: &Server) -> NetError {
    use io::ErrorKind as Io;
    let error = match cause.kind() {
        Io::ConnectionRefused => {
            NetError::new(NetErrorKind::Refused, format!("{server} refused the connection"))
                .hint_is("Nothing listens on this port. Check host and port.")
        }
        Io::TimedOut => NetError::timeout("connecting", server),
        Io::HostUnreachable | Io::NetworkUnreachable => {
            NetError::new(NetErrorKind::Io, format!("there is no route to {server}"))
                .hint_is("Check this machine's network.")
        }
        _ => NetError::new(NetErrorKind::Io, format!("failed to connect to {server}")),
    };
    error.caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn server(host: &str, port: u16) -> Server {
        Server { host: host.into(), port }
    }

    #[test]
    fn families_take_turns() {
        let parse = |it: &str| it.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(parse);
        let want = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(parse);
        assert_eq!(alternate(&given), want);
        assert_eq!(alternate(&given[3..]), &given[3..]);
    }

    #[tokio::test]
    async fn the_next_address_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let dead = {
            let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
            closed.local_addr().unwrap()
        };
        let tcp = race(&[dead, alive]).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), alive);
        assert_eq!(race(&[dead]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn errors_say_what_to_do() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        let error = dial(&server("127.0.0.1", port), Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(*error.kind(), NetErrorKind::Refused);
        assert_eq!(error.to_string(), format!("127.0.0.1:{port} refused the connection"));
        assert!(error.hint().unwrap().contains("Check host and port"));

        let error = dial(&server("no-such-host.invalid", 1), Duration::from_secs(20)).await;
        assert_eq!(*error.unwrap_err().kind(), NetErrorKind::UnknownHost);
    }
}
