//! The embedded models do their tasks: measured on prompts that they never saw.

use std::path::Path;

use crate::engine::Cancel;
use patchsweep_core::metric::{Metric, MetricKind};
use patchsweep_core::model::Dtype;
use patchsweep_core::weights::Placement;
use patchsweep_data::guests::{Draws, GuestList, OPENINGS, Pairs};
use patchsweep_data::prompts::{Acronym, test_acronyms};
use patchsweep_files::read_config;
use tch::{Kind, Tensor};
use tokenizers::Tokenizer;

use crate::torch::devices::Devices;

use crate::torch::model::exec::Exec;
use crate::torch::model::load::Loader;
use crate::torch::model::parameters::Model;
use crate::torch::runs::recorder::Recorder;
use crate::torch::score::metrics::Scorer;

/// Positions that both models have.
const CONTEXT: u32 = 32;

/// Position that each letter is predicted at, BOS included.
const READS: [i64; 3] = [5, 6, 7];

/// A model of the data folder.
struct Embedded {
    model: Model,
    tokenizer: Tokenizer,
    bos: i64,
}

impl Embedded {
    fn open(name: &str) -> Self {
        let folder = Path::new(patchsweep_data::files::FOLDER).join(name);
        let device = Devices::open("cpu").expect("a device");
        let loader = Loader::open(&folder, Dtype::Float32, &device).expect("the model's files");
        let model = loader.load(Placement::Resident).expect("the model loads");
        let config = read_config(&folder).expect("a config");
        let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).expect("the tokenizer loads");
        let bos = i64::from(config.bos_token_id.expect("the model has a BOS token"));
        Self { model, tokenizer, bos }
    }

    fn encode(&self, text: &str) -> Vec<i64> {
        let encoding = self.tokenizer.encode_fast(text, false).expect("the tokenizer knows every word");
        encoding.get_ids().iter().map(|&id| id.into()).collect()
    }

    fn exec(&self) -> Exec<'_> {
        Exec::new(&self.model, CONTEXT, 1 << 24, Cancel::new())
    }

    /// The residual stream behind the last layer, `[prompt, position, width]`, of prompts of equal length.
    fn run(&self, exec: &Exec, prompts: impl ExactSizeIterator<Item = String>) -> Tensor {
        let rows = i64::try_from(prompts.len()).expect("few prompts");
        let tokens: Vec<i64> = prompts.flat_map(|prompt| [vec![self.bos], self.encode(&prompt)].concat()).collect();
        tch::no_grad(|| {
            let mut resid = exec.embed(&Tensor::from_slice(&tokens).view([rows, -1]));
            for layer in 0..self.model.architecture.layers {
                resid = exec.block(layer, &resid, None, &mut Recorder::new(&|_| false));
            }
            resid
        })
    }

    /// The part of the rows whose answer has the highest logit.
    fn right(&self, exec: &Exec, resid: &Tensor, answers: &Tensor) -> f64 {
        let logits = exec.final_norm(resid, None).matmul(&self.model.unembed.transpose(0, 1));
        logits.argmax(-1, false).eq_tensor(answers).mean(Kind::Double).double_value(&[])
    }
}

#[test]
fn each_letter_is_right_for_99_percent_of_unseen_prompts_with_a_logit_difference_of_3() {
    let embedded = Embedded::open("acronym-gpt2");
    let acronyms = test_acronyms();
    let answers: Vec<i64> = acronyms.iter().flat_map(|acronym| embedded.encode(&acronym.letters())).collect();
    let letters = ('A'..='Z').filter_map(|letter| embedded.tokenizer.token_to_id(&letter.to_string())).collect();
    let kind = MetricKind::LogitDiffMax { candidates: letters };
    let metrics = [Metric { name: "m".into(), kind, normalize: false }];

    let exec = embedded.exec();
    let resid = embedded.run(&exec, acronyms.iter().map(Acronym::prompt));
    let answers = Tensor::from_slice(&answers).view([-1, 3]);
    for (letter, read) in (0..).zip(READS) {
        let (resid, answer) = (resid.select(1, read), answers.select(1, letter));
        let right = embedded.right(&exec, &resid, &answer);
        let answers: Vec<i64> = answer.contiguous().try_into().expect("integers");
        let answers: Vec<u32> = answers.into_iter().map(|id| u32::try_from(id).expect("a token id")).collect();
        let scorer = Scorer::new(&exec, &metrics, Some(&answers), None, [None].into(), &resid);
        let mean = scorer.score(&resid.unsqueeze(0)).mean(Kind::Double).double_value(&[]);
        println!("letter {letter}: right {:.2}%, mean logit difference {mean:.2}", 100.0 * right);
        assert!(right >= 0.99, "letter {letter}: {right}");
        assert!(mean >= 3.0, "letter {letter}: {mean}");
    }
}

#[test]
fn surnames_are_right_for_99_percent_of_guests_that_no_training_text_has() {
    let embedded = Embedded::open("guest-gpt2");
    let exec = embedded.exec();
    let mut draws = Draws::seeded(Pairs::HeldOut, 17);
    for (count, opening) in [(2, OPENINGS[0]), (3, OPENINGS[1]), (4, OPENINGS[2]), (5, OPENINGS[1])] {
        let lists: Vec<GuestList> = (0..500).map(|_| draws.list(opening, count, 1)).collect();
        let answers: Vec<i64> = lists.iter().flat_map(|list| embedded.encode(&list.answer())).collect();
        let resid = embedded.run(&exec, lists.iter().map(GuestList::prompt)).select(1, -1);
        let right = embedded.right(&exec, &resid, &Tensor::from_slice(&answers));
        assert!(right >= 0.99, "{count} guests: {right}");
    }
}
