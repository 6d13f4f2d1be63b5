//! Metrics without what they need, or with what they have no use for.

use patchsweep_tests::Sweep;

use super::refusal::refused;
use super::spec::mistake;
use super::tokens;

const MAX: &str = "kind = \"logit_diff_max\"\ncandidates = \"A-Z\"";

#[test]
fn candidates_belong_to_the_metrics_that_compare_with_them() {
    let either = ["give either `candidates` (text) or `candidate_ids`"];
    mistake(MAX, r#"kind = "logit_diff_mean""#, "line 17, column 8", &either);
    for kind in ["logit_diff", "logprob", "prob", "kl"] {
        let none = format!("metric `{kind}` has no candidates: leave `candidates` out");
        mistake("logit_diff_max", kind, "line 18, column 14", &[&none]);
    }
}

#[test]
fn a_logit_difference_needs_a_wrong_answer() {
    let needs = "metric `logit_diff` needs a wrong answer for each prompt";
    mistake(MAX, r#"kind = "logit_diff""#, "line 17, column 8", &[needs, "a column `wrong`, in a .csv file"]);
    let kind = "kind = \"logit_diff_max\"\ncandidate_ids = [20, 21, 22]";
    let spec = tokens::SPEC.replace(kind, r#"kind = "logit_diff""#);
    let mut case = tokens::case();
    refused(&Sweep::on_reference("tiny", &spec, &case.to_string()), &["spec line 8, column 8", needs, "`wrong`"]);
    case["wrong"] = serde_json::json!([[22], [21]]);
    let equal = ["case.json: wrong[1][0] is the right answer, 21"];
    refused(&Sweep::on_reference("tiny", &spec, &case.to_string()), &equal);
}

#[test]
fn sets_of_tokens_belong_to_differences_and_are_tokens() {
    let sets = "kind = \"logprob\"\nright = { tokens = [\"A\"] }";
    mistake(MAX, sets, "line 18, column 9", &["metric `logprob` has no sets of tokens: leave `right` out, or say"]);
    let several = "kind = \"difference\"\nright = { tokens = [\"A\", \"HIC\"], reduce = \"sum\" }";
    mistake(MAX, several, "line 18, column 26", &["\"HIC\" is 3 tokens (\"H\", \"I\", \"C\"), not one"]);
    let column = "kind = \"difference\"\nright = { column = \"right\" }";
    mistake(MAX, column, "line 18, column 20", &["column `right` needs a dataset with columns: a .csv file"]);
}

#[test]
fn two_metrics_have_two_names() {
    let second = format!("{MAX}\n[[metric]]\n{MAX}");
    mistake(MAX, &second, "line 20, column 8", &["two metrics are called `logit_diff_max`; give one a `name`"]);
}
