//! Scores that are no numbers are scores.

use std::collections::BTreeMap;

use patchsweep_core::results::CellStatus;
use patchsweep_proto::v1::Grant;
use patchsweep_tests::Scores;
use patchsweep_tests::scripted::{scored, scores, tile_of};

use super::stage::{Stage, during};

#[tokio::test]
async fn scores_that_are_not_finite_are_results() {
    let stage = Stage::new().await;
    let grid = "resid_pre";
    let tiles = stage.tiny.plan().tiles.iter().map(|tile| tile.id.0);
    let is_first = |&tile: &u32| stage.grid_of(tile) == Some(grid) && stage.prompts(tile).start == 0;
    let peculiar: BTreeMap<u32, f64> =
        tiles.filter(is_first).zip([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).collect();
    let answer = |grant: &Grant| {
        let mut scores = scores(&stage.tiny, grant);
        if let Some(&mean) = peculiar.get(&tile_of(grant)) {
            let score = &mut scores.scores[0];
            (score.value.mean, score.effect.mean, score.effect.m2) = (mean, mean, f64::NAN);
        }
        Some(scored(grant, &scores))
    };
    let mut worker = stage.served.worker(2).await;
    let output = during(worker.play(answer), stage.submit(&["--wait"])).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let id = output.out;
    let (output, folder) = stage.results(&id).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.err.contains("warning: resid_pre: 3 of ") && output.err.contains("cells are not finite (status 1): "),
        "{output:?}"
    );
    assert!(output.err.contains("3 cells and 0 baselines are not finite: "), "{output:?}");
    assert!(stage.failures(&id).is_empty());

    let mut ours = Scores::open(&folder.join("scores.npz"));
    let mut whole = Scores::open(&stage.undisturbed().join("scores.npz"));
    let numbers = |scores: &mut Scores| scores.tensor(grid).into_iter().collect::<Vec<f32>>();
    let (effect, undisturbed) = (numbers(&mut ours), numbers(&mut whole));
    let places: Vec<usize> = peculiar.keys().filter_map(|&tile| stage.places(tile).1.first().copied()).collect();
    for (place, &status) in ours.statuses("resid_pre.status").iter().enumerate() {
        let is_peculiar = places.contains(&place);
        assert_eq!(status == CellStatus::NotFinite, is_peculiar, "at {place}");
        assert!(is_peculiar || effect[place].to_bits() == undisturbed[place].to_bits(), "at {place}");
    }
    assert!(effect[places[0]].is_nan());
    // The other prompts' mean is finite, which changes nothing.
    assert_eq!((effect[places[1]], effect[places[2]]), (f32::INFINITY, f32::NEG_INFINITY));
    stage.served.stop().await;
}
