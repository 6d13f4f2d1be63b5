// Every operator of the CUDA backend, computed by that of the CPU. As CUDA does, it refuses tensors of different devices; and it
// counts what makes a CPU wait for a card.

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/NativeFunctions.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include <cstdlib>
#include <string_view>

#include "device.h"
#include "memory.h"
#include "queues.h"

namespace stand_in {
namespace {

using at::Tensor;
using c10::DispatchKey;
using c10::IValue;
using Stack = torch::jit::Stack;

const c10::Device CPU{c10::DeviceType::CPU};

bool on_gpu(const Tensor& tensor) { return tensor.defined() && tensor.is_cuda(); }

// The next work on its card is done with it.
void work_with(const Tensor& tensor) {
  if (on_gpu(tensor)) works_with(tensor.storage().data(), tensor.device().index());
}

// The same memory as a tensor of another device.
Tensor alias(const Tensor& tensor, c10::Device device) {
  auto key = device.is_cpu() ? DispatchKey::CPU : DispatchKey::CUDA;
  auto free = [](void* kept) { delete static_cast<Tensor*>(kept); };
  c10::DataPtr data(const_cast<void*>(tensor.storage().data()), new Tensor(tensor), free, device);
  auto by_bytes = c10::Storage::use_byte_size_t();
  auto* allocator = device.is_cpu() ? nullptr : memory();
  c10::Storage storage(by_bytes, tensor.storage().nbytes(), std::move(data), allocator, /*resizable=*/false);
  auto other = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), tensor.dtype());
  auto* impl = other.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) impl->set_wrapped_number(true);
  return other;
}

// A copy in memory of a card's own, so that what an operator gives is counted.
Tensor on_card(const Tensor& tensor, c10::Device device) {
  auto options = tensor.options().device(device);
  auto copy = at::empty_strided(tensor.sizes(), tensor.strides(), options);
  work_with(copy);
  alias(copy, CPU).copy_(tensor);
  return copy;
}

// Whether these cards have no kernel for an operator: $STAND_IN_GPU_LACKS is its name.
bool lacks(std::string_view name) {
  static const char* given = std::getenv("STAND_IN_GPU_LACKS");
  return given && name == given;
}

// One operator on its way through the CPU.
class Call {
 public:
  explicit Call(const c10::OperatorHandle& op) : op(op) {
    const std::string_view name = op.schema().name();
    for (auto taker : {"aten::index", "aten::index_put_", "aten::_index_put_impl_"}) takes_indices |= name == taker;
    for (auto waiter : {"aten::nonzero", "aten::masked_select", "aten::equal", "aten::_unique2"}) {
      if (name == waiter) count(Event::download);
    }
    count(Event::launch);
    TORCH_CHECK(!astray(), "CUDA error: an illegal memory access was encountered");
    TORCH_CHECK(!lacks(name), name, " is not implemented on this card");
  }

  // `index`: CUDA takes indices of the CPU, which it uploads.
  void look(const Tensor& tensor, bool index = false) {
    if (!tensor.defined()) return;
    auto same = tensor.is_cuda() ? !device || *device == tensor.device() : tensor.dim() == 0 || index;
    TORCH_CHECK(same, "Expected all tensors to be on the same device: ", op.operator_name(), " got one of sizes ",
                tensor.sizes(), " on ", tensor.device());
    if (tensor.is_cuda()) device = tensor.device();
    work_with(tensor);
    if (tensor.is_cpu() && index) count(Event::upload);
  }

  void look(const IValue& value) {
    if (value.isTensor()) look(value.toTensor());
    if (value.isTensorList()) {
      for (const Tensor& tensor : value.toTensorVector()) look(tensor);
    }
    if (value.isOptionalTensorList()) {
      for (const auto& tensor : value.toOptionalTensorVector()) {
        if (tensor) look(*tensor, takes_indices);
      }
    }
    if (value.isDevice() && value.toDevice().is_cuda() && !device) {
      device = c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->getDevice();
      if (value.toDevice().has_index()) device = value.toDevice();
    }
  }

  IValue to_cpu(const IValue& value) {
    if (value.isTensor()) return to_cpu(value.toTensor());
    if (value.isDevice()) return CPU;
    if (value.isTensorList()) {
      auto tensors = value.toTensorVector();
      for (Tensor& tensor : tensors) tensor = to_cpu(tensor);
      return tensors;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> tensors;
      for (const auto& tensor : value.toOptionalTensorVector()) {
        tensors.push_back(tensor ? std::optional(to_cpu(*tensor)) : std::nullopt);
      }
      return tensors;
    }
    return value;
  }

  IValue to_card(const IValue& value) {
    if (value.isTensor()) return to_card(value.toTensor());
    if (!value.isTensorList()) return value;
    auto tensors = value.toTensorVector();
    for (Tensor& tensor : tensors) tensor = to_card(tensor);
    return tensors;
  }

