//! Everybody wants the same thing.

use souk_test_shop::{Form, Shop};

// STK-3
async fn ten_of_fifty_get_one(form: Form) {
    let shop = Shop::start(form).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let wanted = seller.sells("Wanted by all", "18.00", 10).await;
    let orders = (0..50).map(|_| {
        let customer = customer.clone();
        tokio::spawn(async move { customer.orders(&[(wanted, 1)]).await })
    });
    let answers: Vec<_> = futures::future::try_join_all(orders)
        .await
        .expect("no order panics");
    let confirmed = answers
        .iter()
        .filter(|a| a.status == 201 && a.at("/status") == "confirmed")
        .count();
    let told = answers
        .iter()
        .filter(|a| a.status == 409 && a.code() == "insufficient-stock")
        .count();
    assert_eq!(
        (confirmed, told),
        (10, 40),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(shop.available(wanted).await, 0);
    shop.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_orders_for_ten_units_confirm_ten_in_one_process() {
    ten_of_fifty_get_one(Form::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_orders_for_ten_units_confirm_ten_as_five_processes() {
    ten_of_fifty_get_one(Form::FiveProcesses).await;
}
