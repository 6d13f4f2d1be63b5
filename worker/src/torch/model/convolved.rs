//! Projections as convolutions: on CPUs libtorch gives those to oneDNN, where it gives products to MKL.

use tch::{Device, Kind, TchError, Tensor};

use crate::torch::model::parameters::Linear;

/// From so many multiply-adds on, a product outweighs the set-up of a convolution for its sizes.
const FROM: i64 = 1 << 25;

/// With more inputs, oneDNN's convolutions without AVX-512 take up to four times as long for many numbers of rows.
const MOST_INPUTS_WITHOUT_AVX512: i64 = 1 << 11;

/// \[.., in\] to \[.., out\], where a convolution is the faster way; `sizes`: rows, inputs and outputs.
///
/// About a tenth faster, and it adds the bias on the way (docs/performance.md).
pub(super) fn convolved(x: &Tensor, linear: &Linear, sizes: [i64; 3]) -> Option<Tensor> {
    let can = x.device() == Device::Cpu && x.kind() == Kind::Float && !x.requires_grad();
    // oneDNN does not say why it cannot; if memory ran out, the product will.
    (can && is_faster(sizes, has_avx512())).then(|| convolution(x, linear, sizes).ok()).flatten()
}

fn is_faster([rows, inputs, outputs]: [i64; 3], avx512: bool) -> bool {
    rows * inputs * outputs >= FROM && (avx512 || inputs <= MOST_INPUTS_WITHOUT_AVX512)
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// Of oneDNN's kernels for other processors no such slowness is known.
#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    true
}

/// A 1x1 convolution over the rows as pixels.
fn convolution(x: &Tensor, linear: &Linear, [rows, inputs, outputs]: [i64; 3]) -> Result<Tensor, TchError> {
    let pixels = x.reshape([1, rows, 1, inputs]).permute([0, 3, 1, 2]);
    let kernel = linear.weight.view([outputs, inputs, 1, 1]);
    let result = pixels.f_mkldnn_convolution(&kernel, linear.bias.as_ref(), [0, 0], [1, 1], [1, 1], 1)?;
    let mut sizes = x.size();
    if let Some(last) = sizes.last_mut() {
        *last = outputs;
    }
    result.permute([0, 2, 3, 1]).f_reshape(sizes.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products_and_without_avx512_those_of_many_inputs_are_no_convolutions() {
        let ways = |sizes| [true, false].map(|avx512| is_faster(sizes, avx512));
        assert_eq!(ways([40, 768, 768]), [false, false]);
        assert_eq!(ways([80, 768, 768]), [true, true]);
        assert_eq!(ways([300, 2048, 768]), [true, true]);
        assert_eq!(ways([300, 3072, 768]), [true, false]);
    }

    #[test]
    fn a_convolution_is_the_product_with_the_bias() {
        let random = |sizes: &[i64]| Tensor::rand(sizes, (Kind::Float, Device::Cpu));
        let (x, linear) = (random(&[3, 5, 8]), Linear { weight: random(&[4, 8]), bias: Some(random(&[4])) });
        let product = x.linear(&linear.weight, linear.bias.as_ref());
        let convolution = convolution(&x, &linear, [15, 8, 4]).expect("oneDNN is there");
        assert_eq!(convolution.size(), [3, 5, 4]);
        assert!(convolution.allclose(&product, 1e-6, 1e-6, false));
    }
}
