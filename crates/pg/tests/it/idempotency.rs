use std::time::Duration;

use futures::future::join_all;
use pg::idempotency::{self, Begin, BindError, Scope, StoredAnswer};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::harness::{NOW, database};

const LEASE: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(72 * 3600);
const SCOPE: Scope<'static> = Scope {
    principal: "user:1",
    route: "POST /api/v1/orders",
    key: "k-1",
    body_hash: b"hash",
};

async fn begin(conn: &mut PgConnection, scope: &Scope<'_>, now: OffsetDateTime) -> Begin {
    idempotency::begin(conn, scope, now, LEASE, KEEP).await.unwrap()
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![("location".to_owned(), "/api/v1/orders/81".to_owned())],
        body: br#"{"id":81}"#.to_vec(),
    }
}

#[tokio::test]
async fn of_a_hundred_equal_requests_one_does_the_work() {
    // IDK-7
    let db = database().await;
    let begun = join_all((0..100).map(|_| async {
        let mut conn = db.pool.acquire().await.unwrap();
        begin(&mut conn, &SCOPE, NOW).await
    }))
    .await;
    assert_eq!(begun.iter().filter(|b| **b == Begin::New).count(), 1);
    assert_eq!(
        begun
            .iter()
            .filter(|b| matches!(b, Begin::InProgress { .. }))
            .count(),
        99
    );
}

