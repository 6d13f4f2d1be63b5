//! `scores.zarr`: what `xarray.open_zarr` opens as one dataset, with named dimensions and coordinates.

mod dimensions;

use std::sync::Arc;

use patchsweep_proto::results::SweepResults;
use serde_json::{Map, Value, json};
use zarrs::array::builder::ArrayBuilderFillValue;
use zarrs::array::{
    Array, ArrayBuilder, ArrayCreateError, ArrayError, ArrayMetadataOptions, DataType, Element, data_type,
};
use zarrs::storage::store::MemoryStore;
use zarrs::storage::{ListableStorageTraits, ReadableStorageTraits, StorageError, StoreKeyError};

use super::tensors::{Tensor, Values};
use dimensions::{Coordinate, Dimensions, Places};

/// Why the store could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ZarrError {
    /// An array's description is refused.
    #[error(transparent)]
    Array(#[from] Box<ArrayCreateError>),
    /// Values are refused.
    #[error(transparent)]
    Values(#[from] Box<ArrayError>),
    /// The store is refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A name is none for a store.
    #[error(transparent)]
    Key(#[from] StoreKeyError),
}

/// A file of the store: its path below it, and its content.
pub(super) type StoreFile = (String, Vec<u8>);

/// The files of the store, ordered by path; equal tensors give equal bytes.
pub(super) fn files(results: &SweepResults, tensors: &[Tensor<'_>]) -> Result<Vec<StoreFile>, ZarrError> {
    let dimensions = Dimensions::of(results);
    let mut store = Store::default();
    for Coordinate { name, dimension, places } in dimensions.coordinates() {
        let dimensions = [dimension];
        match places {
            Places::Numbers(numbers) => {
                store.add(&name, &dimensions, &[numbers.len()], data_type::int64(), 0_i64, &numbers)
            }
            Places::Words(words) => store.add(&name, &dimensions, &[words.len()], data_type::string(), "", &words),
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
    let attributes = json!({
        "title": results.name,
        "metrics": results.metrics,
        "coordinates": dimensions.labels().join(" "),
    });
    store.finish(attributes)
}

/// Arrays below one group.
#[derive(Debug, Default)]
struct Store {
    storage: Arc<MemoryStore>,
    /// Of all arrays: whoever opens the store reads one file instead of one for each.
    metadata: Map<String, Value>,
}

impl Store {
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
        let shape: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
        let mut builder = ArrayBuilder::new(shape.clone(), shape.clone(), data_type, fill_value);
        builder.dimension_names(Some(dimensions.iter().map(String::as_str)));
        let array: Array<MemoryStore> =
            builder.build(Arc::clone(&self.storage), &format!("/{name}")).map_err(Box::new)?;
        // Without the name and address of the library.
        let options = ArrayMetadataOptions::default().with_include_zarrs_metadata(false);
        array.store_metadata_opt(&options)?;
        array.store_chunk(&vec![0; shape.len()], values).map_err(Box::new)?;
        let metadata = serde_json::to_value(array.metadata_opt(&options)).unwrap_or_default();
        self.metadata.insert(name.to_owned(), metadata);
        Ok(())
    }

    fn finish(self, attributes: Value) -> Result<Vec<StoreFile>, ZarrError> {
        let group = json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": attributes,
            "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": self.metadata },
        });
        let mut files = vec![("zarr.json".to_owned(), format!("{group:#}\n").into_bytes())];
        for key in self.storage.list()? {
            let content = self.storage.get(&key)?.unwrap_or_default();
            files.push((key.as_str().to_owned(), content.to_vec()));
        }
        files.sort();
        Ok(files)
    }
}
