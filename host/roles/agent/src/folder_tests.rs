#![expect(clippy::unwrap_used, reason = "tests")]
//! Folders, removal and streams against a hostile session.

use std::ffi::OsStr;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use gatewright_core::SessionId;
use gatewright_ports::StreamError;
use rustix::fs::{Gid, Uid};
use secrecy::SecretString;
use tempfile::TempDir;
use uuid::Uuid;

use crate::folder::{FOLDER, Folders};
use crate::guard::WORKSPACE_UID;
use crate::streams;

/// A data folder with one session, and beside it what must stay as it is.
struct Ground {
    _dir: TempDir,
    folders: Folders,
    session: SessionId,
    inside: PathBuf,
    outside: PathBuf,
}

fn ground() -> Ground {
    let dir = TempDir::new().unwrap();
    let folders = Folders::open(dir.path(), owner()).unwrap();
    let session = SessionId::from_uuid(Uuid::now_v7());
    folders.make(session, Some(&SecretString::from("secret12"))).unwrap();
    let inside = folders.path(session);
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("precious"), "precious").unwrap();
    Ground {
        _dir: dir,
        folders,
        session,
        inside,
        outside,
    }
}

impl Ground {
    fn outside_is_whole(&self) {
        assert_eq!(std::fs::read(self.outside.join("precious")).unwrap(), b"precious");
        assert_eq!(self.outside.metadata().unwrap().mode() & 0o777, 0o755);
        assert!(Path::new("/etc/passwd").metadata().unwrap().len() > 0);
    }

    fn remove(&self) {
        self.folders.remove(self.session).unwrap();
        assert!(!self.inside.exists());
        self.outside_is_whole();
        // Again: what is not there is gone.
        self.folders.remove(self.session).unwrap();
        assert!(self.folders.list().unwrap().is_empty());
    }

    async fn open(&self) -> Result<tokio::net::UnixStream, StreamError> {
        streams::connect(&self.folders, self.session, "vnc").await
    }

    /// As the container's user would.
    fn listen(&self, name: &str) -> UnixListener {
        listen_as_owner(&self.inside, name)
    }
}

/// The workspace's user; where the tests don't run as root, they play it themselves.
fn owner() -> u32 {
    match rustix::process::geteuid().as_raw() {
        0 => WORKSPACE_UID,
        own => own,
    }
}

/// In the kernel a user id is a thread's own: this thread has to end afterwards.
fn become_the_workspaces_user() {
    if rustix::process::geteuid().is_root() {
        rustix::thread::set_thread_gid(Gid::from_raw(WORKSPACE_UID)).unwrap();
        rustix::thread::set_thread_uid(Uid::from_raw(WORKSPACE_UID)).unwrap();
    }
}

/// Binds and listens as the workspace's user: the kernel notes who listens.
fn listen_as_owner(folder: &Path, name: &str) -> UnixListener {
    let folder = std::fs::File::open(folder).unwrap();
    let name = name.to_owned();
    std::thread::spawn(move || {
        become_the_workspaces_user();
        UnixListener::bind(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())).unwrap()
    })
    .join()
    .unwrap()
}

#[test]
fn a_new_folder_is_its_users_alone() {
    let ground = ground();
    let see = |path: &Path| {
        let seen = path.symlink_metadata().unwrap();
        (seen.uid(), seen.mode() & 0o7777)
    };
    assert_eq!(see(&ground.inside), (owner(), 0o700));
    assert_eq!(see(&ground.inside.join("transfer")), (owner(), 0o700));
    assert_eq!(see(&ground.inside.join("password")), (owner(), 0o400));
    assert_eq!(std::fs::read(ground.inside.join("password")).unwrap(), b"secret12");
    assert_eq!(see(ground.inside.parent().unwrap()).1, 0o700);
    assert_eq!(ground.folders.list().unwrap(), [ground.session]);
    ground.remove();
}

#[test]
fn a_password_is_never_written_through_a_link() {
    let ground = ground();
    let other = SecretString::from("another1");
    let victim = ground.outside.join("precious");
    std::fs::remove_file(ground.inside.join("password")).unwrap();
    symlink(&victim, ground.inside.join("password")).unwrap();
    // The link is replaced, its target untouched.
    ground.folders.renew_password(ground.session, &other).unwrap();
    ground.outside_is_whole();
    assert_eq!(std::fs::read(ground.inside.join("password")).unwrap(), b"another1");
    // A folder in its place is an error, not a way around.
    std::fs::remove_file(ground.inside.join("password")).unwrap();
    std::fs::create_dir(ground.inside.join("password")).unwrap();
    let error = ground.folders.renew_password(ground.session, &other).unwrap_err();
    assert!(!format!("{error:?}").contains("another1"));
    ground.remove();
}

