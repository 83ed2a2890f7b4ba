//! How often one may call.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;

use crate::harness::{Answer, Gateway, from, request};

async fn limited() -> Gateway {
    // With Redis or without: the same answers. Redis has a clock of its own, which nobody moves.
    let redis = cache::testing::database().await;
    Gateway::with(|setup| {
        setup.config.redis = redis.map(|url| cache::RedisUrl::parse(&url).unwrap());
        let rates = &mut setup.config.rates;
        rates.on = true;
        (rates.auth, rates.auth_burst) = (30, 10);
        (rates.search, rates.checkout, rates.payments) = (4, 3, 2);
        rates.images = 40;
        (rates.webhook, rates.other) = (20, 6);
    })
    .await
}

async fn send(gateway: &Gateway, address: &str, user: Option<i64>, method: &str, path: &str) -> Answer {
    let mut asked = request(method, path);
    if let Some(user) = user {
        asked = asked.header("authorization", format!("Bearer {}", gateway.token(user)));
    }
    gateway
        .call(from(address, asked.body(Body::empty()).unwrap()))
        .await
}

// GW-5
#[tokio::test]
async fn sign_ins_are_limited_by_address_and_the_headers_tell() {
    let gateway = limited().await;
    let login = || send(&gateway, "203.0.113.9", None, "POST", "/api/auth/login");
    for left in (0..10).rev() {
        let answer = login().await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"auth\";q=30;w=60");
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"auth\";r={left};t=")),
            "{answer:?}"
        );
        assert!(!answer.headers.contains_key("x-ratelimit-limit"));
    }
    let refused = login().await;
    refused.expect(429, "rate-limited");
    assert_eq!(refused.header("retry-after"), "2");
    assert_eq!(
        refused.header("ratelimit"),
        "\"auth\";r=0;t=2",
        "the same instant in both"
    );
    let register = send(&gateway, "203.0.113.9", None, "POST", "/api/auth/register").await;
    register.expect(429, "rate-limited");

    let neighbour = send(&gateway, "203.0.113.10", None, "POST", "/api/auth/login").await;
    assert_eq!(neighbour.status, StatusCode::OK);
    let other_kind = send(&gateway, "203.0.113.9", None, "GET", "/api/products").await;
    assert_eq!(other_kind.status, StatusCode::OK);

    gateway.clock.advance(Duration::from_secs(2));
    // Redis has a clock of its own. Who is refused owes nothing more.
    let let_in = async {
        while login().await.status != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), let_in)
        .await
        .expect("whoever waits is let in");
    login().await.expect(429, "rate-limited");
    assert_eq!(
        gateway
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|s| s.uri.path().starts_with("/auth"))
            .count(),
        12
    );
}

