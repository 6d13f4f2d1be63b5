//! Blocks of a streamed model that come to GPUs while others are computed with: a thread reads the next one, in queues of its own.
//!
//! Two blocks are on a device at most: the next one is not read before the GPU is done with the one before the one in hand.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use patchsweep_files::ModelError;

use crate::torch::gpu::while_rounding_stays;
use crate::torch::heap;
use crate::torch::model::load::Loader;
use crate::torch::model::parameters::Block;
use crate::torch::model::scratch::Scratch;
use crate::torch::queue::{self, Mark};

/// After so many blocks that come to a CPU, memory that is free is given back: after each it would take as long as the blocks.
const BLOCKS_BETWEEN: u32 = 4;

/// The blocks of a model that stay in their files.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) loader: Arc<Loader>,
    /// For GPUs.
    ahead: Option<RefCell<Ahead>>,
}

impl Streamed {
    pub(crate) fn of(loader: Loader) -> Self {
        let loader = Arc::new(loader);
        let ahead = loader.devices().have_gpus().then(|| RefCell::new(Ahead::of(Arc::clone(&loader))));
        Self { loader, ahead }
    }

    /// The block of a layer. `before`: the layer of the one that was here until now.
    pub(super) fn block(&self, layer: u32, before: Option<u32>) -> Result<Block, ModelError> {
        if let Some(ahead) = &self.ahead {
            let behind = before.and_then(|before| Mark::of(self.loader.device(before)));
            return ahead.borrow_mut().take(layer, behind);
        }
        if layer.is_multiple_of(BLOCKS_BETWEEN) {
            // Blocks and activations of other sizes come and go, and leave holes between them.
            heap::give_back();
        }
        self.loader.block(layer, &mut Scratch::default())
    }
}

/// The thread that reads blocks, and what it was asked for.
#[derive(Debug)]
struct Ahead {
    loader: Arc<Loader>,
    /// While it lasts.
    wanted: Option<Sender<Wanted>>,
    coming: Receiver<Result<Come, Failed>>,
    thread: Option<JoinHandle<()>>,
    /// The block that comes next.
    next: Option<u32>,
    /// The one that was taken last, and the one that the way through blocks began with that is under way.
    last: Option<u32>,
    first: u32,
}

/// A block to be read.
#[derive(Debug)]
struct Wanted {
    layer: u32,
    /// What the GPU has to be done with before.
    behind: Option<Mark>,
}

#[derive(Debug)]
struct Come {
    block: Block,
    /// When it is whole.
    whole: Option<Mark>,
}

/// Why no block came.
#[derive(Debug)]
enum Failed {
    Unreadable(ModelError),
    /// As libtorch fails.
    Panicked(Box<dyn Any + Send>),
}

impl Ahead {
    fn of(loader: Arc<Loader>) -> Self {
        let mut scratch = Scratch::default();
        let reading = Arc::clone(&loader);
        Self::reading_by(loader, move |layer| reading.block(layer, &mut scratch))
    }

    /// `block`: reads that of a layer.
    fn reading_by(
        loader: Arc<Loader>,
        mut block: impl FnMut(u32) -> Result<Block, ModelError> + Send + 'static,
    ) -> Self {
        let (wanted, asked) = channel::<Wanted>();
        let (brought, coming) = channel();
        let reading = Arc::clone(&loader);
        let read = move || {
            let mut begun = false;
            for Wanted { layer, behind } in asked {
                let come = catch_unwind(AssertUnwindSafe(|| {
                    if !begun {
                        reading.devices().iter().for_each(queue::own);
                        begun = true;
                    }
                    if let Some(behind) = behind {
                        behind.wait();
                    }
                    let block = while_rounding_stays(|| block(layer))?;
                    Ok(Come { block, whole: Mark::of(reading.device(layer)) })
                }));
                let come = come.map_err(Failed::Panicked).and_then(|come| come.map_err(Failed::Unreadable));
                if brought.send(come).is_err() {
                    break;
                }
            }
        };
        let thread = Builder::new().name("engine-blocks".to_owned()).spawn(read).expect("the system has a thread left");
        let (wanted, thread) = (Some(wanted), Some(thread));
        Self { loader, wanted, coming, thread, next: None, last: None, first: 0 }
    }

    /// The block of a layer, which is on its way if it was the next one to be expected; then the next one is.
    ///
    /// One that could not be read ahead is asked for once more: beside the block before, there may have been no memory for it.
    ///
    /// `behind`: the end of the work with the block before, which is not here any more.
    ///
    /// # Panics
    /// As libtorch does.
    fn take(&mut self, layer: u32, behind: Option<Mark>) -> Result<Block, ModelError> {
        let mut behind = behind;
        let expected = self.next.take();
        let ahead = expected.map(|_| self.brought());
        let come = if let Some(Ok(come)) = ahead.filter(|_| expected == Some(layer)) {
            Ok(come)
        } else {
            // Another was read, or this one failed.
            self.ask(layer, behind.take());
            self.next = None;
            self.brought()
        };
        let Come { block, whole } = match come {
            Ok(come) => come,
            Err(Failed::Unreadable(error)) => return Err(error),
            Err(Failed::Panicked(panic)) => resume_unwind(panic),
        };
        if let Some(whole) = whole {
            whole.comes_before(self.loader.device(layer));
        }
        block.tensors().for_each(queue::used_here);
        if self.last.is_none_or(|last| layer <= last) {
            self.first = layer;
        }
        self.last = Some(layer);
        let next = if layer + 1 < self.loader.layers() { layer + 1 } else { self.first };
        self.ask(next, behind);
        Ok(block)
    }

