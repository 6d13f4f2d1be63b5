//! What a cell's score is worth: the one list of statuses, with what people read and see for each of them.

/// What became of a cell, or of a baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CellStatus {
    /// Its mean was computed.
    #[default]
    Computed,
    /// Its mean is not a finite number.
    NotFinite,
    /// It was not computed, because the patch cannot change any prompt's score: its effect is exactly 0.
    NoOp,
    /// It was not computed, because a tile failed on every attempt: all its numbers are NaN.
    Failed,
    /// It was not computed yet over all prompts: all its numbers are NaN, and its count is 0.
    Pending,
    /// It is none of those that a check drew, or that verify the estimates of a grid: all its numbers are NaN.
    NotDrawn,
}

/// How a cell looks that is not on the scale of effects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The fill in words.
    pub colour: &'static str,
    /// The mark in words.
    pub mark: &'static str,
    /// Red, green, blue; no colour of the scale.
    pub fill: [u8; 3],
    /// Of the mark.
    pub ink: &'static str,
    /// The mark: lines from x, y to x, y, in quarters of a cell from its middle, down being positive.
    pub strokes: &'static [[f32; 4]],
}

/// All that is known of one status.
struct Facts {
    key: &'static str,
    text: &'static str,
    meaning: &'static str,
    look: Option<Look>,
}

impl CellStatus {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Computed, Self::NotFinite, Self::NoOp, Self::Failed, Self::Pending, Self::NotDrawn];

    /// In tensors and on the wire.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Computed => 0,
            Self::NotFinite => 1,
            Self::NoOp => 2,
            Self::Failed => 3,
            Self::Pending => 4,
            Self::NotDrawn => 5,
        }
    }

    /// The one with a number.
    #[must_use]
    pub fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }

    /// In one word, for HTML classes, JSON and narrow terminals.
    #[must_use]
    pub fn key(self) -> &'static str {
        self.facts().key
    }

    /// In a few words, for keys and counts.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.facts().text
    }

    /// What to say instead of an effect, of the one cell that somebody looks at.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.facts().meaning
    }

    /// How the cell looks; `None`: it has a colour of the scale.
    #[must_use]
    pub fn look(self) -> Option<Look> {
        self.facts().look
    }

    /// Whether there is an effect to rank, count and subtract.
    #[must_use]
    pub fn has_effect(self) -> bool {
        matches!(self, Self::Computed | Self::NoOp)
    }

    fn facts(self) -> Facts {
        match self {
            Self::Computed => {
                Facts { key: "computed", text: "computed", meaning: "computed over all prompts", look: None }
            }
            Self::NotFinite => Facts {
                key: "not-finite",
                text: "not finite",
                meaning: "computed, but not a finite number: arithmetic overflowed",
                look: Some(Look {
                    colour: "violet",
                    mark: "line",
                    fill: [150, 120, 160],
                    ink: "#ffffff",
                    strokes: &[[-1.0, 0.0, 1.0, 0.0]],
                }),
            },
            Self::NoOp => Facts {
                key: "no-op",
                text: "skipped as no-op",
                meaning: "0, a no-op: the patch cannot change the score",
                look: Some(Look {
                    colour: "light grey",
                    mark: "slanted line",
                    fill: [226, 226, 226],
                    ink: "#9a9a9a",
                    strokes: &[[-1.0, 1.0, 1.0, -1.0]],
                }),
            },
            Self::Failed => Facts {
                key: "failed",
                text: "failed",
                meaning: "failed on every attempt",
                look: Some(Look {
                    colour: "dark grey",
                    mark: "cross",
                    fill: [74, 74, 74],
                    ink: "#ffffff",
                    strokes: &[[-1.0, -1.0, 1.0, 1.0], [1.0, -1.0, -1.0, 1.0]],
                }),
            },
            Self::Pending => Facts {
                key: "pending",
                text: "not computed yet",
                meaning: "not computed yet",
                look: Some(Look {
                    colour: "yellow",
                    mark: "three dots",
                    fill: [255, 239, 184],
                    ink: "#b08900",
                    strokes: &[[-1.1, 0.0, -0.9, 0.0], [-0.1, 0.0, 0.1, 0.0], [0.9, 0.0, 1.1, 0.0]],
                }),
            },
            Self::NotDrawn => Facts {
                key: "not-drawn",
                text: "not drawn by check or `verify`",
                meaning: "not computed, because no check and no `verify` drew it",
                look: Some(Look {
                    colour: "pale green",
                    mark: "dot",
                    fill: [220, 232, 220],
                    ink: "#6f8f6f",
                    strokes: &[[-0.1, 0.0, 0.1, 0.0]],
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_are_those_that_files_have_and_come_back() {
        for (number, status) in (0..).zip(CellStatus::ALL) {
            assert_eq!((status.number(), CellStatus::of_number(number)), (number, Some(status)));
        }
        assert_eq!(CellStatus::of_number(6), None);
    }

    #[test]
    fn no_two_statuses_are_called_or_look_alike() {
        let distinct = |of: fn(CellStatus) -> String| CellStatus::ALL.into_iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|status| status.key().to_owned()), 6);
        assert_eq!(distinct(|status| status.text().to_owned()), 6);
        assert_eq!(distinct(|status| status.meaning().to_owned()), 6);
        assert_eq!(distinct(|status| format!("{:?}", status.look().map(|look| look.fill))), 6);
        assert_eq!(distinct(|status| format!("{:?}", status.look().map(|look| look.strokes))), 6);
    }
}
