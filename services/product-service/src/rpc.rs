//! The gRPC server of the stock: for services, never for clients (STK-15).

use tonic::{Request, Response, Status};
use types::{OrderId, UserId};
use wire::rpc::inventory::inventory_server::Inventory;
use wire::rpc::inventory::{
    CommitReply, CommitRequest, ExtendReply, ExtendRequest, HoldReply, HoldRequest, PinReply, PinRequest,
    QuoteReply, QuoteRequest, QuotedProduct, ReleaseReply, ReleaseRequest, RestockReply, RestockRequest,
};

use crate::AppState;
use crate::domain::{HoldLines, Refusal, Ttl};
use crate::error::ProductError;
use crate::ops::stock;
use crate::store::holds::Wish;
use crate::store::reservations;

/// The most products of one quote.
const MAX_QUOTED: usize = 1_000;

/// Answers for product-service.
#[derive(Clone)]
pub struct Stock(pub(crate) AppState);

#[tonic::async_trait]
impl Inventory for Stock {
    async fn quote(&self, request: Request<QuoteRequest>) -> Result<Response<QuoteReply>, Status> {
        let ids = request.into_inner().product_ids;
        if ids.len() > MAX_QUOTED {
            let refusal = Refusal::invalid("/productIds", format!("{MAX_QUOTED} products at most"));
            return Err(ProductError::from(refusal).into());
        }
        let quoted = self.0.quotes.ask(ids).await?;
        let products = quoted
            .into_iter()
            .map(|q| QuotedProduct {
                product_id: q.id,
                name: q.name,
                sku: q.sku,
                seller_id: q.seller_id,
                unit_price_minor: q.price_minor,
                currency: q.currency,
                image_url: q.image.map(|image| self.0.images.url(&image)).unwrap_or_default(),
            })
            .collect();
        Ok(Response::new(QuoteReply { products }))
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldReply>, Status> {
        let request = request.into_inner();
        let order = order(request.order_id)?;
        let user = UserId::new(request.user_id)
            .map_err(|why| ProductError::from(Refusal::invalid("/userId", why)))?;
        let lines = HoldLines::new(request.lines.iter().map(|l| (l.product_id, l.quantity)))
            .map_err(ProductError::from)?;
        let ttl = Ttl::new(request.ttl_seconds).map_err(ProductError::from)?;
        let wish = Wish {
            order,
            user,
            lines,
            ttl,
            request_id: reservations::request_id(),
        };
        let expires_at = self.0.stock_changed("hold", self.0.holds.ask(wish).await)?;
        Ok(Response::new(HoldReply {
            expires_at: expires_at.unix_timestamp(),
        }))
    }

    async fn extend(&self, request: Request<ExtendRequest>) -> Result<Response<ExtendReply>, Status> {
        let request = request.into_inner();
        let order = order(request.order_id)?;
        let ttl = Ttl::new(request.ttl_seconds).map_err(ProductError::from)?;
        let expires_at = stock::extend(&self.0.db, &*self.0.clock, order, ttl).await?;
        Ok(Response::new(ExtendReply {
            expires_at: expires_at.unix_timestamp(),
        }))
    }

    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitReply>, Status> {
        let order = order(request.into_inner().order_id)?;
        let done = stock::commit(&self.0.db, &*self.0.clock, order).await;
        self.0.stock_changed("commit", done)?;
        Ok(Response::new(CommitReply {}))
    }

    async fn pin(&self, request: Request<PinRequest>) -> Result<Response<PinReply>, Status> {
        let request = request.into_inner();
        let (order, reason) = (order(request.order_id)?, text(&request.reason));
        let done = stock::pin(&self.0.db, &*self.0.clock, order, request.pinned, &reason).await;
        self.0.stock_changed("pin", done)?;
        Ok(Response::new(PinReply {}))
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseReply>, Status> {
        let request = request.into_inner();
        let (order, reason) = (order(request.order_id)?, text(&request.reason));
        let done = stock::release(&self.0.db, &*self.0.clock, order, &reason).await;
        self.0.stock_changed("release", done)?;
        Ok(Response::new(ReleaseReply {}))
    }

    async fn restock(&self, request: Request<RestockRequest>) -> Result<Response<RestockReply>, Status> {
        let request = request.into_inner();
        let (order, reason) = (order(request.order_id)?, text(&request.reason));
        let done = stock::restock(&self.0.db, &*self.0.clock, order, &reason).await;
        self.0.stock_changed("restock", done)?;
        Ok(Response::new(RestockReply {}))
    }
}

fn order(id: i64) -> Result<OrderId, Status> {
    OrderId::new(id).map_err(|why| ProductError::from(Refusal::invalid("/orderId", why)).into())
}

/// A reason as it is kept: short, and nothing that Postgres cannot keep.
fn text(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(200).collect()
}
