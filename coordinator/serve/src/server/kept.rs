//! What is kept of a sweep, tile by tile in the plan's order.

use patchsweep_core::ids::{SweepId, TileId};
use patchsweep_core::length;
use patchsweep_plan::Plan;

use crate::state::{KeptResult, Snapshot, StateError, TileFailures};

/// What became of a tile.
#[derive(Debug)]
pub(super) enum KeptTile {
    /// Its scores are kept, whatever went wrong before.
    Done(Box<KeptResult>),
    /// It failed on every attempt.
    GivenUp(TileFailures),
    /// Nothing yet.
    Pending,
}

/// Goes over all tiles of a sweep's plan, each once.
pub(super) fn for_each_tile<E: From<StateError>>(
    snapshot: &Snapshot,
    sweep: &SweepId,
    plan: &Plan,
    mut see: impl FnMut(TileId, KeptTile) -> Result<(), E>,
) -> Result<(), E> {
    let mut given_up = snapshot.failures(sweep)?;
    given_up.retain(|_, failures| failures.given_up);
    let mut next = 0;
    let mut fill_until = |tile: u32, see: &mut dyn FnMut(TileId, KeptTile) -> Result<(), E>| {
        for missing in (next..tile).map(TileId) {
            see(missing, given_up.remove(&missing).map_or(KeptTile::Pending, KeptTile::GivenUp))?;
        }
        next = tile + 1;
        Ok::<(), E>(())
    };
    snapshot.for_each_result(sweep, |tile, result| {
        fill_until(tile.0, &mut see)?;
        see(tile, KeptTile::Done(Box::new(result)))
    })?;
    fill_until(length(plan.tiles.len()), &mut see)
}

#[cfg(test)]
mod tests {
    use crate::state::sample::{failure, result, sweep};
    use crate::state::{Entry, Store};

    use super::*;

    #[test]
    fn every_tile_comes_once_in_order_with_what_became_of_it() {
        let (store, _) = Store::in_memory().expect("memory");
        let kept = sweep("a");
        let tiles = length(kept.plan.tiles.len());
        let give_up = |tile| Entry::GivenUp { sweep: kept.id.clone(), tile: TileId(tile) };
        let done = |tile| Entry::Result(Box::new(result(&kept, tile, "w")));
        let mut entries = vec![Entry::Sweep(Box::new(kept.clone()))];
        // One failed once, one for good, one for good before it was resumed; the last is given up, the first neither.
        entries.extend([failure(&kept, 1, 1, "no"), failure(&kept, 3, 1, "no"), give_up(3), done(2), done(4)]);
        entries.extend([
            failure(&kept, 4, 1, "no"),
            give_up(4),
            failure(&kept, tiles - 1, 1, "no"),
            give_up(tiles - 1),
        ]);
        store.write(&entries).expect("memory");
        let mut seen = Vec::new();
        let see = |tile: TileId, kept| -> Result<(), StateError> {
            seen.push((
                tile.0,
                match kept {
                    KeptTile::Done(result) => format!("done {}", result.lease.tile.0),
                    KeptTile::GivenUp(failures) => format!("given up {}", failures.attempts[0].lease.tile.0),
                    KeptTile::Pending => "pending".to_owned(),
                },
            ));
            Ok(())
        };
        for_each_tile(&store.snapshot().expect("memory"), &kept.id, &kept.plan, see).expect("memory");
        let wanted = (0..tiles).map(|tile| {
            (
                tile,
                match tile {
                    2 | 4 => format!("done {tile}"),
                    tile if tile == 3 || tile == tiles - 1 => format!("given up {tile}"),
                    _ => "pending".to_owned(),
                },
            )
        });
        assert_eq!(seen, wanted.collect::<Vec<_>>());
    }
}
