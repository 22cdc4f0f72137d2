// SPDX-License-Identifier: Apache-2.0
// Replaces the global operators new and delete of a program that calls wipe_freed_memory(); one that does not never
// links this file.
#include <everleaf/secret/secret.hpp>

#include <malloc.h>
#include <string.h>
#include <sys/prctl.h>

#include <cstdlib>
#include <new>

namespace {
bool wiping = false;

void release(void* block) noexcept {
  if (wiping && block != nullptr) explicit_bzero(block, malloc_usable_size(block));
  std::free(block);
}
}  // namespace

void* operator new(std::size_t size) {
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { release(block); }

namespace everleaf {

void wipe_freed_memory() { wiping = true; }

void forbid_core_dumps() { prctl(PR_SET_DUMPABLE, 0); }

}  // namespace everleaf