  // Outputs that were given empty have grown.
  void take_grown() {
    for (auto& [given, lent] : arguments) {
      if (lent.sizes() == given.sizes()) continue;
      auto grown = on_card(lent, given.device());
      auto* impl = given.unsafeGetTensorImpl();
      impl->set_storage_keep_dtype(grown.storage());
      impl->set_sizes_and_strides(grown.sizes(), grown.strides(), grown.storage_offset());
    }
  }

 private:
  Tensor to_cpu(const Tensor& tensor) {
    if (!on_gpu(tensor)) return tensor;
    for (auto& [given, lent] : arguments) {
      if (given.is_same(tensor)) return lent;
    }
    auto lent = tensor.numel() > 0 ? alias(tensor, CPU) : at::empty(tensor.sizes(), tensor.options().device(CPU));
    arguments.emplace_back(tensor, lent);
    return lent;
  }

  Tensor to_card(const Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    for (auto& [given, lent] : arguments) {
      if (lent.is_same(tensor)) return given;
    }
    TORCH_CHECK(device, op.operator_name(), " names no device");
    return on_card(tensor, *device);
  }

  const c10::OperatorHandle& op;
  bool takes_indices = false;
  std::optional<c10::Device> device;
  // As they are on the card, and as the CPU is lent them.
  std::vector<std::pair<Tensor, Tensor>> arguments;
};

void compute(const c10::OperatorHandle& op, Stack* stack) {
  Call call(op);
  auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  for (const auto& value : arguments) call.look(value);
  for (auto& value : torch::jit::last(*stack, arguments.size())) const_cast<IValue&>(value) = call.to_cpu(value);
  op.redispatchBoxed(c10::DispatchKeySet(DispatchKey::CPU), stack);
  call.take_grown();
  for (auto& value : torch::jit::last(*stack, op.schema().returns().size())) {
    const_cast<IValue&>(value) = call.to_card(value);
  }
}

using Sizes = at::IntArrayRef;
template <class T>
using Maybe = std::optional<T>;

Tensor empty(Sizes sizes, Maybe<at::ScalarType> dtype, Maybe<at::Layout>, Maybe<at::Device> device, Maybe<bool>,
             Maybe<at::MemoryFormat> format) {
  c10::DeviceGuard guard(c10::device_or_default(device));
  c10::DispatchKeySet key(DispatchKey::CUDA);
  return at::detail::empty_generic(sizes, memory(), key, c10::dtype_or_default(dtype), format);
}

Tensor empty_strided(Sizes sizes, Sizes strides, Maybe<at::ScalarType> dtype, Maybe<at::Layout>, Maybe<at::Device> device,
                     Maybe<bool>) {
  c10::DeviceGuard guard(c10::device_or_default(device));
  c10::DispatchKeySet key(DispatchKey::CUDA);
  return at::detail::empty_strided_generic(sizes, strides, memory(), key, c10::dtype_or_default(dtype));
}

// To a card a copy waits for all that the card has to do, unless it is told not to and is from pinned memory.
Tensor& copy_(Tensor& to, const Tensor& from, bool non_blocking) {
  auto upload = non_blocking && from.is_pinned() ? Event::queued_upload : Event::upload;
  count(on_gpu(to) && on_gpu(from) ? Event::launch : on_gpu(to) ? upload : Event::download);
  work_with(from);
  work_with(to);
  // The CPU waits for what it gets.
  if (!on_gpu(to)) waited(reached(queue_of(from.device().index())));
  auto lent = [](const Tensor& tensor) { return on_gpu(tensor) ? alias(tensor, CPU) : tensor; };
  lent(to).copy_(lent(from));
  return to;
}

at::Scalar scalar(const Tensor& tensor) {
  count(Event::download);
  work_with(tensor);
  waited(reached(queue_of(tensor.device().index())));
  return alias(tensor, CPU).item();
}

// Of float16 as float32 in one kernel, which the CPU has not.
Tensor softmax(const Tensor& tensor, std::int64_t dim, bool to_float) {
  count(Event::launch);
  work_with(tensor);
  auto input = alias(tensor, CPU);
  return on_card(at::_softmax(to_float ? input.to(at::kFloat) : input, dim, false), tensor.device());
}

}  // namespace
}  // namespace stand_in

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&stand_in::compute>());
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("_softmax", TORCH_FN(stand_in::softmax));
  library.impl("empty.memory_format", TORCH_FN(stand_in::empty));
  library.impl("empty_strided", TORCH_FN(stand_in::empty_strided));
  library.impl("copy_", TORCH_FN(stand_in::copy_));
  library.impl("_local_scalar_dense", TORCH_FN(stand_in::scalar));
  // Views are of the same memory.
  library.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
  library.impl("view", TORCH_FN(at::native::view));
  library.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
  library.impl("unfold", TORCH_FN(at::native::unfold));
  // Composed of others on devices that have no kernel; CUDA has one.
  library.impl("native_layer_norm", torch::CppFunction::makeFromBoxedFunction<&stand_in::compute>());
}
