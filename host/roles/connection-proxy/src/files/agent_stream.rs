//! The asking side of the service `files`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use gatewright_core::SessionId;
use gatewright_files::{Entry, Failure, Frame, decode, encode};
use gatewright_gate::{FileSink, FileSource, SinkFailed, SourceEnded};
use gatewright_ports::{ByteStream, SessionStreams};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::files::problem::{Problem, words};

/// The declared service.
const SERVICE: &str = "files";
/// How long the agent may take for one step: it reads and writes its own disk.
const STEP: Duration = Duration::from_secs(60);
/// Read at once.
const PIECE: usize = 256 << 10;

/// One operation.
pub(crate) struct AgentStream {
    stream: Box<dyn ByteStream>,
    input: BytesMut,
}

impl AgentStream {
    pub(crate) async fn open(agent: &dyn SessionStreams, session: SessionId) -> Result<Self, Problem> {
        Ok(Self {
            stream: agent.open(session, SERVICE).await?,
            input: BytesMut::new(),
        })
    }

    /// What lies in the folder.
    pub(crate) async fn list(mut self) -> Result<Vec<Entry>, Problem> {
        self.say(&Frame::List).await?;
        match self.hear().await? {
            Frame::Entries(entries) => Ok(entries),
            _ => Err(Failure::Protocol.into()),
        }
    }

    /// Opens a file for reading. Its size, and its bytes.
    pub(crate) async fn get(mut self, name: &str) -> Result<(u64, AgentSource), Problem> {
        self.say(&Frame::Get { name: name.to_owned() }).await?;
        match self.hear().await? {
            Frame::Found { size } => Ok((size, AgentSource { stream: self })),
            _ => Err(Failure::Protocol.into()),
        }
    }

    async fn put(&mut self, name: &str, size: u64) -> Result<(), Failure> {
        let name = name.to_owned();
        self.say(&Frame::Put { name, size }).await?;
        match self.hear().await? {
            Frame::Ready => Ok(()),
            _ => Err(Failure::Protocol),
        }
    }

    async fn say(&mut self, frame: &Frame) -> Result<(), Failure> {
        let mut out = BytesMut::new();
        encode(frame, &mut out);
        let said = tokio::time::timeout(STEP, async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        })
        .await;
        if matches!(said, Ok(Ok(()))) {
            return Ok(());
        }
        // Whoever does not listen any more may have said why.
        match self.hear().await {
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure::Io),
        }
    }

    /// The next frame; a failure that is told is an error.
    async fn hear(&mut self) -> Result<Frame, Failure> {
        loop {
            match decode(&mut self.input) {
                Ok(Some(Frame::Failed(failure))) => return Err(failure),
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(_) => return Err(Failure::Protocol),
            }
            self.input.reserve(PIECE);
            match tokio::time::timeout(STEP, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(1..)) => {}
                Ok(_) | Err(_) => return Err(Failure::Io),
            }
        }
    }
}

/// A file that comes from a session.
pub(crate) struct AgentSource {
    stream: AgentStream,
}

#[async_trait]
impl FileSource for AgentSource {
    async fn next(&mut self) -> Result<Option<Bytes>, SourceEnded> {
        match self.stream.hear().await {
            Ok(Frame::Data(bytes)) => Ok(Some(bytes)),
            Ok(Frame::Done { .. }) => Ok(None),
            Ok(_) => Err(SourceEnded),
            Err(failure) => {
                tracing::debug!(%failure, "A file could not be read to its end");
                Err(SourceEnded)
            }
        }
    }
}

/// A file that goes into a session. Nothing is opened there before the rules have let its first byte pass.
pub(crate) struct AgentSink {
    agent: Arc<dyn SessionStreams>,
    session: SessionId,
    name: String,
    size: u64,
    stream: Option<AgentStream>,
}

impl AgentSink {
    pub(crate) fn new(agent: Arc<dyn SessionStreams>, session: SessionId, name: String, size: u64) -> Self {
        Self {
            agent,
            session,
            name,
            size,
            stream: None,
        }
    }

    async fn stream(&mut self) -> Result<&mut AgentStream, SinkFailed> {
        if self.stream.is_none() {
            let opened = AgentStream::open(self.agent.as_ref(), self.session).await;
            let mut stream = opened.map_err(|problem| SinkFailed(problem.detail))?;
            stream.put(&self.name, self.size).await.map_err(failed)?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().ok_or_else(|| failed(Failure::Io))
    }
}

fn failed(failure: Failure) -> SinkFailed {
    SinkFailed(words(failure).to_owned())
}

#[async_trait]
impl FileSink for AgentSink {
    async fn write(&mut self, piece: Bytes) -> Result<(), SinkFailed> {
        self.stream().await?.say(&Frame::Data(piece)).await.map_err(failed)
    }

    async fn finish(&mut self, last: Bytes) -> Result<String, SinkFailed> {
        let stream = self.stream().await?;
        if !last.is_empty() {
            stream.say(&Frame::Data(last)).await.map_err(failed)?;
        }
        stream.say(&Frame::Commit).await.map_err(failed)?;
        match stream.hear().await.map_err(failed)? {
            Frame::Done { name } => Ok(name),
            _ => Err(failed(Failure::Protocol)),
        }
    }
}
