//! Mails to a mail server that is not ours, over TLS, as its own parser reads them. Run by `scripts/mail.sh`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and its tasks end with it"
)]

mod office;

use std::time::Duration;

use office::{Office, PASSWORD, Safety};
use serde_json::{Value, json};
use souk_test_shop::{Form, Person, Shop, eventually};

const PATIENCE: Duration = Duration::from_secs(60);
/// A product that a hostile seller named.
const HOSTILE: &str =
    "</table><img src=\"https://evil.example/x.png\" onerror='alert(1)'> & Žluť \u{202e}gum";

async fn shop(office: &Office) -> (Shop, Person, i64) {
    let settings = office.settings();
    let settings = settings
        .each_ref()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let shop = Shop::start_with(Form::OneProcess, &settings).await;
    let seller = shop.seller().await;
    let product = seller.sells(HOSTILE, "18.00", 100).await;
    (shop, seller, product)
}

async fn until_mails(office: &Office, count: usize) -> Vec<Value> {
    eventually(PATIENCE, &format!("{count} mails come"), || async {
        let mails = office.mails();
        (mails.len() >= count).then_some(mails)
    })
    .await
}

/// Waits until an attempt at a mail has failed; says why.
async fn until_failed(shop: &Shop, state: &str) -> String {
    eventually(PATIENCE, "an attempt fails", || async {
        let sql = "select last_error from job where state = $1 and last_error is not null";
        let error: Option<String> = sqlx::query_scalar(sql)
            .bind(state)
            .fetch_optional(&shop.databases.order.pool)
            .await
            .expect("the jobs");
        error
    })
    .await
}

/// Waits until the shop tells the world that its latest attempt at a mail ended like this.
async fn until_told(shop: &Shop, outcome: &str) {
    let orders = shop.service("order-service");
    eventually(PATIENCE, &format!("mail is {outcome}"), || async {
        let health = orders.get("/health/all").await;
        (health.at("/dependencies/mail/status") == outcome).then_some(())
    })
    .await;
}

