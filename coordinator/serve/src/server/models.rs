//! The scheduler's names for models.

use patchsweep_core::digest::Digest;
use patchsweep_core::model::LoadedModel;
use patchsweep_plan::Plan;
use patchsweep_proto::v1;
use patchsweep_schedule::ModelKey;
use prost::Message;

/// Of the model that a plan's tiles are computed with.
pub(super) fn key_of_plan(plan: &Plan) -> ModelKey {
    key(&LoadedModel { model: plan.context.model.clone(), dtype: plan.context.dtype })
}

/// A part of a digest: two models of one key would be no mistake, only as if a worker had both.
pub(super) fn key(model: &LoadedModel) -> ModelKey {
    let Digest(bytes) = Digest::of(&v1::LoadedModel::from(model).encode_to_vec());
    let [first, ..] = bytes.as_chunks::<8>().0 else { unreachable!("a digest has 32 bytes") };
    ModelKey(u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use patchsweep_core::model::{Dtype, ModelRef};

    use super::*;

    #[test]
    fn name_revision_and_dtype_tell_models_apart() {
        let hub = |revision: &str| ModelRef::Hub { repository: "m".into(), revision: revision.into() };
        let of = |model, dtype| key(&LoadedModel { model, dtype });
        let keys = [
            of(ModelRef::Folder("m".into()), Dtype::Float32),
            of(ModelRef::Folder("m".into()), Dtype::Float16),
            of(hub("main"), Dtype::Float32),
            of(hub("v1"), Dtype::Float32),
        ];
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
        assert_eq!(keys[0], of(ModelRef::Folder("m".into()), Dtype::Float32));
    }
}
