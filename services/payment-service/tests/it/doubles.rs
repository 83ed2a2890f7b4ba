//! Stand-ins: user-service and order-service as gRPC servers, and a road to the sandbox on which things go wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::Value;
use wire::code;
use wire::rpc::Refused;
use wire::rpc::events::inbox_server::{Inbox, InboxServer};
use wire::rpc::events::{Ack, Event};
use wire::rpc::identity::identity_server::{Identity, IdentityServer};
use wire::rpc::identity::{
    CheckSessionReply, CheckSessionRequest, ContactReply, ContactRequest, PublicKey, PublicKeysReply,
    PublicKeysRequest,
};
use wire::rpc::orders::orders_server::{Orders, OrdersServer};
use wire::rpc::orders::{ForPaymentReply, ForPaymentRequest};

/// The key that signs tokens is called this.
pub const KID: &str = "test";

/// user-service: one key, and every session stands that is not called `ended`.
pub struct Users(pub Vec<u8>);

impl Users {
    pub fn router(self) -> Router {
        tonic::service::Routes::new(IdentityServer::new(self)).into_axum_router()
    }
}

#[tonic::async_trait]
impl Identity for Users {
    async fn public_keys(
        &self,
        _: tonic::Request<PublicKeysRequest>,
    ) -> Result<tonic::Response<PublicKeysReply>, tonic::Status> {
        let keys = vec![PublicKey {
            kid: KID.to_owned(),
            ed25519: self.0.clone(),
        }];
        Ok(tonic::Response::new(PublicKeysReply { keys }))
    }

    async fn check_session(
        &self,
        request: tonic::Request<CheckSessionRequest>,
    ) -> Result<tonic::Response<CheckSessionReply>, tonic::Status> {
        let active = request.into_inner().session_id != "ended";
        Ok(tonic::Response::new(CheckSessionReply { active }))
    }

    async fn contact(
        &self,
        _: tonic::Request<ContactRequest>,
    ) -> Result<tonic::Response<ContactReply>, tonic::Status> {
        Err(tonic::Status::unimplemented("nobody asks for an address here"))
    }
}

/// order-service: the orders that a test puts there, and the events that it hears.
#[derive(Clone, Default)]
pub struct Shop {
    pub orders: Arc<Mutex<HashMap<i64, ForPaymentReply>>>,
    pub heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Shop {
    pub fn router(&self) -> Router {
        let mut routes = tonic::service::Routes::new(OrdersServer::new(self.clone()));
        routes = routes.add_service(InboxServer::new(self.clone()));
        routes.into_axum_router()
    }
}

#[tonic::async_trait]
impl Orders for Shop {
    async fn for_payment(
        &self,
        request: tonic::Request<ForPaymentRequest>,
    ) -> Result<tonic::Response<ForPaymentReply>, tonic::Status> {
        let id = request.into_inner().order_id;
        let order = self.orders.lock().unwrap().get(&id).cloned();
        let refused = Refused {
            code: code::ORDER_NOT_FOUND,
            detail: "there is no such order.".to_owned(),
            data: Value::Null,
        };
        order
            .map(tonic::Response::new)
            .ok_or_else(|| refused.into_status())
    }
}

#[tonic::async_trait]
impl Inbox for Shop {
    async fn deliver(&self, request: tonic::Request<Event>) -> Result<tonic::Response<Ack>, tonic::Status> {
        let event = request.into_inner();
        let payload = serde_json::from_slice(&event.payload).unwrap();
        self.heard.lock().unwrap().push((event.r#type, payload));
        Ok(tonic::Response::new(Ack {}))
    }
}

/// What goes wrong with one call to the provider.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// It never gets there.
    LoseRequest,
    /// It is done, and nobody hears of it.
    LoseAnswer,
    /// It is answered like this and not done.
    Answer(u16),
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::LoseRequest,
        Self::LoseAnswer,
        Self::Answer(409),
        Self::Answer(429),
        Self::Answer(500),
        Self::Answer(503),
        Self::Answer(401),
    ];
}

/// The road to the provider.
#[derive(Clone, Default)]
pub struct Road {
    faults: Arc<Mutex<VecDeque<Fault>>>,
    down: Arc<std::sync::atomic::AtomicBool>,
    pub writes: Arc<AtomicUsize>,
}

impl Road {
    /// The next writes go wrong like this.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Nothing gets through, or all does again.
    pub fn close(&self, closed: bool) {
        self.down.store(closed, Ordering::SeqCst);
    }

    pub fn around(&self, sandbox: Router) -> Router {
        let road = self.clone();
        sandbox.layer(middleware::from_fn(move |request: Request, next: Next| {
            road.clone().pass(request, next)
        }))
    }

    async fn pass(self, request: Request, next: Next) -> Response {
        if self.down.load(Ordering::SeqCst) {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        if request.method() != Method::POST {
            return next.run(request).await;
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        let fault = self.faults.lock().unwrap().pop_front();
        match fault {
            None => next.run(request).await,
            Some(Fault::LoseRequest) => std::future::pending().await,
            Some(Fault::LoseAnswer) => {
                next.run(request).await;
                std::future::pending().await
            }
            Some(Fault::Answer(status)) => {
                let status = StatusCode::from_u16(status).unwrap();
                (
                    status,
                    Body::from(r#"{"error":{"type":"api_error","message":"as you wish"}}"#),
                )
                    .into_response()
            }
        }
    }
}
