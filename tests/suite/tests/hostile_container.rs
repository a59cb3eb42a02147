//! A hostile container gets nothing but an end with a reason.

use std::io::Write as _;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use gatewright_suite::{Person, Product};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// The user inside a container.
const INSIDE: u32 = 1000;

fn socket_of(product: &Product, session: &str) -> PathBuf {
    product.home().session_folder(session).join("vnc.sock")
}

/// Puts a desktop of the test's own in the place of the session's, as a program in the container can.
fn impersonate(socket: &Path) -> UnixListener {
    std::fs::remove_file(socket).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    chown(socket, Some(INSIDE), Some(INSIDE)).unwrap();
    listener
}

async fn ends_with(product: &Product, person: &Person, session: &str, what: &str) {
    let ended = person.wait_for(session, |state| matches!(state, "ended" | "failed")).await.unwrap();
    let text = ended["end"]["text"].as_str().unwrap_or_default();
    assert!(text.contains("can't be checked"), "{what}: {ended}");
    product.engine().gone(session).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_link_is_not_followed() {
    let product = Product::start().await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let socket = socket_of(&product, &session);
    // Where the link leads: a socket of the host's, as the engine's is.
    let elsewhere = product.home().path().join("elsewhere.sock");
    let listener = UnixListener::bind(&elsewhere).unwrap();
    std::fs::remove_file(&socket).unwrap();
    symlink(&elsewhere, &socket).unwrap();

    let refused = demo.connect(&product, &session).await;
    assert!(refused.is_err());
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await;
    assert!(nobody.is_err(), "the link was followed");
    ends_with(&product, &demo, &session, "a planted link").await;
    product.stop().await.unwrap();
}

/// What a wild desktop says once the handshake is over.
fn wild() -> Vec<(&'static str, Vec<u8>)> {
    let rect = |x: u16, y: u16, w: u16, h: u16, encoding: i32| {
        let mut message = vec![0, 0, 0, 1];
        for number in [x, y, w, h] {
            message.extend(number.to_be_bytes());
        }
        message.extend(encoding.to_be_bytes());
        message
    };
    // 1 GiB of zeroes, in 1 MiB, as an extended clipboard's text.
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&0x3fff_ffff_u32.to_be_bytes()).unwrap();
    for _ in 0..1024 {
        zlib.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    let bomb = zlib.finish().unwrap();
    let length = -i32::try_from(bomb.len() + 4).unwrap();
    let provide = [&[3, 0, 0, 0][..], &length.to_be_bytes(), &(1_u32 << 28 | 1).to_be_bytes(), &bomb].concat();
    vec![
        ("a rectangle outside the picture", rect(60_000, 60_000, 5_000, 5_000, 0)),
        ("an encoding that nobody offered", rect(0, 0, 1, 1, 50)),
        ("a framebuffer of 65,535 by 65,535", rect(0, 0, 65_535, 65_535, -223)),
        (
            "ZRLE of 4 GiB",
            [rect(0, 0, 8, 8, 16), 0xffff_ffff_u32.to_be_bytes().to_vec()].concat(),
        ),
        ("Tight without an end", [rect(0, 0, 64, 64, 7), vec![0xf0]].concat()),
        ("a colour map", vec![1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ("a message that does not exist", vec![99; 8]),
        ("an end of continuous updates that never began", vec![150]),
        ("a bomb in the clipboard", provide),
    ]
}

async fn speak(mut stream: UnixStream, words: Vec<u8>) {
    let mut buffer = [0; 1024];
    // Whoever says something wrong may find the other side gone.
    let _ = converse(&mut stream, &mut buffer, &words).await;
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn converse(stream: &mut UnixStream, buffer: &mut [u8; 1024], words: &[u8]) -> std::io::Result<()> {
    stream.write_all(b"RFB 003.008\n").await?;
    stream.read_exact(&mut buffer[..12]).await?;
    // The password is checked by nobody: this desktop lets everybody in.
    stream.write_all(&[1, 2]).await?;
    stream.read_exact(&mut buffer[..1]).await?;
    stream.write_all(&[7; 16]).await?;
    stream.read_exact(&mut buffer[..16]).await?;
    stream.write_all(&[0; 4]).await?;
    stream.read_exact(&mut buffer[..1]).await?;
    let mut init = vec![4, 0, 3, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 1];
    init.push(b'x');
    stream.write_all(&init).await?;
    // Until the client has said what it offers.
    if stream.read(buffer).await? == 0 {
        return Ok(());
    }
    stream.write_all(words).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wild_desktop_ends_its_session_and_no_other() {
    let product = Product::start().await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let beside = demo.launch("Terminal").await.unwrap();
    let mut witness = demo.connect(&product, &beside).await.unwrap();
    for (what, words) in wild() {
        let session = demo.launch("Terminal").await.unwrap();
        let listener = impersonate(&socket_of(&product, &session));
        let desktop = tokio::spawn(async move { speak(listener.accept().await.unwrap().0, words).await });
        // The end may come before the client's own handshake is over.
        let end = match demo.connect(&product, &session).await {
            Ok(mut client) => format!("{:?}", client.closed().await.unwrap()),
            Err(error) => error.to_string(),
        };
        assert!(end.contains("4004"), "{what}: {end}");
        ends_with(&product, &demo, &session, what).await;
        desktop.await.unwrap();
        witness.request_update(false).await.unwrap();
        witness.next().await.unwrap();
    }
    demo.end(&beside).await.unwrap();
    product.engine().gone(&beside).await.unwrap();
    product.stop().await.unwrap();
}
