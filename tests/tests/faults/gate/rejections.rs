//! Each way not to be let in: exit code 5, the file or flag to mend, no second try.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use patchsweep_proto::PROTOCOL_VERSION;
use patchsweep_tests::serve;

use super::certificates::{NOW, Site, Years};
use super::locked::{Locked, at, data, plain, refused, with};
use super::refuser::refuser;

#[test]
fn without_a_token_the_credentials_file_is_named() {
    let locked = Locked::start(&[]);
    let file = |role: &str| locked.changed(role, |line| (!line.starts_with("token")).then(|| line.to_owned()));
    refused(|role| with(&file(role)), &["wants a token", "changed-ROLE", "ROLE.credentials", "--credentials"]);
}

#[test]
fn with_an_unknown_token_the_file_that_holds_it_is_named() {
    let locked = Locked::start(&[]);
    let other = |line: &str| Some(line.replace(|char: char| line.starts_with("token") && char.is_ascii_digit(), "0"));
    let parts = ["does not know the token in", "changed-ROLE", "copy ROLE.credentials again"];
    refused(|role| with(&locked.changed(role, other)), &parts);
}

#[test]
fn a_workers_token_submits_nothing_and_a_clients_computes_nothing() {
    let locked = Locked::start(&[]);
    let other = |role: &str| if role == "worker" { "client" } else { "worker" };
    refused(
        |role| with(&locked.credentials(other(role))),
        &["is not one for a ROLE", "give the file ROLE.credentials"],
    );
}

#[test]
fn a_coordinator_of_another_authority_is_not_trusted() {
    let (ours, theirs) = (Locked::start(&[]), Locked::start(&[]));
    let parts = ["is not of the CA in", "ROLE.credentials", &ours.url];
    refused(|role| [at(&ours.url), with(&theirs.credentials(role))].concat(), &parts);
    refused(|_| at(&ours.url), &["of no authority that this machine trusts", "--credentials"]);
}

fn site(name: &str, years: Years) -> (Site, Locked) {
    let site = Site::new(name, years);
    let args = site.args();
    let locked = Locked::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    (site, locked)
}

#[test]
fn an_expired_certificate_is_refused_and_named() {
    let (_site, locked) = site("127.0.0.1", (2020, 2021));
    refused(|role| with(&locked.credentials(role)), &["has expired", "--tls-cert"]);
}

#[test]
fn a_certificate_of_the_future_is_refused_and_named() {
    let (_site, locked) = site("127.0.0.1", (2090, 2100));
    refused(|role| with(&locked.credentials(role)), &["is not valid yet", "clocks"]);
}

#[test]
fn a_certificate_for_another_host_is_refused_with_both_names() {
    let (_site, locked) = site("head-node.example", NOW);
    refused(|role| with(&locked.credentials(role)), &["is for head-node.example:", "--host 127.0.0.1"]);
}

#[test]
fn plaintext_to_a_port_that_speaks_tls_is_named() {
    let locked = Locked::start(&[]);
    let url = locked.url.replace("https", "http");
    let parts = ["speaks TLS", "https://", "--credentials", "ROLE.credentials"];
    refused(|_| at(&url), &parts);
    refused(|role| [at(&url), with(&locked.credentials(role))].concat(), &parts);
}

#[test]
fn tls_to_a_port_that_speaks_plaintext_is_named() {
    let (_open, url) = serve(&["--models", &data()]);
    let url = url.replace("http", "https");
    refused(|_| at(&url), &["does not speak TLS", "http://", "--tls"]);
}

#[test]
fn a_coordinator_of_another_release_is_named_by_its_version() {
    let url = refuser();
    let versions = format!("protocol version {PROTOCOL_VERSION} is not the coordinator's 99");
    refused(|_| at(&url), &[&versions, "install the same release on both"]);
}

#[test]
fn a_ca_that_is_none_is_refused_with_the_files_name() {
    let locked = Locked::start(&[]);
    let broken =
        |line: &str| Some(if line.len() == 64 && !line.contains(' ') { "AAAA".to_owned() } else { line.to_owned() });
    let parts = ["the CA in", "changed-ROLE", "copy ROLE.credentials again"];
    refused(|role| with(&locked.changed(role, broken)), &parts);
}

#[test]
fn a_credentials_file_that_is_none_is_a_bad_command_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nonsense = folder.path().join("nonsense");
    fs::write(&nonsense, "token = psw_secret").expect("a written file");
    // A worker waits for a newer one to become whole, and for one that is not there.
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    File::options().write(true).open(&nonsense).and_then(|file| file.set_modified(long_ago)).expect("a time");
    let missing = folder.path().join("none");
    let cases = [
        ("worker", &nonsense, "is not a credentials file"),
        ("client", &nonsense, "is not a credentials file"),
        ("client", &missing, "cannot read"),
    ];
    for (role, file, part) in cases {
        let stderr = super::locked::ends(role, &["--credentials", plain(file)], 2);
        assert!(stderr.contains(part) && stderr.contains(plain(file)), "{stderr}");
    }
}
