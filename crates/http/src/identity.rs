//! What a service asks user-service for: the published keys, and whether a session still stands.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::RpcNeighbour;
use serde::{Deserialize, Serialize};
use wire::rpc::identity::identity_client::IdentityClient;
use wire::rpc::identity::{CheckSessionRequest, PublicKeysRequest};

use crate::caller::SessionCheck;
use crate::keys::{FetchKeys, KeysError, PublicKey};

/// The published keys as a JSON Web Key Set (RFC 7517, RFC 8037).
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeySet {
    /// One entry a key.
    pub keys: Vec<JsonWebKey>,
}

/// An Ed25519 key.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JsonWebKey {
    /// Always `OKP`.
    pub kty: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// Its id.
    pub kid: String,
    /// The raw key, base64url.
    pub x: String,
}

impl From<&PublicKey> for JsonWebKey {
    fn from(key: &PublicKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(&key.ed25519);
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: key.kid.clone(),
            x,
        }
    }
}

/// Reads the keys from user-service, and from `file` where that does not answer.
#[must_use]
pub fn keys_from(user_service: RpcNeighbour, file: Option<PathBuf>) -> FetchKeys {
    Arc::new(move || {
        let (mut client, file) = (IdentityClient::new(user_service.clone()), file.clone());
        Box::pin(async move {
            match (client.public_keys(PublicKeysRequest {}).await, file) {
                (Ok(reply), _) => {
                    let keys = reply.into_inner().keys;
                    Ok(keys
                        .into_iter()
                        .map(|k| PublicKey {
                            kid: k.kid,
                            ed25519: k.ed25519,
                        })
                        .collect())
                }
                (Err(_), Some(file)) => read_key_set(&file).await,
                (Err(status), None) => Err(KeysError(status.message().to_owned())),
            }
        })
    })
}

/// Asks user-service about each session.
#[must_use]
pub fn sessions_at(user_service: RpcNeighbour) -> SessionCheck {
    Arc::new(move |session_id| {
        let mut client = IdentityClient::new(user_service.clone());
        Box::pin(async move {
            let reply = client.check_session(CheckSessionRequest { session_id }).await;
            reply
                .map(|r| r.into_inner().active)
                .map_err(|status| status.message().to_owned())
        })
    })
}

async fn read_key_set(file: &std::path::Path) -> Result<Vec<PublicKey>, KeysError> {
    let unreadable = |why: String| KeysError(format!("{}: {why}", file.display()));
    let text = tokio::fs::read(file)
        .await
        .map_err(|e| unreadable(e.to_string()))?;
    let set: KeySet = serde_json::from_slice(&text).map_err(|e| unreadable(e.to_string()))?;
    set.keys
        .into_iter()
        .filter(|k| k.kty == "OKP" && k.crv == "Ed25519")
        .map(|k| match URL_SAFE_NO_PAD.decode(&k.x) {
            Ok(ed25519) => Ok(PublicKey { kid: k.kid, ed25519 }),
            Err(e) => Err(unreadable(e.to_string())),
        })
        .collect()
}
