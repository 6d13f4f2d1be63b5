//! `LogEvent`.

use super::WireError;
use super::time::{from_unix_milliseconds, unix_milliseconds};
use crate::v1;
use patchsweep_core::events::LogEvent;

impl From<&LogEvent> for v1::LogEvent {
    fn from(event: &LogEvent) -> Self {
        Self {
            unix_ms: unix_milliseconds(event.at),
            level: event.level.clone(),
            sweep_id: event.sweep.clone(),
            worker: event.worker.clone(),
            text: event.text.clone(),
        }
    }
}

impl TryFrom<v1::LogEvent> for LogEvent {
    type Error = WireError;

    fn try_from(wire: v1::LogEvent) -> Result<Self, WireError> {
        let at = from_unix_milliseconds(wire.unix_ms, "LogEvent", "unix_ms")?;
        Ok(Self { at, level: wire.level, sweep: wire.sweep_id, worker: wire.worker, text: wire.text })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn an_event_comes_back_as_it_was() {
        let sent = LogEvent {
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_001),
            level: "warn".into(),
            sweep: "s".into(),
            worker: "host:1".into(),
            text: "attempt failed, reason=no memory".into(),
        };
        assert_eq!(LogEvent::try_from(v1::LogEvent::from(&sent)), Ok(sent.clone()));
        assert!(LogEvent::try_from(v1::LogEvent { unix_ms: u64::MAX, ..(&sent).into() }).is_err());
    }
}
