//! A circuit breaker: after enough failures it answers at once instead of asking a neighbour that is down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use time::OffsetDateTime;
use types::Clock;

/// Calls in one window before failures count.
const ENOUGH: u32 = 5;
/// How long counts are kept before they start anew.
const WINDOW: Duration = Duration::from_secs(10);
/// How long it stays open before a trial call is let through.
const REST: Duration = Duration::from_secs(5);

/// Opens at half of at least five calls failed within ten seconds; after five seconds it lets one trial call through.
#[derive(Clone)]
pub struct Breaker {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

struct State {
    since: OffsetDateTime,
    calls: u32,
    failures: u32,
    open_until: Option<OffsetDateTime>,
    gauge: Gauge,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let since = clock.now();
        let state = State {
            since,
            calls: 0,
            failures: 0,
            open_until: None,
            gauge: Gauge::noop(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// The same breaker, shown as that of `service` towards `upstream`.
    #[must_use]
    pub fn shown(self, service: &'static str, upstream: &'static str) -> Self {
        let gauge = metrics::gauge!("breaker_open", "service" => service, "upstream" => upstream);
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.gauge = gauge;
            state.show();
        }
        self
    }

    /// Whether calls are refused now; looks only, and so leaves the trial call to whoever calls.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.is_some_and(|until| self.clock.now() < until)
    }

    /// Asks to make a call; `Err` says after how long to ask again.
    pub fn permit(&self) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match state.open_until {
            Some(until) if now < until => Err((until - now).unsigned_abs()),
            Some(_) => {
                // One trial call a rest: whoever comes next is refused until it tells how it went.
                state.open_until = Some(now + REST);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Tells how a call went.
    pub fn record(&self, succeeded: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if state.open_until.is_some() {
            state.open_until = if succeeded { None } else { Some(now + REST) };
            state.show();
            (state.since, state.calls, state.failures) = (now, 0, 0);
            return;
        }
        if now - state.since > WINDOW {
            (state.since, state.calls, state.failures) = (now, 0, 0);
        }
        state.calls += 1;
        state.failures += u32::from(!succeeded);
        if state.calls >= ENOUGH && state.failures * 2 >= state.calls {
            state.open_until = Some(now + REST);
            state.show();
        }
    }
}

impl State {
    /// Only where it changes: a call that goes well costs nothing.
    fn show(&self) {
        self.gauge.set(if self.open_until.is_some() { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use types::TestClock;

    #[test]
    fn it_opens_on_failures_rests_and_closes_on_a_success() {
        let clock = Arc::new(TestClock::at(time::macros::datetime!(2026-01-01 00:00 UTC)));
        let breaker = Breaker::new(Arc::<TestClock>::clone(&clock));
        for _ in 0..ENOUGH {
            breaker.permit().unwrap();
            breaker.record(false);
        }
        assert!(breaker.is_open());
        assert!(breaker.permit().is_err());
        clock.advance(REST);
        breaker.permit().unwrap();
        assert!(breaker.permit().is_err(), "one trial call at a time");
        breaker.record(true);
        breaker.permit().unwrap();
        assert!(!breaker.is_open());
    }

    // GW-10
    #[test]
    fn its_state_is_a_metric() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let shows = |open: u8| {
            let line = format!("breaker_open{{service=\"test\",upstream=\"other\"}} {open}\n");
            let shown = handle.render();
            assert!(shown.contains(&line), "{line}{shown}");
        };
        metrics::with_local_recorder(&recorder, || {
            let clock = Arc::new(TestClock::at(time::macros::datetime!(2026-01-01 00:00 UTC)));
            let breaker = Breaker::new(Arc::<TestClock>::clone(&clock)).shown("test", "other");
            shows(0);
            (0..ENOUGH).for_each(|_| breaker.record(false));
            shows(1);
            clock.advance(REST);
            breaker.permit().unwrap();
            shows(1);
            breaker.record(true);
            shows(0);
        });
    }
}
