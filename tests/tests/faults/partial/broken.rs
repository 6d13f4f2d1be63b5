//! Workers whose answers are not to be trusted.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use patchsweep_proto::v1::worker_message::Message as FromWorker;
use patchsweep_proto::v1::{Released, TileResult};
use patchsweep_tests::scripted::{result, scored, scores, tile_of, within};
use tracing_subscriber::fmt::MakeWriter;

use super::stage::{Stage, during, gets_nothing};

#[tokio::test]
async fn a_worker_that_fails_what_another_finishes_gets_no_more() {
    let stage = Stage::new().await;
    let mut good = stage.served.named_worker("good:1", 1).await;
    let mut bad = stage.served.named_worker("bad:2", 1).await;
    let id = stage.submitted(&[]).await;
    let in_hand = good.grant().await;
    let mut failed = Vec::new();
    for _ in 0..3 {
        let grant = bad.grant().await;
        bad.fail(&grant, "the device is gone").await;
        bad.acknowledged(grant.lease.as_ref()).await;
        failed.push(tile_of(&grant));
    }
    failed.dedup();
    assert_eq!(failed.len(), 3, "what failed on it is left to the other");
    let fourth = bad.grant().await;
    good.report(&stage.tiny, &in_hand).await;
    let mut computed = Vec::new();
    let watch = stage.served.patchsweep(&["watch", &id]);
    let banned = async {
        bad.revoked(fourth.lease.as_ref()).await;
        bad.say(FromWorker::Released(Released { lease: fourth.lease.clone() })).await;
        gets_nothing(&mut bad).await;
    };
    let output =
        Box::pin(during(async { tokio::join!(good.compute(&stage.tiny, &mut computed), banned) }, watch)).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    stage.assert_whole(&id).await;

    let output = stage.served.patchsweep(&["workers"]).await;
    let row = output.out.lines().find(|line| line.contains("bad:2")).expect("its row");
    assert!(row.contains("quarantined"), "{}", output.out);
    let sentence = "w2 is quarantined: it failed on 3 tiles in a row that other workers computed";
    assert!(output.out.contains(sentence), "{}", output.out);

    let another = stage.submit(&["--new", "--wait"]);
    let playing = async { tokio::join!(good.compute(&stage.tiny, &mut computed), gets_nothing(&mut bad)) };
    let output = during(playing, another).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    stage.served.stop().await;
}

/// A log that a test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines_with(&self, text: &str) -> Vec<String> {
        let log = self.0.lock().expect("nobody panicked");
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn two_workers_that_disagree_are_both_named() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let stage = Stage::new().await;
    let mut slow = stage.served.named_worker("slow:1", 1).await;
    let id = stage.submitted(&[]).await;
    let grant = slow.grant().await;
    drop(slow);
    let granted = stage.finish(&id).await;
    assert!(granted.iter().any(|lease| lease.tile_id == tile_of(&grant)), "its tile went to another worker");

    let mut slow = stage.served.named_worker("slow:1", 1).await;
    let mut resend = async |report: TileResult| {
        slow.say(FromWorker::Result(report)).await;
        slow.acknowledged(grant.lease.as_ref()).await;
    };
    // They are compared one after the other: equal scores are nothing to warn of.
    resend(result(&stage.tiny, &grant)).await;
    let mut other = scores(&stage.tiny, &grant);
    other.scores[0].value.mean += 0.5;
    resend(scored(&grant, &other)).await;
    let warned = async {
        loop {
            let warnings = log.lines_with("two workers disagree on a tile's scores");
            if !warnings.is_empty() {
                return warnings;
            }
            tokio::task::yield_now().await;
        }
    };
    let warnings = within("the warning", warned).await;
    let [warning] = warnings.as_slice() else { panic!("one warning in {warnings:?}") };
    for part in ["WARN", "difference=0.5", "heir:9", "slow:1", &id] {
        assert!(warning.contains(part), "no {part} in {warning}");
    }
    stage.assert_whole(&id).await;
    let output = stage.served.patchsweep(&["status", &id]).await;
    assert!(output.out.lines().nth(1).is_some_and(|row| row.trim().ends_with('2')), "dropped twice:\n{}", output.out);
    stage.served.stop().await;
}
