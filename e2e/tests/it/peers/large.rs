//! A message of 200 MB, in little memory.

use std::fs;
use std::io::Read;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use testkit::Dovecot;
use testkit::dovecot::{Mail, PASSWORD};

use super::archive_line;
use crate::mail::id;
use crate::posthold::Place;

const MESSAGE_BYTES: usize = 200_000_000;

/// What a run may take, in bytes.
const MEMORY_BYTES_MAX: u64 = 150_000_000;

#[test]
fn w21_two_hundred_megabytes_pass_in_under_a_hundred_and_fifty() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let mut bytes = testkit::corpus::large_message(7, MESSAGE_BYTES);
    // The server makes CRLF of LF; what it gives is what counts.
    bytes = String::from_utf8(bytes).unwrap().replace('\n', "\r\n").into_bytes();
    let mail = Mail { bytes: &bytes, flags: "", received: 1_600_000_000 };
    dovecot.fill("alice", "INBOX", [mail]);
    let wanted = id(&bytes);
    let n_bytes = bytes.len();
    drop(bytes);

    let place = Place::new();
    let mut command = place.command(archive_line(dovecot.imap(), &[]));
    command.env("POSTHOLD_PASSWORD", PASSWORD).stdout(Stdio::null());
    let peak = peak_of(command.spawn().unwrap());
    assert!(peak < MEMORY_BYTES_MAX, "archive took {peak} bytes");

    let peak = peak_of(
        place.command(["export", "--all", "--to", "out"]).stdout(Stdio::null()).spawn().unwrap(),
    );
    assert!(peak < MEMORY_BYTES_MAX, "export took {peak} bytes");
    let path = place.path("out/alice/INBOX").join(format!("{wanted}.eml"));
    assert_eq!(fs::metadata(&path).unwrap().len(), u64::try_from(n_bytes).unwrap());

    let mut child =
        place.command(["show", &wanted, "--raw"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = child.stdout.take().unwrap();
    let mut exported = fs::File::open(&path).unwrap();
    assert!(same(&mut shown, &mut exported), "what is shown is what is exported");
    assert!(child.wait().unwrap().success());

    let peak = peak_of(place.command(["verify"]).stdout(Stdio::null()).spawn().unwrap());
    assert!(peak < MEMORY_BYTES_MAX, "verify took {peak} bytes");
    let peak =
        peak_of(place.command(["store", "rebuild-index"]).stdout(Stdio::null()).spawn().unwrap());
    assert!(peak < MEMORY_BYTES_MAX, "rebuild-index took {peak} bytes");
}

fn same(a: &mut impl Read, b: &mut impl Read) -> bool {
    let (mut block_a, mut block_b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let n = a.read(&mut block_a).unwrap();
        if n == 0 {
            return b.read(&mut block_b).unwrap() == 0;
        }
        if b.read_exact(&mut block_b[..n]).is_err() || block_a[..n] != block_b[..n] {
            return false;
        }
    }
}

/// Waits for the end, which must be a success, and gives the most anonymous memory that the
/// process had: pages of files that are mapped are the kernel's to keep or drop.
fn peak_of(mut child: Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|it| it.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|it| it.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        thread::sleep(Duration::from_millis(2));
    }
}
