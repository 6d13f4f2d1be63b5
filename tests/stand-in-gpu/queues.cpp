#include "queues.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>

namespace stand_in {
namespace {

// Of a card's memory.
struct Piece {
  Queue queue;
  // How far queues were when they were last at work with it.
  Clock uses;
  std::set<Queue> recorded;
};

std::mutex mutex;
Clock issued;
std::map<Queue, Clock> known;
Clock ended;
std::map<const void*, Piece> pieces;
std::int64_t queues = 0;
thread_local std::map<int, std::int64_t> current;

void advance(Clock& clock, const Clock& other) {
  for (auto& [queue, place] : other) clock[queue] = std::max(clock[queue], place);
}

// Whether what a queue did up to a place has ended before what another one does next.
bool comes_before(const Queue& other, Queue queue, std::uint64_t place) {
  return queue == other || known[other][queue] >= place || ended[queue] >= place;
}

}  // namespace

Queue queue_of(int device) { return {device, current[device]}; }

Queue put_into(Queue queue) {
  Queue before = queue_of(queue.first);
  current[queue.first] = queue.second;
  return before;
}

Queue new_queue(int device) {
  std::lock_guard<std::mutex> held(mutex);
  return {device, ++queues};
}

Clock reached(Queue queue) {
  std::lock_guard<std::mutex> held(mutex);
  return known[queue];
}

void queue_behind(Queue queue, const Clock& clock) {
  std::lock_guard<std::mutex> held(mutex);
  advance(known[queue], clock);
}

void waited(const Clock& clock) {
  std::lock_guard<std::mutex> held(mutex);
  advance(ended, clock);
}

void got(const void* data, int device) {
  std::lock_guard<std::mutex> held(mutex);
  pieces[data] = {queue_of(device), {}, {}};
}

void recorded(const void* data, Queue queue) {
  std::lock_guard<std::mutex> held(mutex);
  auto found = pieces.find(data);
  if (found != pieces.end()) found->second.recorded.insert(queue);
}

void gave_back(const void* data) {
  std::lock_guard<std::mutex> held(mutex);
  auto& piece = pieces[data];
  for (auto& [queue, place] : piece.uses) {
    if (comes_before(piece.queue, queue, place) || piece.recorded.count(queue)) continue;
    std::fputs("the stand-in: memory was given back with which another queue is at work\n", stderr);
    std::abort();
  }
  pieces.erase(data);
}

void works_with(const void* data, int device) {
  if (data == nullptr) return;
  std::lock_guard<std::mutex> held(mutex);
  auto queue = queue_of(device);
  auto found = pieces.find(data);
  if (found == pieces.end()) return;
  for (auto& [other, place] : found->second.uses) {
    if (!comes_before(queue, other, place)) {
      throw std::runtime_error("CUDA error: another queue may still be at work with this memory");
    }
  }
  found->second.uses[queue] = known[queue][queue] = ++issued[queue];
}

}  // namespace stand_in
