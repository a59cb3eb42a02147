//! A small RFB client of the tests' own (RFC 6143 and the extended clipboard), independent of the relay's codec.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::Entrance;

/// How long a test waits for something from the desktop.
const PATIENCE: Duration = Duration::from_secs(30);

const RAW: i32 = 0;
const DESKTOP_SIZE: i32 = -223;
const EXTENDED_CLIPBOARD: i32 = 0xC0A1_E5CE_u32.cast_signed();

const TEXT: u32 = 1;
const CAPS: u32 = 1 << 24;
const REQUEST: u32 = 1 << 25;
const NOTIFY: u32 = 1 << 27;
const PROVIDE: u32 = 1 << 28;

/// The WebSocket that a desktop is spoken to over.
pub type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Something that the desktop said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A framebuffer update.
    Update,
    /// A bell.
    Bell,
    /// Clipboard text as it was sent, without the NUL that ends the extended form.
    Clipboard(String),
    /// The end of the stream.
    Closed(Closed),
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 1006 where there was no close frame.
    pub code: u16,
    /// The reason beside it.
    pub reason: String,
}

/// A connected client.
pub struct Desktop {
    socket: Socket,
    buffer: Vec<u8>,
    /// What was taken of a message that is not whole yet: whoever stops waiting in the middle of it loses nothing.
    taken: Vec<u8>,
    extended: bool,
    offered: Option<String>,
    /// Framebuffer size.
    pub size: (u16, u16),
    /// What the desktop is called.
    pub name: String,
}

impl Desktop {
    /// Connects and finishes the handshake.
    pub async fn connect(entrance: &Entrance, session: &str, cookie: &str) -> anyhow::Result<Self> {
        let opened = Self::open(entrance, session, cookie, &entrance.origin).await?;
        let socket = opened.map_err(|status| anyhow::anyhow!("the upgrade was answered with {status}"))?;
        let mut desktop = Self {
            socket,
            buffer: Vec::new(),
            taken: Vec::new(),
            extended: false,
            offered: None,
            size: (0, 0),
            name: String::new(),
        };
        tokio::time::timeout(PATIENCE, desktop.shake_hands())
            .await
            .context("the handshake takes too long")??;
        Ok(desktop)
    }

    /// Asks for the upgrade alone, with any cookie and origin. The refusal's status where it is refused.
    pub async fn open(entrance: &Entrance, session: &str, cookie: &str, origin: &str) -> anyhow::Result<Result<Socket, StatusCode>> {
        let tls = entrance.connect().await?;
        let host = entrance.authority();
        let request = Request::get(format!("wss://{host}/session/{session}/vnc"))
            .header("host", &host)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("sec-websocket-protocol", "binary")
            .header("origin", origin)
            .header("cookie", cookie)
            .body(())?;
        match tokio_tungstenite::client_async(request, tls).await {
            Ok((socket, _)) => Ok(Ok(socket)),
            Err(Error::Http(answer)) => Ok(Err(answer.status())),
            Err(error) => Err(error.into()),
        }
    }

