//! What customers are told by mail.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use souk_test_shop::{Fate, Form, Person, PostOffice, Received, Shop, eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// A shop that sends its mails to `office`, and somebody who sells a mug there.
async fn shop(office: &PostOffice) -> (Shop, Person, i64) {
    let shop = Shop::start_with(Form::OneProcess, &[("MAIL_URL", &office.url)]).await;
    let seller = shop.seller().await;
    let mug = seller.sells("Žluťoučký mug", "18.00", 100).await;
    (shop, seller, mug)
}

/// Waits until so many mails have come.
async fn mails(office: &PostOffice, count: usize) -> Vec<Received> {
    eventually(PATIENCE, "the mails come", || async {
        let mails = office.received();
        (mails.len() >= count).then_some(mails)
    })
    .await
}

fn ids(mails: &[Received]) -> HashSet<&str> {
    mails.iter().map(|mail| mail.header("Message-ID")).collect()
}

// ORD-13
#[tokio::test]
async fn a_customer_is_told_of_each_step_of_an_order_once() {
    let office = PostOffice::open().await;
    let (shop, seller, mug) = shop(&office).await;
    let customer = shop.customer().await;
    let order = customer.orders(&[(mug, 2)]).await.expect(201);
    let (id, number) = (
        order.at("/id").as_i64().unwrap_or_default(),
        order.at("/orderNumber"),
    );
    let intent = order.at("/payment/paymentIntentId");
    drop(
        shop.pay(intent.as_str().unwrap_or_default(), "pm_card_visa")
            .await
            .expect(200),
    );
    shop.until_status(&customer, id, "paid").await;
    for status in ["processing", "shipped", "delivered"] {
        let body = json!({ "status": status });
        drop(
            seller
                .api
                .put(&format!("/api/orders/{id}/status"), &body)
                .await
                .expect(200),
        );
    }
    shop.check_books().await;

    let mails = office.received();
    let mut keys: Vec<&str> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    keys.sort_unstable();
    let number = number.as_str().unwrap_or_default();
    let expected = ["confirmed", "delivered", "paid", "shipped"];
    assert_eq!(keys, expected.map(|to| format!("<{number}.{to}@souk.example>")));
    for mail in &mails {
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("orders@souk.example", std::slice::from_ref(&customer.email))
        );
        assert_eq!(mail.header("From"), "Souk <orders@souk.example>");
        assert_eq!(mail.header("To"), customer.email);
        assert!(mail.header("Subject").contains(number), "{}", mail.text);
    }
}

// ORD-13, JOB-1
#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_sent_again_under_the_same_message_id() {
    let office = PostOffice::open().await;
    office.will([Fate::TakenUnheard, Fate::PutOff, Fate::Taken]);
    let (shop, _seller, mug) = shop(&office).await;
    drop(shop.customer().await.orders(&[(mug, 1)]).await.expect(201));
    let mails = mails(&office, 2).await;
    shop.check_books().await;
    assert_eq!((office.received().len(), ids(&mails).len()), (2, 1));
    assert_eq!(mails[0].header("Date"), mails[1].header("Date"));
    assert_eq!(mails[0], mails[1]);
}

// JOB-2, EVT-4
#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_dead_and_says_no_address() {
    let office = PostOffice::open().await;
    office.will([Fate::Refused]);
    let (shop, _seller, mug) = shop(&office).await;
    let (unlucky, lucky) = (shop.customer().await, shop.customer().await);
    drop(unlucky.orders(&[(mug, 1)]).await.expect(201));
    let error = eventually(PATIENCE, "the job is dead", || async {
        let sql = "select last_error from job where state = 'dead'";
        let error: Option<String> = sqlx::query_scalar(sql)
            .fetch_optional(&shop.databases.order.pool)
            .await
            .expect("the jobs");
        error
    })
    .await;
    assert_eq!(error, "the mail server refused the mail with 550");
    let payload: serde_json::Value = sqlx::query_scalar("select payload from job")
        .fetch_one(&shop.databases.order.pool)
        .await
        .expect("the job");
    let names: Vec<&String> = payload.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["orderId", "to"]);

    // It holds nobody up.
    drop(lucky.orders(&[(mug, 1)]).await.expect(201));
    assert_eq!(mails(&office, 1).await[0].to, std::slice::from_ref(&lucky.email));
}

// ORD-13
#[tokio::test]
async fn while_accounts_are_away_mails_wait_and_none_is_lost() {
    let office = PostOffice::open().await;
    let mut shop = Shop::start_with(Form::FiveProcesses, &[("MAIL_URL", &office.url)]).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Patient mug", "18.00", 3).await;
    // Known to the gateway and to order-service, whose keys are cached by now.
    drop(customer.api.get("/api/orders").await.expect(200));
    shop.five().kill("user-service");
    drop(customer.orders(&[(mug, 1)]).await.expect(201));
    eventually(PATIENCE, "a first attempt fails", || async {
        let sql = "select last_error from job where attempts > 0 and last_error is not null";
        let error: Option<String> = sqlx::query_scalar(sql)
            .fetch_optional(&shop.databases.order.pool)
            .await
            .expect("the jobs");
        error
    })
    .await;
    shop.five().restart("user-service").await;
    let mails = mails(&office, 1).await;
    assert_eq!(mails[0].to, std::slice::from_ref(&customer.email));
    shop.check_books().await;
    assert_eq!(office.received().len(), 1);
}
