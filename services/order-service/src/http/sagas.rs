//! The routes by which admins look after sagas, one file each; and what those that intervene have in common.

pub(super) mod abandon_saga;
pub(super) mod get_saga;
pub(super) mod list_sagas;
pub(super) mod retry_saga;
pub(super) mod skip_saga;
pub(crate) mod view;

use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use runtime::context;
use saga::{By, Intervention};
use souk_http::{Caller, Checks, Json, KeyedJson, Problem, body_hash, network_of};
use types::Role;
use wire::sagas::Intervene;

use super::keyed::{self, Claim};
use crate::ops::intervene;
use crate::state::AppState;

/// Does `what` as this admin, once for each key.
async fn answer(
    app: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (id, what, route): (i64, Intervention, &'static str),
    KeyedJson { body, key }: KeyedJson<Intervene>,
) -> Result<Response, Problem> {
    caller.require(&[Role::Admin])?;
    let mut checks = Checks::new();
    let reason = checks.text("/reason", &body.reason, 1, view::REASON);
    checks.finish()?;
    let by = By {
        actor: format!("{}:{}", caller.role.name(), caller.id),
        note: reason.unwrap_or_default(),
        request_id: context::current().map(|c| c.request_id),
        network: network_of(headers),
    };
    // The same key for another saga is another request.
    let key = key.map(|(key, hash)| (key, body_hash(&[&id.to_be_bytes()[..], &hash].concat())));
    let held = match key {
        None => None,
        Some(key) => match keyed::claim(app, caller, route, key).await? {
            Claim::New(held) => Some(held),
            Claim::Replay(answer) => return Ok(answer),
            Claim::Unfinished(held, id) => {
                let answer = Json(view::detail(&intervene::find(&app.db, id).await?)).into_response();
                return Ok(held.finish(app, answer).await);
            }
        },
    };
    let scope = held.as_ref().map(keyed::Held::scope);
    match intervene::intervene(&app.db, app.clock.as_ref(), id, what, &by, scope).await {
        Ok(view) => {
            app.nudge();
            let answer = Json(view::detail(&view)).into_response();
            Ok(match held {
                Some(held) => held.finish(app, answer).await,
                None => answer,
            })
        }
        // Nothing was written: the same key may try again.
        Err(error) => {
            if let Some(held) = held {
                held.abandon(app).await;
            }
            Err(error.into())
        }
    }
}