/// Whether an attempt at a mail ended like this. All shops of this process share their series: it says something of `shop`
/// only where no other test has the same trouble.
async fn is_counted(shop: &Shop, outcome: &str) -> bool {
    let metrics = shop.service("order-service").get("/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.bytes);
    let series = format!("mails_total{{service=\"order-service\",outcome=\"{outcome}\"}} ");
    let count = metrics.lines().find_map(|line| line.strip_prefix(&series));
    count.is_some_and(|count| count != "0")
}

/// Waits until each mail of the shop counts as sent: its job is gone.
async fn until_all_are_sent(shop: &Shop) {
    eventually(PATIENCE, "all mails are sent", || async {
        let left: i64 = sqlx::query_scalar("select count(*) from job")
            .fetch_one(&shop.databases.order.pool)
            .await
            .expect("the jobs");
        (left == 0).then_some(())
    })
    .await;
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().expect("headers");
    let named: Vec<&str> = headers
        .iter()
        .filter(|h| h[0] == name)
        .filter_map(|h| h[1].as_str())
        .collect();
    assert_eq!(named.len(), 1, "{name} in {headers:?}");
    named[0]
}

/// What every mail of ours is, whoever ordered what.
fn check(mail: &Value, to: &str) {
    assert_eq!((&mail["tls"], &mail["user"]), (&json!(true), &json!("shop")));
    assert_eq!(mail["from"], "orders@souk.example");
    assert_eq!(mail["to"], json!([to]));
    assert_eq!(mail["type"], "multipart/alternative");
    assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
    for name in ["From", "To", "Subject", "Date", "MIME-Version"] {
        assert!(!header(mail, name).is_empty());
    }
    assert_eq!((&mail["defects"], &mail["ascii"]), (&json!([]), &json!(true)));
    // RFC 5321: 998 and the line's end.
    assert!(mail["longestLine"].as_i64().is_some_and(|n| n <= 998));
    let parts = mail["parts"].as_array().expect("parts");
    let kinds: Vec<_> = parts
        .iter()
        .map(|p| (&p["type"], &p["charset"], &p["defects"]))
        .collect();
    let (plain, html, utf8, none) = (json!("text/plain"), json!("text/html"), json!("utf-8"), json!([]));
    assert_eq!(kinds, [(&plain, &utf8, &none), (&html, &utf8, &none)]);
    let text = parts[0]["text"].as_str().expect("text");
    let shown = HOSTILE.replace('\u{202e}', " ");
    assert!(text.contains(&format!("2 × {shown}: 36.00 USD")), "{text}");
    let page = &mail["page"];
    assert_eq!(page["wrong"], json!([]));
    let elements = page["elements"].as_array().expect("elements");
    for element in ["img", "script", "link", "style", "iframe"] {
        assert!(!elements.contains(&json!(element)), "{elements:?}");
    }
    assert!(
        page["text"]
            .as_str()
            .is_some_and(|t| t.contains(&format!("2 × {shown}")))
    );
}

/// From the order to its refund: all kinds of mails but one.
async fn whole_life(shop: &Shop, seller: &Person, product: i64) -> (String, Vec<String>) {
    let customer = shop.customer().await;
    let order = customer.orders(&[(product, 2)]).await.expect(201);
    let id = order.at("/id").as_i64().unwrap_or_default();
    let intent = order.at("/payment/paymentIntentId");
    drop(
        shop.pay(intent.as_str().unwrap_or_default(), "pm_card_visa")
            .await
            .expect(200),
    );
    shop.until_status(&customer, id, "paid").await;
    let put = async |what: &str, body: &Value| {
        drop(
            seller
                .api
                .put(&format!("/api/orders/{id}/{what}"), body)
                .await
                .expect(200),
        );
    };
    put("status", &json!({"status": "processing"})).await;
    put("status", &json!({"status": "shipped"})).await;
    put(
        "tracking",
        &json!({"carrier": "DHL", "trackingNumber": "JD01 \"<b>&"}),
    )
    .await;
    put("status", &json!({"status": "delivered"})).await;
    let refund = json!({"orderId": id, "amount": "5.00", "reason": "requested_by_customer"});
    let admin = shop.admin().await;
    drop(admin.api.post("/api/payments/refund", &refund).await.expect(200));
    let number = order.at("/orderNumber").as_str().unwrap_or_default().to_owned();
    let version = admin.api.get(&format!("/api/orders/{id}")).await;
    assert!(version.at("/trackingNumber").is_string());
    let words = [
        "confirmed",
        "paid",
        "shipped",
        "tracking",
        "delivered",
        "refund-500",
    ];
    (
        customer.email,
        words.map(|word| format!("<{number}.{word}")).to_vec(),
    )
}

async fn is_told_of_a_whole_life(safety: Safety) {
    let mut office = Office::new(safety, "right");
    office.open();
    let (shop, seller, product) = shop(&office).await;
    let (email, expected) = whole_life(&shop, &seller, product).await;
    let mails = until_mails(&office, expected.len()).await;
    shop.check_books().await;
    assert_eq!(office.mails().len(), expected.len());
    for mail in &mails {
        check(mail, &email);
    }
    for begin in &expected {
        let found = mails
            .iter()
            .filter(|m| header(m, "Message-ID").starts_with(begin.as_str()));
        assert_eq!(found.count(), 1, "{begin}");
    }
    let tracked = mails
        .iter()
        .find(|m| header(m, "Message-ID").contains(".tracking-"));
    let link = "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD01%20%22%3Cb%3E%26";
    assert_eq!(tracked.expect("it is told")["page"]["links"], json!([link]));
    assert!(office.signed_in().iter().all(|attempt| attempt["tls"] == true));
}

// ORD-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_told_of_an_orders_whole_life_over_starttls() {
    is_told_of_a_whole_life(Safety::StartTls).await;
}

// ORD-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_told_of_an_orders_whole_life_over_tls_from_the_first_byte() {
    is_told_of_a_whole_life(Safety::Tls).await;
}

// ORD-13, JOB-2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_off_comes_later_and_what_is_refused_is_kept_for_a_person() {
    let mut office = Office::new(Safety::StartTls, "right");
    office.open();
    let (shop, _seller, product) = shop(&office).await;
    office.will(&["451 later", "421 later still"]);
    let patient = shop.customer().await;
    drop(patient.orders(&[(product, 2)]).await.expect(201));
    check(&until_mails(&office, 1).await[0], &patient.email);
    office.will(&["550 no such box as somebody@people.example"]);
    drop(shop.customer().await.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "dead").await;
    assert_eq!(why, "the mail server refused the mail with 550");
    drop(patient.orders(&[(product, 2)]).await.expect(201));
    check(&until_mails(&office, 2).await[1], &patient.email);
}

// ORD-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_mail_server_is_down_orders_go_on_and_their_mails_come_later() {
    let mut office = Office::new(Safety::StartTls, "right");
    // Down at the start, and down again later.
    let (shop, _seller, product) = shop(&office).await;
    let customer = shop.customer().await;
    drop(customer.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "waiting").await;
    assert!(why.contains("could not be reached"), "{why}");
    office.open();
    until_mails(&office, 1).await;
    office.close();
    drop(customer.orders(&[(product, 2)]).await.expect(201));
    until_failed(&shop, "waiting").await;
    office.open();
    let mails = until_mails(&office, 2).await;
    shop.check_books().await;
    mails.iter().for_each(|mail| check(mail, &customer.email));
    assert_eq!(office.mails().len(), 2);
}

