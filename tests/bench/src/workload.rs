//! The pictures that are relayed: coloured text in the terminal at a fixed rate, a few lines of it or the whole screen.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecOptions};

use crate::process;

/// Four lines of other colours and other words, about fifteen times a second, until the file is gone or a minute is over.
const SCROLL: &str = r#"
touch /tmp/.bench-scrolls; i=0
while [ -e /tmp/.bench-scrolls ] && [ $i -lt 1200 ]; do
    i=$((i+1)); c=$((i%7+31))
    printf '\033[%dm%08d pack my box with five dozen %d liquor jugs\r\n' $c $((i*7919%99999989)) $((i%1000)) \
        $((c%7+31)) $((i*104729%99999989)) $((i*3%1000)) $((c*3%7+31)) $((i*1299709%99999989)) $((i*7%1000)) \
        $((c*5%7+31)) $((i*15485863%99999989)) $((i*11%1000))
    sleep 0.06
done >/dev/pts/0
"#;

/// The whole screen in other colours and other words, about fifteen times a second. The pages are made before.
const REPAINT: &str = r#"
touch /tmp/.bench-scrolls; i=0
for page in 0 1 2 3 4 5 6; do
    awk -v s=$page 'BEGIN { srand(s); printf "\033[H"; for (l = 0; l < 60; l++) { for (w = 0; w < 20; w++)
        printf "\033[%dm%09d ", 31 + int(rand() * 7), int(rand() * 999999999); if (l < 59) printf "\r\n" } }' >/tmp/.bench-page-$page
done
while [ -e /tmp/.bench-scrolls ] && [ $i -lt 1200 ]; do
    i=$((i+1)); cat /tmp/.bench-page-$((i%7))
    sleep 0.06
done >/dev/pts/0
"#;

/// What the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    /// Four new lines a frame: what costs the display server least.
    Scrolls,
    /// All of it anew with each frame.
    Repaints,
}

/// How long the terminal may take after the desktop answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts it in a container. The terminal's shell is there before: who opens a terminal that is nobody's yet, owns it.
pub(crate) async fn start(docker: &Docker, container: &str, picture: Picture) -> anyhow::Result<()> {
    let state = docker.inspect_container(container, None).await?.state.context("no state")?;
    let first = u32::try_from(state.pid.context("no process id")?)?;
    let began = Instant::now();
    while let Err(error) = process::descendant(first, "sh") {
        ensure!(began.elapsed() < PATIENCE, "the terminal has no shell: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let script = match picture {
        Picture::Scrolls => SCROLL,
        Picture::Repaints => REPAINT,
    };
    run(docker, container, script).await.map(drop)
}

/// Stops it, and waits until its last line is out.
pub(crate) async fn stop(docker: &Docker, container: &str) -> anyhow::Result<()> {
    let exec = run(docker, container, "rm -f /tmp/.bench-scrolls; sleep 0.3").await?;
    for _ in 0..200 {
        if docker.inspect_exec(&exec).await?.running == Some(false) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    anyhow::bail!("the workload does not stop")
}

async fn run(docker: &Docker, container: &str, script: &str) -> anyhow::Result<String> {
    let command = vec!["sh".to_owned(), "-c".into(), script.into()];
    let exec = docker
        .create_exec(
            container,
            CreateExecOptions {
                cmd: Some(command),
                ..Default::default()
            },
        )
        .await?
        .id;
    docker
        .start_exec(
            &exec,
            Some(StartExecOptions {
                detach: true,
                ..Default::default()
            }),
        )
        .await?;
    let state = docker.inspect_exec(&exec).await?;
    ensure!(
        state.exit_code.is_none_or(|code| code == 0),
        "the workload ended: {}",
        state.exit_code.context("no code")?
    );
    Ok(exec)
}
