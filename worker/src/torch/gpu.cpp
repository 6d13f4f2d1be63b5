// What tch has no name for on GPUs.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>

#include <exception>

// A tensor of the CPU's memory on a GPU, without waiting for what the GPU has to do; null where it cannot be done.
extern "C" at::Tensor* patchsweep_upload(const at::Tensor* tensor, int index) {
  try {
    at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(index));
    return new at::Tensor(tensor->pin_memory().to(device, /*non_blocking=*/true));
  } catch (const std::exception&) {
    return nullptr;
  }
}

// How products are rounded: float32 through TF32 or not; sums of half precision never, which libtorch allows by default.
extern "C" void patchsweep_round_products(bool tf32) {
  auto& context = at::globalContext();
  context.setAllowTF32CuBLAS(tf32);
  context.setAllowFP16ReductionCuBLAS(false);
  context.setAllowBF16ReductionCuBLAS(false);
}

extern "C" bool patchsweep_rounds_to_tf32() { return at::globalContext().allowTF32CuBLAS(); }

// Gives memory that libtorch keeps for later back to the driver, for what allocates without libtorch. False where it cannot.
extern "C" bool patchsweep_empty_cache() {
  try {
    at::accelerator::emptyCache();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}
