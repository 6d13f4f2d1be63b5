//! Metrics of final residual streams; only the logits that they read are computed.

use std::rc::Rc;

use patchsweep_core::metric::{Metric, MetricKind, TokenScore};
use tch::{Kind, Tensor};

use crate::torch::model::exec::Exec;
use crate::torch::numbers::length;
use crate::torch::score::token_sets::{Rows, Sides, taken};
use crate::torch::score::vocabulary::{CleanDistribution, Distribution};

/// What some prompts are scored with at one read position.
pub(crate) struct Scorer<'a> {
    exec: &'a Exec<'a>,
    metrics: &'a [Metric],
    /// int64 \[prompts\]
    answers: Option<Tensor>,
    /// int64 \[prompts\]
    wrong_answers: Option<Tensor>,
    /// Of the metrics that have any \[metrics\].
    sets: Rc<[Option<Sides>]>,
    /// Of the clean run, for metrics that compare with it.
    clean: Option<CleanDistribution>,
}

impl<'a> Scorer<'a> {
    /// `answers`, `wrong_answers`: token ids \[prompts\]; `sets`: of the metrics that have any \[metrics\]; `clean`: the clean run's last residual stream at the read position
    /// \[prompts, `d_model`\].
    pub(crate) fn new(
        exec: &'a Exec<'a>,
        metrics: &'a [Metric],
        answers: Option<&[u32]>,
        wrong_answers: Option<&[u32]>,
        sets: Rc<[Option<Sides>]>,
        clean: &Tensor,
    ) -> Self {
        let ids = |ids: &[u32]| {
            let ids: Vec<i64> = ids.iter().map(|&id| id.into()).collect();
            Tensor::from_slice(&ids).to_device(exec.model.unembed.device())
        };
        let compares = metrics.iter().any(|metric| metric.kind == MetricKind::Kl);
        Self {
            exec,
            metrics,
            answers: answers.map(ids),
            wrong_answers: wrong_answers.map(ids),
            sets,
            clean: compares.then(|| CleanDistribution::of(exec, &exec.final_norm(clean, None))),
        }
    }

    /// All metrics of runs \[metrics, cells, prompts\], float32.
    ///
    /// `resid`: the last residual stream at the read position \[cells, prompts, `d_model`\].
    pub(crate) fn score(&self, resid: &Tensor) -> Tensor {
        self.score_like(resid, None)
    }

    /// The same, where the final norm divides as it does of another stream \[prompts, `d_model`\].
    pub(crate) fn score_like(&self, resid: &Tensor, like: Option<&Tensor>) -> Tensor {
        let (cells, prompts, _) = resid.size3().expect("cells, prompts and d_model");
        let like = like.map(|like| like.repeat([cells, 1]));
        let normed = self.exec.final_norm(&resid.flatten(0, 1), like.as_ref());
        let repeated = |ids: &Option<Tensor>| ids.as_ref().map(|ids| ids.repeat([cells]));
        let (answers, wrong_answers) = (repeated(&self.answers), repeated(&self.wrong_answers));
        let reads_vocabulary = self.metrics.iter().any(|metric| metric.kind.reads_vocabulary());
        let distribution = reads_vocabulary.then(|| Distribution::of(self.exec, &normed, self.clean.as_ref()));
        let log_sum = distribution.as_ref().map(|distribution| &distribution.log_sum);
        let rows = Rows { exec: self.exec, normed: &normed, log_sum };
        let answers = || answers.as_ref().expect("a context with this metric has answers");
        let answer = |of: TokenScore| taken(of, self.logit(&normed, answers()), log_sum);
        let score = |(metric, sets): (&Metric, &Option<Sides>)| match &metric.kind {
            MetricKind::LogitDiffMax { candidates } => {
                let (others, is_answer) = self.candidates(&normed, candidates, answers());
                answer(TokenScore::Logit) - others.masked_fill(&is_answer, f64::NEG_INFINITY).amax([-1], false)
            }
            MetricKind::LogitDiffMean { candidates } => {
                let (others, is_answer) = self.candidates(&normed, candidates, answers());
                let sum = others.masked_fill(&is_answer, 0.0).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
                let count = length(candidates.len()) - 1;
                answer(TokenScore::Logit) - sum / count
            }
            MetricKind::LogitDiff => match &wrong_answers {
                Some(wrong) => answer(TokenScore::Logit) - self.logit(&normed, wrong),
                None => unreachable!("a context with this metric has wrong answers"),
            },
            MetricKind::Logprob => answer(TokenScore::Logprob),
            MetricKind::Prob => answer(TokenScore::Prob),
            MetricKind::Kl => match distribution.as_ref().and_then(|run| run.divergence.as_ref()) {
                Some(divergence) => divergence.shallow_clone(),
                None => unreachable!("compared for this metric"),
            },
            MetricKind::Difference(_) => match sets {
                Some(sets) => sets.score(rows),
                None => unreachable!("made for this metric"),
            },
        };
        let pairs = self.metrics.iter().zip(self.sets.iter());
        let scores: Vec<Tensor> = pairs.map(|pair| score(pair).view([cells, prompts])).collect();
        Tensor::stack(&scores, 0)
    }

    /// Of one token for each row, as a sum of products, which is not counted.
    fn logit(&self, normed: &Tensor, ids: &Tensor) -> Tensor {
        let columns = self.exec.model.unembed.index_select(0, ids).to_kind(Kind::Float);
        let product = (normed * columns).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
        self.exec.logits(product, self.bias_of(ids).as_ref())
    }

    /// Of some tokens.
    fn bias_of(&self, ids: &Tensor) -> Option<Tensor> {
        self.exec.model.unembed_bias.as_ref().map(|bias| bias.index_select(0, ids))
    }

    /// Logits of the candidates, and which of them is the answer, each \[rows, candidates\].
    fn candidates(&self, normed: &Tensor, candidates: &[u32], answers: &Tensor) -> (Tensor, Tensor) {
        let ids: Vec<i64> = candidates.iter().map(|&id| id.into()).collect();
        let ids = Tensor::from_slice(&ids).to_device(normed.device());
        let columns = self.exec.model.unembed.index_select(0, &ids).to_kind(Kind::Float);
        let product = self.exec.product(normed, &columns.transpose(0, 1));
        let logits = self.exec.logits(product, self.bias_of(&ids).as_ref());
        (logits, ids.unsqueeze(0).eq_tensor(&answers.unsqueeze(1)))
    }
}
