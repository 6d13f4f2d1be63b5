use patchsweep_core::metric::{Difference, MetricKind, Reduce, TokenScore};

use super::super::example::{DATASET, config, plan_of, spec, tokenizer};
use crate::spec::{Source, Spec};
use crate::{Inputs, Plan, corruption, dataset, metrics};

/// Columns of sets, and no answers. The words from `a` to `d` are tokens 2 to 5, those from `x` to `z` 6 to 8.
const SETS: &str = "prompt,in,out\na b c,x|y,z\nb c d,z,x\n";

const BOTH: &str = "right = { column = \"in\", reduce = \"sum\" }\nwrong = { column = \"out\" }";

/// Of the example's spec, with a difference as its metric; its keys begin in line 13.
fn with(keys: &str) -> String {
    spec(&[("kind = \"prob\"", &format!("kind = \"difference\"\n{keys}"))])
}

fn differences(plan: &Plan) -> Vec<&Difference> {
    plan.context.metrics.iter().filter_map(|metric| metric.kind.difference()).collect()
}

fn sets(plan: &Plan) -> [Vec<&[u32]>; 2] {
    let difference = differences(plan)[0];
    let wrong = difference.wrong.as_ref().expect("wrong tokens");
    [&difference.right, wrong].map(|side| side.sets.iter().collect())
}

