//! What is known of a sweep that is watched, and what the person looks at. Pure: the caller gives the time.

use std::time::{Duration, SystemTime};

use patchsweep_core::events::LogEvent;
use patchsweep_core::ids::SweepId;
use patchsweep_core::results::SweepResults;
use patchsweep_core::status::SweepStatus;
use patchsweep_core::workers::WorkerStatus;

use super::heat::Scores;
use super::keys::Key;
use crate::client::Update;

/// Warnings that are kept; there is no room for more.
const WARNINGS: usize = 20;

/// What a view shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// Since the view began.
    now: Duration,
    /// The last status that was heard.
    pub(super) status: Option<Seen<SweepStatus>>,
    /// Why there is no connection, and since when.
    pub(super) lost: Option<Seen<String>>,
    /// Connected workers, oldest session first.
    pub(super) workers: Seen<Vec<WorkerStatus>>,
    /// The last warnings about this sweep or about no sweep, oldest first.
    pub(super) warnings: Vec<Seen<Warning>>,
    /// The heat maps, once there are any.
    pub(super) scores: Option<Scores>,
    /// Why there are no newer heat maps.
    pub(super) no_scores: Option<String>,
    /// What is looked at.
    pub(super) choice: Choice,
}

/// Something as it was at a moment since the view began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen<T> {
    pub(super) value: T,
    pub(super) at: Duration,
}

/// A line of the coordinator's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Warning {
    /// When it was heard of here; its moment is [`Seen::at`].
    age: Duration,
    pub(super) worker: String,
    pub(super) text: String,
}

/// What of it is looked at; always within what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) grid: usize,
    pub(super) metric: usize,
    pub(super) iteration: usize,
    pub(super) row: usize,
    pub(super) column: usize,
    /// The first worker that is shown.
    pub(super) worker: usize,
}

/// What can happen to a view.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Update(Update),
    Workers(Vec<WorkerStatus>),
    /// The coordinator's last warnings, and this machine's clock.
    Warnings(Vec<LogEvent>, SystemTime),
    Scores(SweepResults),
    NoScores(String),
}

impl Model {
    /// Time goes on.
    pub(super) fn tick(&mut self, now: Duration) {
        self.now = now;
    }

    /// Something happened.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Update(Update::Status(status)) => {
                self.lost = None;
                self.status = Some(self.seen(status));
            }
            Change::Update(Update::Lost { reason }) => self.lost = Some(self.seen(reason)),
            Change::Workers(workers) => {
                self.choice.worker = self.choice.worker.min(workers.len().saturating_sub(1));
                self.workers = self.seen(workers);
            }
            Change::Warnings(events, clock) => self.warnings = self.of_this_sweep(events, clock),
            Change::Scores(results) => {
                let scores = Scores::of(results);
                self.choice = self.choice.within(&scores);
                self.scores = Some(scores);
                self.no_scores = None;
            }
            Change::NoScores(reason) => self.no_scores = Some(reason),
        }
    }

    /// A key was pressed that looks elsewhere.
    pub(super) fn press(&mut self, key: Key) {
        if let Key::Workers { forward } = key {
            let last = self.workers.value.len().saturating_sub(1);
            let worker = self.choice.worker;
            self.choice.worker = if forward { last.min(worker + 1) } else { worker.saturating_sub(1) };
        } else if let Some(scores) = &self.scores {
            self.choice = self.choice.moved(key, scores);
        }
    }

    /// How long ago it was, and how much longer since.
    pub(super) fn since<T>(&self, seen: &Seen<T>) -> Duration {
        self.now.saturating_sub(seen.at)
    }

    /// How long ago a warning was logged.
    pub(super) fn age(&self, warning: &Seen<Warning>) -> Duration {
        warning.value.age + self.since(warning)
    }

    /// Until all is computed at the rate of now; `None`: not known, or nothing is left.
    pub(super) fn left(&self) -> Option<Duration> {
        let status = self.status.as_ref().filter(|_| self.lost.is_none())?;
        Some(status.value.remaining()?.saturating_sub(self.since(status)))
    }

    fn seen<T>(&self, value: T) -> Seen<T> {
        Seen { value, at: self.now }
    }

    fn of_this_sweep(&self, events: Vec<LogEvent>, clock: SystemTime) -> Vec<Seen<Warning>> {
        let sweep = self.status.as_ref().map(|status| &status.value.sweep);
        let concerns =
            |event: &LogEvent| event.sweep.is_empty() || sweep.is_none_or(|SweepId(sweep)| *sweep == event.sweep);
        let warning = |event: LogEvent| {
            // Clocks of two machines may differ.
            let age = clock.duration_since(event.at).unwrap_or_default();
            self.seen(Warning { age, worker: event.worker, text: event.text })
        };
        let warnings: Vec<_> = events.into_iter().filter(concerns).map(warning).collect();
        let first = warnings.len().saturating_sub(WARNINGS);
        warnings.into_iter().skip(first).collect()
    }
}

