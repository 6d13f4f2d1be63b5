// The memory of the cards that are stood in for, shared by all processes as a real card's is.
#pragma once

#include <cstddef>

namespace stand_in {

constexpr int DEVICES = 2;

// Cards that this process may see: none where $CUDA_VISIBLE_DEVICES is empty.
int visible();
// Bytes of one card: $STAND_IN_GPU_BYTES, or 4 GiB.
std::size_t total();
// Bytes that all live processes have of it together.
std::size_t taken(int device);
// For this process; false where there are not so many left.
bool take(int device, std::size_t bytes);
void give_back(int device, std::size_t bytes);

// The card that this thread's next work is for. Where a process sets one, or does something there, it takes some of the card's memory on
// a real one, for a context, which it keeps; here those are counted.
int current();
void set_current(int device);
void make_context(int device);
bool has_context(int device);

// What processes do with cards, counted for all of them together.
enum class Event {
  // Of an operator.
  launch,
  // A copy from the machine's memory that nobody waits for, and one that the CPU waits for.
  queued_upload,
  upload,
  // For a copy, a number, or a size that only the card knows: the CPU waits for all that the card has to do.
  download,
};
constexpr int EVENTS = 4;
void count(Event event);

// Whether this process has gone astray on its cards, which give it nothing but errors from then on: after $STAND_IN_GPU_LAUNCHES
// operators.
bool astray();

}  // namespace stand_in
