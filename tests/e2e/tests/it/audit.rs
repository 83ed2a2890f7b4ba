//! `souk audit`: each invariant is broken by hand, and the audit says which it is and where.

use std::time::Duration;

use http::Method;
use serde_json::json;
use souk::audit::{AsOf, Books, Report};
use souk_test_shop::{Api, Form, Person, Shop, SoukUp, eventually, free_ports};
use types::{Clock as _, SystemClock};

use crate::tamperings::{books_of, run, stopped, tamperings};
use crate::up::{Folder, souk};

async fn audit(books: &Books) -> Report {
    souk::audit::check(books, AsOf::quiet(SystemClock.now()))
        .await
        .expect("books")
}

#[tokio::test]
async fn each_invariant_that_is_broken_by_hand_is_found_and_named() {
    let stopped = stopped().await;
    let books = &stopped.books;
    let clean = audit(books).await;
    assert!(
        clean.is_clean() && clean.left_out == 0,
        "{}",
        clean.table().join("\n")
    );
    for line in &clean.lines {
        assert!(line.tally.checked > 0, "nothing was checked: {}", line.holds);
    }
    let mut untouched: Vec<&str> = clean.lines.iter().map(|line| line.holds).collect();
    for tampering in tamperings(&stopped) {
        let pool = (tampering.at)(books);
        run(pool, &tampering.breaks).await;
        let report = audit(books).await;
        let line = report.lines.iter().find(|line| line.holds == tampering.holds);
        let tally = &line.expect("a line of the table").tally;
        assert!(
            tally.broken > 0 && tally.first.iter().any(|wrong| wrong.contains(&tampering.says)),
            "{} was not found in:\n{}",
            tampering.breaks,
            report.table().join("\n")
        );
        assert!(!report.is_clean());
        run(pool, &tampering.mends).await;
        untouched.retain(|holds| *holds != tampering.holds);
    }
    assert!(untouched.is_empty(), "nobody broke: {untouched:?}");
    let mended = audit(books).await;
    assert!(mended.is_clean(), "{}", mended.table().join("\n"));
}

#[tokio::test]
async fn what_changed_a_moment_ago_is_left_out_on_a_shop_that_sells() {
    let stopped = stopped().await;
    run(
        &stopped.books.payment,
        "update payments set captured_minor = captured_minor + 5, updated_at = now()",
    )
    .await;
    let now = SystemClock.now();
    let settled_before = now - Duration::from_secs(30);
    let report = souk::audit::check(&stopped.books, AsOf { now, settled_before })
        .await
        .expect("books");
    let money = report.lines.iter().find(|line| line.rule == "PAY-14");
    assert_eq!(money.expect("a line").tally.checked, 0);
    assert_eq!(report.left_out, 5);
    assert!(!audit(&stopped.books).await.is_clean());
}

/// A bank sends the refund of an intent back; payment-service has heard of it when this returns.
async fn refund_fails(shop: &Shop, admin: &Person, order: i64) {
    let payment = format!("/api/payments/order/{order}");
    let paid = admin.api.get(&payment).await.expect(200);
    let intent = paid
        .at("/paymentIntentId")
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let made = shop
        .stripe
        .get(&format!("/v1/refunds?payment_intent={intent}"))
        .await;
    let refund = made.at("/data/0/id").as_str().unwrap_or_default().to_owned();
    let kind = Some("application/x-www-form-urlencoded");
    let path = format!("/_sandbox/refunds/{refund}/fail");
    let failed = shop
        .stripe
        .try_send(Method::POST, &path, kind, String::new())
        .await;
    drop(failed.expect("the stand-in for Stripe answers").expect(200));
    eventually(Duration::from_secs(30), "the refund has failed here", || async {
        let payment = admin.api.get(&payment).await;
        (payment.at("/status") == "succeeded").then_some(())
    })
    .await;
}

