//! `Receivers`.

use std::collections::BTreeMap;

use patchsweep_core::grid::Component;
use patchsweep_core::paths::{Mlps, Norms, Receivers};

use crate::v1;
use crate::wire::WireError;

const RECEIVERS: &str = "Receivers";

impl From<&Receivers> for v1::Receivers {
    fn from(to: &Receivers) -> Self {
        let layer = |(&layer, heads): (&u32, &Vec<u32>)| v1::ReceivingLayer { layer, heads: heads.clone() };
        Self {
            receiver: receiver(to.component).into(),
            layers: to.places.iter().map(layer).collect(),
            positions: to.positions.clone(),
            mlps_frozen: to.mlps == Mlps::Frozen,
            apart: to.apart,
            norms_frozen: to.norms == Norms::Frozen,
        }
    }
}

fn receiver(component: Option<Component>) -> v1::Receiver {
    match component {
        None => v1::Receiver::Logits,
        Some(Component::Q) => v1::Receiver::Q,
        Some(Component::K) => v1::Receiver::K,
        Some(Component::V) => v1::Receiver::V,
        Some(Component::MlpIn) => v1::Receiver::MlpIn,
        // Nothing else receives paths.
        Some(_) => v1::Receiver::Unspecified,
    }
}

/// What a grid of paths is held to is not checked here.
pub(super) fn from_wire(wire: v1::Receivers) -> Result<Receivers, WireError> {
    let component = match wire.receiver() {
        v1::Receiver::Unspecified => return Err(WireError::Missing { message: RECEIVERS, field: "receiver" }),
        v1::Receiver::Logits => None,
        v1::Receiver::Q => Some(Component::Q),
        v1::Receiver::K => Some(Component::K),
        v1::Receiver::V => Some(Component::V),
        v1::Receiver::MlpIn => Some(Component::MlpIn),
    };
    let mut places = BTreeMap::new();
    for v1::ReceivingLayer { layer, heads } in wire.layers {
        if places.insert(layer, heads).is_some() {
            return Err(WireError::invalid(RECEIVERS, "layers", "a layer that is there twice"));
        }
    }
    let mlps = if wire.mlps_frozen { Mlps::Frozen } else { Mlps::Live };
    let norms = if wire.norms_frozen { Norms::Frozen } else { Norms::Recomputed };
    Ok(Receivers { component, places, positions: wire.positions, mlps, norms, apart: wire.apart })
}

/// How many indices it lists.
pub(in crate::wire) fn index_count(wire: &v1::Receivers) -> u64 {
    (wire.layers.iter().map(|layer| 1 + layer.heads.len()).sum::<usize>() + wire.positions.len()) as u64
}
