#pragma once

#include <c10/core/Allocator.h>

namespace stand_in {

// Of the current device.
c10::Allocator* memory();

}  // namespace stand_in
