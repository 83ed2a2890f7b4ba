//! Calls to order-service.

use runtime::RpcNeighbour;
use types::{Currency, Money, OrderId, UserId};
use wire::rpc::Refused;
use wire::rpc::orders::ForPaymentRequest;
use wire::rpc::orders::orders_client::OrdersClient;

use crate::error::PaymentError;

/// An order, as far as its payer is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it stands.
    pub status: String,
    /// What it costs.
    pub total: Money,
}

/// order-service's orders.
#[derive(Clone)]
pub struct Orders(OrdersClient<RpcNeighbour>);

impl Orders {
    /// Calls through `neighbour`.
    pub(crate) fn new(neighbour: RpcNeighbour) -> Self {
        Self(OrdersClient::new(neighbour))
    }

    /// The order.
    ///
    /// # Errors
    /// [`PaymentError::Order`] if there is none; [`PaymentError::Peer`] if order-service does not answer.
    pub async fn for_payment(&self, id: OrderId) -> Result<Order, PaymentError> {
        let request = ForPaymentRequest { order_id: id.get() };
        let reply = self.0.clone().for_payment(request).await;
        let reply = reply.map_err(|status| match Refused::from_status(&status) {
            Some(refused) => PaymentError::Order(refused),
            None => PaymentError::Peer(status),
        })?;
        let reply = reply.into_inner();
        let strange = |what: &str| PaymentError::Peer(tonic::Status::internal(format!("a strange {what}")));
        let currency = Currency::parse(&reply.currency).map_err(|_| strange("currency"))?;
        Ok(Order {
            id,
            user_id: UserId::new(reply.user_id).map_err(|_| strange("user"))?,
            status: reply.status,
            total: Money::from_minor(reply.total_minor, currency),
        })
    }
}
