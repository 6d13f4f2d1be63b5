//! Whether this machine's CPU multiplies 16-bit numbers itself.

use patchsweep_core::model::Dtype;

/// What a person should know before computing in a dtype on this machine's CPU.
///
/// Without instructions for a 16-bit dtype, libtorch 2.11 takes 2.3 to 4.5 times as long as in float32 (docs/performance.md). CPUs with
/// AMX have AVX512-BF16 too.
#[must_use]
pub fn remark(dtype: Dtype) -> Option<String> {
    remark_without(dtype, instructions(dtype).filter(|(_, has)| !has).map(|(name, _)| name))
}

/// The instructions that multiply numbers of a 16-bit dtype, and whether this CPU has them.
#[cfg(target_arch = "x86_64")]
fn instructions(dtype: Dtype) -> Option<(&'static str, bool)> {
    match dtype {
        Dtype::Float32 => None,
        Dtype::Bfloat16 => Some(("AVX512-BF16", is_x86_feature_detected!("avx512bf16"))),
        Dtype::Float16 => Some(("AVX512-FP16", is_x86_feature_detected!("avx512fp16"))),
    }
}

/// Nothing is known of other CPUs.
#[cfg(not(target_arch = "x86_64"))]
fn instructions(_: Dtype) -> Option<(&'static str, bool)> {
    None
}

fn remark_without(dtype: Dtype, missing: Option<&str>) -> Option<String> {
    let (missing, dtype) = (missing?, dtype.name());
    Some(format!(
        "{dtype} on this machine's CPU takes two to five times as long as float32, as it has no {missing}; GPUs have no such trouble"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_cpu_cannot_multiply_is_remarked_upon() {
        assert_eq!(remark(Dtype::Float32), None);
        assert_eq!(remark_without(Dtype::Bfloat16, None), None);
        let remark = remark_without(Dtype::Bfloat16, Some("AVX512-BF16")).expect("a remark");
        assert!(
            remark.starts_with("bfloat16 on this machine's CPU takes") && remark.contains("no AVX512-BF16"),
            "{remark}"
        );
    }
}
