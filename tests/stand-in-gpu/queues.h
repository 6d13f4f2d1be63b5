// Queues of work and the memory that it is done with. The CPU's operators end at once, so nothing goes wrong here where a queue does
// not wait for another; therefore what would go wrong on a card is an error.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace stand_in {

// Of a card, by its number.
using Queue = std::pair<int, std::int64_t>;
// How far queues are.
using Clock = std::map<Queue, std::uint64_t>;

// The one that this thread's work on a card goes into.
Queue queue_of(int device);
Queue put_into(Queue queue);
Queue new_queue(int device);

// How far a queue is, and all that comes before that.
Clock reached(Queue queue);
// From now on this comes before what goes into the queue.
void queue_behind(Queue queue, const Clock& clock);
// The CPU has waited for it.
void waited(const Clock& clock);

// Memory of a card that this thread gets, and gives back. While another queue than that of the thread that got it may still be at
// work with it, giving it back ends this program, unless the queue was recorded.
void got(const void* data, int device);
void recorded(const void* data, Queue queue);
void gave_back(const void* data);
// This thread's next work on the card is done with it. Throws where another queue may still be at work with it.
void works_with(const void* data, int device);

}  // namespace stand_in
