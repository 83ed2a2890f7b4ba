//! Who reaches what.

use http::Method;
use souk_test_shop::{Api, Form, Shop};

// STK-15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_internal_port_lets_nobody_in_without_a_service_token() {
    let mut shop = Shop::start(Form::FiveProcesses).await;
    let customer = shop.customer().await;
    let calls = [
        ("user-service", "/souk.identity.v1.Identity/PublicKeys"),
        ("product-service", "/souk.inventory.v1.Inventory/Hold"),
        ("order-service", "/souk.orders.v1.Orders/ForPayment"),
        ("order-service", "/souk.events.v1.Inbox/Deliver"),
        ("payment-service", "/souk.payments.v1.Payments/RefundRest"),
    ];
    for (service, path) in calls {
        let base = shop.five().internal(service);
        let with_user_token = customer.api.clone();
        for api in [Api::new(&base), with_user_token.moved_to(&base)] {
            // An empty gRPC message.
            let body = vec![0_u8; 5];
            let answer = api
                .try_send(Method::POST, path, Some("application/grpc"), body)
                .await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.header("grpc-status"), "16", "{service}{path}: {answer:?}");
        }
        // Nothing internal on the public port.
        let public = Api::new(shop.five().public(service));
        let answer = public
            .try_send(Method::POST, path, Some("application/grpc"), vec![0_u8; 5])
            .await;
        assert_eq!(answer.expect("an answer").status, 404, "{service}{path}");
    }
}
