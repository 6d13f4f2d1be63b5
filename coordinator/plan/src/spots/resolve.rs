//! From entries of lists to positions of each prompt.

use std::collections::BTreeMap;

use patchsweep_core::groups::{Group, Groups, Spot};
use patchsweep_core::length;

use super::super::prompts::Prompts;
use super::super::{Inputs, PlanError};
use super::lists::List;
use super::said::Said;
use super::{Pattern, Spots};
use crate::spec::schema::WhichToken;

/// Most spots of a sweep, over all of its lists.
const MOST_SPOTS: u32 = 1 << 16;

/// Most positions over all groups and spots, so that a context stays small beside its tokens.
const MOST_POSITIONS: usize = 1 << 24;

impl Spots {
    pub(super) fn of(inputs: &Inputs<'_>, prompts: &Prompts, lists: &[List]) -> Result<Self, PlanError> {
        let resolver = Resolver { inputs, prompts };
        let mut spots = Self { all: Vec::new(), lists: BTreeMap::new(), patterns: Vec::new(), pattern_of: Vec::new() };
        let mut of_spots: Vec<(Said, &List)> = Vec::new();
        for list in lists {
            let refuse = |message: String| Err(PlanError::from(inputs.source.error(list.place.clone(), message)));
            if list.is_read && list.entries.iter().any(|said| resolver.takes_all(*said)) {
                return refuse("a name with `token = \"all\"` cannot be read: a score is read at one token".to_owned());
            }
            if spots.lists.contains_key(&list.entries) {
                continue;
            }
            let first = length(spots.all.len());
            for said in &list.entries {
                spots.all.push(resolver.spot(*said));
                of_spots.push((*said, list));
            }
            let end = length(spots.all.len());
            if end > MOST_SPOTS {
                return refuse(format!(
                    "the lists up to here have {end} positions, more than the {MOST_SPOTS} of a sweep"
                ));
            }
            spots.lists.insert(list.entries.clone(), first..end);
        }
        let (mut known, mut total) = (BTreeMap::<Pattern, usize>::new(), 0);
        for prompt in 0..prompts.clean.prompts() {
            let tokens = length(prompts.clean.row(prompt).len());
            let places = of_spots.iter().map(|&(said, list)| resolver.positions(said, list, prompt, tokens));
            let pattern: Pattern = (tokens, places.collect::<Result<_, _>>()?);
            let next = known.len();
            let index = *known.entry(pattern.clone()).or_insert(next);
            if index == next {
                total += pattern.1.iter().map(Vec::len).sum::<usize>();
                spots.patterns.push(pattern);
                if total > MOST_POSITIONS {
                    let message =
                        "the prompts' positions differ in too many ways: give fewer positions, or fewer prompts";
                    return Err(inputs.source.error(inputs.spec.dataset.span(), message.to_owned()).into());
                }
            }
            spots.pattern_of.push(index);
        }
        for list in lists.iter().filter(|list| list.is_read) {
            spots.refuse_read_twice(inputs, prompts, list)?;
        }
        Ok(spots)
    }

    /// Two entries that are one position in some prompt.
    fn refuse_read_twice(&self, inputs: &Inputs<'_>, prompts: &Prompts, list: &List) -> Result<(), PlanError> {
        let own = self.lists[&list.entries].clone();
        for (pattern, (_, places)) in self.patterns.iter().enumerate() {
            for one in own.clone() {
                let Some(other) = (own.start..one).find(|&other| places[other as usize] == places[one as usize]) else {
                    continue;
                };
                let prompt = self.pattern_of.iter().position(|&of| of == pattern).unwrap_or_default();
                let [one, other] = [one, other].map(|spot| &self.all[spot as usize].name);
                let message = format!(
                    "`{other}` and `{one}` are the same position in {}: each is read once",
                    prompts.name(prompt)
                );
                return Err(inputs.source.error(list.place.clone(), message).into());
            }
        }
        Ok(())
    }

    pub(super) fn groups(&self) -> Groups {
        let mut counts = vec![0; self.patterns.len()];
        self.pattern_of.iter().for_each(|&pattern| counts[pattern] += 1);
        let group =
            |(&(tokens, ref spots), &prompts): (&Pattern, &u32)| Group { prompts, tokens, spots: spots.clone() };
        let mut numbers: Vec<u32> = (0..length(self.pattern_of.len())).collect();
        numbers.sort_by_key(|&prompt| self.pattern_of[prompt as usize]);
        Groups { spots: self.all.clone(), groups: self.patterns.iter().zip(&counts).map(group).collect(), numbers }
    }
}

struct Resolver<'a> {
    inputs: &'a Inputs<'a>,
    prompts: &'a Prompts,
}

impl Resolver<'_> {
    fn takes_all(&self, said: Said) -> bool {
        match said {
            Said::Named(name, _) => self.inputs.spec.position[name].token == WhichToken::All,
            _ => false,
        }
    }

    fn spot(&self, said: Said) -> Spot {
        let offset = |name: &str, offset: i64| if offset == 0 { name.to_owned() } else { format!("{name}{offset:+}") };
        let (name, number) = match said {
            Said::Number(number) => (number.to_string(), u32::try_from(number).ok()),
            Said::End(behind) => (offset("end", behind), None),
            Said::Named(name, behind) => (offset(self.inputs.spec.position[name].name.get_ref(), behind), None),
            Said::All => ("all".to_owned(), None),
        };
        Spot { name, number }
    }

    /// In a prompt of so many tokens, ascending.
    fn positions(&self, said: Said, list: &List, prompt: u32, tokens: u32) -> Result<Vec<u32>, PlanError> {
        let end = i64::from(tokens) - 1;
        let wanted = match said {
            Said::All => return Ok((0..tokens).collect()),
            Said::Number(number) if number < 0 => number.saturating_add(i64::from(tokens)),
            Said::Number(number) => number,
            Said::End(offset) => end.saturating_add(offset),
            Said::Named(name, offset) => {
                let found = &self.prompts.named[name][prompt as usize];
                match self.inputs.spec.position[name].token {
                    WhichToken::All => return Ok(found.clone().collect()),
                    WhichToken::First => i64::from(found.start).saturating_add(offset),
                    WhichToken::Last => i64::from(found.end).saturating_sub(1).saturating_add(offset),
                }
            }
        };
        match u32::try_from(wanted) {
            Ok(pos) if pos < tokens => Ok(vec![pos]),
            _ => Err(self.outside(said, list, prompt, tokens, wanted)),
        }
    }

    fn outside(&self, said: Said, list: &List, prompt: u32, tokens: u32, wanted: i64) -> PlanError {
        let name = self.spot(said).name;
        let where_it_is =
            if matches!(said, Said::Number(_)) { String::new() } else { format!(" is position {wanted} and") };
        let message = format!(
            "`{name}`{where_it_is} leaves {}, which has {tokens} tokens (0 to {})",
            self.prompts.name(prompt as usize),
            tokens - 1
        );
        self.inputs.source.error(list.place.clone(), message).into()
    }
}
