//! Which path goes where, and which goes nowhere.

use axum::body::Body;
use http::{Method, StatusCode};
use runtime::Limits;

use crate::harness::{Gateway, listen, local, raw, request, strict_service};

#[tokio::test]
async fn each_path_reaches_its_service_without_the_prefix() {
    let gateway = Gateway::start().await;
    for (path, service, inside) in [
        ("/api/auth/login", "user-service", "/auth/login"),
        (
            "/api/auth/sessions/7/more",
            "user-service",
            "/auth/sessions/7/more",
        ),
        ("/api/users/profile", "user-service", "/users/profile"),
        (
            "/api/products?page=2&search=mug",
            "product-service",
            "/products?page=2&search=mug",
        ),
        ("/api/products/7", "product-service", "/products/7"),
        ("/api/categories", "product-service", "/categories"),
        ("/api/images/a/b.png", "product-service", "/images/a/b.png"),
        ("/api/orders", "order-service", "/orders"),
        ("/api/orders/7/history", "order-service", "/orders/7/history"),
        ("/api/payments/order/7", "payment-service", "/payments/order/7"),
        ("/api//products/./x/../7", "product-service", "/products/7"),
        (
            "/%61pi/products/%37?q=%2561",
            "product-service",
            "/products/7?q=%2561",
        ),
        (
            "/api/products/caf%c3%a9",
            "product-service",
            "/products/caf%C3%A9",
        ),
    ] {
        let answer = gateway.get_as(1, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        let seen = gateway.last_seen();
        assert_eq!(
            (seen.service, seen.uri.to_string().as_str()),
            (service, inside),
            "{path}"
        );
    }
}

// GW-2
#[tokio::test]
async fn inner_paths_do_not_exist_in_any_spelling() {
    let gateway = Gateway::start().await;
    let hidden = [
        "internal",
        "admin/debug",
        "metrics",
        "souk.inventory.v1.Inventory/Hold",
    ];
    for name in hidden {
        let mixed: String = name
            .chars()
            .enumerate()
            .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect();
        let first = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
        for path in [
            format!("/{name}"),
            format!("//{name}"),
            format!("///{name}//"),
            format!("/{name}/"),
            format!("/{name}."),
            format!("/{name}.."),
            format!("/{name}/."),
            format!("/./{name}"),
            format!("/{mixed}"),
            format!("/{first}"),
            format!("/x/../{name}"),
            format!("/x/%2e%2e/{name}"),
            format!("/x/..%2f{name}"),
            format!("/x/..%2F{name}"),
            format!("/x%2f..%2f{name}"),
            format!("/%252f{name}"),
            format!("/{name}%00"),
            format!("/{name};x=1"),
            format!("/;/{name}"),
            format!("/api/{name}"),
            format!("/api/../{name}"),
            format!("/api/..;/{name}"),
            format!("/api/%2e%2e;/{name}"),
            format!("/api/products/../../{name}"),
            format!("/api/products/..%5c..%5c{name}"),
            format!("/API/products/../{name}"),
            format!("/{name}?/api/products"),
        ] {
            let answer = gateway.get_as(1, &path).await;
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}: {answer:?}");
            answer.code();
        }
    }
    for path in [
        "/api/health",
        "/api/live",
        "/api/ready",
        "/api",
        "/api/",
        "/API/products",
        "/products",
        "/nowhere",
    ] {
        gateway.get_as(1, path).await.expect(404, "not-found");
    }
    assert_eq!(gateway.reached(), 0, "nothing of this reached a service");
}

// GW-2: and none of it on a real connection, where no client has put the path in order before
#[tokio::test]
async fn inner_paths_do_not_exist_on_the_wire() {
    let gateway = Gateway::start().await;
    let address = gateway.listen().await;
    for target in [
        "//internal",
        "/%69nternal",
        "/x/..%2finternal",
        "/../internal",
        "/api/..;/internal",
        "http://inside/internal",
        "/metrics",
        "/METRICS",
    ] {
        let answer = raw(
            address,
            format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
    }
    let answer = raw(
        address,
        "CONNECT db:5432 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(gateway.reached(), 0);
}

// GW-17
#[tokio::test]
async fn a_wrong_method_is_refused_by_the_service_with_allow_and_options_tells_it() {
    let gateway = Gateway::with(|setup| setup.order = Some(local(strict_service()))).await;
    let token = format!("Bearer {}", gateway.token(1));
    let send = async |method: &str, path: &str| {
        let request = request(method, path).header("authorization", &token);
        gateway.call(request.body(Body::empty()).unwrap()).await
    };
    let refused = send("DELETE", "/api/orders").await;
    refused.expect(405, "method-not-allowed");
    let allow = refused.header("allow").to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");

    let told = send("OPTIONS", "/api/orders").await;
    assert_eq!(told.status, StatusCode::NO_CONTENT, "{told:?}");
    assert!(told.header("allow").contains("POST") && told.header("allow").contains("OPTIONS"));
    assert!(told.body.is_empty());
    let told = gateway
        .call(request("OPTIONS", "*").body(Body::empty()).unwrap())
        .await;
    assert_eq!(told.status, StatusCode::NO_CONTENT);

    let own = send("POST", "/health/all").await;
    own.expect(405, "method-not-allowed");
    assert!(own.header("allow").contains("GET"));
    assert!(send("OPTIONS", "/health").await.header("allow").contains("GET"));
    send("GET", "/api/orders/7/nowhere")
        .await
        .expect(404, "not-found");
}

// GW-17
#[tokio::test]
async fn head_is_get_without_the_body() {
    let gateway = Gateway::start().await;
    let head = gateway
        .call(request("HEAD", "/api/products/7").body(Body::empty()).unwrap())
        .await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(gateway.last_seen().method, Method::HEAD);
    let own = gateway
        .call(request("HEAD", "/api/openapi.json").body(Body::empty()).unwrap())
        .await;
    assert_eq!((own.status, own.body.len()), (StatusCode::OK, 0));
    assert!(!own.header("etag").is_empty());

    let address = listen(gateway.router.clone(), Limits::EDGE).await;
    let answer = raw(
        address,
        "HEAD /api/products/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}
