//! Sweeps that are forgotten: by `patchsweep remove`, and by themselves where `serve --keep` says so.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use patchsweep_core::check::CheckOf;
use patchsweep_core::digest::Digest;
use patchsweep_core::ids::{Epoch, SweepId};
use patchsweep_core::status::{Priority, SweepState};
use patchsweep_proto::v1::{ListSweepsRequest, Submission, SubmitSweepRequest};
use patchsweep_proto::wire::encode_context;
use patchsweep_serve::state::{Arrival, Entry, KeptSweep, Store};
use patchsweep_tests::scripted::{Served, within};
use patchsweep_tests::tiny::Tiny;
use prost::Message;
use serde_json::json;

use super::stage::{Stage, object};

#[tokio::test]
async fn a_running_sweep_is_not_removed_and_one_that_was_cancelled_is() {
    let stage = Stage::new().await;
    let id = stage.submitted(&[]).await;
    let (output, json) = stage.json(&["remove", &id]).await;
    assert_eq!(
        (output.code, &json["error"]["exit_code"], &json["sweeps"]),
        (Some(1), &1.into(), &json!([])),
        "{output:?}"
    );
    assert!(output.err.contains(&format!("sweep `{id}` is running; `patchsweep cancel {id}` ends it")), "{output:?}");
    let list = || stage.served.patchsweep(&["list", "--output", "quiet"]);
    assert_eq!(list().await.out, id, "nothing is lost");

    assert_eq!(stage.served.patchsweep(&["cancel", &id]).await.code, Some(0));
    let output = stage.served.patchsweep(&["remove", &id]).await;
    assert!(output.code == Some(0) && output.out.contains(&id) && output.out.contains("cancelled"), "{output:?}");
    assert_eq!(list().await.out, "");
    for command in [&["status", &id][..], &["watch", &id], &["resume", &id], &["remove", &id], &["explain", &id]] {
        let output = stage.served.patchsweep(command).await;
        assert!(output.code == Some(1) && output.err.contains(&format!("no sweep `{id}`")), "{command:?}: {output:?}");
    }
    let again = stage.submitted(&[]).await;
    assert_ne!(again, id, "a name means one sweep in a coordinator's life");
    stage.served.stop().await;
}

#[tokio::test]
async fn removing_says_the_same_in_each_form() {
    let stage = Stage::new().await;
    for form in ["table", "quiet", "json"] {
        let id = stage.finished().await;
        let output = stage.served.patchsweep(&["remove", &id, "--output", form]).await;
        assert!(output.code == Some(0) && output.err.is_empty(), "{output:?}");
        match form {
            "table" => assert!(output.out.starts_with("sweep ") && output.out.contains(&id), "{output:?}"),
            "quiet" => assert_eq!(output.out, id),
            _ => assert_eq!(object(&output.out)["sweeps"][0]["sweep"], id.as_str()),
        }
    }
    stage.served.stop().await;
}

#[tokio::test]
async fn several_words_and_all_remove_what_has_ended() {
    let stage = Stage::new().await;
    let done = [stage.finished().await, stage.finished().await, stage.finished().await];
    let running = stage.submitted(&["--new"]).await;
    let quiet = |args: &[&str]| stage.served.patchsweep(&[args, &["--output", "quiet"]].concat());
    let output = quiet(&["remove", &done[0], "nowhere"]).await;
    assert!(output.code == Some(1) && output.err.contains("no sweep `nowhere`"), "{output:?}");
    assert_eq!(quiet(&["list"]).await.out, [&done[..], std::slice::from_ref(&running)].concat().join("\n"));
    let output = quiet(&["remove", &done[2], &running, &done[0], &done[2]]).await;
    assert!(output.code == Some(1) && output.err.contains("is running"), "{output:?}");
    assert_eq!(output.out, format!("{}\n{}", done[2], done[0]), "one refusal does not save the others");
    assert_eq!(quiet(&["remove", "all"]).await.out, done[1]);
    let output = quiet(&["remove", "all"]).await;
    assert!(output.code == Some(0) && output.out.is_empty() && output.err.contains("no sweep has ended"), "{output:?}");
    assert_eq!(quiet(&["list"]).await.out, running);
    assert_eq!(quiet(&["remove"]).await.code, Some(2));
    stage.served.stop().await;
}

