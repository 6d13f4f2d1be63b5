//! Watching costs few merges.

use super::*;

/// A source that the test can still reach, and the page of it.
fn watched(takes: Duration) -> (Arc<Fake>, Router) {
    let fake = Arc::new(Fake { takes, ..Fake::default() });
    (Arc::clone(&fake), super::super::routes(fake))
}

async fn look(router: &Router) -> Value {
    let (status, map) = get(router, "/api/sweeps/s/results?grid=z").await;
    assert_eq!(status, StatusCode::OK);
    map["version"].clone()
}

fn merges(fake: &Fake) -> usize {
    fake.merges.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn grid_after_grid_and_page_after_page_cost_one_merge() {
    let (fake, router) = watched(Duration::from_secs(2));
    let page = || async {
        look(&router).await;
        get(&router, "/api/sweeps/s/results?grid=resid_pre").await
    };
    tokio::join!(page(), page(), page());
    assert_eq!(merges(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn new_scores_are_shown_once_the_last_merge_was_long_enough_ago() {
    let (fake, router) = watched(Duration::from_secs(2));
    let before = look(&router).await;
    fake.sweeps()[0].tiles_done += 1;
    assert_eq!((look(&router).await, merges(&fake)), (before.clone(), 1));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_ne!(look(&router).await, before);
    assert_eq!(merges(&fake), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_has_ended_is_shown_whole_at_once() {
    let (fake, router) = watched(Duration::from_secs(2));
    let before = look(&router).await;
    fake.sweeps()[0].state = SweepState::Done;
    assert_ne!(look(&router).await, before);
    look(&router).await;
    assert_eq!(merges(&fake), 2);
}

#[tokio::test(start_paused = true)]
async fn another_sweep_is_never_shown_the_kept_scores() {
    let (fake, router) = watched(Duration::from_secs(2));
    let other = SweepStatus { sweep: SweepId("other".into()), tiles_failed: 1, ..status(SweepState::Running) };
    fake.sweeps().push(other);
    let before = look(&router).await;
    let (_, map) = get(&router, "/api/sweeps/other/results?grid=z").await;
    assert_ne!(map["version"], before);
    assert_eq!(merges(&fake), 2);
}

#[tokio::test(start_paused = true)]
async fn scores_that_nobody_looks_at_are_dropped() {
    let (fake, router) = watched(Duration::ZERO);
    look(&router).await;
    assert_eq!(Arc::strong_count(&fake.results), 2);
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert_eq!(Arc::strong_count(&fake.results), 1);
}
