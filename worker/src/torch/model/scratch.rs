//! Memory for stored tensors of which only copies are kept, used again and again while a model is loaded.
//!
//! Without it each would leave a hole behind. The GNU C library 2.36 looks for a piece a little larger than an aligned tensor
//! and then cuts it to size, so that a freed tensor's place is too small for the next tensor of its size: loading 1 GB took up
//! to 0.3 GB more, and cleared those pages, too.

use tch::{Device, Kind, Tensor};

/// A piece of memory on the CPU that is handed out tensor by tensor.
#[derive(Default)]
pub(crate) struct Scratch {
    numbers: Option<Tensor>,
    used: i64,
}

impl Scratch {
    /// Makes room for so many numbers. Whoever calls this has no tensor of it any more.
    pub(super) fn clear(&mut self, count: i64, kind: Kind) {
        self.used = 0;
        let fits = |numbers: &Tensor| numbers.kind() == kind && numbers.size()[0] >= count;
        if count > 0 && !self.numbers.as_ref().is_some_and(fits) {
            self.numbers = None;
            self.numbers = Some(Tensor::empty([count], (kind, Device::Cpu)));
        }
    }

    /// The next piece, with whatever numbers are there.
    pub(super) fn tensor(&mut self, sizes: &[i64]) -> Tensor {
        let numbers = self.numbers.as_ref().expect("room was made");
        let count: i64 = sizes.iter().product();
        let piece = numbers.narrow(0, self.used, count).view(sizes);
        self.used += count;
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_side_by_side_in_memory_that_is_used_again() {
        let mut scratch = Scratch::default();
        scratch.clear(10, Kind::Float);
        let (first, second) = (scratch.tensor(&[2, 3]), scratch.tensor(&[4]));
        assert_eq!((first.size(), second.size()), (vec![2, 3], vec![4]));
        let place = first.data_ptr();
        assert_eq!(second.data_ptr() as usize - place as usize, 6 * 4);
        scratch.clear(5, Kind::Float);
        assert_eq!(scratch.tensor(&[5]).data_ptr(), place);
        scratch.clear(5, Kind::Half);
        assert_eq!(scratch.tensor(&[5]).kind(), Kind::Half);
    }
}
