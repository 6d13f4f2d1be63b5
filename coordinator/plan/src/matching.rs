//! Repairs a permutation so that it obeys a rule: bipartite matching by augmenting paths (Kuhn).

use std::collections::VecDeque;

/// Most questions whether a taker may have a giver, of all that are not matched at first: seconds of work.
const MOST_STEPS: u64 = 1 << 28;

/// Why there is no permutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmatched {
    /// None obeys the rule.
    Impossible,
    /// Finding one would take too long.
    TooLong,
}

/// A permutation that obeys the rule, near to `start`.
///
/// `start`: the giver of each taker. `order`: all givers, in the order in which they are tried. `allowed`: whether a
/// taker may have a giver. Quick where the rule forbids little; the number of takers cubed at worst, up to a limit.
pub(super) fn repair(start: &[u32], order: &[u32], allowed: impl Fn(u32, u32) -> bool) -> Result<Vec<u32>, Unmatched> {
    let mut matching = Matching { takers: vec![None; start.len()], givers: vec![None; start.len()], steps: 0 };
    for (taker, &giver) in (0..).zip(start) {
        if allowed(taker, giver) {
            matching.join(taker, giver);
        }
    }
    let unmatched: Vec<u32> =
        (0..).zip(&matching.givers).filter(|(_, giver)| giver.is_none()).map(|(t, _)| t).collect();
    for taker in unmatched {
        matching.augment(taker, order, &allowed)?;
    }
    matching.givers.into_iter().collect::<Option<_>>().ok_or(Unmatched::Impossible)
}

struct Matching {
    /// Who takes from each giver.
    takers: Vec<Option<u32>>,
    /// Whom each taker takes from.
    givers: Vec<Option<u32>>,
    /// How often the rule was asked while augmenting.
    steps: u64,
}

impl Matching {
    fn join(&mut self, taker: u32, giver: u32) {
        self.givers[taker as usize] = Some(giver);
        self.takers[giver as usize] = Some(taker);
    }

    /// Finds a giver for an unmatched taker, by passing on the givers of others.
    fn augment(&mut self, unmatched: u32, order: &[u32], allowed: &impl Fn(u32, u32) -> bool) -> Result<(), Unmatched> {
        // Each taker begins elsewhere, so that they do not all crowd on the first giver.
        let begin = unmatched as usize % order.len().max(1);
        let mut untried: Vec<u32> = [&order[begin..], &order[..begin]].concat();
        let mut reached_by: Vec<Option<u32>> = vec![None; order.len()];
        let mut queue = VecDeque::from([unmatched]);
        while let Some(taker) = queue.pop_front() {
            self.steps = self.steps.saturating_add(untried.len() as u64);
            if self.steps > MOST_STEPS {
                return Err(Unmatched::TooLong);
            }
            let mut rest = Vec::new();
            for giver in untried {
                if !allowed(taker, giver) {
                    rest.push(giver);
                    continue;
                }
                reached_by[giver as usize] = Some(taker);
                let Some(next) = self.takers[giver as usize] else {
                    self.pass_on(giver, &reached_by);
                    return Ok(());
                };
                queue.push_back(next);
            }
            untried = rest;
        }
        Err(Unmatched::Impossible)
    }

    /// Back from a free giver to the unmatched taker, each taker gets the giver that it reached.
    fn pass_on(&mut self, free: u32, reached_by: &[Option<u32>]) {
        let mut next = Some(free);
        while let Some(giver) = next {
            let taker = reached_by[giver as usize].expect("the path was reached");
            next = self.givers[taker as usize];
            self.join(taker, giver);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(length: u32) -> Vec<u32> {
        (0..length).collect()
    }

    /// Whether there is any permutation that obeys the rule, by trying them all.
    fn exists(taker: u32, used: &mut Vec<u32>, length: u32, allowed: &impl Fn(u32, u32) -> bool) -> bool {
        taker == length
            || (0..length).any(|giver| {
                let free = !used.contains(&giver) && allowed(taker, giver);
                if free {
                    used.push(giver);
                }
                let found = free && exists(taker + 1, used, length, allowed);
                if free {
                    used.pop();
                }
                found
            })
    }

    #[test]
    fn a_permutation_that_obeys_stays_as_it_is() {
        assert_eq!(repair(&[2, 0, 1], &identity(3), |taker, giver| taker != giver), Ok(vec![2, 0, 1]));
        assert_eq!(repair(&[], &[], |_, _| false), Ok(vec![]));
    }

    #[test]
    fn a_permutation_is_found_exactly_where_there_is_one() {
        let length = 5;
        let mut found = 0;
        for rules in 0..4000u32 {
            // Any mixing will do: about two thirds of the pairs are allowed.
            let mix = |taker: u32, giver: u32| (rules * 25 + taker * 5 + giver).wrapping_mul(2_654_435_761) >> 16;
            let allowed = |taker: u32, giver: u32| mix(taker, giver) % 3 > 0;
            let repaired = repair(&identity(length), &[3, 1, 4, 0, 2], allowed);
            assert_eq!(repaired.is_ok(), exists(0, &mut Vec::new(), length, &allowed), "rules {rules}");
            if let Ok(mut givers) = repaired {
                assert!((0..).zip(&givers).all(|(taker, &giver)| allowed(taker, giver)));
                givers.sort_unstable();
                assert_eq!(givers, identity(length));
                found += 1;
            }
        }
        assert!((1..4000).contains(&found), "{found} of 4000");
    }

    #[test]
    fn givers_are_passed_on_along_any_chain() {
        let length = 2000;
        // Each may keep its own or take the next one's; the last one only the first one's.
        let allowed = |taker: u32, giver: u32| {
            let last = taker + 1 == length;
            giver == (taker + 1) % length || (giver == taker && !last)
        };
        let shifted: Vec<u32> = (0..length).map(|taker| (taker + 1) % length).collect();
        assert_eq!(repair(&identity(length), &identity(length), allowed), Ok(shifted));
    }

    #[test]
    fn a_rule_that_would_take_ages_is_given_up() {
        assert_eq!(repair(&[0, 1], &[0, 1], |_, giver| giver == 0), Err(Unmatched::Impossible));
        let mut matching = Matching { takers: vec![None; 4], givers: vec![None; 4], steps: MOST_STEPS };
        assert_eq!(matching.augment(0, &identity(4), &|_, _| true), Err(Unmatched::TooLong));
    }
}
