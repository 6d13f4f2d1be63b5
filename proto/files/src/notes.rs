//! Notes about a model's weights, for people and manifests: one line each.

/// Most tensors that are named.
const MOST_NAMED: usize = 5;

/// Most characters of a name.
const LONGEST_NAME: usize = 80;

/// The unembedding is stored, although the config ties it to the embedding.
pub(crate) fn own_head(name: &str) -> String {
    format!(
        "{name} differs from the embedding although config.json ties them: it is the unembedding, as in transformers 5 \
         and TransformerLens 3.9; releases before them drop it. With \"tie_word_embeddings\": false in config.json all of \
         them use it"
    )
}

/// Tensors that have no part in the scores; `None` where there are none.
pub(crate) fn unused(tensors: &[&str]) -> Option<String> {
    let (first, rest) = tensors.split_at(tensors.len().min(MOST_NAMED));
    let first: Vec<String> = first.iter().map(|name| name.chars().take(LONGEST_NAME).collect()).collect();
    let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    let named = first.join(", ") + &rest;
    (!tensors.is_empty()).then(|| format!("not used, because a model of this config.json has no such tensors: {named}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tensors_are_counted() {
        let begin = "not used, because a model of this config.json has no such tensors: ";
        assert_eq!(unused(&[]), None);
        assert_eq!(unused(&["a", "b"]), Some(format!("{begin}a, b")));
        assert_eq!(unused(&["a", "b", "c", "d", "e", "f", "g"]), Some(format!("{begin}a, b, c, d, e and 2 more")));
    }
}
