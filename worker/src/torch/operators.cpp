// How long a device takes for each operator: it is waited for when one ends.

#include <ATen/DeviceAccelerator.h>
#include <ATen/record_function.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Sum {
  std::uint64_t calls = 0;
  double seconds = 0;
};

struct Begun : at::ObserverContext {
  Clock::time_point at = Clock::now();
};

std::vector<c10::DeviceIndex> gpus;
thread_local std::map<std::string, Sum> sums;
// Operators call each other: what an inner one takes is the outermost one's.
thread_local int depth = 0;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&) {
  return depth++ == 0 ? std::make_unique<Begun>() : nullptr;
}

void end(const at::RecordFunction& function, at::ObserverContext* context) {
  --depth;
  if (context == nullptr) return;
  try {
    for (auto gpu : gpus) at::accelerator::synchronizeDevice(gpu);
  } catch (const std::exception&) {
    // The next operator gives the same error to whoever asks for it.
  }
  std::chrono::duration<double> took = Clock::now() - static_cast<Begun*>(context)->at;
  auto& sum = sums[function.name()];
  ++sum.calls;
  sum.seconds += took.count();
}

}  // namespace

extern "C" void patchsweep_time_operators(const int* indices, std::size_t count) {
  gpus.assign(indices, indices + count);
  at::addGlobalCallback(at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION}));
}

// Of this thread since it was asked last, as a JSON object: calls and seconds by name. Valid until it is asked again.
extern "C" const char* patchsweep_operators() {
  thread_local std::string text;
  std::ostringstream out;
  const char* between = "{";
  for (const auto& [name, sum] : sums) {
    out << between << '"' << name << "\":[" << sum.calls << ',' << sum.seconds << ']';
    between = ",";
  }
  text = sums.empty() ? "{}" : out.str() + "}";
  sums.clear();
  return text.c_str();
}
