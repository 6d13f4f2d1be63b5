//! `ModelRef`, `ModelShape` and `Dtype`.

use super::{WireError, required};
use crate::model::{Dtype, ModelRef, ModelShape};
use crate::v1;

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

impl From<ModelShape> for v1::ModelShape {
    fn from(shape: ModelShape) -> Self {
        let ModelShape { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = shape;
        Self { layers, heads, d_model, d_mlp, d_vocab, n_ctx }
    }
}

impl TryFrom<v1::ModelShape> for ModelShape {
    type Error = WireError;

    fn try_from(wire: v1::ModelShape) -> Result<Self, WireError> {
        let v1::ModelShape { layers, heads, d_model, d_mlp, d_vocab, n_ctx } = wire;
        let shape = Self { layers, heads, d_model, d_mlp, d_vocab, n_ctx };
        if !shape.is_plausible() {
            return Err(WireError::invalid("SweepContext", "shape", "a size is 0, or larger than any model's"));
        }
        Ok(shape)
    }
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
}
