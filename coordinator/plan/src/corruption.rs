//! Where corrupted prompts come from, as the spec says it.

use std::ops::Range;

use super::{Inputs, PlanError};
use crate::spec::schema::{self, CORRUPTION_KINDS};
use crate::spec::{MOST_REPLICATES, Spanned};

const PERMUTE: &str = "permute";
const PAIRS: &str = "pairs";
const NOISE: &str = "noise";

/// Where corrupted prompts come from.
pub(super) enum Scheme<'a> {
    /// Nothing needs them: they are the clean ones.
    Nothing,
    /// Token ids are given outright.
    Tokens,
    /// Tokens of other prompts.
    Permute(Permute<'a>),
    /// The dataset's column `corrupted`.
    Pairs {
        /// Where the spec says so.
        kind: Range<usize>,
    },
    /// The clean prompts with noise on their embeddings.
    Noise {
        /// Standard deviation, as a multiple of that of the embedding's entries; positive.
        scale: f32,
        /// Of the first iteration.
        seed: u64,
    },
}

/// Tokens of other prompts.
#[derive(Clone)]
pub(super) struct Permute<'a> {
    /// Half-open position ranges.
    pub(super) groups: &'a [Spanned<Vec<u32>>],
    pub(super) seed: u64,
    /// Where the spec asks for other answers, if it does.
    pub(super) distinct: Option<Range<usize>>,
}

impl Scheme<'_> {
    /// The same with the seed of a replicate, counted from 0.
    ///
    /// Noise counts seeds up from iteration to iteration too; what matters is that the replicates of an iteration differ.
    pub(super) fn replicate(&self, index: u32) -> Self {
        let count_up = |seed: u64| seed.wrapping_add(index.into());
        match self {
            Self::Nothing => Self::Nothing,
            Self::Tokens => Self::Tokens,
            Self::Permute(permute) => Self::Permute(Permute { seed: count_up(permute.seed), ..permute.clone() }),
            Self::Pairs { kind } => Self::Pairs { kind: kind.clone() },
            &Self::Noise { scale, seed } => Self::Noise { scale, seed: count_up(seed) },
        }
    }

    /// What the random choices come from; `None` where there are none.
    pub(super) fn seed(&self) -> Option<u64> {
        match self {
            Self::Permute(Permute { seed, .. }) | Self::Noise { seed, .. } => Some(*seed),
            Self::Nothing | Self::Tokens | Self::Pairs { .. } => None,
        }
    }
}

pub(super) fn read<'a>(inputs: &Inputs<'a>) -> Result<Scheme<'a>, PlanError> {
    let (spec, source) = (inputs.spec, inputs.source);
    let tokens = spec.dataset.get_ref().tokens.is_some();
    let Some(corruption) = &spec.corruption else {
        let needed = spec.grid.iter().any(schema::Grid::takes_other);
        return match (tokens, needed) {
            (true, _) => Ok(Scheme::Tokens),
            (false, false) => Ok(Scheme::Nothing),
            (false, true) => {
                let message =
                    "prompts from text need a `[corruption]`, unless every grid has `ablate`, and each of its `also`"
                        .to_owned();
                Err(source.error(spec.dataset.span(), message).into())
            }
        };
    };
    let scheme = scheme(inputs, corruption.get_ref())?;
    replicates(inputs)?;
    if tokens && !matches!(scheme, Scheme::Noise { .. }) {
        let message = "token ids are corrupted already: leave `[corruption]` out".to_owned();
        return Err(source.error(corruption.span(), message).into());
    }
    Ok(scheme)
}

fn scheme<'a>(inputs: &Inputs<'a>, corruption: &'a schema::Corruption) -> Result<Scheme<'a>, PlanError> {
    let seed = corruption.seed.as_ref().map_or(0, |seed| *seed.get_ref());
    let kind = &corruption.kind;
    let missing = |key: &str, what: &str| {
        let message = format!("`{}` needs `{key}`, {what}", kind.get_ref());
        PlanError::from(inputs.source.error(kind.span(), message))
    };
    match kind.get_ref().as_str() {
        PERMUTE => {
            only(inputs, corruption, &["groups", "seed", "distinct", "replicates"])?;
            let ranges = "the ranges of positions that are drawn together, like [[0, 6], [6, 8]]";
            let groups = corruption.groups.as_ref().ok_or_else(|| missing("groups", ranges))?;
            let distinct = corruption.distinct.as_ref().filter(|distinct| *distinct.get_ref()).map(Spanned::span);
            Ok(Scheme::Permute(Permute { groups: groups.get_ref(), seed, distinct }))
        }
        PAIRS => only(inputs, corruption, &[]).map(|()| Scheme::Pairs { kind: kind.span() }),
        NOISE => {
            only(inputs, corruption, &["scale", "seed", "replicates"])?;
            let multiple = "the multiple of the embedding's standard deviation, for instance 3.0";
            let scale = corruption.scale.as_ref().ok_or_else(|| missing("scale", multiple))?;
            Ok(Scheme::Noise { scale: positive(inputs, scale)?, seed })
        }
        other => {
            let message = format!("unknown corruption `{other}`");
            Err(inputs.source.word_error(kind.span(), message, other, &CORRUPTION_KINDS).into())
        }
    }
}

