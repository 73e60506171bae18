//! The Step Functions API over HTTP, in this process: `stepproof serve`, and servers inside tests.
//!
//! A [`Server`] runs on threads of its own, so that synchronous tests can use it as well as
//! asynchronous ones. Any AWS SDK talks to it:
//!
//! ```
//! use stepproof::server::{ClockMode, Options, Server};
//! use stepproof::time::Timestamp;
//!
//! // Time jumps to whatever is next: a wait of a month takes no time.
//! let start = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
//! let options = Options { clock: ClockMode::Virtual { start }, ..Options::default() };
//! let server = Server::start(options)?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! server.shutdown();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! One lock guards the account (`driver`); around it are HTTP (`http`, `wire`, `auth`, `host`, `quota`), the
//! web page (`page`), the calls of real services (`integration`, `endpoint`) and the folder that it
//! is kept in (`storage`).

mod auth;
mod clock;
mod connection;
mod control;
mod driver;
mod endpoint;
mod host;
mod http;
mod integration;
mod objects;
mod options;
mod output;
mod page;
pub(crate) mod percent;
mod quota;
mod report;
#[cfg(feature = "aws")]
mod sdk;
mod shared;
mod storage;
mod watch;
mod wire;

use std::hash::BuildHasherDefault;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustc_hash::FxHasher;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tracing::warn;

pub use auth::Key;
pub use clock::ClockMode;
pub use endpoint::{Endpoints, HttpConnections, SERVICES};
pub use options::{Options, Retain};
pub use output::{Destination, Outputs};
pub use quota::{Bucket, Quotas};
#[cfg(feature = "aws")]
pub use sdk::{StripSyncPrefix, sdk_config};
pub use storage::StorageError;

use connection::Connections;
use driver::Driver;
use http::Site;
use integration::Integrations;
use output::Sinks;
use shared::Shared;

type FastMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<FxHasher>>;

/// Deeply nested values are read, evaluated and dropped recursively; this much stack is enough for
/// the deepest that the readers let through.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// How long it may take to answer those who waited for too long.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server; it takes requests when this returns.
    ///
    /// # Errors
    ///
    /// Where the address cannot be listened on, an output cannot be written to, or the system
    /// refuses threads; a [`StorageError`] where [`Options::data_dir`] cannot be used.
    pub fn start(options: Options) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (started, start) = std::sync::mpsc::sync_channel(1);
        let serving =
            std::thread::Builder::new().name("stepproof-server".to_owned()).stack_size(STACK_BYTES);
        // The runtime lives and dies there: who starts a server may be in one of their own, where
        // no other may be dropped.
        let thread = serving.spawn(move || {
            let opened = runtime().and_then(|runtime| {
                let entered = runtime.enter();
                let opened = open(&options)?;
                drop(entered);
                Ok((runtime, opened))
            });
            let (runtime, (listener, address, sinks, shared)) = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            if started.send(Ok(address)).is_err() {
                return;
            }
            runtime.block_on(serve(listener, shared, options, sinks.clone(), stopped));
            // Whatever has not ended by now is given up.
            runtime.shutdown_timeout(Duration::from_millis(100));
            sinks.close();
        })?;
        let address = start
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread of the server ended early")))?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients: `http://127.0.0.1:49152`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets those that are open end, and stops.
    pub fn shutdown(mut self) {
        self.stop_and_wait();
    }

    fn stop_and_wait(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Where it is gone already there is nothing to stop.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_and_wait();
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("stepproof-server")
        .thread_stack_size(STACK_BYTES)
        .enable_io()
        .enable_time()
        .build()
}

/// What a server needs from the system, and its account.
fn open(options: &Options) -> io::Result<(TcpListener, SocketAddr, Sinks, Arc<Shared>)> {
    let address = options.address;
    let listener = listen(address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })?;
    let address = listener.local_addr()?;
    let sinks = Sinks::open(&options.outputs, &options.account)?;
    let shared = account(options, &sinks).map_err(io::Error::other)?;
    Ok((listener, address, sinks, shared))
}

/// The account, from the folder that it is kept in where there is one.
fn account(options: &Options, sinks: &Sinks) -> Result<Arc<Shared>, StorageError> {
    let (wall, real) = (shared::wall(), shared::now());
    let Some(folder) = &options.data_dir else {
        let mut driver = Driver::new(options, wall, real);
        driver.report_to(sinks.clone());
        return Ok(Shared::new(driver, None));
    };
    let opened = storage::open(folder, options, Integrations::are_mocked(options))?;
    let (driver, store) = Driver::restored(options, opened, sinks, wall, real);
    let shared = Shared::new(driver, Some(store));
    // What came due meanwhile begins before anybody asks.
    shared.go_on();
    Ok(shared)
}

/// Thousands of clients may come at once: more than the standard library lets wait.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    socket.listen(4_096)
}

async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    options: Options,
    sinks: Sinks,
    mut stopped: oneshot::Receiver<()>,
) {
    let timekeeper = tokio::spawn(shared.clone().keep_time());
    let watcher = options.watch.then(|| tokio::spawn(watch::watch(shared.clone(), &options)));
    let drain_timeout = options.drain_timeout;
    let site = Arc::new(Site::new(shared, options, sinks));
    let connections = Arc::new(Connections::new(site.clone()));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: those that are open go on.
                    warn!(%error, "a connection was refused");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = &mut stopped => break,
        };
        // Answers are small and complete: they need not wait for more to send.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connections.clone().serve(stream, peer.ip()));
    }
    drop(listener);
    site.shared.end_polls();
    let drained = tokio::time::timeout(drain_timeout, connections.close()).await.is_ok();
    site.shared.stop();
    if !drained {
        warn!("requests were open for too long and are given up");
        // Those who still wait hear that they do so in vain.
        let _ = tokio::time::timeout(LAST_WORDS, connections.close()).await;
    }
    timekeeper.abort();
    if let Some(watcher) = watcher {
        watcher.abort();
    }
    site.shared.close();
}

#[cfg(test)]
mod tests;
