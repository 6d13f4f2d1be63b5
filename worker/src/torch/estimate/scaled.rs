//! Backward passes in the model's numbers, of which float16 has few: below 6e-8 it knows 0 only, above 65504 infinity.
//!
//! A gradient is linear in what it begins with. So each prompt's begins at about 1, multiplied with a power of two, and is divided
//! by that in float64.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::gradients::with_grad;
use crate::torch::runs::recorder::Site;

/// Of the exponent, from one try to the next. What float16 has above 1 and precisely below is 16 and 14 powers of two.
const STEP: i32 = 8;

/// How often a backward pass that gets too large for float16 is made again.
const MOST_TRIES: u32 = 3;

/// Gradients of one metric.
pub(super) struct Gradients {
    /// Each prompt's times a power of two.
    scaled: BTreeMap<Site, Tensor>,
    /// What these are multiplied with, float64 on the CPU \[prompts\].
    back: Tensor,
}

impl Gradients {
    /// Of a site, scaled; linear terms of it are put right by [`Self::put_right`].
    pub(super) fn scaled(&self, site: Site) -> Option<&Tensor> {
        self.scaled.get(&site)
    }

    /// What is made of scaled gradients, float64 on the CPU \[prompts, ..\], as it is of the gradients.
    pub(super) fn put_right(&self, terms: &Tensor) -> Tensor {
        let mut shape = vec![1; terms.dim()];
        shape[0] = -1;
        terms * self.back.view(shape.as_slice())
    }
}

/// Gradients by what was `seen` on the way to the last residual stream; `by_last`: float32, by that stream
/// \[prompts, pos, `d_model`\]. The way back is gone if this is the last time.
pub(super) fn through_model(
    last: &Tensor,
    by_last: &Tensor,
    seen: &BTreeMap<Site, Tensor>,
    is_last: bool,
) -> Gradients {
    let inputs: Vec<&Tensor> = seen.values().collect();
    let mut exponents = exponents(by_last);
    let (is_narrow, mut tries) = (last.kind() == Kind::Half, 1);
    loop {
        let [scale, back] = [1, -1].map(|sign| powers_of_two(exponents.iter().map(|exponent| sign * exponent)));
        let begin = by_last.to_kind(Kind::Double) * scale.to_device(by_last.device()).view([-1, 1, 1]);
        // Its gradient by the last stream is what begins.
        let product = with_grad(|| (last.to_kind(Kind::Double) * begin).sum(Kind::Double));
        let is_kept = is_narrow || !is_last;
        let gradients = Tensor::run_backward(&[product], &inputs, is_kept, false);
        let scaled: BTreeMap<Site, Tensor> =
            seen.keys().copied().zip(gradients).filter(|(_, gradient)| gradient.defined()).collect();
        let too_large = if is_narrow && tries < MOST_TRIES { not_finite(&scaled) } else { Vec::new() };
        if too_large.is_empty() {
            return Gradients { scaled, back };
        }
        for prompt in too_large {
            exponents[prompt] -= STEP;
        }
        tries += 1;
    }
}

/// Of each prompt's power of two, which brings its largest gradient to about 1; 0 where there is no such number.
fn exponents(gradient: &Tensor) -> Vec<i32> {
    let largest = gradient.to_kind(Kind::Double).abs().amax([1, 2], false).to_device(Device::Cpu);
    let of_prompt = |largest: f64| {
        let is_number = largest.is_finite() && largest > 0.0;
        #[allow(clippy::cast_possible_truncation, reason = "between -149 and 128 of a float32")]
        let exponent = if is_number { -largest.log2().floor() as i32 } else { 0 };
        exponent
    };
    Vec::<f64>::try_from(largest).expect("float64 numbers of one dimension").into_iter().map(of_prompt).collect()
}

/// float64 on the CPU.
fn powers_of_two(exponents: impl Iterator<Item = i32>) -> Tensor {
    Tensor::from_slice(&exponents.map(|exponent| 2f64.powi(exponent)).collect::<Vec<_>>())
}

/// Prompts any of whose gradients is no number.
fn not_finite(gradients: &BTreeMap<Site, Tensor>) -> Vec<usize> {
    let Some(prompts) = gradients.values().next().map(|gradient| gradient.size()[0]) else { return Vec::new() };
    let mut is_finite = Tensor::ones([prompts], (Kind::Bool, Device::Cpu));
    for gradient in gradients.values() {
        let of_prompt = gradient.isfinite().flatten(1, -1).all_dim(1, false);
        is_finite = is_finite.logical_and(&of_prompt.to_device(Device::Cpu));
    }
    let is_finite = Vec::<bool>::try_from(is_finite).expect("one for each prompt");
    is_finite.iter().enumerate().filter_map(|(prompt, is_finite)| (!is_finite).then_some(prompt)).collect()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use patchsweep_core::grid::Component;

    use super::*;
    use crate::torch::numbers::host_wide;

    #[test]
    fn gradients_too_large_and_too_small_for_float16_are_there_all_the_same() {
        let site = (0, Component::ResidPre);
        let (last, x) = with_grad(|| {
            let x = Tensor::full([2, 1, 1], 0.01, (Kind::Half, Device::Cpu)).set_requires_grad(true);
            (&x * 600.0 * 600.0, x)
        });
        let by_last = Tensor::from_slice(&[1.0f32, 1e-12]).view([2, 1, 1]);
        let gradients = through_model(&last, &by_last, &BTreeMap::from([(site, x)]), true);
        let scaled = gradients.scaled(site).expect("a gradient").to_kind(Kind::Double);
        for (found, wanted) in host_wide(&gradients.put_right(&scaled)).into_iter().zip([3.6e5, 3.6e-7]) {
            assert!((found / wanted - 1.0).abs() < 2f64.powi(-9), "{found}, not {wanted}");
        }
    }

    #[test]
    fn nothing_is_kept_track_of_behind_a_pass_that_failed() {
        let sizes = |positions| Tensor::ones([1, positions, 1], (Kind::Float, Device::Cpu));
        let x = sizes(2).set_requires_grad(true);
        tch::no_grad(|| {
            let failed = catch_unwind(|| through_model(&sizes(2), &sizes(3), &BTreeMap::new(), true)).is_err();
            assert!(failed && !(&x * 2.0).requires_grad());
        });
    }
}
