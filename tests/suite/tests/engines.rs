//! One scenario on every engine: launch, type, copy both ways, end.

use std::path::Path;

use gatewright_suite::{Desktop, EngineKind, Product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_worked_in_on_docker() {
    work_in_a_session(EngineKind::Docker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_worked_in_on_podman() {
    work_in_a_session(EngineKind::Podman).await;
}

async fn work_in_a_session(kind: EngineKind) {
    let product = Product::start_on(kind).await.unwrap();
    let engine = product.engine().clone();
    let demo = product.login("demo").await.unwrap();
    let session = demo.launch("Terminal").await.unwrap();
    let mut desktop = demo.connect(&product, &session).await.unwrap();

    type_until(&product, &session, &mut desktop, "echo typed > ~/Transfer/typed", "typed").await;

    // Out: what a program inside copies arrives, a card number does not.
    let copy = ["sh", "-c", "xclip -selection clipboard -i >/dev/null 2>&1"];
    for (copied, arrives) in [
        ("from inside", "from inside"),
        ("card 4111 1111 1111 1111", "card [card number removed]"),
    ] {
        assert_eq!(engine.exec(&session, &copy, copied.as_bytes()).await.unwrap().1, 0);
        assert_eq!(desktop.next_clipboard().await.unwrap(), arrives);
    }
    // In: what is pasted is what a program inside gets.
    desktop.paste("from outside").await.unwrap();
    let mut pasted = String::new();
    for _ in 0..100 {
        pasted = paste_inside(&product, &session, &mut desktop).await;
        if pasted == "from outside" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(pasted, "from outside");

    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();
    assert!(!folder(&product, &session).exists(), "its folder is left");
    product.stop().await.unwrap();
}

fn folder(product: &Product, session: &str) -> std::path::PathBuf {
    product.home().session_folder(session)
}

/// Types a command that writes the file `typed`, until that has this one line: the shell may not be there yet, and what is
/// typed before that is lost.
pub(crate) async fn type_until(product: &Product, session: &str, desktop: &mut Desktop, command: &str, line: &str) {
    let typed: &Path = &folder(product, session).join("transfer/typed");
    for _ in 0..60 {
        desktop.type_text(&format!("\n{command}\n")).await.unwrap();
        let patience = tokio::time::sleep(std::time::Duration::from_secs(1));
        tokio::pin!(patience);
        loop {
            tokio::select! {
                () = &mut patience => break,
                heard = desktop.next() => drop(heard.unwrap()),
            }
        }
        if std::fs::read_to_string(typed).is_ok_and(|text| text == format!("{line}\n")) {
            return;
        }
    }
    panic!("what was typed did not arrive");
}

/// What a program inside gets when it pastes. The desktop asks the client for it, which has to be heard meanwhile.
async fn paste_inside(product: &Product, session: &str, desktop: &mut Desktop) -> String {
    let command = ["xclip", "-selection", "clipboard", "-o", "-t", "UTF8_STRING"];
    let pasting = product.engine().exec(session, &command, b"");
    tokio::pin!(pasting);
    loop {
        tokio::select! {
            pasted = &mut pasting => return String::from_utf8(pasted.unwrap().0).unwrap(),
            heard = desktop.next() => drop(heard.unwrap()),
        }
    }
}
