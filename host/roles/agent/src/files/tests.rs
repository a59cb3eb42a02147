#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
//! The service against a hostile container.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gatewright_core::SessionId;
use gatewright_files::{Entry, Failure, Frame, decode, encode};
use rustix::fs::{Gid, Uid};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use uuid::Uuid;

use crate::files::serve;
use crate::folder::Folders;
use crate::guard::WORKSPACE_UID;

struct Ground {
    dir: TempDir,
    folders: Arc<Folders>,
    session: SessionId,
    transfer: PathBuf,
}

fn owner() -> u32 {
    let own = rustix::process::geteuid();
    if own.is_root() { WORKSPACE_UID } else { own.as_raw() }
}

fn ground() -> Ground {
    let dir = TempDir::new().unwrap();
    let folders = Folders::open(dir.path(), owner()).unwrap();
    let session = SessionId::from_uuid(Uuid::now_v7());
    folders.make(session, None).unwrap();
    let transfer = folders.path(session).join("transfer");
    Ground {
        dir,
        folders: Arc::new(folders),
        session,
        transfer,
    }
}

impl Ground {
    /// A file that the container made.
    fn made(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.transfer.join(name);
        std::fs::write(&path, bytes).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        rustix::fs::fchown(&file, Some(Uid::from_raw(owner())), Some(Gid::from_raw(owner()))).unwrap();
        path
    }

    fn open(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let task = tokio::spawn(serve(Arc::clone(&self.folders), self.session, theirs));
        Client {
            stream: ours,
            input: BytesMut::new(),
            task,
        }
    }

    async fn list(&self) -> Vec<Entry> {
        let mut client = self.open();
        client.say(&Frame::List).await;
        match client.hear().await {
            Some(Frame::Entries(entries)) => entries,
            other => panic!("{other:?}"),
        }
    }

    async fn get(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let mut client = self.open();
        client.say(&Frame::Get { name: name.into() }).await;
        let mut bytes = Vec::new();
        loop {
            match client.hear().await.unwrap() {
                Frame::Found { .. } => {}
                Frame::Data(data) => bytes.extend_from_slice(&data),
                Frame::Done { .. } => return Ok(bytes),
                Frame::Failed(failure) => return Err(failure),
                other => panic!("{other:?}"),
            }
        }
    }

