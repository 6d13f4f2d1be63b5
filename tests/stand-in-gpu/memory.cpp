#include "memory.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace stand_in {
namespace {

constexpr int PROCESSES = 256;

struct Process {
  pid_t id;
  std::size_t bytes[DEVICES];
};

// What all processes map: the file $STAND_IN_GPU_TABLE, which begins with the counts. Without it each process has cards of its own.
struct Shared {
  std::atomic<std::uint64_t> counts[EVENTS];
  // That were made on each card.
  std::atomic<std::uint64_t> contexts[DEVICES];
  Process processes[PROCESSES];
};

struct Table {
  Shared* shared;

  Table() {
    int file = -1;
    int flags = MAP_SHARED;
    if (const char* path = std::getenv("STAND_IN_GPU_TABLE")) {
      file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) {
        std::perror(path);
        std::abort();
      }
    } else {
      flags |= MAP_ANONYMOUS;
    }
    auto* mapped = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, flags, file, 0);
    if (mapped == MAP_FAILED) {
      std::perror("mmap");
      std::abort();
    }
    shared = static_cast<Shared*>(mapped);
  }

  // This process's line; one of a process that has ended is free.
  Process& mine() {
    Process* free = nullptr;
    for (auto& process : shared->processes) {
      if (process.id == getpid()) return process;
      if (free == nullptr && !alive(process)) free = &process;
    }
    if (free == nullptr) std::abort();
    *free = {getpid(), {}};
    return *free;
  }

  static bool alive(const Process& process) {
    return process.id != 0 && (kill(process.id, 0) == 0 || errno == EPERM);
  }

  std::size_t taken(int device) const {
    std::size_t sum = 0;
    for (const auto& process : shared->processes) {
      if (alive(process)) sum += process.bytes[device];
    }
    return sum;
  }
};

Table& table() {
  static Table* table = new Table;
  return *table;
}

// Of the table, among processes and threads: a lock of a file that is opened for it, as such locks are the open file's.
struct Held {
  static std::mutex& threads() {
    static auto* mutex = new std::mutex;
    return *mutex;
  }
  std::lock_guard<std::mutex> thread{threads()};
  int file = -1;
  Held() {
    table();
    if (const char* path = std::getenv("STAND_IN_GPU_TABLE")) {
      file = open(path, O_RDWR | O_CLOEXEC);
      flock(file, LOCK_EX);
    }
  }
  ~Held() {
    if (file >= 0) close(file);
  }
};

}  // namespace

int visible() {
  const char* named = std::getenv("CUDA_VISIBLE_DEVICES");
  return named && *named == '\0' ? 0 : DEVICES;
}

std::size_t total() {
  const char* given = std::getenv("STAND_IN_GPU_BYTES");
  return given ? std::strtoull(given, nullptr, 10) : std::size_t{4} << 30;
}

std::size_t taken(int device) {
  Held held;
  return table().taken(device);
}

bool take(int device, std::size_t bytes) {
  Held held;
  if (table().taken(device) + bytes > total()) return false;
  table().mine().bytes[device] += bytes;
  return true;
}

void give_back(int device, std::size_t bytes) {
  Held held;
  table().mine().bytes[device] -= bytes;
}

namespace {

thread_local int current_device = 0;
// Of this process.
std::atomic<bool> contexts[DEVICES];

}  // namespace

int current() { return current_device; }

void set_current(int device) {
  current_device = device;
  make_context(device);
}

void make_context(int device) {
  if (!contexts[device].exchange(true)) ++table().shared->contexts[device];
}

bool has_context(int device) { return contexts[device]; }

namespace {

std::uint64_t most_launches() {
  const char* given = std::getenv("STAND_IN_GPU_LAUNCHES");
  return given ? std::strtoull(given, nullptr, 10) : UINT64_MAX;
}

// Of this process.
std::atomic<std::uint64_t> launches{0};

}  // namespace

void count(Event event) {
  ++table().shared->counts[static_cast<int>(event)];
  if (event == Event::launch) ++launches;
}

bool astray() {
  static const std::uint64_t most = most_launches();
  return launches > most;
}

}  // namespace stand_in
