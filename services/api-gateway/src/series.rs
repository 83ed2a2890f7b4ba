//! What the gateway shows of itself, besides its requests and breakers.

use metrics::Unit;

use crate::NAME;
use crate::policy::Policy;

/// Says what the series mean, and starts them at nothing: one that began with its first event would show no increase.
pub(crate) fn begin() {
    metrics::describe_counter!(
        "gateway_rate_limited_total",
        Unit::Count,
        "Requests that the rate limiter refused, by policy."
    );
    for policy in Policy::ALL {
        metrics::counter!("gateway_rate_limited_total", "service" => NAME, "policy" => policy.name())
            .increment(0);
    }
}
