//! The routes by which admins look after jobs.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, Answer, CARLA, Orders};

impl Orders {
    /// A mail that is dead; its job.
    async fn dead_mail(&self) -> i64 {
        self.confirmed().await;
        let sql = "update job set state = 'dead', attempts = 10, ended_at = created_at,
                                  last_error = 'the mail server refused the mail with 550' returning id";
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.unwrap()
    }

    async fn requeue(&self, user: i64, job: i64) -> Answer {
        self.post(user, &format!("/admin/jobs/{job}/requeue"), &json!({}))
            .await
    }

    async fn discard(&self, user: i64, job: i64) -> Answer {
        self.call(user, Method::DELETE, &format!("/admin/jobs/{job}"), None)
            .await
    }
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (status, code),
        "{answer:?}"
    );
}

// JOB-1
#[tokio::test]
async fn a_dead_job_is_listed_shown_and_requeued_once() {
    let shop = Orders::start().await;
    let job = shop.dead_mail().await;
    let list = shop.get(ADMIN, "/admin/jobs?state=dead&queue=mail").await;
    let shown = &list.body["jobs"][0];
    assert_eq!(
        (shown["id"].as_i64(), &shown["state"]),
        (Some(job), &json!("dead"))
    );
    assert_eq!(
        (&shown["attempts"], &shown["maxAttempts"]),
        (&json!(10), &json!(100))
    );
    assert_eq!(shown["lastError"], "the mail server refused the mail with 550");
    assert_eq!(shown["payload"]["to"], "confirmed");
    assert_eq!(&shop.get(ADMIN, &format!("/admin/jobs/{job}")).await.body, shown);

    let again = shop.requeue(ADMIN, job).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["state"]),
        (200, &json!("waiting"))
    );
    assert_eq!(again.body["attempts"], 0);
    let twice = shop.requeue(ADMIN, job).await;
    refused(&twice, 409, "job-not-dead");
    assert_eq!(twice.body["state"], "waiting");
    refused(&shop.discard(ADMIN, job).await, 409, "job-not-dead");
    shop.settled().await;
    assert_eq!(shop.mails().len(), 1);
    refused(
        &shop.get(ADMIN, &format!("/admin/jobs/{job}")).await,
        404,
        "job-not-found",
    );
    refused(&shop.requeue(ADMIN, job).await, 404, "job-not-found");
    shop.settled().await;
}

// JOB-1
#[tokio::test]
async fn a_dead_job_is_not_requeued_beside_its_successor_but_can_be_discarded() {
    let shop = Orders::start().await;
    let job = shop.dead_mail().await;
    let copy = "insert into job (queue, kind, payload, priority, run_at, max_attempts, unique_key, trace, created_at)
                select queue, kind, payload, priority, run_at, max_attempts, unique_key, trace, created_at from job";
    sqlx::query(copy).execute(&shop.db.pool).await.unwrap();
    refused(&shop.requeue(ADMIN, job).await, 409, "job-replaced");
    assert_eq!(shop.discard(ADMIN, job).await.status, 204);
    refused(&shop.discard(ADMIN, job).await, 404, "job-not-found");
    shop.settled().await;
}

// JOB-3
#[tokio::test]
async fn the_list_tells_what_each_queue_holds_and_goes_page_by_page() {
    let shop = Orders::start().await;
    for _ in 0..3 {
        shop.confirmed().await;
    }
    let first = shop.get(ADMIN, "/admin/jobs?limit=2").await;
    let empty =
        json!({"queue": "mail", "due": 3, "delayed": 0, "running": 0, "dead": 0, "oldestDueSeconds": 0});
    assert_eq!(first.body["queues"], json!([empty]));
    let ids = |answer: &Answer| -> Vec<i64> {
        let jobs = answer.body["jobs"].as_array().unwrap().iter();
        jobs.map(|job: &Value| job["id"].as_i64().unwrap()).collect()
    };
    let cursor = first.body["pagination"]["nextCursor"].as_str().unwrap();
    let second = shop
        .get(ADMIN, &format!("/admin/jobs?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second.body["pagination"]["nextCursor"], json!(null));
    let mut seen = [ids(&first), ids(&second)].concat();
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted_by(|a, b| a > b), "the latest first: {seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 3);

    refused(
        &shop
            .get(ADMIN, &format!("/admin/jobs?state=dead&cursor={cursor}"))
            .await,
        400,
        "invalid-cursor",
    );
    let wrong = shop.get(ADMIN, "/admin/jobs?state=sleeping&limit=0").await;
    refused(&wrong, 422, "invalid-request");
    assert_eq!(wrong.body["errors"].as_array().unwrap().len(), 2);
    shop.settled().await;
}

// AUT-15
#[tokio::test]
async fn only_admins_look_after_jobs() {
    let shop = Orders::start().await;
    let job = shop.dead_mail().await;
    for user in [ALICE, CARLA] {
        refused(&shop.get(user, "/admin/jobs").await, 403, "forbidden");
        refused(
            &shop.get(user, &format!("/admin/jobs/{job}")).await,
            403,
            "forbidden",
        );
        refused(&shop.requeue(user, job).await, 403, "forbidden");
        refused(&shop.discard(user, job).await, 403, "forbidden");
    }
    assert_eq!(shop.requeue(ADMIN, job).await.status, 200);
    shop.settled().await;
}
