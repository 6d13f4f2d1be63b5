//! Tiles that fail, workers that do, and sweeps that get no more than a part: the real client against a coordinator whose
//! workers are played.

mod broken;
mod explained;
mod failing;
mod late;
mod lost;
mod peculiar;
mod sharing;
mod so_far;
mod stage;
mod unfit;
