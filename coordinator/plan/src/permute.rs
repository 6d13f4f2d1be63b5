//! Corruption by permutation: each group of positions takes its tokens from another prompt.

use std::collections::BTreeMap;
use std::ops::Range;

use patchsweep_core::length;
use patchsweep_core::tokens::TokenMatrix;

use super::corrupted::{Corrupted, replaced, wanted_positions};
use super::corruption::Permute;
use super::matching::Unmatched;
use super::scoring::Scored;
use super::spots::Places;
use super::{Inputs, PlanError, draw};
use crate::spec::Spanned;

/// What an iteration corrupts.
struct Target<'a> {
    scored: &'a Scored,
    /// Each position of a prompt, ascending, and the index of its group \[prompts\]; one for all where they are the same.
    places: Vec<Vec<(u32, usize)>>,
}

impl Target<'_> {
    fn of_prompt(&self, prompt: u32) -> &[(u32, usize)] {
        self.places.get(prompt as usize).unwrap_or(&self.places[0])
    }

    fn takes_from(&self, group: usize) -> bool {
        self.places.iter().flatten().any(|&(_, of)| of == group)
    }

    fn is_empty(&self) -> bool {
        self.places.iter().all(Vec::is_empty)
    }
}

/// One for each of the spec's iterations.
pub(super) fn corrupt(
    inputs: &Inputs<'_>,
    permute: &Permute<'_>,
    clean: &TokenMatrix,
    places: &Places,
    scored: &[Scored],
) -> Result<Vec<Corrupted>, PlanError> {
    if let (true, Some(corruption)) = (clean.is_ragged(), &inputs.spec.corruption) {
        let message = "prompts have different lengths, so that the groups of `permute`, which are positions from 0 on, mean \
                       something else in each: use `pairs` or `noise`";
        return Err(inputs.source.error(corruption.get_ref().kind.span(), message.to_owned()).into());
    }
    let groups = groups(inputs, permute.groups, clean.positions())?;
    let mut targets = Vec::new();
    for (scored, iteration) in scored.iter().zip(&inputs.spec.iteration) {
        let wanted = wanted_positions(inputs, iteration, clean, places)?;
        let place = |pos: u32| {
            groups.iter().position(|group| group.contains(&pos)).map(|group| (pos, group)).ok_or_else(|| {
                let message = format!("position {pos} is in none of the corruption's groups");
                let span = iteration.corrupt.as_ref().map_or_else(|| iteration.read.span(), Spanned::span);
                inputs.source.error(span, message)
            })
        };
        // Without spots all prompts have the same positions.
        let prompts = if places.spots().is_some() { clean.prompts() } else { 1 };
        let of_prompt = |prompt| places.of_prompt(&wanted, prompt).into_iter().map(place).collect::<Result<_, _>>();
        targets.push(Target { scored, places: (0..prompts).map(of_prompt).collect::<Result<_, _>>()? });
    }
    let givers = match &permute.distinct {
        None => draw::permutations(clean.prompts(), groups.len(), permute.seed),
        Some(span) => distinct(inputs, span, &targets, clean.prompts(), &groups, permute.seed)?,
    };
    Ok(targets.iter().map(|target| corrupted(target, clean, &givers)).collect())
}

/// `givers`: whose tokens a prompt takes \[groups\]\[prompts\].
fn corrupted(target: &Target<'_>, clean: &TokenMatrix, givers: &[Vec<u32>]) -> Corrupted {
    let mut tokens = clean.clone();
    for (group, givers) in givers.iter().enumerate().filter(|(group, _)| target.takes_from(*group)) {
        let own = |prompt| {
            let own = target.of_prompt(prompt).iter().filter(|place| place.1 == group);
            own.map(|place| place.0).collect()
        };
        tokens = replaced(&tokens, own, |prompt, pos| clean.row(givers[prompt as usize])[pos as usize]);
    }
    let keeps = |prompt: &u32| {
        let mut givers = target.of_prompt(*prompt).iter().map(|&(_, group)| givers[group][*prompt as usize]);
        givers.any(|giver| target.scored.share_an_answer(*prompt, giver))
    };
    let kept = || length((0..clean.prompts()).filter(keeps).count());
    let kept_answers = (!target.scored.answers.is_empty()).then(kept);
    Corrupted { tokens, noise: None, kept_answers }
}

