//! What is done with activations at named points of a forward pass.

use std::collections::HashMap;

use ndarray::{Array, ArrayD, Dimension, s};
use patchsweep_core::grid::{Axis, Component};
use patchsweep_core::length;
use patchsweep_core::writes::Write;

use crate::dictionary::Dictionary;
use crate::features::Features;

/// Called with each activation of a forward pass over one prompt, which goes on with what it leaves there: component,
/// layer, and the activation as `TransformerLens` shapes it, without the batch.
pub(crate) type Hook<'a> = dyn FnMut(Component, u32, &mut ArrayD<f64>) + 'a;

/// All activations of a forward pass.
#[derive(Default)]
pub(crate) struct Recording(HashMap<(Component, u32), ArrayD<f64>>);

impl Recording {
    pub(crate) fn keep(&mut self, component: Component, layer: u32, activation: &ArrayD<f64>) {
        self.0.insert((component, layer), activation.clone());
    }

    pub(crate) fn get(&self, component: Component, layer: u32) -> &ArrayD<f64> {
        &self.0[&(component, layer)]
    }
}

/// What takes the place of what is written.
pub(crate) enum New<'a> {
    /// Parts of an activation of the whole activation's shape.
    Activation(ArrayD<f64>),
    /// Of a dictionary \[positions\]\[features\].
    Features(&'a Dictionary, Features),
    /// What is left of a row of probabilities adds up to 1.
    KnockedOut,
}

/// A hook that replaces what is written; of two writes at one place the later one counts.
///
/// `positions`: those of the prompt that are listed.
pub(crate) fn patch<'a>(
    writes: &'a [(Write<'_>, New<'_>)],
    positions: &'a dyn Fn(&[u32]) -> Vec<u32>,
) -> impl FnMut(Component, u32, &mut ArrayD<f64>) + 'a {
    move |component, layer, activation| {
        let here = || writes.iter().filter(|(write, _)| (component, layer) == (write.component, write.layer));
        // Scores come before what is made of them.
        let knockouts = || here().filter(|(_, new)| matches!(new, New::KnockedOut));
        let out: Vec<_> = knockouts().flat_map(|(write, _)| knocked_out(write, positions, activation)).collect();
        for (write, replacement) in here() {
            match replacement {
                New::Activation(replacement) => replace_written(write, positions, replacement, activation),
                New::Features(dictionary, new) => dictionary.write(write, new, activation),
                New::KnockedOut => out.iter().for_each(|&place| activation[place] = 0.0),
            }
        }
    }
}

/// Rows of probabilities \[head, dest, src\] without what is knocked out of them: the rest is what it is of the rest. Places that are
/// 0 then; none of rows that have no rest.
fn knocked_out(
    write: &Write<'_>,
    positions: &dyn Fn(&[u32]) -> Vec<u32>,
    pattern: &mut ArrayD<f64>,
) -> Vec<[usize; 3]> {
    let sources: Vec<usize> = positions(write.indices(Axis::SrcPos)).iter().map(|&source| source as usize).collect();
    let mut out = Vec::new();
    for &head in write.indices(Axis::Head) {
        for dest in positions(write.indices(Axis::DestPos)) {
            let mut row = pattern.slice_mut(s![head as usize, dest as usize, ..]);
            let is_left = |source: &usize| !sources.contains(source);
            let rest: f64 = (0..row.len()).filter(is_left).map(|source| row[source]).sum();
            // What is not attended to has probability 0.
            if rest != 0.0 {
                row /= rest;
                out.extend(sources.iter().map(|&source| [head as usize, dest as usize, source]));
            }
        }
    }
    out
}

fn replace_written(
    write: &Write<'_>,
    positions: &dyn Fn(&[u32]) -> Vec<u32>,
    replacement: &ArrayD<f64>,
    activation: &mut ArrayD<f64>,
) {
    let listed = |&axis: &Axis| match axis {
        // What also writes a pattern writes all of its positions, however many the prompt has.
        Axis::SrcPos if write.is_of_all_sources() => (0..length(activation.shape()[2])).collect(),
        Axis::Pos | Axis::DestPos | Axis::SrcPos => positions(write.indices(axis)),
        _ => write.indices(axis).to_vec(),
    };
    let axes: Vec<Vec<u32>> = write.component.axes()[1..].iter().map(listed).collect();
    replace(&axes.iter().map(Vec::as_slice).collect::<Vec<_>>(), replacement, activation);
}

/// Replaces some indices along each of the component's axes within a layer, which are the activation's first dimensions; a last
/// one may follow, and is replaced whole.
pub(crate) fn replace(indices: &[&[u32]], replacement: &ArrayD<f64>, activation: &mut ArrayD<f64>) {
    for (index, entry) in activation.indexed_iter_mut() {
        let chosen = |(place, along): (usize, &&[u32])| along.iter().any(|&chosen| chosen as usize == index[place]);
        if indices.iter().enumerate().all(chosen) {
            *entry = replacement[&index];
        }
    }
}

/// Runs the hook on an activation, which keeps its shape.
pub(crate) fn hooked<D: Dimension>(
    hook: &mut Hook<'_>,
    component: Component,
    layer: u32,
    x: Array<f64, D>,
) -> Array<f64, D> {
    let mut activation: ArrayD<f64> = x.into_dyn();
    hook(component, layer, &mut activation);
    activation.into_dimensionality().expect("a hook keeps the number of dimensions")
}