    async fn shake_hands(&mut self) -> anyhow::Result<()> {
        let version = self.take(12).await?;
        ensure!(version == b"RFB 003.008\n", "version {version:?}");
        self.send(b"RFB 003.008\n").await?;
        let count = self.take(1).await?;
        let types = self.take(usize::from(count.first().copied().unwrap_or(0))).await?;
        ensure!(types == [1], "security types {types:?}: the ticket has authenticated already");
        self.send(&[1]).await?;
        ensure!(self.take(4).await? == [0; 4], "security result");
        self.send(&[1]).await?;
        let init = self.take(24).await?;
        self.size = (be16(&init, 0), be16(&init, 2));
        let name = self.take(be32(&init, 20) as usize).await?;
        self.name = String::from_utf8(name)?;
        self.taken.clear();
        self.set_encodings(&[RAW, DESKTOP_SIZE, EXTENDED_CLIPBOARD]).await?;
        self.request_update(false).await
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::Binary(bytes.to_vec().into())).await?)
    }

    /// SetEncodings (RFC 6143 7.5.2).
    pub async fn set_encodings(&mut self, encodings: &[i32]) -> anyhow::Result<()> {
        let mut message = vec![2, 0];
        message.extend(u16::try_from(encodings.len())?.to_be_bytes());
        encodings.iter().for_each(|encoding| message.extend(encoding.to_be_bytes()));
        self.send(&message).await
    }

    /// FramebufferUpdateRequest for everything (RFC 6143 7.5.3).
    pub async fn request_update(&mut self, incremental: bool) -> anyhow::Result<()> {
        let mut message = vec![3, u8::from(incremental), 0, 0, 0, 0];
        message.extend(self.size.0.to_be_bytes());
        message.extend(self.size.1.to_be_bytes());
        self.send(&message).await
    }

    /// Presses and releases a key (RFC 6143 7.5.4).
    pub async fn key(&mut self, keysym: u32) -> anyhow::Result<()> {
        let mut message = Vec::new();
        for down in [1, 0] {
            message.extend([4, down, 0, 0]);
            message.extend(keysym.to_be_bytes());
        }
        self.send(&message).await
    }

    /// Types ASCII text; a line feed is Return.
    pub async fn type_text(&mut self, text: &str) -> anyhow::Result<()> {
        for byte in text.bytes() {
            self.key(if byte == b'\n' { 0xff0d } else { u32::from(byte) }).await?;
        }
        Ok(())
    }

    /// Offers text to the desktop, with the line ends that it has: by the extended clipboard where it is spoken. It is handed
    /// over when the desktop asks for it, while [`Self::next`] is being called.
    pub async fn paste_as_is(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.extended {
            let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
            let mut message = vec![6, 0, 0, 0];
            message.extend(u32::try_from(latin1.len())?.to_be_bytes());
            message.extend(latin1);
            return self.send(&message).await;
        }
        self.offered = Some(text.to_owned());
        self.send_extended(NOTIFY | TEXT, &[]).await
    }

    /// The same with CRLF line ends, as noVNC does.
    pub async fn paste(&mut self, text: &str) -> anyhow::Result<()> {
        self.paste_as_is(&text.replace('\n', "\r\n")).await
    }

    /// Whether the desktop speaks the extended clipboard; known once it said so.
    #[must_use]
    pub fn speaks_extended(&self) -> bool {
        self.extended
    }

    async fn send_extended(&mut self, flags: u32, data: &[u8]) -> anyhow::Result<()> {
        let length = i32::try_from(data.len() + 4)?;
        let mut message = vec![6, 0, 0, 0];
        message.extend((-length).to_be_bytes());
        message.extend(flags.to_be_bytes());
        message.extend(data);
        self.send(&message).await
    }

    /// The next thing that the desktop says. Updates are asked for again by themselves.
    pub async fn next(&mut self) -> anyhow::Result<Heard> {
        // The end may come in the middle of a message.
        match tokio::time::timeout(PATIENCE, self.hear())
            .await
            .context("the desktop says nothing")?
        {
            Err(error) => error.downcast::<End>().map(|End(closed)| Heard::Closed(closed)),
            heard => heard,
        }
    }

    /// The next clipboard text with single line feeds; updates in between are passed over.
    pub async fn next_clipboard(&mut self) -> anyhow::Result<String> {
        Ok(self.next_clipboard_as_sent().await?.replace("\r\n", "\n"))
    }

    /// The next clipboard text with the line ends of the wire.
    pub async fn next_clipboard_as_sent(&mut self) -> anyhow::Result<String> {
        loop {
            match self.next().await? {
                Heard::Clipboard(text) => return Ok(text),
                Heard::Closed(closed) => bail!("closed: {closed:?}"),
                Heard::Update | Heard::Bell => {}
            }
        }
    }

    /// Waits for the end of the stream.
    pub async fn closed(&mut self) -> anyhow::Result<Closed> {
        loop {
            if let Heard::Closed(closed) = self.next().await? {
                return Ok(closed);
            }
        }
    }

    async fn hear(&mut self) -> anyhow::Result<Heard> {
        loop {
            self.taken.append(&mut self.buffer);
            std::mem::swap(&mut self.taken, &mut self.buffer);
            match self.take(1).await?.first().copied().unwrap_or(0) {
                0 => {
                    self.take_update().await?;
                    self.taken.clear();
                    self.request_update(true).await?;
                    return Ok(Heard::Update);
                }
                2 => {
                    self.taken.clear();
                    return Ok(Heard::Bell);
                }
                3 => {
                    if let Some(text) = self.take_cut_text().await? {
                        return Ok(Heard::Clipboard(text));
                    }
                }
                other => bail!("message {other} was not asked for"),
            }
        }
    }

    async fn take_update(&mut self) -> anyhow::Result<()> {
        let head = self.take(3).await?;
        for _ in 0..be16(&head, 1) {
            let rect = self.take(12).await?;
            let (width, height) = (be16(&rect, 4), be16(&rect, 6));
            match be32(&rect, 8).cast_signed() {
                RAW => drop(self.take(usize::from(width) * usize::from(height) * 4).await?),
                DESKTOP_SIZE => self.size = (width, height),
                other => bail!("encoding {other} was not offered"),
            }
        }
        Ok(())
    }

    async fn take_cut_text(&mut self) -> anyhow::Result<Option<String>> {
        let head = self.take(7).await?;
        let length = be32(&head, 3).cast_signed();
        let body = self.take(length.unsigned_abs() as usize).await?;
        self.taken.clear();
        if length >= 0 {
            return Ok(Some(body.iter().map(|byte| char::from(*byte)).collect()));
        }
        let flags = be32(&body, 0);
        if flags & CAPS != 0 {
            self.extended = true;
            let mut caps = Vec::new();
            caps.extend((64_u32 << 20).to_be_bytes());
            self.send_extended(CAPS | REQUEST | NOTIFY | PROVIDE | TEXT, &caps).await?;
        } else if flags & NOTIFY != 0 && flags & TEXT != 0 {
            self.send_extended(REQUEST | TEXT, &[]).await?;
        } else if flags & REQUEST != 0 {
            let text = self.offered.clone().unwrap_or_default() + "\0";
            let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
            zlib.write_all(&u32::try_from(text.len())?.to_be_bytes())?;
            zlib.write_all(text.as_bytes())?;
            self.send_extended(PROVIDE | TEXT, &zlib.finish()?).await?;
        } else if flags & PROVIDE != 0 {
            let mut inflated = Vec::new();
            // The sender may leave the stream open, which is no error.
            let mut zlib = ZlibDecoder::new(body.get(4..).unwrap_or_default());
            let mut length = [0; 4];
            zlib.read_exact(&mut length)?;
            inflated.resize(u32::from_be_bytes(length) as usize, 0);
            zlib.read_exact(&mut inflated)?;
            ensure!(inflated.pop() == Some(0), "the text has no end");
            return Ok(Some(String::from_utf8(inflated)?));
        }
        Ok(None)
    }

    async fn take(&mut self, count: usize) -> anyhow::Result<Vec<u8>> {
        while self.buffer.len() < count {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => self.buffer.extend_from_slice(&bytes),
                Some(Ok(Message::Close(frame))) => {
                    let closed = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    return Err(End(Closed {
                        code: closed.0,
                        reason: closed.1,
                    })
                    .into());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    return Err(End(Closed {
                        code: 1006,
                        reason: String::new(),
                    })
                    .into());
                }
            }
        }
        let bytes: Vec<u8> = self.buffer.drain(..count).collect();
        self.taken.extend_from_slice(&bytes);
        Ok(bytes)
    }
}

/// The stream's end, on its way through `take`.
#[derive(Debug)]
struct End(Closed);

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "closed with {}: {}", self.0.code, self.0.reason)
    }
}

impl std::error::Error for End {}

fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |two| u16::from_be_bytes(*two))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |four| u32::from_be_bytes(*four))
}
