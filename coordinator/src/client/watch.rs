//! A sweep's status as it changes, over broken connections and restarts of the coordinator.

use std::time::Duration;

use patchsweep_core::ids::SweepId;
use patchsweep_core::status::SweepStatus;
use patchsweep_proto::v1;
use tonic::Streaming;

use super::{Client, ClientError};

/// What happens to a sweep that is watched.
// There is one at a time.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It stands so.
    Status(SweepStatus),
    /// The connection is gone; the watch tries to come back. Reported once for each time that it is lost.
    Lost {
        /// Why.
        reason: String,
    },
}

/// A sweep that is watched until it has ended.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    sweep: SweepId,
    stream: Option<Streaming<v1::SweepStatus>>,
    /// `None`: a broken connection ends the watch.
    back_off: Option<BackOff>,
    has_ended: bool,
}

/// How long to wait before the next try: twice as long each time, within bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct BackOff {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

impl BackOff {
    pub(super) const SHORTEST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(15);

    fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, next: shortest }
    }

    fn next(&mut self) -> Duration {
        let next = self.next;
        self.next = self.longest.min(2 * next);
        next
    }

    fn reset(&mut self) {
        self.next = self.shortest;
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self::new(Self::SHORTEST, Self::LONGEST)
    }
}

impl Watch {
    pub(super) async fn start(
        mut client: Client,
        sweep: SweepId,
        back_off: Option<BackOff>,
    ) -> Result<Self, ClientError> {
        let stream = Some(client.open_watch(&sweep).await?);
        Ok(Self { client, sweep, stream, back_off, has_ended: false })
    }

    /// The next thing to happen; `None` after the final status.
    pub async fn next(&mut self) -> Result<Option<Update>, ClientError> {
        if self.has_ended {
            return Ok(None);
        }
        loop {
            let Some(stream) = &mut self.stream else {
                self.reconnect().await?;
                continue;
            };
            let lost = match stream.message().await {
                Ok(Some(status)) => {
                    let status = SweepStatus::try_from(status)?;
                    self.back_off.iter_mut().for_each(BackOff::reset);
                    self.has_ended = status.state.is_final();
                    return Ok(Some(Update::Status(status)));
                }
                // A coordinator that shuts down ends its streams.
                Ok(None) => self.client.lost("the coordinator ended the stream".to_owned()),
                Err(status) => self.client.refused(&status),
            };
            self.stream = None;
            return match (lost, &self.back_off) {
                (ClientError::Unreachable { reason, .. }, Some(_)) => Ok(Some(Update::Lost { reason })),
                (lost, _) => Err(lost),
            };
        }
    }

    /// Waits and tries once; only what another try cannot mend is an error.
    async fn reconnect(&mut self) -> Result<(), ClientError> {
        let Some(back_off) = &mut self.back_off else {
            return Err(self.client.lost("the connection is gone".to_owned()));
        };
        tokio::time::sleep(back_off.next()).await;
        let opened = match self.client.reconnect().await {
            Ok(()) => self.client.open_watch(&self.sweep).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(stream) => self.stream = Some(stream),
            Err(ClientError::Unreachable { .. }) => {}
            Err(refused) => return Err(refused),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use patchsweep_core::status::SweepState;
    use patchsweep_link::refusal::Refusal;
    use patchsweep_serve::fixtures::{running, status};

    use super::super::fake::{Answer, Fake};
    use super::*;

    const BRIEF: Duration = Duration::from_millis(1);

    /// A watch that does not wait long, on a coordinator that plays its answers one after the other.
    async fn watch(fake: &Fake, is_patient: bool) -> Watch {
        let client = fake.client().await;
        let back_off = is_patient.then(|| BackOff::new(BRIEF, 4 * BRIEF));
        Watch::start(client, SweepId("s".into()), back_off).await.expect("the sweep is there")
    }

    async fn next(watch: &mut Watch) -> Result<Option<Update>, ClientError> {
        tokio::time::timeout(Duration::from_mins(1), watch.next()).await.expect("in time")
    }

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew() {
        let mut back_off = BackOff::default();
        let waits: Vec<u128> = (0..7).map(|_| back_off.next().as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000]);
        back_off.reset();
        assert_eq!(back_off.next().as_millis(), 500);
    }

    #[tokio::test]
    async fn a_watch_goes_on_after_broken_streams_and_ends_with_the_sweep() {
        let done = status(SweepState::Done);
        let answers = [
            Answer::Statuses(vec![running(), running()]),
            Answer::Refuse(tonic::Status::unavailable("shutting down")),
            Answer::Broken(vec![running()], tonic::Status::unavailable("restarting")),
            Answer::Statuses(vec![done.clone()]),
        ];
        let fake = Fake::start(answers).await;
        let mut watch = watch(&fake, true).await;
        let mut seen = Vec::new();
        while let Some(update) = next(&mut watch).await.expect("no refusal") {
            seen.push(update);
        }
        let lost = |reason: &str| Update::Lost { reason: reason.to_owned() };
        let wanted = [
            Update::Status(running()),
            Update::Status(running()),
            lost("the coordinator ended the stream"),
            Update::Status(running()),
            lost("restarting"),
            Update::Status(done),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(fake.left(), 0, "every answer was asked for");
    }

    #[tokio::test]
    async fn a_watch_comes_back_to_a_coordinator_that_was_started_again() {
        let first = Fake::start([Answer::Statuses(vec![running()])]).await;
        let mut watch = watch(&first, true).await;
        assert_eq!(next(&mut watch).await.expect("a status"), Some(Update::Status(running())));
        assert!(matches!(next(&mut watch).await, Ok(Some(Update::Lost { .. }))));
        let address = first.stop().await;
        let second = Fake::start_at(address, [Answer::Statuses(vec![status(SweepState::Cancelled)])]);
        let (found, second) = tokio::join!(next(&mut watch), second);
        assert!(matches!(found, Ok(Some(Update::Status(status))) if status.state.is_final()));
        assert_eq!(second.left(), 0);
    }

    #[tokio::test]
    async fn a_sweep_that_is_gone_and_a_refusal_end_the_watch() {
        let gone = (tonic::Status::not_found("no sweep `s`"), "no sweep `s`");
        let rotated = (Refusal::UnknownToken.status("this token is unknown"), "does not know the token");
        for (refusal, part) in [gone, rotated] {
            let fake = Fake::start([Answer::Statuses(vec![running()]), Answer::Refuse(refusal)]).await;
            let mut watch = watch(&fake, true).await;
            assert!(matches!(next(&mut watch).await, Ok(Some(Update::Status(_)))));
            assert!(matches!(next(&mut watch).await, Ok(Some(Update::Lost { .. }))));
            let error = next(&mut watch).await.expect_err("refused").to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[tokio::test]
    async fn a_watch_that_may_not_wait_ends_with_the_connection() {
        let fake = Fake::start([Answer::Statuses(vec![running()])]).await;
        let mut watch = watch(&fake, false).await;
        assert!(matches!(next(&mut watch).await, Ok(Some(Update::Status(_)))));
        assert!(matches!(next(&mut watch).await, Err(ClientError::Unreachable { .. })));
    }
}
