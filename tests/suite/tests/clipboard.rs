//! Copy out and copy in, several kinds of text, allowed, redacted and denied: asserted on both ends.

mod kinds;

use std::time::Duration;

use gatewright_suite::{Desktop, Engine, Person, Product};

/// What a denial and a redaction of a card number look like on the wire.
const CARD: &str = "4111 1111 1111 1111";

/// Puts text into the desktop's clipboard, as a program in it does.
async fn copy_inside(engine: &Engine, session: &str, text: &str) {
    let command = ["sh", "-c", "xclip -selection clipboard -i >/dev/null 2>&1"];
    let (_, code) = engine.exec(session, &command, text.as_bytes()).await.unwrap();
    assert_eq!(code, 0);
}

/// What a program in the desktop gets when it pastes. The desktop asks the client for it, which has to be heard meanwhile.
async fn paste_inside(engine: &Engine, session: &str, desktop: &mut Desktop) -> String {
    let command = ["xclip", "-selection", "clipboard", "-o", "-t", "UTF8_STRING"];
    let pasting = engine.exec(session, &command, b"");
    tokio::pin!(pasting);
    loop {
        tokio::select! {
            pasted = &mut pasting => return String::from_utf8(pasted.unwrap().0).unwrap(),
            heard = desktop.next() => drop(heard.unwrap()),
        }
    }
}

/// Offers text with CRLF line ends, as noVNC does, and waits until a program inside gets what is wanted.
async fn paste(engine: &Engine, session: &str, desktop: &mut Desktop, text: &str, wanted: &str) {
    paste_as_is(engine, session, desktop, &text.replace('\n', "\r\n"), wanted).await;
}

/// The same with the line ends that the text has.
async fn paste_as_is(engine: &Engine, session: &str, desktop: &mut Desktop, text: &str, wanted: &str) {
    desktop.paste_as_is(text).await.unwrap();
    let mut got = String::new();
    for _ in 0..100 {
        got = paste_inside(engine, session, desktop).await;
        if got == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (got, wanted): (String, String) = (got.chars().take(80).collect(), wanted.chars().take(80).collect());
    panic!("a program inside pastes {got:?} instead of {wanted:?}");
}

async fn connected(product: &Product, person: &Person) -> (String, Desktop) {
    let session = person.launch("Terminal").await.unwrap();
    let mut desktop = person.connect(product, &session).await.unwrap();
    while !desktop.speaks_extended() {
        desktop.next().await.unwrap();
    }
    (session, desktop)
}

async fn last_message(person: &Person, gate: &str) -> String {
    let events = person.activity(&format!("kind=verdict&gate={gate}&limit=1")).await.unwrap();
    events[0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_text_passes_whole_or_says_why_not() {
    let product = Product::start().await.unwrap();
    let engine = product.engine().clone();
    let admin = product.login("admin").await.unwrap();
    let demo = product.login("demo").await.unwrap();
    let (session, mut desktop) = connected(&product, &demo).await;

    let long = "0123456789abcdef".repeat(4096 - 1);
    for text in ["hello", "two\nlines\n", "🎉 e\u{301} 漢字", "שלום עולם", long.as_str()] {
        copy_inside(&engine, &session, text).await;
        assert_eq!(desktop.next_clipboard().await.unwrap(), text, "copy out");
        paste(&engine, &session, &mut desktop, &format!("{text}."), &format!("{text}.")).await;
    }

    copy_inside(&engine, &session, &format!("pay with {CARD} please")).await;
    assert_eq!(desktop.next_clipboard().await.unwrap(), "pay with [card number removed] please");
    let message = last_message(&admin, "copy-out").await;
    assert!(
        message.starts_with("Copy changed: text ") && message.contains(". Ref "),
        "{message}"
    );
    paste(&engine, &session, &mut desktop, &format!("in {CARD}"), "in [card number removed]").await;
    let message = last_message(&admin, "copy-in").await;
    assert!(
        message.starts_with("Paste changed: text ") && message.contains(". Ref "),
        "{message}"
    );

    // A denied paste leaves nothing to paste, not what was there before.
    let large = "x".repeat(1 << 20);
    paste(&engine, &session, &mut desktop, &large, "").await;
    let message = last_message(&admin, "copy-in").await;
    assert!(
        message.starts_with("Paste blocked: text is 1 MiB, the limit is 64 KiB. "),
        "{message}"
    );

    // A denied copy does not come out, and stays usable inside.
    copy_inside(&engine, &session, &large).await;
    copy_inside(&engine, &session, "after").await;
    assert_eq!(desktop.next_clipboard().await.unwrap(), "after");

    demo.end(&session).await.unwrap();
    engine.gone(&session).await.unwrap();
    product.stop().await.unwrap();
}