// GW-5
#[tokio::test]
async fn a_network_of_ipv6_addresses_counts_as_one_client_and_ipv4_in_ipv6_as_itself() {
    let gateway = limited().await;
    for i in 0..6 {
        let answer = send(
            &gateway,
            &format!("2001:db8:1:2::{i}"),
            None,
            "GET",
            "/api/products",
        )
        .await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    send(&gateway, "2001:db8:1:2:ffff::1", None, "GET", "/api/products")
        .await
        .expect(429, "rate-limited");
    let next_network = send(&gateway, "2001:db8:1:3::1", None, "GET", "/api/products").await;
    assert_eq!(next_network.status, StatusCode::OK);
    for i in 0..6 {
        let mapped = format!("::ffff:198.51.100.{i}");
        assert_eq!(
            send(&gateway, &mapped, None, "GET", "/api/products").await.status,
            StatusCode::OK
        );
    }
    let plain = send(&gateway, "198.51.100.0", None, "GET", "/api/products").await;
    assert!(
        plain.header("ratelimit").contains("r=4"),
        "the same address in both spellings: {plain:?}"
    );
}

// GW-5
#[tokio::test]
async fn a_user_is_counted_wherever_the_calls_come_from_and_a_bad_token_by_its_address() {
    let gateway = limited().await;
    for i in 0..6 {
        let answer = send(
            &gateway,
            &format!("198.51.100.{i}"),
            Some(7),
            "GET",
            "/api/orders",
        )
        .await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    send(&gateway, "198.51.100.99", Some(7), "GET", "/api/orders")
        .await
        .expect(429, "rate-limited");
    assert_eq!(
        send(&gateway, "198.51.100.0", Some(8), "GET", "/api/orders")
            .await
            .status,
        StatusCode::OK
    );

    let guess = || async {
        let asked = request("GET", "/api/orders").header("authorization", "Bearer guess");
        gateway
            .call(from("198.51.100.50", asked.body(Body::empty()).unwrap()))
            .await
    };
    for _ in 0..6 {
        guess().await.expect(401, "unauthenticated");
    }
    guess().await.expect(429, "rate-limited");
}

// GW-5: what a client says of itself does not give it a new allowance
#[tokio::test]
async fn a_made_up_address_is_not_believed() {
    let gateway = limited().await;
    for i in 0..7 {
        let asked = request("GET", "/api/products").header("x-forwarded-for", format!("198.51.100.{i}"));
        let answer = gateway
            .call(from("203.0.113.9", asked.body(Body::empty()).unwrap()))
            .await;
        assert_eq!(answer.status == StatusCode::TOO_MANY_REQUESTS, i == 6);
    }
}

// GW-7
#[tokio::test]
async fn each_kind_of_route_has_an_allowance_of_its_own() {
    let gateway = limited().await;
    for (method, path, policy, quota) in [
        ("POST", "/api/auth/login", "auth", 30),
        ("GET", "/api/products?search=mug", "search", 4),
        ("GET", "/api/images/7-card.webp", "images", 40),
        ("DELETE", "/api/images/7-card.webp", "default", 6),
        ("POST", "/api/orders", "checkout", 3),
        ("POST", "/api/payments/create-intent", "payments", 2),
        ("POST", "/api/payments/webhook", "webhook", 20),
        ("GET", "/api/products?search=", "default", 6),
        ("GET", "/api/payments/order/7", "default", 6),
    ] {
        let answer = send(&gateway, "203.0.113.9", Some(7), method, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(
            answer.header("ratelimit-policy"),
            format!("\"{policy}\";q={quota};w=60"),
            "{path}"
        );
    }
    for _ in 0..3 {
        send(
            &gateway,
            "203.0.113.9",
            Some(7),
            "GET",
            "/api/products?search=mug",
        )
        .await;
    }
    let more = send(
        &gateway,
        "203.0.113.9",
        Some(7),
        "GET",
        "/api/products?search=mug",
    )
    .await;
    more.expect(429, "rate-limited");
    assert_eq!(
        send(&gateway, "203.0.113.9", Some(7), "GET", "/api/products")
            .await
            .status,
        StatusCode::OK
    );
}

// GW-7
#[tokio::test]
async fn a_page_of_pictures_does_not_use_up_what_its_browser_needs_for_all_else() {
    let gateway = limited().await;
    for picture in 0..20 {
        let file = format!("/api/images/{picture}-card.webp");
        let shown = send(&gateway, "203.0.113.9", None, "GET", &file).await;
        assert_eq!(shown.status, StatusCode::OK, "{file}");
    }
    let page = send(&gateway, "203.0.113.9", None, "GET", "/api/products").await;
    assert!(
        page.header("ratelimit").starts_with("\"default\";r=5;"),
        "{page:?}"
    );
    for _ in 0..20 {
        send(&gateway, "203.0.113.9", None, "GET", "/api/images/0-card.webp").await;
    }
    send(&gateway, "203.0.113.9", None, "GET", "/api/images/0-card.webp")
        .await
        .expect(429, "rate-limited");
}

// GW-7
#[tokio::test]
async fn webhooks_do_not_use_up_a_users_allowance_nor_the_other_way_round() {
    let gateway = limited().await;
    for _ in 0..19 {
        let answer = send(&gateway, "203.0.113.9", None, "POST", "/api/payments/webhook").await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    for _ in 0..6 {
        assert_eq!(
            send(&gateway, "203.0.113.9", None, "GET", "/api/products")
                .await
                .status,
            StatusCode::OK
        );
    }
    send(&gateway, "203.0.113.9", None, "GET", "/api/products")
        .await
        .expect(429, "rate-limited");
    let webhook = send(&gateway, "203.0.113.9", None, "POST", "/api/payments/webhook").await;
    assert_eq!(webhook.status, StatusCode::OK);
}

#[tokio::test]
async fn limits_can_be_off_and_the_older_headers_on() {
    let gateway = Gateway::start().await;
    for _ in 0..100 {
        let answer = send(&gateway, "203.0.113.9", None, "POST", "/api/auth/login").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
    let gateway = Gateway::with(|setup| {
        setup.config.rates.on = true;
        setup.config.rates.legacy_headers = true;
    })
    .await;
    let answer = send(&gateway, "203.0.113.9", None, "POST", "/api/auth/login").await;
    assert_eq!(
        (
            answer.header("x-ratelimit-limit"),
            answer.header("x-ratelimit-remaining")
        ),
        ("30", "9")
    );
}
