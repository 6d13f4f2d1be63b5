//! Which sweeps a word on the command line means: an id, the beginning of one, `last` or `all`.

use std::convert::Infallible;
use std::str::FromStr;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::{SweepState, SweepStatus};

use super::CliError;
use crate::client::Client;

/// Most ids that an error lists.
const MOST_LISTED: usize = 3;

/// Characters of a selector that are compared with ids.
const MOST_COMPARED: usize = 128;

/// What a person calls a sweep, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    /// The one that was submitted last.
    Last,
    /// All of them.
    All,
    /// An id, or the beginning of one.
    Id(String),
}

/// Why a selector selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectorError {
    #[error("no sweep `{word}`{}; `patchsweep list` shows those that there are", nearest_ids(.nearest))]
    Unknown { word: String, nearest: Vec<String> },
    #[error("`{word}` begins the ids of {count} sweeps: {}; give more of the id", quoted(.first, *.count))]
    Ambiguous { word: String, count: usize, first: Vec<String> },
    #[error("there is no sweep yet; `patchsweep submit SPEC` makes one")]
    NoneYet,
    #[error("`all` means all sweeps, and this command takes one; give an id, the beginning of one, or `last`")]
    TakesOne,
}

impl FromStr for Selector {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(match word {
            "last" => Self::Last,
            "all" => Self::All,
            id => Self::Id(id.to_owned()),
        })
    }
}

impl Selector {
    /// The one sweep that is meant. `sweeps`: all, oldest first.
    pub(super) fn one<'a>(&self, sweeps: &'a [SweepStatus]) -> Result<&'a SweepStatus, SelectorError> {
        match self {
            // A check is not what people have submitted.
            Self::Last => sweeps.iter().rfind(|sweep| sweep.check_of.is_none()).ok_or(SelectorError::NoneYet),
            Self::All => Err(SelectorError::TakesOne),
            Self::Id(word) => of_id(word, sweeps),
        }
    }

    /// The sweeps that are meant; of `all`, those in a state that the command is for.
    pub(super) fn several<'a>(
        &self,
        sweeps: &'a [SweepStatus],
        is_for: impl Fn(&SweepState) -> bool,
    ) -> Result<Vec<&'a SweepStatus>, SelectorError> {
        match self {
            Self::All => Ok(sweeps.iter().filter(|sweep| is_for(&sweep.state)).collect()),
            one => one.one(sweeps).map(|sweep| vec![sweep]),
        }
    }
}

fn of_id<'a>(word: &str, sweeps: &'a [SweepStatus]) -> Result<&'a SweepStatus, SelectorError> {
    if let Some(exact) = sweeps.iter().find(|sweep| sweep.sweep.0 == word) {
        return Ok(exact);
    }
    let begin = |sweep: &&SweepStatus| !word.is_empty() && sweep.sweep.0.starts_with(word);
    let meant: Vec<&SweepStatus> = sweeps.iter().filter(begin).collect();
    match meant.as_slice() {
        [one] => Ok(one),
        [] => Err(SelectorError::Unknown { word: word.to_owned(), nearest: nearest(word, sweeps) }),
        several => {
            let first = several.iter().take(MOST_LISTED).map(|sweep| sweep.sweep.0.clone()).collect();
            Err(SelectorError::Ambiguous { word: word.to_owned(), count: several.len(), first })
        }
    }
}

/// The ids that are most like a word, nearest first; equally near ones newest first.
fn nearest(word: &str, sweeps: &[SweepStatus]) -> Vec<String> {
    let word: String = word.chars().take(MOST_COMPARED).collect();
    let mut ids: Vec<(f64, &str)> =
        sweeps.iter().rev().map(|sweep| (strsim::jaro_winkler(&word, &sweep.sweep.0), &*sweep.sweep.0)).collect();
    ids.sort_by(|a, b| b.0.total_cmp(&a.0));
    ids.into_iter().take(MOST_LISTED).map(|(_, id)| id.to_owned()).collect()
}

fn nearest_ids(ids: &[String]) -> String {
    if ids.is_empty() { String::new() } else { format!("; the nearest are {}", quoted(ids, ids.len())) }
}

fn quoted(ids: &[String], count: usize) -> String {
    let more = if count > ids.len() { ", …" } else { "" };
    let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    format!("{}{more}", ids.join(", "))
}

/// Asks the coordinator which sweep is meant.
pub(super) async fn one(client: &mut Client, selector: &Selector) -> Result<SweepId, CliError> {
    // Known before anybody is asked.
    if *selector == Selector::All {
        return Err(SelectorError::TakesOne.into());
    }
    let sweeps = client.list().await?;
    Ok(selector.one(&sweeps)?.sweep.clone())
}

