//! Figures for Prometheus, in its text format 0.0.4.

use std::fmt::Write;

use storeward_base::Timestamp;
use storeward_edge::access::{AccessStats, LATENCY_BOUNDS_US, Totals, Verdict};

use crate::status::SystemStatus;

/// A text under construction. Names and label names are fixed texts of ours; label values are escaped.
#[derive(Debug, Default)]
pub struct MetricsText(String);

impl MetricsText {
    /// Begins a metric. `kind` is `counter`, `gauge` or `histogram`.
    pub fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail, here and below.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One value of the metric begun last.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A metric with one value.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.metric(name, kind, help);
        self.value(name, &[], value);
    }

    pub fn into_text(self) -> String {
        self.0
    }

    fn histogram(&mut self, name: &str, help: &str, counts: &[u64], sum_us: u64) {
        self.metric(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut so_far = 0u64;
        for (count, bound) in counts.iter().zip(LATENCY_BOUNDS_US) {
            so_far = so_far.saturating_add(*count);
            self.value(&bucket, &[("le", &seconds(bound))], so_far);
        }
        let all: u64 = counts.iter().sum();
        self.value(&bucket, &[("le", "+Inf")], all);
        self.value(&format!("{name}_sum"), &[], seconds(sum_us));
        self.value(&format!("{name}_count"), &[], all);
    }
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// What the traffic and the program's state say.
pub fn write_own(
    text: &mut MetricsText,
    totals: &Totals,
    stats: &AccessStats,
    status: &SystemStatus,
    bans: usize,
    now: Timestamp,
) {
    write_traffic(text, totals);
    let lost = [
        (
            "storeward_access_records_dropped_total",
            "Access records lost because the queue was full.",
            stats.dropped,
        ),
        (
            "storeward_access_write_errors_total",
            "Blocks of access records that could not be written.",
            stats.write_errors,
        ),
    ];
    for (name, help, count) in lost {
        text.single(name, "counter", help, count);
    }
    text.single("storeward_bans_active", "gauge", "Clients that may not come in now.", bans);
    text.single(
        "storeward_events_dropped_total",
        "counter",
        "Events lost because a queue was full.",
        status.events_dropped,
    );
    text.single(
        "storeward_inspection_failures_total",
        "counter",
        "Requests let through because the inspection failed on them.",
        status.inspection_failures,
    );
    text.metric("storeward_upstream_up", "gauge", "Whether the shop answers.");
    for upstream in &status.upstreams {
        let up = u8::from(upstream.answers == Some(true));
        text.value("storeward_upstream_up", &[("upstream", &upstream.name)], up);
    }
    text.metric("storeward_certificate_expiry_seconds", "gauge", "Unix time at which a certificate ends.");
    for certificate in &status.certificates {
        let names = certificate.names.join(",");
        let ends = certificate.not_after.seconds();
        text.value("storeward_certificate_expiry_seconds", &[("names", &names)], ends);
    }
    text.metric("storeward_build_info", "gauge", "Always 1; the version is its label.");
    text.value("storeward_build_info", &[("version", &status.version)], 1);
    let uptime = now.since(status.started_at).as_secs();
    text.single("storeward_uptime_seconds", "gauge", "Seconds since the start.", uptime);
    let started = status.started_at.seconds();
    text.single("process_start_time_seconds", "gauge", "Start of the process since the Unix epoch.", started);
    write_process(text);
}

fn write_traffic(text: &mut MetricsText, totals: &Totals) {
    text.metric("storeward_requests_total", "counter", "Requests by verdict.");
    for verdict in Verdict::ALL {
        let count = totals.of(verdict);
        text.value("storeward_requests_total", &[("verdict", verdict.name())], count);
    }
    text.metric("storeward_responses_total", "counter", "Answers by class of status.");
    for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(totals.by_class) {
        text.value("storeward_responses_total", &[("class", class)], count);
    }
    let bytes = [
        ("storeward_request_bytes_total", "Bytes of requests.", totals.request_bytes),
        ("storeward_response_bytes_total", "Bytes of answers.", totals.response_bytes),
    ];
    for (name, help, count) in bytes {
        text.single(name, "counter", help, count);
    }
    text.histogram(
        "storeward_request_duration_seconds",
        "From the first byte of a request to the last of its answer.",
        &totals.latency,
        totals.latency_sum_us,
    );
    text.histogram(
        "storeward_upstream_duration_seconds",
        "Waiting for the shop.",
        &totals.upstream_latency,
        totals.upstream_latency_sum_us,
    );
}

/// Memory and threads, where the kernel tells (Linux proc(5)).
fn write_process(text: &mut MetricsText) {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    if let Some(kib) = number("VmRSS:") {
        let bytes = kib.saturating_mul(1_024);
        text.single("process_resident_memory_bytes", "gauge", "Memory in use.", bytes);
    }
    if let Some(threads) = number("Threads:") {
        text.single("process_threads", "gauge", "Threads.", threads);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.single("process_open_fds", "gauge", "Open file descriptors.", open.count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_add_up_and_labels_cannot_break_out() {
        let mut text = MetricsText::default();
        let mut totals = Totals { latency_sum_us: 1_500_000, ..Totals::default() };
        totals.latency[0] = 3;
        totals.latency[LATENCY_BOUNDS_US.len()] = 1;
        let status = SystemStatus { version: "1\"}\n# evil".into(), ..SystemStatus::default() };
        write_own(&mut text, &totals, &AccessStats::default(), &status, 2, Timestamp::from_seconds(10));
        let text = text.into_text();
        assert!(text.contains("storeward_request_duration_seconds_bucket{le=\"0.000500\"} 3\n"));
        assert!(text.contains("storeward_request_duration_seconds_bucket{le=\"+Inf\"} 4\n"));
        assert!(text.contains("storeward_request_duration_seconds_sum 1.500000\n"));
        assert!(text.contains("storeward_build_info{version=\"1\\\"}\\n# evil\"} 1\n"));
        assert!(text.contains("storeward_bans_active 2\n"));
    }
}
