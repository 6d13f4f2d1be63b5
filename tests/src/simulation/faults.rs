//! What goes wrong in a simulation, and when: drawn from its seed.

use std::time::Duration;

use rand::Rng;

/// Workers of a simulation.
pub const WORKERS: usize = 5;

/// After this, nothing more goes wrong.
pub const TROUBLE: Duration = Duration::from_secs(40);

/// A machine of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The coordinator's.
    Coordinator,
    /// One worker's.
    Worker(usize),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops at once and forgets what it has not synced.
    Crash(Machine),
    /// A worker's messages to and from the coordinator are lost.
    Partition(usize),
    /// A worker's messages to and from the coordinator are delayed.
    Hold(usize),
}

/// A fault, from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// What.
    pub fault: Fault,
    /// Since the start of the simulation.
    pub begins: Duration,
    /// Since the start of the simulation.
    pub ends: Duration,
}

/// Draws what goes wrong. Troubles of one machine do not overlap.
pub fn draw(rng: &mut impl Rng) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for machine in 0..=WORKERS {
        let mut now = Duration::ZERO;
        loop {
            now += Duration::from_millis(rng.random_range(500..15_000));
            let ends = now + Duration::from_millis(rng.random_range(200..20_000));
            if ends > TROUBLE {
                break;
            }
            let fault = match machine {
                WORKERS => Fault::Crash(Machine::Coordinator),
                worker => match rng.random_range(0..3) {
                    0 => Fault::Crash(Machine::Worker(worker)),
                    1 => Fault::Partition(worker),
                    _ => Fault::Hold(worker),
                },
            };
            troubles.push(Trouble { fault, begins: now, ends });
            now = ends;
        }
    }
    troubles
}
