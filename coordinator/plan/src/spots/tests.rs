use patchsweep_core::context::SweepContext;
use patchsweep_core::grid::Axis;
use patchsweep_core::groups::Group;

use crate::Plan;
use crate::example::{plan_of, spec, warnings};
use crate::text_cases::bytes;

/// Prompts of three, five and three words; with the beginning of the sequence each has a position more. `x` stands twice in two.
const RAGGED: &str = "prompt,answer,wrong,corrupted,of\n\
    a x b,x,y,a d b,x\n\
    b x c x d,y,z,b x d x d,c x\n\
    c a x,z,x,c a b,x\n";

/// Prompts of three words, in which `x` stands at different positions.
const EVEN: &str = "prompt,answer,wrong,corrupted,of\n\
    a x b,x,y,a d b,x\n\
    x b c,y,z,d b c,x\n\
    c a x,z,x,c a b,x\n";

const PAIRS: (&str, &str) = ("kind = \"permute\"\ngroups = [[1, 4]]", "kind = \"pairs\"");
const OF: (&str, &str) = ("[[iteration]]", "[[position]]\nname = \"of\"\ncolumn = \"of\"\n[[iteration]]");
const CORRUPT: (&str, &str) = ("corrupt = [2]", "corrupt = [\"of\"]");
const READ: (&str, &str) = ("read = 3", "read = \"end\"");
const BY_POS: (&str, &str) = ("\"layer\", \"head\"", "\"layer\", \"pos\"");

/// What makes a sweep over prompts of different lengths of the example.
const NAMED: [(&str, &str); 4] = [PAIRS, OF, CORRUPT, READ];