/// Permutations in which nobody takes tokens of a prompt with the same answer, and so nobody its own.
fn distinct(
    inputs: &Inputs<'_>,
    span: &Range<usize>,
    targets: &[Target<'_>],
    prompts: u32,
    groups: &[Range<u32>],
    seed: u64,
) -> Result<Vec<Vec<u32>>, PlanError> {
    let refuse = |reason: String| {
        let message = format!("{reason}: draw more varied prompts, or leave `distinct` out");
        PlanError::from(inputs.source.error(span.clone(), message))
    };
    for (index, target) in targets.iter().enumerate().filter(|(_, target)| !target.is_empty()) {
        let (answer, count) = most_frequent(target.scored);
        // More than half of the prompts cannot all find another one among the rest.
        if u64::from(count) * 2 > u64::from(prompts) {
            let answer = inputs.token_name(answer);
            return Err(refuse(format!(
                "in iteration {index}, {count} of {prompts} prompts have the answer {answer}, too many to give each \
                 the tokens of one with another answer"
            )));
        }
    }
    let allowed = |group: usize, taker: u32, giver: u32| {
        let mut concerned = targets.iter().filter(|target| target.takes_from(group));
        concerned.all(|target| !target.scored.share_an_answer(taker, giver))
    };
    draw::allowed_permutations(prompts, groups.len(), seed, allowed).map_err(|(group, why)| {
        let Range { start, end } = groups[group];
        if why == Unmatched::TooLong {
            return refuse(format!("{prompts} prompts are too many to find each one with other answers"));
        }
        refuse(format!(
            "the iterations' answers are too much alike to give every prompt, in group {start}..{end}, the tokens of one \
             that has other answers in all of them"
        ))
    })
}

/// The answer token that most prompts have at one read position, and their number.
fn most_frequent(scored: &Scored) -> (u32, u32) {
    let reads = scored.reads.len();
    let at = |read: usize| {
        let mut counts = BTreeMap::<u32, u32>::new();
        for &answer in scored.answers.iter().skip(read).step_by(reads) {
            *counts.entry(answer).or_default() += 1;
        }
        counts
    };
    (0..reads).flat_map(at).max_by_key(|&(_, count)| count).unwrap_or_default()
}

fn groups(inputs: &Inputs<'_>, given: &[Spanned<Vec<u32>>], length: u32) -> Result<Vec<Range<u32>>, PlanError> {
    let mut groups: Vec<Range<u32>> = Vec::new();
    for group in given {
        let refuse = |message: String| Err(PlanError::from(inputs.source.error(group.span(), message)));
        let &[start, end] = group.get_ref().as_slice() else {
            return refuse("a group is two positions, its first and the one after its last, like [0, 6]".to_owned());
        };
        if start >= end || end > length {
            return refuse(format!("group {start}..{end} is empty or ends after the prompts' {length} positions"));
        }
        if groups.iter().any(|other| start < other.end && other.start < end) {
            return refuse(format!("group {start}..{end} overlaps another one"));
        }
        groups.push(start..end);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::super::example::{DATASET, plan, plan_of, refusal, spec};
    use crate::Plan;

    const DISTINCT: (&str, &str) = ("groups", "distinct = true\ngroups");

    /// Which prompt each one's token at a position comes from, where every prompt has another token there.
    fn givers(plan: &Plan, pos: usize) -> Vec<u32> {
        let clean = &plan.context.clean;
        let token = |prompt| plan.context.iterations[0].corrupted.row(prompt)[pos];
        let giver = |prompt| (0..clean.prompts()).find(|&giver| clean.row(giver)[pos] == token(prompt));
        (0..clean.prompts()).map(|prompt| giver(prompt).expect("a prompt of the dataset")).collect()
    }

    #[test]
    fn kept_answers_are_counted() {
        for seed in 0..30 {
            let ablation = ("axes", "ablate = \"zero\"\naxes");
            let plan = plan(&[("groups", &format!("seed = {seed}\ngroups")), ablation]);
            let answers = &plan.context.iterations[0].answers;
            let givers = givers(&plan, 2);
            let kept =
                (0..).zip(&givers).filter(|&(prompt, &giver): &(usize, _)| answers[prompt] == answers[giver as usize]);
            assert_eq!(plan.kept_answers, [Some(u32::try_from(kept.count()).expect("a small number"))]);
        }
    }

    #[test]
    fn distinct_prompts_take_tokens_of_one_with_another_answer() {
        let mut drawn = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let plan = plan(&[DISTINCT, ("groups", &format!("seed = {seed}\ngroups"))]);
            assert_eq!((plan.kept_answers.as_slice(), plan.unchanged_prompts(0)), ([Some(0)].as_slice(), 0));
            drawn.insert(givers(&plan, 2));
        }
        assert_eq!(drawn.len(), 4, "every permutation that is allowed is drawn: {drawn:?}");
    }

    #[test]
    fn distinct_false_changes_nothing() {
        let [plain, same] = [plan(&[]), plan(&[("groups", "distinct = false\ngroups")])];
        assert_eq!(plain.digest, same.digest);
    }

    #[test]
    fn a_group_obeys_only_the_iterations_that_it_corrupts() {
        let answers = DATASET.replace(",y,z", ",x,z");
        let refused = plan_of(&spec(&[DISTINCT]), &answers).expect_err("is refused");
        let reason = "line 10, column 12: in iteration 0, 3 of 4 prompts have the answer `x`, too many";
        assert!(refused.contains(reason) && refused.contains("leave `distinct` out"), "{refused}");
        let untouched = spec(&[DISTINCT, ("corrupt = [2]", "corrupt = []"), ("axes", "ablate = \"zero\"\naxes")]);
        let plan = plan_of(&untouched, &answers).expect("a plan");
        assert_eq!(plan.kept_answers, [Some(0)]);
    }

    #[test]
    fn answers_that_are_too_much_alike_together_are_refused() {
        // The first prompt shares its answer with each other one in some iteration.
        let dataset = "prompt,answer\na b c,x x x\nb c d,x y y\nc d a,y x z\nd a b,z z x\n";
        let iteration = |answer: u32| format!("[[iteration]]\ncorrupt = [2]\nread = 3\nanswer = {answer}\n");
        let iterations = [0, 1, 2].map(iteration).concat();
        let spec = spec(&[DISTINCT, ("[[iteration]]\ncorrupt = [2]\nread = 3\n", &iterations)]);
        let refused = plan_of(&spec, dataset).expect_err("is refused");
        assert!(refused.contains("line 10, column 12: the iterations' answers are too much alike"), "{refused}");
        assert!(refused.contains("in group 1..4"), "{refused}");
    }

    #[test]
    fn every_corrupted_position_is_in_a_group() {
        let refused = refusal(&[("[[1, 4]]", "[[1, 2]]")]);
        assert!(refused.contains("position 2 is in none of the corruption's groups"), "{refused}");
    }
}
