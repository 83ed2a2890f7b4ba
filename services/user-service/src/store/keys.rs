//! The table `signing_keys`.

use souk_http::PublicKey;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::UserError;

/// A key as it is stored.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Its id.
    pub kid: String,
    /// Raw Ed25519.
    pub public_key: Vec<u8>,
    /// The private half, sealed.
    pub sealed_private_key: Vec<u8>,
    /// When it begins to sign.
    pub signs_from: OffsetDateTime,
}

/// Makes all others who would change keys wait until the transaction ends.
#[tracing::instrument(name = "db.signing_keys.lock", skip_all)]
pub async fn lock(conn: &mut PgConnection) -> Result<(), UserError> {
    // Any number that nothing else in this database locks by.
    sqlx::query!("select pg_advisory_xact_lock(7214001)")
        .execute(conn)
        .await
        .map_err(UserError::store("lock the signing keys"))?;
    Ok(())
}

/// All keys, the oldest first.
#[tracing::instrument(name = "db.signing_keys.all", skip_all)]
pub async fn all(conn: &mut PgConnection) -> Result<Vec<StoredKey>, UserError> {
    sqlx::query_as!(
        StoredKey,
        r#"select kid, public_key, sealed_private_key, signs_from from signing_keys order by signs_from"#
    )
    .fetch_all(conn)
    .await
    .map_err(UserError::store("read the signing keys"))
}

/// The public halves: of the signing key, the next one and the retiring ones.
#[tracing::instrument(name = "db.signing_keys.published", skip_all)]
pub async fn published(conn: &mut PgConnection) -> Result<Vec<PublicKey>, UserError> {
    let rows = sqlx::query!(r#"select kid, public_key from signing_keys order by signs_from desc"#)
        .fetch_all(conn)
        .await
        .map_err(UserError::store("read the published keys"))?;
    Ok(rows
        .into_iter()
        .map(|row| PublicKey {
            kid: row.kid,
            ed25519: row.public_key,
        })
        .collect())
}

/// Adds a key.
#[tracing::instrument(name = "db.signing_keys.insert", skip_all, fields(key.id = key.kid))]
pub async fn insert(conn: &mut PgConnection, key: &StoredKey, now: OffsetDateTime) -> Result<(), UserError> {
    sqlx::query!(
        r#"
        insert into signing_keys (kid, public_key, sealed_private_key, created_at, signs_from)
        values ($1, $2, $3, $4, $5)
        "#,
        key.kid,
        key.public_key,
        key.sealed_private_key,
        now,
        key.signs_from
    )
    .execute(conn)
    .await
    .map_err(UserError::store("add a signing key"))?;
    Ok(())
}

/// Forgets keys whose successor signs from before `before`; how many.
#[tracing::instrument(name = "db.signing_keys.prune", skip_all)]
pub async fn prune(conn: &mut PgConnection, before: OffsetDateTime) -> Result<u64, UserError> {
    let pruned = sqlx::query!(
        r#"
        delete from signing_keys k
         where exists (select 1 from signing_keys n where n.signs_from > k.signs_from and n.signs_from < $1)
        "#,
        before
    )
    .execute(conn)
    .await
    .map_err(UserError::store("forget dead signing keys"))?;
    Ok(pruned.rows_affected())
}
