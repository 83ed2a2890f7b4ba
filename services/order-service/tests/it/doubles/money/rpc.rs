//! The calls that order-service makes.

use serde_json::Value;
use tonic::{Request, Response, Status};
use wire::code;
use wire::events::PaymentCancelled;
use wire::rpc::payments::payments_server::Payments;
use wire::rpc::payments::{
    CancelIntentReply, CancelIntentRequest, CreateIntentReply, CreateIntentRequest, RefundRestReply,
    RefundRestRequest,
};

use super::{Money, Payment, ids};
use crate::doubles::road::refused;

#[tonic::async_trait]
impl Payments for Money {
    async fn create_intent(
        &self,
        request: Request<CreateIntentRequest>,
    ) -> Result<Response<CreateIntentReply>, Status> {
        let request = request.into_inner();
        let order = request.order_id;
        self.done("create", order, move |till| {
            let new = !till.payments.contains_key(&order);
            let payment = till.payments.entry(order).or_insert_with(|| Payment {
                intent: Some(format!("pi_{order}")),
                minor: request.amount_minor,
                currency: request.currency.clone(),
                ..Payment::default()
            });
            if payment.cancelled {
                return Err(refused(code::PAYMENT_CANCELLED, Value::Null));
            }
            assert_eq!(
                payment.minor, request.amount_minor,
                "another amount for order {order}"
            );
            let reply = CreateIntentReply {
                payment_intent_id: format!("pi_{order}"),
                client_secret: format!("pi_{order}_secret"),
                status: "requires_payment_method".to_owned(),
            };
            if new {
                till.changes.push((order, "made"));
            }
            Ok(reply)
        })
        .await
    }

    async fn cancel_intent(
        &self,
        request: Request<CancelIntentRequest>,
    ) -> Result<Response<CancelIntentReply>, Status> {
        let order = request.into_inner().order_id;
        self.done("cancel", order, move |till| {
            let payment = till.payments.entry(order).or_default();
            let already_succeeded = payment.captured > 0;
            if !already_succeeded && !payment.cancelled {
                payment.cancelled = true;
                if payment.intent.is_some() {
                    till.changes.push((order, "cancelled"));
                }
                let (order_id, payment_id) = ids(order);
                till.tell(PaymentCancelled { order_id, payment_id });
            }
            Ok(CancelIntentReply { already_succeeded })
        })
        .await
    }

    async fn refund_rest(
        &self,
        request: Request<RefundRestRequest>,
    ) -> Result<Response<RefundRestReply>, Status> {
        let RefundRestRequest { order_id, key, .. } = request.into_inner();
        self.done("refund", order_id, move |till| {
            let payment = till.payments.get(&order_id).cloned().unwrap_or_default();
            if let Some(amount_minor) = payment.refunds.get(&key).copied() {
                return Ok(RefundRestReply { amount_minor });
            }
            let amount_minor = payment.captured - payment.back();
            if amount_minor > 0 {
                till.refund(order_id, key.clone(), amount_minor);
            }
            Ok(RefundRestReply { amount_minor })
        })
        .await
    }
}
