//! The server that owns a data directory, and commands that hand themselves over to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::{Duration, Instant};

use expect_test::expect;

use crate::json::check;
use crate::mail::write_samples;
use crate::posthold::{Place, Ran};

/// A server, until it is dropped.
pub(crate) struct Server {
    child: Option<Child>,
    /// Its standard error is read to its end, so that it is never held up.
    told: Option<std::thread::JoinHandle<String>>,
}

impl Server {
    /// Starts one and waits until it takes commands.
    pub(crate) fn start(place: &Place) -> Server {
        Server::of(place.start(["serve"]))
    }

    /// The same, of a command that was started.
    pub(crate) fn of(mut child: Child) -> Server {
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        stderr.read_line(&mut first).unwrap();
        if !first.starts_with("Serving ") {
            stderr.read_to_string(&mut first).unwrap();
            panic!("it does not serve: {first}");
        }
        let told = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = stderr.read_to_string(&mut rest);
            rest
        });
        Server { child: Some(child), told: Some(told) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(mut self, place: &Place) -> Ran {
        let child = self.child.take().unwrap();
        place.signal(&child, "TERM");
        let mut ran = Ran::of(child.wait_with_output().unwrap());
        ran.stderr = self.told.take().unwrap().join().unwrap();
        ran
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What is true in the end, asked again and again for a minute.
pub(crate) fn in_the_end<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "it does not come: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn commands_run_in_the_server_as_in_their_own_process() {
    let (served, alone) = (Place::new(), Place::new());
    let server = Server::start(&served);
    for place in [&served, &alone] {
        write_samples(&place.path("mail"));
    }
    let commands: &[&[&str]] = &[
        &["import", "mail", "--user", "alice"],
        &["import", "mail", "--user", "alice", "--json"],
        &["import", "nothing", "--user", "alice"],
        &["user", "set", "alice", "--address", "alice@example.org"],
        &["user", "add", "alice"],
        &["settings", "set", "server_connections", "7"],
        &["settings", "set", "server_connections", "none", "--json"],
        &["profile", "add", "p", "--host", "127.0.0.1:1", "--security", "plain"],
        &["job", "add", "j", "--user", "alice", "--profile", "p", "--login", "a"],
        &["job", "run", "j"],
        &["store", "rebuild-index"],
        &["search", "quarterly", "--count"],
    ];
    for command in commands {
        let (there, here) = (served.run(*command), alone.run(*command));
        // The server names paths as they are from anywhere.
        let there = there.transcript(&served).replace("DIR/nothing", "nothing");
        assert_eq!(there, here.transcript(&alone), "{command:?}");
    }
    let ran = server.stop(&served);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.text().starts_with("Served for ") && ran.text().lines().count() == 1);
    assert!(!served.data().join("posthold.sock").exists());
}

