//! What the service shows of itself.

use std::sync::Arc;

use metrics::Unit;
use pg::gauges::Gauges;
use runtime::Clock;
use sqlx::PgPool;

use crate::NAME;

/// Shows gauges until told to stop.
pub(crate) fn gauges(db: PgPool, clock: Arc<dyn Clock>) -> Gauges {
    describe();
    begin();
    Gauges::new(NAME, db, clock)
}

/// Counters start at nothing: one that began with its first event would show no increase.
fn begin() {
    for result in ["ok", "refused"] {
        metrics::counter!("sign_ins_total", "service" => NAME, "result" => result).increment(0);
    }
    metrics::counter!("refresh_token_reuse_total", "service" => NAME).increment(0);
    metrics::counter!("password_hashes_refused_total", "service" => NAME).increment(0);
}

/// Says what the series mean.
fn describe() {
    use metrics::describe_counter;
    describe_counter!(
        "sign_ins_total",
        Unit::Count,
        "Attempts to sign in, by result: ok or refused."
    );
    describe_counter!(
        "refresh_token_reuse_total",
        Unit::Count,
        "Used refresh tokens that came back; each ended its session."
    );
    describe_counter!(
        "password_hashes_refused_total",
        Unit::Count,
        "Passwords that were not looked at because too many were being hashed."
    );
}
