//! Corruptions that cannot be made.

use patchsweep_tests::Sweep;

use super::refusal::refused;
use super::spec::mistake;
use super::text::{SPEC, sweep};
use super::tokens;

const PERMUTE: &str = "kind = \"permute\"\ngroups = [[0, 6], [6, 8]]";

#[test]
fn every_kind_has_its_own_keys() {
    let stray = ["`seed` does not belong to corruption `pairs`: leave it out"];
    mistake(PERMUTE, "kind = \"pairs\"\nseed = 1", "line 14, column 8", &stray);
    let stray = ["`groups` does not belong to corruption `noise`: leave it out"];
    mistake("\"permute\"", "\"noise\"\nscale = 3.0", "line 15, column 10", &stray);
    mistake(PERMUTE, "kind = \"permute\"", "line 13, column 8", &["`permute` needs `groups`"]);
    mistake(PERMUTE, "kind = \"noise\"", "line 13, column 8", &["`noise` needs `scale`"]);
}

#[test]
fn noise_has_a_positive_scale_and_positions() {
    for scale in ["0.0", "-1", "nan", "inf"] {
        let noise = format!("kind = \"noise\"\nscale = {scale}");
        mistake(PERMUTE, &noise, "line 14, column 9", &["`scale` must be a positive number"]);
    }
    let noise = SPEC.replace(PERMUTE, "kind = \"noise\"\nscale = 3.0");
    let nowhere = sweep(&noise.replace("[2, 3]", "[]"), super::text::PROMPTS);
    refused(&nowhere, &["spec line 21, column 11", "noise needs at least one position"]);
}

#[test]
fn pairs_need_a_column_of_corrupted_prompts() {
    let column = ["`pairs` needs a dataset with a column `corrupted`, a .csv file"];
    mistake(PERMUTE, r#"kind = "pairs""#, "line 13, column 8", &column);
}

#[test]
fn distinct_prompts_that_there_are_not_are_named() {
    let spec = SPEC.replace(PERMUTE, &format!("{PERMUTE}\ndistinct = true"));
    let prompts = "The House Inquiry Citizen (HI, HIC\n\
        The Hotel Question Quail (HQ, HQQ\n\
        The Usher Wetland Labour (UW, UWL\n";
    let reason = "in iteration 0, 2 of 3 prompts have the answer `H`, too many";
    refused(
        &sweep(&spec, prompts),
        &["spec line 15, column 12", reason, "leave `distinct` out", "15 | distinct = true"],
    );
}

#[test]
fn token_ids_take_noise_in_place_of_corrupted_tokens() {
    let noise = "[corruption]\nkind = \"noise\"\nscale = 3.0\n[[metric]]";
    let spec = tokens::SPEC.replace("[[metric]]", noise);
    let mut case = tokens::case();
    let both = ["case.json: noise corrupts the clean prompts: leave `corrupted` out"];
    refused(&Sweep::on_reference("tiny", &spec, &case.to_string()), &both);
    case.as_object_mut().expect("a table").remove("corrupted");
    let neither = ["case.json: no `corrupted`: give corrupted token ids, or in the spec `[corruption]`"];
    refused(&Sweep::on_reference("tiny", tokens::SPEC, &case.to_string()), &neither);
}

#[test]
fn only_what_is_drawn_is_drawn_several_times() {
    let stray = ["`replicates` does not belong to corruption `pairs`: leave it out"];
    mistake(PERMUTE, "kind = \"pairs\"\nreplicates = 3", "line 14, column 14", &stray);
    for count in ["0", "1001"] {
        let replicates = format!("replicates = {count}\n{PERMUTE}");
        mistake(PERMUTE, &replicates, "line 13, column 14", &["replicates; give from 1 to 1000"]);
    }
    mistake(PERMUTE, &format!("replicates = -1\n{PERMUTE}"), "line 13, column 14", &[]);
    let none = ["unknown field `replicates`"];
    mistake("schema = 1", "schema = 1\nreplicates = 3", "line 2, column 1", &none);
}
