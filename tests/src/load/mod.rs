//! A coordinator as a process of its own under the load of very many workers, whose sessions are real and whose scores are
//! made up.

mod bulk;
mod contexts;
mod coordinator;
mod crowd;
mod digests;

pub use bulk::Bulk;
pub use contexts::{Fetches, LargeContext, fetch_whole};
pub use coordinator::Coordinator;
pub use crowd::Crowd;
pub use digests::{digests_of_folder, expected_digests};
