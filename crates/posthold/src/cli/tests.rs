use std::cell::Cell;

use expect_test::{Expect, expect};

use super::*;

mod audited;

/// Knows one password and counts how often it was asked.
#[derive(Default)]
struct Asked(Cell<usize>);

impl Surroundings for Asked {
    fn data_dir(&self) -> Option<PathBuf> {
        None
    }

    fn password(&self, _file: Option<&Path>, _prompt: &str) -> Result<Secret, Failure> {
        self.0.set(self.0.get() + 1);
        Ok(Secret::new("secret".into()))
    }
}

fn parsed(line: &[&str]) -> Result<Invocation, Refused> {
    let args = ["posthold"].iter().chain(line).map(OsString::from);
    parse(args, &Asked::default())
}

fn check(line: &[&str], want: &Expect) {
    let got = match parsed(line) {
        Ok(it) => format!("{:?} {:?} {:?} {:#?}", it.data, it.format, it.ownership, it.task),
        Err(Refused::Request(failure)) => {
            format!("{}: {}\n{:?}", failure.kind.name(), failure.message, failure.hint)
        }
        Err(Refused::Usage(error)) => error.to_string(),
    };
    want.assert_eq(&got);
}

#[test]
fn the_definition_holds_together() {
    command().debug_assert();
}

#[test]
fn global_options_stand_before_or_after_the_name() {
    for line in [
        ["--json", "--data", "D", "user", "list"],
        ["user", "--json", "list", "--data", "D"],
        ["user", "list", "--json", "--data", "D"],
    ] {
        let it = parsed(&line).unwrap();
        assert_eq!((it.data, it.format), (PathBuf::from("D"), Format::Json), "{line:?}");
    }
    let it = parsed(&["search", "x", "--json"]).unwrap();
    assert_eq!(it.format, Format::Json);
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn archive() {
    check(
        &["archive", "imap://alice@127.0.0.1:1143/", "--user", "alice", "--wait"],
        &expect![[r#"
            "posthold-data" Text Wait Request(
                Archive(
                    Archive {
                        account: Account {
                            scheme: Imap,
                            login: "alice",
                            host: "127.0.0.1",
                            port: 1143,
                        },
                        password: Secret(…),
                        user: UserName(
                            "alice",
                        ),
                        root: None,
                        folders: FolderChoice {
                            scope: WithoutDiscarded,
                            shared: Archived,
                            include: [],
                            exclude: [],
                        },
                        filter: None,
                        removal: None,
                        connections: 3,
                        plaintext: LoopbackOnly,
                        trust: System,
                        mechanism: Auto,
                        authzid: None,
                        compression: Off,
                        timeout: None,
                        wait: Yes,
                    },
                ),
            )"#]],
    );
    check(
        &[
            "archive",
            "imaps://alice@h/",
            "--user",
            "alice",
            "--fingerprint",
            "aa",
            "--ca-file",
            "f",
        ],
        &expect![[r#"
            error: the argument '--fingerprint <HEX>' cannot be used with '--ca-file <FILE>'

            Usage: posthold archive --user <NAME> --fingerprint <HEX> <URL>

            For more information, try '--help'.
        "#]],
    );
    check(
        &["archive", "imaps://alice:secret@h/", "--user", "alice"],
        &expect![[r#"
            request: the URL holds a password
            Some("Take it out, and give it with --password-file or in POSTHOLD_PASSWORD. (A colon that belongs to the login is written %3A.)")"#]],
    );
    check(
        &["archive", "imaps://alice@h/", "--user", "a/b"],
        &expect![[r#"
        request: a user name has no control characters and no slash: "a/b"
        None"#]],
    );
    check(
        &["archive", "imaps://alice@h/"],
        &expect![[r#"
        error: the following required arguments were not provided:
          --user <NAME>

        Usage: posthold archive --user <NAME> <URL>

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn nobody_is_asked_for_a_password_of_a_wrong_request() {
    let passwords = Asked::default();
    let line = ["posthold", "archive", "imaps://alice@h/", "--user", "a/b"];
    assert!(parse(line.map(OsString::from), &passwords).is_err());
    assert_eq!(passwords.0.get(), 0);
}

#[test]
fn queries() {
    let query = |line: &[&str]| match parsed(line) {
        Ok(Invocation { task: Task::Request(Request::Search(search)), .. }) => search.query,
        Ok(_) => "another request".into(),
        Err(Refused::Request(failure)) => failure.message,
        Err(Refused::Usage(error)) => error.kind().to_string(),
    };
    let cases: [(&[&str], &str); 7] = [
        (&["search"], ""),
        (&["search", ""], ""),
        (&["search", "from:bob subject:\"q r\"", "--count"], "from:bob subject:\"q r\""),
        (&["search", "quarterly", "report"], "quarterly report"),
        (&["search", "-draft report", "--limit", "3"], "-draft report"),
        (&["search", "--jsn"], "there is no option --jsn"),
        (&["search", "word", "--jsn"], "unexpected argument found"),
    ];
    for (line, want) in cases {
        assert_eq!(query(line), want, "{line:?}");
    }
}

#[test]
fn export() {
    check(
        &["export", "--all", "--to", "OUT", "--format", "eml"],
        &expect![[r#"
        "posthold-data" Text AtOnce Request(
            Export(
                Export {
                    scope: All,
                    user: None,
                    to: "OUT",
                    format: Eml,
                    proof: None,
                },
            ),
        )"#]],
    );
    check(
        &["export", "--to", "OUT"],
        &expect![[r#"
        error: the following required arguments were not provided:
          <--query <QUERY>|--folder <FOLDER>|--all>

        Usage: posthold export --to <DIR> <--query <QUERY>|--folder <FOLDER>|--all>

        For more information, try '--help'.
    "#]],
    );
    check(
        &["export", "--all", "--query", "x", "--to", "OUT"],
        &expect![[r#"
        error: the argument '--all' cannot be used with '--query <QUERY>'

        Usage: posthold export --to <DIR> <--query <QUERY>|--folder <FOLDER>|--all>

        For more information, try '--help'.
    "#]],
    );
}
