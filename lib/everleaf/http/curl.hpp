// SPDX-License-Identifier: Apache-2.0
// libcurl's functions and owners of its handles. Private: included only by sources of http/.
#pragma once

#include <curl/curl.h>

#include <memory>

namespace everleaf {

struct CurlFunction {
  const char* name;
  template <typename Function>
  operator Function*() const {
    return reinterpret_cast<Function*>(address());
  }
  void* address() const;
};

struct Curl {
// NOLINTBEGIN(bugprone-macro-parentheses): it is the name of a member
#define EVERLEAF_CURL(name) \
  decltype(&curl_##name) name = CurlFunction { "curl_" #name }
  // NOLINTEND(bugprone-macro-parentheses)
  EVERLEAF_CURL(easy_cleanup);
  EVERLEAF_CURL(easy_getinfo);
  EVERLEAF_CURL(easy_header);
  EVERLEAF_CURL(easy_init);
  EVERLEAF_CURL(easy_perform);
  EVERLEAF_CURL(easy_reset);
  EVERLEAF_CURL(easy_setopt);
  EVERLEAF_CURL(easy_strerror);
  EVERLEAF_CURL(free);
  EVERLEAF_CURL(getdate);
  EVERLEAF_CURL(global_init_mem);
  EVERLEAF_CURL(multi_add_handle);
  EVERLEAF_CURL(multi_cleanup);
  EVERLEAF_CURL(multi_info_read);
  EVERLEAF_CURL(multi_init);
  EVERLEAF_CURL(multi_perform);
  EVERLEAF_CURL(multi_poll);
  EVERLEAF_CURL(multi_remove_handle);
  EVERLEAF_CURL(multi_wakeup);
  EVERLEAF_CURL(slist_append);
  EVERLEAF_CURL(slist_free_all);
  EVERLEAF_CURL(url);
  EVERLEAF_CURL(url_cleanup);
  EVERLEAF_CURL(url_get);
  EVERLEAF_CURL(url_set);
#undef EVERLEAF_CURL
};

// Loaded when it is first asked for (docs/decisions/0011-libcurl-when-needed.md). What it frees is wiped. Throws
// missing if it is not installed.
const Curl& curl();

template <auto function>
struct CurlFree {
  template <typename T>
  void operator()(T* handle) const {
    (curl().*function)(handle);
  }
};
using EasyPtr = std::unique_ptr<CURL, CurlFree<&Curl::easy_cleanup>>;
using MultiPtr = std::unique_ptr<CURLM, CurlFree<&Curl::multi_cleanup>>;
using StringList = std::unique_ptr<curl_slist, CurlFree<&Curl::slist_free_all>>;

}  // namespace everleaf