#[test]
fn removal_follows_no_link() {
    let ground = ground();
    let transfer = ground.inside.join("transfer");
    symlink(&ground.outside, ground.inside.join("folder-link")).unwrap();
    symlink(ground.outside.join("precious"), ground.inside.join("file-link")).unwrap();
    symlink("/etc/passwd", transfer.join("passwd")).unwrap();
    symlink("/", transfer.join("root")).unwrap();
    symlink("../../../outside", transfer.join("up")).unwrap();
    symlink("loop", transfer.join("loop")).unwrap();
    symlink("/proc/self/fd", transfer.join("magic")).unwrap();
    std::fs::hard_link(ground.outside.join("precious"), transfer.join("hard")).unwrap();
    ground.remove();
}

#[test]
fn removal_copes_with_odd_names_modes_and_kinds() {
    let ground = ground();
    let transfer = ground.inside.join("transfer");
    let names: [&[u8]; 9] = [b"-rf", b" ", b"a\nb", b"\xff\xfe", b"*", b"..x", b"\\", b"removed-1", &[b'n'; 255]];
    for name in names {
        std::fs::write(transfer.join(OsStr::from_bytes(name)), b"x").unwrap();
        std::fs::create_dir_all(ground.inside.join("dirs").join(OsStr::from_bytes(name)).join("in")).unwrap();
    }
    for mode in [0o000, 0o111, 0o400, 0o1777, 0o7777] {
        let folder = ground.inside.join(format!("mode-{mode:o}"));
        std::fs::create_dir_all(folder.join("deeper/still")).unwrap();
        std::fs::write(folder.join("deeper/file"), b"x").unwrap();
        for path in [
            folder.join("deeper/file"),
            folder.join("deeper/still"),
            folder.join("deeper"),
            folder,
        ] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    let _listener = ground.listen("vnc.sock");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        ground.inside.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    std::fs::set_permissions(&ground.inside, std::fs::Permissions::from_mode(0o0)).unwrap();
    ground.remove();
}

#[test]
fn removal_copes_with_depth_and_number() {
    let ground = ground();
    // Far deeper than a path can be long or a process can have files open.
    let mut folder = rustix::fs::open(&ground.inside, FOLDER, rustix::fs::Mode::empty()).unwrap();
    for depth in 0..6000 {
        rustix::fs::mkdirat(&folder, "d", rustix::fs::Mode::RWXU).unwrap();
        if depth % 100 == 0 {
            rustix::fs::symlinkat("/", &folder, "root").unwrap();
        }
        folder = rustix::fs::openat(&folder, "d", FOLDER, rustix::fs::Mode::empty()).unwrap();
    }
    drop(folder);
    for number in 0..5000 {
        std::fs::write(ground.inside.join("transfer").join(number.to_string()), b"").unwrap();
    }
    ground.remove();
}

/// Somebody still works in the folder as a container would: by its mount, not by its path, as the workspace's user.
#[test]
fn removal_wins_against_a_writer() {
    let ground = ground();
    let mount = std::fs::File::open(&ground.inside).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let removed = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            become_the_workspaces_user();
            let inside = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
            let mut made = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let folder = inside.join(format!("transfer/busy-{made}"));
                if std::fs::create_dir_all(folder.join("deep")).is_ok() {
                    made += 1;
                }
                let _moved = std::fs::rename(folder, inside.join(format!("moved-{made}")));
                let _linked = symlink("/etc/passwd", inside.join("link"));
            }
            made
        });
        while !ground.inside.join("moved-20").exists() {
            std::thread::yield_now();
        }
        let removed = ground.folders.remove(ground.session);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writer.join().unwrap() >= 20);
        removed
    });
    // Without root, writer and agent are one user, and it may take another call.
    assert!(removed.is_ok() || !rustix::process::geteuid().is_root(), "{removed:?}");
    ground.remove();
}

