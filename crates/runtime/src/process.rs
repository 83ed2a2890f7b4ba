//! What the process itself takes, under the names that every Prometheus client library uses. Read from `/proc`, so it
//! is shown on Linux only.

use std::fs;
use std::time::Duration;

use metrics::Unit;

/// Kernel ticks a second: what `getconf CLK_TCK` says on every Linux of today.
const TICKS: f64 = 100.0;
/// Bytes a page, on the machines that we are built for.
const PAGE: f64 = 4_096.0;
/// How often to look.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// Says what the series mean.
pub(crate) fn describe() {
    metrics::describe_gauge!(
        "process_cpu_seconds_total",
        Unit::Seconds,
        "Processor time that the process has taken."
    );
    metrics::describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Memory of the process that is resident."
    );
    metrics::describe_gauge!(
        "process_open_fds",
        Unit::Count,
        "File descriptors that the process has open."
    );
    metrics::describe_gauge!(
        "build_info",
        Unit::Count,
        "Always 1; its labels say which version of a service runs here."
    );
}

/// Shows what the process takes now.
pub(crate) fn show() {
    if let Some(seconds) = cpu_seconds(&fs::read_to_string("/proc/self/stat").unwrap_or_default()) {
        metrics::gauge!("process_cpu_seconds_total").set(seconds);
    }
    if let Some(bytes) = resident_bytes(&fs::read_to_string("/proc/self/statm").unwrap_or_default()) {
        metrics::gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        metrics::gauge!("process_open_fds").set(f64::from(open));
    }
}

/// Shows that `service` runs here.
pub(crate) fn show_build(service: &'static str) {
    metrics::gauge!("build_info", "service" => service, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// User and system time; the name of the process, which comes before, may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn resident_bytes(statm: &str) -> Option<f64> {
    Some(statm.split(' ').nth(1)?.parse::<f64>().ok()? * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read_whatever_the_process_is_called() {
        let stat =
            "7 (a) b) S 1 7 7 0 -1 4194304 900 0 3 0 150 50 0 0 20 0 9 0 12345 1000 200 18446744073709551615";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_bytes("1000 200 100 5 0 50 0"), Some(819_200.0));
        assert_eq!((cpu_seconds(""), resident_bytes("x")), (None, None));
    }
}
