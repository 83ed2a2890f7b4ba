//! Whether a service of this machine is ready: what a container's health check asks. The images hold neither a
//! shell nor curl, so that the service's own binary does the asking.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::Settings;
use crate::standalone::{Ports, StartError};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most of an answer that is read: more than `/ready` ever says.
const ANSWER: u64 = 4_096;

/// Asks `/ready` of the service that listens on this machine where `settings` say, or else on its own port.
///
/// # Errors
/// Nobody listens there, no answer comes within three seconds, or the answer is another than 200; says which.
pub async fn health(ports: Ports, mut settings: Settings) -> Result<(), StartError> {
    let everywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), ports.public);
    let address = reachable(settings.address("LISTEN_ADDR", everywhere));
    settings.finish()?;
    let answer = tokio::time::timeout(PATIENCE, ask(address))
        .await
        .map_err(|_| format!("{address} does not answer"))?
        .map_err(|error| format!("{address} cannot be asked: {error}"))?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let said = answer.lines().last().unwrap_or_default();
    Err(format!("{address} is not ready: {said}").into())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whoever listens everywhere is reached on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use tokio::net::TcpListener;
    use types::SystemClock;

    use super::*;
    use crate::app::{App, Shared};

    const PORTS: Ports = Ports {
        public: 1,
        internal: None,
        metrics: None,
    };

    async fn asked_of(state: Result<(), String>) -> Result<(), StartError> {
        let shared = Shared::new(Arc::new(SystemClock));
        let app = App::new(
            "probe",
            Router::new(),
            Arc::new(move || {
                let state = state.clone();
                Box::pin(async move { state })
            }),
            &shared,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        shared.tracker.spawn(async move {
            axum::serve(listener, app.public).await.unwrap();
        });
        health(PORTS, settings(format!("0.0.0.0:{port}"))).await
    }

    fn settings(listen: String) -> Settings {
        Settings::of([("LISTEN_ADDR".to_owned(), listen)], None)
    }

    // OPS-7
    #[tokio::test]
    async fn a_service_that_is_ready_is_healthy() {
        asked_of(Ok(())).await.unwrap();
    }

    // OPS-7
    #[tokio::test]
    async fn a_service_that_is_not_ready_is_not_healthy_and_says_why() {
        let error = asked_of(Err("migrations are pending".to_owned()))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("migrations are pending"), "{error}");
    }

    // OPS-7
    #[tokio::test]
    async fn where_nobody_listens_nothing_is_healthy() {
        let taken_and_left = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let error = health(PORTS, settings(taken_and_left.to_string()))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("cannot be asked"), "{error}");
    }
}
