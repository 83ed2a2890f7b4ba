//! How much and how slowly a client may send.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::StreamExt as _;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Gateway, raw, request};

const MIB: usize = 1024 * 1024;

/// A body whose length nobody says beforehand.
fn streamed(length: usize) -> Body {
    let piece = Bytes::from(vec![b'7'; 64 * 1024]);
    let pieces = futures::stream::repeat(piece)
        .map(Ok::<_, Infallible>)
        .take(length.div_ceil(64 * 1024));
    Body::from_stream(pieces)
}

// GW-4
#[tokio::test]
async fn bodies_are_bounded_by_kind_of_route() {
    let gateway = Gateway::start().await;
    for (path, limit) in [
        ("/api/orders", MIB),
        ("/api/auth/login", MIB),
        ("/api/products/7/upload-image", 10 * MIB + 64 * 1024),
    ] {
        assert_eq!(
            gateway.post(path, vec![b'7'; limit]).await.status,
            StatusCode::OK,
            "{path}"
        );
        assert_eq!(gateway.last_seen().body.len(), limit);
        let reached = gateway.reached();
        gateway
            .post(path, vec![b'7'; limit + 1])
            .await
            .expect(413, "payload-too-large");
        gateway
            .post(path, streamed(limit + 64 * 1024))
            .await
            .expect(413, "payload-too-large");
        assert_eq!(gateway.reached(), reached, "{path}");
    }
}

// GW-4
#[tokio::test]
async fn size_is_looked_at_before_the_token() {
    let gateway = Gateway::start().await;
    let sent = request("POST", "/api/orders")
        .header("content-length", 10 * MIB)
        .body(Body::empty())
        .unwrap();
    gateway.call(sent).await.expect(413, "payload-too-large");
    let sent = request("POST", "/api/orders")
        .body(Body::from_stream(Poisoned))
        .unwrap();
    gateway.call(sent).await.expect(401, "unauthenticated");
}

/// A body that must not be read.
struct Poisoned;

impl futures::Stream for Poisoned {
    type Item = Result<Bytes, Infallible>;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        panic!("read before the caller was known")
    }
}

// GW-4: most clients send everything before they read a byte of the answer, and give up if sending fails
#[tokio::test]
async fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let gateway = Gateway::start().await;
    let address = gateway.listen().await;
    let large = vec![b'7'; 16 * MIB];
    for (path, told) in [
        ("/api/orders", "413"),
        ("/api/users/profile", "413"),
        ("/api/products/7/upload-image\0", "400"),
    ] {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            large.len()
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&large).await.expect("all can be sent");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {told}")),
            "{path}: {answer}"
        );
    }
}

// GW-4
#[tokio::test]
async fn urls_and_heads_are_bounded() {
    let gateway = Gateway::start().await;
    let long = format!("/api/products?q={}", "a".repeat(8 * 1024 - 16));
    assert_eq!(gateway.get(&long).await.status, StatusCode::OK);
    gateway.get(&format!("{long}a")).await.expect(414, "uri-too-long");

    let address = gateway.listen().await;
    let get = |size: usize| {
        format!(
            "GET /api/products HTTP/1.1\r\nHost: a\r\nX-Pad: {}\r\nConnection: close\r\n\r\n",
            "a".repeat(size)
        )
    };
    assert!(raw(address, get(15 * 1024)).await.starts_with("HTTP/1.1 200"));
    let told = raw(address, get(17 * 1024)).await;
    assert!(
        told.starts_with("HTTP/1.1 431") && told.contains("headers-too-large"),
        "{told}"
    );
    // GW-13: however large it is.
    for huge in [40 * 1024, 200 * 1024] {
        let told = raw(address, get(huge)).await;
        assert!(
            told.starts_with("HTTP/1.1 431") && told.contains("headers-too-large"),
            "{told}"
        );
    }
    let many = "X: 1\r\n".repeat(8_000);
    let told = raw(address, format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")).await;
    assert!(
        told.starts_with("HTTP/1.1 431") && told.contains("headers-too-large"),
        "{told}"
    );
    // More lines than hyper counts, in fewer bytes than are looked at.
    let many = "X: 1\r\n".repeat(2_000);
    let bare = raw(address, format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")).await;
    assert!(bare.starts_with("HTTP/1.1 431"), "{bare}");
}

// GW-4
#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() {
    let gateway = Gateway::with(|setup| setup.config.timeouts.body = Duration::from_millis(300)).await;
    let address = gateway.listen().await;
    let token = gateway.token(1);
    let answer = raw(
        address,
        format!(
            "POST /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 10\r\n\r\n12345"
        ),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("request-timeout"),
        "{answer}"
    );
    assert_eq!(gateway.reached(), 0);
}

// GW-4, GW-8: time in which the client keeps us waiting is not the service's
#[tokio::test]
async fn a_slow_but_honest_upload_is_not_cut_off_by_the_services_deadline() {
    let gateway = Gateway::with(|setup| {
        setup.config.timeouts.upload = Duration::from_millis(150);
        setup.config.timeouts.body = Duration::from_secs(30);
    })
    .await;
    let slow = futures::stream::unfold(0, |piece| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (piece < 5).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"piece")), piece + 1))
    });
    let answer = gateway
        .post("/api/products/7/upload-image", Body::from_stream(slow))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(&gateway.last_seen().body[..], b"piecepiecepiecepiecepiece");
}

// GW-4: JSON depth is the service's to see; the gateway does not parse
#[tokio::test]
async fn bodies_are_handed_on_unread() {
    let gateway = Gateway::start().await;
    let deep = "[".repeat(10_000);
    assert_eq!(
        gateway.post("/api/orders", deep.clone()).await.status,
        StatusCode::OK
    );
    assert_eq!(gateway.last_seen().body, deep);
}
