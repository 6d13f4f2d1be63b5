// libcudart.so.13: what libtorch's CPU part and a worker ask of the CUDA runtime.

#include "memory.h"

#include <cstddef>

namespace {

constexpr int VERSION = 13000;
constexpr int INVALID_DEVICE = 101;
constexpr int ILLEGAL_ADDRESS = 700;

}  // namespace

extern "C" {

int cudaSetDevice(int device) {
  if (device < 0 || device >= stand_in::visible()) return INVALID_DEVICE;
  stand_in::set_current(device);
  return 0;
}

int cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  if (stand_in::astray()) return ILLEGAL_ADDRESS;
  *total = stand_in::total();
  stand_in::make_context(stand_in::current());
  *free = *total - stand_in::taken(stand_in::current());
  return 0;
}

int cudaGetDeviceCount(int* count) {
  *count = stand_in::visible();
  return 0;
}

int cudaDriverGetVersion(int* version) {
  *version = VERSION;
  return 0;
}

int cudaRuntimeGetVersion(int* version) {
  *version = VERSION;
  return 0;
}

int cudaDeviceSynchronize() { return stand_in::astray() ? ILLEGAL_ADDRESS : 0; }

// libtorch's profiler would ask for it.
int cudaGetDeviceProperties(void*, int) { return INVALID_DEVICE; }

const char* cudaGetErrorString(int status) {
  switch (status) {
    case 0: return "no error";
    case ILLEGAL_ADDRESS: return "an illegal memory access was encountered";
    default: return "invalid device ordinal";
  }
}

}
