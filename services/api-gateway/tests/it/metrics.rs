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
