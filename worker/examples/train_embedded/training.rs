//! Gradient descent.

use std::f64::consts::PI;

use tch::{
    TchError, Tensor,
    nn::{AdamW, OptimizerConfig, VarStore},
};

use crate::{guidance::guidance, model::Gpt2, sequences::Sequences};

const STEPS_PER_REPORT: u32 = 50;
const GRADIENT_NORM_LIMIT: f64 = 1.0;

/// How much guidance counts beside the answers.
const GUIDANCE_WEIGHT: f64 = 0.3;

/// How long a model is trained, and how fast.
pub(crate) struct Schedule {
    pub(crate) steps: u32,
    /// Steps in which the learning rate rises.
    pub(crate) warm_up_steps: u32,
    /// Steps, from the first one on, that say where heads are to look.
    pub(crate) guided_steps: u32,
    pub(crate) peak_learning_rate: f64,
    pub(crate) weight_decay: f64,
}

/// Trains the model's weights in place, reporting the loss on the way.
pub(crate) fn train(
    model: &Gpt2,
    weights: &VarStore,
    schedule: &Schedule,
    batches: impl Iterator<Item = Sequences>,
) -> Result<(), TchError> {
    let adam = AdamW { wd: schedule.weight_decay, ..AdamW::default() };
    let mut optimizer = adam.build(weights, schedule.peak_learning_rate)?;
    let mut loss_since_report = 0.0;
    for (step, batch) in (1..=schedule.steps).zip(batches) {
        let guided = step <= schedule.guided_steps;
        let (answers, loss) = losses(model, &batch, guided);
        optimizer.set_lr(schedule.learning_rate(step));
        optimizer.backward_step_clip_norm(&loss, GRADIENT_NORM_LIMIT);

        loss_since_report += f64::try_from(&answers)?;
        if step % STEPS_PER_REPORT == 0 {
            let mean_loss = loss_since_report / f64::from(STEPS_PER_REPORT);
            eprintln!("step {step}/{}: mean loss {mean_loss:.5}", schedule.steps);
            loss_since_report = 0.0;
        }
    }
    Ok(())
}

/// The loss of the answers, and what is to be made small.
fn losses(model: &Gpt2, batch: &Sequences, guided: bool) -> (Tensor, Tensor) {
    if guided {
        let (logits, patterns) = model.logits_and_patterns(batch);
        let answers = answer_loss(&logits, batch);
        let all = &answers + guidance(&patterns, batch) * GUIDANCE_WEIGHT;
        (answers, all)
    } else {
        let answers = answer_loss(&model.logits(batch), batch);
        (answers.shallow_clone(), answers)
    }
}

/// The mean cross-entropy of the targets alone: the tokens before them are random, so that nothing can predict them.
fn answer_loss(logits: &Tensor, batch: &Sequences) -> Tensor {
    logits.flatten(0, 1).cross_entropy_for_logits(&batch.answers().flatten(0, 1))
}

impl Schedule {
    /// A linear warm-up to the peak, then half a cosine down to zero.
    fn learning_rate(&self, step: u32) -> f64 {
        let warm_up = f64::from(step) / f64::from(self.warm_up_steps);
        let decay_steps = f64::from(self.steps - self.warm_up_steps);
        let decayed = f64::from(step.saturating_sub(self.warm_up_steps)) / decay_steps;
        self.peak_learning_rate * warm_up.min(0.5 * (1.0 + (PI * decayed).cos()))
    }
}
