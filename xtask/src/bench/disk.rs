//! What the disk can do in this minute: how often a small append is made durable in a second.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long it is measured.
const DURATION: Duration = Duration::from_secs(2);

/// About the size of a message.
const APPEND_BYTES: usize = 30_000;

/// Appends and syncs for two seconds.
pub(super) fn syncs_per_second(dir: &Path) -> Result<f64, String> {
    let path = dir.join("syncs");
    let cause = |it: std::io::Error| format!("{}: {it}", path.display());
    let mut file = File::create(&path).map_err(cause)?;
    let bytes = vec![b'x'; APPEND_BYTES];
    let began = Instant::now();
    let mut n = 0_u32;
    while began.elapsed() < DURATION {
        file.write_all(&bytes).and_then(|()| file.sync_data()).map_err(cause)?;
        n += 1;
    }
    let rate = f64::from(n) / began.elapsed().as_secs_f64();
    fs::remove_file(&path).map_err(cause)?;
    Ok(rate)
}
