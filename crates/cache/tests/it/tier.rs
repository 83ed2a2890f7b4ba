use std::sync::atomic::Ordering;

use cache::testing::RedisServer;
use cache::{Loaded, redis};
use tokio::sync::Notify;

use crate::eventually;
use crate::process::{LIFE, Truth, pair, tag};

// GW-CACHE-4
#[tokio::test]
async fn a_purge_in_one_process_drops_what_another_has_kept() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    assert_eq!((one.get(1, &truth).await, other.get(1, &truth).await), (1, 1));
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    assert_eq!(one.get(1, &truth).await, 2, "a writer reads its own write");
    // The other's clock stands, so that no time to live can have done it.
    eventually("the other process has heard", async || {
        (other.get(1, &truth).await == 2).then_some(())
    })
    .await;
}

// CAT-10
#[tokio::test]
async fn what_was_read_before_a_purge_is_not_found_by_another_process_after_it() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let (begun, go_on) = (Notify::new(), Notify::new());
    let truth = Truth::new(1);
    // The other process reads, and is slow to write down what it read.
    let load = || async {
        let value = truth.load(Ordering::SeqCst);
        begun.notify_one();
        go_on.notified().await;
        Ok::<_, ()>(Loaded::new(value))
    };
    let tags = [tag(2)];
    let slow = other.cache.get_or_load(2, &tags, load);
    let writer = async {
        begun.notified().await;
        truth.store(2, Ordering::SeqCst);
        one.purge(2).await;
        go_on.notify_one();
        // Heard meanwhile, the purge makes it look again.
        go_on.notify_one();
    };
    let (seen, ()) = tokio::join!(slow, writer);
    seen.unwrap();
    for _ in 0..20 {
        assert_eq!(one.get(2, &truth).await, 2);
        one.clock.advance(LIFE);
        tokio::task::yield_now().await;
    }
}

// GW-CACHE-4
#[tokio::test]
async fn where_no_message_comes_the_time_to_live_is_the_bound() {
    let mut server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    other.get(1, &truth).await;
    server.kill();
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    assert_eq!(one.get(1, &truth).await, 2);
    other.clock.advance(LIFE);
    assert_eq!(
        other.get(1, &truth).await,
        2,
        "nobody told it, and it went on without Redis"
    );
}

// CAT-10
#[tokio::test]
async fn a_redis_that_comes_back_with_what_was_purged_is_not_believed() {
    let mut server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    other.get(1, &truth).await;
    // It is in Redis, and Redis on a disk.
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SAVE")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    server.kill();
    server.restart();
    // As long as it takes until Redis is used again, and then some.
    let mut after = 0;
    eventually("the tier is shared again", async || {
        assert_eq!(one.get(1, &truth).await, 2, "what it purged does not come back");
        one.clock.advance(LIFE);
        after += u32::from(one.caches_share(&other).await);
        (after > 20).then_some(())
    })
    .await;
}

// CAT-10
#[tokio::test]
async fn a_purge_that_did_not_reach_redis_does_not_let_the_writer_read_what_is_old() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    other.get(1, &truth).await;
    // Only the writer is cut off: the other's value stays where it is.
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let pause = redis::cmd("CLIENT").arg("PAUSE").arg(300).arg("WRITE").to_owned();
    pause.query_async::<()>(&mut connection).await.unwrap();
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    let mut after = 0;
    eventually("the tier is shared again", async || {
        assert_eq!(one.get(1, &truth).await, 2);
        one.clock.advance(LIFE);
        after += u32::from(one.caches_share(&other).await);
        (after > 20).then_some(())
    })
    .await;
}
