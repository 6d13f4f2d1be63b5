//! The embedded model does its task: measured on prompts that it never saw.

use std::path::{Path, PathBuf};

use crate::engine::Cancel;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::Dtype;
use patchsweep_core::weights::Placement;
use patchsweep_data::prompts::test_acronyms;
use patchsweep_files::read_config;
use tch::{Kind, Tensor};
use tokenizers::Tokenizer;

use crate::torch::devices::Devices;
use crate::torch::model::exec::Exec;
use crate::torch::model::load::Loader;
use crate::torch::runs::recorder::Recorder;
use crate::torch::score::metrics::Scorer;

/// Position that each letter is predicted at, BOS included.
const READS: [i64; 3] = [5, 6, 7];

fn folder() -> PathBuf {
    Path::new(patchsweep_data::files::FOLDER).join("acronym-gpt2")
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<i64> {
    let encoding = tokenizer.encode_fast(text, false).expect("the tokenizer knows every word");
    encoding.get_ids().iter().map(|&id| id.into()).collect()
}

#[test]
fn each_letter_is_right_for_99_percent_of_unseen_prompts_with_a_logit_difference_of_3() {
    let loader =
        Loader::open(&folder(), Dtype::Float32, &Devices::open("cpu").expect("a device")).expect("the model's files");
    let model = loader.load(Placement::Resident).expect("the model loads");
    let config = read_config(&folder()).expect("a config");
    let tokenizer = Tokenizer::from_file(folder().join("tokenizer.json")).expect("the tokenizer loads");
    let bos = i64::from(config.bos_token_id.expect("the model has a BOS token"));
    let acronyms = test_acronyms();
    let prompts: Vec<i64> =
        acronyms.iter().flat_map(|a| [vec![bos], encode(&tokenizer, &a.prompt())].concat()).collect();
    let answers: Vec<i64> = acronyms.iter().flat_map(|a| encode(&tokenizer, &a.letters())).collect();
    let rows = i64::try_from(acronyms.len()).expect("few prompts");
    let letters: Vec<u32> = ('A'..='Z').filter_map(|letter| tokenizer.token_to_id(&letter.to_string())).collect();
    let kind = MetricKind::LogitDiffMax { candidates: letters };
    let metrics = [Metric { name: "m".into(), kind, normalize: false }];

    let exec = Exec::new(&model, 8, 1 << 24, Cancel::new());
    let resid = tch::no_grad(|| {
        let mut resid = exec.embed(&Tensor::from_slice(&prompts).view([rows, -1]));
        for layer in 0..model.architecture.layers {
            resid = exec.block(layer, &resid, None, &mut Recorder::new(&|_| false));
        }
        resid
    });
    let answers = Tensor::from_slice(&answers).view([rows, 3]);
    for (letter, read) in (0..).zip(READS) {
        let (resid, answer) = (resid.select(1, read), answers.select(1, letter));
        let normed = exec.final_norm(&resid, None);
        let best = normed.matmul(&model.unembed.transpose(0, 1)).argmax(-1, false);
        let right = best.eq_tensor(&answer).mean(Kind::Double).double_value(&[]);
        let answers: Vec<i64> = answer.contiguous().try_into().expect("integers");
        let answers: Vec<u32> = answers.into_iter().map(|id| u32::try_from(id).expect("a token id")).collect();
        let scorer = Scorer::new(&exec, &metrics, Some(&answers), None, [None].into(), &resid);
        let mean = scorer.score(&resid.unsqueeze(0)).mean(Kind::Double).double_value(&[]);
        println!("letter {letter}: right {:.2}%, mean logit difference {mean:.2}", 100.0 * right);
        assert!(right >= 0.99, "letter {letter}: {right}");
        assert!(mean >= 3.0, "letter {letter}: {mean}");
    }
}
