//! A coordinator with the tiny sweep, computed by played workers.

use std::path::Path;

use patchsweep_proto::v1::{FailureKind, Grant};
use patchsweep_tests::scripted::{CommandOutput, Served, failure, result, tile_of};
use patchsweep_tests::tiny::Tiny;
use serde_json::Value;

/// Nobody listens there.
pub(super) const NOBODY: &str = "http://127.0.0.1:9";

pub(super) struct Stage {
    pub(super) tiny: Tiny,
    pub(super) served: Served,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let tiny = Tiny::new();
        let served = Served::in_memory(&tiny).await;
        Self { tiny, served }
    }

    /// Submits the sweep with these arguments more, and gives its id.
    pub(super) async fn submitted(&self, args: &[&str]) -> String {
        let spec = self.tiny.spec_file();
        let output = self.served.patchsweep(&[&["submit", plain(&spec)], args].concat()).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        output.out
    }

    /// What a command says while workers compute all tiles, but for the last one if that is to fail.
    pub(super) async fn while_computing(&self, args: &[&str], last_fails: bool) -> CommandOutput {
        let last = u32::try_from(self.tiny.plan().tiles.len()).expect("few tiles");
        let answer = |grant: &Grant| {
            let fails = last_fails && tile_of(grant) + 1 == last;
            Some(if fails { failure(grant, FailureKind::Attempt, "no memory") } else { result(&self.tiny, grant) })
        };
        let mut crew = [
            self.served.named_worker("ada:1", 1).await,
            self.served.named_worker("bob:2", 1).await,
            self.served.named_worker("cyd:3", 1).await,
        ];
        let [ada, bob, cyd] = &mut crew;
        let working = async { tokio::join!(ada.play(answer), bob.play(answer), cyd.play(answer)) };
        tokio::select! {
            output = self.served.patchsweep(args) => output,
            _ = working => panic!("all sessions ended"),
        }
    }

    /// The id of a sweep that is done.
    pub(super) async fn finished(&self) -> String {
        let id = self.submitted(&["--new"]).await;
        let output = self.while_computing(&["watch", &id], false).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        id
    }

    /// What a command says in JSON: nothing but one object.
    pub(super) async fn json(&self, args: &[&str]) -> (CommandOutput, Value) {
        let output = self.served.patchsweep(&[args, &["--output", "json"]].concat()).await;
        let object = object(&output.out);
        (output, object)
    }
}

/// The one JSON object that is all of a command's standard output.
#[track_caller]
pub(super) fn object(out: &str) -> Value {
    let object: Value = serde_json::from_str(out).unwrap_or_else(|error| panic!("{error} in {out:?}"));
    assert_eq!(object["schema_version"], 1, "{object}");
    object
}

pub(super) fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