// PAY-12, PAY-14
#[tokio::test]
async fn an_order_whose_refund_came_back_breaks_nothing_and_waits_for_a_person_who_refunds_it_anew() {
    let mut shop = Shop::start(Form::OneProcess).await;
    let (seller, customer, admin) = (shop.seller().await, shop.customer().await, shop.admin().await);
    let mug = seller.sells("Mug with a closed card", "18.00", 50).await;
    let place = async || {
        let order = customer.orders(&[(mug, 1)]).await.expect(201);
        let id = order.at("/id").as_i64().unwrap_or_default();
        let intent = order.at("/payment/paymentIntentId");
        drop(
            shop.pay(intent.as_str().unwrap_or_default(), "pm_card_visa")
                .await
                .expect(200),
        );
        shop.until_status(&customer, id, "paid").await;
        id
    };
    let (refunded, cancelled) = (place().await, place().await);
    let refund = async |order: i64| {
        let ask = json!({"orderId": order});
        drop(admin.api.post("/api/payments/refund", &ask).await.expect(200));
    };
    refund(refunded).await;
    shop.until_status(&customer, refunded, "refunded").await;
    let (cancel, reason) = (
        format!("/api/orders/{cancelled}/cancel"),
        json!({"reason": "too blue"}),
    );
    drop(customer.api.post(&cancel, &reason).await.expect(200));
    shop.check_books().await;

    let books = books_of(&shop);
    assert_eq!(audit(&books).await.waits(), None);
    for order in [refunded, cancelled] {
        refund_fails(&shop, &admin, order).await;
    }
    shop.check_books().await;
    let report = audit(&books).await;
    let waits = format!("2 orders whose refund came back wait for a person: {refunded}, {cancelled}");
    assert!(report.table().contains(&waits), "{}", report.table().join("\n"));
    // Nothing but what came back may be missing.
    let less = format!(
        "amount_minor = amount_minor - 5 where payment_id = (select id from payments where order_id = {refunded})"
    );
    run(&books.payment, &format!("update refunds set {less}")).await;
    let money = audit(&books).await;
    let money = money.lines.iter().find(|line| line.rule == "PAY-14");
    assert_eq!(money.expect("a line").tally.broken, 1);
    let more = less.replace("- 5", "+ 5");
    run(&books.payment, &format!("update refunds set {more}")).await;

    for order in [refunded, cancelled] {
        refund(order).await;
    }
    shop.check_books().await;
    assert_eq!(audit(&books).await.waits(), None);
    for (order, status) in [(refunded, "refunded"), (cancelled, "cancelled")] {
        let seen = shop.until_status(&customer, order, status).await;
        assert_eq!(seen["paymentStatus"], "refunded", "{seen}");
    }
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn souk_audit_checks_a_folder_whether_its_shop_runs_or_not_and_says_so_with_its_exit_code() {
    let folder = Folder::new("audit");
    let dir = folder.0.display().to_string();
    let (ok, said) = souk(&["audit", "--data", &dir], &[]);
    assert!(!ok && said.contains("there is no shop"), "{said}");
    let (ok, said) = souk(&["audit"], &[]);
    assert!(!ok && said.contains("PAYMENT_DATABASE_URL"), "{said}");

    let up = SoukUp::start(&folder.0, free_ports(6), &[]);
    let api = Api::new(up.gateway());
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let products = api.get("/api/products?limit=1").await.expect(200);
    let product = products.at("/products/0/id").as_i64().unwrap_or_default();
    drop(customer.orders(&[(product, 1)]).await.expect(201));
    let (ok, said) = souk(&["audit", "--data", &dir, "--settled", "0"], &[]);
    assert!(ok && said.contains("the books are right"), "{said}");
    up.process.stop();

    let (ok, said) = souk(&["audit", "--data", &dir, "--settled", "0"], &[]);
    assert!(ok && said.contains("the books are right"), "{said}");
}
