//! A TCP proxy before a part of the shop, which delays, falls silent, loses answers and breaks connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where connections lead.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A port of this machine.
    Port(u16),
    /// A socket.
    Socket(PathBuf),
}

/// How data is treated.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// Handed on.
    Pass,
    /// Handed on late.
    Delay(Duration),
    /// Kept until the mode is over.
    Silent,
    /// What is asked is handed on; the answer is not, and the connection ends.
    LoseAnswers,
}

/// The handle of a proxy.
#[derive(Clone)]
pub(super) struct Proxy {
    /// Where it listens.
    pub(super) port: u16,
    mode: Arc<Mutex<(Mode, Instant)>>,
    /// Counts up when all connections break.
    breaks: watch::Sender<u64>,
}

impl Proxy {
    /// Listens before `target` until `stop`.
    pub(super) async fn start(
        target: Target,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let proxy = Self {
            port: listener.local_addr()?.port(),
            mode: Arc::new(Mutex::new((Mode::Pass, Instant::now()))),
            breaks: watch::Sender::new(0),
        };
        let (handle, spawner) = (proxy.clone(), tracker.clone());
        tracker.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((client, _)) = accepted else { continue };
                let (handle, target, stop) = (handle.clone(), target.clone(), stop.clone());
                spawner.spawn(async move {
                    let mut broken = handle.breaks.subscribe();
                    tokio::select! {
                        () = stop.cancelled() => {}
                        _ = broken.changed() => {}
                        () = handle.carry(client, &target) => {}
                    }
                });
            }
        });
        Ok(proxy)
    }

    /// Treats data like this for so long.
    pub(super) fn set(&self, mode: Mode, lasts: Duration) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = (mode, Instant::now() + lasts);
    }

    /// Breaks all connections.
    pub(super) fn reset(&self) {
        self.breaks.send_modify(|count| *count += 1);
    }

    fn now(&self) -> (Mode, Instant) {
        let (mode, until) = *self.mode.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() < until {
            (mode, until)
        } else {
            (Mode::Pass, until)
        }
    }

    async fn carry(&self, client: TcpStream, target: &Target) {
        drop(client.set_nodelay(true));
        match target {
            Target::Port(port) => {
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                let Ok(server) = TcpStream::connect(to).await else {
                    return;
                };
                drop(server.set_nodelay(true));
                self.both(client, server).await;
            }
            Target::Socket(path) => {
                let Ok(server) = UnixStream::connect(path).await else {
                    return;
                };
                self.both(client, server).await;
            }
        }
    }

    /// Until either side ends: half a connection helps nobody.
    async fn both(&self, client: TcpStream, server: impl AsyncRead + AsyncWrite) {
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = tokio::io::split(server);
        tokio::select! {
            () = self.pump(from_client, to_server, false) => {}
            () = self.pump(from_server, to_client, true) => {}
        }
    }

    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        are_answers: bool,
    ) {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let Ok(length @ 1..) = from.read(&mut piece).await else {
                return;
            };
            match self.now() {
                (Mode::Pass, _) => {}
                (Mode::Delay(by), _) => tokio::time::sleep(by).await,
                (Mode::Silent, until) => tokio::time::sleep_until(until).await,
                (Mode::LoseAnswers, _) if are_answers => return,
                (Mode::LoseAnswers, _) => {}
            }
            let piece = piece.get(..length).unwrap_or_default();
            if to.write_all(piece).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo(tracker: &TaskTracker) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let spawner = tracker.clone();
        tracker.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                spawner.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    drop(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        port
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<usize> {
        stream.write_all(b"ping").await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await
    }

    #[tokio::test]
    async fn data_passes_is_late_is_lost_and_connections_break_as_told() {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let target = Target::Port(echo(&tracker).await);
        let proxy = Proxy::start(target, &tracker, stop.clone()).await.unwrap();
        let connect = || TcpStream::connect(("127.0.0.1", proxy.port));
        let mut stream = connect().await.unwrap();
        assert_eq!(ask(&mut stream).await.unwrap(), 4);

        proxy.set(Mode::Delay(Duration::from_millis(60)), Duration::from_secs(9));
        let before = Instant::now();
        assert_eq!(ask(&mut stream).await.unwrap(), 4);
        assert!(before.elapsed() >= Duration::from_millis(120), "late both ways");

        proxy.set(Mode::Silent, Duration::from_millis(150));
        let before = Instant::now();
        assert_eq!(ask(&mut stream).await.unwrap(), 4);
        assert!(
            before.elapsed() >= Duration::from_millis(100),
            "silent, then all of it"
        );

        proxy.set(Mode::LoseAnswers, Duration::from_secs(9));
        assert!(ask(&mut stream).await.is_err(), "asked, and never answered");

        proxy.set(Mode::Pass, Duration::ZERO);
        let mut stream = connect().await.unwrap();
        assert_eq!(ask(&mut stream).await.unwrap(), 4);
        proxy.reset();
        assert!(ask(&mut stream).await.is_err(), "broken");
        stop.cancel();
    }
}
