//! What people read for a token, an index, a cell.

use patchsweep_core::results::GridScores;

/// A token as it is, but for what would break a line, change the reading direction or not be seen.
pub(super) fn visible(token: &str) -> String {
    let mut text = String::with_capacity(token.len());
    for c in token.chars() {
        match c {
            ' ' | '\'' | '"' => text.push(c),
            c => text.extend(c.escape_debug()),
        }
    }
    text
}

/// Whether the indices of an axis are token positions.
pub(super) fn is_position(axis: &str) -> bool {
    axis == "pos" || axis.ends_with("_pos")
}

/// What the tokens beside an axis of positions are called: `token`, `dest_token`, `src_token`.
pub(super) fn token_name(axis: &str) -> Option<String> {
    let before = axis.strip_suffix("pos").filter(|_| is_position(axis))?;
    Some(format!("{before}token"))
}

/// An index as a unique tick: `5: ' Officer'` on an axis of positions, otherwise `5`.
/// `name`: where places along the axis have names.
pub(super) fn tick(axis: &str, index: u32, name: Option<&str>, tokens: &[String]) -> String {
    if let Some(name) = name {
        return visible(name);
    }
    match tokens.get(index as usize) {
        Some(token) if is_position(axis) => format!("{index}: '{}'", visible(token)),
        _ => index.to_string(),
    }
}

/// A cell in words: `8.11` for layer and head as the literature writes heads, otherwise
/// `layer 3, pos 5 (" Officer")`.
///
/// `indices`: its layer, position, head, neuron or feature along each axis.
#[must_use]
pub fn cell_label(scores: &GridScores, indices: &[u32], tokens: &[String]) -> String {
    if let ([layer, head], true) = (indices, scores.axes == ["layer", "head"]) {
        return format!("{layer}.{head}");
    }
    // Where places have names, indices count them.
    let name = |axis: usize, index: u32| scores.name_of(axis, index as usize);
    let part =
        |(number, (axis, &index)): (usize, (&String, &u32))| match (name(number, index), tokens.get(index as usize)) {
            (Some(name), _) => format!("{axis} {}", visible(name)),
            (None, Some(token)) if is_position(axis) => format!("{axis} {index} (\"{}\")", visible(token)),
            _ => format!("{axis} {index}"),
        };
    let parts: Vec<_> = scores.axes.iter().zip(indices).enumerate().map(part).collect();
    if parts.is_empty() { "all".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{example, grid};

    #[test]
    fn heads_are_written_as_in_the_literature() {
        let scores = grid("z", &["layer", "head"], &[12, 12]);
        assert_eq!(cell_label(&scores, &[8, 11], &[]), "8.11");
        let neurons = grid("mlp_post", &["layer", "neuron"], &[12, 64]);
        assert_eq!(cell_label(&neurons, &[8, 11], &[]), "layer 8, neuron 11", "they are no heads");
    }

    #[test]
    fn positions_carry_their_token() {
        let tokens = example().token_labels;
        let resid = grid("resid_pre", &["layer", "pos"], &[4, 8]);
        assert_eq!(cell_label(&resid, &[3, 4], &tokens), "layer 3, pos 4 (\" Officer\")");
        let z = grid("z", &["layer", "pos", "head"], &[4, 8, 4]);
        assert_eq!(cell_label(&z, &[3, 4, 1], &tokens), "layer 3, pos 4 (\" Officer\"), head 1");
        assert_eq!(tick("pos", 4, None, &tokens), "4: ' Officer'");
        assert_eq!(tick("head", 4, None, &tokens), "4");
        let post = grid("mlp_post", &["layer", "pos", "neuron"], &[4, 8, 16]);
        assert_eq!(cell_label(&post, &[3, 4, 11], &tokens), "layer 3, pos 4 (\" Officer\"), neuron 11");
        let pattern = grid("pattern", &["layer", "head", "dest_pos", "src_pos"], &[1, 1, 8, 8]);
        assert_eq!(
            cell_label(&pattern, &[0, 2, 5, 1], &tokens),
            "layer 0, head 2, dest_pos 5 (\" (\"), src_pos 1 (\"The\")"
        );
    }

    #[test]
    fn a_position_that_may_be_another_in_each_prompt_has_its_name() {
        let tokens = example().token_labels;
        let mut resid = grid("resid_pre", &["layer", "pos"], &[4, 2]);
        resid.names = vec![Vec::new(), vec!["subject+1".to_owned(), "end".to_owned()]];
        assert_eq!(cell_label(&resid, &[3, 1], &tokens), "layer 3, pos end");
        assert_eq!(tick("pos", 0, resid.name_of(1, 0), &tokens), "subject+1");
    }

    #[test]
    fn a_position_without_a_token_keeps_its_number() {
        assert_eq!(tick("pos", 9, None, &[]), "9");
        assert_eq!(cell_label(&grid("k", &["layer", "pos"], &[1, 1]), &[0, 0], &[]), "layer 0, pos 0");
    }

    #[test]
    fn only_positions_have_tokens_beside_them() {
        let names = ["pos", "dest_pos", "src_pos"].map(token_name);
        assert_eq!(names, ["token", "dest_token", "src_token"].map(|name| Some(name.to_owned())));
        assert_eq!([token_name("layer"), token_name("head")], [None, None]);
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(visible("\n\t\u{202e}é'\" "), "\\n\\t\\u{202e}é'\" ");
    }
}
