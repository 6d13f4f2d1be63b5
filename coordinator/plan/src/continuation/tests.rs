use serde_json::json;

use crate::example::{self, plan_of, spec};
use crate::text_cases::{Folder, bytes};

/// A model whose tokens are bytes, and ` x`.
fn folder() -> Folder {
    let mut folder = bytes();
    folder.tokenizer["model"]["vocab"]["Ġx"] = json!(257);
    folder.tokenizer["model"]["merges"] = json!(["Ġ x"]);
    folder.vocabulary = 258;
    folder
}

fn warnings(changes: &[(&str, &str)], rows: &[&str]) -> Vec<String> {
    let table = format!("prompt,answer,wrong,corrupted\n{}\n", rows.join("\n"));
    let any_length = [("\"layer\", \"pos\"", "\"layer\"")];
    folder().planned(&[&any_length, changes].concat(), &table).warnings
}

#[test]
fn answers_that_lack_their_space_are_a_warning() {
    let found = warnings(&[], &["the cat sat,x,y,the dog sat", "the fox (,x,z,the pig ("]);
    let warning = "in the prompt of line 2 the answer `x` is scored behind `t` as the rest of a word: no answer begins with a space (1 of 2 \
                   prompts); if a word of its own is meant, write it with the space, ` x`, which is a token as well";
    assert_eq!(found, [warning]);
    for rows in [
        ["the cat sat, x,y,the dog sat", "the fox ran, x,z,the pig ran"],
        ["the cat sat,x,y,the dog sat", "the fox ran, x,z,the pig ran"],
        ["the cat (,x,y,the dog (", "the fox (,x,z,the pig ("],
        ["in the year 17,x,y,in the year 18", "in the year 19,x,y,in the year 20"],
        // Neither a word, nor one token with a space before it.
        ["the cat sat,\".\",y,the dog sat", "the fox ran,z,y,the pig ran"],
    ] {
        assert_eq!(warnings(&[], &rows), [""; 0], "{rows:?}");
    }
}

#[test]
fn so_are_sets_of_tokens() {
    let sets = |tokens: &str| {
        let metric = format!("kind = \"difference\"\nname = \"m\"\nright = {{ tokens = {tokens}, reduce = \"sum\" }}");
        warnings(&[("kind = \"logit_diff\"", &metric)], &["the cat sat,x,y,the dog sat"])
    };
    let [warning] = sets("[\"x\", \"y\"]").try_into().expect("one");
    assert!(
        warning.contains(
            "the token `x` is scored behind `t` as the rest of a word: no token of metric `m` begins with a space"
        ),
        "{warning}"
    );
    assert_eq!(sets("[\"x\", \" x\"]"), [""; 0]);
    assert_eq!(sets("[\"y\"]"), [""; 0]);
}

#[test]
fn later_tokens_of_an_answer_stand_behind_its_earlier_ones() {
    let found = |dataset: &str| {
        let spec = spec(&[("read = 3", "read = [2, 3]\nanswer = [0, 1]")]);
        example::warnings(&plan_of(&spec, dataset).expect("a plan")).to_vec()
    };
    let warning = "in the prompt of line 2 `answer = 1` scores `y` behind `c`, where the answer's tokens up to it would be `x` (1 of 2 \
                   prompts): the score is not that of the answer";
    assert_eq!(found("prompt,answer,wrong,corrupted\na b c,x y,y,d b d\nb c x,x z,z,a a a\n"), [warning]);
    assert_eq!(found("prompt,answer,wrong,corrupted\na b x,x y,y,d b d\nb c x,x z,z,a a a\n"), [""; 0]);
}
