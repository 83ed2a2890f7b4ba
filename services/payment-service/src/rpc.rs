//! The gRPC server: money for order-service's sagas. Every call may be repeated.

use tonic::{Request, Response, Status};
use types::{Currency, Money, OrderId, UserId, holds_card_number};
use wire::rpc::payments::payments_server::Payments;
use wire::rpc::payments::{
    CancelIntentReply, CancelIntentRequest, CreateIntentReply, CreateIntentRequest, RefundRestReply,
    RefundRestRequest,
};

use crate::AppState;
use crate::ops::{cancel_intent, create_intent, refund};
use crate::store::payments::NewPayment;

/// The longest reason that is kept.
const REASON: usize = 500;
/// The longest key that is taken.
const KEY: usize = 255;

/// Serves `souk.payments.v1.Payments`.
pub struct Server(pub(crate) AppState);

#[tonic::async_trait]
impl Payments for Server {
    async fn create_intent(
        &self,
        request: Request<CreateIntentRequest>,
    ) -> Result<Response<CreateIntentReply>, Status> {
        let request = request.into_inner();
        let currency = Currency::parse(&request.currency).map_err(|e| malformed("currency", e))?;
        if request.amount_minor <= 0 {
            return Err(malformed("amount_minor", "nothing costs nothing, or less"));
        }
        let ask = NewPayment {
            order_id: OrderId::new(request.order_id).map_err(|e| malformed("order_id", e))?,
            user_id: UserId::new(request.user_id).map_err(|e| malformed("user_id", e))?,
            amount: Money::from_minor(request.amount_minor, currency),
        };
        let payment = create_intent::create_intent(&self.0, ask).await?;
        let (Some(payment_intent_id), Some(client_secret)) = (payment.intent_id, payment.client_secret)
        else {
            return Err(Status::unavailable("the intent is not made yet; ask again"));
        };
        Ok(Response::new(CreateIntentReply {
            payment_intent_id,
            client_secret,
            status: payment.status.name().to_owned(),
        }))
    }

    async fn cancel_intent(
        &self,
        request: Request<CancelIntentRequest>,
    ) -> Result<Response<CancelIntentReply>, Status> {
        let request = request.into_inner();
        let order = OrderId::new(request.order_id).map_err(|e| malformed("order_id", e))?;
        let payment = cancel_intent::cancel_intent(&self.0, order).await?;
        tracing::info!(order.id = %order, status = payment.status.name(), "a payment was called off");
        Ok(Response::new(CancelIntentReply {
            already_succeeded: payment.status.has_money(),
        }))
    }

    async fn refund_rest(
        &self,
        request: Request<RefundRestRequest>,
    ) -> Result<Response<RefundRestReply>, Status> {
        let request = request.into_inner();
        let order = OrderId::new(request.order_id).map_err(|e| malformed("order_id", e))?;
        if request.key.is_empty() || request.key.len() > KEY {
            return Err(malformed("key", "it has 1 to 255 bytes"));
        }
        let reason: String = request
            .reason
            .chars()
            .filter(|c| !c.is_control())
            .take(REASON)
            .collect();
        let reason = Some(reason).filter(|r| !r.is_empty() && !holds_card_number(r));
        let amount_minor = refund::refund_rest(&self.0, order, &request.key, reason.as_deref()).await?;
        Ok(Response::new(RefundRestReply { amount_minor }))
    }
}

fn malformed(field: &str, why: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("{field}: {why}"))
}
