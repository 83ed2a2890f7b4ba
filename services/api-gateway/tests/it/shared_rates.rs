//! Limits that several gateways share by Redis, and what becomes of them without it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use cache::RedisUrl;
use cache::testing::RedisServer;
use futures::future::join_all;
use http::StatusCode;
use runtime::Settings;

use crate::harness::{Answer, Gateway, from, request};

/// A gateway whose clock stands: what comes back to its limits comes from Redis.
async fn gateway(server: &RedisServer, gateways: u32) -> Gateway {
    Gateway::with(|setup| {
        let rates = &mut setup.config.rates;
        rates.on = true;
        rates.gateways = gateways;
        (rates.auth, rates.auth_burst) = (30, 10);
        (rates.webhook, rates.other) = (8, 1_200);
        setup.config.redis = Some(RedisUrl::parse(&server.url()).unwrap());
    })
    .await
}

async fn send(gateway: &Gateway, address: &str, method: &str, path: &str) -> Answer {
    let asked = request(method, path).body(Body::empty()).unwrap();
    gateway.call(from(address, asked)).await
}

/// Waits until all of them count together: a call to one is seen by the next.
async fn count_together(gateways: &[&Gateway]) {
    let mut round = 0_u32;
    let together = async {
        loop {
            round += 1;
            // Each round from an address of its own, out of 198.18.0.0/15.
            let address = Ipv4Addr::from_bits(0xc612_0000 + round).to_string();
            let mut left = Vec::new();
            for gateway in gateways {
                let answer = send(gateway, &address, "POST", "/api/auth/login").await;
                left.push(answer.header("ratelimit").split(';').nth(1).map(str::to_owned));
            }
            let expected = (0..gateways.len()).map(|calls| Some(format!("r={}", 9 - calls)));
            if left.iter().cloned().eq(expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), together)
        .await
        .expect("gateways that count together");
}

// GW-6
#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_let_through_what_one_would() {
    let server = RedisServer::start();
    let (one, other) = (gateway(&server, 2).await, gateway(&server, 2).await);
    count_together(&[&one, &other]).await;
    let passed = AtomicUsize::new(0);
    let began = Instant::now();
    let callers = (0..40).map(|n: usize| {
        let (gateway, passed) = (if n.is_multiple_of(2) { &one } else { &other }, &passed);
        async move {
            for _ in 0..60 {
                let answer = send(gateway, "203.0.113.9", "GET", "/api/products").await;
                match answer.status {
                    StatusCode::OK => _ = passed.fetch_add(1, Ordering::SeqCst),
                    _ => answer.expect(429, "rate-limited"),
                }
            }
        }
    });
    join_all(callers).await;
    // The burst, and what came back meanwhile.
    let due = 1_200.0 + 20.0 * began.elapsed().as_secs_f64();
    let passed = f64::from(u32::try_from(passed.into_inner()).unwrap());
    assert!((passed / due - 1.0).abs() < 0.05, "{passed} of {due}");
}

// GW-6
#[tokio::test]
async fn while_redis_is_away_each_gateway_lets_through_its_part() {
    let mut server = RedisServer::start();
    server.kill();
    let gateway = gateway(&server, 5).await;
    for _ in 0..2 {
        let answer = send(&gateway, "203.0.113.9", "POST", "/api/auth/login").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"auth\";q=6;w=60");
    }
    let login = send(&gateway, "203.0.113.9", "POST", "/api/auth/login").await;
    login.expect(429, "rate-limited");
    let webhook = || send(&gateway, "203.0.113.9", "POST", "/api/payments/webhook");
    assert_eq!(webhook().await.status, StatusCode::OK);
    webhook().await.expect(429, "rate-limited");
}

// GW-7
#[tokio::test]
async fn webhooks_have_a_shared_limit_of_their_own() {
    let server = RedisServer::start();
    let (one, other) = (gateway(&server, 2).await, gateway(&server, 2).await);
    count_together(&[&one, &other]).await;
    for n in 0..8 {
        let gateway = if n % 2 == 0 { &one } else { &other };
        let answer = send(gateway, "203.0.113.9", "POST", "/api/payments/webhook").await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    for gateway in [&one, &other] {
        let refused = send(gateway, "203.0.113.9", "POST", "/api/payments/webhook").await;
        refused.expect(429, "rate-limited");
        let login = send(gateway, "203.0.113.9", "POST", "/api/auth/login").await;
        assert_eq!(login.status, StatusCode::OK, "others are counted apart");
    }
}

// GW-6
#[tokio::test(flavor = "multi_thread")]
async fn killing_redis_under_load_fails_no_request() {
    let mut server = RedisServer::start();
    let (one, other) = (gateway(&server, 2).await, gateway(&server, 2).await);
    count_together(&[&one, &other]).await;
    let (calls, slowest) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let callers = (0..8).map(|n: usize| {
        let (gateway, calls, slowest) = (if n.is_multiple_of(2) { &one } else { &other }, &calls, &slowest);
        let done = Arc::clone(&done);
        async move {
            while !done.load(Ordering::SeqCst) {
                let call = calls.fetch_add(1, Ordering::SeqCst);
                let address = format!("10.{}.{}.{}", call >> 16 & 255, call >> 8 & 255, call & 255);
                let began = Instant::now();
                let answer = send(gateway, &address, "GET", "/api/products").await;
                assert_eq!(answer.status, StatusCode::OK);
                slowest.fetch_max(
                    usize::try_from(began.elapsed().as_millis()).unwrap(),
                    Ordering::SeqCst,
                );
                tokio::task::yield_now().await;
            }
        }
    });
    let trouble = async {
        for _ in 0..2 {
            let before = calls.load(Ordering::SeqCst);
            while calls.load(Ordering::SeqCst) < before + 200 {
                tokio::task::yield_now().await;
            }
            tokio::task::block_in_place(|| server.kill());
            let before = calls.load(Ordering::SeqCst);
            while calls.load(Ordering::SeqCst) < before + 200 {
                tokio::task::yield_now().await;
            }
            tokio::task::block_in_place(|| server.restart());
            count_together(&[&one, &other]).await;
        }
        done.store(true, Ordering::SeqCst);
    };
    futures::join!(join_all(callers), trouble);
    assert!(calls.into_inner() > 800);
    assert!(slowest.into_inner() < 1_000, "a dead Redis costs next to nothing");
}

// OPS-3
#[test]
fn a_wrong_address_of_redis_is_told_with_the_other_mistakes_and_without_its_password() {
    let pairs = [
        ("REDIS_URL", "http://:hunter2@cache"),
        ("TRUSTED_HOPS", "many"),
        ("RATE_LIMIT_GATEWAYS", "0"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut settings = Settings::of(pairs, None);
    api_gateway::Config::read(&mut settings);
    let errors = settings.finish().unwrap_err();
    assert_eq!(errors.0.len(), 3, "{errors}");
    let errors = errors.to_string();
    assert!(
        errors.contains("REDIS_URL: is not redis://") && !errors.contains("hunter2"),
        "{errors}"
    );
}
