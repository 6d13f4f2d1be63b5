//! Who gets in, with real processes and real TLS.

#[path = "gate/certificates.rs"]
mod certificates;
#[path = "gate/limits.rs"]
mod limits;
#[path = "gate/locked.rs"]
mod locked;
#[path = "gate/refuser.rs"]
mod refuser;
#[path = "gate/rejections.rs"]
mod rejections;
#[path = "gate/rotation.rs"]
mod rotation;
#[path = "gate/serving.rs"]
mod serving;
#[path = "gate/wire.rs"]
mod wire;
