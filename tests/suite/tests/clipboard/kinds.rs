//! Every kind of text in both directions, allowed, redacted and denied.
//!
//! The relay hands an allowed text on as it came, byte for byte, and Activity holds the size that the rules saw. What
//! arrives beyond that is the desktop's own doing: TigerVNC keeps text with single line feeds inside and writes CRLF on the
//! wire of the extended clipboard whatever a program had copied, and holds text as a C string, which ends at its first NUL.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::gate::Gate;
use gatewright_core::record::{RuleEffect, RuleTarget};
use gatewright_suite::{Desktop, Engine, Heard, Home, Person, Product};
use serde_json::{Value, json};

use super::{CARD, connected, copy_inside, paste_as_is, paste_inside};

/// What takes the place of [`CARD`].
const REMOVED: &str = "[card number removed]";
const MIB: usize = 1 << 20;

/// A kind of text, and what becomes of it on its way.
struct Kind {
    name: &'static str,
    /// What a program inside copies, or what a browser offers.
    sent: String,
    /// What of it reaches the relay from the desktop, in bytes as the rules see them.
    seen_out: usize,
    /// What the browser gets on the wire.
    wire: String,
    /// What of it reaches the relay from the browser, in bytes as the rules see them.
    seen_in: usize,
    /// What a program inside pastes.
    inside: String,
}

impl Kind {
    /// A text that nothing touches.
    fn plain(name: &'static str, text: &str) -> Self {
        Self {
            name,
            sent: text.into(),
            seen_out: text.len(),
            wire: text.into(),
            seen_in: text.len(),
            inside: text.into(),
        }
    }

    /// The same with the card number, which is `card` on the other side, before it.
    fn with(&self, card: &str) -> Self {
        let before = |card: &str, text: &str| format!("{card} {text}");
        Self {
            name: self.name,
            sent: before(CARD, &self.sent),
            seen_out: CARD.len() + 1 + self.seen_out,
            wire: before(card, &self.wire),
            seen_in: CARD.len() + 1 + self.seen_in,
            inside: before(card, &self.inside),
        }
    }
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind::plain("emoji", "🎉 e\u{301} 漢字 👩‍👩‍👧"),
        // Before and after it something else lies in the clipboard, so that nothing can be taken for it.
        Kind::plain("empty", ""),
        Kind::plain("right to left", "שלום עולם \u{202e}abc\u{202c} مرحبا"),
        Kind {
            wire: "one\r\ntwo\r\n".into(),
            ..Kind::plain("single line feeds", "one\ntwo\n")
        },
        Kind {
            // The rules are asked about single line feeds.
            seen_out: "one\ntwo\n".len(),
            seen_in: "one\ntwo\n".len(),
            inside: "one\ntwo\n".into(),
            ..Kind::plain("CRLF", "one\r\ntwo\r\n")
        },
        Kind {
            // Out of the desktop comes what is before the NUL. Into it goes all of it, which the rules see; the desktop cuts it.
            seen_out: "before".len(),
            wire: "before".into(),
            inside: "before".into(),
            ..Kind::plain("NUL", "before\0behind")
        },
        Kind::plain("1 MiB", &"0123456789abcdef".repeat(MIB / 16)),
    ]
}

/// The seeded rules with other configurations: `Sales` may copy up to 4 MiB with card numbers taken out, the rest of the
/// people nothing with a card number in it.
async fn set_rules(home: &Home) {
    let store = home.store().await.unwrap();
    let groups = store.groups().await.unwrap();
    let mut write = store.begin().await.unwrap();
    for rule in store.rules().await.unwrap() {
        let key = match rule.gate {
            Gate::CopyIn => "copy_in",
            Gate::CopyOut => "copy_out",
            _ => continue,
        };
        let everyone = groups
            .iter()
            .any(|group| group.everyone && rule.target == RuleTarget::Group(group.group.id));
        let action = if everyone { "deny" } else { "redact" };
        let RuleEffect::Ask { plugin, .. } = rule.effect else { continue };
        let effect = RuleEffect::Ask {
            plugin,
            config: json!({ key: { "allow": true, "max_bytes": 4 * MIB, "checks": [{ "check": "card-number", "action": action }] } }),
        };
        assert!(write.set_rule_effect(rule.id, &effect).await.unwrap());
    }
    write.commit().await.unwrap();
    store.close().await;
}

