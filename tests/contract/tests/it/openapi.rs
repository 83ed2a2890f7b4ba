//! The published document is what the handlers say.

use std::path::Path;

use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

/// All services' documents as one, under `/api` as the gateway serves them.
fn generated() -> Value {
    let mut paths = serde_json::Map::new();
    let mut schemas = serde_json::Map::new();
    let documents: [OpenApi; 4] = [
        user_service::openapi(),
        product_service::openapi(),
        order_service::openapi(),
        payment_service::openapi(),
    ];
    for document in documents {
        let document = serde_json::to_value(document).expect("a document is JSON");
        for (path, item) in document["paths"].as_object().expect("paths") {
            let clash = paths.insert(format!("/api{path}"), item.clone());
            assert!(clash.is_none(), "{path} is served twice");
        }
        for (name, schema) in document["components"]["schemas"]
            .as_object()
            .into_iter()
            .flatten()
        {
            if let Some(known) = schemas.insert(name.clone(), schema.clone()) {
                assert_eq!(&known, schema, "two services mean different things by {name}");
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Souk",
            "description": "Accounts, catalogue, orders and payments of one shop, through its gateway.",
            "license": {"name": "MIT", "identifier": "MIT"},
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{"url": "/", "description": "The gateway that serves this document"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    })
}

fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().cloned().unwrap_or_default();
        let path = path.clone();
        methods
            .into_iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    };
    paths.iter().flat_map(of).collect()
}

/// Writes the document anew where it differs, and fails: commit what it wrote.
#[test]
fn the_committed_document_is_what_the_handlers_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/api-gateway/openapi.json");
    let text = format!("{:#}\n", generated());
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != text {
        std::fs::write(&path, text).expect("the document can be written");
        panic!("services/api-gateway/openapi.json was out of date and has been rewritten; commit it");
    }
}

// AUT-15, API9
#[test]
fn every_route_says_who_may_call_it() {
    for (name, operation) in operations(&generated()) {
        assert!(
            operation["x-access"].is_string(),
            "{name} does not say who may call it"
        );
        let secured = operation["security"]
            .as_array()
            .is_some_and(|s| s.iter().any(|one| one.get("bearer").is_some()));
        let open = matches!(
            operation["x-access"].as_str(),
            Some("anyone" | "provider" | "holder of a refresh token")
        );
        assert_eq!(secured, !open, "{name}: `security` and `x-access` disagree");
        assert!(operation["summary"].is_string(), "{name} has no summary");
    }
}

// API2, API5
#[tokio::test]
async fn no_secured_route_answers_without_a_token_or_to_a_lower_role() {
    let shop = souk_test_shop::Shop::start(souk_test_shop::Form::OneProcess).await;
    let (customer, seller) = (shop.customer().await, shop.seller().await);
    let (mut tried, mut let_in) = (0, Vec::new());
    for (name, operation) in operations(&generated()) {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let method: http::Method = method.to_uppercase().parse().expect("a method");
        let path = path.replace("{id}", "999999").replace("{orderId}", "999999");
        let access = operation["x-access"].as_str().unwrap_or_default();
        if operation["security"]
            .as_array()
            .is_none_or(|s| s.iter().all(|one| one.get("bearer").is_none()))
        {
            continue;
        }
        let body = json!({});
        drop(
            shop.api
                .send(method.clone(), &path, Some(&body))
                .await
                .refused(401, "unauthenticated"),
        );
        let lower: &[_] = match access {
            "admin" => &[&customer, &seller],
            "seller, admin" => &[&customer],
            _ => &[],
        };
        for person in lower {
            let answer = person.api.send(method.clone(), &path, Some(&body)).await;
            if answer.status != 403 {
                let_in.push(format!("{name} answers {} to a {}", answer.status, person.email));
            }
        }
        tried += 1;
    }
    assert!(let_in.is_empty(), "{let_in:#?}");
    assert!(tried > 15, "{tried} routes were tried");
}
