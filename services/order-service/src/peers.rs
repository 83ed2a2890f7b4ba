//! Calls to the services that hold accounts, stock and money.

use runtime::{Breaker, RpcNeighbour};
use tonic::Status;
use types::{OrderId, UserId};
use wire::rpc::Refused;
use wire::rpc::identity::ContactRequest;
use wire::rpc::identity::identity_client::IdentityClient;
use wire::rpc::inventory::inventory_client::InventoryClient;
use wire::rpc::inventory::{
    CommitRequest, ExtendRequest, HoldRequest, PinRequest, QuoteRequest, QuotedProduct, ReleaseRequest,
    RestockRequest, StockLine,
};
use wire::rpc::payments::payments_client::PaymentsClient;
use wire::rpc::payments::{CancelIntentRequest, CreateIntentReply, CreateIntentRequest, RefundRestRequest};

/// What a call came to when it did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A clear no; nothing was changed over there.
    #[error("{}", .0.detail)]
    Refused(Refused),
    /// No answer, or no clear one: whether the work was done is unknown.
    #[error("{peer}: {}", status.message())]
    Unknown {
        /// Whom we asked.
        peer: &'static str,
        /// What came instead of an answer.
        status: Status,
    },
}

fn sort_out(peer: &'static str) -> impl FnOnce(Status) -> PeerError {
    move |status| match Refused::from_status(&status) {
        Some(refused) => PeerError::Refused(refused),
        None => PeerError::Unknown { peer, status },
    }
}

/// user-service's accounts.
#[derive(Clone)]
pub struct Accounts(IdentityClient<RpcNeighbour>);

impl Accounts {
    /// Calls through `neighbour`.
    pub(crate) fn new(neighbour: RpcNeighbour) -> Self {
        Self(IdentityClient::new(neighbour))
    }

