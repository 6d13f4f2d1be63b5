//! How much memory an input may take.

use std::alloc::System;

use cap::Cap;

/// Counts what is allocated, and refuses what is beyond the limit; a refused allocation ends the process.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes that an input of this many bytes may take besides what is allocated already.
///
/// The constant is for what one short number may ask for, such as `samples`: a sweep has at most 128 MiB of token ids, and
/// the check of a plan holds them three times, in the plan, as a message and as read again.
pub(crate) fn limit_for(input: usize) {
    let most = (512 << 20) + 512 * input;
    // The limit is the allocator's only knob; it refuses to fall below what is in use, never to rise.
    let _ = ALLOCATOR.set_limit(ALLOCATOR.allocated().saturating_add(most));
}

/// No limit, for what is no input.
pub(crate) fn unlimited() {
    let _ = ALLOCATOR.set_limit(usize::MAX);
}
