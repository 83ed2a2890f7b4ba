//! The gRPC server: what payment-service must know of an order, and the inbox for its events.

use axum::Router;
use axum::middleware;
use runtime::{ServiceIdentity, require_service};
use souk_http::request_layer;
use tonic::{Request, Response, Status};
use types::OrderId;
use wire::code;
use wire::rpc::Refused;
use wire::rpc::orders::orders_server::{Orders, OrdersServer};
use wire::rpc::orders::{ForPaymentReply, ForPaymentRequest};

use crate::domain::Order;
use crate::error::OrderError;
use crate::state::AppState;
use crate::store::{fault, orders};
use crate::{NAME, events};

/// The internal routes; they want a service token.
pub fn router(app: AppState, identity: ServiceIdentity) -> Router {
    let inbox = bus::inbox_server(events::handler(app.clone()));
    let routes = tonic::service::Routes::new(OrdersServer::new(Server(app))).add_service(inbox);
    let guarded = routes
        .into_axum_router()
        .layer(middleware::from_fn(move |request, next| {
            require_service(identity.clone(), request, next)
        }));
    request_layer(guarded, NAME)
}

struct Server(AppState);

#[tonic::async_trait]
impl Orders for Server {
    async fn for_payment(
        &self,
        request: Request<ForPaymentRequest>,
    ) -> Result<Response<ForPaymentReply>, Status> {
        let id = request.into_inner().order_id;
        match find(&self.0, id).await {
            Ok(Some(order)) => Ok(Response::new(ForPaymentReply {
                order_id: order.id.get(),
                user_id: order.user_id.get(),
                status: order.status.name().to_owned(),
                total_minor: order.totals.total.minor(),
                currency: order.totals.total.currency().code().to_owned(),
            })),
            Ok(None) => Err(Refused {
                code: code::ORDER_NOT_FOUND,
                detail: format!("there is no order {id}"),
                data: serde_json::Value::Null,
            }
            .into_status()),
            Err(error) => {
                tracing::error!(%error, "an order could not be read for its payment");
                Err(Status::unavailable("the order could not be read"))
            }
        }
    }
}

async fn find(app: &AppState, id: i64) -> Result<Option<Order>, OrderError> {
    let Ok(id) = OrderId::new(id) else { return Ok(None) };
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    orders::find(&mut conn, id).await
}
