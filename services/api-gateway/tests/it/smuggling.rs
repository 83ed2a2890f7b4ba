//! Requests that two servers may read differently.

use crate::harness::{Gateway, raw};

const SMUGGLED: &str = "GET /api/products/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

// GW-3
#[tokio::test]
async fn a_request_without_one_clear_end_is_refused_and_the_connection_closed() {
    let gateway = Gateway::start().await;
    let address = gateway.listen().await;
    for (what, head) in [
        (
            "both lengths",
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "both lengths, turned",
            "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
        ),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 40\r\n\r\n"),
        (
            "the same length twice",
            "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        ),
        ("a list of lengths", "Content-Length: 0, 0\r\n\r\n"),
        ("a signed length", "Content-Length: +0\r\n\r\n"),
        ("a hex length", "Content-Length: 0x0\r\n\r\n"),
        (
            "an unknown coding",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "two codings",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        ),
        (
            "coding twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        ),
        (
            "a space before the colon",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        ),
        ("a vertical tab", "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n"),
        ("a folded header", "X-A: b\r\n c\r\n\r\n"),
        ("a folded length", "Content-Length:\r\n 0\r\n\r\n"),
        ("a bare line feed", "X-A: b\n\r\n"),
        ("bare line feeds", "X-A: b\n\n"),
        ("a bare carriage return", "X-A: b\rX-B: c\r\n\r\n"),
        ("a header without a name", ": b\r\n\r\n"),
        ("a header without a colon", "X-A\r\n\r\n"),
        ("a NUL", "X-A: b\0c\r\n\r\n"),
    ] {
        let answer = raw(
            address,
            format!("POST /api/auth/login HTTP/1.1\r\nHost: a\r\n{head}{SMUGGLED}"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{what}: {answer:?}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{what}: what follows is not read: {answer}"
        );
        assert!(
            answer.to_ascii_lowercase().contains("connection: close"),
            "{what}: {answer}"
        );
        // GW-13: hyper has no words for a head that it cannot take apart.
        if !matches!(what, "a header without a name" | "a NUL" | "a vertical tab") {
            let told =
                answer.contains("application/problem+json") && answer.contains("\"malformed-request\"");
            assert!(told && answer.contains("x-request-id"), "{what}: {answer}");
        }
    }
    for line in [
        "GET /api/products\r\n\r\n",
        "GET  /api/products HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "\0",
    ] {
        let answer = raw(address, format!("{line}\r\n\r\n{SMUGGLED}")).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{line:?}: {answer}"
        );
    }
    assert_eq!(gateway.reached(), 0, "nothing was smuggled");
}

// GW-3
#[tokio::test]
async fn a_bad_chunk_ends_the_connection_and_nothing_after_it_is_a_request() {
    let gateway = Gateway::start().await;
    let address = gateway.listen().await;
    for chunks in [
        "zz\r\nab\r\n0\r\n\r\n",
        "2\r\nabcd\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nab",
        "-1\r\nab\r\n0\r\n\r\n",
    ] {
        let answer = raw(
            address,
            format!(
                "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{SMUGGLED}"
            ),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{chunks:?}: {answer}");
    }
    assert_eq!(gateway.reached(), 0);
}

// GW-3
#[tokio::test]
async fn honest_requests_follow_each_other_on_one_connection() {
    let gateway = Gateway::start().await;
    let address = gateway.listen().await;
    let answer = raw(
        address,
        "\r\nPOST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\n\n\r\n\
         POST /api/auth/refresh HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nGET \r\n1\r\n/\r\n0\r\nX-T: 1\r\n\r\n\
         GET /api/products/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    let seen = gateway.seen.lock().unwrap();
    let bodies: Vec<&[u8]> = seen.iter().map(|s| &s.body[..]).collect();
    assert_eq!(bodies, [&b"\n\n\r\n"[..], b"GET /", b""]);
}
