//! Which pictures there are, so that none goes which a product names, and none is named that goes.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::fault;
use crate::domain::{PictureId, Refusal};
use crate::error::ProductError;

/// The lock of whoever deletes files.
pub const DELETER: i64 = 0x736f_756b_0004;

/// What the database knows of a picture whose files are about to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Nothing until now.
    New,
    /// That it is there, or about to be.
    Known,
    /// That its files are being deleted: they must not be written before it is spared.
    Doomed,
}

/// Says that the files of a picture are about to be written, or written again.
#[tracing::instrument(name = "db.pictures.announce", skip_all)]
pub async fn announce(
    conn: &mut PgConnection,
    id: &PictureId,
    at: OffsetDateTime,
) -> Result<Announced, ProductError> {
    // Each use moves `used_at`, however close together they are: who has seen a value knows whether there was another.
    let new = sqlx::query_scalar!(
        r#"
        insert into pictures (id, used_at) values ($1, $2)
            on conflict (id) do update
           set used_at = greatest(pictures.used_at + interval '1 microsecond', excluded.used_at)
         where pictures.doomed_at is null
        returning (xmax = 0) as "new!"
        "#,
        id.as_str(),
        at,
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("announce a picture"))?;
    Ok(match new {
        Some(true) => Announced::New,
        Some(false) => Announced::Known,
        None => Announced::Doomed,
    })
}

/// Keeps others from deleting files until the transaction ends; false while one of them may.
#[tracing::instrument(name = "db.pictures.hold_off", skip_all)]
pub async fn hold_off(conn: &mut PgConnection) -> Result<bool, ProductError> {
    sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "free!""#, DELETER)
        .fetch_one(conn)
        .await
        .map_err(fault("keep others from deleting pictures"))
}

/// Lets a picture live whose deletion was cut off: its files are about to be written again. Only while nobody else may delete.
#[tracing::instrument(name = "db.pictures.spare", skip_all)]
pub async fn spare(conn: &mut PgConnection, id: &PictureId, at: OffsetDateTime) -> Result<(), ProductError> {
    sqlx::query!(
        r#"
        insert into pictures (id, used_at) values ($1, $2)
            on conflict (id) do update
           set used_at = greatest(pictures.used_at + interval '1 microsecond', excluded.used_at), doomed_at = null
        "#,
        id.as_str(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("spare a picture"))?;
    Ok(())
}

/// Dooms a picture that was announced as new at `at` and not used since; whether it was so.
#[tracing::instrument(name = "db.pictures.doom_unused", skip_all)]
pub async fn doom_unused(
    conn: &mut PgConnection,
    id: &PictureId,
    at: OffsetDateTime,
) -> Result<bool, ProductError> {
    let doomed = sqlx::query!(
        "update pictures set doomed_at = $2 where id = $1 and used_at = $2 and doomed_at is null",
        id.as_str(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("doom a picture"))?;
    Ok(doomed.rows_affected() == 1)
}

/// Says that a product names these images now. Refuses pictures of ours that are not there, or are being deleted.
#[tracing::instrument(name = "db.pictures.name", skip_all)]
pub async fn name(
    conn: &mut PgConnection,
    images: &[String],
    at: OffsetDateTime,
) -> Result<(), ProductError> {
    let ids: Vec<String> = images
        .iter()
        .filter(|image| PictureId::parse(image).is_some())
        .cloned()
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let there = sqlx::query_scalar!(
        r#"
        with kept as (
            select id from pictures where id = any($1) and doomed_at is null order by id for no key update
        )
        update pictures p
           set used_at = greatest(p.used_at + interval '1 microsecond', $2)
          from kept
         where p.id = kept.id
        returning p.id
        "#,
        &ids,
        at,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("name pictures"))?;
    match images
        .iter()
        .position(|image| ids.contains(image) && !there.contains(image))
    {
        Some(at) => Err(Refusal::invalid(
            format!("/images/{at}"),
            "there is no such uploaded image; upload it",
        )
        .into()),
        None => Ok(()),
    }
}

/// Takes up pictures that were found in the storage, as if they had been used now; known ones stay as they are.
#[tracing::instrument(name = "db.pictures.adopt", skip_all)]
pub async fn adopt(conn: &mut PgConnection, ids: &[String], at: OffsetDateTime) -> Result<u64, ProductError> {
    let adopted = sqlx::query!(
        r#"
        insert into pictures (id, used_at)
        select unnest($1::text[]), $2
            on conflict (id) do nothing
        "#,
        ids,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("adopt pictures"))?;
    Ok(adopted.rows_affected())
}

/// Dooms up to a thousand pictures that were last used before `unused_since` and that no product names. One that was
/// deleted after `deleted_since` still names its own. Returns how many.
#[tracing::instrument(name = "db.pictures.doom", skip_all)]
pub async fn doom(
    conn: &mut PgConnection,
    unused_since: OffsetDateTime,
    deleted_since: OffsetDateTime,
    at: OffsetDateTime,
) -> Result<u64, ProductError> {
    // Whoever names a picture moves `used_at`: a row that was locked meanwhile is looked at again, and left.
    let doomed = sqlx::query!(
        r#"
        update pictures
           set doomed_at = $3
         where used_at < $1 and doomed_at is null
           and id in (select p.id
                        from pictures p
                        left join (select distinct unnest(images) as id
                                     from products
                                    where images <> '{}' and (deleted_at is null or deleted_at > $2)) named
                               on named.id = p.id
                       where p.used_at < $1 and p.doomed_at is null and named.id is null
                       limit 1000)
        "#,
        unused_since,
        deleted_since,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("doom pictures"))?;
    Ok(doomed.rows_affected())
}

/// Up to a thousand pictures whose files are to be deleted.
#[tracing::instrument(name = "db.pictures.doomed", skip_all)]
pub async fn doomed(conn: &mut PgConnection) -> Result<Vec<PictureId>, ProductError> {
    let ids =
        sqlx::query_scalar!("select id from pictures where doomed_at is not null order by id limit 1000")
            .fetch_all(conn)
            .await
            .map_err(fault("list doomed pictures"))?;
    ids.iter()
        .map(|id| PictureId::parse(id).ok_or(ProductError::Corrupt("picture")))
        .collect()
}

/// Forgets a doomed picture. After its files are gone.
#[tracing::instrument(name = "db.pictures.forget", skip_all)]
pub async fn forget(conn: &mut PgConnection, id: &PictureId) -> Result<(), ProductError> {
    sqlx::query!(
        "delete from pictures where id = $1 and doomed_at is not null",
        id.as_str()
    )
    .execute(conn)
    .await
    .map_err(fault("forget a picture"))?;
    Ok(())
}
