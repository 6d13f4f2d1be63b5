//! Models that do not come, and why.

use std::fs;

use patchsweep_tests::hub::{Access, Hub, MEMBER, STRANGER, files_of};
use serde_json::Value;

use super::{Place, REPOSITORY, acronyms, plain};

/// The message of a fetch that ends with a code and a kind of error.
#[track_caller]
fn refused(place: &Place, args: &[&str], variables: &[(&str, &str)], code: i32, kind: &str) -> String {
    let (found, answer) = place.fetch(args, variables);
    assert_eq!((found, &answer["error"]["kind"]), (Some(code), &Value::from(kind)), "{answer}");
    answer["error"]["message"].as_str().expect("a message").to_owned()
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} in {message}");
}

#[test]
fn a_gated_model_says_where_to_ask_and_a_token_opens_it() {
    let place = Place::new();
    place.hub.set_access(REPOSITORY, Access::Gated);
    let page = format!("is gated: ask for access at {}/{REPOSITORY}, then ", place.hub.address);
    let message = refused(&place, &[REPOSITORY], &[], 5, "not_let_in");
    says(&message, &[&page, "give a token of somebody who may read it: HF_TOKEN"]);
    let message = refused(&place, &[REPOSITORY], &[("HF_TOKEN", STRANGER)], 5, "not_let_in");
    says(&message, &[&page, "see that the token"]);
    drop(place.hub.take_asked());
    let (code, answer) = place.fetch(&[REPOSITORY], &[("HF_TOKEN", MEMBER)]);
    assert_eq!(code, Some(0), "{answer}");
    place.hold_snapshot();
    for asked in place.hub.take_asked() {
        let bearer = format!("Bearer {MEMBER}");
        assert_eq!(asked.authorization, (!asked.elsewhere).then_some(bearer), "only the hub sees it: {asked:?}");
    }
}

#[test]
fn a_private_model_is_found_with_a_token_from_wherever_it_stands() {
    let place = Place::new();
    place.hub.set_access(REPOSITORY, Access::Private);
    let missing = format!("{} has no model `{REPOSITORY}`, or hides it", place.hub.address);
    says(&refused(&place, &[REPOSITORY], &[], 2, "spec"), &[&missing, "for a private one give a token"]);
    says(&refused(&place, &[REPOSITORY], &[("HF_TOKEN", STRANGER)], 2, "spec"), &[&missing, "see that the token"]);
    let message = refused(&place, &[REPOSITORY], &[("HF_TOKEN", "hf_of_yesterday")], 5, "not_let_in");
    says(&message, &["the hub does not know the token", &format!("{}/settings/tokens", place.hub.address)]);
    assert!(!message.contains("hf_of_yesterday"), "{message}");

    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), format!("{MEMBER}\n")).expect("written");
    let (code, answer) = place.fetch(&[REPOSITORY], &[("HF_TOKEN_PATH", plain(file.path()))]);
    assert_eq!(code, Some(0), "{answer}");

    let place = Place::new();
    place.hub.set_access(REPOSITORY, Access::Private);
    fs::write(place.home.path().join("token"), MEMBER).expect("written");
    place.fetched(&[REPOSITORY]);
}

#[test]
fn what_there_is_not_is_said() {
    let place = Place::new();
    let message = refused(&place, &["ada/acronims"], &[], 2, "spec");
    says(&message, &["has no model `ada/acronims`, or hides it; check the name"]);
    let message = refused(&place, &[REPOSITORY, "--revision", "v9"], &[], 2, "spec");
    says(
        &message,
        &[&format!("model `{REPOSITORY}` has no revision `v9`; {}/{REPOSITORY}/tree/main", place.hub.address)],
    );
    for name in ["../x", "/x", "a\\b"] {
        says(&refused(&place, &[name], &[], 2, "spec"), &["is not a plain relative path"]);
    }
    assert!(!place.cache().exists(), "nothing is left of that");
}

#[test]
fn a_repository_that_cannot_be_used_costs_no_time() {
    let place = Place::new();
    let with = |changes: &[(&str, Option<&str>)]| {
        let mut files = files_of(&acronyms());
        for (name, text) in changes {
            match text {
                Some(text) => files.insert((*name).to_owned(), text.as_bytes().to_vec()),
                None => files.remove(*name),
            };
        }
        drop(place.hub.push(REPOSITORY, "main", files));
    };
    with(&[("model.safetensors", None), ("pytorch_model.bin", Some("pickle"))]);
    let message = refused(&place, &[REPOSITORY], &[], 2, "spec");
    says(
        &message,
        &[
            "has its weights as pytorch_model.bin, a format that only PyTorch reads",
            "python -c \"from transformers import AutoModelForCausalLM as A",
            &format!("from_pretrained('{REPOSITORY}', revision='main').save_pretrained('acronyms')"),
        ],
    );
    with(&[("model.safetensors", None), ("model.gguf", Some("gguf"))]);
    says(
        &refused(&place, &[REPOSITORY], &[], 2, "spec"),
        &["has no model.safetensors; weights are read as safetensors only"],
    );
    with(&[("config.json", None)]);
    says(
        &refused(&place, &[REPOSITORY], &[], 2, "spec"),
        &["has no config.json; only repositories in the form of transformers"],
    );
    with(&[("config.json", Some(r#"{"model_type": "mamba"}"#))]);
    says(&refused(&place, &[REPOSITORY], &[], 2, "spec"), &["model_type is `mamba`; supported are `gpt2`"]);
    assert!(place.hub.take_asked().iter().all(|asked| !asked.elsewhere), "no weights were asked for");
}

#[test]
fn a_hub_that_is_none_or_does_not_answer_is_named() {
    let place = Place::new();
    let message = refused(&place, &[REPOSITORY], &[("HF_ENDPOINT", "http://127.0.0.1:9")], 4, "unreachable");
    says(&message, &["cannot reach 127.0.0.1:9; check the network", "HF_ENDPOINT"]);
    let message = refused(&place, &[REPOSITORY], &[("HF_ENDPOINT", "huggingface.co")], 2, "spec");
    says(&message, &["`huggingface.co` in HF_ENDPOINT is no address of a hub"]);
    let page = Hub::start();
    page.rename(REPOSITORY, REPOSITORY);
    let message = refused(&place, &[REPOSITORY], &[("HF_ENDPOINT", &page.address)], 4, "unreachable");
    says(&message, &["answers with redirections without end"]);
}
