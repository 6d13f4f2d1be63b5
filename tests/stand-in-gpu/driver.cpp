// libcuda.so.1: what tests/bench/gpu/driver.py asks of the driver.

#include "memory.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace {

constexpr int OUT_OF_MEMORY = 2;
constexpr int INVALID_DEVICE = 101;
int current = 0;

}  // namespace

extern "C" {

int cuInit(unsigned) { return 0; }

int cuDeviceGet(int* device, int index) {
  *device = index;
  return index < stand_in::visible() ? 0 : INVALID_DEVICE;
}

int cuDeviceGetName(char* name, int length, int) {
  std::snprintf(name, static_cast<std::size_t>(length), "a stand-in by its driver");
  return 0;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = reinterpret_cast<void*>(static_cast<std::intptr_t>(device + 1));
  return 0;
}

int cuCtxSetCurrent(void* context) {
  current = static_cast<int>(reinterpret_cast<std::intptr_t>(context)) - 1;
  return 0;
}

int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  *total = stand_in::total();
  *free = *total - stand_in::taken(current);
  return 0;
}

int cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
  *address = 0;
  return stand_in::take(current, bytes) ? 0 : OUT_OF_MEMORY;
}

}
