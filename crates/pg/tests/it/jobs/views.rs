//! What people see of the queues.

use std::time::Duration;

use pg::jobs::{self, Depth, Filter, Settings, State};
use types::Clock as _;

use super::desk::{Desk, QUEUE, Reply, settings};

// JOB-3
#[tokio::test]
async fn a_queues_depth_tells_due_delayed_running_and_dead_apart() {
    let desk = Desk::open().await;
    desk.enqueue(desk.letter(1).attempts(1)).await;
    desk.answer(1, [Reply::Fail]);
    desk.letters().run_due().await.unwrap();
    desk.post(2).await;
    assert_eq!(desk.claim(1).await.len(), 1);
    desk.post(3).await;
    desk.post(4).await;
    desk.enqueue(desk.letter(5).after(Duration::from_secs(60))).await;
    desk.advance(Duration::from_secs(7));

    let now = desk.clock.now();
    let mut conn = desk.db.pool.acquire().await.unwrap();
    let depths = jobs::depths(&mut conn, now).await.unwrap();
    let expected = Depth {
        queue: QUEUE.to_owned(),
        due: 2,
        delayed: 1,
        running: 1,
        dead: 1,
        oldest: Some(now - Duration::from_secs(7)),
    };
    assert_eq!(depths, [expected]);
    assert_eq!(depths[0].age(now), Duration::from_secs(7));
}

// JOB-1
#[tokio::test]
async fn jobs_are_listed_by_state_and_queue_the_latest_first() {
    let desk = Desk::open().await;
    let ids = [desk.post(1).await, desk.post(2).await, desk.post(3).await];
    desk.claim(1).await;
    let mut conn = desk.db.pool.acquire().await.unwrap();
    let mut list = async |filter: Filter<'_>, limit| -> Vec<i64> {
        let jobs = jobs::list(&mut conn, filter, limit).await.unwrap();
        jobs.iter().map(|job| job.id).collect()
    };
    let all = Filter::default();
    assert_eq!(list(all, 10).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(list(all, 2).await, [ids[2], ids[1]]);
    assert_eq!(
        list(
            Filter {
                before: Some(ids[1]),
                ..all
            },
            10
        )
        .await,
        [ids[0]]
    );
    assert_eq!(
        list(
            Filter {
                state: Some(State::Running),
                ..all
            },
            10
        )
        .await,
        [ids[0]]
    );
    assert_eq!(
        list(
            Filter {
                queue: Some("other"),
                ..all
            },
            10
        )
        .await,
        [0_i64; 0]
    );
}

// JOB-1
#[tokio::test]
async fn what_is_done_is_kept_only_if_asked_and_only_for_a_while() {
    let desk = Desk::open().await;
    let hour = Duration::from_secs(3600);
    let keeping = Settings {
        keep_done: Some(hour),
        ..settings()
    };
    let id = desk.post(1).await;
    desk.queues(keeping)
        .with(desk.handler("letter"))
        .run_due()
        .await
        .unwrap();
    assert_eq!(desk.state(id).await, Some(State::Done));
    let now = desk.clock.now();
    assert_eq!(jobs::prune(&desk.db.pool, now).await.unwrap(), 0);
    assert_eq!(jobs::prune(&desk.db.pool, now + hour).await.unwrap(), 1);
    assert_eq!(desk.find(id).await, None);
}
