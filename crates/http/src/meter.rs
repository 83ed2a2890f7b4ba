//! The series of a service's requests. Each is looked up once and kept: a request then costs two reads of a table and
//! two additions, whatever the recorder does with labels.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Method;
use metrics::{Counter, Gauge, Histogram, Unit};

/// Counts and times the requests of one service.
pub(crate) struct Meter {
    service: &'static str,
    running: Gauge,
    routes: RwLock<HashMap<Box<str>, Arc<Route>>>,
}

/// What is known of one route template: few methods, each with few statuses.
#[derive(Default)]
struct Route(RwLock<Vec<(&'static str, u16, Counter, Histogram)>>);

/// A request under way; it is over when this is dropped, also where the client has gone away.
pub(crate) struct Running<'m>(&'m Gauge);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl Meter {
    pub(crate) fn new(service: &'static str) -> Self {
        metrics::describe_counter!(
            "http_requests_total",
            Unit::Count,
            "Requests that were answered, by route template, method and status."
        );
        metrics::describe_histogram!(
            "http_request_seconds",
            Unit::Seconds,
            "Time from a request's head to its answer's head, by route template and method."
        );
        metrics::describe_gauge!(
            "http_requests_running",
            Unit::Count,
            "Requests that are being answered."
        );
        Self {
            service,
            running: metrics::gauge!("http_requests_running", "service" => service),
            routes: RwLock::default(),
        }
    }

    pub(crate) fn running(&self) -> Running<'_> {
        self.running.increment(1.0);
        Running(&self.running)
    }

    /// Counts a request. `route` is a template, of which there are few (GW-15).
    pub(crate) fn note(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let (counter, histogram) = self.series(route, known(method), status);
        counter.increment(1);
        histogram.record(took);
    }

    fn series(&self, template: &str, method: &'static str, status: u16) -> (Counter, Histogram) {
        let route = self.route(template);
        let find = |seen: &[(&'static str, u16, Counter, Histogram)]| {
            let found = seen.iter().find(|(m, s, ..)| (*m, *s) == (method, status));
            found.map(|(_, _, counter, histogram)| (counter.clone(), histogram.clone()))
        };
        let seen = route.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&seen) {
            return found;
        }
        drop(seen);
        let mut seen = route.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&seen) {
            return found;
        }
        let (service, template) = (self.service, template.to_owned());
        let counter = metrics::counter!(
            "http_requests_total",
            "service" => service, "route" => template.clone(), "method" => method, "status" => status.to_string()
        );
        let histogram = metrics::histogram!(
            "http_request_seconds", "service" => service, "route" => template, "method" => method
        );
        seen.push((method, status, counter.clone(), histogram.clone()));
        (counter, histogram)
    }

    fn route(&self, template: &str) -> Arc<Route> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(template) {
            return Arc::clone(route);
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(template.into()).or_default())
    }
}

/// A made-up method must not make a series.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
