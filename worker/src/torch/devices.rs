//! The devices of a worker, and which of a model's layers is on which.

use patchsweep_core::weights::WeightBytes;
use tch::{Device, Tensor};

use crate::engine::DeviceLost;
use crate::torch::cuda_runtime;
use crate::torch::device::{DeviceError, free_memory, open};

/// The devices of a worker, at least one, in the order in which a model's layers are on them. One that is named more than once has
/// as many parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices(Vec<Device>);

impl Devices {
    /// Devices by their names, `cpu` or `cuda:N`, with commas between them.
    ///
    /// Must come before any other use of libtorch, which looks for CUDA only once.
    pub fn open(names: &str) -> Result<Self, DeviceError> {
        names.split(',').map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Bytes that are free now on the device that has the fewest.
    pub fn free_memory(&self) -> Result<u64, DeviceError> {
        let free = self.0.iter().map(|&device| free_memory(device));
        free.collect::<Result<Vec<_>, _>>().map(|free| free.into_iter().min().unwrap_or(0))
    }

    /// Whether there is no other than the CPU.
    #[must_use]
    pub fn are_cpu(&self) -> bool {
        self.0.iter().all(|&device| device == Device::Cpu)
    }

    /// What each of them may take of what a device may.
    pub(crate) fn part_of(&self, budget: u64) -> u64 {
        let named = |wanted: &Device| self.0.iter().filter(|&device| device == wanted).count() as u64;
        budget / self.0.iter().map(named).max().unwrap_or(1)
    }

    /// What all of them may take together where a device may take so much.
    #[must_use]
    pub fn total_of(&self, budget: u64) -> u64 {
        self.part_of(budget).saturating_mul(self.count() as u64)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Device> {
        self.0.iter().copied()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Each GPU once.
    pub(crate) fn gpus(&self) -> impl Iterator<Item = usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(place, device)| !self.0[..*place].contains(device)).filter_map(|(_, device)| match device {
            Device::Cuda(index) => Some(*index),
            _ => None,
        })
    }

    /// A GPU with which this process can do nothing any more.
    pub(crate) fn lost(&self) -> Option<DeviceLost> {
        let of_gpu = |index| {
            let fault = cuda_runtime::fault(index)?;
            Some(DeviceLost { device: name(Device::Cuda(index)), fault: fault.to_string() })
        };
        self.gpus().find_map(of_gpu)
    }

    pub(crate) fn have_gpus(&self) -> bool {
        self.gpus().next().is_some()
    }
}

/// Where a model's layers are.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    devices: Devices,
    /// By layer, which of the devices.
    places: Vec<usize>,
}

impl Layers {
    /// Shared out by the bytes of their weights.
    pub(crate) fn of(devices: &Devices, weights: &WeightBytes) -> Self {
        let layers = weights.shared_out(devices.count()).into_iter().enumerate();
        let places = layers.flat_map(|(place, count)| std::iter::repeat_n(place, count as usize)).collect();
        Self { devices: devices.clone(), places }
    }

    /// Which of the devices a layer is on.
    pub(crate) fn place(&self, layer: u32) -> usize {
        self.places[layer as usize]
    }

    /// The device of a layer.
    pub(crate) fn device(&self, layer: u32) -> Device {
        self.devices.0[self.place(layer)]
    }

    /// The device of the embeddings.
    pub(crate) fn first(&self) -> Device {
        self.devices.0[self.first_place()]
    }

    /// The device of the readout.
    pub(crate) fn last(&self) -> Device {
        self.devices.0[self.last_place()]
    }

    pub(crate) fn first_place(&self) -> usize {
        self.places.first().copied().unwrap_or(0)
    }

    pub(crate) fn last_place(&self) -> usize {
        self.places.last().copied().unwrap_or(0)
    }

    pub(crate) fn devices(&self) -> &Devices {
        &self.devices
    }

    /// For people, where there are several: `layers 0 to 5 on cuda:0, 6 to 11 on cuda:1`.
    pub(crate) fn described(&self) -> Option<String> {
        let parts = self.places.chunk_by(|a, b| a == b).scan(0, |first, part| {
            let last = *first + part.len() - 1;
            let text = format!("{first} to {last} on {}", name(self.devices.0[part[0]]));
            *first = last + 1;
            Some(text)
        });
        (self.devices.count() > 1).then(|| format!("layers {}", parts.collect::<Vec<_>>().join(", ")))
    }
}

fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

/// A tensor on a device; the same one where it is there.
pub(crate) fn on(device: Device, tensor: Tensor) -> Tensor {
    if tensor.device() == device { tensor } else { tensor.to_device(device) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: WeightBytes = WeightBytes { embedding: 0, readout: 25, tied: 0, block: 10, blocks: 6 };

    #[test]
    fn a_device_that_is_named_twice_has_two_parts_of_its_budget() {
        let devices = |devices: &[Device]| Devices(devices.to_vec());
        let (cpu, two) = (devices(&[Device::Cpu]), devices(&[Device::Cpu, Device::Cpu]));
        assert_eq!([&cpu, &two].map(|devices| (devices.part_of(100), devices.total_of(100))), [(100, 100), (50, 100)]);
        let gpus = devices(&[Device::Cuda(1), Device::Cuda(0), Device::Cuda(1)]);
        assert_eq!((gpus.part_of(100), gpus.total_of(100), gpus.gpus().collect::<Vec<_>>()), (50, 150, vec![1, 0]));
        assert!(two.are_cpu() && !gpus.are_cpu() && gpus.have_gpus() && !two.have_gpus());
    }

    #[test]
    fn lists_of_devices_are_opened_one_by_one() {
        assert_eq!(Devices::open("cpu,cpu").ok(), Some(Devices(vec![Device::Cpu; 2])));
        for wrong in ["cpu,", "cpu,abacus", ",", "cpu cpu"] {
            assert!(matches!(Devices::open(wrong), Err(DeviceError::Unknown { .. })), "{wrong}");
        }
    }

    #[test]
    fn layers_are_on_devices_in_their_order() {
        let layers = Layers::of(&Devices(vec![Device::Cuda(1), Device::Cuda(0)]), &WEIGHTS);
        let places: Vec<usize> = (0..6).map(|layer| layers.place(layer)).collect();
        assert_eq!(places, [0, 0, 0, 0, 1, 1]);
        assert_eq!((layers.first(), layers.last()), (Device::Cuda(1), Device::Cuda(0)));
        assert_eq!(layers.described().as_deref(), Some("layers 0 to 3 on cuda:1, 4 to 5 on cuda:0"));
        assert_eq!(Layers::of(&Devices(vec![Device::Cpu]), &WEIGHTS).described(), None);
    }
}