#[test]
fn paths_are_meant_from_where_the_command_was_typed() {
    let place = Place::new();
    let _server = Server::start(&place);
    write_samples(&place.path("far/away/mail"));
    let mut import = place.command(["import", "mail", "--user", "alice"]);
    let ran = Ran::of(import.current_dir(place.path("far/away")).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(place.ids("quarterly").len(), 1);
    let mut add = place.command(["profile", "add", "p", "--host", "h", "--ca-file", "ca.pem"]);
    let ran = Ran::of(add.arg("--json").current_dir(place.path("far/away")).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert!(ran.text().contains("/far/away/ca.pem"), "{}", ran.text());
}

#[test]
fn passwords_are_read_by_the_command_and_kept_by_the_server() {
    let place = Place::new();
    let _server = Server::start(&place);
    place.ok(["user", "add", "alice"]);
    place.ok(["profile", "add", "p", "--host", "127.0.0.1:1", "--security", "plain"]);
    std::fs::write(place.path("password"), "hunter2\n").unwrap();
    let add = ["job", "add", "j", "--user", "alice", "--profile", "p", "--login", "alice"];
    let ran = place.ok(add.iter().chain(&["--password-file", "password", "--json"]));
    assert_eq!(ran.json()["has_password"], true);
    assert!(ran.stderr.contains("Made DIR") || ran.stderr.contains("secret.key"), "{}", ran.stderr);
    let status = place.ok(["service", "status"]);
    assert!(!status.text().contains("hunter2"));
}

#[test]
fn a_second_server_is_told_who_the_first_is() {
    let place = Place::new();
    let first = Server::start(&place);
    expect![[r#"
        exit code 3
        stderr: error: the data directory DIR/data is in use by process PID ("posthold serve", since TIME)
        stderr:   Wait for it to end, or let this command wait with --wait.
    "#]].assert_eq(&place.run(["serve"]).transcript(&place));
    let mut second = place.start(["serve", "--wait"]);
    let mut line = String::new();
    let mut stderr = BufReader::new(second.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("Waiting: "), "{line}");
    assert_eq!(first.stop(&place).code, 0);
    line.clear();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("Serving "), "{line}");
    place.ok(["user", "add", "bob"]);
    place.signal(&second, "INT");
    assert!(second.wait().unwrap().success());
}

#[test]
fn what_a_killed_server_left_is_in_nobodys_way() {
    let place = Place::new();
    let server = Server::start(&place);
    place.ok(["user", "add", "alice"]);
    server.kill();
    assert!(place.data().join("posthold.sock").exists());
    place.ok(["user", "add", "bob"]);
    let server = Server::start(&place);
    place.ok(["user", "add", "carol"]);
    assert_eq!(server.stop(&place).code, 0);
    assert_eq!(place.ok(["user", "list", "--json"]).json_lines().len(), 3);
    place.ok(["verify"]);
}

#[test]
fn a_command_of_another_version_is_refused() {
    let place = Place::new();
    let _server = Server::start(&place);
    let mut socket = UnixStream::connect(place.data().join("posthold.sock")).unwrap();
    socket.write_all(b"\x06\0\0\0h0.9.9").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("this command is posthold 0.9.9"), "{answer}");
    assert!(answer.contains("Restart the server, so that both are of one version."), "{answer}");
    // What makes no sense ends that connection, and nothing else.
    for nonsense in [&b"\xff\xff\xff\xff"[..], b"\x01\0\0\0?", b"\x04\0\0"] {
        let mut socket = UnixStream::connect(place.data().join("posthold.sock")).unwrap();
        socket.write_all(nonsense).unwrap();
    }
    place.ok(["user", "add", "alice"]);
}

#[test]
fn other_users_are_refused() {
    let place = Place::new();
    let _server = Server::start(&place);
    // Only root can be somebody else.
    let mut probe = std::process::Command::new("true");
    if probe.uid(65534).status().is_err() {
        return;
    }
    let as_nobody = |place: &Place| {
        let mut command = place.command(["user", "add", "mallory"]);
        Ran::of(command.uid(65534).gid(65534).output().unwrap())
    };
    // Somebody opened everything, and the kernel lets them connect; the server does not.
    let open = |path: std::path::PathBuf| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    };
    let names = [".", "data", "data/lock", "data/posthold.sock", "data/state.db"];
    for name in &names[..3] {
        open(place.path(name));
    }
    let ran = as_nobody(&place);
    assert_eq!(ran.code, 3, "{}", ran.transcript(&place));
    assert!(ran.stderr.contains("takes no commands of this user"), "{}", ran.stderr);
    names.into_iter().for_each(|it| open(place.path(it)));
    let ran = as_nobody(&place);
    assert_eq!(ran.code, 3, "{}", ran.transcript(&place));
    assert!(ran.stderr.contains("takes no commands of user 65534"), "{}", ran.stderr);
    assert!(!place.ok(["user", "list"]).text().contains("mallory"));
}

#[test]
fn service_commands_answer_with_and_without_a_server() {
    let place = Place::new();
    let ran = place.run(["service", "status", "--json"]);
    assert_eq!((ran.code, &ran.json()["pid"]), (1, &serde_json::Value::Null));
    assert_eq!(ran.json()["groups"][0]["state"], "stopped");
    assert_eq!(place.run(["service", "pause"]).code, 3);
    let server = Server::start(&place);
    place.ok(["settings", "set", "server_connections", "7"]);
    let status = place.ok(["service", "status", "--json"]).json();
    assert_eq!(status["pid"], server.pid());
    assert_eq!(status["changes"][0]["title"], "settings set server_connections 7");
    let paused = place.ok(["service", "pause", "fetch", "--json"]).json();
    let state = |it: &serde_json::Value, group: &str| {
        let groups = it["groups"].as_array().unwrap();
        let found = groups.iter().find(|it| it["group"] == group).unwrap();
        found["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&paused, "fetch"), "stopped");
    assert_eq!(state(&paused, "mail"), "running");
    let ran = place.run(["job", "run", "j"]);
    assert!(ran.stderr.contains("the workers rest"), "{}", ran.stderr);
    let resumed = place.ok(["service", "resume", "--json"]).json();
    assert_eq!(state(&resumed, "fetch"), "running");
    let restarted = place.ok(["service", "restart", "--json"]).json();
    check("service", &restarted);
    let mut child = place.start(["serve", "--json"]);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(server.stop(&place).code, 0);
    let child = place.start(["serve", "--json"]);
    check("serve", &Server::of(child).stop(&place).json());
}

/// Hands a message in by SMTP. What the server says last.
pub(crate) fn hand_in(port: u16, text: &str) -> std::io::Result<String> {
    let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let said = ["EHLO c", "MAIL FROM:<a@x.org>", "RCPT TO:<alice@x.org>", "DATA", text, "QUIT"];
    let mut last = String::new();
    for it in said {
        stream.get_mut().write_all(format!("{it}\r\n").as_bytes())?;
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        if it == text {
            last.clone_from(&line);
        }
    }
    Ok(last)
}

#[test]
fn mail_is_taken_in_as_long_as_the_server_runs() {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    place.ok(["user", "set", "alice", "--address", "alice@x.org", "--administrator"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let add = ["job", "add", "journal", "--kind", "smtp", "--listen", &listen, "--network"];
    place.ok(add.iter().chain(&["127.0.0.0/8", "--sender", "*", "--security", "plain"]));
    let server = Server::start(&place);
    let state = |want: &str| {
        in_the_end(want, || {
            let status = place.run(["service", "status", "--json"]).json();
            let group = status["groups"][1].clone();
            (group["state"] == want).then_some(group)
        })
    };
    // Somebody else has the port: it says so, and goes on as soon as it is free.
    let failed = state("failed");
    assert!(failed["told"].as_str().unwrap().contains("failed to listen"), "{failed}");
    drop(free);
    let text = "From: a@x.org\r\nTo: alice@x.org\r\nSubject: handed\r\n\r\nin\r\n.";
    let taken = in_the_end("a message is taken", || hand_in(port, text).ok());
    assert!(taken.starts_with("250 "), "{taken}");
    let running = state("running");
    assert!(running["told"].as_str().unwrap().contains(&listen), "{running}");
    in_the_end("the message is found", || (place.ids("subject:handed").len() == 1).then_some(()));
    place.ok(["service", "pause", "receive"]);
    state("stopped");
    assert!(hand_in(port, text).is_err());
    place.ok(["service", "resume", "receive"]);
    in_the_end("a message is taken again", || hand_in(port, text).ok());
    assert_eq!(server.stop(&place).code, 0);
    place.ok(["verify"]);
}