    /// Waits for the block that was asked for.
    fn brought(&self) -> Result<Come, Failed> {
        self.coming.recv().expect("it answers what it is asked")
    }

    fn ask(&mut self, layer: u32, behind: Option<Mark>) {
        let wanted = self.wanted.as_ref().expect("it lasts as long as this");
        wanted.send(Wanted { layer, behind }).expect("it takes what it is asked");
        self.next = Some(layer);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.wanted = None;
        // It ends with the block in hand.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};

    use patchsweep_core::model::Dtype;

    use super::*;
    use crate::torch::devices::Devices;

    fn embedded() -> PathBuf {
        Path::new(patchsweep_data::files::FOLDER).join("acronym-gpt2")
    }

    fn loader(folder: &Path) -> Arc<Loader> {
        let cpu = Devices::open("cpu").expect("a CPU");
        Arc::new(Loader::open(folder, Dtype::Float32, &cpu).expect("a model's files"))
    }

    #[test]
    fn whatever_is_asked_for_comes_and_the_next_one_is_expected() {
        let loader = loader(&embedded());
        let mut ahead = Ahead::of(Arc::clone(&loader));
        // All blocks twice; then ways from the third and from the second on, the latter without a block.
        let (asked, next) = ([0, 1, 2, 3, 0, 1, 2, 3, 2, 3, 1, 3, 1], [1, 2, 3, 0, 1, 2, 3, 0, 3, 2, 2, 1, 2]);
        assert_eq!(loader.layers(), 4);
        for (layer, next) in asked.into_iter().zip(next) {
            let (block, own) =
                (ahead.take(layer, None).expect("a block"), loader.block(layer, &mut Scratch::default()).expect("one"));
            assert!(block.tensors().zip(own.tensors()).all(|(block, own)| block.equal(own)), "{layer}");
            assert_eq!(ahead.next, Some(next), "behind {layer}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_of_that_block_and_the_thread_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["config.json", "model.safetensors"] {
            fs::copy(embedded().join(file), folder.path().join(file)).expect("a copied file");
        }
        let mut ahead = Ahead::of(loader(folder.path()));
        let file = folder.path().join("model.safetensors");
        let length = fs::metadata(&file).expect("a file").len();
        File::options().write(true).open(&file).and_then(|file| file.set_len(length / 4)).expect("cut");
        let mut failed = 0;
        for layer in [0, 1, 2, 3, 0, 1, 2, 3] {
            if let Err(error) = ahead.take(layer, None) {
                assert!(matches!(error, ModelError::Changed { .. }), "{error}");
                failed += 1;
            }
        }
        assert!(failed >= 6, "{failed}");
    }

    /// Reads blocks as usual, but for some tries at the second one, by their number, which fail.
    fn failing_at(failing: &'static [u32]) -> Ahead {
        let loader = loader(&embedded());
        let (reading, mut tried) = (Arc::clone(&loader), 0);
        Ahead::reading_by(loader, move |layer| {
            if layer == 1 {
                tried += 1;
                assert!(!failing.contains(&tried), "CUDA out of memory");
            }
            reading.block(layer, &mut Scratch::default())
        })
    }

    #[test]
    fn a_block_that_could_not_be_read_ahead_is_asked_for_once_more() {
        let mut ahead = failing_at(&[1]);
        for layer in [0, 1, 2, 3, 0, 1] {
            let block = ahead.take(layer, None).expect("a block");
            let own = ahead.loader.block(layer, &mut Scratch::default()).expect("one");
            assert!(block.tensors().zip(own.tensors()).all(|(block, own)| block.equal(own)), "{layer}");
        }
    }

    #[test]
    fn a_block_that_fails_again_or_was_not_read_ahead_is_an_error_and_the_thread_goes_on() {
        // Of a way from the first block on, and of one from the second on.
        for (failing, way) in [(&[1, 2][..], &[0, 1][..]), (&[1], &[1])] {
            let mut ahead = failing_at(failing);
            let (last, before) = way.split_last().expect("a way");
            for &layer in before {
                drop(ahead.take(layer, None).expect("a block"));
            }
            let failed = catch_unwind(AssertUnwindSafe(|| ahead.take(*last, None))).expect_err("it panics");
            assert_eq!(crate::panics::message(failed.as_ref()), "CUDA out of memory");
            ahead.take(*last, None).expect("a block");
        }
    }
}
