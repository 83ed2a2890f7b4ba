//! Stand-ins at the wire: user-service, product-service's stock and payment-service's money.

mod money;
mod road;
mod stock;

use axum::Router;
use wire::rpc::identity::identity_server::{Identity, IdentityServer};
use wire::rpc::identity::{
    CheckSessionReply, CheckSessionRequest, ContactReply, ContactRequest, PublicKey, PublicKeysReply,
    PublicKeysRequest,
};

pub use money::Money;
pub use road::{Fault, Road};
pub use stock::{Product, Stock};

/// The key that signs tokens is called this.
pub const KID: &str = "test";

/// user-service: one key, every session stands, and everybody has an address.
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
        _: tonic::Request<CheckSessionRequest>,
    ) -> Result<tonic::Response<CheckSessionReply>, tonic::Status> {
        Ok(tonic::Response::new(CheckSessionReply { active: true }))
    }

    async fn contact(
        &self,
        request: tonic::Request<ContactRequest>,
    ) -> Result<tonic::Response<ContactReply>, tonic::Status> {
        let email = format!("user-{}@people.example", request.into_inner().user_id);
        Ok(tonic::Response::new(ContactReply { email }))
    }
}
