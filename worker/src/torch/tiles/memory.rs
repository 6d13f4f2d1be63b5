//! How much is computed at once, so that it fits the memory.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use patchsweep_core::context::SweepContext;
use patchsweep_core::weights::LEAST_BESIDE;
use patchsweep_process::panics;

use crate::torch::runs::activations::ActivationCache;
use crate::torch::{cuda_runtime, gpu};

/// Rows of a batch beyond which products do not become faster.
const MOST_ROWS_ON_CPU: u64 = 1 << 13;
const MOST_ROWS_ON_GPU: u64 = 1 << 17;

/// Logits beyond which products do not become faster.
const MOST_LOGITS: i64 = 1 << 24;

/// What is left for activations when the weights are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryShares {
    /// Bytes of activations that are kept between tiles.
    pub(crate) cache: u64,
    /// Bytes of what one batch takes while it is computed.
    batch: u64,
    /// Rows of a batch, as running out of memory has taught.
    most_rows: u64,
    /// Tokens of the prompts that are in hand at once, as running out of memory has taught.
    pub(crate) most_tokens: u64,
}

impl MemoryShares {
    /// Half for the cache; of the rest, half is left to the allocator. `None` when there is next to nothing.
    pub(crate) fn of(budget: u64, weights: u64, on_gpu: bool) -> Option<Self> {
        let rest = budget.checked_sub(weights).filter(|&rest| rest >= LEAST_BESIDE)?;
        let most_rows = if on_gpu { MOST_ROWS_ON_GPU } else { MOST_ROWS_ON_CPU };
        Some(Self { cache: rest / 2, batch: rest / 4, most_rows, most_tokens: u64::MAX })
    }

    /// Rows of a batch whose activations fit, at least one.
    pub(crate) fn batch_rows(&self, context: &SweepContext) -> u64 {
        (self.batch / row_bytes(context)).min(self.most_rows).max(1)
    }

    /// Logits that are computed at once: they, their logarithms and what they are compared with are a few tensors of one size.
    pub(crate) fn most_logits(&self) -> i64 {
        i64::try_from(self.batch / 16).map_or(MOST_LOGITS, |fitting| fitting.min(MOST_LOGITS))
    }

    /// Prompts whose activations fit the cache, at least one. `bytes`: what one prompt's take.
    pub(crate) fn prompts(&self, bytes: u64) -> u32 {
        u32::try_from((self.cache / bytes.max(1)).max(1)).unwrap_or(u32::MAX)
    }

    /// The memory ran out: from now on there is at most half of what did not fit, and what is cached makes room.
    pub(crate) fn ran_out(&mut self, tried: &Tried, cache: &mut ActivationCache) {
        self.halve(tried, cache.fullest());
        cache.limit(0);
        gpu::empty_cache();
        cache.limit(self.cache);
    }

    /// It is learnt in what batches are made of, not in prompts, so that it holds for others than these, which may be shorter or
    /// longer: half the rows, and half the bytes, as longer prompts have larger rows. Of a cache in which nothing was, nothing is
    /// learnt: something else took the memory.
    ///
    /// `cached`: bytes on the device that has most of them.
    fn halve(&mut self, tried: &Tried, cached: u64) {
        if cached > 0 {
            self.cache = self.cache.min((cached / 2).max(LEAST_BESIDE));
        }
        self.most_rows = self.most_rows.min(tried.rows / 2);
        self.batch = self.batch.min(tried.rows.saturating_mul(tried.row_bytes) / 2);
        self.most_tokens = self.most_tokens.min(tried.tokens / 2);
    }
}

/// What a tile's work had at once in the memory, or would have had, when it ran out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    /// Rows of a batch, at most.
    pub(crate) rows: u64,
    /// Bytes of each.
    pub(crate) row_bytes: u64,
    /// Tokens of the prompts in hand.
    pub(crate) tokens: u64,
}

/// Bytes of a row of a batch of prompts as long as these.
pub(crate) fn row_bytes(context: &SweepContext) -> u64 {
    let model = &context.architecture;
    let [width, queries, keys] = [model.d_model, model.d_queries(), model.d_keys()].map(u64::from);
    // Residual stream, what is normed, queries, keys, values, z and their copies for attention; its probabilities
    // twice, float32 whatever the model's dtype; and the hidden layer.
    let hidden = if model.mlp.gated { 3 } else { 2 } * u64::from(model.d_mlp);
    let projected = 6 * width + 4 * queries + 2 * keys;
    4 * (projected + 2 * u64::from(model.heads) * positions(context) + hidden)
}

/// Tokens of a prompt that matter.
pub(crate) fn positions(context: &SweepContext) -> u64 {
    u64::from(context.last_read()) + 1
}

/// The memory of the device ran out.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

/// Runs libtorch code and tells when memory ran out; other panics go on.
pub(crate) fn within_memory<T>(compute: impl FnOnce() -> T) -> Result<T, OutOfMemory> {
    catch_unwind(AssertUnwindSafe(compute))
        .map_err(|panic| if ran_out(panic.as_ref()) { OutOfMemory } else { resume_unwind(panic) })
}

/// What libtorch says where memory is missing; of each line all parts are there. A library of a GPU whose first call finds no room
/// says that it is not there.
const SIGNS: [&[&str]; 6] = [
    &["out of memory"],
    &["can't allocate memory"],
    &["bad_alloc"],
    &["CUBLAS_STATUS_ALLOC_FAILED"],
    &["CUDNN_STATUS_ALLOC_FAILED"],
    &["CUBLAS_STATUS_NOT_INITIALIZED", "cublasCreate"],
];

