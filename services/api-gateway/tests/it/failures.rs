//! Services that are down, slow, broken or rude.

use std::time::{Duration, Instant};

use axum::Router;
use http::StatusCode;
use runtime::{Limits, Neighbour};
use tokio::net::TcpListener;

use crate::harness::{Gateway, listen, local, raw, strict_service};

async fn refusing() -> Neighbour {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    Neighbour::http(format!("http://127.0.0.1:{port}").parse().unwrap())
}

// GW-13
#[tokio::test]
async fn a_service_that_cannot_be_reached_is_named_and_the_others_go_on() {
    let order = refusing().await;
    let gateway = Gateway::with(|setup| setup.order = Some(order)).await;
    let answer = gateway.get_as(1, "/api/orders").await;
    answer.expect(503, "service-unavailable");
    assert!(!answer.header("retry-after").is_empty());
    let detail = answer.json()["detail"].to_string();
    assert!(
        detail.contains("order-service") && !detail.contains("127.0.0.1"),
        "{detail}"
    );
    assert_eq!(gateway.get("/api/products").await.status, StatusCode::OK);
}

#[tokio::test]
async fn after_some_failures_a_service_is_left_alone_for_a_while() {
    let order = refusing().await;
    let gateway = Gateway::with(|setup| setup.order = Some(order)).await;
    for _ in 0..5 {
        gateway
            .get_as(1, "/api/orders")
            .await
            .expect(503, "service-unavailable");
    }
    let resting = gateway.get_as(1, "/api/orders").await;
    resting.expect(503, "service-unavailable");
    assert_eq!(resting.header("retry-after"), "5", "it is not even asked");
    gateway.clock.advance(Duration::from_secs(5));
    assert_eq!(
        gateway.get_as(1, "/api/orders").await.header("retry-after"),
        "2",
        "it is asked again"
    );
    assert_eq!(
        gateway.get_as(1, "/api/orders").await.header("retry-after"),
        "5",
        "and rests again"
    );
}

#[tokio::test]
async fn a_service_that_says_no_is_there() {
    let gateway = Gateway::start().await;
    for _ in 0..20 {
        gateway
            .get("/api/products/500")
            .await
            .expect(500, "internal-error");
        gateway
            .get("/api/products/503")
            .await
            .expect(503, "service-unavailable");
    }
    assert_eq!(gateway.get("/api/products/7").await.status, StatusCode::OK);
}

// GW-8
#[tokio::test]
async fn a_service_that_hangs_is_waited_for_as_long_as_its_kind_of_route_allows() {
    let gateway = Gateway::with(|setup| {
        setup.config.timeouts.upstream = Duration::from_millis(100);
        setup.config.timeouts.upload = Duration::from_millis(700);
        setup.config.timeouts.body = Duration::from_secs(60);
    })
    .await;
    let started = Instant::now();
    let read = gateway.get_as(1, "/api/orders/hang").await;
    read.expect(504, "upstream-timeout");
    assert!(read.json()["detail"].as_str().unwrap().contains("order-service"));
    let write = gateway.post("/api/orders/hang", "{}").await;
    write.expect(504, "upstream-timeout");
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "a body that has come is not waited for"
    );

    let started = Instant::now();
    let upload = gateway.post("/api/products/hang/upload-image", "{}").await;
    assert_eq!(
        upload.status,
        StatusCode::OK,
        "only the last part of a path hangs"
    );
    let hanging = gateway.post("/api/products/slow/upload-image", "{}").await;
    hanging.expect(504, "upstream-timeout");
    assert!(started.elapsed() >= Duration::from_millis(700));
}

// GW-8
#[tokio::test]
async fn a_service_that_hangs_behind_a_socket_is_given_up_as_well() {
    let hanging = Router::new().fallback(std::future::pending::<()>);
    let address = listen(hanging, Limits::INSIDE).await;
    let order = Neighbour::http(format!("http://{address}").parse().unwrap());
    let gateway = Gateway::with(|setup| {
        setup.order = Some(order);
        setup.config.timeouts.upstream = Duration::from_millis(200);
    })
    .await;
    gateway
        .get_as(1, "/api/orders")
        .await
        .expect(504, "upstream-timeout");
}

