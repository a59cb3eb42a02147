//! Stands in for the host in native tests. Everything here belongs to the current thread, as each test has one.

use std::cell::RefCell;

thread_local! {
    static CONFIG: RefCell<String> = RefCell::new("{}".to_owned());
    #[cfg(feature = "runtime")]
    static HTTP: RefCell<Option<Box<Handler>>> = const { RefCell::new(None) };
    #[cfg(feature = "credential")]
    static ENTRIES: RefCell<Vec<crate::credential::Entry>> = const { RefCell::new(Vec::new()) };
}

/// Sets what [`crate::config`] reads on this thread, as JSON.
pub fn set_config(json: &str) {
    CONFIG.set(json.to_owned());
}

pub(crate) fn config_text() -> String {
    CONFIG.with_borrow(Clone::clone)
}

/// Sets the vault's entries that [`crate::credential::entries`] gives on this thread.
#[cfg(feature = "credential")]
pub fn set_entries(entries: Vec<crate::credential::Entry>) {
    ENTRIES.set(entries);
}

#[cfg(feature = "credential")]
pub(crate) fn entries() -> Vec<crate::credential::Entry> {
    ENTRIES.with_borrow(Clone::clone)
}

#[cfg(feature = "runtime")]
thread_local! {
    static REPORTED: RefCell<Vec<(String, u64, u64)>> = const { RefCell::new(Vec::new()) };
}

#[cfg(feature = "runtime")]
pub(crate) fn reported(step: &str, done_bytes: u64, total_bytes: u64) {
    REPORTED.with_borrow_mut(|all| all.push((step.to_owned(), done_bytes, total_bytes)));
}

/// What [`crate::runtime::report_progress`] was told on this thread since the last question.
#[cfg(feature = "runtime")]
#[must_use]
pub fn take_progress() -> Vec<(String, u64, u64)> {
    REPORTED.take()
}

#[cfg(feature = "runtime")]
type Handler = dyn FnMut(&str, &crate::http::Request) -> Result<Answer, crate::http::Error>;

/// What a test's engine answers.
#[cfg(feature = "runtime")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; it is handed out in pieces of at most what the reader asks for.
    pub body: Vec<u8>,
}

/// Sets who answers requests on this thread. The handler gets the endpoint's name and the request as it would leave.
/// Without one nothing answers: [`crate::http::Error::Unreachable`].
#[cfg(feature = "runtime")]
pub fn set_http(handler: impl FnMut(&str, &crate::http::Request) -> Result<Answer, crate::http::Error> + 'static) {
    HTTP.set(Some(Box::new(handler)));
}

#[cfg(feature = "runtime")]
pub(crate) fn answer(endpoint: &str, request: &crate::http::Request) -> Result<Answer, crate::http::Error> {
    HTTP.with_borrow_mut(|handler| {
        handler
            .as_mut()
            .map_or(Err(crate::http::Error::Unreachable), |handler| handler(endpoint, request))
    })
}
