//! `scores.zarr`: what `xarray.open_zarr` opens as one dataset, with named dimensions and coordinates.

mod dimensions;
mod texts;

use std::io;
use std::sync::Arc;

use patchsweep_core::results::SweepResults;
use serde_json::{Map, Value, json};
use zarrs::array::builder::ArrayBuilderFillValue;
use zarrs::array::{
    Array, ArrayBuilder, ArrayCreateError, ArrayError, ArrayMetadataOptions, ChunkKeySeparator, DataType, Element,
    data_type,
};
use zarrs::storage::store::MemoryStore;
use zarrs::storage::{ListableStorageTraits, ReadableStorageTraits, StorageError};

use super::tensors::{Tensor, Values};
use dimensions::{Coordinate, Dimensions, Places};
use texts::{TEXTS, Texts};

/// Why the store could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ZarrError {
    /// Two arrays would overwrite each other.
    #[error("a tensor and a dimension are both named `{name}`; give the grid another name")]
    Duplicate {
        /// Their name.
        name: String,
    },
    /// An array's description is refused.
    #[error(transparent)]
    Array(#[from] Box<ArrayCreateError>),
    /// Values are refused.
    #[error(transparent)]
    Values(#[from] Box<ArrayError>),
    /// A type of texts is refused.
    #[error("labels cannot be {TEXTS}")]
    Texts(#[source] zarrs::plugin::PluginCreateError),
    /// An array cannot be kept in memory.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Hands the files of the store to `put`: their path below it, and their content. Equal tensors give equal files.
pub(super) fn write(
    results: &SweepResults,
    tensors: &[Tensor<'_>],
    put: impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> Result<(), ZarrError> {
    let dimensions = Dimensions::of(results);
    let (indices, tokens) = (dimensions.indices(), dimensions.tokens());
    let labels: Vec<_> = tokens.iter().map(|token| token.name.as_str()).collect();
    let attributes = json!({ "title": results.name, "metrics": results.metrics, "coordinates": labels.join(" ") });

    let mut store = Store { put, metadata: Map::new() };
    for Coordinate { name, dimension, places } in indices.iter().chain(&tokens) {
        let dimensions = std::slice::from_ref(dimension);
        match places {
            Places::Numbers(numbers) => {
                store.add(name, dimensions, &[numbers.len()], data_type::int64(), 0_i64, numbers)
            }
            Places::Words(words) => {
                let texts = Texts::of(words);
                store.add(name, dimensions, &[words.len()], texts.data_type()?, "", &texts.characters())
            }
        }?;
    }
    for tensor in tensors {
        let Tensor { name, shape, values, .. } = tensor;
        let names = dimensions.of_tensor(tensor);
        match values {
            Values::F32(values) => store.add(name, &names, shape, data_type::float32(), f32::NAN, values),
            Values::U32(values) => store.add(name, &names, shape, data_type::uint32(), 0_u32, values),
            Values::I64(values) => store.add(name, &names, shape, data_type::int64(), 0_i64, values),
        }?;
    }
    store.finish(&attributes)
}

/// Arrays below one group.
struct Store<W> {
    put: W,
    /// Of all arrays: whoever opens the store reads one file instead of one for each.
    metadata: Map<String, Value>,
}

impl<W: FnMut(&str, &[u8]) -> io::Result<()>> Store<W> {
    /// All values in one chunk: who reads scores reads all of them.
    fn add<T: Element>(
        &mut self,
        name: &str,
        dimensions: &[String],
        shape: &[usize],
        data_type: DataType,
        fill_value: impl Into<ArrayBuilderFillValue>,
        values: &[T],
    ) -> Result<(), ZarrError> {
        if self.metadata.contains_key(name) {
            return Err(ZarrError::Duplicate { name: name.to_owned() });
        }
        // One array at a time in memory: effects on single prompts are large.
        let storage = Arc::new(MemoryStore::new());
        let shape: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
        let mut builder = ArrayBuilder::new(shape.clone(), shape.clone(), data_type, fill_value);
        // With the usual slash there would be a folder for each axis, and each is synced.
        builder.chunk_key_encoding_default_separator(ChunkKeySeparator::Dot);
        builder.dimension_names(Some(dimensions.iter().map(String::as_str)));
        let array: Array<MemoryStore> = builder.build(Arc::clone(&storage), &format!("/{name}")).map_err(Box::new)?;
        // Without the name and address of the library.
        let options = ArrayMetadataOptions::default().with_include_zarrs_metadata(false);
        array.store_metadata_opt(&options)?;
        array.store_chunk(&vec![0; shape.len()], values).map_err(Box::new)?;
        for key in storage.list()? {
            let content = storage.get(&key)?.unwrap_or_default();
            (self.put)(key.as_str(), &content)?;
        }
        let metadata = serde_json::to_value(array.metadata_opt(&options)).map_err(io::Error::from)?;
        self.metadata.insert(name.to_owned(), metadata);
        Ok(())
    }

    fn finish(mut self, attributes: &Value) -> Result<(), ZarrError> {
        let group = json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": attributes,
            "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": self.metadata },
        });
        Ok((self.put)("zarr.json", format!("{group:#}\n").as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::analysed::Analysed;
    use crate::fixtures::example;
    use crate::tensors::with_statistics;

    fn files(results: &SweepResults) -> Result<BTreeMap<String, Vec<u8>>, ZarrError> {
        let mut files = BTreeMap::new();
        let analysed = Analysed::of(results).expect("consistent");
        let tensors = with_statistics(&analysed).expect("consistent");
        write(results, &tensors, |path, content| {
            assert_eq!(files.insert(path.to_owned(), content.to_vec()), None, "{path} is written once");
            Ok(())
        })?;
        Ok(files)
    }

    #[test]
    fn equal_tensors_give_equal_files() {
        assert!(files(&example()).expect("written") == files(&example()).expect("written"));
    }

    #[test]
    fn values_lie_in_one_chunk_as_they_are() {
        let results = example();
        let files = files(&results).expect("written");
        let chunk = &files["z/c.0.0.0"];
        let read = chunk.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")));
        let z = results.grids.iter().find(|scores| scores.grid == "z").expect("z");
        assert!(read.eq(z.effect.iter().copied()));
    }

    #[test]
    fn the_group_describes_every_array_as_the_array_does() {
        let files = files(&example()).expect("written");
        let group: Value = serde_json::from_slice(&files["zarr.json"]).expect("JSON");
        let arrays = group["consolidated_metadata"]["metadata"].as_object().expect("arrays");
        for (name, described) in arrays {
            let own: Value = serde_json::from_slice(&files[&format!("{name}/zarr.json")]).expect("JSON");
            assert_eq!(&own, described, "{name}");
        }
        assert_eq!(files.keys().filter(|path| path.ends_with("zarr.json")).count(), arrays.len() + 1);
        assert_eq!(arrays["z@prob.stderr"]["dimension_names"], json!(["iteration", "layer", "head"]));
        assert_eq!(group["attributes"]["coordinates"], "token");
    }

    #[test]
    fn a_grid_named_like_a_dimension_is_refused() {
        let mut results = example();
        results.grids.truncate(1);
        results.grids[0].grid = "pos".to_owned();
        let error = files(&results).expect_err("two arrays of one name").to_string();
        assert!(error.contains("`pos`"), "{error}");
    }

    #[test]
    fn a_full_disk_is_told() {
        let results = example();
        let analysed = Analysed::of(&results).expect("consistent");
        let tensors = with_statistics(&analysed).expect("consistent");
        let error = write(&results, &tensors, |_, _| Err(io::ErrorKind::StorageFull.into())).expect_err("full");
        assert!(matches!(error, ZarrError::Write(error) if error.kind() == io::ErrorKind::StorageFull));
    }
}
