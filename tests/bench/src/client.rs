//! A client that counts frames and decodes nothing, over the relay or straight to a desktop's socket.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::{Buf as _, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use gatewright_rfb::{
    ClientInspector, Config, Decision, Limits, Progress, ServerInspector, Size, Step, TargetHandshake, VncPassword, inspect,
};
use gatewright_suite::{Person, Product, Socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_tungstenite::tungstenite::Message;

/// What noVNC 1.7 offers, as far as the relay lets it through: CopyRect, Tight, ZRLE, Raw, compression 2, LastRect, DesktopSize.
/// Without its quality level: Xvnc follows a lossy picture with a better one when it has time, so that both the number of
/// frames and their cost would follow the load of the machine instead of what is drawn.
const ENCODINGS: [i32; 7] = [1, 7, 16, 0, -254, -224, -223];
/// How long a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

enum Transport {
    Direct(UnixStream),
    Relayed(Box<Socket>),
}

impl Transport {
    async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Direct(stream) => stream.write_all(bytes).await?,
            Self::Relayed(socket) => socket.send(Message::Binary(bytes.to_vec().into())).await?,
        }
        Ok(())
    }

    async fn receive(&mut self, into: &mut BytesMut) -> anyhow::Result<()> {
        into.reserve(64 * 1024);
        match self {
            Self::Direct(stream) => {
                if stream.read_buf(into).await? == 0 {
                    bail!("the desktop is gone");
                }
            }
            Self::Relayed(socket) => match socket.next().await.context("the relay is gone")?? {
                Message::Binary(bytes) => into.extend_from_slice(&bytes),
                Message::Close(frame) => bail!("closed: {frame:?}"),
                _ => {}
            },
        }
        Ok(())
    }
}

/// A connected client.
pub(crate) struct Client {
    transport: Transport,
    server: ServerInspector,
    browser: ClientInspector,
    input: BytesMut,
    size: Size,
    /// Bytes that came.
    pub(crate) bytes: u64,
}

impl Client {
    /// Straight to a desktop's socket.
    pub(crate) async fn direct(socket: &Path, password: &str) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        Self::begin(Transport::Direct(stream), Some(VncPassword::new(password.as_bytes()))).await
    }

    /// Through edge and relay.
    pub(crate) async fn relayed(product: &Product, person: &Person, session: &str) -> anyhow::Result<Self> {
        let cookie = person.enter(session).await?;
        let opened = gatewright_suite::Desktop::open(product, session, &cookie, &product.origin).await?;
        let socket = opened.map_err(|status| anyhow::anyhow!("the upgrade was answered with {status}"))?;
        Self::begin(Transport::Relayed(Box::new(socket)), None).await
    }

    async fn begin(mut transport: Transport, password: Option<VncPassword>) -> anyhow::Result<Self> {
        let mut handshake = TargetHandshake::new(password, true, false);
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        let init = loop {
            tokio::time::timeout(PATIENCE, transport.receive(&mut input)).await??;
            let progress = handshake.advance(&mut input, &mut out)?;
            transport.send(&out.split()).await?;
            if let Progress::Done(init) = progress {
                break init;
            }
        };
        let config = Config {
            limits: Limits::default(),
            view_only: false,
            desktop_name: String::new(),
        };
        let (server, browser) = inspect(config, &init)?;
        let mut client = Self {
            transport,
            server,
            browser,
            input,
            size: init.size,
            bytes: 0,
        };
        let mut message = vec![2, 0, 0, u8::try_from(ENCODINGS.len())?];
        ENCODINGS.iter().for_each(|encoding| message.extend(encoding.to_be_bytes()));
        client.say(&message).await?;
        client.request(false).await?;
        client.frame().await?;
        Ok(client)
    }

    /// Sends a message; the inspector learns from it what was offered.
    async fn say(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let (mut input, mut out) = (BytesMut::from(message), BytesMut::new());
        let _ = self.browser.inspect(&mut input, &mut out)?;
        self.transport.send(&out).await
    }

    async fn request(&mut self, incremental: bool) -> anyhow::Result<()> {
        let mut message = vec![3, u8::from(incremental), 0, 0, 0, 0];
        message.extend(self.size.width.to_be_bytes());
        message.extend(self.size.height.to_be_bytes());
        self.say(&message).await
    }

    /// Waits for the next whole frame, then asks for another.
    pub(crate) async fn frame(&mut self) -> anyhow::Result<()> {
        let before = self.server.updates();
        let mut out = BytesMut::new();
        loop {
            match self.server.inspect(&mut self.input, &mut out)? {
                Step::Clipboard(_) | Step::AwaitingDecision => {
                    self.server.resume(Decision::Deny, &mut out);
                    continue;
                }
                Step::NeedMore => {}
            }
            self.bytes += out.len() as u64;
            out.advance(out.len());
            if self.server.updates() > before {
                return self.request(true).await;
            }
            tokio::time::timeout(PATIENCE, self.transport.receive(&mut self.input)).await??;
        }
    }

    /// Frames in `time`, as fast as they come.
    pub(crate) async fn frames(&mut self, time: Duration) -> anyhow::Result<u64> {
        let (began, before) = (Instant::now(), self.server.updates());
        while began.elapsed() < time {
            match tokio::time::timeout(time.saturating_sub(began.elapsed()), self.frame()).await {
                Ok(frame) => frame?,
                Err(_) => break,
            }
        }
        Ok(self.server.updates() - before)
    }

    /// From a key to the frame that shows it.
    pub(crate) async fn echo(&mut self, keysym: u32) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut message = Vec::new();
        for down in [1, 0] {
            message.extend([4, down, 0, 0]);
            message.extend(keysym.to_be_bytes());
        }
        self.say(&message).await?;
        self.frame().await?;
        Ok(began.elapsed())
    }

    /// Takes frames until none came for `time`.
    pub(crate) async fn still(&mut self, time: Duration) -> anyhow::Result<()> {
        while let Ok(frame) = tokio::time::timeout(time, self.frame()).await {
            frame?;
        }
        Ok(())
    }
}
