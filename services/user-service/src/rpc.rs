//! The gRPC server: what other services need to know of accounts.

use axum::Router;
use axum::middleware;
use runtime::{ServiceIdentity, require_service};
use souk_http::{SessionCheck, request_layer};
use tonic::{Request, Response, Status};
use types::UserId;
use wire::code;
use wire::rpc::Refused;
use wire::rpc::identity::identity_server::{Identity, IdentityServer};
use wire::rpc::identity::{
    CheckSessionReply, CheckSessionRequest, ContactReply, ContactRequest, PublicKey, PublicKeysReply,
    PublicKeysRequest,
};

use crate::NAME;
use crate::error::UserError;
use crate::state::AppState;
use crate::store::{keys, users};

struct Server {
    app: AppState,
    sessions: SessionCheck,
}

/// The internal routes; they want a service token.
pub fn router(app: AppState, identity: ServiceIdentity) -> Router {
    let sessions = SessionCheck::clone(&app.sessions);
    let server = IdentityServer::new(Server { app, sessions });
    let router = tonic::service::Routes::new(server).into_axum_router();
    let guarded = router.layer(middleware::from_fn(move |request, next| {
        require_service(identity.clone(), request, next)
    }));
    request_layer(guarded, NAME)
}

#[tonic::async_trait]
impl Identity for Server {
    async fn public_keys(&self, _: Request<PublicKeysRequest>) -> Result<Response<PublicKeysReply>, Status> {
        let fault = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "the published keys could not be read");
            Status::unavailable("the published keys could not be read")
        };
        let mut conn = self.app.db.acquire().await.map_err(|e| fault(&e))?;
        let keys = keys::published(&mut conn).await.map_err(|e| fault(&e))?;
        let keys = keys.into_iter().map(|key| PublicKey {
            kid: key.kid,
            ed25519: key.ed25519,
        });
        Ok(Response::new(PublicKeysReply { keys: keys.collect() }))
    }

    async fn check_session(
        &self,
        request: Request<CheckSessionRequest>,
    ) -> Result<Response<CheckSessionReply>, Status> {
        let answer = (self.sessions)(request.into_inner().session_id).await;
        let active = answer.map_err(|error| {
            tracing::error!(%error, "a session could not be checked");
            Status::unavailable("the session could not be checked")
        })?;
        Ok(Response::new(CheckSessionReply { active }))
    }

    async fn contact(&self, request: Request<ContactRequest>) -> Result<Response<ContactReply>, Status> {
        let id = request.into_inner().user_id;
        match email(&self.app, id).await {
            Ok(email) => Ok(Response::new(ContactReply { email })),
            Err(UserError::Refused(refusal)) => Err(Refused {
                code: code::USER_NOT_FOUND,
                detail: refusal.to_string(),
                data: serde_json::Value::Null,
            }
            .into_status()),
            Err(error) => {
                tracing::error!(%error, user.id = id, "an account could not be read");
                Err(Status::unavailable("the account could not be read"))
            }
        }
    }
}

async fn email(app: &AppState, id: i64) -> Result<String, UserError> {
    let id = UserId::new(id).map_err(|_| UserError::Corrupt("id"))?;
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    Ok(users::by_id(&mut conn, id).await?.email)
}
