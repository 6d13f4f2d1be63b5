//! However much there is, an answer is bounded ([`get`] refuses larger ones).

use patchsweep_core::results::{CellStatus, GridScores};
use patchsweep_core::status::GridProgress;
use patchsweep_results::fixtures::grid;

use super::*;

/// A sweep with one grid over so many iterations.
fn large(axes: &[&str], extents: &[usize], iterations: usize) -> SweepResults {
    let one = grid("big", axes, extents);
    let cells = one.cells();
    let repeated = |values: &[f32]| values[..cells].repeat(iterations);
    let scores = GridScores {
        effect: repeated(&one.effect),
        stderr: repeated(&one.stderr),
        value: repeated(&one.value),
        count: vec![250; cells * iterations],
        status: vec![CellStatus::Computed; cells * iterations],
        ..one
    };
    let iteration_labels = (0..iterations).map(|iteration| format!("Iteration {iteration}")).collect();
    let baselines = vec![CellStatus::Computed; iterations];
    SweepResults { grids: vec![scores], iteration_labels, baselines, ..example() }
}

#[tokio::test]
async fn a_large_grid_comes_in_pieces_that_join_without_a_gap() {
    let router = router(Fake::with(large(&["layer", "pos", "head"], &[24, 64, 16], 5)));
    let mut from = 0;
    let mut iterations = Vec::new();
    let mut ranges = Vec::new();
    loop {
        let (status, piece) = get(&router, &format!("/api/sweeps/s/results?grid=big&from={from}")).await;
        assert_eq!(status, StatusCode::OK);
        let facets = piece["facets"].as_array().expect("facets");
        assert!(facets.iter().all(|facet| facet["effect"].as_array().map(Vec::len) == Some(24 * 64 * 16)));
        iterations.extend(facets.iter().map(|facet| facet["iteration"].as_u64().expect("a number")));
        ranges.push(piece["range"].clone());
        match piece["next"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(iterations, [0, 1, 2, 3, 4]);
    assert!(ranges.len() > 1 && ranges.iter().all(|range| *range == ranges[0]), "{ranges:?}");
}

#[tokio::test]
async fn a_grid_too_large_for_a_page_is_refused_with_the_way_to_fetch_it() {
    let router = router(Fake::with(large(&["layer", "pos", "head"], &[48, 100, 16], 1)));
    let (status, body) = get(&router, "/api/sweeps/s/results?grid=big").await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let error = body["error"].as_str().expect("a text");
    assert!(error.contains("76800 cells") && error.contains("patchsweep results s --partial --out DIR"), "{error}");
}

#[tokio::test]
async fn many_narrow_iterations_come_in_pieces_too() {
    let (_, piece) = get(&router(Fake::with(large(&["layer"], &[2], 10_000))), "/api/sweeps/s/results?grid=big").await;
    assert_eq!((piece["facets"].as_array().map(Vec::len), piece["next"].as_u64()), (Some(64), Some(64)));
}

#[tokio::test]
async fn long_names_and_texts_are_cut() {
    let long = "é<".repeat(1 << 20);
    let fake = Fake { workers: vec![WorkerStatus { name: long.clone(), ..worker(1) }], ..Fake::default() };
    let fake = Fake { events: vec![warning(&long); 200], ..fake };
    {
        let mut sweeps = fake.sweeps();
        sweeps[0].name = long.clone();
        sweeps[0].state = SweepState::Partial { reason: long.clone() };
        sweeps[0].waiting = Some(long.clone());
        sweeps[0].grids[0].name = long.clone();
    }
    let mut results = example();
    results.iteration_labels[0] = long.clone();
    results.token_labels[0] = long.clone();
    results.metrics[1] = long.clone();
    results.grids[0].grid = long;
    let router = router(Fake { results: Arc::new(results), ..fake });
    for path in ["/api/sweeps", "/api/sweeps/s", "/api/sweeps/s/results?grid=z", "/api/workers", "/api/events"] {
        let response = ask(&router, "GET", path).await;
        let body = to_bytes(response.into_body(), 1 << 20).await;
        assert!(body.is_ok(), "{path} is larger than a MiB");
    }
}

#[tokio::test]
async fn the_newest_of_many_sweeps_and_the_first_of_many_workers_are_shown_with_their_number() {
    let fake = Fake { workers: (0..1000).map(worker).collect(), ..Fake::default() };
    let numbered = |number: usize| SweepStatus {
        sweep: SweepId(format!("s{number}")),
        grids: vec![GridProgress::default(); 1000],
        ..status(SweepState::Done)
    };
    *fake.sweeps() = (0..1000).map(numbered).collect();
    let router = router(fake);
    let (_, sweeps) = get(&router, "/api/sweeps").await;
    assert_eq!((sweeps["total"].as_u64(), sweeps["sweeps"].as_array().map(Vec::len)), (Some(1000), Some(500)));
    assert_eq!(sweeps["sweeps"][0]["id"], "s999");
    let (_, workers) = get(&router, "/api/workers").await;
    assert_eq!((workers["total"].as_u64(), workers["workers"].as_array().map(Vec::len)), (Some(1000), Some(500)));
    let (_, sweep) = get(&router, "/api/sweeps/s3").await;
    assert_eq!(sweep["grids"].as_array().map(Vec::len), Some(500));
}
