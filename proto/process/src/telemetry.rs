//! Metrics for Prometheus. Each program declares its own in one table, which is what is recorded, described and documented.

use std::fmt::Write;
use std::time::Duration;

use metrics::{Label, SharedString};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// How often observations are put into their buckets when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Something that is measured.
#[derive(Debug)]
pub struct Instrument {
    /// With its unit at the end.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it distinguishes, each with all its values.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// For people: one line.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations, counted in buckets up to these bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Instrument {
    /// Counts so many more. `labels`: a value for each label, in their order.
    pub fn add(&self, labels: &[&'static str], more: u64) {
        metrics::counter!(self.name, self.labelled(labels)).increment(more);
    }

    /// Counts up to a number that somebody else counts.
    pub fn count_to(&self, labels: &[&'static str], total: u64) {
        metrics::counter!(self.name, self.labelled(labels)).absolute(total);
    }

    /// It is this much now.
    #[allow(clippy::cast_precision_loss)] // Prometheus has no other numbers.
    pub fn set(&self, labels: &[&'static str], now: u64) {
        metrics::gauge!(self.name, self.labelled(labels)).set(now as f64);
    }

    /// One took so many seconds.
    pub fn observe(&self, labels: &[&'static str], took: Duration) {
        metrics::histogram!(self.name, self.labelled(labels)).record(took.as_secs_f64());
    }

    fn labelled(&self, values: &[&'static str]) -> Vec<Label> {
        let label = |((name, _), value): (&(&'static str, _), &&'static str)| Label::from_static_parts(name, value);
        self.labels.iter().zip(values).map(label).collect()
    }

    /// So that it is there before anything has happened; of two labels not all values come together.
    fn begin(&self) {
        let values: Vec<Vec<&'static str>> = match self.labels {
            [] => vec![Vec::new()],
            [(_, values)] => values.iter().map(|value| vec![*value]).collect(),
            _ => Vec::new(),
        };
        for values in values {
            let labels = self.labelled(&values);
            match self.kind {
                Kind::Counter => metrics::counter!(self.name, labels).increment(0),
                Kind::Gauge => metrics::gauge!(self.name, labels).increment(0.0),
                Kind::Histogram(_) => drop(metrics::histogram!(self.name, labels)),
            }
        }
    }

    fn describe(&self) {
        let help = SharedString::const_str(self.help);
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, help),
            Kind::Gauge => metrics::describe_gauge!(self.name, help),
            Kind::Histogram(_) => metrics::describe_histogram!(self.name, help),
        }
    }
}

/// Records from now on; without this nothing is. Call once.
pub fn install(table: &[&Instrument]) -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in table {
        if let Kind::Histogram(bounds) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    let handle = builder.install_recorder()?;
    for metric in table {
        metric.describe();
        metric.begin();
    }
    Ok(handle)
}

/// Keeps observations from piling up while nobody asks for them.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut due = tokio::time::interval(UPKEEP);
    loop {
        due.tick().await;
        handle.run_upkeep();
    }
}

/// A table for the documentation, in Markdown.
#[must_use]
pub fn reference(table: &[&Instrument]) -> String {
    let mut text = "| name | type | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for Instrument { name, kind, labels, help } in table {
        let label = |(label, values): &(&str, &[&str])| match values {
            [] => format!("`{label}`"),
            values => format!("`{label}`: {}", values.join(", ")),
        };
        let labels = labels.iter().map(label).collect::<Vec<_>>().join("; ");
        let _ = writeln!(text, "| `{name}` | {} | {labels} | {help} |", kind.name());
    }
    text
}
