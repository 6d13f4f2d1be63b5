//! Gradient descent.

use std::f64::consts::PI;

use tch::{
    TchError, Tensor,
    nn::{AdamW, OptimizerConfig, VarStore},
};

use crate::{
    batches::{Sequences, TrainingBatches},
    model::Gpt2,
};

const STEPS: u32 = 800;
const WARM_UP_STEPS: u32 = 100;
const STEPS_PER_REPORT: u32 = 50;
const PEAK_LEARNING_RATE: f64 = 2e-3;
const WEIGHT_DECAY: f64 = 0.1;
const GRADIENT_NORM_LIMIT: f64 = 1.0;

/// Trains the model's weights in place, reporting the loss on the way.
pub(crate) fn train(model: &Gpt2, weights: &VarStore, batches: TrainingBatches) -> Result<(), TchError> {
    let adam = AdamW { wd: WEIGHT_DECAY, ..AdamW::default() };
    let mut optimizer = adam.build(weights, PEAK_LEARNING_RATE)?;
    let mut loss_since_report = 0.0;
    for (step, batch) in (1..=STEPS).zip(batches) {
        let loss = letter_loss(model, &batch);
        optimizer.set_lr(learning_rate(step));
        optimizer.backward_step_clip_norm(&loss, GRADIENT_NORM_LIMIT);

        loss_since_report += f64::try_from(&loss)?;
        if step % STEPS_PER_REPORT == 0 {
            let mean_loss = loss_since_report / f64::from(STEPS_PER_REPORT);
            eprintln!("step {step}/{STEPS}: mean loss {mean_loss:.5}");
            loss_since_report = 0.0;
        }
    }
    Ok(())
}

/// The mean cross-entropy of the letters alone: the words before them are random, so that nothing can predict them.
fn letter_loss(model: &Gpt2, batch: &Sequences) -> Tensor {
    let logits = model.letter_logits(batch).flatten(0, 1);
    logits.cross_entropy_for_logits(&batch.letters().flatten(0, 1))
}

/// A linear warm-up to the peak, then half a cosine down to zero.
fn learning_rate(step: u32) -> f64 {
    let warm_up = f64::from(step) / f64::from(WARM_UP_STEPS);
    let decay_steps = f64::from(STEPS - WARM_UP_STEPS);
    let decayed = f64::from(step.saturating_sub(WARM_UP_STEPS)) / decay_steps;
    PEAK_LEARNING_RATE * warm_up.min(0.5 * (1.0 + (PI * decayed).cos()))
}
