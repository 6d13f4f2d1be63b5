//! Sweeps that are larger than what the engine does at once: it cuts the vocabulary, the rows of an MLP and the cells of attention.

mod scenarios;

use patchsweep_core::context::Direction;
use patchsweep_core::grid::{Component, PatchValue};
use patchsweep_core::length;
use patchsweep_reference_evaluator::{BruteForce, Model};

use super::compare::tolerance;
use super::engine::TiledEngine;
use super::iterations::Corruption;
use super::scenario::{Cut, Scenario, Topic, Writes};
use super::sweep::{check, check_cell, write_model};
pub(crate) use scenarios::scenarios;

/// What the engine cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// A vocabulary, where there is little memory: into parts of 256 tokens or more.
    Vocabulary,
    /// What goes through an MLP: 4096 rows at once.
    MlpRows,
    /// Attention probabilities: 2^24 at once.
    Probabilities,
}

/// Holds a case to brute force; of very many probabilities the first and the last cell, and the others to tiles of their own.
pub(crate) fn check_beyond(border: Border, scenario: &Scenario) -> Result<(), String> {
    if border != Border::Probabilities {
        let effects = check(scenario)?;
        return if effects.moved > 0 { Ok(()) } else { Err(format!("nothing moves: {effects:?}")) };
    }
    let folder = write_model(scenario);
    let context = &scenario.context;
    let cells = context.grids[0].cell_count().expect("few cells") as usize;
    let alone = Cut { tile_of_cell: (0..cells).collect(), ..scenario.cut.clone() };
    let [together, apart] = [&scenario.cut, &alone].map(|cut| TiledEngine::new(folder.path(), context, cut).grid(0, 0));
    let model = Model::load(&folder.path().join("model"));
    let brute_force = BruteForce::new(&model, context, 0);
    let unpatched = brute_force.unpatched();
    for (place, (together, apart)) in together.iter().zip(&apart).enumerate() {
        for (metric, unpatched) in unpatched.iter().enumerate() {
            let bound = 2.0 * tolerance(unpatched);
            let pairs = together.by_prompt[metric].iter().zip(&apart.by_prompt[metric]);
            if let Some((one, other)) = pairs.clone().find(|(one, other)| f64::from((*one - *other).abs()) > bound) {
                return Err(format!("cell {place}: {one} in a tile of many, {other} alone"));
            }
        }
    }
    for place in [0, cells - 1] {
        let patched = brute_force.patched(&context.grids[0].cell(length(place)));
        check_cell(context, &patched, &unpatched, &together[place].scores)
            .map_err(|error| format!("cell {place}: {error}"))?;
    }
    Ok(())
}

/// Borders and what is computed beyond them.
pub(crate) fn topics() -> Vec<(Border, Topic)> {
    use Component::{AttnOut, MlpPost, MlpPre, ResidPre, Z};
    use PatchValue::{Mean, Other, Zero};
    let topic = |component, value, writes| {
        // Tokens here and there, so that the first position of some prompt is corrupted.
        Topic { component, value, direction: Direction::Noising, corruption: Corruption::FewTokens, writes }
    };
    let of = |border, topics: &[(Component, PatchValue, Writes)]| -> Vec<_> {
        topics.iter().map(|&(component, value, writes)| (border, topic(component, value, writes))).collect()
    };
    let mlp_rows = [
        (AttnOut, Other, Writes::One),
        (MlpPre, Other, Writes::Several),
        (MlpPost, Mean, Writes::Several),
        (Z, Other, Writes::Paths),
    ];
    let vocabulary =
        [ResidPre, Z, MlpPost].map(|component| [(component, Other, Writes::One), (component, Zero, Writes::One)]);
    [
        of(Border::Vocabulary, vocabulary.as_flattened()),
        of(Border::MlpRows, &mlp_rows),
        of(Border::Probabilities, &[(Z, Other, Writes::One), (Z, Zero, Writes::Several)]),
    ]
    .concat()
}
