// What tch has no name for on GPUs.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

namespace {

at::Device gpu(int index) { return {at::kCUDA, static_cast<at::DeviceIndex>(index)}; }

const c10::impl::DeviceGuardImplInterface* gpus() { return c10::impl::getDeviceGuardImpl(at::kCUDA); }

// Makes a GPU this thread's current one while it lasts. What libtorch does with events would set the one before again, which on a GPU that
// this process has nothing to do with takes memory for a context; this does not.
using Current = c10::DeviceGuard;

// Null, or where it cannot be done what is wrong, which stays there until this thread's next call that fails.
template <class Work>
const char* done(Work work) {
  thread_local std::string words;
  try {
    work();
    return nullptr;
  } catch (const std::exception& error) {
    words = error.what();
    return words.c_str();
  }
}

}  // namespace

// A tensor of the CPU's memory on a GPU, without waiting for what the GPU has to do; null where it cannot be done.
extern "C" at::Tensor* patchsweep_upload(const at::Tensor* tensor, int index) {
  try {
    return new at::Tensor(tensor->pin_memory().to(gpu(index), /*non_blocking=*/true));
  } catch (const std::exception&) {
    return nullptr;
  }
}

// So many bytes of memory that GPUs copy from by themselves; null where there are none.
extern "C" at::Tensor* patchsweep_pinned(std::int64_t bytes) {
  try {
    return new at::Tensor(at::empty({bytes}, at::TensorOptions(at::kByte).pinned_memory(true)));
  } catch (const std::exception&) {
    return nullptr;
  }
}

// Copies from pinned memory without waiting; the GPU makes the numbers those of the tensor's dtype.
extern "C" const char* patchsweep_copy(at::Tensor* to, const at::Tensor* from) {
  return done([&] { to->copy_(*from, /*non_blocking=*/true); });
}

// Waits for what this thread has queued on a GPU.
extern "C" const char* patchsweep_wait(int index) {
  return done([&] { gpus()->synchronizeStream(gpus()->getStream(gpu(index))); });
}

// What this thread queues on a GPU goes into a queue of its own from now on.
extern "C" const char* patchsweep_own_queue(int index) {
  return done([&] { gpus()->exchangeStream(gpus()->getStreamFromGlobalPool(gpu(index))); });
}

// Puts a mark at the end of what this thread has queued on a GPU so far.
extern "C" const char* patchsweep_mark(int index, c10::Event** mark) {
  return done([&] {
    Current current(gpu(index));
    auto event = std::make_unique<c10::Event>(at::kCUDA);
    event->record(gpus()->getStream(gpu(index)));
    *mark = event.release();
  });
}

// What this thread queues on a GPU from now on comes behind a mark.
extern "C" const char* patchsweep_queue_behind(const c10::Event* mark, int index) {
  return done([&] {
    Current current(gpu(index));
    mark->block(gpus()->getStream(gpu(index)));
  });
}

// Waits for a mark.
extern "C" const char* patchsweep_wait_for(const c10::Event* mark) {
  return done([&] { mark->synchronize(); });
}

// Of a GPU that cannot be made the current one it keeps what it has.
extern "C" void patchsweep_forget(c10::Event* mark) {
  done([&] {
    Current current(mark->device());
    delete mark;
  });
}

// Keeps a tensor's memory from others until what this thread queues on its GPU until it goes has ended, whoever made it.
extern "C" const char* patchsweep_used_here(const at::Tensor* tensor) {
  return done([&] { gpus()->recordDataPtrOnStream(tensor->storage().data_ptr(), gpus()->getStream(tensor->device())); });
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
