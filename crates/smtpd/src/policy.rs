//! Who may hand in what: rules as values.
//!
//! What it is not: a place where defaults are generous. [`Policy::nothing`] accepts nothing, and
//! every field has to be filled for mail to come in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rules::address::AddressKey;
use thiserror::Error;

/// Who may hand in what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The networks that count as known.
    pub networks: Vec<Network>,
    /// What a client has to show.
    pub access: Access,
    /// Whether mail may come in clear.
    pub tls: TlsRule,
    /// Whether a password may come in clear.
    pub clear_login: ClearLogin,
    /// Senders of envelopes (`MAIL FROM`) that are accepted; none accepts nobody.
    pub senders: Vec<AddressPattern>,
    /// Recipients that are accepted.
    pub recipients: Recipients,
    /// What becomes of a message with bare CR or LF.
    pub bare_line_ends: BareLineEnds,
}

impl Policy {
    /// Accepts nothing.
    #[must_use]
    pub fn nothing() -> Policy {
        Policy {
            networks: Vec::new(),
            access: Access::NetworkAndLogin,
            tls: TlsRule::Required,
            clear_login: ClearLogin::Never,
            senders: Vec::new(),
            recipients: Recipients::Listed(Vec::new()),
            bare_line_ends: BareLineEnds::Keep,
        }
    }

    /// Whether this address is in a known network.
    #[must_use]
    pub fn knows_network(&self, client: IpAddr) -> bool {
        self.networks.iter().any(|it| it.contains(client))
    }

    /// Whether a client at this address can hand in mail at all, with a login or without.
    #[must_use]
    pub fn admits(&self, client: IpAddr) -> bool {
        let known = self.knows_network(client);
        let nobody = matches!(&self.recipients, Recipients::Listed(it) if it.is_empty());
        let possible = match self.access {
            Access::Network | Access::NetworkAndLogin => known,
            Access::Login | Access::NetworkOrLogin => true,
        };
        possible && !nobody && !self.senders.is_empty()
    }

    /// Whether a client needs a login.
    #[must_use]
    pub fn needs_login(&self, client: IpAddr) -> bool {
        match self.access {
            Access::Network => false,
            Access::Login | Access::NetworkAndLogin => true,
            Access::NetworkOrLogin => !self.knows_network(client),
        }
    }

    /// Whether a login can help at all.
    #[must_use]
    pub fn offers_login(&self) -> bool {
        self.access != Access::Network
    }

    pub(crate) fn accepts_sender(&self, address: &str) -> bool {
        self.senders.iter().any(|it| it.matches(address))
    }
}

/// What a client has to show before its mail is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It is in a known network.
    Network,
    /// It has logged in.
    Login,
    /// Both.
    NetworkAndLogin,
    /// One of them.
    NetworkOrLogin,
}

/// Whether mail may come in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsRule {
    /// Only encrypted.
    Required,
    /// In clear as well.
    Optional,
}

/// Whether a password may come in clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearLogin {
    /// Never; without TLS no login is offered.
    Never,
    /// From a loopback address, which nobody can listen to.
    OnLoopback,
}

/// Which recipients are accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipients {
    /// Those that one of these matches: the journal addresses. Others get 550.
    Listed(Vec<AddressPattern>),
    /// Those that the delivery knows.
    Asked,
    /// All. Whoever may hand in mail may fill the archive.
    Any,
}

/// What becomes of a message that holds a CR or LF alone. Neither ever counts as a line end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BareLineEnds {
    /// They are bytes like others.
    Keep,
    /// The message is refused (554).
    Refuse,
}

/// A rule is not written as rules are.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{text:?} is not {wanted}")]
pub struct ParsePolicyError {
    text: String,
    wanted: &'static str,
}

