//! The session as health probes and metrics report it.

use patchsweep_process::health::Health;

use crate::telemetry::{SESSION, SESSIONS_LOST};

/// Where the worker stands with its coordinator.
#[derive(Debug)]
pub(super) struct Presence {
    health: Health,
    is_leaving: bool,
}

impl Presence {
    /// Before the first session.
    pub(super) fn new(health: Health) -> Self {
        let presence = Self { health, is_leaving: false };
        presence.report("connecting", Some("not registered with the coordinator"));
        presence
    }

    pub(super) fn registered(&self) {
        self.report("registered", None);
    }

    /// A session, or an attempt at one, has ended.
    pub(super) fn lost(&self) {
        SESSIONS_LOST.add(&[], 1);
        if !self.is_leaving {
            self.report("connecting", Some("not registered with the coordinator"));
        }
    }

    /// For good.
    pub(super) fn leaving(&mut self) {
        self.is_leaving = true;
        self.report("leaving", Some("leaving"));
    }

    fn report(&self, state: &'static str, unready: Option<&str>) {
        for known in SESSION.labels[0].1 {
            SESSION.set(&[known], (*known == state).into());
        }
        match unready {
            None => self.health.set_ready(),
            Some(reason) => self.health.set_unready(reason),
        }
    }
}
