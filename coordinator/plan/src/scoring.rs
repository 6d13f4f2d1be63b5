//! Where each iteration reads, and which tokens are right and wrong there.

use super::positions::{number, position, repeated};
use super::prompts::Prompts;
use super::spots::Places;
use super::{Inputs, PlanError};
use crate::spec::schema::{Iteration, OneOrMore};

/// What one iteration scores.
#[derive(Clone)]
pub(super) struct Scored {
    /// Read positions, ascending, at least one.
    pub(super) reads: Vec<u32>,
    /// Which of the answers' tokens is right at each of them, counted from 0.
    pub(super) entries: Vec<usize>,
    /// Right answers \[prompts, reads\]; none where nothing asks for them.
    pub(super) answers: Vec<u32>,
    /// Wrong answers \[prompts, reads\]; none where no metric asks for them.
    pub(super) wrong: Vec<u32>,
}

impl Scored {
    /// Whether two prompts have the same right answer at one of the read positions; not where there are no answers.
    pub(super) fn share_an_answer(&self, one: u32, other: u32) -> bool {
        if self.answers.is_empty() {
            return false;
        }
        let answers = |prompt: u32| &self.answers[prompt as usize * self.reads.len()..][..self.reads.len()];
        answers(one).iter().zip(answers(other)).any(|(one, other)| one == other)
    }
}

/// One for each of the spec's iterations.
pub(super) fn read(inputs: &Inputs<'_>, prompts: &Prompts, places: &Places) -> Result<Vec<Scored>, PlanError> {
    let scored = |(index, iteration): (usize, &Iteration)| {
        let (reads, entries): (Vec<u32>, Vec<usize>) =
            reads(inputs, prompts, places, index, iteration)?.into_iter().unzip();
        let pick = |what, answers: &[Vec<u32>]| Picked { inputs, prompts, what }.pick(answers, &entries);
        let answers = match &prompts.answers {
            Some(answers) => pick(["answers", "answer"], answers)?,
            None => Vec::new(),
        };
        let wrong = match &prompts.wrong {
            Some(wrong) if iteration.answer.is_none() => {
                single(inputs, prompts, wrong)?;
                pick(["wrong", "wrong answer"], wrong)?
            }
            Some(wrong) => pick(["wrong", "wrong answer"], wrong)?,
            None => Vec::new(),
        };
        refuse_wrong(inputs, prompts, &entries, &answers, &wrong)?;
        Ok(Scored { reads, entries, answers, wrong })
    };
    inputs.spec.iteration.iter().enumerate().map(scored).collect()
}

/// Read positions, ascending, each with the entry of the answers that is right there.
fn reads(
    inputs: &Inputs<'_>,
    prompts: &Prompts,
    places: &Places,
    index: usize,
    iteration: &Iteration,
) -> Result<Vec<(u32, usize)>, PlanError> {
    let refuse = |message: &str| Err(PlanError::from(inputs.source.error(iteration.read.span(), message.to_owned())));
    let given = iteration.read.get_ref().as_slice();
    if given.is_empty() {
        return refuse("an iteration needs at least one read position");
    }
    let entries = match &prompts.answers {
        Some(answers) => entries(inputs, prompts, answers, index, iteration, given.len())?,
        None => vec![0; given.len()],
    };
    if let Some(spots) = places.of_list(inputs, iteration.read.span(), given, &prompts.clean)? {
        return Ok(spots.into_iter().map(|(spot, place)| (spot, entries[place])).collect());
    }
    let read = |(pos, entry)| Ok((position(inputs, &iteration.read, pos, prompts.clean.positions())?, entry));
    let mut reads = given.iter().filter_map(number).zip(entries).map(read).collect::<Result<Vec<_>, PlanError>>()?;
    reads.sort_unstable();
    let ascending: Vec<u32> = reads.iter().map(|&(pos, _)| pos).collect();
    match repeated(&ascending) {
        Some(twice) => refuse(&format!("position {twice} is read twice")),
        None => Ok(reads),
    }
}