/// Asks the coordinator which sweeps are meant; of `all`, those in a state that the command is for.
pub(super) async fn several(
    client: &mut Client,
    selector: &Selector,
    is_for: impl Fn(&SweepState) -> bool,
) -> Result<Vec<SweepStatus>, CliError> {
    let sweeps = client.list().await?;
    Ok(selector.several(&sweeps, is_for)?.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use patchsweep_serve::fixtures::{running, status};

    use super::*;

    fn sweeps(ids: &[&str]) -> Vec<SweepStatus> {
        ids.iter().map(|id| SweepStatus { sweep: SweepId((*id).to_owned()), ..running() }).collect()
    }

    fn one(word: &str, ids: &[&str]) -> Result<String, String> {
        let selector: Selector = word.parse().expect("any word is one");
        let sweeps = sweeps(ids);
        selector.one(&sweeps).map(|sweep| sweep.sweep.0.clone()).map_err(|error| error.to_string())
    }

    const IDS: [&str; 4] = ["acronyms-23a92e", "acronyms-9b11c0", "ioi-77aa01", "ioi-77"];

    #[test]
    fn ids_beginnings_and_the_last_one_mean_one_sweep() {
        assert_eq!(one("acronyms-9b11c0", &IDS).as_deref(), Ok("acronyms-9b11c0"));
        assert_eq!(one("acronyms-2", &IDS).as_deref(), Ok("acronyms-23a92e"));
        assert_eq!(one("last", &IDS).as_deref(), Ok("ioi-77"));
        assert_eq!(one("last-", &["last-1", "x-2"]).as_deref(), Ok("last-1"));
    }

    #[test]
    fn the_last_sweep_is_none_that_checks_another() {
        let mut sweeps = sweeps(&["a-1", "a-check-2"]);
        sweeps[1].check_of = Some(SweepId("a-1".to_owned()));
        assert_eq!(Selector::Last.one(&sweeps).map(|sweep| sweep.sweep.0.as_str()), Ok("a-1"));
        assert_eq!(Selector::Last.one(&sweeps[1..]).map(|sweep| &sweep.sweep), Err(SelectorError::NoneYet));
    }

    #[test]
    fn a_whole_id_that_begins_another_one_means_itself() {
        assert_eq!(one("ioi-77", &IDS).as_deref(), Ok("ioi-77"));
    }

    #[test]
    fn a_beginning_of_several_ids_is_refused_with_them() {
        let refused = one("acronyms", &IDS).expect_err("ambiguous");
        assert_eq!(
            refused,
            "`acronyms` begins the ids of 2 sweeps: `acronyms-23a92e`, `acronyms-9b11c0`; give more of the id"
        );
        let many: Vec<String> = (0..9).map(|number| format!("a-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(one("a", &many).expect_err("ambiguous").contains("9 sweeps: `a-0`, `a-1`, `a-2`, …; give"));
    }

    #[test]
    fn an_unknown_id_is_refused_with_the_nearest_ones() {
        let refused = one("acronims-23a92e", &IDS).expect_err("unknown");
        assert!(refused.starts_with("no sweep `acronims-23a92e`; the nearest are `acronyms-23a92e`, "), "{refused}");
        assert!(refused.ends_with("; `patchsweep list` shows those that there are"), "{refused}");
        let refused = one(&"x".repeat(300_000), &IDS).expect_err("unknown");
        assert!(refused.contains("the nearest are"));
        for nothing in ["", "x"] {
            let refused = one(nothing, &[]).expect_err("unknown");
            assert!(refused.starts_with(&format!("no sweep `{nothing}`; `patchsweep list`")), "{refused}");
        }
        assert!(one("", &IDS[..1]).is_err(), "no word is no beginning");
    }

    #[test]
    fn all_means_those_that_the_command_is_for() {
        let mut sweeps = sweeps(&["a", "b"]);
        sweeps.push(status(SweepState::Done));
        let ids = |selector: &Selector| {
            let several = selector.several(&sweeps, |state| !state.is_final()).expect("some");
            several.into_iter().map(|sweep| sweep.sweep.0.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&Selector::All), ["a", "b"]);
        assert_eq!(ids(&Selector::Last), ["s"], "asked for by name, it is up to the coordinator");
        assert_eq!(Selector::All.one(&sweeps), Err(SelectorError::TakesOne));
        assert_eq!(Selector::Last.one(&[]), Err(SelectorError::NoneYet));
        assert_eq!(Selector::All.several(&[], |_| true), Ok(Vec::new()));
    }
}
