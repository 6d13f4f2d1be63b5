//! Whole sweeps of several grids, from a spec's text to a results folder, against brute force.
//!
//! `PROPTEST_CASES=N` draws so many.

mod case;
mod check;
mod computed;
mod differences;
mod drawn;
mod estimates;
mod folder;
mod grids;
mod infinite;
mod interleaved;
mod judge;
mod lists;
mod lives;
mod meant;
mod row;
mod statuses;
mod stored;
mod wanted;
mod written;
mod written_grids;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::model::Kind;
use super::{draw, runner};
use case::{Form, cases, cases_of};
use check::check;
use differences::Difference;
use drawn::Drawn;
use infinite::{check_infinite, transparent};
use interleaved::check_interleaved;
use judge::Found;

/// Sweeps, where `PROPTEST_CASES` does not say how many.
const CASES: u32 = 40;

/// What fewer of these have is not tested.
const LEAST: u32 = 3;

/// Pairs of sweeps for each of their differences.
const PAIRS: u32 = 3;

/// Sweeps that are drawn for a difference at most.
const MOST_TRIES: usize = 60;

/// Sweeps with an infinite weight.
const INFINITE: u32 = 12;

#[test]
fn whole_sweeps_are_exact_in_whatever_order_tiles_come_and_what_comes_again_is_nothing() {
    let mut runner = runner();
    let count = if std::env::var_os("PROPTEST_CASES").is_some() { runner.config().cases } else { CASES };
    let (found, drawn) = (RefCell::new(Found::default()), RefCell::new(Drawn::default()));
    let kinds = [Kind::Described, Kind::Gpt2].into_iter().cycle();
    for (form, kind) in Form::ALL.into_iter().cycle().zip(kinds).take(count as usize) {
        draw(&mut runner, &cases(kind, form), |case| {
            drawn.borrow_mut().add(&case);
            found.borrow_mut().add(check(&case)?.unwrap_or_default());
            Ok(())
        });
    }
    let (found, drawn) = (found.into_inner(), drawn.into_inner());
    println!("{found:?}, {drawn:?}");
    assert!(count < CASES || drawn.below(LEAST).is_empty(), "few have {:?}", drawn.below(LEAST));
    assert!(count < CASES || found.least() >= CASES, "{found:?}");
}

#[test]
fn what_is_kept_of_one_sweep_is_not_taken_for_anothers() {
    let mut runner = runner();
    let kinds = [Kind::Described, Kind::Gpt2].into_iter().cycle();
    let mut kinds_and_forms = kinds.zip(Form::ALL.into_iter().cycle());
    let mut of_differences = BTreeMap::new();
    for difference in Difference::ALL {
        let (sweeps, tiles) = (Cell::new(0), Cell::new(0));
        // Not every sweep has what another one may have otherwise, and not every tile shows it.
        for (kind, form) in kinds_and_forms.by_ref().take(MOST_TRIES) {
            draw(&mut runner, &cases(kind, form), |case| {
                if let Some(changed) = check_interleaved(&case, difference)? {
                    sweeps.set(sweeps.get() + 1);
                    tiles.set(tiles.get() + changed);
                }
                Ok(())
            });
            if sweeps.get() >= PAIRS && tiles.get() > 0 {
                break;
            }
        }
        of_differences.insert(difference, (sweeps.get(), tiles.get()));
    }
    println!("pairs of sweeps, and tiles that differ: {of_differences:?}");
    assert!(of_differences.values().all(|&(sweeps, tiles)| sweeps >= PAIRS && tiles > 0), "{of_differences:?}");
}

#[test]
fn what_does_not_depend_on_an_infinite_weight_stays() {
    let mut runner = runner();
    let reached = Cell::new([0; 3]);
    for _ in 0..INFINITE {
        draw(&mut runner, &cases_of(Kind::Described, Form::Numbers, transparent), |case| {
            if let Some([infinite, untouched]) = check_infinite(&case)? {
                let [cases, others, all] = reached.get();
                reached.set([cases + 1, others + infinite, all + untouched]);
            }
            Ok(())
        });
    }
    println!("cases, cells that are no numbers, and others: {:?}", reached.get());
    assert!(reached.get()[0] > 3 && reached.get().iter().all(|&count| count > 0), "{:?}", reached.get());
}
