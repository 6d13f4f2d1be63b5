//! Repairs a permutation so that it obeys a rule: bipartite matching by augmenting paths (Kuhn).

use std::collections::VecDeque;

/// A permutation that obeys the rule, near to `start`; `None`: there is none.
///
/// `start`: the giver of each taker. `order`: all givers, in the order in which they are tried. `allowed`: whether a
/// taker may have a giver. Quick where the rule forbids little; the number of takers cubed at worst.
pub(super) fn repair(start: &[u32], order: &[u32], allowed: impl Fn(u32, u32) -> bool) -> Option<Vec<u32>> {
    let mut matching = Matching { takers: vec![None; start.len()], givers: vec![None; start.len()] };
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
    matching.givers.into_iter().collect()
}

struct Matching {
    /// Who takes from each giver.
    takers: Vec<Option<u32>>,
    /// Whom each taker takes from.
    givers: Vec<Option<u32>>,
}

impl Matching {
    fn join(&mut self, taker: u32, giver: u32) {
        self.givers[taker as usize] = Some(giver);
        self.takers[giver as usize] = Some(taker);
    }

    /// Finds a giver for an unmatched taker, by passing on the givers of others; `None`: there is no way.
    fn augment(&mut self, unmatched: u32, order: &[u32], allowed: &impl Fn(u32, u32) -> bool) -> Option<()> {
        // Each taker begins elsewhere, so that they do not all crowd on the first giver.
        let begin = unmatched as usize % order.len().max(1);
        let mut untried: Vec<u32> = [&order[begin..], &order[..begin]].concat();
        let mut reached_by: Vec<Option<u32>> = vec![None; order.len()];
        let mut queue = VecDeque::from([unmatched]);
        while let Some(taker) = queue.pop_front() {
            let mut rest = Vec::new();
            for giver in untried {
                if !allowed(taker, giver) {
                    rest.push(giver);
                    continue;
                }
                reached_by[giver as usize] = Some(taker);
                let Some(next) = self.takers[giver as usize] else {
                    self.pass_on(giver, &reached_by);
                    return Some(());
                };
                queue.push_back(next);
            }
            untried = rest;
        }
        None
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
        assert_eq!(repair(&[2, 0, 1], &identity(3), |taker, giver| taker != giver), Some(vec![2, 0, 1]));
        assert_eq!(repair(&[], &[], |_, _| false), Some(vec![]));
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
            assert_eq!(repaired.is_some(), exists(0, &mut Vec::new(), length, &allowed), "rules {rules}");
            if let Some(mut givers) = repaired {
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
        assert_eq!(repair(&identity(length), &identity(length), allowed), Some(shifted));
    }
}
