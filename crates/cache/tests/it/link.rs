use std::time::{Duration, Instant};

use cache::testing::RedisServer;
use cache::{NoRedis, Redis, RedisUrl, redis};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::eventually;

async fn open(url: &str) -> Redis {
    let url = RedisUrl::parse(url).unwrap();
    Redis::open(&url, "test", &TaskTracker::new(), &CancellationToken::new()).await
}

async fn add(redis: &Redis) -> Result<i64, NoRedis> {
    let run = async |mut connection| redis::cmd("INCR").arg("n").query_async(&mut connection).await;
    redis.run(run).await
}

// GW-6
#[tokio::test]
async fn a_redis_that_comes_goes_and_comes_again_is_followed_and_shown() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _shown = metrics::set_default_local_recorder(&recorder);
    let shows = |connected: u8| {
        let line = format!("redis_connected{{service=\"test\"}} {connected}\n");
        assert!(handle.render().contains(&line), "{line}{}", handle.render());
    };
    let mut server = RedisServer::start();
    server.kill();
    let redis = open(&server.url()).await;
    assert_eq!(
        add(&redis).await,
        Err(NoRedis),
        "down at the start is no refusal to start"
    );
    shows(0);
    server.restart();
    eventually("Redis is found", async || add(&redis).await.ok()).await;
    shows(1);
    server.kill();
    eventually("Redis is missed", async || add(&redis).await.err()).await;
    shows(0);
    server.restart();
    let counted = eventually("Redis is found again", async || add(&redis).await.ok()).await;
    assert_eq!(counted, 1, "it remembers nothing");
}

#[tokio::test]
async fn a_dead_redis_costs_a_caller_next_to_nothing() {
    let mut server = RedisServer::start();
    server.kill();
    let redis = open(&server.url()).await;
    let began = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(add(&redis).await, Err(NoRedis));
    }
    assert!(
        began.elapsed() < Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_redis_that_falls_silent_keeps_only_those_waiting_who_had_asked() {
    let server = RedisServer::start();
    let redis = open(&server.url()).await;
    eventually("Redis is found", async || add(&redis).await.ok()).await;
    let pause = async |mut connection| {
        redis::cmd("CLIENT")
            .arg("PAUSE")
            .arg(2_000)
            .query_async::<()>(&mut connection)
            .await
    };
    redis.run(pause).await.unwrap();
    let began = Instant::now();
    assert_eq!(add(&redis).await, Err(NoRedis));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(add(&redis).await, Err(NoRedis));
    assert!(
        began.elapsed() < Duration::from_millis(50),
        "{:?}",
        began.elapsed()
    );
    eventually("Redis is found again", async || add(&redis).await.ok()).await;
}

#[tokio::test]
async fn an_address_with_rediss_is_spoken_to_in_tls() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://{}", listener.local_addr().unwrap());
    let heard = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first)
            .await
            .unwrap();
        first
    };
    let (redis, heard) = futures::join!(open(&url), heard);
    assert_eq!(heard, [22], "a handshake");
    assert_eq!(add(&redis).await, Err(NoRedis));
}
