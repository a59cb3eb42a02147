//! A TCP socket that can be cut from elsewhere while a stream holds it, without another descriptor or a copy.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection without traffic is probed after this long, and then this often. There is no limit to how long sent data
/// may stay unread (TCP_USER_TIMEOUT): it would end the stream of a person whose window is only covered.
const PROBE: Duration = Duration::from_secs(5);

/// The socket.
#[derive(Debug)]
pub(crate) struct Socket(Arc<TcpStream>);

/// Cuts it.
#[derive(Debug, Clone)]
pub(crate) struct Cut(Weak<TcpStream>);

impl Socket {
    /// Takes a socket over: what is written is sent at once, and a dead peer is noticed.
    pub(crate) fn new(socket: TcpStream) -> Self {
        let set = || -> io::Result<()> {
            socket.set_nodelay(true)?;
            sockopt::set_socket_keepalive(&socket, true)?;
            sockopt::set_tcp_keepidle(&socket, PROBE)?;
            sockopt::set_tcp_keepintvl(&socket, PROBE)?;
            sockopt::set_tcp_keepcnt(&socket, 2)?;
            Ok(())
        };
        if let Err(error) = set() {
            tracing::debug!(%error, "A socket option was refused");
        }
        Self(Arc::new(socket))
    }

    /// What cuts it; holds nothing open.
    pub(crate) fn cut(&self) -> Cut {
        Cut(Arc::downgrade(&self.0))
    }
}

impl Cut {
    /// Ends the connection in both directions: whoever reads or writes finds it closed.
    pub(crate) fn cut(&self) {
        if let Some(socket) = self.0.upgrade() {
            // Fails where it is closed already.
            let _ = rustix::net::shutdown(&*socket, rustix::net::Shutdown::Both);
        }
    }

    /// Whether the stream is gone already.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(read) => {
                    buf.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_vectored(bufs) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(rustix::net::shutdown(&*self.0, rustix::net::Shutdown::Write).map_err(Into::into))
    }
}
