//! Who gets in, with real processes and real TLS.

mod certificates;
mod limits;
mod locked;
mod refuser;
mod rejections;
mod rotation;
mod serving;
mod wire;
