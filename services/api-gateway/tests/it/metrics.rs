//! The series that requests leave behind.

use std::collections::BTreeSet;

use axum::body::Body;

use crate::harness::{Gateway, request};

fn gateway_routes() -> BTreeSet<String> {
    runtime::telemetry::render_metrics()
        .lines()
        .filter(|line| line.contains("service=\"api-gateway\""))
        .filter_map(|line| Some(line.split_once("route=\"")?.1.split_once('"')?.0.to_owned()))
        .collect()
}

// GW-15
#[tokio::test]
async fn ten_thousand_urls_are_no_more_series_than_the_table_has_lines() {
    runtime::telemetry::init_metrics();
    let gateway = Gateway::start().await;
    for i in 0..2_500 {
        gateway.get(&format!("/api/products/{i}")).await;
        gateway.get(&format!("/api/products/{i}/{i}/{i}?page={i}")).await;
        gateway.get(&format!("/{i}")).await;
        gateway.get(&format!("/%zz{i}")).await;
    }
    for i in 0..200 {
        let odd = request(&format!("METHOD{i}"), "/api/products")
            .body(Body::empty())
            .unwrap();
        gateway.call(odd).await;
    }
    let routes = gateway_routes();
    assert!(
        routes.contains("/api/products/{id}") && routes.contains("unmatched"),
        "{routes:?}"
    );
    assert!(routes.len() < 45, "{routes:?}");
    assert!(
        routes.iter().all(|r| !r.chars().any(|c| c.is_ascii_digit())),
        "{routes:?}"
    );
    let methods = runtime::telemetry::render_metrics();
    assert!(!methods.contains("METHOD1"), "a made-up method makes no series");
}

/// The value of the series that begins so.
fn value(series: &str) -> f64 {
    let shown = runtime::telemetry::render_metrics();
    let line = shown.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
        .unwrap_or_default()
}

// GW-15
#[tokio::test]
async fn a_request_is_counted_and_timed_by_route_method_and_status() {
    runtime::telemetry::init_metrics();
    let gateway = Gateway::start().await;
    let labels = "service=\"api-gateway\",route=\"/api/categories/{id}\",method=\"DELETE\"";
    let counted = || value(&format!("http_requests_total{{{labels},status=\"401\"}}"));
    let timed = || value(&format!("http_request_seconds_count{{{labels}}}"));
    let before = (counted(), timed());
    for id in 0..3 {
        let request = request("DELETE", &format!("/api/categories/{id}"));
        gateway.call(request.body(Body::empty()).unwrap()).await;
    }
    assert!(
        counted() >= before.0 + 3.0 && timed() >= before.1 + 3.0,
        "{before:?}"
    );
    assert!(counted() <= timed(), "every request that is counted is timed");
    let running = "http_requests_running{service=\"api-gateway\"}";
    assert!(runtime::telemetry::render_metrics().contains(running));
}
