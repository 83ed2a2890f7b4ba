use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::sync::Notify;
use types::TestClock;

use super::*;

type TestCache = Cache<u32, usize>;

fn cache(bound: u64) -> (TestCache, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(OffsetDateTime::UNIX_EPOCH));
    let caches = Caches::new(
        "test",
        Duration::from_secs(1),
        Arc::<TestClock>::clone(&clock) as _,
    );
    (caches.cache("things", bound), clock)
}

fn tags(key: u32) -> [Tag; 1] {
    [Tag::of("key", key)]
}

/// Loads how often it was loaded, tagged with its key.
async fn get(cache: &TestCache, key: u32, loads: &AtomicUsize) -> usize {
    let load = || async {
        let value = loads.fetch_add(1, Ordering::SeqCst) + 1;
        Ok::<_, ()>(Loaded::new(value))
    };
    *cache.get_or_load(key, &tags(key), load).await.unwrap()
}

#[tokio::test]
async fn an_entry_is_kept_for_its_time_and_no_longer() {
    let (cache, clock) = cache(10);
    let loads = AtomicUsize::new(0);
    assert_eq!(get(&cache, 1, &loads).await, 1);
    clock.advance(Duration::from_millis(999));
    assert_eq!(get(&cache, 1, &loads).await, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&cache, 1, &loads).await, 2);
}

// GW-CACHE-4
#[tokio::test]
async fn a_purge_drops_what_has_the_tag_and_nothing_else() {
    let (cache, _clock) = cache(10);
    let loads = AtomicUsize::new(0);
    assert_eq!(
        (get(&cache, 1, &loads).await, get(&cache, 2, &loads).await),
        (1, 2)
    );
    cache.of.purge(Tag::of("key", 1));
    assert_eq!(
        (get(&cache, 1, &loads).await, get(&cache, 2, &loads).await),
        (3, 2)
    );
}

// CAT-10
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_misses_at_once_are_one_load() {
    let (cache, _clock) = cache(10);
    let loads = AtomicUsize::new(0);
    let values = join_all((0..1_000).map(|_| get(&cache, 1, &loads))).await;
    assert!(values.into_iter().all(|v| v == 1));
}

// CAT-10
#[tokio::test]
async fn what_was_read_before_a_purge_does_not_come_back_after_it() {
    let (cache, _clock) = cache(10);
    let (truth, begun, go_on) = (AtomicUsize::new(1), Notify::new(), Notify::new());
    let tags = tags(1);
    let slow = cache.get_or_load(1, &tags, || async {
        let value = truth.load(Ordering::SeqCst);
        begun.notify_one();
        go_on.notified().await;
        Ok::<_, ()>(Loaded::new(value))
    });
    let writer = async {
        begun.notified().await;
        truth.store(2, Ordering::SeqCst);
        cache.of.purge(Tag::of("key", 1));
        go_on.notify_one();
        go_on.notify_one();
        begun.notified().await;
        go_on.notify_one();
    };
    let (seen, ()) = futures::join!(slow, writer);
    assert_eq!(
        seen.as_deref(),
        Ok(&2),
        "the reader loads again: its first look was before the write"
    );
    let loads = AtomicUsize::new(90);
    assert_eq!(get(&cache, 1, &loads).await, 2);
}

#[tokio::test]
async fn an_error_is_given_to_all_who_wait_and_not_kept() {
    let (cache, _clock) = cache(10);
    let failing = || async { Err::<Loaded<usize>, _>("no") };
    assert_eq!(cache.get_or_load(1, &tags(1), failing).await, Err(Arc::new("no")));
    assert_eq!(get(&cache, 1, &AtomicUsize::new(0)).await, 1);
}

// CAT-10
#[tokio::test]
async fn what_may_soon_be_otherwise_is_kept_as_briefly_as_its_load_says() {
    let (cache, clock) = cache(10);
    let nothing = || async { Ok::<_, ()>(Loaded::briefly(0, Duration::from_millis(250))) };
    assert_eq!(*cache.get_or_load(1, &tags(1), nothing).await.unwrap(), 0);
    clock.advance(Duration::from_millis(249));
    let loads = AtomicUsize::new(0);
    assert_eq!(get(&cache, 1, &loads).await, 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(get(&cache, 1, &loads).await, 1);
}

// API4
#[tokio::test]
async fn many_keys_do_not_grow_it_beyond_its_bound() {
    let (cache, _clock) = cache(100);
    let loads = AtomicUsize::new(0);
    for key in 0..2_000 {
        get(&cache, key, &loads).await;
    }
    cache.entries.run_pending_tasks().await;
    assert!(cache.entries.entry_count() <= 100);
}

// GW-CACHE-3
#[tokio::test]
async fn reads_are_counted_as_hits_and_misses_and_one_load_is_one_miss() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let (cache, clock) = cache(10);
    let loads = AtomicUsize::new(0);
    join_all((0..10).map(|_| get(&cache, 1, &loads))).await;
    get(&cache, 2, &loads).await;
    clock.advance(Duration::from_secs(1));
    get(&cache, 1, &loads).await;
    let shown = handle.render();
    for (result, count) in [("hit", 9), ("miss", 3)] {
        let line =
            format!("cache_reads_total{{service=\"test\",cache=\"things\",result=\"{result}\"}} {count}\n");
        assert!(shown.contains(&line), "{line}{shown}");
    }
}
