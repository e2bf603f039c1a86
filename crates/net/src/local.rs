//! Sockets between programs of one machine: a name in a directory, and whose process is at the
//! other end.
//!
//! Rules: only its owner may connect (mode 0600 from the moment that the name is there); a name
//! that a dead process left is replaced; who the peer is says the kernel.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Waits for programs of this machine. Dropping it takes its name away.
#[derive(Debug)]
pub struct LocalListener {
    listener: UnixListener,
    dir: PathBuf,
    name: String,
    owner: u32,
    inode: u64,
}

/// A program of this machine that connected, or that was connected to.
#[derive(Debug)]
pub struct LocalPeer {
    /// The connection.
    pub stream: UnixStream,
    /// The user whose process it is.
    pub uid: u32,
    /// The process, as long as it runs.
    pub pid: Option<u32>,
}

impl LocalListener {
    /// Listens under `name` in `dir`, in place of whatever has this name. The caller knows that
    /// nobody listens there. Needs a runtime.
    pub fn bind(dir: &Path, name: &str) -> io::Result<LocalListener> {
        let opened = File::open(dir)?;
        let new = format!("{name}.new");
        match fs::remove_file(dir.join(&new)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let listener = UnixListener::bind(short(&opened, &new))?;
        fs::set_permissions(dir.join(&new), Permissions::from_mode(0o600))?;
        let made = fs::metadata(dir.join(&new))?;
        fs::rename(dir.join(&new), dir.join(name))?;
        let (dir, name) = (dir.to_owned(), name.to_owned());
        Ok(LocalListener { listener, dir, name, owner: made.uid(), inode: made.ino() })
    }

    /// Waits for the next one that connects.
    pub async fn accept(&self) -> io::Result<LocalPeer> {
        let (stream, _) = self.listener.accept().await?;
        peer(stream)
    }

    /// Whether processes of this user may ask: root, and who owns the socket.
    #[must_use]
    pub fn is_welcome(&self, uid: u32) -> bool {
        uid == 0 || uid == self.owner
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Not the name that another one has taken since. What stays is replaced by the next.
        let path = self.dir.join(&self.name);
        if fs::metadata(&path).is_ok_and(|it| it.ino() == self.inode) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Connects to what listens under `name` in `dir`.
pub async fn connect_local(dir: &Path, name: &str) -> io::Result<LocalPeer> {
    let opened = File::open(dir)?;
    peer(UnixStream::connect(short(&opened, name)).await?)
}

fn peer(stream: UnixStream) -> io::Result<LocalPeer> {
    let peer = stream.peer_cred()?;
    let pid = peer.pid().and_then(|it| u32::try_from(it).ok());
    Ok(LocalPeer { stream, uid: peer.uid(), pid })
}

/// The same place by a short name: addresses of sockets have 107 bytes at most.
fn short(dir: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_socket_has_a_name_of_any_length_and_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("a".repeat(200));
        fs::create_dir(&dir).unwrap();
        assert!(connect_local(&dir, "socket").await.is_err());
        // What a process left that was killed.
        drop(std::os::unix::net::UnixListener::bind(short(&File::open(&dir).unwrap(), "socket")));
        assert!(connect_local(&dir, "socket").await.is_err());
        let listener = LocalListener::bind(&dir, "socket").unwrap();
        assert_eq!(fs::metadata(dir.join("socket")).unwrap().mode() & 0o777, 0o600);
        let mut client = connect_local(&dir, "socket").await.unwrap();
        let mut server = listener.accept().await.unwrap();
        assert!(listener.is_welcome(server.uid) && listener.is_welcome(0));
        assert!(!listener.is_welcome(server.uid + 1));
        client.stream.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        server.stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        drop(listener);
        assert!(!dir.join("socket").exists());
    }
}
