//! `[tls:]host[:port]`, as people write where a server is.

use std::fmt;
use std::str::FromStr;

/// Where a server is. Written `[tls:]host[:port]`; an IPv6 address stands in brackets.
///
/// `^0` in the host is kept as it is: it stands for the domain of a user's primary address, which
/// is known when an account is opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerName {
    /// Whether the prefix asks for TLS from the first byte.
    pub tls: bool,
    /// The host, without brackets.
    pub host: String,
    /// The port, when one is named.
    pub port: Option<u16>,
}

/// A text names no server: why, lower case, without a full stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerNameError(&'static str);

impl fmt::Display for ServerNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ServerNameError {}

impl ServerName {
    /// The host for a user whose primary address is in `domain`; `None` when it needs a domain
    /// and there is none.
    #[must_use]
    pub fn host_for(&self, domain: Option<&str>) -> Option<String> {
        if !self.host.contains("^0") {
            return Some(self.host.clone());
        }
        domain.map(|it| self.host.replace("^0", it))
    }
}

impl FromStr for ServerName {
    type Err = ServerNameError;

    fn from_str(text: &str) -> Result<ServerName, ServerNameError> {
        let (tls, rest) = text.strip_prefix("tls:").map_or((false, text), |it| (true, it));
        let (host, port) = match rest.strip_prefix('[') {
            Some(inner) => {
                let Some((host, after)) = inner.split_once(']') else {
                    return Err(ServerNameError("a bracket is not closed"));
                };
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(ServerNameError("something stands behind the bracket")),
                }
            }
            None if 1 < rest.matches(':').count() => {
                return Err(ServerNameError("an IPv6 address needs brackets"));
            }
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let is_odd = |it: char| it.is_whitespace() || it.is_control() || "/@?#".contains(it);
        if host.is_empty() || host.contains(is_odd) {
            return Err(ServerNameError("the host is missing or no host name"));
        }
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port != 0 => Some(port),
            Some(_) => return Err(ServerNameError("the port is not a number from 1 to 65535")),
        };
        Ok(ServerName { tls, host: host.to_owned(), port })
    }
}

/// As it is read.
impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tls {
            f.write_str("tls:")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
