//! A model whose activations are larger than float16 can say.

use std::fs;
use std::path::Path;

use patchsweep_core::results::CellStatus;
use patchsweep_tests::scripted::CommandOutput;
use patchsweep_tests::{Scores, patchsweep, repository};
use serde_json::Value;
use tempfile::TempDir;

/// What the first MLP's output is multiplied with: far beyond 65504, but not its weights.
const FACTOR: f32 = 30_000.0;

const LARGE: &str = "transformer.h.0.mlp.c_proj.weight";

/// The example's files, with a model that overflows in float16, and a spec for each dtype.
fn stage() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (data, model) = (repository().join("data"), folder.path().join("acronym-gpt2"));
    fs::create_dir(&model).expect("a folder");
    for file in ["acronyms.txt", "acronym-gpt2/config.json", "acronym-gpt2/tokenizer.json"] {
        fs::copy(data.join(file), folder.path().join(file)).expect("a copy");
    }
    let weights = fs::read(data.join("acronym-gpt2/model.safetensors")).expect("the example's weights");
    fs::write(model.join("model.safetensors"), enlarged(weights)).expect("written");
    let spec = fs::read_to_string(data.join("acronyms.toml")).expect("the example");
    for dtype in ["float16", "bfloat16", "float32"] {
        let text = spec.replace("\"float32\"", &format!("\"{dtype}\"")).replace("samples = 250", "samples = 20");
        fs::write(folder.path().join(format!("{dtype}.toml")), text).expect("written");
    }
    folder
}

fn enlarged(mut file: Vec<u8>) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes"));
    let begin = 8 + usize::try_from(length).expect("small");
    let header: Value = serde_json::from_slice(&file[8..begin]).expect("a header");
    assert_eq!(header[LARGE]["dtype"], "F32");
    let place = |end: usize| usize::try_from(header[LARGE]["data_offsets"][end].as_u64().expect("a number"));
    let [from, to] = [0, 1].map(|end| begin + place(end).expect("small"));
    for bytes in file[from..to].chunks_exact_mut(4) {
        let weight = f32::from_le_bytes((&*bytes).try_into().expect("four bytes"));
        bytes.copy_from_slice(&(weight * FACTOR).to_le_bytes());
    }
    file
}

fn run(folder: &Path, dtype: &str, args: &[&str]) -> CommandOutput {
    let spec = folder.join(format!("{dtype}.toml"));
    let out = folder.join(dtype);
    let [spec, out] = [&spec, &out].map(|path| path.to_str().expect("a plain path"));
    let command = [&["run", spec, "--out", out, "--overwrite", "--csv", "--threads", "1"], args].concat();
    patchsweep(&command).output().expect("it runs").into()
}

#[test]
fn float16_that_overflows_is_reported_with_its_cause_and_is_nothing_to_be_ranked() {
    let folder = stage();
    let output = run(folder.path(), "float16", &[]);
    assert_eq!(output.code, Some(3), "{}", output.err);
    let next = "compute with `dtype = \"bfloat16\"` or `\"float32\"` under `[model]`";
    for part in [
        "warning: the clean run's logit_diff_max is not finite in Iteration 0: float16 ends at 65504",
        "warning: resid_pre: 96 of 96 cells are not finite (status 1): float16 ends at 65504",
        "144 cells and 6 baselines are not finite: float16 ends at 65504",
        next,
    ] {
        assert!(output.err.contains(part), "{part} in {}", output.err);
    }
    assert!(output.out.contains("16 of 16 cells are not finite (status 1)"), "{}", output.out);
    assert!(
        !output.out.contains("0.0000") && !output.out.contains("NaN"),
        "none is among the strongest: {}",
        output.out
    );

    let results = folder.path().join("float16");
    let mut scores = Scores::open(&results.join("scores.npz"));
    for name in ["clean", "corrupted", "resid_pre", "z"] {
        let statuses = scores.statuses(&format!("{name}.status"));
        assert!(statuses.iter().all(|&status| status == CellStatus::NotFinite), "{name}: no-ops as well");
        assert!(scores.tensor(name).iter().all(|number| !number.is_finite()), "{name}");
    }
    let table = fs::read_to_string(results.join("scores.csv")).expect("a table");
    assert_eq!(table.lines().skip(1).filter(|line| line.ends_with(",20,1")).count(), 144, "{table}");
    let page = fs::read_to_string(results.join("report.html")).expect("a page");
    assert_eq!(page.matches("<td class=\"n\">not finite</td>").count(), 9, "baselines and their differences");
    assert!(page.contains("96 of 96 cells are not finite (status 1): float16 ends at 65504"));
    assert!(!page.contains("no score") && page.matches("<table class=\"top\">").count() == 6);

    let json: Value = serde_json::from_str(&run(folder.path(), "float16", &["--output", "json"]).out).expect("JSON");
    assert_eq!((&json["error"]["kind"], &json["error"]["exit_code"]), (&"not_finite".into(), &3.into()));
    assert_eq!((&json["state"], &json["top"]), (&"done".into(), &Value::Array(Vec::new())));

    let report = patchsweep(&["report", results.to_str().expect("a plain path"), "--out"])
        .arg(folder.path().join("again.html"))
        .output()
        .expect("it runs");
    assert_eq!(report.status.code(), Some(3), "of a folder, too");
}

#[test]
fn the_dtypes_that_are_advised_are_finite() {
    let folder = stage();
    for dtype in ["bfloat16", "float32"] {
        let output = run(folder.path(), dtype, &[]);
        assert_eq!(output.code, Some(0), "{}", output.err);
        assert!(!output.err.contains("not finite"), "{}", output.err);
        let mut scores = Scores::open(&folder.path().join(dtype).join("scores.npz"));
        assert!(scores.tensor("resid_pre").iter().all(|effect| effect.is_finite()), "{dtype}");
    }
}
