//! The payment provider's way in.

use axum::body::Body;
use http::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::harness::{Gateway, request};

// GW-16
#[tokio::test]
async fn a_webhook_arrives_byte_for_byte_and_without_a_token() {
    let gateway = Gateway::start().await;
    let odd: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 % 256) as u8).collect();
    let bodies: [Vec<u8>; 4] = [
        b"{ \"b\" : 1,\r\n\t\"a\":1.10 ,\"u\":\"\xc3\xa9\\u00e9\" }\n\n".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        Vec::new(),
        odd,
    ];
    for body in bodies {
        let hash = Sha256::digest(&body);
        let sent = request("POST", "/api/payments/webhook")
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", "t=1,v1=abc")
            .body(Body::from(body))
            .unwrap();
        assert_eq!(gateway.call(sent).await.status, StatusCode::OK);
        let seen = gateway.last_seen();
        assert_eq!(Sha256::digest(&seen.body), hash);
        assert_eq!(seen.headers["stripe-signature"], "t=1,v1=abc");
        assert_eq!(
            (seen.service, seen.uri.path()),
            ("payment-service", "/payments/webhook")
        );
    }
}

// GW-16: not even what is packed is unpacked, since the signature is over what was sent
#[tokio::test]
async fn a_packed_webhook_stays_packed() {
    let gateway = Gateway::start().await;
    let sent = request("POST", "/api/payments/webhook")
        .header("content-encoding", "gzip")
        .body(Body::from("not even gzip"))
        .unwrap();
    assert_eq!(gateway.call(sent).await.status, StatusCode::OK);
    let seen = gateway.last_seen();
    assert_eq!(
        (&seen.body[..], &seen.headers["content-encoding"]),
        (&b"not even gzip"[..], &"gzip".parse().unwrap())
    );
}

// GW-4
#[tokio::test]
async fn a_webhook_has_a_limit_of_its_own() {
    let gateway = Gateway::start().await;
    let sent = request("POST", "/api/payments/webhook")
        .body(Body::from(vec![0; 256 * 1024 + 1]))
        .unwrap();
    gateway.call(sent).await.expect(413, "payload-too-large");
}
