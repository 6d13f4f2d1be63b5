//! Asks a coordinator for all that a view shows, beside the view.

use std::time::{Duration, SystemTime};

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::SweepStatus;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::model::Change;
use crate::client::{Client, ClientError, Update, Watch};

/// Between two questions for workers and warnings.
const CREW_EVERY: Duration = Duration::from_secs(2);

/// Between two questions for scores, at least.
const SCORES_EVERY: Duration = Duration::from_secs(3);

/// Scores are on their way for at most one part in so many of the time.
const SCORES_SHARE: u32 = 20;

/// Most cells of a sweep whose scores are fetched while it runs: 50 MB for each metric.
const MOST_CELLS: u64 = 1 << 21;

/// Changes that wait for the view, at most.
const WAITING: usize = 16;

/// All that changes; an error ends the view. Nothing more is asked once it is dropped.
pub(super) struct Feed {
    changes: mpsc::Receiver<Result<Change, ClientError>>,
    _tasks: JoinSet<()>,
}

/// What decides whether there are new scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    tiles_done: u32,
    tiles_failed: u32,
    cells: u64,
}

impl Feed {
    /// `first`: what is known already.
    pub(super) fn start(client: Client, watch: Watch, first: &SweepStatus) -> Self {
        let (sender, changes) = mpsc::channel(WAITING);
        let (progress, progressed) = watch::channel(Progress::of(first));
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(watch, progress, sender.clone()));
        tasks.spawn(ask_for_crew(client.clone(), sender.clone()));
        tasks.spawn(ask_for_scores(client, first.sweep.clone(), progressed, sender));
        Self { changes, _tasks: tasks }
    }

    /// The next change; `None` once there can be no more.
    pub(super) async fn next(&mut self) -> Option<Result<Change, ClientError>> {
        self.changes.recv().await
    }
}

impl Progress {
    fn of(status: &SweepStatus) -> Self {
        let SweepStatus { tiles_done, tiles_failed, cells_total, .. } = *status;
        Self { tiles_done, tiles_failed, cells: cells_total }
    }
}

type Changes = mpsc::Sender<Result<Change, ClientError>>;

async fn follow(mut watch: Watch, progress: watch::Sender<Progress>, changes: Changes) {
    loop {
        let change = match watch.next().await {
            Ok(Some(update)) => {
                if let Update::Status(status) = &update {
                    progress.send_replace(Progress::of(status));
                }
                Ok(Change::Update(update))
            }
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let is_end = change.is_err();
        if changes.send(change).await.is_err() || is_end {
            return;
        }
    }
}

/// What fails here is asked for again: whether the coordinator is lost, or lets nobody in any more, [`follow`] finds out.
async fn ask_for_crew(mut client: Client, changes: Changes) {
    loop {
        match crew(&mut client).await {
            Ok(crew) => {
                for change in crew {
                    if changes.send(Ok(change)).await.is_err() {
                        return;
                    }
                }
            }
            Err(_) => drop(client.reconnect().await),
        }
        sleep(CREW_EVERY).await;
    }
}

async fn crew(client: &mut Client) -> Result<[Change; 2], ClientError> {
    let workers = Change::Workers(client.workers().await?);
    let events = client.events().await?;
    Ok([workers, Change::Warnings(events, SystemTime::now())])
}

/// When a tile more is done, but not all the time.
async fn ask_for_scores(
    mut client: Client,
    sweep: SweepId,
    mut progressed: watch::Receiver<Progress>,
    changes: Changes,
) {
    let mut fetched = None;
    loop {
        let Ok(progress) = progressed.wait_for(|progress| Some(*progress) != fetched).await.map(|new| *new) else {
            return;
        };
        if progress.cells > MOST_CELLS {
            let _ = changes.send(Ok(Change::NoScores(too_large(progress.cells, &sweep)))).await;
            return;
        }
        let asked = Instant::now();
        let change = match client.partial_results(&sweep).await {
            Ok(results) => {
                fetched = Some(progress);
                Some(Change::Scores(results))
            }
            Err(error) => {
                drop(client.reconnect().await);
                let is_lost = matches!(error, ClientError::Unreachable { .. });
                (!is_lost).then(|| Change::NoScores(patchsweep_core::error_chain(&error)))
            }
        };
        if let Some(change) = change
            && changes.send(Ok(change)).await.is_err()
        {
            return;
        }
        sleep(SCORES_EVERY.max(SCORES_SHARE * asked.elapsed())).await;
    }
}

fn too_large(cells: u64, sweep: &SweepId) -> String {
    format!("too large to be shown while it runs: {cells} cells; `patchsweep results {sweep} --partial` fetches them")
}
