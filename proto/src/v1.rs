//! Generated from `proto/patchsweep/v1/*.proto`, where every message and field is described.
#![allow(missing_docs, clippy::pedantic)]

tonic::include_proto!("patchsweep.v1");
