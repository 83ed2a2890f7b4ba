//! Packed answers and packed requests.

use std::io::{Read as _, Write as _};

use axum::body::Body;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::StatusCode;

use crate::harness::{Answer, Gateway, request};

async fn get(gateway: &Gateway, path: &str, accept: &str) -> Answer {
    let asked = request("GET", path).header("accept-encoding", accept);
    gateway.call(asked.body(Body::empty()).unwrap()).await
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

async fn post_packed(gateway: &Gateway, path: &str, encoding: &str, body: Vec<u8>) -> Answer {
    let sent = request("POST", path)
        .header("authorization", format!("Bearer {}", gateway.token(1)))
        .header("content-type", "application/json")
        .header("content-encoding", encoding)
        .header("content-length", body.len());
    gateway.call(sent.body(Body::from(body)).unwrap()).await
}

// GW-17
#[tokio::test]
async fn large_answers_are_packed_as_the_client_likes() {
    let gateway = Gateway::start().await;
    let plain = gateway.get("/api/products/large").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(plain.header("etag"), "\"v1\"");

    let packed = get(&gateway, "/api/products/large", "gzip").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(
        packed
            .headers
            .get_all("vary")
            .iter()
            .any(|v| v.to_str().unwrap().eq_ignore_ascii_case("accept-encoding"))
    );
    assert_eq!(
        packed.header("etag"),
        "W/\"v1\"",
        "packed, it is not byte for byte the same"
    );
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    assert!(packed.body.len() * 10 < plain.body.len());

    assert_eq!(
        get(&gateway, "/api/products/large", "br, gzip")
            .await
            .header("content-encoding"),
        "br"
    );
    for (path, why) in [
        ("/api/products/7", "small"),
        ("/api/products/picture", "an image"),
    ] {
        assert_eq!(
            get(&gateway, path, "gzip, br").await.header("content-encoding"),
            "",
            "{why}"
        );
    }
    let twice = get(&gateway, "/api/products/packed", "gzip, br").await;
    assert_eq!(
        (twice.header("content-encoding"), twice.body.len()),
        ("br", 5_000),
        "once is enough"
    );
}

// GW-17
#[tokio::test]
async fn a_packed_request_reaches_the_service_unpacked() {
    let gateway = Gateway::start().await;
    let plain = br#"{"items": [{"productId": 7, "quantity": 1}]}"#;
    assert_eq!(
        post_packed(&gateway, "/api/orders", "gzip", gzip(plain))
            .await
            .status,
        StatusCode::OK
    );
    let seen = gateway.last_seen();
    assert_eq!(&seen.body[..], plain);
    assert!(!seen.headers.contains_key("content-encoding") && !seen.headers.contains_key("content-length"));
}

// GW-17
#[tokio::test]
async fn a_bomb_is_cut_off_at_the_limit() {
    let gateway = Gateway::start().await;
    let bomb = gzip(&vec![b' '; 200 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024, "it is small enough to be let in");
    post_packed(&gateway, "/api/orders", "gzip", bomb.clone())
        .await
        .expect(413, "payload-too-large");
    post_packed(&gateway, "/api/products/7/upload-image", "gzip", bomb.clone())
        .await
        .expect(413, "payload-too-large");
    // A bomb in a bomb is data after one unpacking, which is all that is done.
    post_packed(&gateway, "/api/orders", "gzip", gzip(&bomb)).await;
    assert!(gateway.last_seen().body.len() < 1024 * 1024);
    assert_eq!(gateway.reached(), 1);
}

// GW-17
#[tokio::test]
async fn other_packings_are_refused_and_broken_ones_told() {
    let gateway = Gateway::start().await;
    for encoding in ["br", "deflate", "zstd", "gzip, gzip", "x-gzip", "GZIP,br", ""] {
        post_packed(&gateway, "/api/orders", encoding, gzip(b"{}"))
            .await
            .expect(415, "unsupported-media-type");
    }
    post_packed(&gateway, "/api/orders", "gzip", b"{}".to_vec())
        .await
        .expect(400, "malformed-request");
    let mut half = gzip(&vec![b'7'; 10_000]);
    half.truncate(20);
    post_packed(&gateway, "/api/orders", "gzip", half)
        .await
        .expect(400, "malformed-request");
    assert_eq!(gateway.reached(), 0);
}