/// Submits a check of a sweep.
async fn check(served: &Served, sweep: &str) -> Result<String, tonic::Status> {
    let check = CheckOf { sweep: SweepId(sweep.to_owned()), cells: 3, seed: 1 };
    let submission = Submission { check_of: Some((&check).into()), always_new: true, ..Submission::default() };
    let chunk = SubmitSweepRequest { data: submission.encode_to_vec() };
    let submitted = served.client().await.submit_sweep(tokio_stream::iter([chunk])).await?;
    Ok(submitted.into_inner().sweep_id)
}

#[tokio::test]
async fn a_sweep_takes_its_checks_with_it_but_not_one_that_runs() {
    let stage = Stage::new().await;
    let (id, other) = (stage.finished().await, stage.finished().await);
    let checks = [check(&stage.served, &id).await.expect("planned"), check(&stage.served, &id).await.expect("planned")];
    let output = stage.served.patchsweep(&["remove", &id]).await;
    let why = format!("sweep `{id}` is being checked by `{}`; wait for that, or end it with", checks[0]);
    assert!(output.code == Some(1) && output.err.contains(&why), "{output:?}");
    for check in &checks {
        assert_eq!(stage.served.patchsweep(&["cancel", check]).await.code, Some(0));
    }
    let output = stage.served.patchsweep(&["remove", &id, &checks[1], "--output", "quiet"]).await;
    assert_eq!((output.code, output.out), (Some(0), format!("{}\n{}\n{id}", checks[0], checks[1])), "{}", output.err);
    assert_eq!(stage.served.patchsweep(&["list", "--output", "quiet"]).await.out, other);
    let refused = check(&stage.served, &id).await.expect_err("it is gone");
    assert_eq!(refused.code(), tonic::Code::NotFound);

    let alone = check(&stage.served, &other).await.expect("planned");
    assert_eq!(stage.served.patchsweep(&["cancel", &alone]).await.code, Some(0));
    assert_eq!(stage.served.patchsweep(&["remove", &alone, "--output", "quiet"]).await.out, alone);
    assert_eq!(stage.served.patchsweep(&["list", "--output", "quiet"]).await.out, other, "a check goes alone");
    stage.served.stop().await;
}

const DAY: Duration = Duration::from_hours(24);

/// A sweep that ended so many days ago; with the one that it checks.
fn ended(tiny: &Tiny, name: &str, days: u32, checks: Option<&str>) -> [Entry; 2] {
    let mut plan = tiny.plan().clone();
    plan.check = checks.map(|sweep| CheckOf { sweep: SweepId(sweep.to_owned()), cells: 3, seed: 1 });
    let at = SystemTime::now() - DAY * days;
    let sweep = SweepId(name.to_owned());
    let kept = KeptSweep {
        id: sweep.clone(),
        context: encode_context(&plan.context).into(),
        plan: Arc::new(plan),
        dataset: Digest::of(b""),
        priority: Priority::default(),
        submitted: at - DAY,
        arrival: Arrival { epoch: Epoch(1), files: None },
    };
    [Entry::Sweep(Box::new(kept)), Entry::Ended { sweep, state: SweepState::Cancelled, seconds: 1.0, at }]
}

async fn sweeps(served: &Served) -> Vec<String> {
    let listed = served.client().await.list_sweeps(ListSweepsRequest {}).await.expect("a list").into_inner();
    listed.sweeps.into_iter().map(|status| status.sweep_id).collect()
}

#[tokio::test]
async fn a_coordinator_forgets_sweeps_that_ended_longer_ago_than_it_keeps_them() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (store, _) = Store::open(folder.path()).expect("new");
    for (name, days, checks) in [
        ("old", 40, None),
        ("young", 20, None),
        ("checked", 50, None),
        ("its-young-check", 3, Some("checked")),
        ("checked-long-ago", 50, None),
        ("its-old-check", 45, Some("checked-long-ago")),
    ] {
        store.write(&ended(&tiny, name, days, checks)).expect("written");
    }
    drop(store);
    let left = ["checked", "young", "its-young-check"];
    let (store, recovered) = Store::open(folder.path()).expect("there");
    let served = Served::keeping(&tiny, store, recovered, Some(30 * DAY)).await;
    within("the old sweeps' removal", async {
        while sweeps(&served).await != left {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    served.stop().await;

    let (_, recovered) = Store::open(folder.path()).expect("there");
    let found: Vec<&str> = recovered.sweeps.iter().map(|sweep| sweep.status.sweep.0.as_str()).collect();
    assert_eq!(found, left, "also on disk");
}