/// How often the corruption is drawn.
pub(super) fn replicates(inputs: &Inputs<'_>) -> Result<u32, PlanError> {
    let given = inputs.spec.corruption.as_ref().and_then(|corruption| corruption.get_ref().replicates.as_ref());
    let Some(replicates) = given else { return Ok(1) };
    let count = *replicates.get_ref();
    if (1..=MOST_REPLICATES).contains(&count) {
        return Ok(count);
    }
    let message = format!("{count} replicates; give from 1 to {MOST_REPLICATES}, for instance 5");
    Err(inputs.source.error(replicates.span(), message).into())
}

/// Refuses the keys of other kinds.
fn only(inputs: &Inputs<'_>, corruption: &schema::Corruption, own: &[&str]) -> Result<(), PlanError> {
    let given = [
        ("groups", corruption.groups.as_ref().map(Spanned::span)),
        ("distinct", corruption.distinct.as_ref().map(Spanned::span)),
        ("scale", corruption.scale.as_ref().map(Spanned::span)),
        ("seed", corruption.seed.as_ref().map(Spanned::span)),
        ("replicates", corruption.replicates.as_ref().map(Spanned::span)),
    ];
    let stray = given.into_iter().find_map(|(key, span)| span.filter(|_| !own.contains(&key)).map(|span| (key, span)));
    let Some((key, span)) = stray else { return Ok(()) };
    let message = format!("`{key}` does not belong to corruption `{}`: leave it out", corruption.kind.get_ref());
    Err(inputs.source.error(span, message).into())
}

#[allow(clippy::cast_possible_truncation, reason = "what float32 cannot hold is refused")]
fn positive(inputs: &Inputs<'_>, scale: &Spanned<f64>) -> Result<f32, PlanError> {
    let rounded = *scale.get_ref() as f32;
    if rounded.is_finite() && rounded > 0.0 {
        return Ok(rounded);
    }
    let message = "`scale` must be a positive number, for instance 3.0".to_owned();
    Err(inputs.source.error(scale.span(), message).into())
}

#[cfg(test)]
mod tests {
    use super::super::example::{plan, refusal};

    const PERMUTE: &str = "kind = \"permute\"\ngroups = [[1, 4]]";

    #[test]
    fn keys_of_another_kind_are_refused() {
        let strange = refusal(&[(PERMUTE, "kind = \"pairs\"\nseed = 1")]);
        assert!(strange.contains("line 10, column 8: `seed` does not belong to corruption `pairs`"), "{strange}");
        let strange = refusal(&[(PERMUTE, "kind = \"noise\"\nscale = 3\ndistinct = false")]);
        assert!(strange.contains("line 11, column 12: `distinct` does not belong to corruption `noise`"), "{strange}");
        let strange = refusal(&[(PERMUTE, "kind = \"permute\"\nscale = 3.0\ngroups = []")]);
        assert!(strange.contains("`scale` does not belong to corruption `permute`"), "{strange}");
    }

    #[test]
    fn replicates_are_of_what_is_drawn() {
        let stray = refusal(&[(PERMUTE, "kind = \"pairs\"\nreplicates = 2")]);
        assert!(stray.contains("line 10, column 14: `replicates` does not belong to corruption `pairs`"), "{stray}");
        for count in [0, 1001] {
            let refused = refusal(&[("groups", &format!("replicates = {count}\ngroups"))]);
            assert!(refused.contains("line 10, column 14: ") && refused.contains("give from 1 to 1000"), "{refused}");
        }
        let misspelt = refusal(&[("groups", "replicate = 3\ngroups")]);
        assert!(misspelt.contains("did you mean `replicates`?"), "{misspelt}");
    }

    #[test]
    fn missing_and_impossible_keys_are_refused() {
        assert!(refusal(&[(PERMUTE, "kind = \"permute\"")]).contains("line 9, column 8: `permute` needs `groups`"));
        assert!(refusal(&[(PERMUTE, "kind = \"noise\"")]).contains("line 9, column 8: `noise` needs `scale`"));
        for scale in ["0", "-1.5", "nan", "inf", "1e-300", "1e300"] {
            let message = refusal(&[(PERMUTE, &format!("kind = \"noise\"\nscale = {scale}"))]);
            assert!(message.contains("line 10, column 9: `scale` must be a positive number"), "{message}");
        }
        assert!(refusal(&[("\"permute\"", "\"noises\"")]).contains("did you mean `noise`?"));
    }

    #[test]
    fn only_ablations_need_no_corruption() {
        let none = ("[corruption]\nkind = \"permute\"\ngroups = [[1, 4]]\n", "");
        assert!(refusal(&[none]).contains("need a `[corruption]`, unless every grid has `ablate`, and each"));
        let ablation = ("axes", "ablate = \"mean\"\naxes");
        let stray = refusal(&[none, ablation]);
        assert!(stray.contains("nothing says what corrupts these positions: leave `corrupt` out"), "{stray}");
        let plan = plan(&[none, ablation, ("corrupt = [2]\n", "")]);
        assert_eq!(plan.context.iterations[0].corrupted, plan.context.clean);
        assert_eq!((plan.seeds.corruption, plan.kept_answers), (None, vec![None]));
    }
}
