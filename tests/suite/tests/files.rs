//! Files through the gates: whole or not at all, on both sides.

use std::time::Duration;

use gatewright_core::RuleId;
use gatewright_core::gate::Gate;
use gatewright_core::record::{Rule, RuleEffect, RuleTarget};
use gatewright_suite::{Engine, Files, Product};
use http::StatusCode;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const MIB: usize = 1 << 20;
/// The size that files have here which must not fit into memory.
const LARGE: usize = 100_000_000;

/// Bytes that don't compress and don't repeat, with a beginning.
fn bytes(head: &[u8], size: usize) -> Vec<u8> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut out = head.to_vec();
    while out.len() < size {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        out.extend_from_slice(&seed.to_le_bytes());
    }
    out.truncate(size);
    out
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a command inside prints.
async fn inside(engine: &Engine, session: &str, command: &str) -> String {
    let (out, _) = engine.exec(session, &["sh", "-c", command], b"").await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn names_inside(engine: &Engine, session: &str) -> Vec<String> {
    let listed = inside(engine, session, "ls -A1 /home/user/Transfer/").await;
    listed.lines().map(str::to_owned).collect()
}

/// A value of /proc/<pid>/status in bytes.
fn memory(pid: u32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Runs `work` and says by how much the product's memory rose at most meanwhile.
async fn risen(product: &Product, work: impl Future<Output = ()>) -> usize {
    let pid = product.pid().unwrap();
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    let before = memory(pid, "VmRSS:");
    work.await;
    memory(pid, "VmHWM:").saturating_sub(before)
}

/// A product whose upload gate reads contents, whose download gate passes large pictures, and whose spool is small.
async fn strict() -> Product {
    let first = Product::start().await.unwrap();
    let dir = first.stop().await.unwrap();
    let store = dir.store().await.unwrap();
    let rule = |gate, plugin: &str, config| Rule {
        id: RuleId::from_uuid(Uuid::now_v7()),
        name: format!("test of {plugin}"),
        gate,
        target: RuleTarget::Everything,
        position: 0,
        effect: RuleEffect::Ask {
            plugin: plugin.parse().unwrap(),
            config,
        },
        config_revision: 1,
        enabled: true,
        example: false,
    };
    let mut write = store.begin().await.unwrap();
    let downloads = store.rules().await.unwrap().into_iter().filter(|rule| rule.gate == Gate::Download);
    for old in downloads {
        write.delete_rule(old.id).await.unwrap();
    }
    write
        .insert_rule(&rule(Gate::Upload, "dlp-content", json!({ "checks": ["card-number"] })))
        .await
        .unwrap();
    write
        .insert_rule(&rule(Gate::Download, "dlp-filetype", json!({ "extensions": ["png", "txt"] })))
        .await
        .unwrap();
    write.commit().await.unwrap();
    drop(store);
    std::fs::write(dir.path().join("test.toml"), "[limits]\nfile_spool_bytes = 125829120\n").unwrap();
    let config = dir.path().join("test.toml");
    Product::start_in(dir, None, &["--config", config.to_str().unwrap()]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_in_and_out_and_say_why_not() {
    let product = Product::start().await.unwrap();
    let engine = product.engine().clone();
    let admin = product.login("admin").await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let files = Files::of(&product, &demo, &session);

    // In, also when the name is taken, empty, and dangerous.
    for (name, content, got) in [
        ("hello.txt", b"hello".as_slice(), "hello.txt"),
        ("hello.txt", b"again", "hello (2).txt"),
        ("empty", b"", "empty"),
        ("../../etc/up\u{202e}gnp.exe", b"x", ".._.._etc_upgnp.exe"),
    ] {
        let (status, answer) = files.upload(name, content).await.unwrap();
        assert_eq!((status, answer["name"].as_str()), (StatusCode::OK, Some(got)), "{answer}");
    }
    assert_eq!(
        inside(&engine, &session, "cat ~/Transfer/hello.txt '/home/user/Transfer/hello (2).txt'").await,
        "helloagain"
    );
    assert_eq!(
        inside(&engine, &session, "stat -c '%U %a %h' ~/Transfer/hello.txt").await.trim(),
        "user 600 1"
    );
    let event = &admin.activity("kind=verdict&gate=upload&limit=4").await.unwrap()[3];
    assert_eq!(event["item"]["name"], "hello.txt");
    assert_eq!(event["item"]["media_type"], "text/plain");
    assert_eq!(event["item"]["bytes"], 5);
    assert_eq!(event["item"]["sha256"], hex(b"hello"));
    assert_eq!(event["outcome"], "allowed");

    // Over the limit: nothing is sent before it is said.
    let (status, answer) = files.try_begin("large.bin", 101 * MIB as u64).await.unwrap();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let text = answer["detail"].as_str().unwrap();
    assert!(
        text.starts_with("Upload blocked: large.bin is 101 MiB, the limit is 100 MiB. ") && text.contains(". Ref "),
        "{text}"
    );
    assert_eq!(answer["rule"], "Upload files up to 100 MiB");

    // Out: a picture, not a program that is called one, nor another type.
    let picture = bytes(PNG, 3 * MIB);
    files.upload("plan.png", &picture).await.unwrap();
    let (status, offered) = files.ask("plan.png").await.unwrap();
    assert_eq!(status, StatusCode::OK, "{offered}");
    let fetched = files.fetch(offered["id"].as_str().unwrap()).await.unwrap();
    let head = |name: &str| fetched.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(head("content-type"), "application/octet-stream");
    assert_eq!(head("x-content-type-options"), "nosniff");
    assert_eq!(
        head("content-disposition"),
        "attachment; filename=\"plan.png\"; filename*=UTF-8''plan.png"
    );
    assert_eq!(head("content-length"), picture.len().to_string());
    assert!(fetched.bytes().await.unwrap() == picture);
    let again = files.fetch(offered["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_FOUND, "once");

    inside(&engine, &session, "printf 'MZ\\220\\0\\003' > ~/Transfer/photo.png").await;
    let (status, answer) = files.ask("photo.png").await.unwrap();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = answer["detail"].as_str().unwrap();
    assert!(
        text.starts_with(
            "Download blocked: photo.png says .png, but what is in it is: Windows program. Only real .png, .jpg, .jpeg files up to 20 MiB may \
             pass. Ref "
        ),
        "{text}"
    );
    assert_eq!(answer["rule"], "Sales: download .png and .jpg up to 20 MiB");
    let event = &admin.activity("kind=verdict&gate=download&limit=1").await.unwrap()[0];
    assert_eq!(event["message"], text);
    assert_eq!(event["item"]["media_type"], "application/vnd.microsoft.portable-executable");
    assert_eq!(event["reference"], answer["reference"]);
    let (status, _) = files.ask("hello.txt").await.unwrap();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_off_leaves_nothing_and_can_go_on() {
    let product = Product::start().await.unwrap();
    let engine = product.engine().clone();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let files = Files::of(&product, &demo, &session);
    let file = bytes(b"text? ", 20 * MIB);

    // A connection that is lost in the middle, then another that goes on where it was.
    let id = files.begin("long.bin", file.len() as u64).await.unwrap();
    files.cut_off(&id, file.len() as u64, &file[..7 * MIB]).await.unwrap();
    let mut offset = 0;
    for _ in 0..200 {
        let (_, state) = files.state(&id).await.unwrap();
        assert_eq!(state["state"], "receiving");
        let now = usize::try_from(state["offset"].as_u64().unwrap()).unwrap();
        // What is under way still comes in after the cut.
        if now > 0 && now == offset {
            break;
        }
        offset = now;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(offset > 0 && offset <= 7 * MIB, "{offset}");
    assert_eq!(
        names_inside(&engine, &session).await,
        Vec::<String>::new(),
        "nothing of it is to be seen"
    );
    let (status, _) = files.feed(&id, offset as u64 - 1, file[offset - 1..].to_vec()).await.unwrap();
    assert_eq!(status, StatusCode::CONFLICT, "not from there");
    let (status, state) = files.feed(&id, offset as u64, file[offset..].to_vec()).await.unwrap();
    assert_eq!((status, state["state"].as_str()), (StatusCode::OK, Some("done")), "{state}");
    let sum = inside(&engine, &session, "sha256sum < ~/Transfer/long.bin").await;
    assert_eq!(sum.split_whitespace().next(), Some(hex(&file).as_str()));

    // Given up: by word, by sending more than was announced, and with the session.
    let id = files.begin("given-up.bin", file.len() as u64).await.unwrap();
    files.feed(&id, 0, file[..5 * MIB].to_vec()).await.unwrap();
    files.cancel(&id).await.unwrap();
    let (status, state) = files.feed(&id, 5 * MIB as u64, file[5 * MIB..].to_vec()).await.unwrap();
    assert_eq!(
        (status, state["code"].as_str()),
        (StatusCode::CONFLICT, Some("incomplete")),
        "{state}"
    );
    let id = files.begin("too-long.bin", 1000).await.unwrap();
    let (status, _) = files.feed(&id, 0, vec![1; 1001]).await.unwrap();
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(names_inside(&engine, &session).await, ["long.bin"]);
    let id = files.begin("with-the-session.bin", file.len() as u64).await.unwrap();
    files.feed(&id, 0, file[..5 * MIB].to_vec()).await.unwrap();

    // Another person's session is not there.
    let admin = product.login("admin").await.unwrap();
    assert!(Files::of(&product, &admin, &session).list().await.is_err());

    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_container_gets_nothing_out_but_its_own_plain_files() {
    let product = Product::start().await.unwrap();
    let engine = product.engine().clone();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let files = Files::of(&product, &demo, &session);
    let plant = "cd ~/Transfer && ln -s /etc/passwd a.png && ln -s /proc/self/environ b.png && mkfifo c.png && mkdir d.png \
                 && printf x > e.png && ln e.png f.png && ln -s .. up && printf x > \"$(printf 'g\\377.png')\"";
    inside(&engine, &session, plant).await;
    for entry in files.list().await.unwrap() {
        assert!(entry["refused"].is_string(), "{entry}");
    }
    for (name, code) in [
        ("a.png", "link"),
        ("b.png", "link"),
        ("c.png", "no-plain-file"),
        ("d.png", "no-plain-file"),
        ("e.png", "link"),
        ("f.png", "link"),
        ("up/password", "name"),
        ("../vnc.sock", "name"),
        ("missing.png", "no-file"),
    ] {
        let (_, answer) = files.ask(name).await.unwrap();
        assert_eq!(answer["code"], code, "{name}: {answer}");
    }
    // A name that is a link is taken, what it points at stays as it is.
    inside(&engine, &session, "ln -s /tmp/target ~/Transfer/note.txt").await;
    let (_, answer) = files.upload("note.txt", b"note").await.unwrap();
    assert_eq!(answer["name"], "note (2).txt");
    assert_eq!(
        inside(&engine, &session, "ls /tmp/target 2>&1 | grep -c 'No such'").await.trim(),
        "1"
    );

    // The folder itself becomes a link: nothing goes through it.
    inside(
        &engine,
        &session,
        "mv /run/session/transfer /run/session/t && ln -s /tmp /run/session/transfer",
    )
    .await;
    let (status, answer) = files.upload("through.txt", b"x").await.unwrap();
    assert_ne!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        inside(&engine, &session, "ls /tmp/through.txt 2>/dev/null | wc -l").await.trim(),
        "0"
    );

    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();
    product.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_files_take_no_memory_and_what_must_not_pass_leaves_nothing() {
    let product = strict().await;
    let engine = product.engine().clone();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let files = Files::of(&product, &demo, &session);

    // The rules are compiled, and the first buffers made.
    files.upload("first.txt", &bytes(b"text ", 4 * MIB)).await.unwrap();
    files.download("first.txt").await.ok();

    let picture = bytes(PNG, LARGE);
    let rose = risen(&product, async {
        let (status, answer) = files.upload("large.png", &picture).await.unwrap();
        assert_eq!((status, answer["state"].as_str()), (StatusCode::OK, Some("done")), "{answer}");
    })
    .await;
    println!("upload of 100 MB, held: memory rose by {} KiB", rose / 1024);
    assert!(rose < 32 * MIB, "{rose}");
    let sum = inside(&engine, &session, "sha256sum < ~/Transfer/large.png").await;
    assert_eq!(sum.split_whitespace().next(), Some(hex(&picture).as_str()));

    let rose = risen(&product, async {
        assert!(files.download("large.png").await.unwrap() == picture, "byte for byte");
    })
    .await;
    println!("download of 100 MB, passed: memory rose by {} KiB", rose / 1024);
    assert!(rose < 32 * MIB, "{rose}");

    // A card number at the very end.
    inside(&engine, &session, "rm ~/Transfer/*").await;
    let mut text = b"All work and no play makes Jack a dull boy.\n".repeat(LARGE / 44);
    let at = text.len() - 30_000;
    text[at..at + 19].copy_from_slice(b"4111 1111 1111 1111");
    let (status, answer) = files.upload("text.txt", &text).await.unwrap();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let words = answer["detail"].as_str().unwrap();
    assert!(words.starts_with("Upload blocked: text.txt holds a card number. "), "{words}");
    assert_eq!(answer["rule"], "test of dlp-content");
    assert_eq!(names_inside(&engine, &session).await, Vec::<String>::new());
    text[at..at + 19].copy_from_slice(b"4111 1111 1111 1112");
    let (status, answer) = files.upload("text.txt", &text).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");

    // More than the spool holds.
    let id = files.begin("huge.txt", 150_000_000).await.unwrap();
    let mut last = (StatusCode::OK, json!(null));
    for offset in (0..24).step_by(8) {
        last = files.feed(&id, (offset * MIB) as u64, vec![b'x'; 8 * MIB]).await.unwrap();
        if last.0 != StatusCode::OK {
            break;
        }
    }
    let words = last.1["detail"].as_str().unwrap();
    assert!(
        words.starts_with("Upload blocked: huge.txt needs ") && words.contains(" of room to be checked, and 120 MiB is free just now. "),
        "{words}"
    );
    assert_eq!(names_inside(&engine, &session).await, ["text.txt"]);
    assert_eq!(std::fs::read_dir(product.proxy_dir().join("spool")).unwrap().count(), 0);

    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();
    product.stop().await.unwrap();
}
