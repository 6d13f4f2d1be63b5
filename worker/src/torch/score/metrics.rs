//! Metrics of final residual streams; only the logits that they read are computed.

use std::rc::Rc;

use patchsweep_core::metric::{Metric, MetricKind, TokenScore};
use tch::{Kind, Tensor};

use crate::torch::gpu::upload;
use crate::torch::model::exec::Exec;
use crate::torch::numbers::{count, host, length};
use crate::torch::rows::joined;
use crate::torch::score::token_sets::{Rows, Sides, taken};
use crate::torch::score::vocabulary::{CleanDistribution, Distribution};

/// Runs to score.
pub(crate) struct Scoring<'s, 'a> {
    pub(crate) scorer: &'s Scorer<'a>,
    /// The last residual stream at the read position \[cells, prompts, `d_model`\].
    pub(crate) resid: Tensor,
    /// Another stream \[prompts, `d_model`\], where the final norm divides as it does of that.
    pub(crate) like: Option<Tensor>,
}

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
            upload(&ids, exec.model.unembed.device())
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
        let (cells, prompts, _) = resid.size3().expect("cells, prompts and d_model");
        scored(&[Scoring { scorer: self, resid: resid.shallow_clone(), like: None }]).unflatten(1, [cells, prompts])
    }
}

impl Exec<'_> {
    /// Of one token for each row, as a sum of products, which is not counted.
    fn logit(&self, normed: &Tensor, ids: &Tensor) -> Tensor {
        let columns = self.model.unembed.index_select(0, ids).to_kind(Kind::Float);
        let product = (normed * columns).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
        self.logits(product, self.bias_of(ids).as_ref())
    }

    /// Of some tokens.
    fn bias_of(&self, ids: &Tensor) -> Option<Tensor> {
        self.model.unembed_bias.as_ref().map(|bias| bias.index_select(0, ids))
    }

    /// Logits of the candidates, and which of them is the answer, each \[rows, candidates\].
    fn candidates(&self, normed: &Tensor, candidates: &[u32], answers: &Tensor) -> (Tensor, Tensor) {
        let ids: Vec<i64> = candidates.iter().map(|&id| id.into()).collect();
        let ids = upload(&ids, normed.device());
        let columns = self.model.unembed.index_select(0, &ids).to_kind(Kind::Float);
        let product = self.product(normed, &columns.transpose(0, 1));
        let logits = self.logits(product, self.bias_of(&ids).as_ref());
        (logits, ids.unsqueeze(0).eq_tensor(&answers.unsqueeze(1)))
    }
}

/// Scores of some runs where they were computed.
pub(crate) struct Waiting {
    /// \[metrics, rows\], float32; run behind run \[cells, prompts\].
    scores: Tensor,
    /// Of each run.
    rows: Vec<usize>,
}

impl Waiting {
    /// All metrics of some runs, at least one, under the same metrics.
    pub(crate) fn of(runs: &[Scoring<'_, '_>]) -> Self {
        Self { scores: scored(runs), rows: runs.iter().map(|run| count(run.rows())).collect() }
    }

    /// Brings several, at least one, from their device in one copy, so that it is waited for once: of each what each of its runs
    /// has \[metrics, cells * prompts\].
    pub(crate) fn arrived<'w>(all: impl Iterator<Item = &'w Self>) -> Vec<Vec<Vec<f32>>> {
        let all: Vec<&Self> = all.collect();
        let scores = host(&Tensor::cat(&all.iter().map(|waiting| &waiting.scores).collect::<Vec<_>>(), 1));
        let row = all.iter().flat_map(|waiting| &waiting.rows).sum::<usize>().max(1);
        let mut first = 0;
        let mut of_run = |&length: &usize| -> Vec<f32> {
            let own = first..first + length;
            first = own.end;
            scores.chunks(row).flat_map(|metric| &metric[own.clone()]).copied().collect()
        };
        all.iter().map(|waiting| waiting.rows.iter().map(&mut of_run).collect()).collect()
    }
}

