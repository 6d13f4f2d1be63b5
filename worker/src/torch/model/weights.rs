//! A block's weights for the code that computes with them: on the device for good, or until another block comes.

use std::ops::Deref;
use std::panic::resume_unwind;
use std::rc::Rc;

use crate::torch::heap;
use crate::torch::model::exec::{Exec, Stopped};
use crate::torch::model::load::Loader;
use crate::torch::model::parameters::{Block, Blocks};
use crate::torch::model::scratch::Scratch;

/// After so many blocks of a streamed model, memory that is free is given back: after each it would take as long as the blocks.
const BLOCKS_BETWEEN: u32 = 4;

/// A block's weights.
pub(crate) enum Weights<'a> {
    Resident(&'a Block),
    /// Stays in memory as long as somebody holds it.
    InHand(Rc<Block>),
}

impl Deref for Weights<'_> {
    type Target = Block;

    fn deref(&self) -> &Block {
        match self {
            Self::Resident(block) => block,
            Self::InHand(block) => block,
        }
    }
}

/// The block of a streamed model that came last. Every run goes through the blocks in order, so one is enough.
#[derive(Default)]
pub(crate) struct InHand(Option<(u32, Rc<Block>)>);

impl Exec<'_> {
    /// Of a layer. Where the model is streamed, the block before goes, and then this one comes.
    pub(crate) fn weights(&self, layer: u32) -> Weights<'_> {
        match &self.model.blocks {
            Blocks::Resident(blocks) => Weights::Resident(&blocks[layer as usize]),
            Blocks::Streamed(loader) => Weights::InHand(self.streamed(loader, layer)),
        }
    }

    fn streamed(&self, loader: &Loader, layer: u32) -> Rc<Block> {
        let mut in_hand = self.in_hand.borrow_mut();
        if let Some((_, block)) = in_hand.0.as_ref().filter(|(held, _)| *held == layer) {
            return Rc::clone(block);
        }
        self.stop_if_cancelled();
        in_hand.0 = None;
        if layer.is_multiple_of(BLOCKS_BETWEEN) {
            // Blocks and activations of other sizes come and go, and leave holes between them.
            heap::give_back();
        }
        let block = loader
            .block(layer, &mut Scratch::default())
            .unwrap_or_else(|error| resume_unwind(Box::new(Stopped::Unreadable(error))));
        self.count_streamed(loader.weight_bytes().block);
        let block = Rc::new(block);
        in_hand.0 = Some((layer, Rc::clone(&block)));
        block
    }
}