#[test]
fn what_is_not_a_session_is_left_alone() {
    let ground = ground();
    let sessions = ground.inside.parent().unwrap().to_owned();
    for name in [
        "notes",
        "lost+found",
        &ground.session.to_string().to_uppercase(),
        &format!("{{{}}}", ground.session),
    ] {
        std::fs::create_dir(sessions.join(name)).unwrap();
    }
    assert_eq!(ground.folders.list().unwrap(), [ground.session]);
    // A link instead of a session's folder is removed, not what it leads to.
    ground.folders.remove(ground.session).unwrap();
    symlink(&ground.outside, &ground.inside).unwrap();
    ground.folders.remove(ground.session).unwrap();
    ground.outside_is_whole();
    assert!(ground.inside.symlink_metadata().is_err());
    assert!(sessions.join("notes").exists());
}

#[tokio::test]
async fn a_stream_reaches_the_sessions_own_socket() {
    let ground = ground();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Refused);
    let listener = ground.listen("vnc.sock");
    let mut stream = ground.open().await.unwrap();
    let (mut served, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut served, b"hello").unwrap();
    let mut heard = [0; 5];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    // A socket that nobody listens on any more.
    drop((served, listener));
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Refused);
    let missing = StreamError::NoSuchService {
        service: "../vnc.sock".into(),
    };
    assert_eq!(
        streams::connect(&ground.folders, ground.session, "../vnc.sock").await.unwrap_err(),
        missing
    );
    ground.remove();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::NotFound);
}

#[tokio::test]
async fn a_stream_reaches_nothing_else() {
    let ground = ground();
    let socket = ground.inside.join("vnc.sock");
    // Stands for the engine's socket: it must never see a connection.
    let engine = UnixListener::bind(ground.outside.join("engine.sock")).unwrap();
    engine.set_nonblocking(true).unwrap();

    symlink(ground.outside.join("engine.sock"), &socket).unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "a link");
    std::fs::remove_file(&socket).unwrap();

    let own = ground.listen("real.sock");
    symlink("real.sock", &socket).unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "a link that stays inside");
    std::fs::remove_file(&socket).unwrap();

    std::fs::hard_link(ground.outside.join("engine.sock"), &socket).unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "a second name");
    std::fs::remove_file(&socket).unwrap();

    std::fs::hard_link(ground.inside.join("real.sock"), &socket).unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "a second name of its own");
    std::fs::remove_file(&socket).unwrap();
    drop(own);

    std::fs::create_dir(&socket).unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "a folder");
    std::fs::remove_dir(&socket).unwrap();
    std::fs::write(&socket, b"").unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "a file");
    std::fs::remove_file(&socket).unwrap();

    if rustix::process::geteuid().is_root() {
        let foreign = UnixListener::bind(&socket).unwrap();
        foreign.set_nonblocking(true).unwrap();
        assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "another user's socket");
        assert!(foreign.accept().is_err(), "it was not even connected to");
        // With the right owner on the file, the one who listens is still another.
        std::os::unix::fs::chown(&socket, Some(owner()), Some(owner())).unwrap();
        assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "another user listens");
    }
    assert!(engine.accept().is_err(), "nobody reached the engine");

    // The session's folder itself as a link.
    ground.folders.remove(ground.session).unwrap();
    symlink(&ground.outside, &ground.inside).unwrap();
    assert_eq!(ground.open().await.unwrap_err(), StreamError::Tampered, "the folder is a link");
}

/// The container swaps its socket for a link to the engine's, just between check and use.
#[tokio::test]
async fn a_swap_after_the_check_changes_nothing() {
    let ground = ground();
    let engine = UnixListener::bind(ground.outside.join("engine.sock")).unwrap();
    engine.set_nonblocking(true).unwrap();
    let own = ground.listen("vnc.sock");
    let pinned = streams::pin(&ground.folders, ground.session, "vnc").unwrap();
    std::fs::rename(ground.inside.join("vnc.sock"), ground.inside.join("moved")).unwrap();
    symlink(ground.outside.join("engine.sock"), ground.inside.join("vnc.sock")).unwrap();
    let _stream = streams::connect_pinned(&ground.folders, pinned).await.unwrap();
    own.set_nonblocking(true).unwrap();
    assert!(own.accept().is_ok(), "the pinned socket was not reached");
    assert!(engine.accept().is_err(), "the stream reached the engine");
}
