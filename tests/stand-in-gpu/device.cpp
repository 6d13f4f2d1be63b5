// Devices `cuda:0` and `cuda:1` for libtorch: their memory is the machine's own, counted as a card's would be.

#include "device.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>

#include "memory.h"
#include "queues.h"

namespace stand_in {
namespace {

constexpr std::size_t LINE = 64;
// Before what is given out: how much it is, and of which card.
struct Header {
  std::size_t bytes;
  int device;
};
static_assert(sizeof(Header) <= LINE);

// As libtorch does it: what a guard goes back to when it ends is not set before it is used, where the process has no context there.
thread_local c10::DeviceIndex promised = -1;

c10::DeviceIndex current_card() { return promised >= 0 ? promised : static_cast<c10::DeviceIndex>(current()); }

void set_card(c10::DeviceIndex device) {
  promised = -1;
  if (device != current()) set_current(device);
}

Queue queue(const c10::Stream& stream) { return {stream.device_index(), stream.id()}; }

c10::Stream stream(const Queue& queue) {
  c10::Device device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(queue.first));
  return c10::Stream(c10::Stream::UNSAFE, device, queue.second);
}

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::DeviceType::CUDA; }
  c10::Device exchangeDevice(c10::Device device) const override {
    auto before = getDevice();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return {type(), current_card()}; }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(device.index() < visible(), "CUDA error: invalid device ordinal");
    if (device.has_index()) set_card(device.index());
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (has_context(device.index())) {
      set_card(device.index());
    } else {
      promised = device.index();
    }
  }
  c10::Stream getStream(c10::Device device) const override { return stream(queue_of(device.index())); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override { return stream(new_queue(device.index())); }
  c10::Stream exchangeStream(c10::Stream other) const override { return stream(put_into(queue(other))); }
  void synchronizeStream(const c10::Stream& of) const override { waited(reached(queue(of))); }
  void record(void** event, const c10::Stream& of, c10::DeviceIndex device, c10::EventFlag) const override {
    destroyEvent(*event, device);
    there_and_back(of.device());
    *event = new Clock(reached(queue(of)));
  }
  void block(void* event, const c10::Stream& of) const override {
    there_and_back(of.device());
    queue_behind(queue(of), *static_cast<Clock*>(event));
  }
  void synchronizeEvent(void* event) const override { waited(*static_cast<Clock*>(event)); }
  void destroyEvent(void* event, c10::DeviceIndex device) const noexcept override {
    if (event != nullptr) there_and_back({type(), device});
    delete static_cast<Clock*>(event);
  }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& of) const override { recorded(data.get(), queue(of)); }
  c10::DeviceIndex deviceCount() const noexcept override { return static_cast<c10::DeviceIndex>(visible()); }
  // There is nothing to wait for: an operator has ended when it returns.
  void synchronizeDevice(c10::DeviceIndex) const override {}

 private:
  // Without a guard, as libtorch does with events.
  void there_and_back(c10::Device device) const {
    auto before = getDevice();
    setDevice(device);
    setDevice(before);
  }
};

void release(void* data) {
  if (data == nullptr) return;
  auto* header = reinterpret_cast<Header*>(static_cast<char*>(data) - LINE);
  gave_back(data);
  give_back(header->device, header->bytes);
  std::free(header);
}

struct Memory final : c10::Allocator {
  c10::DataPtr allocate(std::size_t bytes) override {
    auto card = current_card();
    c10::Device device(c10::DeviceType::CUDA, card);
    set_card(card);
    make_context(card);
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    bytes = (bytes + LINE - 1) / LINE * LINE;
    TORCH_CHECK_WITH(OutOfMemoryError, take(card, bytes), "CUDA out of memory. Tried to allocate ", bytes, " bytes.");
    auto* header = static_cast<char*>(std::aligned_alloc(LINE, LINE + bytes));
    TORCH_CHECK(header, "the machine has no memory left");
    *reinterpret_cast<Header*>(header) = {bytes, card};
    void* data = header + LINE;
    got(data, card);
    return {data, data, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

Memory all_memory;

// Of the machine's own memory, from which copies may go on by themselves.
struct Pinned final : c10::Allocator {
  mutable std::mutex mutex;
  mutable std::map<const void*, std::size_t> pieces;

  c10::DataPtr allocate(std::size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override { return &free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
  static void free(void* data);

  bool holds(const void* data) const {
    std::lock_guard<std::mutex> held(mutex);
    auto after = pieces.upper_bound(data);
    if (after == pieces.begin()) return false;
    auto& [first, bytes] = *--after;
    return data < static_cast<const char*>(first) + bytes;
  }
};

Pinned pinned;

c10::DataPtr Pinned::allocate(std::size_t bytes) {
  void* data = std::malloc(std::max<std::size_t>(bytes, 1));
  TORCH_CHECK(data, "the machine has no memory left");
  std::lock_guard<std::mutex> held(mutex);
  pieces[data] = bytes;
  return {data, data, &free, c10::DeviceType::CPU};
}

void Pinned::free(void* data) {
  {
    std::lock_guard<std::mutex> held(pinned.mutex);
    pinned.pieces.erase(data);
  }
  std::free(data);
}

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return visible() > 0; }
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex device) const override { return has_context(device); }
  c10::DeviceIndex deviceCount() const override { return static_cast<c10::DeviceIndex>(visible()); }
  int getNumGPUs() const override { return visible(); }
  c10::DeviceIndex current_device() const override { return current_card(); }
  c10::DeviceIndex getCurrentDevice() const override { return current_card(); }
  bool isPinnedPtr(const void* data) const override { return pinned.holds(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned; }
};

C10_REGISTER_GUARD_IMPL(CUDA, Guard)
REGISTER_ALLOCATOR(c10::DeviceType::CUDA, &all_memory)

}  // namespace

c10::Allocator* memory() { return &all_memory; }

}  // namespace stand_in

namespace at {

C10_REGISTER_TYPED_CLASS(CUDAHooksRegistry, "CUDAHooks", stand_in::Hooks)

}  // namespace at
