//! Logs as JSON lines, and metrics in Prometheus's format. The subscriber and the recorder are the two things
//! that a process has once.

use std::fmt;
use std::sync::OnceLock;

use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use types::{Clock, SystemClock};

use crate::config::Settings;
use crate::{context, process};

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Upper bounds of the duration histograms, in seconds.
const BUCKETS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of the histograms of how many were done together; their names end in `_per_commit`.
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Installs logs (JSON lines to standard error, `LOG_FILTER` as in `RUST_LOG`, or `filter`) and, unless `METRICS` is
/// off, metrics. A second call changes nothing.
pub fn init(settings: &mut Settings, filter: &str) {
    let wanted = settings.text("LOG_FILTER", filter);
    if let Err(why) = EnvFilter::try_new(&wanted) {
        settings.refuse(
            "LOG_FILTER",
            format!("`{wanted}` is no filter such as info or warn,pg=debug: {why}"),
        );
    }
    init_logs(&wanted);
    if settings.flag("METRICS", true) {
        init_metrics();
    }
}

/// Installs the logs alone.
pub fn init_logs(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .event_format(JsonLines)
        .with_writer(std::io::stderr)
        .try_init();
    if logs.is_err() {
        tracing::debug!("logs were set up before");
    }
}

/// Installs the metrics recorder alone. A second call changes nothing.
pub fn init_metrics() {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets(&BUCKETS)
            .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_per_commit".to_owned()), &SIZES))
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder was installed before; /metrics stays empty");
        }
        process::describe();
        metrics::describe_gauge!(
            "breaker_open",
            Unit::Count,
            "1 while a circuit breaker refuses calls to an upstream, 0 otherwise."
        );
        handle
    });
}

/// All series, as Prometheus scrapes them.
#[must_use]
pub fn render_metrics() -> String {
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Folds histogram samples now and then, so that they do not pile up between two scrapes.
pub(crate) async fn upkeep(stop: CancellationToken) {
    let Some(metrics) = METRICS.get() else { return };
    loop {
        process::show();
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(process::EVERY) => {}
        }
        metrics.run_upkeep();
    }
}

/// One JSON object a line: time, level, service, request id and trace id from the task's context, the message,
/// the event's fields.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        line.insert("time".to_owned(), types::rfc3339(SystemClock.now()).into());
        line.insert(
            "level".to_owned(),
            event.metadata().level().as_str().to_ascii_lowercase().into(),
        );
        if let Some(context) = context::current() {
            line.insert("service".to_owned(), context.service.into());
            line.insert("requestId".to_owned(), context.request_id.into());
            line.insert("traceId".to_owned(), context.trace_id.into());
        }
        event.record(&mut Fields(&mut line));
        line.insert("target".to_owned(), event.metadata().target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