    async fn put(&self, name: &str, size: u64, bytes: &[u8]) -> Result<String, Failure> {
        let mut client = self.open();
        client.say(&Frame::Put { name: name.into(), size }).await;
        match client.hear().await.unwrap() {
            Frame::Ready => {}
            Frame::Failed(failure) => return Err(failure),
            other => panic!("{other:?}"),
        }
        for piece in bytes.chunks(100_000) {
            client.say(&Frame::Data(Bytes::copy_from_slice(piece))).await;
        }
        client.say(&Frame::Commit).await;
        match client.hear().await.unwrap() {
            Frame::Done { name } => Ok(name),
            Frame::Failed(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.transfer).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

struct Client {
    stream: DuplexStream,
    input: BytesMut,
    task: tokio::task::JoinHandle<()>,
}

impl Client {
    async fn say(&mut self, frame: &Frame) {
        let mut out = BytesMut::new();
        encode(frame, &mut out);
        // Whoever failed already does not listen any more; what it said is still to be read.
        drop(self.stream.write_all(&out).await);
    }

    /// None: it ended.
    async fn hear(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = decode(&mut self.input).unwrap() {
                return Some(frame);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap() == 0 {
                return None;
            }
        }
    }
}

#[tokio::test]
async fn a_file_goes_in_and_out_byte_for_byte() {
    let ground = ground();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
    let size = bytes.len() as u64;
    assert_eq!(ground.put("plan.png", size, &bytes).await.unwrap(), "plan.png");
    assert_eq!(ground.put("plan.png", 3, b"two").await.unwrap(), "plan (2).png");
    assert_eq!(ground.put("plan.png", 0, b"").await.unwrap(), "plan (3).png");
    assert_eq!(ground.put("../../up\u{202e}gnp.exe", 1, b"x").await.unwrap(), ".._.._upgnp.exe");
    let there = ground.transfer.join("plan.png").metadata().unwrap();
    assert_eq!((there.uid(), there.nlink(), there.mode() & 0o777), (owner(), 1, 0o600));
    assert_eq!(ground.get("plan.png").await.unwrap(), bytes);
    assert_eq!(ground.get("plan (3).png").await.unwrap(), b"");
    assert_eq!(ground.names(), [".._.._upgnp.exe", "plan (2).png", "plan (3).png", "plan.png"]);
    assert_eq!(ground.list().await.len(), 4);
}

#[tokio::test]
async fn what_is_not_whole_leaves_nothing() {
    let ground = ground();
    assert_eq!(ground.put("short", 10, b"four").await, Err(Failure::Changed));
    assert_eq!(ground.put("long", 3, b"four").await, Err(Failure::Changed));
    assert_eq!(ground.put("", 1, b"x").await, Err(Failure::Name));
    assert_eq!(ground.put("huge", u64::MAX, b"").await, Err(Failure::NoRoom));
    // Cut off in the middle.
    let mut client = ground.open();
    client
        .say(&Frame::Put {
            name: "cut".into(),
            size: 2_000_000,
        })
        .await;
    assert_eq!(client.hear().await, Some(Frame::Ready));
    client.say(&Frame::Data(vec![1; 1_000_000].into())).await;
    assert_eq!(ground.names(), Vec::<String>::new(), "not even a name of its own while it comes");
    drop(client.stream);
    client.task.await.unwrap();
    assert_eq!(ground.names(), Vec::<String>::new());
}

#[tokio::test]
async fn links_pipes_and_folders_are_refused() {
    let ground = ground();
    let outside = ground.dir.path().join("precious");
    std::fs::write(&outside, b"precious").unwrap();
    let plain = ground.made("plain", b"plain");
    symlink(&outside, ground.transfer.join("link")).unwrap();
    symlink("plain", ground.transfer.join("inner-link")).unwrap();
    symlink("/proc/self/fd/0", ground.transfer.join("magic")).unwrap();
    ground.made("twice", b"twice");
    std::fs::hard_link(ground.transfer.join("twice"), ground.transfer.join("twice-too")).unwrap();
    std::fs::create_dir(ground.transfer.join("folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, ground.transfer.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    std::fs::write(ground.transfer.join(std::ffi::OsStr::from_bytes(b"latin-\xe9")), b"x").unwrap();

    assert_eq!(ground.get("plain").await.unwrap(), b"plain");
    for (name, wanted) in [
        ("link", Failure::Link),
        ("inner-link", Failure::Link),
        ("magic", Failure::Link),
        ("twice", Failure::Link),
        ("twice-too", Failure::Link),
        ("folder", Failure::NotAFile),
        ("pipe", Failure::NotAFile),
        ("none", Failure::NotFound),
        ("folder/../plain", Failure::Name),
        ("../password", Failure::Name),
        ("..", Failure::Name),
        (".", Failure::Name),
        ("", Failure::Name),
        ("nul\0", Failure::Name),
    ] {
        assert_eq!(ground.get(name).await, Err(wanted), "{name}");
    }
    let listed = ground.list().await;
    let had: Vec<_> = listed
        .iter()
        .filter(|entry| entry.refused.is_none())
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(had, ["plain"]);
    assert_eq!(listed.len(), 9);

    // A name that is a link is taken, not followed.
    assert_eq!(ground.put("link", 3, b"new").await.unwrap(), "link (2)");
    assert_eq!(std::fs::read(&outside).unwrap(), b"precious");
    if owner() == WORKSPACE_UID {
        // Not the session's own: planted by whoever else.
        std::fs::remove_file(&plain).unwrap();
        std::fs::write(&plain, b"root's").unwrap();
        assert_eq!(ground.get("plain").await, Err(Failure::NotAFile));
    }
}

#[tokio::test]
async fn a_folder_that_became_a_link_is_not_entered() {
    let ground = ground();
    let outside = ground.dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("precious"), b"precious").unwrap();
    std::fs::remove_dir(&ground.transfer).unwrap();
    symlink(&outside, &ground.transfer).unwrap();
    assert_eq!(ground.get("precious").await, Err(Failure::Link));
    assert_eq!(ground.put("new", 1, b"x").await, Err(Failure::Link));
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    std::fs::remove_file(&ground.transfer).unwrap();
    assert_eq!(ground.get("precious").await, Err(Failure::NotFound));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_not_given_as_whole() {
    let ground = ground();
    let path = ground.made("changing", &vec![1; 4_000_000]);
    for truncate in [true, false] {
        let mut client = ground.open();
        client.say(&Frame::Get { name: "changing".into() }).await;
        assert!(matches!(client.hear().await, Some(Frame::Found { size: 4_000_000 })));
        // The stream holds 64 KiB: most of the file is still to be read.
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        if truncate {
            file.set_len(1_000).unwrap();
        } else {
            rustix::io::pwrite(&file, b"other", 3_999_000).unwrap();
        }
        let mut last = None;
        while let Some(frame) = client.hear().await {
            last = Some(frame);
        }
        assert_eq!(last, Some(Frame::Failed(Failure::Changed)), "truncated: {truncate}");
        file.set_len(4_000_000).unwrap();
    }
    // Swapped for another file: what was opened is what is read.
    let mut client = ground.open();
    client.say(&Frame::Get { name: "changing".into() }).await;
    assert!(matches!(client.hear().await, Some(Frame::Found { .. })));
    std::fs::remove_file(&path).unwrap();
    symlink("/etc/passwd", &path).unwrap();
    let mut bytes = 0;
    while let Some(Frame::Data(data)) = client.hear().await {
        bytes += data.len();
    }
    assert_eq!(bytes, 4_000_000);
}

#[tokio::test]
async fn nonsense_ends_the_stream() {
    let ground = ground();
    for frame in [Frame::Commit, Frame::Ready, Frame::Data(Bytes::from_static(b"x"))] {
        let mut client = ground.open();
        client.say(&frame).await;
        assert_eq!(client.hear().await, Some(Frame::Failed(Failure::Protocol)));
        assert_eq!(client.hear().await, None);
    }
    let mut client = ground.open();
    client.stream.write_all(b"\xff\xff\xff\xff\xff").await.unwrap();
    assert_eq!(client.hear().await, Some(Frame::Failed(Failure::Protocol)));
}
