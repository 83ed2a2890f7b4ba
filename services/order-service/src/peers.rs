//! Calls to the services that hold stock and money.

use runtime::{Breaker, RpcNeighbour};
use tonic::Status;
use types::{OrderId, UserId};
use wire::rpc::Refused;
use wire::rpc::inventory::inventory_client::InventoryClient;
use wire::rpc::inventory::{
    CommitRequest, HoldRequest, QuoteRequest, QuotedProduct, ReleaseRequest, RestockRequest, StockLine,
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
        let reply = self.client.clone().create_intent(request).await;
        self.watched(reply)
    }

    /// Cancels the order's intent; true if the money had come first.
    pub async fn cancel_intent(&self, order: OrderId, reason: &str) -> Result<bool, PeerError> {
        let request = CancelIntentRequest {
            order_id: order.get(),
            reason: reason.to_owned(),
        };
        let reply = self.client.clone().cancel_intent(request).await;
        self.watched(reply).map(|r| r.already_succeeded)
    }

    /// Returns what was captured and is not refunded yet.
    pub async fn refund_rest(&self, order: OrderId, key: &str, reason: &str) -> Result<(), PeerError> {
        let request = RefundRestRequest {
            order_id: order.get(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        };
        let reply = self.client.clone().refund_rest(request).await;
        self.watched(reply).map(|_| ())
    }

    fn watched<T>(&self, reply: Result<tonic::Response<T>, Status>) -> Result<T, PeerError> {
        let outcome = reply
            .map(tonic::Response::into_inner)
            .map_err(sort_out("payment"));
        self.breaker
            .record(!matches!(outcome, Err(PeerError::Unknown { .. })));
        outcome
    }
}
