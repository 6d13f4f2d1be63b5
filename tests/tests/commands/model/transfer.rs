//! Transfers that break, hang, or bring something else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use patchsweep_tests::Running;
use patchsweep_tests::hub::Fault;
use patchsweep_tests::process::{BOUND, client};
use patchsweep_tests::terminal::OnTerminal;

use super::{Place, REPOSITORY, acronyms, starts, weights_blob};

pub(super) const MIB: usize = 1 << 20;

/// Where the weights are kept until they are whole.
pub(super) fn partial(place: &Place) -> PathBuf {
    // Their name is known of another cache.
    let other = Place::new();
    other.fetched(&[REPOSITORY]);
    place.cached().join("blobs").join(weights_blob(&other.snapshot()) + ".incomplete")
}

/// Waits until a file has so many bytes.
pub(super) fn wait_for_bytes(path: &Path, bytes: usize) {
    let begun = Instant::now();
    while fs::metadata(path).map_or(0, |metadata| metadata.len()) != bytes as u64 {
        assert!(begun.elapsed() < BOUND, "{} does not grow to {bytes}", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn fetching(place: &Place) -> Running {
    Running::start_command(place.knows(client(&["model", "fetch", REPOSITORY])), &[])
}

#[test]
fn a_fetch_that_was_killed_goes_on_where_it_ended() {
    let place = Place::new();
    let partial = partial(&place);
    place.hub.set_fault(Some(Fault::Hangs(MIB)));
    let mut killed = fetching(&place);
    wait_for_bytes(&partial, MIB);
    killed.signal("KILL");
    killed.wait();
    assert!(!place.cached().join("refs/main").exists(), "the branch is nothing before all is there");
    place.hub.set_fault(None);
    drop(place.hub.take_asked());
    place.fetched(&[REPOSITORY]);
    assert_eq!(starts(&place.hub.take_asked()), [MIB]);
    place.hold_snapshot();
    assert!(!partial.exists());
}

#[test]
fn a_terminal_shows_a_bar_and_ctrl_c_ends_it() {
    let place = Place::new();
    place.hub.set_fault(Some(Fault::Hangs(MIB)));
    let args = ["model", "fetch", REPOSITORY];
    let mut terminal = OnTerminal::start_knowing((24, 120), &args, |command| place.knows(command));
    let seen = terminal.wait_for("1.00 MiB/3.33 MiB");
    assert!(seen.contains("30%  model.safetensors"), "{seen}");
    drop(place.hub.take_asked());
    place.hub.set_fault(None);
    terminal.press("\u{3}");
    place.fetched(&[REPOSITORY]);
    assert_eq!(starts(&place.hub.take_asked()), [MIB], "nobody else fetches it any more");
    place.hold_snapshot();
}

#[test]
fn a_transfer_that_breaks_goes_on_by_itself() {
    let place = Place::new();
    place.hub.set_fault(Some(Fault::Breaks(MIB)));
    place.fetched(&[REPOSITORY]);
    assert_eq!(starts(&place.hub.take_asked()), [0, MIB, 2 * MIB, 3 * MIB]);
    place.hold_snapshot();
}

#[test]
fn what_came_earlier_is_not_trusted() {
    let place = Place::new();
    let partial = partial(&place);
    fs::create_dir_all(partial.parent().expect("a folder")).expect("a folder");
    fs::write(&partial, vec![7; MIB]).expect("written");
    place.fetched(&[REPOSITORY]);
    assert_eq!(starts(&place.hub.take_asked()), [MIB, 0], "all of it comes once its hash is wrong");
    place.hold_snapshot();

    let length = fs::metadata(acronyms().join("model.safetensors")).expect("weights").len();
    let place = Place::new();
    fs::create_dir_all(place.cached().join("blobs")).expect("a folder");
    let longer = place.cached().join("blobs").join(partial.file_name().expect("a name"));
    fs::write(&longer, vec![7; usize::try_from(length + 1).expect("small")]).expect("written");
    place.fetched(&[REPOSITORY]);
    assert_eq!(starts(&place.hub.take_asked()), [0], "nor what is longer than the file");
    place.hold_snapshot();
}

#[test]
fn a_server_that_knows_no_ranges_sends_all_of_it() {
    let place = Place::new();
    let partial = partial(&place);
    fs::create_dir_all(partial.parent().expect("a folder")).expect("a folder");
    let weights = fs::read(acronyms().join("model.safetensors")).expect("weights");
    fs::write(&partial, &weights[..MIB]).expect("written");
    place.hub.set_fault(Some(Fault::NoRanges));
    place.fetched(&[REPOSITORY]);
    assert_eq!(starts(&place.hub.take_asked()), [MIB], "once is enough");
    place.hold_snapshot();
}

#[test]
fn a_file_with_another_hash_is_not_taken() {
    let place = Place::new();
    place.hub.set_fault(Some(Fault::Damages));
    let (code, answer) = place.fetch(&[REPOSITORY], &[]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(4), &"unreachable".into()), "{answer}");
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with(&format!("model.safetensors of model `{REPOSITORY}` came damaged twice")), "{message}");
    assert!(place.blobs().iter().all(|name| name.len() == 40), "only the small files are there: {:?}", place.blobs());
    assert!(!place.cached().join("refs").exists());
}

#[test]
fn two_that_fetch_the_same_take_turns() {
    let place = Place::new();
    let partial = partial(&place);
    place.hub.set_fault(Some(Fault::Hangs(MIB)));
    let mut first = fetching(&place);
    wait_for_bytes(&partial, MIB);
    let mut second = fetching(&place);
    second.wait_for("waiting for another process that fetches model.safetensors");
    place.hub.set_fault(None);
    drop(place.hub.take_asked());
    first.signal("KILL");
    first.wait();
    assert!(second.wait().success());
    assert_eq!(starts(&place.hub.take_asked()), [MIB], "it goes on with what the other one had");
    place.hold_snapshot();
}