async fn last_verdict(admin: &Person, user: &str, gate: &str) -> Value {
    let query = format!("kind=verdict&user={user}&gate={gate}&limit=1");
    admin.activity(&query).await.unwrap().into_iter().next().unwrap_or_default()
}

/// One person's desktop, and who reads Activity about it.
struct Desk<'a> {
    engine: &'a Engine,
    admin: &'a Person,
    user: &'static str,
    session: String,
    desktop: Desktop,
}

impl Desk<'_> {
    async fn recorded(&self, gate: &str, outcome: &str, bytes: usize, what: &str) {
        let verdict = last_verdict(self.admin, self.user, gate).await;
        assert_eq!(
            (verdict["outcome"].as_str(), verdict["item"]["bytes"].as_u64()),
            (Some(outcome), u64::try_from(bytes).ok()),
            "{what}: {gate}: {}",
            verdict["message"]
        );
    }

    /// Copies inside and offers from outside: both ends get what they should.
    async fn passes(&mut self, kind: &Kind, outcome: &str) {
        let name = kind.name;
        copy_inside(self.engine, &self.session, &kind.sent).await;
        let wire = self.desktop.next_clipboard_as_sent().await.unwrap();
        assert!(
            wire == kind.wire,
            "{name}: {:?} comes out instead of {:?}",
            head(&wire),
            head(&kind.wire)
        );
        self.recorded("copy-out", outcome, kind.seen_out, name).await;

        // Nothing that was copied inside can be taken for what is pasted.
        paste_as_is(self.engine, &self.session, &mut self.desktop, "between", "between").await;
        paste_as_is(self.engine, &self.session, &mut self.desktop, &kind.sent, &kind.inside).await;
        self.recorded("copy-in", outcome, kind.seen_in, name).await;
    }

    /// Nothing gets to the other side, and what was copied stays usable inside.
    async fn is_denied(&mut self, kind: &Kind) {
        let name = kind.name;
        let before = last_verdict(self.admin, self.user, "copy-out").await;
        copy_inside(self.engine, &self.session, &kind.sent).await;
        while last_verdict(self.admin, self.user, "copy-out").await["id"] == before["id"] {
            match tokio::time::timeout(Duration::from_millis(100), self.desktop.next()).await {
                Ok(Ok(Heard::Clipboard(text))) => panic!("{name}: {:?} came out", head(&text)),
                Ok(heard) => drop(heard.unwrap()),
                Err(_) => {}
            }
        }
        self.recorded("copy-out", "denied", kind.seen_out, name).await;
        let inside = paste_inside(self.engine, &self.session, &mut self.desktop).await;
        assert!(inside == kind.sent, "{name}: {:?} is left inside", head(&inside));

        paste_as_is(self.engine, &self.session, &mut self.desktop, &kind.sent, "").await;
        self.recorded("copy-in", "denied", kind.seen_in, name).await;
        // It did not come out behind the verdict either.
        paste_as_is(self.engine, &self.session, &mut self.desktop, "between", "between").await;
        copy_inside(self.engine, &self.session, "after").await;
        assert_eq!(self.desktop.next_clipboard().await.unwrap(), "after", "{name}");
    }
}

fn head(text: &str) -> String {
    text.chars().take(80).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_text_both_ways_allowed_redacted_and_denied() {
    let home: Arc<Home> = Product::start().await.unwrap().stop().await.unwrap();
    set_rules(&home).await;
    let product = Product::start_in(home, None, &[]).await.unwrap();
    let engine = product.engine().clone();
    let admin = product.login("admin").await.unwrap();
    let demo = product.login("demo").await.unwrap();

    let (session, desktop) = connected(&product, &demo).await;
    let mut desk = Desk {
        engine: &engine,
        admin: &admin,
        user: "demo",
        session,
        desktop,
    };
    for kind in kinds() {
        desk.passes(&kind, "allowed").await;
        desk.passes(&kind.with(REMOVED), "redacted").await;
    }
    demo.end(&desk.session).await.unwrap();
    engine.gone(&desk.session).await.unwrap();

    let (session, desktop) = connected(&product, &admin).await;
    let mut desk = Desk {
        engine: &engine,
        admin: &admin,
        user: "admin",
        session,
        desktop,
    };
    for kind in kinds() {
        desk.is_denied(&kind.with(REMOVED)).await;
    }
    admin.end(&desk.session).await.unwrap();
    engine.gone(&desk.session).await.unwrap();
    product.stop().await.unwrap();
}
