//! The calls that order-service makes.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};
use wire::rpc::inventory::inventory_server::Inventory;
use wire::rpc::inventory::{
    CommitReply, CommitRequest, ExtendReply, ExtendRequest, HoldReply, HoldRequest, PinReply, PinRequest,
    QuoteReply, QuoteRequest, QuotedProduct, ReleaseReply, ReleaseRequest, RestockReply, RestockRequest,
};

use super::Stock;

#[tonic::async_trait]
impl Inventory for Stock {
    async fn quote(&self, request: Request<QuoteRequest>) -> Result<Response<QuoteReply>, Status> {
        let ids = request.into_inner().product_ids;
        self.done("quote", 0, move |shelf| {
            let known = ids.iter().filter_map(|id| Some((*id, shelf.products.get(id)?)));
            let products = known
                .filter(|(_, p)| p.for_sale)
                .map(|(product_id, p)| QuotedProduct {
                    product_id,
                    name: p.name.to_owned(),
                    sku: p.sku.to_owned(),
                    seller_id: p.seller,
                    unit_price_minor: p.minor,
                    currency: "USD".to_owned(),
                    image_url: String::new(),
                });
            Ok(QuoteReply {
                products: products.collect(),
            })
        })
        .await
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldReply>, Status> {
        let request = request.into_inner();
        self.done("hold", request.order_id, move |shelf| {
            let mut lines = BTreeMap::new();
            for line in &request.lines {
                *lines.entry(line.product_id).or_default() += i64::from(line.quantity);
            }
            shelf.ttl_seconds = request.ttl_seconds;
            shelf
                .hold(request.order_id, lines)
                .map(|()| HoldReply { expires_at: 0 })
        })
        .await
    }

    async fn extend(&self, request: Request<ExtendRequest>) -> Result<Response<ExtendReply>, Status> {
        let order = request.into_inner().order_id;
        self.done("extend", order, move |shelf| {
            shelf.extend(order).map(|()| ExtendReply { expires_at: 0 })
        })
        .await
    }

    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitReply>, Status> {
        let order = request.into_inner().order_id;
        self.done("commit", order, move |shelf| {
            shelf.commit(order).map(|()| CommitReply {})
        })
        .await
    }

    async fn pin(&self, request: Request<PinRequest>) -> Result<Response<PinReply>, Status> {
        let PinRequest { order_id, pinned, .. } = request.into_inner();
        self.done("pin", order_id, move |shelf| {
            shelf.pin(order_id, pinned);
            Ok(PinReply {})
        })
        .await
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseReply>, Status> {
        let order = request.into_inner().order_id;
        self.done("release", order, move |shelf| {
            shelf.release(order).map(|()| ReleaseReply {})
        })
        .await
    }

    async fn restock(&self, request: Request<RestockRequest>) -> Result<Response<RestockReply>, Status> {
        let order = request.into_inner().order_id;
        self.done("restock", order, move |shelf| {
            shelf.restock(order);
            Ok(RestockReply {})
        })
        .await
    }
}
