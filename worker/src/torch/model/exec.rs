//! A model at work on one tile: matrix products, which are nearly all of the work. They count their multiply-adds, and none
//! begins in a tile that has been cancelled.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use patchsweep_files::ModelError;
use tch::{Device, Kind, Tensor};

use crate::engine::{Cancel, EngineError};
use crate::torch::model::convolved::convolved;
use crate::torch::model::parameters::{Linear, Model};
use crate::torch::model::rotary::Rotations;
use crate::torch::model::weights::InHand;

/// A model at work on one tile.
pub(crate) struct Exec<'a> {
    pub(crate) model: &'a Model,
    /// One for each of the devices.
    tables: Vec<Tables>,
    /// Logits that are computed at once.
    pub(crate) most_logits: i64,
    multiply_adds: Cell<u64>,
    /// Of a streamed model.
    pub(super) in_hand: RefCell<InHand>,
    streamed_bytes: Cell<u64>,
    cancel: Cancel,
}

/// What depends on a tile's positions alone.
pub(super) struct Tables {
    /// Of the model's layers.
    pub(super) rotations: Rotations,
    /// All positions, int64 \[pos\].
    pub(super) positions: Tensor,
}

impl<'a> Exec<'a> {
    /// For prompts of so many positions; `most_logits`: that are computed at once.
    pub(crate) fn new(model: &'a Model, positions: u32, most_logits: i64, cancel: Cancel) -> Self {
        let tables = model.layers.devices().iter().map(|device| Tables {
            rotations: Rotations::of(&model.architecture, positions, device),
            positions: Tensor::arange(i64::from(positions), (Kind::Int64, device)),
        });
        let tables = tables.collect();
        let (multiply_adds, streamed_bytes, in_hand) = (Cell::new(0), Cell::new(0), RefCell::default());
        Self { model, tables, most_logits, multiply_adds, in_hand, streamed_bytes, cancel }
    }

    /// The device of a layer.
    pub(crate) fn device(&self, layer: u32) -> Device {
        self.model.layers.device(layer)
    }

    /// On the device of a layer.
    pub(super) fn tables(&self, layer: u32) -> &Tables {
        &self.tables[self.model.layers.place(layer)]
    }

    /// Of all matrix products so far.
    pub(crate) fn multiply_adds(&self) -> u64 {
        self.multiply_adds.get()
    }

    /// Bytes of blocks that came to the device so far, because the model is streamed.
    pub(crate) fn streamed_bytes(&self) -> u64 {
        self.streamed_bytes.get()
    }

    /// \[.., in\] to \[.., out\].
    pub(crate) fn linear(&self, x: &Tensor, linear: &Linear) -> Tensor {
        self.stop_if_cancelled();
        let (outputs, inputs) = linear.weight.size2().expect("a matrix");
        let rows = elements(x) / inputs.max(1);
        self.count(rows * inputs * outputs);
        convolved(x, linear, [rows, inputs, outputs]).unwrap_or_else(|| x.linear(&linear.weight, linear.bias.as_ref()))
    }

    /// Batched product \[.., m, k\] x \[.., k, n\].
    pub(crate) fn product(&self, a: &Tensor, b: &Tensor) -> Tensor {
        self.stop_if_cancelled();
        let product = a.matmul(b);
        self.count(elements(&product) * a.size().last().copied().unwrap_or(0));
        product
    }

    /// \[batch, m, k\] x \[batch, k, n\] of operands that are filled up; the caller counts what matters of them.
    pub(crate) fn uncounted_product(&self, a: &Tensor, b: &Tensor) -> Tensor {
        self.stop_if_cancelled();
        a.bmm(b)
    }

    /// Adds \[m, k\] x \[k, n\] to \[m, n\] in place.
    pub(crate) fn add_product(&self, sum: &mut Tensor, a: &Tensor, b: &Tensor) {
        self.stop_if_cancelled();
        self.count(elements(sum) * a.size().last().copied().unwrap_or(0));
        let _ = sum.addmm_(a, b);
    }

    /// Adds \[batch, m, k\] x \[batch, k, n\] to \[batch, m, n\] in place.
    pub(crate) fn add_products(&self, sum: &mut Tensor, a: &Tensor, b: &Tensor) {
        self.stop_if_cancelled();
        self.count(elements(sum) * a.size().last().copied().unwrap_or(0));
        let _ = sum.baddbmm_(a, b);
    }

    /// Before each product, so that a cancelled tile ends within a fraction of a second.
    pub(super) fn stop_if_cancelled(&self) {
        if self.cancel.is_cancelled() {
            resume_unwind(Box::new(Stopped::Cancelled));
        }
    }

    pub(crate) fn count(&self, multiply_adds: i64) {
        self.multiply_adds.set(self.multiply_adds.get() + multiply_adds.unsigned_abs());
    }

    pub(super) fn count_streamed(&self, bytes: u64) {
        self.streamed_bytes.set(self.streamed_bytes.get() + bytes);
    }
}

/// Why a tile's work ended in the middle of a run. Travels like libtorch's own errors, which are panics: so a run needs no other
/// way out than when it runs out of memory.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Nobody waits for the tile in hand.
    Cancelled,
    /// A block of a streamed model could not be read.
    Unreadable(ModelError),
}

impl From<Stopped> for EngineError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Cancelled => Self::Cancelled,
            Stopped::Unreadable(error) => Self::Model(error),
        }
    }
}

/// Runs a tile's work to its end, unless it is stopped.
pub(crate) fn unless_stopped<T>(work: impl FnOnce() -> T) -> Result<T, Stopped> {
    let stopped = |panic: Box<dyn Any + Send>| match panic.downcast::<Stopped>() {
        Ok(stopped) => *stopped,
        Err(panic) => resume_unwind(panic),
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(stopped)
}

fn elements(x: &Tensor) -> i64 {
    x.size().iter().product()
}
