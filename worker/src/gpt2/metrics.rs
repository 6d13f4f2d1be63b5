//! Metrics of the final residual stream; only the logits that they read are computed.

use patchsweep_proto::metric::MetricKind;
use tch::{Kind, Tensor};

use super::weights::Gpt2;

impl Gpt2 {
    /// One number per row.
    ///
    /// `normed`: what [`Gpt2::final_norm`] gave at the read position \[rows, `d_model`\]; `answers`: int64 \[rows\].
    pub(super) fn metric(&self, kind: &MetricKind, normed: &Tensor, answers: &Tensor) -> Vec<f32> {
        let scores = match kind {
            MetricKind::LogitDiffMax { candidates } => {
                let ids: Vec<i64> = candidates.iter().map(|&id| id.into()).collect();
                let ids = Tensor::from_slice(&ids).to_device(normed.device());
                let logits = normed.matmul(&self.unembed_rows(&ids).transpose(0, 1));
                let is_answer = ids.unsqueeze(0).eq_tensor(&answers.unsqueeze(1));
                let best_other = logits.masked_fill(&is_answer, f64::NEG_INFINITY).amax([-1], false);
                let answer_logit =
                    (normed * self.unembed_rows(answers)).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
                answer_logit - best_other
            }
        };
        host_floats(&scores)
    }

    fn unembed_rows(&self, ids: &Tensor) -> Tensor {
        self.unembed.index_select(0, ids).to_kind(Kind::Float)
    }
}

/// A one-dimensional float32 tensor's numbers.
fn host_floats(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_device(tch::Device::Cpu).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    let count = numbers.len();
    tensor.copy_data(&mut numbers, count);
    numbers
}