/// All metrics of some runs, at least one, under the same metrics \[metrics, rows\], float32; run behind run
/// \[cells, prompts\].
fn scored(runs: &[Scoring<'_, '_>]) -> Tensor {
    let Scorer { exec, metrics, .. } = runs[0].scorer;
    let all = |of: &dyn Fn(&Scoring<'_, '_>) -> Option<Tensor>| {
        let each: Option<Vec<Tensor>> = runs.iter().map(of).collect();
        each.map(|each| joined(each.into_iter()))
    };
    let like = all(&|run| Some(run.like.as_ref()?.repeat([run.cells(), 1])));
    let resid = joined(runs.iter().map(|run| run.resid.flatten(0, 1)));
    let normed = exec.final_norm(&resid, like.as_ref());
    let answers = all(&|run| Some(run.scorer.answers.as_ref()?.repeat([run.cells()])));
    let wrong_answers = all(&|run| Some(run.scorer.wrong_answers.as_ref()?.repeat([run.cells()])));
    let clean: Vec<(i64, &CleanDistribution)> =
        runs.iter().filter_map(|run| Some((run.rows(), run.scorer.clean.as_ref()?))).collect();
    let reads_vocabulary = metrics.iter().any(|metric| metric.kind.reads_vocabulary());
    let distribution = reads_vocabulary.then(|| Distribution::of(exec, &normed, &clean));
    let log_sum = distribution.as_ref().map(|distribution| &distribution.log_sum);
    let answers = || answers.as_ref().expect("a context with this metric has answers");
    let answer = |of: TokenScore| taken(of, exec.logit(&normed, answers()), log_sum);
    let score = |(place, metric): (usize, &Metric)| match &metric.kind {
        MetricKind::LogitDiffMax { candidates } => {
            let (others, is_answer) = exec.candidates(&normed, candidates, answers());
            answer(TokenScore::Logit) - others.masked_fill(&is_answer, f64::NEG_INFINITY).amax([-1], false)
        }
        MetricKind::LogitDiffMean { candidates } => {
            let (others, is_answer) = exec.candidates(&normed, candidates, answers());
            let sum = others.masked_fill(&is_answer, 0.0).sum_dim_intlist([-1].as_slice(), false, Kind::Float);
            answer(TokenScore::Logit) - sum / (length(candidates.len()) - 1)
        }
        MetricKind::LogitDiff => match &wrong_answers {
            Some(wrong) => answer(TokenScore::Logit) - exec.logit(&normed, wrong),
            None => unreachable!("a context with this metric has wrong answers"),
        },
        MetricKind::Logprob => answer(TokenScore::Logprob),
        MetricKind::Prob => answer(TokenScore::Prob),
        MetricKind::Kl => match distribution.as_ref().and_then(|run| run.divergence.as_ref()) {
            Some(divergence) => divergence.shallow_clone(),
            None => unreachable!("compared for this metric"),
        },
        MetricKind::Difference(_) => sets_scored(runs, place, Rows { exec, normed: &normed, log_sum }),
    };
    let scores: Vec<Tensor> = metrics.iter().enumerate().map(score).collect();
    Tensor::stack(&scores, 0)
}

/// Differences of sets of tokens, which each run has of its own \[rows\].
fn sets_scored(runs: &[Scoring<'_, '_>], metric: usize, rows: Rows<'_>) -> Tensor {
    let mut first = 0;
    let of_run = |run: &Scoring<'_, '_>| {
        let own = |x: &Tensor| x.narrow(0, first, run.rows());
        let (normed, log_sum) = (own(rows.normed), rows.log_sum.map(own));
        first += run.rows();
        match &run.scorer.sets[metric] {
            Some(sets) => sets.score(Rows { exec: rows.exec, normed: &normed, log_sum: log_sum.as_ref() }),
            None => unreachable!("made for this metric"),
        }
    };
    joined(runs.iter().map(of_run))
}

impl Scoring<'_, '_> {
    fn cells(&self) -> i64 {
        self.resid.size()[0]
    }

    /// \[cells, prompts\]
    fn rows(&self) -> i64 {
        self.cells() * self.resid.size()[1]
    }
}
