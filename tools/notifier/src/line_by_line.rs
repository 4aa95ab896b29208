//! A connection that hands out one line at a time.
//!
//! `lettre` buffers what it reads, and its buffer outlives STARTTLS. Whoever stands between could send replies in plain text right
//! behind the one to STARTTLS, and they would pass for replies of the encrypted relay, up to the one that the mail was taken ("Why TLS
//! is better without STARTTLS", USENIX Security 2021). Here the buffer never gets more than the line that is read, so what
//! follows it in plain text meets TLS, which refuses it.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, ToSocketAddrs};

/// The most that one read hands out.
const LONGEST: usize = 1_024;

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct LineByLine(TcpStream);

impl LineByLine {
    /// Connects to a server.
    pub(crate) async fn connect(server: impl ToSocketAddrs) -> io::Result<Self> {
        TcpStream::connect(server).await.map(Self)
    }
}

impl AsyncTokioStream for LineByLine {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncRead for LineByLine {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; LONGEST];
        let room = buf.remaining().min(LONGEST);
        let mut peeked = ReadBuf::new(&mut bytes[..room]);
        ready!(self.0.poll_peek(cx, &mut peeked))?;
        let line = peeked.filled().iter().position(|byte| *byte == b'\n').map_or(peeked.filled().len(), |end| end + 1);
        let mut read = ReadBuf::new(&mut bytes[..line]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut read))?;
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineByLine {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
