//! Whole sweeps of several grids, from a spec's text to a results folder, against brute force.
//!
//! `PROPTEST_CASES=N` draws so many.

mod case;
mod check;
mod computed;
mod drawn;
mod estimates;
mod folder;
mod grids;
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

use std::cell::RefCell;

use super::model::Kind;
use super::{draw, runner};
use case::{Form, cases};
use check::check;
use drawn::Drawn;
use judge::Found;

/// Sweeps, where `PROPTEST_CASES` does not say how many.
const CASES: u32 = 40;

/// What fewer of these have is not tested.
const LEAST: u32 = 3;

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