/// The answers' entry for each of `count` read positions, in the spec's order.
fn entries(
    inputs: &Inputs<'_>,
    prompts: &Prompts,
    answers: &[Vec<u32>],
    index: usize,
    iteration: &Iteration,
    count: usize,
) -> Result<Vec<usize>, PlanError> {
    // Lists of token ids, and answers of text, may differ in length; what one of them lacks is found when it is picked.
    let lengths = answers.iter().map(Vec::len);
    let tokens = prompts.lines.as_ref().map(|_| (lengths.clone().min().unwrap_or(0), lengths.max().unwrap_or(0)));
    let Some(answer) = &iteration.answer else {
        let each = match tokens {
            None => return Ok(vec![index; count]),
            Some((1, 1)) => return Ok(vec![0; count]),
            Some((least, most)) if least == most => format!("{most} tokens each"),
            Some((least, most)) => format!("{least} to {most} tokens"),
        };
        let message = format!("the answers have {each}, counted from 0; say which one with `answer = …`");
        return Err(inputs.source.error(iteration.read.span(), message).into());
    };
    let refuse = |message: String| Err(inputs.source.error(answer.span(), message).into());
    if let Some((least, most)) = tokens
        && let Some(outside) = answer.get_ref().as_slice().iter().find(|&&entry| entry as usize >= most)
    {
        let each = if least == most { format!("{most} each") } else { format!("{least} to {most}") };
        return refuse(format!("no answer token {outside}: the answers have {each}, counted from 0"));
    }
    match answer.get_ref() {
        OneOrMore::One(entry) => Ok(vec![*entry as usize; count]),
        OneOrMore::More(entries) if entries.len() == count => Ok(entries.iter().map(|&entry| entry as usize).collect()),
        OneOrMore::More(entries) => refuse(format!(
            "{} answers for {count} read positions: give one for each, or a single number for all",
            entries.len()
        )),
    }
}

/// Without a word on which token is meant, the wrong answers have one as well.
fn single(inputs: &Inputs<'_>, prompts: &Prompts, wrong: &[Vec<u32>]) -> Result<(), PlanError> {
    let Some(lines) = &prompts.lines else { return Ok(()) };
    let Some(longer) = wrong.iter().position(|tokens| tokens.len() != 1) else { return Ok(()) };
    Err(PlanError::Dataset {
        file: inputs.spec.dataset_file().to_owned(),
        line: lines[longer],
        message: format!(
            "wrong answer of {} tokens, but the answers have 1: say in each iteration which one is meant with `answer = …`",
            wrong[longer].len()
        ),
    })
}

/// What tokens are picked from.
struct Picked<'a> {
    inputs: &'a Inputs<'a>,
    prompts: &'a Prompts,
    /// What lists of ids are called, and an answer of text.
    what: [&'static str; 2],
}

impl Picked<'_> {
    /// The tokens at some entries of each prompt's answer \[prompts, entries\].
    fn pick(&self, answers: &[Vec<u32>], entries: &[usize]) -> Result<Vec<u32>, PlanError> {
        let token = |(prompt, tokens, entry): (usize, &Vec<u32>, usize)| {
            tokens.get(entry).copied().ok_or_else(|| self.missing(prompt, tokens.len(), entry))
        };
        let places = answers.iter().enumerate();
        places
            .flat_map(|(prompt, tokens)| entries.iter().map(move |&entry| (prompt, tokens, entry)))
            .map(token)
            .collect()
    }

    fn missing(&self, prompt: usize, tokens: usize, entry: usize) -> PlanError {
        let [list, text] = self.what;
        let Some(lines) = &self.prompts.lines else {
            let message = format!("{list}[{prompt}] has no entry {entry}: give each prompt one answer per iteration");
            return PlanError::in_dataset(self.inputs, message);
        };
        PlanError::Dataset {
            file: self.inputs.spec.dataset_file().to_owned(),
            line: lines[prompt],
            message: format!(
                "no token {entry}, counted from 0: the {text} has {tokens}; `answer` says which one is scored"
            ),
        }
    }
}

