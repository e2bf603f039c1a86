use super::*;

fn half(protocol: Protocol, host: &str, security: Option<Security>) -> Half {
    Half {
        protocol,
        host: host.parse().unwrap(),
        security,
        mechanism: Mechanism::Auto,
        login: None,
        trust: Trust::System,
        timeout: None,
    }
}

#[test]
fn names_of_servers() {
    let cases = [
        ("imap.example.org", "imap.example.org"),
        ("tls:imap.example.org:10993", "tls:imap.example.org:10993"),
        ("^0:993", "^0:993"),
        ("imap.^0", "imap.^0"),
        ("[::1]:993", "[::1]:993"),
        ("tls:[::1]", "tls:[::1]"),
        ("::1", "an IPv6 address needs brackets"),
        ("[::1", "a bracket is not closed"),
        ("[::1]x", "something stands behind the bracket"),
        ("", "the host is missing or no host name"),
        ("imaps://host", "the port is not a number from 1 to 65535"),
        ("a@host", "the host is missing or no host name"),
        ("host:0", "the port is not a number from 1 to 65535"),
        ("host:70000", "the port is not a number from 1 to 65535"),
    ];
    for (text, want) in cases {
        let got = text.parse::<ServerName>();
        let shown = got.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        assert_eq!(shown, want, "{text}");
    }
}

#[test]
fn the_domain_of_a_user_stands_for_its_sign() {
    let name: ServerName = "imap.^0".parse().unwrap();
    assert_eq!(name.host_for(Some("example.org")).as_deref(), Some("imap.example.org"));
    assert_eq!(name.host_for(None), None);
    let name: ServerName = "mail.example.org".parse().unwrap();
    assert_eq!(name.host_for(None).as_deref(), Some("mail.example.org"));
}

#[test]
fn ports_and_security_fill_each_other_in() {
    use Protocol::{Imap, Pop3, Smtp};
    let cases = [
        (Imap, "h", None, "tls 993"),
        (Imap, "h:993", None, "tls 993"),
        (Imap, "h:143", None, "starttls 143"),
        (Imap, "h:10143", None, "tls 10143"),
        (Imap, "tls:h", None, "tls 993"),
        (Imap, "tls:h:143", None, "tls 143"),
        (Imap, "h", Some(Security::StartTls), "starttls 143"),
        (Imap, "h", Some(Security::Plain), "plain 143"),
        (Imap, "h:10143", Some(Security::Plain), "plain 10143"),
        (Pop3, "h", None, "tls 995"),
        (Pop3, "h:110", None, "starttls 110"),
        (Smtp, "h", None, "tls 465"),
        (Smtp, "h:587", None, "starttls 587"),
        (
            Imap,
            "h:993",
            Some(Security::Plain),
            "its port of h:993 means TLS from the first byte, not plain",
        ),
        (
            Imap,
            "tls:h",
            Some(Security::StartTls),
            "the prefix tls: of tls:h means TLS from the first byte, not starttls",
        ),
    ];
    for (protocol, host, security, want) in cases {
        let it = half(protocol, host, security);
        let (resolved, port) = it.resolved();
        let got = it.contradiction().unwrap_or_else(|| format!("{} {port}", resolved.name()));
        assert_eq!(got, want, "{host}");
    }
}

#[test]
fn changes_change_what_they_name() {
    let change = ProfileChange {
        incoming: HalfChange { host: "mail.example.org".parse().ok(), ..HalfChange::default() },
        ..ProfileChange::default()
    };
    let made = change.begin("office").unwrap();
    assert_eq!(made.limits.connections, 10);
    assert_eq!(made.counted(), Counted::PerAccount);
    let change = ProfileChange {
        incoming: HalfChange {
            login: Some(Some("master".into())),
            secret: Some(Secret::new("x".into())),
            ..HalfChange::default()
        },
        connections: Some(3),
        ..ProfileChange::default()
    };
    let changed = change.apply(made.clone()).unwrap();
    assert_eq!((changed.limits.connections, changed.counted()), (3, Counted::PerProfile));
    assert_eq!(changed.incoming.host, made.incoming.host);
    assert_eq!(ProfileChange::default().apply(changed.clone()).unwrap(), changed);
}

#[test]
fn contradictions_are_refused() {
    let host: Option<ServerName> = "h".parse().ok();
    let with = |incoming: HalfChange| ProfileChange { incoming, ..ProfileChange::default() };
    let half = || HalfChange { host: host.clone(), ..HalfChange::default() };
    let cases = [
        (with(HalfChange::default()), "there is no host"),
        (
            with(HalfChange { secret: Some(Secret::new("x".into())), ..half() }),
            "there is a password and no login that it belongs to",
        ),
        (
            with(HalfChange { protocol: Some(Protocol::Smtp), ..half() }),
            "mail cannot be fetched by SMTP",
        ),
        (
            ProfileChange { connections: Some(0), ..with(half()) },
            "a profile needs at least one connection",
        ),
    ];
    for (change, want) in cases {
        assert_eq!(change.begin("p").unwrap_err().message, want);
    }
    assert!(with(half()).begin(" p").is_err());
}
