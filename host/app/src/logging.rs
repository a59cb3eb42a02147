//! Log lines to standard error: people's form, or JSON.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging.
///
/// # Errors
/// Where `filter` can't be read, or logging was started before.
pub(crate) fn start(filter: &str, json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log filter {filter:?}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().finish().try_init()
    } else {
        builder.finish().try_init()
    }
    .context("logging was started before")
}
