//! Who calls: a signed-in user, known by the access token.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::request::Parts;
use std::time::Duration;
use types::{Actor, Role, UserId};
use wire::code;

use crate::keys::{Claims, Unverified, Verifier};
use crate::problem::Problem;

/// A signed-in user. A handler that takes one cannot be reached without a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub id: UserId,
    /// Its role when the token was issued.
    pub role: Role,
    /// The session of the token.
    pub session: String,
}

/// A caller, or nobody. A token that is there must be valid all the same.
#[derive(Clone, Debug)]
pub struct MaybeCaller(pub Option<Caller>);

/// Asks user-service whether a session still stands; `Err` when it cannot say.
pub type SessionCheck = Arc<dyn Fn(String) -> BoxFuture<'static, Result<bool, String>> + Send + Sync>;

/// A caller whose session was found standing just now: for routes that move money or power (AUT-8).
#[derive(Clone, Debug)]
pub struct FreshCaller(pub Caller);

impl Caller {
    /// As histories name who did something.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::User(self.id, self.role)
    }

    /// Whether this is an admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Refuses whoever has none of `roles`.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
        Err(Problem::new(code::FORBIDDEN).detail(format!("This is for the role {}.", names.join(" or "))))
    }

    fn from_claims(claims: Claims) -> Result<Self, Problem> {
        let id = claims.sub.parse().map_err(|_| refused("it names no account"))?;
        Ok(Self {
            id,
            role: claims.role,
            session: claims.sid,
        })
    }
}

impl<S> FromRequestParts<S> for MaybeCaller
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AUTHORIZATION) else {
            return Ok(Self(None));
        };
        let token = header
            .to_str()
            .ok()
            .and_then(|v| v.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| refused("send it as `Authorization: Bearer …`"))?;
        let claims = Verifier::from_ref(state)
            .verify(token)
            .await
            .map_err(|error| match error {
                Unverified::Token(why) => refused(why),
                Unverified::Keys(error) => Problem::unavailable(error, Duration::from_secs(2)),
            })?;
        Caller::from_claims(claims).map(|caller| Self(Some(caller)))
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, state).await?;
        caller.ok_or_else(|| {
            Problem::new(code::UNAUTHENTICATED).detail("Send the access token as `Authorization: Bearer …`.")
        })
    }
}

impl<S> FromRequestParts<S> for FreshCaller
where
    S: Send + Sync,
    Verifier: FromRef<S>,
    SessionCheck: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        match SessionCheck::from_ref(state)(caller.session.clone()).await {
            Ok(true) => Ok(Self(caller)),
            Ok(false) => Err(refused("its session has ended; sign in again")),
            Err(why) => Err(Problem::unavailable(why, Duration::from_secs(2))),
        }
    }
}

fn refused(why: &str) -> Problem {
    Problem::new(code::UNAUTHENTICATED).detail(format!("The access token is not valid: {why}."))
}
