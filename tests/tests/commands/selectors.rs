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
    let said = quiet(&["top", &first]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = stage.served.patchsweep(&["top", "last"]).await;
    assert!(said.err.contains(&format!("sweep `{second}` has no results")), "{said:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn all_means_those_that_can_be_cancelled_or_resumed() {
    let stage = Stage::new().await;
    let done = stage.finished().await;
    let running = [stage.submitted(&["--new"]).await, stage.submitted(&["--new"]).await];
    let said = stage.served.patchsweep(&["cancel", "all", "--output", "quiet"]).await;
    assert_eq!(said.out, running.join("\n"), "{said:?}");
    let said = stage.served.patchsweep(&["cancel", "all"]).await;
    assert!(said.code == Some(0) && said.out.is_empty() && said.err.contains("no sweep is running"), "{said:?}");
    let (said, told) = stage.json(&["cancel", "all"]).await;
    assert_eq!((said.code, told["sweeps"].as_array().map(Vec::len)), (Some(0), Some(0)));
    let (said, told) = stage.json(&["resume", "all"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let resumed: Vec<&str> = (0..2).filter_map(|place| told["sweeps"][place]["sweep"].as_str()).collect();
    assert_eq!(resumed, running);
    let said = stage.served.patchsweep(&["resume", &done]).await;
    assert!(said.code == Some(1) && said.err.contains("lacks nothing"), "{said:?}");
    stage.served.stop().await;
}

#[tokio::test]
async fn a_word_that_means_none_or_several_is_refused_with_the_nearest_ids() {
    let stage = Stage::new().await;
    let ids = [stage.submitted(&["--new"]).await, stage.submitted(&["--new"]).await];
    for command in ["status", "watch", "cancel", "resume", "top", "results"] {
        let out: &[&str] = if command == "results" { &["--out", "never-made"] } else { &[] };
        let refused = |word: &str| stage.served.patchsweep(&[&[command, word], out].concat());
        let said = refused("tiny").await;
        assert_eq!(said.code, Some(1), "{command}: {said:?}");
        assert!(said.err.contains("`tiny` begins the ids of 2 sweeps"), "{command}: {said:?}");
        assert!(ids.iter().all(|id| said.err.contains(id)), "{command}: {said:?}");
        let said = refused("tinny").await;
        assert!(said.err.contains("no sweep `tinny`; the nearest are `tiny-"), "{command}: {said:?}");
    }
    let said = stage.served.patchsweep(&["watch", "all"]).await;
    assert!(said.code == Some(2) && said.err.contains("this command takes one"), "{said:?}");
    stage.served.stop().await;
}
