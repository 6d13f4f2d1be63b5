//! The last warnings and errors of this process, for clients that watch.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use patchsweep_core::events::{LogEvent, MOST_EVENTS, MOST_TEXT};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The last [`MOST_EVENTS`] warnings and errors. Clones share them; [`Self::layer`] fills them.
#[derive(Clone, Debug, Default)]
pub struct RecentLog {
    events: Arc<Mutex<VecDeque<LogEvent>>>,
}

impl RecentLog {
    /// None so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a subscriber needs to keep its warnings and errors here, whatever its log shows.
    #[must_use]
    pub fn layer<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> + use<S> {
        EventLayer { recent: self.clone() }.with_filter(LevelFilter::WARN)
    }

    /// Oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<LogEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, event: LogEvent) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == MOST_EVENTS {
            events.pop_front();
        }
        events.push_back(event);
    }
}

/// A log of what this thread says until the other part goes.
///
/// One subscriber alone decides for the thread that comes first to a message, whether any thread says it from then on: tests side by side
/// would silence each other. So there is another one.
#[cfg(test)]
pub(super) fn of_this_thread() -> (RecentLog, (tracing::subscriber::DefaultGuard, tracing::Dispatch)) {
    use tracing_subscriber::layer::SubscriberExt as _;

    let other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let log = RecentLog::new();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.layer()));
    (log, (guard, other))
}

struct EventLayer {
    recent: RecentLog,
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for EventLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields.about);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(about) = span.extensions().get::<About>() {
                fields.about.narrow(about);
            }
        }
        event.record(&mut fields);
        self.recent.push(fields.into_event(*event.metadata().level()));
    }
}

/// What an event is about, by the spans around it and its own fields.
#[derive(Clone, Default)]
struct About {
    sweep: String,
    /// Host and process id.
    worker: String,
    tile: String,
    attempt: String,
}

impl About {
    /// An inner one says more.
    fn narrow(&mut self, inner: &Self) {
        let Self { sweep, worker, tile, attempt } = inner;
        let own = [&mut self.sweep, &mut self.worker, &mut self.tile, &mut self.attempt];
        for (own, inner) in own.into_iter().zip([sweep, worker, tile, attempt]) {
            if !inner.is_empty() {
                own.clone_from(inner);
            }
        }
    }
}

/// The fields of one event or span.
#[derive(Default)]
struct Fields {
    about: About,
    message: String,
    /// As ` key=value`, in order.
    others: String,
}

impl Fields {
    fn into_event(self, level: Level) -> LogEvent {
        let About { sweep, worker, tile, attempt } = self.about;
        let named = |key, value: &str| if value.is_empty() { String::new() } else { format!(" {key}={value}") };
        let text = format!("{}{}{}{}", self.message, named("tile", &tile), named("attempt", &attempt), self.others);
        LogEvent {
            at: SystemTime::now(),
            level: level.as_str().to_ascii_lowercase(),
            sweep,
            worker,
            text: text.trim_start().chars().take(MOST_TEXT).collect(),
        }
    }

    fn take(&mut self, field: &Field, value: &str) {
        let about = match field.name() {
            "message" => &mut self.message,
            "sweep" => &mut self.about.sweep,
            "worker" => &mut self.about.worker,
            "tile" => &mut self.about.tile,
            "attempt" => &mut self.about.attempt,
            "worker_id" | "trace_id" | "span_id" | "parent_id" => return,
            other => {
                let _ = write!(self.others, " {other}={value}");
                return;
            }
        };
        value.clone_into(about);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The lines that are kept of those that are logged.
    fn events(say: impl FnOnce()) -> Vec<LogEvent> {
        let recent = RecentLog::new();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(recent.layer()), say);
        recent.list()
    }

    #[test]
    fn warnings_and_errors_are_kept_with_sweep_and_worker() {
        let events = events(|| {
            tracing::info!(sweep = "s", "no warning");
            let sweep = tracing::error_span!("sweep", sweep = "acronyms-1", trace_id = "4bf9");
            let tile = tracing::error_span!(parent: &sweep, "tile", attempt = 2, worker = "host:1", worker_id = "w3");
            tile.in_scope(|| tracing::warn!(reason = "no memory", "attempt failed"));
            tracing::error!(worker = "host:3", worker_id = "w3", "gone");
        });
        let [warning, error] = events.as_slice() else { panic!("two events: {events:?}") };
        assert_eq!((warning.level.as_str(), warning.sweep.as_str()), ("warn", "acronyms-1"));
        assert_eq!((warning.worker.as_str(), &*warning.text), ("host:1", "attempt failed attempt=2 reason=no memory"));
        assert_eq!((error.level.as_str(), error.worker.as_str(), &*error.text), ("error", "host:3", "gone"));
        assert!(error.sweep.is_empty());
    }

    #[test]
    fn the_last_ones_stay_and_a_long_text_is_cut() {
        let events = events(|| {
            for number in 0..=MOST_EVENTS {
                tracing::warn!(number, "again");
            }
            tracing::warn!("{}", "ü".repeat(MOST_TEXT));
            tracing::warn!("{}", "ü".repeat(MOST_TEXT + 1));
        });
        assert_eq!((events.len(), &*events[0].text), (MOST_EVENTS, "again number=3"));
        for long in &events[MOST_EVENTS - 2..] {
            assert_eq!(long.text, "ü".repeat(MOST_TEXT));
        }
    }
}
