//! `scores.zarr`: what `xarray.open_zarr` opens as one dataset, with named dimensions and coordinates.

mod array;
mod dimensions;
mod texts;

use std::io;

use patchsweep_core::results::SweepResults;
use serde_json::{Map, Value, json};

use super::tensors::Tensor;
use array::{Description, Elements, chunk_name};
use dimensions::{Coordinate, Dimensions, Values};
use texts::Texts;

/// Why the store could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ZarrError {
    /// Two arrays would overwrite each other.
    #[error("a tensor and a dimension are both named `{name}`; give the grid another name")]
    Duplicate {
        /// Their name.
        name: String,
    },
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
    let (indices, beside) = (dimensions.indices(), dimensions.beside());
    let labels: Vec<_> = beside.iter().map(|coordinate| coordinate.name.as_str()).collect();
    let attributes = json!({ "title": results.name, "metrics": results.metrics, "coordinates": labels.join(" ") });

    let mut store = Store { put, metadata: Map::new() };
    for Coordinate { name, dimension, values } in indices.iter().chain(&beside) {
        let dimensions = std::slice::from_ref(dimension);
        match values {
            Values::Numbers(numbers) => store.add(name, dimensions, &[numbers.len()], &Elements::I64(numbers)),
            Values::Words(words) => store.add(name, dimensions, &[words.len()], &Elements::Texts(&Texts::of(words))),
        }?;
    }
    for tensor in tensors {
        let names = dimensions.of_tensor(tensor);
        store.add(&tensor.name, &names, &tensor.shape, &Elements::from(&tensor.values))?;
    }
    store.finish(&attributes)
}

/// Arrays below one group.
struct Store<W> {
    put: W,
    /// Of all arrays: a reader that opens the store reads one file instead of one for each.
    metadata: Map<String, Value>,
}

impl<W: FnMut(&str, &[u8]) -> io::Result<()>> Store<W> {
    fn add(
        &mut self,
        name: &str,
        dimensions: &[String],
        shape: &[usize],
        elements: &Elements<'_>,
    ) -> Result<(), ZarrError> {
        if self.metadata.contains_key(name) {
            return Err(ZarrError::Duplicate { name: name.to_owned() });
        }
        if let Some(chunk) = elements.chunk() {
            (self.put)(&format!("{name}/{}", chunk_name(shape.len())), &chunk)?;
        }
        let description = Description::of(elements, shape, dimensions);
        let text = serde_json::to_string_pretty(&description).map_err(io::Error::from)?;
        (self.put)(&format!("{name}/zarr.json"), text.as_bytes())?;
        self.metadata.insert(name.to_owned(), serde_json::to_value(description).map_err(io::Error::from)?);
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
    fn lines_of_the_dataset_stand_beside_prompts_where_these_are_kept() {
        let mut results = example();
        results.lines = vec![4, 2];
        assert!(!files(&results).expect("written").contains_key("line/zarr.json"), "no tensor has prompts");
        results.clean[0].per_prompt = results.clean[0].mean.repeat(2);
        let files = files(&results).expect("written");
        let group: Value = serde_json::from_slice(&files["zarr.json"]).expect("JSON");
        assert_eq!(group["attributes"]["coordinates"], "token line");
        let arrays = &group["consolidated_metadata"]["metadata"];
        assert_eq!(arrays["line"]["dimension_names"], json!(["prompt"]));
        assert_eq!(arrays["clean.prompts"]["dimension_names"], json!(["iteration", "prompt"]));
        assert_eq!(files["line/c.0"], [4_i64, 2].map(i64::to_le_bytes).concat());
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
    fn a_full_disk_is_reported() {
        let results = example();
        let analysed = Analysed::of(&results).expect("consistent");
        let tensors = with_statistics(&analysed).expect("consistent");
        let error = write(&results, &tensors, |_, _| Err(io::ErrorKind::StorageFull.into())).expect_err("full");
        assert!(matches!(error, ZarrError::Write(error) if error.kind() == io::ErrorKind::StorageFull));
    }
}