/// A range of addresses in CIDR form (RFC 4632 §3.1, RFC 4291 §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `client` is in it. An IPv4 address mapped into IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(&self, client: IpAddr) -> bool {
        let shift = |bits: u32| bits.saturating_sub(u32::from(self.prefix));
        match (self.address, client.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(it)) => {
                (net.to_bits() ^ it.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(it)) => {
                (net.to_bits() ^ it.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or one address. Bits behind the prefix must be zero: set ones
/// are mostly a prefix that was mistyped.
impl FromStr for Network {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<Network, ParsePolicyError> {
        let wrong = || ParsePolicyError {
            text: text.to_owned(),
            wanted: "a network (as 10.1.0.0/16 or 2001:db8::/32, with zeros behind the prefix)",
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
        let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = match prefix {
            None => bits,
            Some(it) if digits(it) => it.parse().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        let rest_is_zero = match address {
            IpAddr::V4(it) => it.to_bits().checked_shl(u32::from(prefix)).unwrap_or(0) == 0,
            IpAddr::V6(it) => it.to_bits().checked_shl(u32::from(prefix)).unwrap_or(0) == 0,
        };
        if prefix > bits || !rest_is_zero { Err(wrong()) } else { Ok(Network { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Addresses that are accepted. Compared as `rules` compares addresses: without regard to case,
/// international domains in either form. A detail (`+news`) counts: it is not cut off here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AddressPattern {
    /// Every address, also the empty one.
    Any,
    /// The empty sender of reports: `<>`.
    Null,
    /// This address.
    Exact(AddressKey),
    /// Addresses of this domain, not of those below it.
    Domain(String),
}

impl AddressPattern {
    /// Whether it covers this address, which is written without brackets.
    #[must_use]
    pub fn matches(&self, address: &str) -> bool {
        match self {
            AddressPattern::Any => true,
            AddressPattern::Null => address.is_empty(),
            AddressPattern::Exact(key) => AddressKey::read(address).is_some_and(|it| it == *key),
            AddressPattern::Domain(domain) => {
                AddressKey::read(address).is_some_and(|it| it.domain() == domain)
            }
        }
    }
}

/// `*`, `<>`, `journal@example.org` or `@example.org`.
impl FromStr for AddressPattern {
    type Err = ParsePolicyError;

    fn from_str(text: &str) -> Result<AddressPattern, ParsePolicyError> {
        let wrong = || ParsePolicyError {
            text: text.to_owned(),
            wanted: "an address (a@example.org), a domain (@example.org), <> or *",
        };
        match text.trim() {
            "*" => Ok(AddressPattern::Any),
            "<>" => Ok(AddressPattern::Null),
            domain if domain.starts_with('@') => {
                // The comparing form of a domain is that of an address in it.
                let key = AddressKey::read(&format!("x{domain}")).ok_or_else(wrong)?;
                if key.local() != "x" {
                    return Err(wrong());
                }
                Ok(AddressPattern::Domain(key.domain().to_owned()))
            }
            address => AddressKey::read(address).map(AddressPattern::Exact).ok_or_else(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let cases = [
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
        ];
        for (network, client, inside) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(client.parse().unwrap()), inside, "{network} {client}");
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        let wrong =
            ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "::/129"];
        for text in wrong {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn patterns() {
        let cases = [
            ("*", "", true),
            ("<>", "", true),
            ("<>", "a@b", false),
            ("Journal@Example.org", "journal@EXAMPLE.org", true),
            ("journal@example.org", "journal+x@example.org", false),
            ("journal@example.org", "other@example.org", false),
            ("@example.org", "anybody@Example.Org", true),
            ("@example.org", "a@sub.example.org", false),
            ("@example.org", "\"a@b\"@example.org", true),
            ("@example.org", "", false),
            ("@bücher.example", "a@xn--bcher-kva.example", true),
        ];
        for (pattern, address, matches) in cases {
            let pattern: AddressPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(address), matches, "{pattern:?} {address}");
        }
        for text in ["", "@", "@@", "example.org", "@a@b"] {
            assert!(text.parse::<AddressPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_policy_admits_nobody() {
        let mut policy = Policy::nothing();
        let client = "127.0.0.1".parse().unwrap();
        assert!(!policy.admits(client));
        policy.networks = vec!["0.0.0.0/0".parse().unwrap()];
        assert!(!policy.admits(client), "no sender, no recipient");
        policy.senders = vec![AddressPattern::Any];
        assert!(!policy.admits(client), "no recipient");
        policy.recipients = Recipients::Any;
        assert!(policy.admits(client));
        assert!(policy.needs_login(client));
    }
}
