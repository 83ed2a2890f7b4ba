use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pg::gauges::{Gauges, Reading};
use pg::outbox;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::TestClock;

use crate::harness::{NOW, database, event};

/// What one series shows, if it shows something.
fn value(handle: &PrometheusHandle, name: &str, service: &str) -> Option<f64> {
    let text = handle.render();
    let line = text
        .lines()
        .find(|line| line.starts_with(name) && line.contains(&format!("service=\"{service}\"")))?;
    let value: f64 = line.rsplit_once(' ')?.1.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        looks.tick().await;
    }
    panic!("it never came to this: {what}");
}

// EVT-1, JOB-3
#[tokio::test]
async fn one_process_counts_and_another_takes_over_when_it_ends() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _reporting = metrics::set_default_local_recorder(&recorder);
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    for order in 1..=3 {
        outbox::publish(&mut conn, event(order), &["mail"]).await.unwrap();
    }
    drop(conn);
    let clock = Arc::new(TestClock::at(NOW + Duration::from_secs(90)));
    let tracker = TaskTracker::new();
    let begin = |service: &'static str| {
        let gauges = Gauges::new(service, db.pool.clone(), Arc::<TestClock>::clone(&clock) as _);
        let stop = CancellationToken::new();
        let worker = gauges.every(Duration::from_millis(5)).work(stop.clone());
        (tracker.spawn(worker), stop)
    };

    let (first, stop_first) = begin("first");
    eventually("the first counts", || {
        value(&handle, "outbox_waiting", "first") == Some(3.0)
    })
    .await;
    assert_eq!(value(&handle, "outbox_oldest_seconds", "first"), Some(90.0));
    let (second, stop_second) = begin("second");
    eventually("the second shows its pool", || {
        value(&handle, "db_pool_limit", "second").is_some()
            && value(&handle, "db_pool_wait_seconds", "second").is_some()
    })
    .await;
    assert_eq!(
        value(&handle, "outbox_waiting", "second"),
        None,
        "only one of them counts"
    );

    stop_first.cancel();
    first.await.unwrap();
    eventually("the second takes over", || {
        value(&handle, "outbox_waiting", "second") == Some(3.0)
    })
    .await;
    stop_second.cancel();
    second.await.unwrap();
}

#[tokio::test]
async fn whoever_can_count_no_more_shows_nothing_until_it_can_again() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _reporting = metrics::set_default_local_recorder(&recorder);
    let db = database().await;
    let clock = Arc::new(TestClock::at(NOW));
    let gauges = Gauges::new("test", db.pool.clone(), clock)
        .every(Duration::from_millis(5))
        .with(|conn, _now| {
            Box::pin(async move {
                let some: i64 = sqlx::query_scalar("select count(*) from wanted")
                    .fetch_one(conn)
                    .await?;
                let gauge = metrics::gauge!("wanted", "service" => "test");
                Ok(vec![Reading(gauge, pg::gauges::count(some))])
            })
        });
    let tracker = TaskTracker::new();
    let stop = CancellationToken::new();
    let worker = tracker.spawn(gauges.work(stop.clone()));
    let waiting = || value(&handle, "outbox_waiting", "test");
    let run = async |sql: &'static str| sqlx::query(sql).execute(&db.pool).await.unwrap();

    eventually("what may be out of date is not shown", || {
        handle.render().contains("outbox_waiting{") && waiting().is_none()
    })
    .await;
    run("create table wanted (id bigint)").await;
    eventually("it counts", || value(&handle, "wanted", "test") == Some(0.0)).await;
    assert_eq!(waiting(), Some(0.0));
    run("drop table wanted").await;
    eventually("it fails again", || value(&handle, "wanted", "test").is_none()).await;
    stop.cancel();
    worker.await.unwrap();
}