    /// The address of an account; nothing if there is no such account any more.
    pub async fn email(&self, user: UserId) -> Result<Option<String>, PeerError> {
        let request = ContactRequest { user_id: user.get() };
        match self.0.clone().contact(request).await.map_err(sort_out("user")) {
            Ok(reply) => Ok(Some(reply.into_inner().email)),
            Err(PeerError::Refused(refused)) if refused.code == wire::code::USER_NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// product-service's stock.
#[derive(Clone)]
pub struct Inventory(InventoryClient<RpcNeighbour>);

impl Inventory {
    /// Calls through `neighbour`.
    pub(crate) fn new(neighbour: RpcNeighbour) -> Self {
        Self(InventoryClient::new(neighbour))
    }

    /// What these products are and cost; those that cannot be ordered are absent.
    pub async fn quote(&self, product_ids: Vec<i64>) -> Result<Vec<QuotedProduct>, PeerError> {
        let reply = self
            .0
            .clone()
            .quote(QuoteRequest { product_ids })
            .await
            .map_err(sort_out("product"))?;
        Ok(reply.into_inner().products)
    }

    /// Holds all lines or none.
    pub async fn hold(
        &self,
        order: OrderId,
        user: UserId,
        lines: Vec<StockLine>,
        ttl_seconds: u32,
    ) -> Result<(), PeerError> {
        let request = HoldRequest {
            order_id: order.get(),
            lines,
            ttl_seconds,
            user_id: user.get(),
        };
        self.0
            .clone()
            .hold(request)
            .await
            .map(|_| ())
            .map_err(sort_out("product"))
    }

    /// Lets what is held stay so for so long from now.
    pub async fn extend(&self, order: OrderId, ttl_seconds: u32) -> Result<(), PeerError> {
        let request = ExtendRequest {
            order_id: order.get(),
            ttl_seconds,
        };
        self.0
            .clone()
            .extend(request)
            .await
            .map(|_| ())
            .map_err(sort_out("product"))
    }

    /// Takes what is held out of stock.
    pub async fn commit(&self, order: OrderId) -> Result<(), PeerError> {
        let request = CommitRequest {
            order_id: order.get(),
        };
        self.0
            .clone()
            .commit(request)
            .await
            .map(|_| ())
            .map_err(sort_out("product"))
    }

    /// Keeps what is held beyond its time, or lets that count again. Where nothing is held any more nothing is done: what
    /// became of the hold decides once the money is there.
    pub async fn pin(&self, order: OrderId, pinned: bool, reason: &str) -> Result<(), PeerError> {
        let request = PinRequest {
            order_id: order.get(),
            pinned,
            reason: reason.to_owned(),
        };
        self.0
            .clone()
            .pin(request)
            .await
            .map(|_| ())
            .map_err(sort_out("product"))
    }

    /// Gives back what is held.
    pub async fn release(&self, order: OrderId, reason: &str) -> Result<(), PeerError> {
        let request = ReleaseRequest {
            order_id: order.get(),
            reason: reason.to_owned(),
        };
        self.0
            .clone()
            .release(request)
            .await
            .map(|_| ())
            .map_err(sort_out("product"))
    }

    /// Gives back what is held, or puts back what was taken: whichever applies, once.
    pub async fn give_back(&self, order: OrderId, reason: &str) -> Result<(), PeerError> {
        match self.release(order, reason).await {
            Err(PeerError::Refused(refused)) if refused.code == wire::code::ALREADY_COMMITTED => {
                let request = RestockRequest {
                    order_id: order.get(),
                    reason: reason.to_owned(),
                };
                self.0
                    .clone()
                    .restock(request)
                    .await
                    .map(|_| ())
                    .map_err(sort_out("product"))
            }
            other => other,
        }
    }
}

/// payment-service's money, behind a breaker: while it is down no order is begun (SAG-12).
#[derive(Clone)]
pub struct Payments {
    client: PaymentsClient<RpcNeighbour>,
    /// Tells whether payment-service answers.
    pub breaker: Breaker,
}

impl Payments {
    /// Calls through `neighbour`.
    pub(crate) fn new(neighbour: RpcNeighbour, breaker: Breaker) -> Self {
        Self {
            client: PaymentsClient::new(neighbour),
            breaker,
        }
    }

    /// The order's intent, made if there is none.
    pub async fn create_intent(&self, request: CreateIntentRequest) -> Result<CreateIntentReply, PeerError> {
        self.watched(self.client.clone().create_intent(request)).await
    }

    /// Cancels the order's intent; true if the money had come first.
    pub async fn cancel_intent(&self, order: OrderId, reason: &str) -> Result<bool, PeerError> {
        let request = CancelIntentRequest {
            order_id: order.get(),
            reason: reason.to_owned(),
        };
        let reply = self.watched(self.client.clone().cancel_intent(request)).await;
        reply.map(|r| r.already_succeeded)
    }

    /// Returns what was captured and is not refunded yet.
    pub async fn refund_rest(&self, order: OrderId, key: &str, reason: &str) -> Result<(), PeerError> {
        let request = RefundRestRequest {
            order_id: order.get(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        };
        let reply = self.watched(self.client.clone().refund_rest(request)).await;
        reply.map(|_| ())
    }

    async fn watched<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, PeerError> {
        let mut watch = Watch {
            breaker: &self.breaker,
            answered: false,
        };
        let outcome = call
            .await
            .map(tonic::Response::into_inner)
            .map_err(sort_out("payment"));
        // Who says that something has to wait is well.
        let waits = |status: &Status| status.code() == tonic::Code::Aborted;
        watch.answered = !matches!(&outcome, Err(PeerError::Unknown { status, .. }) if !waits(status));
        outcome
    }
}

/// Tells the breaker at its end whether a call was answered; one that was given up was not.
struct Watch<'a> {
    breaker: &'a Breaker,
    answered: bool,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.breaker.record(self.answered);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use runtime::{Neighbour, Secret, ServiceIdentity};
    use types::TestClock;

    use super::*;

    // SAG-12: a saga gives a call up by dropping it, perhaps before its own deadline: that is no answer either.
    #[tokio::test]
    async fn a_call_that_is_given_up_counts_as_unanswered() {
        let clock = Arc::new(TestClock::at(time::macros::datetime!(2030-01-01 12:00 UTC)));
        let (silent, slot) = Neighbour::local();
        let never = axum::routing::any(async || -> &'static str { std::future::pending().await });
        slot.set(axum::Router::new().fallback_service(never)).unwrap();
        let secrets = vec![Secret::new("between services")];
        let us = ServiceIdentity::new("order-service", secrets, Arc::<TestClock>::clone(&clock));
        let rpc = silent.rpc(us, "payment-service", Duration::from_secs(30));
        let payments = Payments::new(rpc, Breaker::new(clock));
        let order = OrderId::new(1).unwrap();
        for _ in 0..5 {
            assert!(!payments.breaker.is_open());
            let call = payments.cancel_intent(order, "test");
            let given_up = tokio::time::timeout(Duration::from_millis(1), call).await;
            assert!(given_up.is_err());
        }
        assert!(payments.breaker.is_open());
    }

    // SAG-12: a refund that waits for another one keeps nobody from ordering.
    #[tokio::test]
    async fn a_call_that_has_to_wait_counts_as_answered() {
        for (code, opens) in [(tonic::Code::Aborted, false), (tonic::Code::Unavailable, true)] {
            let clock = Arc::new(TestClock::at(time::macros::datetime!(2030-01-01 12:00 UTC)));
            let (neighbour, slot) = Neighbour::local();
            let answer =
                axum::routing::any(async move || Status::new(code, "later").into_http::<axum::body::Body>());
            slot.set(axum::Router::new().fallback_service(answer)).unwrap();
            let secrets = vec![Secret::new("between services")];
            let us = ServiceIdentity::new("order-service", secrets, Arc::<TestClock>::clone(&clock));
            let rpc = neighbour.rpc(us, "payment-service", Duration::from_secs(30));
            let payments = Payments::new(rpc, Breaker::new(clock));
            let order = OrderId::new(1).unwrap();
            for _ in 0..5 {
                payments
                    .refund_rest(order, "saga-1/refund", "test")
                    .await
                    .unwrap_err();
            }
            assert_eq!(payments.breaker.is_open(), opens, "{code}");
        }
    }
}
