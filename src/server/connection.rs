//! Connections: HTTP/1.1 or HTTP/2 as their first bytes say, and next to no memory for those on which
//! nothing is asked.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::http::Site;
use super::wire::Answer;

/// hyper keeps 16 KB of buffers for each connection. One that was idle for so long gives them back,
/// and gets new ones with its next request.
const IDLE: Duration = Duration::from_millis(500);

/// What all connections of a server share.
pub(super) struct Connections {
    site: Arc<Site>,
    http1: http1::Builder,
    either: auto::Builder<TokioExecutor>,
    /// Whether the server stops. Each connection has a receiver for as long as it is open.
    stopping: watch::Sender<bool>,
}

impl Connections {
    pub(super) fn new(site: Arc<Site>) -> Self {
        let read_timeout = site.options.read_timeout;
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(read_timeout);
        let mut either = auto::Builder::new(TokioExecutor::new());
        either.http1().timer(TokioTimer::new()).header_read_timeout(read_timeout);
        either.http2().timer(TokioTimer::new()).max_concurrent_streams(1_000);
        Self { site, http1, either, stopping: watch::Sender::new(false) }
    }

    /// Lets requests that are open end, and closes all connections; ready when they are.
    pub(super) async fn close(&self) {
        self.stopping.send_replace(true);
        self.stopping.closed().await;
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(self: Arc<Self>, mut stream: TcpStream, peer: IpAddr) {
        let mut stopping = self.stopping.subscribe();
        let mut rest = Bytes::new();
        loop {
            if rest.is_empty() {
                let mut first = [0; 2];
                let bytes = tokio::select! {
                    bytes = stream.peek(&mut first) => bytes.unwrap_or(0),
                    () = tokio::time::sleep(self.site.options.read_timeout) => 0,
                    () = stops(&mut stopping) => 0,
                };
                match &first[..bytes] {
                    [] => return,
                    // `PRI`, with which HTTP/2 begins: no method of HTTP/1.1 begins so.
                    b"P" | b"PR" => return self.serve_either(stream, peer, stopping).await,
                    _ => {}
                }
            }
            match self.serve_http1(stream, rest, peer, &mut stopping).await {
                Some(idle) => (stream, rest) = idle,
                None => return,
            }
        }
    }

    /// Serves HTTP/1.1 until the connection ends, or is idle: the stream then, and what was read of
    /// the next request.
    async fn serve_http1(
        &self,
        stream: TcpStream,
        rest: Bytes,
        peer: IpAddr,
        stopping: &mut watch::Receiver<bool>,
    ) -> Option<(TcpStream, Bytes)> {
        // With a part of a request, its time to arrive counts.
        let mut may_rest = rest.is_empty();
        let requests = Arc::new(Requests::default());
        let service = {
            let (site, requests) = (self.site.clone(), requests.clone());
            service_fn(move |request| Box::pin(answer(site.clone(), request, peer, &requests)))
        };
        let io = TokioIo::new(Stream { rest, stream, requests: requests.clone() });
        let mut connection = Box::new(self.http1.serve_connection(io, service));
        let mut seen = requests.begun();
        loop {
            tokio::select! {
                biased;
                // Clients may break off at any time.
                _ = connection.as_mut() => return None,
                () = stops(stopping) => {
                    Pin::new(&mut *connection).graceful_shutdown();
                    loop {
                        let written = requests.written();
                        let ended = tokio::time::timeout(IDLE, connection.as_mut()).await;
                        // A request of which only a part has come is nobody's yet.
                        let idle =
                            requests.ended() == requests.begun() && requests.written() == written;
                        if ended.is_ok() || idle {
                            return None;
                        }
                    }
                }
                () = tokio::time::sleep(IDLE) => {}
            }
            let begun = requests.begun();
            may_rest |= begun > 0;
            if may_rest && begun == seen && requests.ended() == begun {
                break;
            }
            seen = begun;
        }
        Pin::new(&mut *connection).graceful_shutdown();
        poll_fn(|context| connection.poll_without_shutdown(context)).await.ok()?;
        let parts = connection.into_parts();
        let Stream { rest, stream, .. } = parts.io.into_inner();
        // What was put in front was read first.
        debug_assert!(rest.is_empty());
        Some((stream, parts.read_buf))
    }

    /// Serves either protocol to the end of the connection.
    async fn serve_either(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        mut stopping: watch::Receiver<bool>,
    ) {
        let (site, requests) = (self.site.clone(), Arc::new(Requests::default()));
        let service = {
            let requests = requests.clone();
            service_fn(move |request| answer(site.clone(), request, peer, &requests))
        };
        let mut connection = Box::pin(self.either.serve_connection(TokioIo::new(stream), service));
        let patience = self.site.options.read_timeout;
        let mut seen = 0;
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stops(&mut stopping) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                    return;
                }
                () = tokio::time::sleep(patience) => {}
            }
            let begun = requests.begun();
            if begun == 0 {
                // It may not even have said which protocol it speaks.
                return;
            }
            if begun == seen && requests.ended() == begun {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(patience, connection).await;
                return;
            }
            seen = begun;
        }
    }
}

/// Ready when the server stops.
async fn stops(stopping: &mut watch::Receiver<bool>) {
    // The sender lives as long as the server.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Answers a request of a connection, and counts it.
fn answer(
    site: Arc<Site>,
    request: Request<Incoming>,
    peer: IpAddr,
    requests: &Arc<Requests>,
) -> impl Future<Output = Result<Answer, Infallible>> + use<> {
    requests.begun.fetch_add(1, Ordering::Relaxed);
    let under_way = UnderWay(requests.clone());
    async move {
        let answer = site.answer(request, peer).await;
        drop(under_way);
        Ok(answer)
    }
}

/// What has happened on a connection: requests that have come and those that have their answer,
/// which may still be on its way, and the bytes of answers that are.
#[derive(Debug, Default)]
struct Requests {
    begun: AtomicU64,
    ended: AtomicU64,
    written: AtomicU64,
}

impl Requests {
    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// A request that is not answered yet.
struct UnderWay(Arc<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream of which something was read already.
struct Stream {
    rest: Bytes,
    stream: TcpStream,
    requests: Arc<Requests>,
}

impl Stream {
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.requests.written.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..length]);
        self.rest.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
