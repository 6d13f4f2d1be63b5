//! Messages: whatever decodes as one is refused, or is a value that comes back as it was.

use std::fmt::Display;

use patchsweep_core::architecture::Architecture;
use patchsweep_core::context::{Iteration, SweepContext};
use patchsweep_core::digest::Digest;
use patchsweep_core::metric::Metric;
use patchsweep_core::model::ModelRef;
use patchsweep_core::scores::TileScores;
use patchsweep_core::status::SweepStatus;
use patchsweep_core::tile::Tile;
use patchsweep_core::tokens::TokenMatrix;
use patchsweep_core::workers::WorkerStatus;
use patchsweep_fuzz::{Target, protobuf};
use patchsweep_proto::v1;
use patchsweep_proto::wire::{
    decode_context, decode_results, digest_from_wire, digest_of, encode_context, encode_results, priority_from_wire,
    refuse_tile,
};
use prost::Message;

fn feed(bytes: &[u8]) {
    round_trip::<v1::SweepContext, SweepContext>(bytes);
    round_trip::<v1::TokenMatrix, TokenMatrix>(bytes);
    round_trip::<v1::Iteration, Iteration>(bytes);
    round_trip::<v1::Metric, Metric>(bytes);
    round_trip::<v1::ModelRef, ModelRef>(bytes);
    round_trip::<v1::Tile, Tile>(bytes);
    round_trip::<v1::TileScores, TileScores>(bytes);
    round_trip::<v1::SweepStatus, SweepStatus>(bytes);
    round_trip::<v1::WorkerStatus, WorkerStatus>(bytes);
    let _ = digest_from_wire(bytes).map_err(|error| says(&error));
    results(bytes);
    if let Ok(model) = v1::Architecture::decode(bytes) {
        let _ = Architecture::try_from(model).map_err(|error| says(&error));
    }
    if let Ok(submission) = v1::Submission::decode(bytes) {
        let _ = priority_from_wire(submission.priority, "Submission").map_err(|error| says(&error));
    }
    contexts(bytes);
    tiles(bytes);
}

fn says(error: &dyn Display) {
    assert!(error.to_string().starts_with("message `") || error.to_string().starts_with("cannot decode"), "{error}");
}

/// Compared as bytes, because a score may be NaN.
fn round_trip<Wire, Domain>(bytes: &[u8])
where
    Wire: Message + Default + for<'a> From<&'a Domain>,
    Domain: TryFrom<Wire>,
    Domain::Error: Display + std::fmt::Debug,
{
    let Ok(wire) = Wire::decode(bytes) else { return };
    match Domain::try_from(wire) {
        Err(error) => says(&error),
        Ok(domain) => {
            let written = Wire::from(&domain).encode_to_vec();
            let read = Wire::decode(&*written).expect("what was written");
            let again = Domain::try_from(read).expect("what was checked once");
            assert_eq!(Wire::from(&again).encode_to_vec(), written);
        }
    }
}

/// Encoding takes results apart, so that they are in memory once.
fn results(bytes: &[u8]) {
    match decode_results(bytes) {
        Err(error) => says(&error),
        Ok(results) => {
            let written = encode_results(results);
            let again = decode_results(&written).expect("what was written");
            assert_eq!(encode_results(again), written);
        }
    }
}

/// A worker may ask these of any context that it accepts.
fn contexts(bytes: &[u8]) {
    let Ok(context) = decode_context(bytes) else { return };
    assert_eq!(digest_of(&context), Digest::of(&encode_context(&context)));
    let last_prompt = context.clean.prompts() - 1;
    for grid in &context.grids {
        let cells = grid.cell_count().expect("counted when it was read");
        for (iteration, cell) in (0..).zip(&context.iterations).flat_map(|(i, _)| [(i, 0), (i, cells - 1)]) {
            let pair = context.prompt_pair(iteration, last_prompt);
            let _ = pair.is_noop(&grid.cell(cell), &context.architecture);
        }
    }
}

/// A tile of any bytes inside a sweep that is valid.
fn tiles(bytes: &[u8]) {
    let context = decode_context(include_bytes!("../corpus/wire/context")).expect("a context");
    let Ok(tile) = v1::Tile::decode(bytes) else { return };
    let Ok(tile) = Tile::try_from(tile) else { return };
    let _ = refuse_tile(&tile, &context).map_err(|error| says(&error));
}

#[test]
fn messages_are_refused_or_come_back_as_they_were() {
    let target = Target::new("wire", env!("CARGO_TARGET_TMPDIR"), feed);
    target.check(|edits| protobuf::mutated(&target.corpus(), edits));
}
