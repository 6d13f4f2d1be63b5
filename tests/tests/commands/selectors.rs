//! Sweeps by id, by its beginning, `last` and `all`.

use super::stage::Stage;

#[tokio::test]
async fn a_sweep_is_named_by_its_id_its_beginning_or_as_the_last() {
    let stage = Stage::new().await;
    let first = stage.finished().await;
    let second = stage.submitted(&["--new"]).await;
    let quiet = |args: &[&str]| stage.served.patchsweep(&[args, &["--output", "quiet"]].concat());
    assert_eq!(quiet(&["status", "last"]).await.out, second);
    assert_eq!(quiet(&["status", &first]).await.out, first, "though it begins the other one's: {second}");
    assert_eq!(quiet(&["status", &second[..second.len() - 1]]).await.out, second);
    assert_eq!(quiet(&["status", "all"]).await.out, format!("{first}\n{second}"));
    let output = quiet(&["top", &first]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let output = stage.served.patchsweep(&["top", "last"]).await;
    assert!(output.err.contains(&format!("sweep `{second}` has no results")), "{output:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn all_means_those_that_can_be_cancelled_or_resumed() {
    let stage = Stage::new().await;
    let done = stage.finished().await;
    let running = [stage.submitted(&["--new"]).await, stage.submitted(&["--new"]).await];
    let output = stage.served.patchsweep(&["cancel", "all", "--output", "quiet"]).await;
    assert_eq!(output.out, running.join("\n"), "{output:?}");
    let output = stage.served.patchsweep(&["cancel", "all"]).await;
    assert!(
        output.code == Some(0) && output.out.is_empty() && output.err.contains("no sweep is running"),
        "{output:?}"
    );
    let (output, json) = stage.json(&["cancel", "all"]).await;
    assert_eq!((output.code, json["sweeps"].as_array().map(Vec::len)), (Some(0), Some(0)));
    let (output, json) = stage.json(&["resume", "all"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let resumed: Vec<&str> = (0..2).filter_map(|place| json["sweeps"][place]["sweep"].as_str()).collect();
    assert_eq!(resumed, running);
    let output = stage.served.patchsweep(&["resume", &done]).await;
    assert!(output.code == Some(1) && output.err.contains("lacks nothing"), "{output:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn a_word_that_means_none_or_several_is_refused_with_the_nearest_ids() {
    let stage = Stage::new().await;
    let ids = [stage.submitted(&["--new"]).await, stage.submitted(&["--new"]).await];
    for command in ["status", "watch", "cancel", "resume", "top", "results"] {
        let out: &[&str] = if command == "results" { &["--out", "never-made"] } else { &[] };
        let refused = |word: &str| stage.served.patchsweep(&[&[command, word], out].concat());
        let output = refused("tiny").await;
        assert_eq!(output.code, Some(1), "{command}: {output:?}");
        assert!(output.err.contains("`tiny` begins the ids of 2 sweeps"), "{command}: {output:?}");
        assert!(ids.iter().all(|id| output.err.contains(id)), "{command}: {output:?}");
        let output = refused("tinny").await;
        assert!(output.err.contains("no sweep `tinny`; the nearest are `tiny-"), "{command}: {output:?}");
    }
    let output = stage.served.patchsweep(&["watch", "all"]).await;
    assert!(output.code == Some(2) && output.err.contains("this command takes one"), "{output:?}");
    stage.served.stop().await;
}
