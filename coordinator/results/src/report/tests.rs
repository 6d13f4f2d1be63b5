use std::fs;

use patchsweep_core::results::{CellStatus, GridScores, SweepResults};

use super::*;
use crate::difference::Difference;
use crate::fixtures::{example, example_with_failures, grid, manifest_of};

fn page(results: &SweepResults) -> String {
    report_html(&Analysed::of(results).expect("consistent"), None)
}

fn page_against(results: &SweepResults, other: &SweepResults) -> String {
    let difference = Difference::between(results, other).expect("consistent");
    let compared = Compared::of(&difference).expect("consistent");
    report_html(&Analysed::of(results).expect("consistent"), Some(&compared))
}

/// A sweep over a model of GPT-2 small's size: 12 layers, 12 heads, 8 positions.
fn gpt2_small() -> SweepResults {
    let mut results = example();
    let grids = [0, 1].into_iter().flat_map(|metric| {
        let grids = [grid("resid_pre", &["layer", "pos"], &[12, 8]), grid("z", &["layer", "head"], &[12, 12])];
        grids.map(|scores| GridScores { metric, ..scores })
    });
    results.grids = grids.collect();
    results
}

#[test]
fn the_page_is_small_whole_and_needs_no_network() {
    let page = page(&gpt2_small());
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert_eq!(page.matches("<figure class=\"heatmap\"").count(), 4);
    assert!(page.contains("id=\"heatmap-3\" data-grid=\"z\" data-metric=\"prob\""));
    for outside in ["<script src", "<link", "src=\"http", "href=\"http", "{{"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn each_heat_map_has_its_views_one_of_which_is_chosen() {
    let mut results = example();
    results.grids[1].normalized = results.grids[1].effect.clone();
    let page = page(&results);
    assert_eq!(page.matches("<div class=\"view effect\">").count(), 4);
    assert_eq!(page.matches("<div class=\"view value\">").count(), 4);
    assert_eq!(page.matches("<div class=\"view significance\">").count(), 4);
    assert_eq!(page.matches("<div class=\"view normalized\">").count(), 1);
    assert_eq!(page.matches(" checked>").count(), 4);
}

#[test]
fn labels_cannot_leave_their_place() {
    let evil = "</script><b onload=\"x\">{{script}}&amp;";
    let mut results = example();
    results.name = evil.to_owned();
    results.iteration_labels[0] = evil.to_owned();
    results.token_labels[2] = evil.to_owned();
    results.metrics[0] = evil.to_owned();
    for scores in &mut results.grids {
        scores.grid = format!("{}{evil}", scores.grid);
    }
    let (page, usual) = (page_against(&results, &results), page_against(&example(), &example()));
    for mark in ["</script", "<script", "<b", "use strict"] {
        assert_eq!(page.matches(mark).count(), usual.matches(mark).count(), "{mark}");
    }
}

#[test]
fn a_hundred_thousand_cells_fit_with_all_details() {
    let mut results = example();
    results.grids = vec![grid("z", &["layer", "pos", "head"], &[24, 100, 14])];
    assert!(results.grids[0].effect.len() > 100_000);
    let page = page(&results);
    assert!(page.len() <= MAX_BYTES, "{}", page.len());
    assert!(page.contains("\"low\":\"") && page.contains("<div class=\"view significance\">"));
    assert!(!page.contains("<rect"));
}

#[test]
fn larger_sweeps_lose_details_of_cells_first_and_never_their_tables() {
    let sizes = [[24, 200, 16], [24, 400, 24]];
    let parts = sizes.map(|extents| {
        let mut results = example();
        results.grids = vec![grid("z", &["layer", "pos", "head"], &extents)];
        let page = page(&results);
        assert!(page.len() <= MAX_BYTES, "{extents:?}: {}", page.len());
        assert_eq!(page.matches("<table class=\"top\">").count(), 3);
        ["\"low\":\"", "\"stderr\":\"", "class=\"view value\"", "class=\"view effect\""].map(|part| page.contains(part))
    });
    assert_eq!(parts, [[false, true, true, true], [false, false, false, true]]);
}

#[test]
fn a_sweep_against_itself_differs_nowhere() {
    let results = example();
    let page = page_against(&results, &results);
    assert_eq!(page.matches("class=\"heatmap difference\"").count(), 4);
    assert!(!page.contains("The sweeps are not alike"));
    assert!(page.contains("independent samples"));
    let differences = page.split("class=\"differences\"").nth(1).and_then(|rest| rest.split("class=\"grid\"").next());
    let differences = differences.expect("a section");
    assert!(differences.contains("<td class=\"n\">0 ± 0.35</td><td class=\"n\">0 ± 0.71</td><td class=\"n\">0</td>"));
    assert!(!differences.contains("td class=\"n high\"") && !differences.contains("td class=\"n low\""));
}

#[test]
fn what_two_sweeps_do_not_share_is_listed() {
    let (results, mut other) = (example(), example());
    other.grids.remove(0);
    let page = page_against(&results, &other);
    assert!(page.contains("<li>grid `resid_pre@logit_diff` is only in the first sweep</li>"));
    other.grids.clear();
    assert!(page_against(&results, &other).contains("no grid of one name"));
}

#[test]
fn a_script_knows_each_cell_s_numbers_in_the_order_of_the_figure() {
    use base64::Engine as _;
    let mut results = example();
    results.grids = vec![grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[2, 3, 4, 4])];
    // Iteration 1, layer 1, head 2, from position 1 to 3: row 1 * 4 + 1, column 2 * 4 + 3.
    results.grids[0].effect[96 + ((3 + 2) * 4 + 1) * 4 + 3] = 77.5;
    let page = page(&results);
    let json = page.split("<script type=\"application/json\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let data: serde_json::Value = serde_json::from_str(json.expect("a script")).expect("JSON");
    let effect = data["fields"]["effect"].as_str().expect("base64");
    let bytes = base64::engine::general_purpose::STANDARD.decode(effect).expect("base64");
    let place = (8 + 5) * 12 + 11;
    assert_eq!(bytes[place * 4..][..4], 77.5_f32.to_le_bytes());
    assert_eq!(data["count"], 250);
    assert_eq!(
        (&data["rows"][5], &data["columns"][11]),
        (&"layer 1, dest_pos 1: 'The'".into(), &"head 2, src_pos 3: ' Executive'".into())
    );
}

#[test]
fn the_script_finds_every_status_in_the_page() {
    let page = page(&example());
    let list = page.split_once("id=\"statuses\">").expect("a list").1.split_once("</script>").expect("its end").0;
    let list: Vec<serde_json::Value> = serde_json::from_str(list).expect("JSON");
    for (place, status) in CellStatus::ALL.into_iter().enumerate() {
        assert_eq!((&list[place]["number"], &list[place]["text"]), (&status.number().into(), &status.text().into()));
    }
}

/// For looking at the page: `PATCHSWEEP_REPORT_FOLDER=/tmp/x cargo test -p patchsweep -- --ignored pages_to_look_at`.
#[test]
#[ignore = "writes pages for people"]
fn pages_to_look_at() {
    let folder = std::path::PathBuf::from(std::env::var_os("PATCHSWEEP_REPORT_FOLDER").expect("a folder"));
    let mut results = gpt2_small();
    results.manifest = manifest_of(&results);
    results.grids[1].normalized = results.grids[1].value.iter().map(|value| value / 3.2).collect();
    results.grids[0].between = results.grids[0].stderr.iter().map(|stderr| stderr * 2.0).collect();
    for (place, status) in [(8, 2), (9, 2), (10, 2), (30, 3), (31, 3), (40, 4), (41, 4), (50, 1), (51, 5)] {
        let grid = &mut results.grids[0];
        grid.status[place] = CellStatus::of_number(status).expect("a status");
        if status == 2 {
            grid.effect[place] = 0.0;
        } else {
            (grid.effect[place], grid.stderr[place], grid.value[place], grid.count[place]) =
                (f32::NAN, f32::NAN, f32::NAN, 0);
        }
    }
    for (place, stderr) in results.grids[1].stderr.iter_mut().enumerate() {
        *stderr += if place % 3 == 0 { 3.0 } else { 0.01 };
    }
    let mut other = results.clone();
    other.name = "other".to_owned();
    other.grids[1].effect.iter_mut().step_by(5).for_each(|effect| *effect -= 0.7);
    other.iteration_labels[2] = "Iteration X".to_owned();
    let mut large = example();
    large.grids = vec![
        grid("z", &["layer", "pos", "head"], &[12, 8, 12]),
        grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[2, 12, 8, 8]),
        grid("mlp_out", &["layer"], &[12]),
    ];
    let mut huge = example();
    huge.grids = vec![grid("z", &["layer", "pos", "head"], &[24, 100, 14])];
    for (name, page) in [
        ("against.html", page_against(&results, &other)),
        ("failures.html", page(&example_with_failures())),
        ("large.html", page(&large)),
        ("huge.html", page(&huge)),
    ] {
        fs::write(folder.join(name), page).expect("written");
    }
    crate::write_folder(
        &Analysed::of(&results).expect("consistent"),
        &folder.join("results"),
        crate::Overwrite::Replace,
    )
    .expect("written");
}
