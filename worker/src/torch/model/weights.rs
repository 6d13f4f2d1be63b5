//! A block's weights for the code that computes with them: on the device for good, or until another block comes.

use std::ops::Deref;
use std::panic::resume_unwind;
use std::rc::Rc;

use crate::torch::model::ahead::Streamed;
use crate::torch::model::exec::{Exec, Stopped};
use crate::torch::model::parameters::{Block, Blocks};

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
            Blocks::Streamed(streamed) => Weights::InHand(self.streamed(streamed, layer)),
        }
    }

    fn streamed(&self, streamed: &Streamed, layer: u32) -> Rc<Block> {
        let mut in_hand = self.in_hand.borrow_mut();
        if let Some((_, block)) = in_hand.0.as_ref().filter(|(held, _)| *held == layer) {
            return Rc::clone(block);
        }
        self.stop_if_cancelled();
        let before = in_hand.0.take().map(|(before, _)| before);
        let block = streamed.block(layer, before);
        let block = block.unwrap_or_else(|error| resume_unwind(Box::new(Stopped::Unreadable(error))));
        self.count_streamed(streamed.loader.weight_bytes().block);
        let block = Rc::new(block);
        in_hand.0 = Some((layer, Rc::clone(&block)));
        block
    }
}
