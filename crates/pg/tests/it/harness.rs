//! What the tests of this crate share: a database, a moment, an event.

use pg::outbox::NewEvent;
use pg::testing::TestDb;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

/// The moment at which every test begins.
pub const NOW: OffsetDateTime = datetime!(2030-01-01 12:00 UTC);

/// A database with this crate's tables.
pub async fn database() -> TestDb {
    TestDb::create("pg", async |pool| pg::migrate_all(pool, &[]).await.unwrap()).await
}

/// An event of order `id`.
pub fn event(id: i64) -> NewEvent<'static> {
    NewEvent {
        event_type: "order.paid.v1",
        aggregate: "order",
        aggregate_id: id,
        payload: json!({ "orderId": id }),
        occurred_at: NOW,
        actor: "customer:1",
        trace: "",
        causation: None,
    }
}
