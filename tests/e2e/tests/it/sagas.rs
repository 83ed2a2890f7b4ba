//! `souk saga` as an operator runs it.

use std::time::Duration;

use souk_test_shop::{Api, Person, SoukUp, eventually, free_ports, leave_stuck};
use sqlx::PgPool;

use crate::up::{Folder, souk};

/// The lines of an answer that has to be `ok`.
fn lines((ok, said): (bool, String)) -> Vec<String> {
    assert!(ok, "{said}");
    said.lines().map(str::to_owned).collect()
}

/// The one line of a refusal.
fn refusal((ok, said): (bool, String)) -> String {
    assert!(!ok && said.lines().count() == 1, "{said}");
    said
}

// SAG-8, SAG-10, AUD-1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_finds_a_stuck_checkout_and_gives_it_up() {
    let folder = Folder::new("sagas");
    let up = SoukUp::start(&folder.0, free_ports(6), &[]);
    let api = Api::new(up.gateway());
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let product = api.get("/api/products?limit=1").await.at("/products/0/id");
    let placed = customer
        .orders(&[(product.as_i64().unwrap_or_default(), 1)])
        .await
        .expect(201);
    let order = placed.at("/id").as_i64().expect("an id");

    let data = folder.0.display().to_string();
    let saga = |words: &[&str]| souk(&[&["saga"], words, &["--data", &data]].concat(), &[]);
    let parked = lines(saga(&["list", "--name", "checkout"]));
    assert!(
        parked.len() == 1 && parked[0].contains("parked at await-payment"),
        "{parked:?}"
    );
    assert_eq!(
        lines(saga(&["list", "--state", "stuck"])),
        ["no saga is like that"]
    );
    assert_eq!(
        lines(saga(&["list", "--older-than", "3600"])),
        ["no saga is like that"]
    );

    let postgres = folder.0.join("postgres");
    let url = pg::server::running_url(&postgres, "order_service", "order_service").expect("a running shop");
    let pool = PgPool::connect(&url).await.expect("the orders' database");
    let id = leave_stuck(&pool, order, "await-payment").await.to_string();
    let stuck = lines(saga(&["list", "--state", "stuck"]));
    assert!(
        stuck.len() == 1
            && stuck[0].contains(&format!("order {order}"))
            && stuck[0].contains(" stuck at await-payment"),
        "{stuck:?}"
    );
    let shown = lines(saga(&["show", &id])).join("\n");
    for part in [
        "allowed  retry, abandon",
        "no answer within 3s",
        "hold-stock",
        " parked ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let skipped = refusal(saga(&["skip", &id, "--reason", "let it go"]));
    assert!(skipped.contains("the point of no return"), "{skipped}");
    let nameless = refusal(saga(&["abandon", &id, "--reason", " "]));
    assert!(
        nameless.contains("the reason has 1 to 500 characters"),
        "{nameless}"
    );
    let nobody = refusal(saga(&["retry", "999999", "--reason", "it is back"]));
    assert!(nobody.contains("there is no saga 999999"), "{nobody}");
    let (ok, said) = saga(&["abandon", &id]);
    assert!(!ok && said.contains("--reason"), "{said}");

    let done = lines(saga(&["abandon", &id, "--reason", "the customer called"]));
    assert!(
        done.len() == 1 && done[0].contains("running at await-payment (undo"),
        "{done:?}"
    );
    eventually(Duration::from_secs(20), "the order is cancelled", || async {
        let answer = customer.api.get(&format!("/api/orders/{order}")).await;
        (answer.at("/status") == "cancelled").then_some(())
    })
    .await;
    let shown = eventually(Duration::from_secs(20), "the saga is undone", || async {
        let shown = lines(saga(&["show", &id]));
        shown[0].contains("  undone, since").then_some(shown)
    })
    .await;
    assert!(
        shown
            .iter()
            .any(|line| line.contains("abandoned") && line.contains("by operator: the customer called")),
        "{shown:?}"
    );
    let late = refusal(saga(&["retry", &id, "--reason", "once more"]));
    assert!(late.contains("is undone: only what is stuck"), "{late}");
    pool.close().await;
    up.process.stop();
}

// SAG-8
#[test]
fn without_a_shop_it_says_what_is_missing() {
    let (ok, said) = souk(&["saga", "list"], &[]);
    assert!(!ok && said.contains("ORDER_DATABASE_URL"), "{said}");
    let nowhere = refusal(souk(&["saga", "list", "--data", "nowhere-at-all"], &[]));
    assert!(nowhere.contains("no shop runs on nowhere-at-all"), "{nowhere}");
    let (ok, said) = souk(&["saga", "list", "--state", "lost"], &[]);
    assert!(!ok && said.contains("is one of running"), "{said}");
}
