//! Notices to the page, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::live::{LiveSession, Told};

/// Proxies in between drop a connection that says nothing for a minute.
const PING: Duration = Duration::from_secs(15);

/// The last notices, then each new one; ends with the session's stream, or when this proxy stops.
pub(crate) fn stream_of(session: Arc<LiveSession>, stop: CancellationToken) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (memory, news) = session.listen();
    let past = stream::iter(memory.into_iter().map(Told::Notice));
    let coming = stream::unfold((session, news, Some(stop)), |(session, mut news, stop)| async move {
        let running = stop?;
        loop {
            match running.run_until_cancelled(news.recv()).await? {
                Ok(Told::End(end)) => return Some((Told::End(end), (session, news, None))),
                Ok(notice) => return Some((notice, (session, news, Some(running)))),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(past.chain(coming).map(|told| Ok(event_of(&told)))).keep_alive(KeepAlive::new().interval(PING))
}

fn event_of(told: &Told) -> Event {
    let (name, data) = match told {
        Told::Notice(notice) => ("notice", json!(notice)),
        Told::End(end) => ("end", json!({ "code": end.code(), "text": end.text() })),
    };
    Event::default().event(name).data(data.to_string())
}