/// What cuBLAS says of anything, missing memory among it: it gets its own from the driver.
const SIGNS_ON_FULL_GPUS: [&str; 2] = ["CUBLAS_STATUS_INTERNAL_ERROR", "CUBLAS_STATUS_EXECUTION_FAILED"];

/// libtorch says what went wrong in words only.
fn ran_out(panic: &(dyn Any + Send)) -> bool {
    panics::text(panic).is_some_and(|text| is_of_memory(text, cuda_runtime::is_any_full))
}

/// `is_full`: whether a GPU, which is not lost, has hardly any memory left.
fn is_of_memory(text: &str, is_full: impl FnOnce() -> bool) -> bool {
    let is_said = SIGNS.iter().any(|parts| parts.iter().all(|part| text.contains(part)));
    is_said || SIGNS_ON_FULL_GPUS.iter().any(|sign| text.contains(sign)) && is_full()
}

#[cfg(test)]
mod tests {
    use patchsweep_core::scores::CacheStats;
    use patchsweep_data::sweep;

    use super::*;

    #[test]
    fn a_budget_below_the_weights_leaves_nothing() {
        assert_eq!(MemoryShares::of(500 << 20, 600 << 20, false), None);
        let shares = MemoryShares::of(5 << 20, 1 << 20, false).expect("4 MiB");
        assert_eq!((shares.cache, shares.batch, shares.most_logits()), (2 << 20, 1 << 20, 1 << 16));
    }

    #[test]
    fn what_running_out_teaches_holds_for_shorter_and_for_longer_prompts() {
        let mut short = sweep::of_prompts(1);
        let long = short.clone();
        short.iterations[0].reads = vec![1];
        let bytes = |shares: &MemoryShares, context: &SweepContext| shares.batch_rows(context) * row_bytes(context);
        for (tried, other) in [(&short, &long), (&long, &short)] {
            let mut shares = MemoryShares::of(64 << 20, 0, true).expect("enough");
            let (rows, taken) = (shares.batch_rows(tried), bytes(&shares, tried));
            shares.halve(&Tried { rows, row_bytes: row_bytes(tried), tokens: 22 }, 0);
            assert_eq!((shares.batch_rows(tried), shares.most_tokens), (rows / 2, 11));
            assert!(shares.batch_rows(other) <= rows / 2 && bytes(&shares, other) <= taken / 2, "{shares:?}");
            let learnt = shares;
            shares.halve(&Tried { rows: 2 * rows, row_bytes: row_bytes(tried), tokens: 1000 }, u64::MAX);
            assert_eq!(shares, learnt, "nothing is forgotten");
        }
    }

    #[test]
    fn what_is_cached_makes_room_and_teaches_how_much_may_be() {
        let mut cache = ActivationCache::new(2);
        let mut shares = MemoryShares::of(64 << 20, 0, true).expect("enough");
        cache.limit(shares.cache);
        let all = shares.cache;
        let tried = Tried { rows: 100, row_bytes: 100, tokens: 100 };
        shares.ran_out(&tried, &mut cache);
        assert_eq!((shares.cache, cache.stats().budget_bytes), (all, 2 * all), "nothing was cached");
        // Of two devices, one has as much as there may be.
        cache.keep_zeros(0, all);
        cache.keep_zeros(1, all / 8);
        shares.ran_out(&tried, &mut cache);
        let CacheStats { bytes, budget_bytes, .. } = cache.stats();
        assert_eq!((shares.cache, bytes, budget_bytes), (all / 2, 0, all));
        cache.keep_zeros(0, 4);
        shares.ran_out(&tried, &mut cache);
        assert_eq!((shares.cache, cache.stats().bytes), (LEAST_BESIDE, 0));
    }

    #[test]
    fn what_libtorch_says_of_memory_is_distinguished_from_other_failures() {
        let huge = || tch::Tensor::zeros([1 << 46], (tch::Kind::Float, tch::Device::Cpu));
        assert!(within_memory(huge).is_err());
        let wrong = catch_unwind(|| within_memory(|| tch::Tensor::zeros([2], tch::kind::FLOAT_CPU).view([3])).is_ok());
        assert!(wrong.is_err());
        let of_gpus = [
            ("CUDA out of memory. Tried to allocate 2.00 GiB", true),
            ("CUDA error: out of memory", true),
            ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", true),
            ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", true),
            ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", true),
            ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasSgemm(handle, opa)`", false),
            ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(handle, opa)`", false),
            ("CUDA error: an illegal memory access was encountered", false),
        ];
        for (text, is_of_memory) in of_gpus {
            assert_eq!(ran_out(&text.to_owned()), is_of_memory, "{text}");
        }
        for (status, is_of_memory_where_full) in
            [("INTERNAL_ERROR", true), ("EXECUTION_FAILED", true), ("ARCH_MISMATCH", false)]
        {
            let text = format!("CUDA error: CUBLAS_STATUS_{status} when calling `cublasSgemm(handle, opa)`");
            let found = [true, false].map(|is_full| super::is_of_memory(&text, || is_full));
            assert_eq!(found, [is_of_memory_where_full, false], "{status}");
        }
    }
}
