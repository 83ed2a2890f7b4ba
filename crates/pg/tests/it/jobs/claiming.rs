//! Which jobs are taken, in which order, and by how many.

use std::time::Duration;

use futures::future::join_all;
use pg::jobs::{self, NewJob, Priority, Wanted};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;

use super::desk::{Desk, LEASE, QUEUE};
use crate::harness::NOW;

// JOB-1
#[tokio::test]
async fn higher_priorities_go_first_and_then_what_has_waited_longest() {
    let desk = Desk::open().await;
    let letter = |n, priority| desk.letter(n).priority(priority);
    for job in [
        letter(1, Priority::Low),
        letter(2, Priority::Normal),
        letter(3, Priority::High),
        letter(4, Priority::Normal),
        letter(5, Priority::High),
    ] {
        desk.enqueue(job).await;
    }
    let numbers = |jobs: Vec<jobs::Job>| -> Vec<i64> {
        jobs.iter()
            .map(|job| job.payload["n"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(numbers(desk.claim(3).await), [3, 5, 2]);
    assert_eq!(numbers(desk.claim(3).await), [4, 1]);
}

// JOB-1
#[tokio::test]
async fn a_delayed_job_waits_for_its_time() {
    let desk = Desk::open().await;
    desk.enqueue(
        desk.letter(1)
            .after(Duration::from_secs(60))
            .priority(Priority::High),
    )
    .await;
    desk.post(2).await;
    assert_eq!(desk.letters().run_due().await.unwrap(), 1);
    desk.advance(Duration::from_secs(59));
    assert_eq!(desk.letters().run_due().await.unwrap(), 0);
    desk.advance(Duration::from_secs(1));
    assert_eq!(desk.letters().run_due().await.unwrap(), 1);
    assert_eq!(desk.numbers(), [2, 1]);
}

// JOB-1
#[tokio::test]
async fn claims_at_the_same_time_share_no_job() {
    let desk = Desk::open().await;
    let mut conn = desk.db.pool.acquire().await.unwrap();
    jobs::enqueue_many(&mut conn, (0..200).map(|n| desk.letter(n)).collect())
        .await
        .unwrap();
    drop(conn);
    let mut seen = std::collections::HashSet::new();
    loop {
        let claims: Vec<_> = join_all((0..6).map(|_| desk.claim(7)))
            .await
            .into_iter()
            .flatten()
            .collect();
        if claims.is_empty() {
            break;
        }
        for job in claims {
            assert!(seen.insert(job.id), "job {} was given out twice", job.id);
        }
    }
    assert_eq!(seen.len(), 200);
}

// JOB-2
#[tokio::test]
async fn each_kind_gets_what_it_has_room_for_whatever_the_others_have() {
    let desk = Desk::open().await;
    let job = |kind, n| NewJob::new(QUEUE, kind, json!({ "n": n }), NOW);
    for n in 0..50 {
        desk.enqueue(job("slow", n)).await;
    }
    desk.enqueue(job("quick", 100)).await;
    let wanted = ["slow", "quick", "unknown"].map(|kind| Wanted {
        queue: QUEUE,
        kind,
        room: 3,
    });
    let claimed = jobs::claim(&desk.db.pool, &wanted, NOW, LEASE).await.unwrap();
    let of = |kind| claimed.iter().filter(|job| job.kind == kind).count();
    assert_eq!((of("slow"), of("quick")), (3, 1));
}

// JOB-1
#[tokio::test]
async fn a_claim_reads_what_is_due_and_not_what_waits_for_tomorrow() {
    let desk = Desk::open().await;
    let day = Duration::from_secs(24 * 3600);
    // One connection, so that its counts can be flushed.
    let one = PgPoolOptions::new().max_connections(1);
    let pool = one.connect(&desk.db.url).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    for priority in [Priority::High, Priority::Normal, Priority::Low] {
        let delayed = (0..2_000).map(|n| desk.letter(n).after(day).priority(priority));
        jobs::enqueue_many(&mut conn, delayed.collect()).await.unwrap();
    }
    sqlx::query("analyze job").execute(&mut *conn).await.unwrap();
    drop(conn);
    let blocks = async || -> i64 {
        let mut conn = pool.acquire().await.unwrap();
        sqlx::query("select pg_stat_force_next_flush()")
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query_scalar(
            "select (sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit))::bigint
               from pg_statio_user_tables where relname = 'job'",
        )
        .fetch_one(&mut *conn)
        .await
        .unwrap()
    };
    let before = blocks().await;
    let wanted = [Wanted {
        queue: QUEUE,
        kind: "letter",
        room: 10,
    }];
    assert!(jobs::claim(&pool, &wanted, NOW, LEASE).await.unwrap().is_empty());
    let read = blocks().await - before;
    assert!((1..20).contains(&read), "{read} blocks for nothing that is due");
}