#[track_caller]
fn refused(keys: &str, dataset: &str, parts: &[&str]) {
    let message = plan_of(&with(keys), dataset).expect_err("is refused");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[test]
fn sets_are_columns_of_a_table_split_at_each_bar() {
    let plan = plan_of(&with(BOTH), SETS).expect("a plan");
    assert_eq!(sets(&plan), [[[6, 7].as_slice(), &[8]], [[8].as_slice(), &[6]]]);
    let difference = differences(&plan)[0];
    assert_eq!((difference.of, difference.right.reduce), (TokenScore::Logit, Reduce::Sum));
    assert_eq!(difference.wrong.as_ref().map(|wrong| wrong.reduce), Some(Reduce::Sum), "of one token");
}

#[test]
fn answers_are_read_only_where_something_asks_for_them() {
    let plan = plan_of(&with(BOTH), SETS).expect("a plan");
    assert!(plan.context.iterations[0].answers.is_empty());
    assert_eq!(plan.kept_answers, [None]);
    assert_eq!(plan.scored_tokens()[0].right.count, 0);
    // The column that answers stand in elsewhere may hold sets, and is then not read as answers.
    let answers = SETS.replace("in,out", "answer,wrong");
    let named = BOTH.replace("\"in\"", "\"answer\"").replace("\"out\"", "\"wrong\"");
    assert_eq!(sets(&plan_of(&with(&named), &answers).expect("a plan")), sets(&plan));
    let logprob = format!("{named}\n[[metric]]\nkind = \"logprob\"");
    refused(&logprob, &answers, &["d.csv line 2: the model's tokenizer does not know `|`"]);
    refused(&format!("{BOTH}\n[[metric]]\nkind = \"prob\""), SETS, &["d.csv line 1: no column `answer`"]);
    let distinct = with(BOTH).replace("groups = [[1, 4]]", "groups = [[1, 4]]\ndistinct = true");
    let message = plan_of(&distinct, SETS).expect_err("is refused");
    assert!(message.contains("d.csv line 1: no column `answer`"), "{message}");
    let kl = spec(&[("\"prob\"", "\"kl\"")]);
    assert!(plan_of(&kl, "prompt\na b c\nb c d\n").expect("a plan").context.iterations[0].answers.is_empty());
}

#[test]
fn sets_are_keys_of_records() {
    let spec = with(BOTH).replace("d.csv", "d.jsonl");
    let wanted = plan_of(&with(BOTH), SETS).expect("a plan");
    for list in ["\"x|y\"", "[\"x\", \"y\"]"] {
        let records = format!(
            "{{\"prompt\": \"a b c\", \"in\": {list}, \"out\": \"z\"}}\n\
             {{\"prompt\": \"b c d\", \"in\": \"z\", \"out\": [\"x\"]}}\n"
        );
        assert_eq!(plan_of(&spec, &records).expect("a plan").digest, wanted.digest);
    }
    let refused = |value: &str| {
        let record = format!("{{\"prompt\": \"a b c\", \"in\": {value}, \"out\": \"z\"}}");
        plan_of(&spec, &record).expect_err("is refused")
    };
    assert!(refused("[\"x|y\"]").contains("`in` is a list of other things than texts without `|`"));
    assert!(refused("[\"x\", 7]").contains("d.jsonl line 1: "));
    assert!(refused("7").contains("`in` is no text; put it between double quotes"));
    assert!(refused("[]").contains("d.jsonl line 1: column `in`: an empty set of tokens"));
    let without = "{\"prompt\": \"a b c\", \"inn\": \"x\", \"out\": \"z\"}";
    let message = plan_of(&spec, without).expect_err("is refused");
    assert!(message.contains("line 13, column 20: the dataset has no column `in`"), "{message}");
    assert!(message.contains("did you mean `inn`?"), "{message}");
}

#[test]
fn sets_are_keys_of_a_token_file() {
    let spec = with(BOTH).replace("path = \"d.csv\"", "tokens = \"d.json\"");
    let spec = spec.replace("[corruption]\nkind = \"permute\"\ngroups = [[1, 4]]\n", "");
    let file = |more: &str| {
        format!("{{\"clean\": [[0, 2, 3, 4], [0, 3, 4, 5]], \"corrupted\": [[[0, 2, 5, 4], [0, 3, 2, 5]]], {more}}}")
    };
    let plan = plan_of(&spec, &file("\"in\": [[6, 7], [8]], \"out\": [[8], [6]]")).expect("a plan");
    assert_eq!(sets(&plan), [[[6, 7].as_slice(), &[8]], [[8].as_slice(), &[6]]]);
    assert!(plan.context.iterations[0].answers.is_empty());
    let refused = |more: &str| plan_of(&spec, &file(more)).expect_err("is refused");
    assert_eq!(
        refused("\"in\": [[6, 7], []], \"out\": [[8], [6]]"),
        "d.json: in[1]: an empty set of tokens: give at least one"
    );
    assert!(refused("\"in\": [[6], [7, 7]], \"out\": [[8], [6]]").contains("in[1]: the token `y` is twice in the set"));
    assert!(
        refused("\"in\": [[6], [10]], \"out\": [[8], [6]]")
            .contains("in[1]: token `10` (id 10), but the model's vocabulary")
    );
    assert!(refused("\"in\": [[6], [7]], \"out\": [[8], [7]]").contains("in[1]: the token `y` is in both sets"));
    assert!(refused("\"in\": [[6]], \"out\": [[8], [7]]").contains("1 lists of `in` for 2 prompts"));
    let missing = refused("\"out\": [[8], [7]]");
    assert!(missing.contains("line 10, column 20: the dataset has no column `in`"), "{missing}");
    assert!(
        refused("\"inn\": [[6]]")
            .contains("unknown key `inn`, not one of `clean`, `answers`, `wrong`, `corrupted`, `in`")
    );
    assert!(refused("\"in\": [[6]], \"in\": [[6]]").contains("two keys are called `in`"));
    let scored = spec.replace("[[iteration]]", "[[metric]]\nkind = \"logprob\"\n[[iteration]]");
    let message = plan_of(&scored, &file("\"in\": [[6, 7], [8]], \"out\": [[8], [6]]")).expect_err("is refused");
    assert!(message.contains("d.json: no `answers`: give each prompt a list"), "{message}");
}

#[test]
fn one_set_for_all_prompts_is_given_in_the_spec() {
    for right in ["tokens = [\"y\", \"x\"]", "ids = [7, 6]"] {
        let keys = format!("of = \"prob\"\nright = {{ {right}, reduce = \"max\" }}");
        let plan = plan_of(&with(&keys), "prompt\na b c\nb c d\n").expect("a plan");
        let [difference] = differences(&plan)[..] else { panic!("one") };
        assert_eq!((difference.of, difference.right.reduce, &difference.wrong), (TokenScore::Prob, Reduce::Max, &None));
        assert_eq!(difference.right.sets.iter().collect::<Vec<_>>(), [[7, 6]]);
        assert!(MetricKind::Difference(difference.clone()).reads_vocabulary());
    }
}

#[test]
fn what_is_no_set_is_refused_at_its_place() {
    let table = |field: &str| SETS.replace("z,x", &format!("{field},x"));
    refused(BOTH, &table(""), &["d.csv line 3: column `in`: an empty set of tokens: give at least one"]);
    for field in ["y|", "|y", "y||z"] {
        refused(
            BOTH,
            &table(field),
            &["d.csv line 3: column `in`: an empty text is no token; several tokens have one `|`"],
        );
    }
    let several = "d.csv line 3: column `in`: \"y z\" is 2 tokens (\"y\", \"z\"), not one: give a text that the model's tokenizer";
    refused(BOTH, &table("x|y z"), &[several, "with the space before it where there is one"]);
    refused(BOTH, &table("q"), &["d.csv line 3: column `in`: the model's tokenizer does not know `q`"]);
    refused(BOTH, &table("z|y|z"), &["d.csv line 3: column `in`: the token `z` is twice in the set: name it once"]);
    refused(
        BOTH,
        &table("z|x"),
        &["d.csv line 3: column `in`: the token `x` is in both sets of metric `difference`: take it"],
    );
    let fixed = |right: &str| format!("right = {{ {right} }}\nwrong = {{ column = \"out\" }}");
    let out = "prompt,out\na b c,z\nb c d,x\n";
    let all = |right: &str, parts: &[&str]| refused(&fixed(right), out, parts);
    all("tokens = [], reduce = \"sum\"", &["line 13, column 20: an empty set of tokens"]);
    all("tokens = [\"a\", \"\"]", &["line 13, column 26: an empty text is no token"]);
    all("tokens = [\"a\", \"b c\"]", &["line 13, column 26: \"b c\" is 2 tokens"]);
    all("tokens = [\"a\", \"b\", \"a\"]", &["line 13, column 31: the token `a` is twice in the set"]);
    all("ids = [2, 10]", &["line 13, column 21: token `10` (id 10), but the model's vocabulary ends at 9"]);
    all("ids = [4, 8], reduce = \"sum\"", &["d.csv line 2: column `out`: the token `z` is in both sets"]);
    let both = "right = { ids = [4, 8], reduce = \"sum\" }\nwrong = { ids = [8] }";
    refused(
        both,
        "prompt\na b c\nb c d\n",
        &["line 14, column 9: the token `z` is in both sets of metric `difference`: take it out of one"],
    );
}

#[test]
fn sets_of_several_tokens_say_what_is_made_of_them() {
    let left_out = BOTH.replace(", reduce = \"sum\"", "");
    let wanted =
        "line 13, column 9: the largest set has 2 tokens: say with `reduce` what is made of their numbers, \"sum\",";
    refused(&left_out, SETS, &[wanted]);
    plan_of(&with(&left_out), &SETS.replace("x|y", "x")).expect("a plan");
    refused("right = { ids = [2, 3] }", SETS, &["line 13, column 9: this set has 2 tokens: say with `reduce`"]);
    refused("right = { ids = [2], reduce = \"sums\" }", SETS, &["line 13, column 31: unknown variant `sums`", "`sum`"]);
}

#[test]
fn keys_that_do_not_fit_are_refused() {
    refused("", SETS, &["line 12, column 8: `difference` needs `right`, the tokens that are added"]);
    let one = "is one of `column` (of the dataset), `tokens` (texts) and `ids` (token ids)";
    refused("right = { reduce = \"sum\" }", SETS, &["line 13, column 9: a set of tokens", one]);
    refused("right = { column = \"in\", ids = [2] }", SETS, &["line 13, column 9: a set of tokens", one]);
    refused(
        "right = { column = \"on\" }",
        SETS,
        &["line 13, column 20: the dataset has no column `on`", "did you mean `in`?"],
    );
    refused("of = \"probs\"\nright = { ids = [2] }", SETS, &["line 13, column 6: unknown variant `probs`"]);
    refused("right = { ids = [2] }\ncandidates = \"x-z\"", SETS, &["metric `difference` has no candidates"]);
    for (key, column) in [("of = \"prob\"", 6), ("right = { ids = [2] }", 9), ("wrong = { ids = [2] }", 9)] {
        let stray = spec(&[("kind = \"prob\"", &format!("kind = \"prob\"\n{key}"))]);
        let message = plan_of(&stray, DATASET).expect_err("is refused");
        assert!(
            message.contains(&format!("line 13, column {column}: metric `prob` has no sets of tokens")),
            "{message}"
        );
    }
    let lines = with("right = { column = \"in\" }").replace("d.csv", "d.txt");
    let message = plan_of(&lines, "a b c, x\nb c d, y\n").expect_err("is refused");
    assert!(message.contains("line 13, column 20: column `in` needs a dataset with columns: a .csv file"), "{message}");
    plan_of(&with("right = { ids = [2] }").replace("d.csv", "d.txt"), "a b c, x\nb c d, y\n").expect("a plan");
}

#[test]
fn texts_need_a_tokenizer_and_ids_do_not() {
    let of = |keys: &str| {
        let spec = with(keys).replace("path = \"d.csv\"", "tokens = \"d.json\"");
        let source = Source::new(spec.replace("[corruption]\nkind = \"permute\"\ngroups = [[1, 4]]\n", ""));
        let (spec, config) = (Spec::parse(&source).expect("a spec"), config());
        let dataset = "{\"clean\": [[0, 2, 3, 4]], \"corrupted\": [[[0, 2, 5, 4]]]}";
        let inputs = Inputs { source: &source, spec: &spec, dataset, config: &config, tokenizer: None };
        Plan::build(&inputs, patchsweep_core::status::PlanOptions::default()).map_err(|error| error.to_string())
    };
    of("right = { ids = [2] }").expect("a plan");
    let message = of("right = { tokens = [\"a\"] }").expect_err("is refused");
    assert!(message.contains("line 10, column 20: the model's folder has no tokenizer.json: give `ids`"), "{message}");
}

#[test]
fn the_sets_of_all_metrics_share_what_a_sweep_may_have() {
    let source = Source::new(with(BOTH));
    let (spec, config, tokenizer) = (Spec::parse(&source).expect("a spec"), config(), tokenizer());
    let inputs = Inputs { source: &source, spec: &spec, dataset: SETS, config: &config, tokenizer: Some(&tokenizer) };
    let prompts = dataset::read(&inputs, &corruption::read(&inputs).expect("a corruption")).expect("prompts");
    let over = |room: &mut usize| {
        let given = super::read(&inputs, &spec.metric[0]).expect("a difference");
        given.over(&inputs, &prompts, &spec.metric[0].kind, room)
    };
    // Two right sets of up to two tokens, two wrong ones of one.
    let mut room = 6;
    over(&mut room).expect("room enough");
    assert_eq!(room, 0);
    for (mut room, line) in [(5, 14), (3, 13)] {
        let message = over(&mut room).expect_err("is refused").to_string();
        assert!(
            message.contains(&format!("line {line}, column 9: the sets of all metrics have too many")),
            "{message}"
        );
    }
    assert!(!metrics::need_answers(&spec) && !metrics::need_wrong_answers(&spec));
}
