// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/curl.hpp>

#include <dlfcn.h>
#include <malloc.h>
#include <string.h>

#include <algorithm>
#include <cstdlib>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

// libcurl's buffers hold tokens and answers: whatever it frees is overwritten first.
void wiping_free(void* block) {
  if (block != nullptr) explicit_bzero(block, malloc_usable_size(block));
  std::free(block);
}

void* wiping_realloc(void* block, std::size_t size) {
  void* larger = std::malloc(size);
  if (larger == nullptr || block == nullptr) return larger;
  memcpy(larger, block, std::min(size, malloc_usable_size(block)));
  wiping_free(block);
  return larger;
}

Error unusable() {
  return Error(ErrorKind::missing, "cannot load libcurl: " + escape(::dlerror()),
               "install it; on Debian it is the package libcurl4");
}

void* library() {
  static void* const handle = ::dlopen("libcurl.so.4", RTLD_NOW);
  if (handle == nullptr) throw unusable();
  return handle;
}

Curl load() {
  const Curl curl;
  if (curl.global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc, strdup, std::calloc) !=
      CURLE_OK)
    throw Error(ErrorKind::connection, "cannot initialise libcurl");
  return curl;
}

}  // namespace

void* CurlFunction::address() const {
  void* const function = ::dlsym(library(), name);
  if (function == nullptr) throw unusable();
  return function;
}

const Curl& curl() {
  static const Curl loaded = load();
  return loaded;
}

}  // namespace everleaf
