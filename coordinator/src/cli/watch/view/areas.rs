//! Who gets which lines of the terminal.

use ratatui::layout::Rect;

/// Lines that each part would like to have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    pub(super) notices: usize,
    pub(super) bars: usize,
    pub(super) map: usize,
    pub(super) workers: usize,
    pub(super) warnings: usize,
}

/// Lines that each part gets, from the top to the bottom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Areas {
    pub(super) head: Rect,
    pub(super) notices: Rect,
    pub(super) bars: Rect,
    pub(super) map: Rect,
    pub(super) workers: Rect,
    pub(super) warnings: Rect,
    pub(super) foot: Rect,
}

/// Lines that are left to give.
struct Left(usize);

impl Left {
    fn take(&mut self, lines: usize) -> usize {
        let taken = lines.min(self.0);
        self.0 -= taken;
        taken
    }
}

impl Areas {
    /// The heat map gets what the others leave, of which none takes more than its share while the map wants more.
    pub(super) fn of(area: Rect, wants: &Wants) -> Self {
        let mut left = Left(area.height.into());
        let (head, foot) = (left.take(1), left.take(1));
        let notices = left.take(wants.notices);
        let all = left.0;
        let mut bars = left.take(wants.bars.min((all / 4).max(1)));
        let mut workers = left.take(wants.workers.min((all / 4).max(2)));
        let mut warnings = left.take(wants.warnings.min((all / 8).max(1)));
        let map = left.take(wants.map);
        bars += left.take(wants.bars - bars);
        workers += left.take(wants.workers - workers);
        warnings += left.take(wants.warnings - warnings);

        let mut top = area.top();
        let mut next = |lines: usize| {
            let height = u16::try_from(lines).unwrap_or(u16::MAX);
            let part = Rect { y: top, height, ..area };
            top = part.bottom();
            part
        };
        Self {
            head: next(head),
            notices: next(notices),
            bars: next(bars),
            map: next(map),
            workers: next(workers),
            warnings: next(warnings),
            foot: Rect { y: area.bottom().saturating_sub(1), height: foot.try_into().unwrap_or(0), ..area },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heights(height: u16, wants: &Wants) -> [u16; 7] {
        let Areas { head, notices, bars, map, workers, warnings, foot } = Areas::of(Rect::new(0, 0, 80, height), wants);
        [head, notices, bars, map, workers, warnings, foot].map(|area| area.height)
    }

    const WANTS: Wants = Wants { notices: 1, bars: 4, map: 16, workers: 9, warnings: 5 };

    #[test]
    fn with_room_for_all_each_gets_what_it_wants() {
        assert_eq!(heights(60, &WANTS), [1, 1, 4, 16, 9, 5, 1]);
    }

    #[test]
    fn nothing_overlaps_and_nothing_leaves_the_screen_at_any_height() {
        for height in 0..50 {
            let given: u16 = heights(height, &WANTS).iter().sum();
            assert!(given <= height, "{height}");
            assert!(given == height || height > 37, "{height}: lines are left though they are wanted");
        }
    }

    #[test]
    fn the_map_keeps_most_of_a_small_screen() {
        assert_eq!(heights(24, &WANTS), [1, 1, 4, 10, 5, 2, 1]);
        assert_eq!(heights(12, &WANTS), [1, 1, 2, 4, 2, 1, 1]);
    }
}
