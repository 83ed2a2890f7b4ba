//! What the process itself takes, under the names that every Prometheus client library uses. Read from `/proc`, so it
//! is shown on Linux only.

use std::fs;
use std::time::Duration;

use metrics::Unit;

/// How long a tick of the kernel's bookkeeping is: `getconf CLK_TCK` says 100 on every Linux of today.
const TICK: Duration = Duration::from_millis(10);
/// Bytes a page, on the machines that we are built for.
const PAGE: u64 = 4_096;
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
    if let Some(taken) = processor_time(&fs::read_to_string("/proc/self/stat").unwrap_or_default()) {
        metrics::gauge!("process_cpu_seconds_total").set(taken.as_secs_f64());
    }
    if let Some(bytes) = resident_bytes(&fs::read_to_string("/proc/self/statm").unwrap_or_default()) {
        metrics::gauge!("process_resident_memory_bytes").set(bytes as f64);
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
fn processor_time(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    TICK.checked_mul(ticks()?.checked_add(ticks()?)?)
}

fn resident_bytes(statm: &str) -> Option<u64> {
    statm.split(' ').nth(1)?.parse::<u64>().ok()?.checked_mul(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read_whatever_the_process_is_called() {
        let stat =
            "7 (a) b) S 1 7 7 0 -1 4194304 900 0 3 0 150 50 0 0 20 0 9 0 12345 1000 200 18446744073709551615";
        assert_eq!(processor_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(resident_bytes("1000 200 100 5 0 50 0"), Some(819_200));
        assert_eq!((processor_time(""), resident_bytes("x")), (None, None));
    }
}