impl Choice {
    fn moved(self, key: Key, scores: &Scores) -> Self {
        let around = |place: usize, count: usize, forward: bool| {
            let count = count.max(1);
            (place + if forward { 1 } else { count - 1 }) % count
        };
        let to = |place: usize, forward: bool| if forward { place + 1 } else { place.saturating_sub(1) };
        let moved = match key {
            Key::Grid { forward } => {
                Self { grid: around(self.grid, scores.names().len(), forward), row: 0, column: 0, ..self }
            }
            Key::Metric { forward } => Self { metric: around(self.metric, scores.metrics().len(), forward), ..self },
            Key::Iteration { forward } => {
                Self { iteration: around(self.iteration, scores.iterations().len(), forward), ..self }
            }
            Key::Row { forward } => Self { row: to(self.row, forward), ..self },
            Key::Column { forward } => Self { column: to(self.column, forward), ..self },
            Key::Workers { .. } => self,
        };
        moved.within(scores)
    }

    fn within(self, scores: &Scores) -> Self {
        let last = |count: usize| count.saturating_sub(1);
        let grid = self.grid.min(last(scores.names().len()));
        let metric = self.metric.min(last(scores.metrics().len()));
        let iteration = self.iteration.min(last(scores.iterations().len()));
        let (rows, columns) = scores.map(grid, metric).map_or((0, 0), |map| map.size());
        let (row, column) = (self.row.min(last(rows)), self.column.min(last(columns)));
        Self { grid, metric, iteration, row, column, ..self }
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_results::fixtures::example as results;

    use super::super::example;
    use super::*;

    fn with_scores() -> Model {
        let mut model = Model::default();
        model.apply(Change::Scores(results()));
        model
    }

    #[test]
    fn keys_go_around_grids_metrics_and_iterations() {
        let mut model = with_scores();
        let (forward, back) = (true, false);
        model.press(Key::Iteration { forward: back });
        assert_eq!(model.choice.iteration, 2);
        model.press(Key::Iteration { forward });
        model.press(Key::Grid { forward });
        model.press(Key::Metric { forward });
        assert_eq!((model.choice.iteration, model.choice.grid, model.choice.metric), (0, 1, 1));
        model.press(Key::Grid { forward });
        model.press(Key::Metric { forward });
        assert_eq!((model.choice.grid, model.choice.metric), (0, 0));
    }

    #[test]
    fn the_cell_that_is_looked_at_stays_in_the_grid() {
        let mut model = with_scores();
        for _ in 0..20 {
            model.press(Key::Row { forward: true });
            model.press(Key::Column { forward: true });
        }
        assert_eq!((model.choice.row, model.choice.column), (3, 7));
        model.press(Key::Grid { forward: true });
        assert_eq!((model.choice.row, model.choice.column), (0, 0));
        model.press(Key::Row { forward: false });
        assert_eq!(model.choice.row, 0);
    }

    #[test]
    fn keys_do_nothing_while_there_is_nothing_to_look_at() {
        let mut model = Model::default();
        let forward = true;
        for key in [Key::Grid { forward }, Key::Row { forward }, Key::Workers { forward }] {
            model.press(key);
        }
        assert_eq!(model.choice, Choice::default());
    }

    #[test]
    fn the_time_left_runs_down_until_it_is_reported_anew_and_is_not_known_without_a_coordinator() {
        let mut model = Model::default();
        assert_eq!(model.left(), None);
        model.apply(Change::Update(Update::Status(example::status())));
        assert_eq!(model.left(), Some(Duration::from_secs(100)));
        model.tick(Duration::from_secs(30));
        assert_eq!(model.left(), Some(Duration::from_secs(70)));
        model.apply(Change::Update(Update::Lost { reason: "gone".into() }));
        assert_eq!(model.left(), None);
        model.apply(Change::Update(Update::Status(example::status())));
        assert_eq!((model.left(), model.lost), (Some(Duration::from_secs(100)), None));
    }

    #[test]
    fn warnings_of_other_sweeps_are_left_out_and_ages_go_on() {
        let mut model = Model::default();
        model.apply(Change::Update(Update::Status(example::status())));
        let event = |sweep: &str, text: &str| LogEvent {
            at: SystemTime::UNIX_EPOCH + Duration::from_mins(1),
            level: "WARN".into(),
            sweep: sweep.into(),
            worker: String::new(),
            text: text.into(),
        };
        let mine = model.status.as_ref().expect("a status").value.sweep.0.clone();
        let events = vec![event("another", "a"), event("", "b"), event(&mine, "c")];
        model.apply(Change::Warnings(events, SystemTime::UNIX_EPOCH + Duration::from_secs(65)));
        model.tick(Duration::from_secs(3));
        let seen: Vec<_> = model.warnings.iter().map(|w| (w.value.text.as_str(), model.age(w).as_secs())).collect();
        assert_eq!(seen, [("b", 8), ("c", 8)]);
    }
}
