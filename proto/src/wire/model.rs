//! `ModelRef`, `Dtype` and `LoadedModel`.

use super::{WireError, required};
use crate::v1;
use patchsweep_core::model::{Dtype, LoadedModel, MOST_LOADED, ModelRef};

impl From<&ModelRef> for v1::ModelRef {
    fn from(model: &ModelRef) -> Self {
        use v1::model_ref::Source;
        let source = match model.clone() {
            ModelRef::Folder(name) => Source::Folder(name),
            ModelRef::Hub { repository, revision } => Source::Hub(v1::HubModel { repository, revision }),
        };
        Self { source: Some(source) }
    }
}

impl TryFrom<v1::ModelRef> for ModelRef {
    type Error = WireError;

    fn try_from(wire: v1::ModelRef) -> Result<Self, WireError> {
        use v1::model_ref::Source;
        let model = match required(wire.source, "ModelRef", "source")? {
            Source::Folder(name) => Self::folder(&name),
            Source::Hub(hub) => Self::hub(&hub.repository, &hub.revision),
        };
        model.map_err(|error| WireError::invalid("ModelRef", "source", error))
    }
}

impl From<&LoadedModel> for v1::LoadedModel {
    fn from(loaded: &LoadedModel) -> Self {
        Self { model: Some((&loaded.model).into()), dtype: v1::Dtype::from(loaded.dtype).into() }
    }
}

impl TryFrom<v1::LoadedModel> for LoadedModel {
    type Error = WireError;

    fn try_from(wire: v1::LoadedModel) -> Result<Self, WireError> {
        let dtype = Dtype::try_from(wire.dtype());
        let dtype = dtype.map_err(|_| WireError::Missing { message: "LoadedModel", field: "dtype" })?;
        Ok(Self { model: required(wire.model, "LoadedModel", "model")?.try_into()?, dtype })
    }
}

/// All models in a worker's memory.
#[must_use]
pub fn loaded_to_wire(loaded: &[LoadedModel]) -> v1::LoadedModels {
    v1::LoadedModels { models: loaded.iter().map(Into::into).collect() }
}

/// All models in a worker's memory.
pub fn loaded_from_wire(wire: v1::LoadedModels) -> Result<Vec<LoadedModel>, WireError> {
    if wire.models.len() > MOST_LOADED {
        return Err(WireError::invalid("LoadedModels", "models", format!("more than {MOST_LOADED}")));
    }
    wire.models.into_iter().map(LoadedModel::try_from).collect()
}

impl From<Dtype> for v1::Dtype {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Float32 => Self::Float32,
            Dtype::Bfloat16 => Self::Bfloat16,
            Dtype::Float16 => Self::Float16,
        }
    }
}

impl TryFrom<v1::Dtype> for Dtype {
    type Error = WireError;

    fn try_from(wire: v1::Dtype) -> Result<Self, WireError> {
        match wire {
            v1::Dtype::Unspecified => Err(WireError::Missing { message: "SweepContext", field: "dtype" }),
            v1::Dtype::Float32 => Ok(Self::Float32),
            v1::Dtype::Bfloat16 => Ok(Self::Bfloat16),
            v1::Dtype::Float16 => Ok(Self::Float16),
        }
    }
}

#[cfg(test)]
mod tests {
    use v1::model_ref::Source;

    use super::*;

    #[test]
    fn names_that_lead_out_of_the_folders_given_are_refused() {
        let names =
            ["../x", "/etc", "a/../../b", "a/..", "..", ".", "", "/", "//", "a\0b", "..\\x", "\\\\host\\x", "\n"];
        for name in names {
            let hub = |repository: &str, revision: &str| {
                Source::Hub(v1::HubModel { repository: repository.to_owned(), revision: revision.to_owned() })
            };
            for source in [Source::Folder(name.to_owned()), hub(name, "main"), hub("openai-community/gpt2", name)] {
                let refused = ModelRef::try_from(v1::ModelRef { source: Some(source.clone()) });
                assert!(matches!(refused, Err(WireError::Invalid { .. })), "{source:?}");
            }
        }
        assert!(ModelRef::try_from(v1::ModelRef { source: None }).is_err());
    }

    #[test]
    fn loaded_models_come_back_in_their_order_and_not_without_number() {
        let loaded =
            |number: usize| LoadedModel { model: ModelRef::Folder(format!("m{number}")), dtype: Dtype::Float16 };
        let most: Vec<LoadedModel> = (0..MOST_LOADED).map(loaded).collect();
        assert_eq!(loaded_from_wire(loaded_to_wire(&most)), Ok(most.clone()));
        let more = loaded_to_wire(&[most, vec![loaded(0)]].concat());
        assert!(loaded_from_wire(more).is_err());
        let mut unnamed = loaded_to_wire(&[loaded(0)]);
        unnamed.models[0].dtype = 0;
        let refused = loaded_from_wire(unnamed).expect_err("no dtype");
        assert!(refused.to_string().contains("`LoadedModel` lacks field `dtype`"), "{refused}");
    }
}