/// Nothing is sent to `office`, the reason is told, and orders go on.
async fn nothing_is_sent(mut office: Office, reason: &str, outcome: &str) {
    office.open();
    let (shop, _seller, product) = shop(&office).await;
    drop(shop.customer().await.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "waiting").await;
    assert!(why.contains(reason) && why.contains("mend"), "{why}");
    assert!(!why.contains("rd%2F") && !why.contains(PASSWORD), "{why}");
    until_told(&shop, outcome).await;
    assert!(office.mails().is_empty());
    assert!(office.signed_in().is_empty(), "nobody shows a password");
}

// ORD-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_starttls_sees_no_password_and_no_mail() {
    let office = Office::new(Safety::Bare, "right");
    nothing_is_sent(office, "STARTTLS is not supported", "insecure").await;
}

// ORD-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_certificate_for_another_name_sees_nothing() {
    let office = Office::new(Safety::StartTls, "elsewhere");
    nothing_is_sent(office, "certificate not valid for name", "insecure").await;
}

// ORD-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_a_stranger_vouches_for_sees_nothing() {
    let office = Office::new(Safety::Tls, "unknown");
    nothing_is_sent(office, "UnknownIssuer", "insecure").await;
}

// ORD-13: who mends the password loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_stops_mails_and_no_order_and_is_mended_without_a_loss() {
    let mut office = Office::new(Safety::StartTls, "right");
    office.takes("another");
    office.open();
    let (shop, _seller, product) = shop(&office).await;
    let customer = shop.customer().await;
    drop(customer.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "waiting").await;
    assert_eq!(
        why,
        "the mail server does not take our user and password (535); mend MAIL_URL"
    );
    assert!(is_counted(&shop, "unauthenticated").await);
    office.takes(PASSWORD);
    check(&until_mails(&office, 1).await[0], &customer.email);
}

// ORD-13: a server that does not answer is told of, and mails go on when it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_connections_and_says_nothing_counts_as_away() {
    let mut office = Office::new(Safety::StartTls, "right");
    office.patience = 1;
    office.does("silent", true);
    office.open();
    let (shop, _seller, product) = shop(&office).await;
    let customer = shop.customer().await;
    drop(customer.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "waiting").await;
    assert_eq!(why, "the mail server did not answer in time");
    until_told(&shop, "unreachable").await;
    office.does("silent", false);
    check(&until_mails(&office, 1).await[0], &customer.email);
    until_all_are_sent(&shop).await;
    assert_eq!(office.mails().len(), 1);
}

// ORD-13: the answer to one mail is never taken for the answer to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_is_nobodys_and_what_counts_as_sent_was_taken() {
    let mut office = Office::new(Safety::StartTls, "right");
    office.patience = 2;
    office.will(&["late", "451 later"]);
    office.open();
    let (shop, _seller, product) = shop(&office).await;
    let (first, second) = (shop.customer().await, shop.customer().await);
    drop(first.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "waiting").await;
    assert_eq!(why, "the mail server did not answer in time");
    assert_eq!(office.mails().len(), 1);
    office.does("speak", true);
    drop(second.orders(&[(product, 2)]).await.expect(201));
    until_all_are_sent(&shop).await;
    assert!(office.has_said_all(), "one was put off");
    // The one whose answer came late was taken twice, under one Message-ID.
    let mails = office.mails();
    let to = |person: &Person| mails.iter().filter(|m| m["to"] == json!([person.email])).count();
    assert_eq!((mails.len(), to(&first), to(&second)), (3, 2, 1));
    for mail in &mails {
        check(mail, mail["to"][0].as_str().unwrap_or_default());
    }
    let ids: std::collections::BTreeSet<&str> = mails.iter().map(|m| header(m, "Message-ID")).collect();
    assert_eq!(ids.len(), 2);
}

// ORD-13: such an address is not the connection's fault, and waiting does not help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_the_server_cannot_write_to_is_kept_for_a_person() {
    let mut office = Office::new(Safety::StartTls, "right");
    office.open();
    let (shop, _seller, product) = shop(&office).await;
    let customer = shop.customer().await;
    let sql = "update users set email = $2 where email = $1";
    let address = "žofie@people.example";
    let users = &shop.databases.user.pool;
    let changed = sqlx::query(sql)
        .bind(&customer.email)
        .bind(address)
        .execute(users);
    assert_eq!(changed.await.expect("the users").rows_affected(), 1);
    drop(customer.orders(&[(product, 2)]).await.expect(201));
    let why = until_failed(&shop, "dead").await;
    assert!(why.contains("SMTPUTF8") && !why.contains("ofie"), "{why}");
    office.does("utf8", true);
    drop(customer.orders(&[(product, 2)]).await.expect(201));
    assert_eq!(until_mails(&office, 1).await[0]["to"], json!([address]));
}
