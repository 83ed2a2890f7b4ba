//! What an engine reports.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use saga::{By, Desk, Intervention};
use tokio_util::sync::CancellationToken;

use crate::harness::{Office, Reply, eventually};
use crate::trip::Trip;

/// The value of one series, if it was reported.
fn value(handle: &PrometheusHandle, series: &str) -> Option<f64> {
    let text = handle.render();
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

// SAG-8, SAG-10
#[tokio::test]
async fn starts_ends_interventions_and_durations_are_counted_and_what_is_stuck_is_shown() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _reporting = metrics::set_default_local_recorder(&recorder);
    let office = Office::open().await;
    office.world.next("run", "pay", Reply::Refuse);
    office.go(1).await;
    for subject in 2..=4 {
        office.world.next("run", "flight", Reply::Divert);
        office.go(subject).await;
    }
    office.go(5).await;
    office.pay(5).await;
    office.engine.run_due().await.unwrap();
    let mut conn = office.db.pool.acquire().await.unwrap();
    let by = By {
        actor: "operator".to_owned(),
        note: "it flies again".to_owned(),
        request_id: None,
        network: None,
    };
    let (id, now) = (office.find(4).await.id, office.world.now());
    let desk = Desk::new("test").with::<Trip>();
    desk.intervene(&mut conn, id, Intervention::Abandon, &by, now)
        .await
        .unwrap();
    office.engine.run_due().await.unwrap();

    let ended = |end: &str| format!(r#"saga_ended_total{{service="test",saga="trip",end="{end}"}}"#);
    for (series, count) in [
        (
            r#"saga_started_total{service="test",saga="trip"}"#.to_owned(),
            5.0,
        ),
        (ended("done"), 1.0),
        (ended("undone"), 2.0),
        (ended("stuck"), 3.0),
        (
            r#"saga_interventions_total{service="test",saga="trip",what="abandon"}"#.to_owned(),
            1.0,
        ),
        (
            r#"saga_step_seconds_count{service="test",saga="trip",step="ticket"}"#.to_owned(),
            1.0,
        ),
    ] {
        assert_eq!(
            value(&handle, &series),
            Some(count),
            "{series}\n{}",
            handle.render()
        );
    }

    office.clock.advance(Duration::from_secs(90));
    let stop = CancellationToken::new();
    let worker = office.tracker.spawn(office.engine.clone().work(stop.clone()));
    let stuck = r#"saga_stuck{service="test",saga="trip"}"#;
    eventually("the stuck ones are shown", async || {
        value(&handle, stuck) == Some(2.0)
    })
    .await;
    let age = r#"saga_oldest_age_seconds{service="test",saga="trip"}"#;
    assert_eq!(value(&handle, age), Some(90.0));
    let told = "# HELP saga_stuck Sagas that wait for a person.";
    assert!(handle.render().contains(told), "{}", handle.render());
    stop.cancel();
    worker.await.unwrap();
}
