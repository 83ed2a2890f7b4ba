use std::borrow::Cow;

use futures::future::join_all;
use pg::{MigrateError, PgSettings};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Executor as _, SqlStr};

use crate::harness::database;

const HISTORY: &str = "_shop_migrations";

fn list(files: &[(i64, &'static str)]) -> Migrator {
    let migration = |&(version, sql): &(i64, &'static str)| {
        Migration::new(
            version,
            Cow::Borrowed("test"),
            MigrationType::Simple,
            SqlStr::from_static(sql),
            false,
        )
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

#[tokio::test]
async fn many_replicas_may_migrate_at_once() {
    // OPS-4
    let db = database().await;
    let shop = list(&[
        (1, "create table shops (id bigint)"),
        (2, "alter table shops add name text"),
    ]);
    assert!(pg::pending(&db.pool, &[(HISTORY, &shop)]).await.unwrap());
    let lists = [(HISTORY, &shop)];
    for done in join_all((0..8).map(|_| pg::migrate_all(&db.pool, &lists))).await {
        done.unwrap();
    }
    assert!(!pg::pending(&db.pool, &[(HISTORY, &shop)]).await.unwrap());
}

#[tokio::test]
async fn an_edited_migration_is_refused_and_named() {
    // OPS-4
    let db = database().await;
    pg::migrate(&db.pool, &list(&[(1, "create table shops (id bigint)")]))
        .await
        .unwrap();
    let refused = pg::migrate(&db.pool, &list(&[(1, "create table shops (id integer)")])).await;
    assert!(
        matches!(refused, Err(MigrateError::Edited { version: 1, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_previous_release_stays_ready_on_a_newer_database_but_does_not_migrate_it() {
    // OPS-4
    let db = database().await;
    let previous = list(&[(1, "create table shops (id bigint)")]);
    let next = list(&[
        (1, "create table shops (id bigint)"),
        (2, "alter table shops add name text"),
    ]);
    pg::migrate_all(&db.pool, &[(HISTORY, &next)]).await.unwrap();
    assert!(!pg::pending(&db.pool, &[(HISTORY, &previous)]).await.unwrap());
    let refused = pg::migrate_all(&db.pool, &[(HISTORY, &previous)]).await;
    assert!(
        matches!(refused, Err(MigrateError::NewerDatabase { version: 2, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_user_who_may_not_migrate_is_told_who_may() {
    // OPS-3, OPS-4
    let db = database().await;
    let role = format!("reader_{}", uuid::Uuid::now_v7().simple());
    let ours = format!("create role {role} login; create table shops (id bigint)");
    db.pool.execute(AssertSqlSafe(ours)).await.unwrap();
    let limited = db.url.replacen("souk@", &format!("{role}@"), 1);
    assert_ne!(limited, db.url);
    let pool = pg::connect(&PgSettings::new(limited, "test")).await.unwrap();

    // It may not make a table, or may and owns none of those that are there.
    let refused = pg::migrate(&pool, &list(&[(1, "select 1")])).await.unwrap_err();
    assert!(matches!(refused, MigrateError::Forbidden { .. }), "{refused:?}");
    let why = pg::ready(&pool, &[]).await.unwrap_err();
    assert!(why.contains("grant it the rights"), "{why}");
    let more = format!(
        "grant create on schema public to {role}; grant all on all tables in schema public to {role}"
    );
    db.pool.execute(AssertSqlSafe(more)).await.unwrap();
    pg::ready(&pool, &[]).await.unwrap();
    let refused = pg::migrate(&pool, &list(&[(1, "alter table shops add name text")])).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, MigrateError::Forbidden { .. }), "{refused:?}");
    let said = refused.to_string();
    assert!(
        said.contains("MIGRATE_ON_START=off") && said.contains("souk migrate"),
        "{said}"
    );

    pool.close().await;
    let gone = format!("drop owned by {role}; drop role {role}");
    db.pool.execute(AssertSqlSafe(gone)).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_no_lock() {
    // OPS-4
    let db = database().await;
    let broken = list(&[(1, "create table shops (id bigint); select 1 / 0")]);
    let failed = pg::migrate(&db.pool, &broken).await;
    assert!(
        matches!(failed, Err(MigrateError::Failed { version: 1, .. })),
        "{failed:?}"
    );
    pg::migrate(&db.pool, &list(&[(1, "create table shops (id bigint)")]))
        .await
        .unwrap();
}