fn planned(changes: &[(&str, &str)], dataset: &str) -> Plan {
    plan_of(&spec(&[&NAMED, changes].concat()), dataset).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(changes: &[(&str, &str)], dataset: &str, parts: &[&str]) {
    let message = plan_of(&spec(&[&NAMED, changes].concat()), dataset).expect_err("is refused");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

fn positions<'a>(list: &str) -> (&'a str, String) {
    ("axes", format!("positions = {list}\naxes"))
}

#[track_caller]
fn refused_list(list: &str, parts: &[&str]) {
    let (from, to) = positions(list);
    refused(&[BY_POS, (from, &to)], RAGGED, parts);
}

#[test]
fn lines_are_those_of_the_dataset_s_order_whatever_the_groups() {
    let plan = planned(&[], &RAGGED.replace("c a x,z,x,c a b", "c x a,z,x,c d a"));
    assert_eq!((plan.lines, plan.context.groups.numbers.as_slice()), (vec![2, 3, 4], [0, 2, 1].as_slice()));
}

#[test]
fn prompts_are_grouped_by_their_lengths_and_positions() {
    let (from, to) = positions("[\"of\", \"of-1\", \"end\", -2]");
    let plan = planned(&[BY_POS, (from, &to)], RAGGED);
    let SweepContext { clean, groups, grids, iterations, .. } = plan.context.as_ref();
    // Text of the first prompt at 2, of the second at 3 and 4, of the third at 3.
    let positions =
        |group: &Group| grids[0].indices(Axis::Pos).iter().map(|&spot| group.spots[spot as usize][0]).collect();
    let found: Vec<Vec<u32>> = groups.groups.iter().map(positions).collect();
    assert_eq!(found, [[2, 1, 3, 2], [4, 3, 5, 4], [3, 2, 3, 2]]);
    assert_eq!(grids[0].names(Axis::Pos), Some(vec!["of", "of-1", "end", "-2"]));
    assert_eq!((clean.lengths(), groups.numbers.as_slice()), (vec![4, 6, 4], [0, 1, 2].as_slice()));
    assert_eq!(iterations[0].corrupted.row(1), clean.row(1), "only the text's last token, which is the same, is taken");
    assert!(plan.tiles.iter().all(|tile| tile.prompts == (0..3)), "three groups are few prompts for a tile");
}

#[test]
fn prompts_of_one_group_stand_together_and_keep_their_numbers() {
    let dataset = format!("{RAGGED}b x d,y,z,b x a,x\n");
    let plan = planned(&[], &dataset);
    let groups = &plan.context.groups;
    assert_eq!((groups.numbers.as_slice(), groups.groups[0].prompts), ([0, 3, 1, 2].as_slice(), 2));
    assert_eq!(plan.context.iterations[0].answers, [6, 7, 7, 8], "answers go along");
    assert_eq!(plan.context.clean.row(1), [0, 3, 6, 5]);
}

#[test]
fn prompts_of_one_length_may_have_numbers_beside_names() {
    let (from, to) = positions("[\"of\", 1]");
    let plan = planned(&[BY_POS, (from, &to)], EVEN);
    let names = |plan: &Plan| plan.context.grids[0].names(Axis::Pos).map(|names| names.join(" "));
    assert_eq!(names(&plan), Some("of 1".to_owned()));
    let all = planned(&[BY_POS], EVEN);
    assert_eq!((names(&all), all.context.grids[0].coordinates(Axis::Pos)), (None, vec![0, 1, 2, 3]));
    let (from, to) = positions("[3, -3]");
    let numbers = planned(&[BY_POS, (from, &to)], EVEN);
    assert_eq!((names(&numbers), numbers.context.grids[0].coordinates(Axis::Pos)), (None, vec![1, 3]), "they ascend");
}

#[test]
fn a_name_that_is_all_tokens_is_one_index() {
    let all = ("column = \"of\"", "column = \"of\"\ntoken = \"all\"");
    let (from, to) = positions("[\"of\", \"end\"]");
    let plan = planned(&[all, BY_POS, (from, &to)], RAGGED);
    let spots = plan.context.grids[0].indices(Axis::Pos);
    assert_eq!(plan.context.groups.groups[1].spots[spots[0] as usize], [3, 4]);
    assert_eq!(plan.context.grids[0].extents(), [3, 2]);
    assert_eq!(plan.context.iterations[0].corrupted.row(1)[3..5], [5, 6], "both take the corrupted prompt's tokens");
    refused(&[all, ("\"end\"", "[\"of\"]")], RAGGED, &["a name with `token = \"all\"` cannot be read"]);
    let (from, to) = positions("[\"of+1\"]");
    refused(&[all, BY_POS, (from, &to)], RAGGED, &["`of` is all tokens of its text", "leave the offset out"]);
}

#[test]
fn reads_keep_their_answers_in_every_prompt() {
    let read = ("\"end\"\n", "[\"end\", \"of-1\"]\nanswer = [0, 1]\n");
    let dataset = RAGGED.replace(",x,y,", ",x y,y,").replace(",y,z,", ",y z,z,").replace(",z,x,", ",z x,x,");
    let plan = planned(&[read], &dataset);
    let part = plan.context.part(0);
    let iteration = &part.context.iterations[0];
    assert_eq!((&iteration.reads, &iteration.answers), (&vec![1, 3], &vec![7, 6]), "they ascend by position");
}

#[test]
fn a_text_may_be_the_same_in_all_prompts() {
    let text = ("column = \"of\"", "text = \"x\"");
    let without = RAGGED.replace(",of\n", "\n").replace(",x\n", "\n").replace(",c x\n", "\n");
    let positions =
        |plan: &Plan| plan.context.groups.groups.iter().map(|group| group.spots.clone()).collect::<Vec<_>>();
    let constant = planned(&[text], &without);
    assert_eq!(positions(&constant), positions(&planned(&[], &RAGGED.replace(",c x\n", ",x\n"))));
    refused(
        &[("column = \"of\"", "text = \"d\"")],
        &without,
        &["d.csv line 2: position `of`: `d` is not in the prompt", "2 of 3 lines are like it:\n  line 2: `d`"],
    );
    for both in ["", "text = \"x\"\ncolumn = \"of\""] {
        refused(&[("column = \"of\"", both)], RAGGED, &["line 13, column 8: give `of` either `column`"]);
    }
    refused(&[("column = \"of\"", "text = \"  \"")], RAGGED, &["line 14, column 8: there is nothing to look for"]);
}

#[test]
fn names_that_cannot_be_are_refused() {
    let named = |name: &str| format!("[[position]]\nname = \"{name}\"\ncolumn = \"of\"\n[[position]]");
    for (name, part) in [
        ("end", "`end` is the last token of every prompt: give the position another name"),
        ("my-name", "`my-name` cannot name a position: use letters, digits and `_`"),
        ("", "`` cannot name a position"),
        ("of", "two positions are called `of`"),
    ] {
        refused(&[("[[position]]", &named(name))], RAGGED, &[part]);
    }
    refused(&[("column = \"of\"", "column = \"of\"\noccurrence = 0")], RAGGED, &["`occurrence` counts from 1"]);
    refused(&[("column = \"of\"", "column = \"off\"")], RAGGED, &["no column `off`", "did you mean `of`?"]);
    refused(
        &[("[\"of\"]", "[\"off\"]")],
        RAGGED,
        &["line 16, column 11", "no position is called `off`", "did you mean `of`?"],
    );
    refused(&[("[\"of\"]", "[\"of+\"]")], RAGGED, &["`of+` is no position: write a number, `end`, or a name"]);
    refused(&[("[\"of\"]", "[\"of 1\"]")], RAGGED, &["`of 1` is no position"]);
    refused(&[("[\"of\"]", "[true]")], RAGGED, &["expected a whole number, \"end\" or the name of a position"]);
}

#[test]
fn a_text_that_is_not_made_of_the_prompts_tokens_is_refused_with_them() {
    let missing = RAGGED.replace(",c x\n", ",z\n");
    refused(
        &[],
        &missing,
        &["d.csv line 3: column `of`: `z` is not in the prompt, whose tokens are `b` `x` `c` `x` `d`"],
    );
    let both = missing.replace("c a b,x\n", "c a b,y\n");
    let listed = "2 of 3 lines are like it:\n  line 3: `z`, prompt of 5 tokens\n  line 4: `y`, prompt of 3 tokens";
    refused(&[], &both, &["d.csv line 3: column `of`: `z` is not in the prompt", listed]);
    let once = ("column = \"of\"", "column = \"of\"\noccurrence = 2");
    refused(&[once], RAGGED, &["d.csv line 2: column `of`: `x` stands in the prompt 1 times, and `occurrence` is 2"]);
    let between = RAGGED.replace(",c x\n", ",c \n");
    refused(
        &[],
        &between,
        &["line 3: column `of`: `c ` does not begin and end where tokens do: the prompt's tokens are `b`"],
    );
    refused(&[], &RAGGED.replace(",c x\n", ",\n"), &["line 3: column `of`: the text is empty"]);
}

#[test]
fn a_name_is_a_word_of_its_own_where_there_is_one_and_a_warning_says_where_not() {
    let named = [
        ("[[iteration]]", "[[position]]\nname = \"place\"\ncolumn = \"place\"\n[[iteration]]"),
        ("axes", "positions = [\"place\"]\naxes"),
    ];
    let dataset = "prompt,answer,wrong,corrupted,place\nBerlin is in it,x,y,Berlin is on it,in\nMartin met us,x,y,Marton met us,in\n";
    let plan = bytes().planned(&named, dataset);
    let groups = plan.context.groups.groups.iter();
    let found: Vec<&[u32]> = groups.map(|group| group.spots[1].as_slice()).collect();
    assert_eq!(found, [[12], [6]]);
    let warning = "data.csv line 3: `in`, the text of position `place`, is part of the word `Martin`, and nowhere in the prompt a word of \
                   its own (1 of 2 prompts)";
    assert_eq!(plan.warnings, [warning]);
    let text =
        [(named[0].0, named[0].1.replace("column = \"place\"", "text = \"in\"")), (named[1].0, named[1].1.to_owned())];
    let without = dataset.replace(",place\n", "\n").replace(",in\n", "\n");
    let plan = bytes().planned(&text.each_ref().map(|(from, to)| (*from, to.as_str())), &without);
    assert_eq!(plan.warnings, [warning], "a text that is the same in all prompts");
}

#[test]
fn a_name_of_other_length_in_the_corrupted_prompt_is_a_warning() {
    let shifted =
        "prompt,answer,wrong,corrupted,of\na b x c d a,x,y,a x c d a b,b x\nb a x c d a,y,z,b c x c d a,a x\n";
    let warning = "d.csv line 2: `c` `d` `a`, beside position `of`, stands 1 token before its place in the corrupted prompt (1 of 2 prompts): \
                   names are found in the prompt, and are the same numbers in the corrupted one; make both alike, token for token";
    assert_eq!(warnings(&planned(&[], shifted)), [warning]);
    let text = ("column = \"of\"", "text = \"x\"");
    let same = "prompt,answer,wrong,corrupted\na x c d a,x,y,a c d a b\nb x c d a,y,z,b b c d a\n";
    assert_eq!(warnings(&planned(&[text], same)), [warning], "a text that is the same in all prompts");
    assert_eq!(warnings(&planned(&[], RAGGED)), [""; 0]);
    let noise = ("kind = \"pairs\"", "kind = \"noise\"\nscale = 3");
    assert_eq!(warnings(&planned(&[noise], shifted)), [""; 0], "the column is not read");
}

#[test]
fn positions_that_leave_a_prompt_are_refused_with_it() {
    refused_list("[\"of+2\"]", &["`of+2` is position 4 and leaves the prompt of line 2, which has 4 tokens (0 to 3)"]);
    refused_list("[\"end+1\"]", &["`end+1` is position 4 and leaves the prompt of line 2"]);
    refused_list("[-5]", &["`-5` leaves the prompt of line 2, which has 4 tokens (0 to 3)"]);
    refused_list("[\"of\", \"of\"]", &["`positions` has of twice"]);
    refused_list("[]", &["nothing would be patched: leave `positions` out for all"]);
    refused(
        &[("\"end\"", "[\"of\", \"end\"]")],
        RAGGED,
        &["`of` and `end` are the same position in the prompt of line 4: each is read once"],
    );
}

#[test]
fn what_means_nothing_where_lengths_differ_is_refused() {
    let differ = "prompts have different lengths (line 2 has 4 tokens, line 3 has 6 tokens)";
    refused_list("[2]", &[differ, "position 2 means something else in each: give a name, or count from the end"]);
    refused(&[("\"end\"", "3")], RAGGED, &[differ, "position 3 means something else in each"]);
    refused(&[BY_POS], RAGGED, &["line 20, column 18", differ, "the axis `pos` needs `positions`"]);
    refused(&[("axes", "ablate = \"mean\"\naxes")], RAGGED, &[differ, "there is no mean position by position"]);
    let permute = [("kind = \"pairs\"", "kind = \"permute\"\ngroups = [[1, 4]]")];
    refused(&permute, RAGGED, &["line 9, column 8", "the groups of `permute`", "use `pairs` or `noise`"]);
    let longer = RAGGED.replace("a d b,x", "a d b c,x");
    refused(&[], &longer, &["d.csv line 2: corrupted prompt of 4 tokens, but its prompt has 3"]);
    let both = longer.replace("c a b,x\n", "c a,x\n");
    let listed = "2 of 3 lines are like it:\n  line 2: prompt of 3 tokens, corrupted prompt of 4\n  line 4: prompt of 3 \
                  tokens, corrupted prompt of 2";
    refused(&[], &both, &["d.csv line 2: corrupted prompt of 4 tokens", listed]);
}

#[test]
fn ablations_by_the_mean_and_permutations_go_over_prompts_of_one_length() {
    assert!(planned(&[("axes", "ablate = \"mean\"\naxes")], EVEN).context.groups.groups.len() > 1);
    let plan = planned(&[("kind = \"pairs\"", "kind = \"permute\"\ngroups = [[1, 4]]\nseed = 4")], EVEN);
    for prompt in 0..3 {
        let [clean, corrupted] =
            [&plan.context.clean, &plan.context.iterations[0].corrupted].map(|all| all.row(prompt));
        let own = plan.context.part(prompt).context.iterations[0].noise.is_none();
        let differs = (0..4).filter(|&pos| clean[pos] != corrupted[pos]).count();
        assert!(own && differs <= 1, "each takes a token at its own position only");
    }
}

#[test]
fn a_mean_is_over_one_position_of_all_prompts_and_not_over_a_name_that_is_at_several() {
    let moves = "line 20, column 13: the mean goes over all prompts position by position, but `of` is at 2 in the prompt of line 2, and at 1 \
                 in the prompt of line 3";
    let mean = |list: &str| ("axes", format!("positions = {list}\nablate = \"mean\"\naxes"));
    let (from, to) = mean("[\"end\", \"of\"]");
    refused(&[BY_POS, (from, &to)], EVEN, &[moves]);
    let all = ("column = \"of\"", "column = \"of\"\ntoken = \"all\"");
    refused(&[all, BY_POS, (from, &to)], EVEN, &["`of` is at 2 in the prompt of line 2"]);
    let also = "axes = [\"layer\", \"head\"]\n[[grid.also]]\ncomponent = \"mlp_out\"\nlayers = [0]\npositions = [\"of\"]\nablate = \"mean\"";
    refused(&[("axes = [\"layer\", \"head\"]", also)], EVEN, &["`of` is at 2 in the prompt of line 2"]);
    let still = EVEN.replace("x b c,y,z,d b c", "b x c,y,z,b d c").replace("c a x,z,x,c a b", "c x a,z,x,c b a");
    planned(&[BY_POS, (from, &to)], &still);
    let (from, to) = mean("[\"end\", 1]");
    planned(&[BY_POS, (from, &to)], EVEN);
    planned(&[BY_POS, ("axes", "positions = [\"of\"]\nablate = \"zero\"\naxes")], EVEN);
}

#[test]
fn lists_of_token_ids_may_have_different_lengths_but_no_names() {
    let tokens = ("path = \"d.csv\"", "tokens = \"d.json\"");
    let none = ("[corruption]\nkind = \"permute\"\ngroups = [[1, 4]]\n", "");
    let file = "{\"clean\": [[0, 2], [0, 3, 4]], \"corrupted\": [[[0, 5], [0, 3, 5]]], \"answers\": [[6], [7]]}";
    let from_end = [tokens, none, ("corrupt = [2]\nread = 3", "corrupt = [-1]\nread = \"end\"")];
    let plan = plan_of(&spec(&from_end), file).expect("a plan");
    assert_eq!((plan.context.clean.lengths(), plan.context.groups.groups.len()), (vec![2, 3], 2));
    let named = plan_of(&spec(&[&from_end[..], &[OF]].concat()), file).expect_err("is refused");
    assert!(named.contains("token ids have no text to look for: say positions by their numbers"), "{named}");
    let odd = plan_of(&spec(&from_end), &file.replace("[0, 3, 5]", "[3, 5]")).expect_err("is refused");
    assert!(odd.contains("d.json: corrupted[0]"), "{odd}");
}

#[test]
fn paths_and_estimates_want_positions_by_number() {
    for key in ["estimate = \"gradient\"", "to = { component = \"logits\" }"] {
        let grid = format!("{key}\naxes");
        refused(
            &[("axes", &grid)],
            RAGGED,
            &["paths, features and estimates are not there yet where prompts have different lengths"],
        );
        refused(
            &[("axes", &grid)],
            EVEN,
            &["positions are given by names", "give prompts of one length and positions by number"],
        );
    }
}

#[test]
fn the_end_of_prompts_of_one_length_is_a_number() {
    const BY_NUMBER: [(&str, &str); 3] = [PAIRS, ("corrupt = [2]", "corrupt = [-2]"), ("read = 3", "read = [-1, -2]")];
    let even = EVEN.replace(",of\n", "\n").replace(",x\n", "\n");
    let also = "[[grid.also]]\ncomponent = \"v\"\nheads = [\"0.1\"]\npositions =";
    for (key, grids) in [
        ("", ""),
        ("estimate = \"gradient\"\n", ""),
        ("to = { component = \"logits\" }\n", ""),
        ("positions = [\"end\"]\n", also),
    ] {
        let plan = |changes: &[(&str, &str)], end: &str| {
            let grids = if grids.is_empty() { String::new() } else { format!("{grids} [{end}]\n") };
            let grid = (
                "axes = [\"layer\", \"head\"]\n",
                format!("{}axes = [\"layer\", \"head\"]\n{grids}", key.replace("\"end\"", end)),
            );
            let text = spec(&[changes, &[(grid.0, &grid.1)]].concat());
            plan_of(&text, &even).unwrap_or_else(|error| panic!("{error}"))
        };
        let words = plan(
            &[PAIRS, ("corrupt = [2]", "corrupt = [\"end-1\"]"), ("read = 3", "read = [\"end\", \"end-1\"]")],
            "\"end\"",
        );
        assert_eq!(words.digest, plan(&BY_NUMBER, "-1").digest, "{key}");
        assert!(words.context.groups.groups.is_empty() && words.context.grids[0].names(Axis::Pos).is_none());
    }
    let (from, to) = positions("[\"end\", \"end-1\"]");
    let shown = plan_of(&spec(&[PAIRS, READ, BY_POS, (from, &to)]), &even).expect("a plan");
    assert_eq!(shown.context.grids[0].names(Axis::Pos), Some(vec!["end", "end-1"]), "axes are called as the spec says");
    for (words, part) in [
        ("end+1", "`end+1` is position 4 and leaves the prompt"),
        ("end-4", "`end-4` is position -1 and leaves"),
        ("end-9223372036854775808", "`end-9223372036854775808` is position -9223372036854775805 and leaves"),
    ] {
        let text = spec(&[PAIRS, ("read = 3", &format!("read = \"{words}\""))]);
        let refused = plan_of(&text, &even).expect_err("is refused");
        assert!(refused.contains(part), "{refused}");
    }
}
