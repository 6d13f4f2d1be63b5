mod committing;
mod contents;
mod crashes;
mod damage;
mod disks;
mod folder;
mod removal;
pub(crate) mod sample;
