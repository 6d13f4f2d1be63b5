//! Messages to the coordinator that wait for the connection.

use std::collections::VecDeque;

use patchsweep_proto::v1::WorkerMessage;
use patchsweep_proto::v1::worker_message::Message;
use tokio::sync::mpsc;

/// Messages that the connection itself holds.
pub(super) const IN_FLIGHT: usize = 4;

/// Messages that wait for it; beyond, nothing is received that would be answered.
const MOST: usize = 64;

/// Messages in order. Adding one never waits, so that a slow connection delays nothing but itself.
#[derive(Debug)]
pub(super) struct Outbox {
    connection: mpsc::Sender<WorkerMessage>,
    waiting: VecDeque<Message>,
}

impl Outbox {
    pub(super) fn new(connection: mpsc::Sender<WorkerMessage>) -> Self {
        Self { connection, waiting: VecDeque::new() }
    }

    /// Whether a message from the coordinator may be answered.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, message: Message) {
        self.waiting.push_back(message);
    }

    /// Passes one message on. Cancel-safe. A closed connection is noticed where messages are received.
    pub(super) async fn pass_one_on(&mut self) {
        match self.connection.reserve().await {
            Ok(place) => {
                if let message @ Some(_) = self.waiting.pop_front() {
                    place.send(WorkerMessage { message });
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }
}