#[tokio::test]
async fn over_a_socket_a_request_and_its_answer_cross_as_in_memory() {
    let seen = std::sync::Arc::default();
    let address = listen(
        crate::harness::double("order-service", std::sync::Arc::clone(&seen)),
        Limits::INSIDE,
    )
    .await;
    let order = Neighbour::http(format!("http://{address}").parse().unwrap());
    let gateway = Gateway::with(|setup| setup.order = Some(order)).await;
    let answer = gateway.post("/api/orders/created", "{\"a\":1}").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::CREATED, "/api/orders/7")
    );
    let seen = seen.lock().unwrap().pop().unwrap();
    assert_eq!(
        (&seen.body[..], seen.uri.path()),
        (&b"{\"a\":1}"[..], "/orders/created")
    );
    assert_eq!(seen.headers["x-forwarded-host"], "shop.test");
    assert_eq!(seen.headers["x-request-id"], answer.header("x-request-id"));
}

// GW-13
#[tokio::test]
async fn a_panic_stays_inside() {
    let gateway = Gateway::with(|setup| setup.order = Some(local(strict_service()))).await;
    let answer = gateway.get_as(1, "/api/orders/panic").await;
    answer.expect(500, "internal-error");
    assert!(!String::from_utf8_lossy(&answer.body).contains("on purpose"));
    assert_eq!(gateway.get_as(1, "/api/orders").await.status, StatusCode::OK);
}

// GW-13
#[tokio::test]
async fn what_a_service_says_in_distress_is_not_passed_on_but_its_problems_are() {
    let gateway = Gateway::start().await;
    for (path, status, code) in [
        ("/api/products/500", 500, "internal-error"),
        ("/api/products/503", 503, "service-unavailable"),
        ("/api/products/404", 404, "not-found"),
    ] {
        let answer = gateway.get(path).await;
        answer.expect(status, code);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        for secret in ["select", ".rs", "db-7.internal", "row"] {
            assert!(!text.contains(secret), "{path}: {text}");
        }
    }
    assert!(
        !gateway
            .get("/api/products/503")
            .await
            .header("retry-after")
            .is_empty()
    );
    let problem = gateway.get("/api/products/problem").await;
    problem.expect(409, "insufficient-stock");
    assert_eq!(problem.json()["orderId"], 81);
}

#[tokio::test]
async fn an_answer_that_stops_half_way_is_cut_off_so_that_the_client_notices() {
    let gateway = Gateway::with(|setup| setup.config.timeouts.silence = Duration::from_millis(100)).await;
    let address = gateway.listen().await;
    let answer = raw(address, "GET /api/products/stall HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("half"),
        "{answer}"
    );
    assert!(
        !answer.ends_with("0\r\n\r\n"),
        "it does not look complete: {answer}"
    );
}

// GW-8: whoever goes away is not worked for any longer
#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    use tokio::io::AsyncWriteExt as _;
    struct Tell(tokio::sync::mpsc::UnboundedSender<&'static str>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send("cancelled");
        }
    }
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let service = Router::new().fallback(move || {
        let tell = Tell(tell.clone());
        async move {
            let _ = tell.0.send("asked");
            std::future::pending::<()>().await;
            drop(tell);
        }
    });
    let gateway = Gateway::with(|setup| setup.order = Some(local(service))).await;
    let address = gateway.listen().await;
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
        gateway.token(1)
    );
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(told.recv().await, Some("asked"));
    drop(client);
    let cancelled = tokio::time::timeout(Duration::from_secs(3), told.recv()).await;
    assert_eq!(cancelled.unwrap(), Some("cancelled"));
}
