//! The text of a spec to begin with.

use std::fmt::{self, Write};

use super::guess::{self, Experiment, Origin, Score};
use super::{Known, Named};

/// More prompts than this are seldom needed for a first look.
const SAMPLES: usize = 250;

/// A spec that can be planned as it stands.
#[must_use]
pub fn spec(named: Named<'_>, known: Known<'_>) -> String {
    let experiments = guess::experiments(&known);
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = write(&mut text, named, &known, &experiments);
    text
}

/// The same with warnings as comments before it.
#[must_use]
pub fn with_warnings(spec: &str, warnings: &[String]) -> String {
    let comment = |warning: &String| format!("# Warning: {}\n", warning.replace(char::is_control, " "));
    let comments = warnings.iter().map(comment).collect::<Vec<_>>().concat();
    if comments.is_empty() { spec.to_owned() } else { format!("{comments}\n{spec}") }
}

fn write(out: &mut String, named: Named<'_>, known: &Known<'_>, experiments: &[Experiment]) -> fmt::Result {
    positions(out, known)?;
    let Named { name, model, dataset } = named;
    writeln!(out, "schema = 1\nname = {}\n", quoted(name))?;
    writeln!(out, "[model]\npath = {} # a Hugging Face folder", quoted(model))?;
    writeln!(out, "dtype = \"float32\" # or bfloat16, float16\n")?;
    writeln!(out, "[dataset]\npath = {}", quoted(dataset))?;
    let prompts = known.outline.prompts.len();
    if prompts > SAMPLES {
        writeln!(out, "samples = {SAMPLES} # of {prompts} prompts; leave it out to take them all, in order")?;
        writeln!(out, "seed = 0 # of the draw")?;
    }
    let bos = if known.has_bos { "position 0 is the BOS token" } else { "the model names no BOS token" };
    writeln!(out, "prepend_bos = {} # {bos}\n", known.has_bos)?;
    let origin = guess::origin(known, experiments);
    corruption(out, known, origin)?;
    metric(out, &guess::score(known, experiments))?;
    for experiment in experiments {
        iteration(out, known, experiment, origin)?;
    }
    out.write_str(GRIDS)
}

/// Which index is which word.
fn positions(out: &mut String, known: &Known<'_>) -> fmt::Result {
    writeln!(out, "# Positions, with the tokens of the first prompt:\n#")?;
    for (pos, &id) in known.outline.prompts[0].iter().enumerate() {
        writeln!(out, "#  {pos:>4}  {}", shown(known, id))?;
    }
    let answer: Vec<String> = known.outline.answers[0].iter().map(|&id| shown(known, id)).collect();
    writeln!(out, "#\n# Its answer: {}\n", answer.join(" "))
}

fn corruption(out: &mut String, known: &Known<'_>, origin: Origin) -> fmt::Result {
    out.write_str("[corruption]\n")?;
    match origin {
        Origin::Pairs => writeln!(out, "kind = \"pairs\" # the dataset's column `corrupted`\n"),
        Origin::Permute => {
            let (first, end) = (usize::from(known.has_bos), known.outline.prompts[0].len());
            writeln!(out, "kind = \"permute\" # corrupted tokens are those of other prompts at the same positions")?;
            writeln!(
                out,
                "groups = [[{first}, {end}]] # positions that come from one other prompt: first, one behind the last"
            )?;
            writeln!(out, "seed = 1 # of the permutations\n")
        }
        Origin::Noise => {
            writeln!(out, "kind = \"noise\" # on the embeddings, because all prompts have the same tokens")?;
            writeln!(out, "scale = 3.0 # its standard deviation, as a multiple of that of the embedding's entries")?;
            writeln!(out, "seed = 1 # of the noise\n")
        }
    }
}

fn metric(out: &mut String, score: &Score) -> fmt::Result {
    out.write_str("[[metric]]\n")?;
    match score {
        Score::Wrong => writeln!(out, "kind = \"logit_diff\" # the answer's logit minus that of the column `wrong`\n"),
        Score::Letters => {
            writeln!(out, "kind = \"logit_diff_max\" # the answer's logit minus the highest of the other candidates")?;
            writeln!(out, "candidates = \"A-Z\"\n")
        }
        Score::Candidates(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            writeln!(out, "kind = \"logit_diff_max\" # the answer's logit minus the highest of the other candidates")?;
            writeln!(out, "candidates = [{}] # the answers of all prompts\n", texts.join(", "))
        }
        Score::Logprob => writeln!(out, "kind = \"logprob\" # of the answer; or logit_diff, with a column `wrong`\n"),
    }
}

fn iteration(out: &mut String, known: &Known<'_>, experiment: &Experiment, origin: Origin) -> fmt::Result {
    let Experiment { corrupt, read, answer } = experiment;
    let first = &known.outline.prompts[0];
    let words =
        |positions: &[usize]| positions.iter().map(|&pos| shown(known, first[pos])).collect::<Vec<_>>().join(" ");
    let token = shown(known, known.outline.answers[0][*answer]);
    writeln!(out, "[[iteration]]\nlabel = {}", quoted(&format!("answer token {answer}")))?;
    let all: Vec<usize> = (usize::from(known.has_bos)..=*read).collect();
    let listed = |positions: &[usize]| positions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match origin {
        Origin::Pairs => {
            writeln!(out, "# corrupt = [{}] # only these positions; without it: all that differ", listed(&all))?;
        }
        Origin::Permute => {
            writeln!(out, "corrupt = [{}] # keep those whose role you test: {}", listed(corrupt), words(corrupt))?;
        }
        Origin::Noise => {
            writeln!(out, "corrupt = [{}] # keep those whose role you test: {}", listed(&all), words(&all))?;
        }
    }
    writeln!(out, "read = {read} # after {}, where the next token should be {token}", shown(known, first[*read]))?;
    writeln!(out, "answer = {answer} # which token of the answer, counted from 0\n")
}

const GRIDS: &str = r#"# Where the information is: the residual stream before each layer, at one position at a time.
[[grid]]
component = "resid_pre" # or attn_out, mlp_out, resid_mid, resid_post
axes = ["layer", "pos"]

# Which heads move it: one head at all positions at once; with axes = ["layer", "pos", "head"] one at each position.
[[grid]]
component = "z" # or q, k, v
axes = ["layer", "head"]
"#;

/// A token in a comment: on one line, whatever it is made of.
fn shown(known: &Known<'_>, id: u32) -> String {
    format!("{:?}", known.tokenizer.token_text(id))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
