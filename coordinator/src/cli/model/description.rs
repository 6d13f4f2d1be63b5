//! An architecture in words and short lines.

use patchsweep_core::architecture::{
    Activation, Architecture, LayerAttention, NormKind, NormPlace, ParallelNorms, QkNorm, Rotary, Scaling, Wiring,
};
use patchsweep_core::grid::Component;
use patchsweep_core::sites::Heads;

use super::fields::SiteFields;

/// What a person wants to know of an architecture, by name.
pub(super) fn facts(model: &Architecture) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("layers", model.layers.to_string()),
        ("d_model", model.d_model.to_string()),
        ("heads", heads(model)),
        ("mlp", mlp(model)),
        ("vocabulary", model.d_vocab.to_string()),
        ("context", positions(model)),
        ("blocks", blocks(model)),
    ];
    facts.extend(attention(model).into_iter().map(|line| ("attention", line)));
    facts.push(("unembedding", unembedding(model)));
    facts
}

/// What can be patched, with the shape of one position's activation.
pub(super) fn sites(model: &Architecture) -> Vec<SiteFields> {
    let site = |component: Component| SiteFields {
        site: component.name().to_owned(),
        axes: component.axes().iter().map(|axis| axis.name().to_owned()).collect(),
        shape: shape(component, model),
    };
    Component::ALL.into_iter().filter(|component| component.is_in(model)).map(site).collect()
}

fn shape(component: Component, model: &Architecture) -> Vec<String> {
    let heads = component.heads();
    match heads {
        Heads::None if component.has_neurons() => vec![format!("neuron={}", model.d_mlp)],
        Heads::None => vec![format!("d_model={}", model.d_model)],
        _ if component == Component::Pattern => vec![format!("head={}", model.heads), "src_pos".to_owned()],
        Heads::Query | Heads::KeyValue => {
            vec![format!("head={}", heads.count(model)), format!("d_head={}", model.d_head)]
        }
    }
}

fn heads(model: &Architecture) -> String {
    let Architecture { heads, kv_heads, d_head, .. } = model;
    if heads == kv_heads {
        return format!("{heads} of {d_head}");
    }
    format!("{heads} of {d_head}; {kv_heads} for keys and values")
}

fn mlp(model: &Architecture) -> String {
    let activation = match model.mlp.activation {
        Activation::GeluTanh => "gelu_new",
        Activation::Gelu => "gelu",
        Activation::Relu => "relu",
        Activation::Silu => "silu",
    };
    let gated = if model.mlp.gated { "gated " } else { "" };
    format!("{}, {gated}{activation}", model.d_mlp)
}

fn positions(model: &Architecture) -> String {
    let learned = if model.embed.positions.is_some() { ", learned embeddings of positions" } else { "" };
    format!("{} tokens{learned}", model.n_ctx)
}

fn blocks(model: &Architecture) -> String {
    let wiring = match model.wiring {
        Wiring::Sequential => "sequential",
        Wiring::Parallel { norms: ParallelNorms::One } => "parallel with one norm (no resid_mid)",
        Wiring::Parallel { norms: ParallelNorms::Two } => "parallel (no resid_mid)",
    };
    let kind = match model.norm.kind {
        NormKind::Layer => "layer norms",
        NormKind::Rms => "RMS norms",
    };
    let place = match model.norm.place {
        NormPlace::Before => "before",
        NormPlace::BeforeAndAfter => "before and after",
        NormPlace::After => "after",
    };
    format!("{wiring}; {kind} {place} attention and MLP")
}

/// One line for layers that are alike, with how many there are, in the order in which they first come.
fn attention(model: &Architecture) -> Vec<String> {
    let mut kinds: Vec<(&LayerAttention, usize)> = Vec::new();
    for layer in &model.attention.layers {
        match kinds.iter_mut().find(|(kind, _)| *kind == layer) {
            Some((_, count)) => *count += 1,
            None => kinds.push((layer, 1)),
        }
    }
    let norm = match model.attention.qk_norm {
        QkNorm::None => "",
        QkNorm::PerHead => ", norms of each head's queries and keys",
        QkNorm::Whole => ", norms over all heads' queries and keys",
    };
    let cap = model.attention.score_cap.map(|cap| format!(", scores capped at {cap}")).unwrap_or_default();
    let line = |(layer, count): (&LayerAttention, usize)| {
        let window = layer.window.map_or_else(|| "all positions".to_owned(), |window| format!("{window} positions"));
        let rotary = layer.rotary.map_or_else(|| "not rotated".to_owned(), |rotary| rotated(&rotary, model.d_head));
        format!("{count} layers over {window}, {rotary}{norm}{cap}")
    };
    kinds.into_iter().map(line).collect()
}

fn rotated(rotary: &Rotary, d_head: u32) -> String {
    let Rotary { width, base, scaling, .. } = rotary;
    let scaling = match scaling {
        Scaling::None => String::new(),
        Scaling::Linear { factor } => format!(", linear scaling by {factor}"),
        Scaling::Llama3 { factor, .. } => format!(", llama3 scaling by {factor}"),
    };
    format!("{width} of {d_head} entries rotated with base {base}{scaling}")
}

fn unembedding(model: &Architecture) -> String {
    let tied = if model.readout.tied { "the embedding" } else { "its own" };
    let cap = model.readout.cap.map(|cap| format!(", logits capped at {cap}")).unwrap_or_default();
    format!("{tied}{cap}")
}

#[cfg(test)]
mod tests {
    use patchsweep_core::architecture::Sizes;

    use super::*;

    fn plain() -> Architecture {
        Architecture::plain(Sizes { layers: 3, heads: 4, d_model: 8, d_mlp: 16, d_vocab: 10, n_ctx: 6 })
    }

    #[test]
    fn sites_have_the_heads_and_neurons_that_they_are_of() {
        let model = Architecture { kv_heads: 2, wiring: Wiring::Parallel { norms: ParallelNorms::One }, ..plain() };
        let sites = sites(&model);
        let shape = |name: &str| sites.iter().find(|site| site.site == name).map(|site| site.shape.join(","));
        assert_eq!(shape("resid_pre").as_deref(), Some("d_model=8"));
        assert_eq!(shape("q").as_deref(), Some("head=4,d_head=2"));
        assert_eq!(shape("k").as_deref(), Some("head=2,d_head=2"));
        assert_eq!(shape("pattern").as_deref(), Some("head=4,src_pos"));
        assert_eq!(shape("mlp_post").as_deref(), Some("neuron=16"));
        assert_eq!(shape("mlp_pre").as_deref(), Some("neuron=16"));
        assert_eq!(shape("resid_mid"), None, "parallel blocks have none");
    }

    #[test]
    fn shapes_hold_as_many_numbers_as_the_activations() {
        let model = Architecture { kv_heads: 2, ..plain() };
        for component in Component::ALL {
            let size = |dimension: &String| {
                dimension.split_once('=').map_or(1, |(_, size)| size.parse::<u64>().expect("a size"))
            };
            let numbers: u64 = shape(component, &model).iter().map(size).product();
            assert_eq!(numbers, component.numbers(&model, 1), "{component}");
        }
    }

    #[test]
    fn layers_that_are_alike_share_a_line() {
        let mut model = plain();
        assert_eq!(attention(&model), ["3 layers over all positions, not rotated"]);
        model.attention.layers[1].window = Some(4);
        assert_eq!(
            attention(&model),
            ["2 layers over all positions, not rotated", "1 layers over 4 positions, not rotated"]
        );
    }
}