/// The difference to an answer that is right would always be 0.
fn refuse_wrong(
    inputs: &Inputs<'_>,
    prompts: &Prompts,
    entries: &[usize],
    answers: &[u32],
    wrong: &[u32],
) -> Result<(), PlanError> {
    let Some(place) = answers.iter().zip(wrong).position(|(right, wrong)| right == wrong) else { return Ok(()) };
    let (prompt, entry) = (place / entries.len(), entries[place % entries.len()]);
    let token = inputs.token_name(answers[place]);
    Err(match &prompts.lines {
        Some(lines) => PlanError::Dataset {
            file: inputs.spec.dataset_file().to_owned(),
            line: lines[prompt],
            message: format!("token {entry} of the wrong answer is that of the answer, {token}"),
        },
        None => PlanError::in_dataset(inputs, format!("wrong[{prompt}][{entry}] is the right answer, {token}")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::example::{DATASET, plan_of, refusal, spec};

    const LONG_ANSWERS: &str = "prompt,answer,wrong\na b c,x y,y x\nb c d,z x,x z\n";

    #[test]
    fn read_positions_ascend_and_keep_their_answers() {
        let spec = spec(&[("read = 3", "read = [-1, 2]\nanswer = [1, 0]")]);
        let plan = plan_of(&spec, LONG_ANSWERS).expect("a plan");
        let iteration = &plan.context.iterations[0];
        assert_eq!((&iteration.reads, &iteration.answers), (&vec![2, 3], &vec![6, 7, 8, 6]));
        assert!(iteration.wrong_answers.is_empty(), "no metric asks for them");
    }

    #[test]
    fn one_answer_holds_for_all_read_positions() {
        for answer in ["answer = 1", "answer = [1, 1]"] {
            let spec = spec(&[("read = 3", &format!("read = [2, 3]\n{answer}")), (r#""prob""#, r#""logit_diff""#)]);
            let plan = plan_of(&spec, LONG_ANSWERS).expect("a plan");
            let iteration = &plan.context.iterations[0];
            assert_eq!(iteration.answers, [7, 7, 6, 6]);
            assert_eq!(iteration.wrong_answers, [6, 6, 8, 8]);
        }
    }

    #[test]
    fn reads_and_answers_that_do_not_fit_are_refused() {
        assert!(refusal(&[("read = 3", "read = [3, -1]")]).contains("position 3 is read twice"));
        assert!(refusal(&[("read = 3", "read = []")]).contains("at least one read position"));
        let counts = refusal(&[("read = 3", "read = [2, 3]\nanswer = [0]")]);
        assert!(counts.contains("line 16, column 10: 1 answers for 2 read positions: give one for each"), "{counts}");
        let outside = refusal(&[("read = 3", "read = [2, 3]\nanswer = [0, 1]")]);
        assert!(outside.contains("line 16, column 10: no answer token 1: the answers have 1 each"), "{outside}");
        let unnamed = plan_of(&spec(&[]), LONG_ANSWERS).expect_err("is refused");
        assert!(unnamed.contains("the answers have 2 tokens each"), "{unnamed}");
    }

    #[test]
    fn a_wrong_answer_differs_from_the_answer() {
        let logit_diff = [(r#""prob""#, r#""logit_diff""#)];
        let equal = plan_of(&spec(&logit_diff), &DATASET.replace("y,z", "y,y")).expect_err("is refused");
        assert_eq!(equal, "d.csv line 3: token 0 of the wrong answer is that of the answer, `y`");
        let longer = plan_of(&spec(&logit_diff), &DATASET.replace("y,z", "y,z z")).expect_err("is refused");
        assert!(longer.contains("d.csv line 3: wrong answer of 2 tokens, but the answers have 1"), "{longer}");
    }

    #[test]
    fn answers_may_have_different_numbers_of_tokens_where_the_scored_one_is_there() {
        const DIFFERENT: &str = "prompt,answer,wrong\na b c,x y,y\nb c d,z,x z\n";
        let first = [("read = 3", "read = 3\nanswer = 0"), (r#""prob""#, r#""logit_diff""#)];
        let plan = plan_of(&spec(&first), DIFFERENT).expect("a plan");
        let iteration = &plan.context.iterations[0];
        assert_eq!(
            (iteration.answers.as_slice(), iteration.wrong_answers.as_slice()),
            ([6, 8].as_slice(), [7, 6].as_slice())
        );
        let refused = |answer: &str| plan_of(&spec(&[("read = 3", answer)]), DIFFERENT).expect_err("is refused");
        assert!(refused("read = 3").contains("the answers have 1 to 2 tokens, counted from 0; say which one"));
        let lacking = refused("read = 3\nanswer = 1");
        assert!(lacking.starts_with("d.csv line 3: no token 1, counted from 0: the answer has 1;"), "{lacking}");
        assert!(refused("read = 3\nanswer = 2").contains("no answer token 2: the answers have 1 to 2, counted from 0"));
    }
}