#[tokio::test]
async fn of_many_requests_that_begin_in_their_transaction_one_works_and_the_rest_replay() {
    // IDK-4, IDK-7
    let db = database().await;
    let begun = join_all((0..30).map(|_| async {
        let mut tx = pg::begin(&db.pool).await.unwrap();
        let begun = begin(&mut tx, &SCOPE, NOW).await;
        if begun == Begin::New {
            idempotency::bind_subject(&mut tx, &SCOPE, 81).await.unwrap();
            idempotency::finish(&mut tx, &SCOPE, &answer()).await.unwrap();
        }
        tx.commit().await.unwrap();
        begun
    }))
    .await;
    assert_eq!(begun.iter().filter(|b| **b == Begin::New).count(), 1);
    assert_eq!(
        begun.iter().filter(|b| **b == Begin::Replay(answer())).count(),
        29
    );
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_frees_its_key() {
    // IDK-4
    let db = database().await;
    let mut tx = pg::begin(&db.pool).await.unwrap();
    assert_eq!(begin(&mut tx, &SCOPE, NOW).await, Begin::New);
    tx.rollback().await.unwrap();
    let mut conn = db.pool.acquire().await.unwrap();
    assert_eq!(begin(&mut conn, &SCOPE, NOW).await, Begin::New);
}

#[tokio::test]
async fn the_stored_answer_is_replayed_and_never_changes() {
    // IDK-2
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    begin(&mut conn, &SCOPE, NOW).await;
    idempotency::finish(&mut conn, &SCOPE, &answer()).await.unwrap();
    let other = StoredAnswer {
        status: 500,
        ..answer()
    };
    idempotency::finish(&mut conn, &SCOPE, &other).await.unwrap();
    assert_eq!(
        begin(&mut conn, &SCOPE, NOW + LEASE * 2).await,
        Begin::Replay(answer())
    );
}

#[tokio::test]
async fn another_body_is_a_mismatch_and_another_principal_another_request() {
    // IDK-3, IDK-6
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    begin(&mut conn, &SCOPE, NOW).await;
    idempotency::finish(&mut conn, &SCOPE, &answer()).await.unwrap();
    assert_eq!(
        begin(
            &mut conn,
            &Scope {
                body_hash: b"other",
                ..SCOPE
            },
            NOW
        )
        .await,
        Begin::Mismatch
    );
    assert_eq!(
        begin(
            &mut conn,
            &Scope {
                principal: "user:2",
                ..SCOPE
            },
            NOW
        )
        .await,
        Begin::New
    );
}

#[tokio::test]
async fn a_request_that_died_without_effect_is_done_by_the_next_one() {
    // IDK-4
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    begin(&mut conn, &SCOPE, NOW).await;
    assert!(matches!(
        begin(&mut conn, &SCOPE, NOW + LEASE / 2).await,
        Begin::InProgress { .. }
    ));
    assert_eq!(begin(&mut conn, &SCOPE, NOW + LEASE).await, Begin::New);
}

#[tokio::test]
async fn a_request_that_died_after_its_effect_is_answered_from_its_subject() {
    // IDK-4
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    begin(&mut conn, &SCOPE, NOW).await;
    idempotency::bind_subject(&mut conn, &SCOPE, 81).await.unwrap();
    assert!(matches!(
        begin(&mut conn, &SCOPE, NOW).await,
        Begin::InProgress { .. }
    ));
    assert_eq!(
        begin(&mut conn, &SCOPE, NOW + LEASE).await,
        Begin::Unfinished { subject_id: 81 }
    );
    idempotency::finish(&mut conn, &SCOPE, &answer()).await.unwrap();
    assert_eq!(
        begin(&mut conn, &SCOPE, NOW + LEASE).await,
        Begin::Replay(answer())
    );
}

#[tokio::test]
async fn a_request_that_outlived_its_lease_cannot_make_a_second_effect() {
    // IDK-7
    let db = database().await;
    let (mut slow, mut quick) = (db.pool.acquire().await.unwrap(), db.pool.acquire().await.unwrap());
    begin(&mut slow, &SCOPE, NOW).await;
    assert_eq!(begin(&mut quick, &SCOPE, NOW + LEASE).await, Begin::New);
    idempotency::bind_subject(&mut quick, &SCOPE, 82).await.unwrap();
    let late = idempotency::bind_subject(&mut slow, &SCOPE, 81).await;
    assert!(matches!(late, Err(BindError::TakenOver)));
}

#[tokio::test]
async fn an_abandoned_key_is_free_but_one_with_an_effect_is_not() {
    // IDK-5
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    begin(&mut conn, &SCOPE, NOW).await;
    idempotency::abandon(&mut conn, &SCOPE).await.unwrap();
    assert_eq!(begin(&mut conn, &SCOPE, NOW).await, Begin::New);
    idempotency::bind_subject(&mut conn, &SCOPE, 81).await.unwrap();
    idempotency::abandon(&mut conn, &SCOPE).await.unwrap();
    assert_eq!(
        begin(&mut conn, &SCOPE, NOW + LEASE).await,
        Begin::Unfinished { subject_id: 81 }
    );
}

#[tokio::test]
async fn a_key_is_kept_for_its_time_and_then_forgotten() {
    // IDK-1
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    begin(&mut conn, &SCOPE, NOW).await;
    idempotency::finish(&mut conn, &SCOPE, &answer()).await.unwrap();
    assert_eq!(
        begin(&mut conn, &SCOPE, NOW + KEEP).await,
        Begin::Replay(answer())
    );
    let other_body = Scope {
        body_hash: b"other",
        ..SCOPE
    };
    assert_eq!(
        begin(&mut conn, &other_body, NOW + KEEP + LEASE).await,
        Begin::New
    );
    assert_eq!(
        idempotency::prune(&db.pool, NOW + KEEP + LEASE * 2)
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn looking_tells_what_beginning_would_and_claims_nothing() {
    // IDK-2, IDK-3, IDK-4
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    let other = Scope {
        body_hash: b"other",
        ..SCOPE
    };
    let mut look =
        async |scope: &Scope<'_>, now| idempotency::look(&mut conn, scope, now, KEEP).await.unwrap();
    let mut conn = db.pool.acquire().await.unwrap();
    let working = Some(Begin::InProgress {
        retry_after: Duration::from_secs(1),
    });

    assert_eq!(look(&SCOPE, NOW).await, None);
    assert_eq!(begin(&mut conn, &SCOPE, NOW).await, Begin::New);
    assert_eq!(look(&SCOPE, NOW).await, working);
    assert_eq!(look(&other, NOW).await, Some(Begin::Mismatch));
    // Its process died, and has made nothing.
    assert_eq!(look(&SCOPE, NOW + LEASE).await, None);
    assert_eq!(look(&other, NOW + LEASE).await, Some(Begin::Mismatch));

    idempotency::bind_subject(&mut conn, &SCOPE, 81).await.unwrap();
    assert_eq!(look(&SCOPE, NOW).await, working);
    // It died, and has made something.
    let unfinished = Some(Begin::Unfinished { subject_id: 81 });
    assert_eq!(look(&SCOPE, NOW + LEASE).await, unfinished);

    idempotency::finish(&mut conn, &SCOPE, &answer()).await.unwrap();
    assert_eq!(look(&SCOPE, NOW + KEEP).await, Some(Begin::Replay(answer())));
    assert_eq!(look(&SCOPE, NOW + KEEP + LEASE).await, None);
    assert_eq!(begin(&mut conn, &other, NOW + KEEP + LEASE).await, Begin::New);
}
