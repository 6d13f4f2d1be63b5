//! Compiles `patchsweep/v1/*.proto` with a pure-Rust compiler, so that no `protoc` program is needed.

use std::error::Error;

const PROTOS: [&str; 5] = [
    "patchsweep/v1/sweep.proto",
    "patchsweep/v1/scores.proto",
    "patchsweep/v1/worker.proto",
    "patchsweep/v1/client.proto",
    "patchsweep/v1/state.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(PROTOS, ["."])?;
    // Shared, as a context may be large.
    tonic_prost_build::configure().bytes(".patchsweep.v1.StoredSweep.context").compile_fds(descriptors)?;
    for proto in PROTOS {
        println!("cargo:rerun-if-changed={proto}");
    }
    Ok(())
}
