// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/local_http.hpp>

#include <array>
#include <cerrno>

#include <everleaf/error/error.hpp>
#include <everleaf/http/curl.hpp>

namespace everleaf {
namespace {

constexpr std::size_t longest_body = 64 << 20;

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* response) {
  auto& body = static_cast<HttpResponse*>(response)->body;
  if (body.size() + count > longest_body) return CURL_WRITEFUNC_ERROR;
  body.append(bytes, count);
  return count;
}

Error failure(CURLcode code, CURL* handle, const std::filesystem::path& socket, const char* words) {
  long number = 0;
  curl().easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
  if (code == CURLE_COULDNT_CONNECT && (number == ENOENT || number == ECONNREFUSED))
    return Error(ErrorKind::missing, "nobody listens at " + socket.string());
  if (code == CURLE_COULDNT_CONNECT && number != 0)
    return system_error("cannot ask at " + socket.string(), static_cast<int>(number));
  return Error(
      code == CURLE_OPERATION_TIMEDOUT ? ErrorKind::timed_out : ErrorKind::connection,
      "cannot ask at " + socket.string() + ": " + escape(words[0] != '\0' ? words : curl().easy_strerror(code)));
}

}  // namespace

HttpResponse ask_local(const std::filesystem::path& socket, const std::string& method, const std::string& path,
                       std::chrono::milliseconds limit) {
  const EasyPtr owner(curl().easy_init());
  CURL* handle = owner.get();
  HttpResponse response;
  std::array<char, CURL_ERROR_SIZE> words{};
  curl().easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl().easy_setopt(handle, CURLOPT_URL, ("http://localhost" + path).c_str());
  curl().easy_setopt(handle, CURLOPT_PROXY, "");
  curl().easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl().easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl().easy_setopt(handle, CURLOPT_ERRORBUFFER, words.data());
  curl().easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl().easy_setopt(handle, CURLOPT_WRITEDATA, &response);
  if (method == "POST") curl().easy_setopt(handle, CURLOPT_POSTFIELDSIZE, 0L);
  if (method == "POST") curl().easy_setopt(handle, CURLOPT_POSTFIELDS, "");
  if (const CURLcode code = curl().easy_perform(handle); code != CURLE_OK)
    throw failure(code, handle, socket, words.data());
  curl().easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
  return response;
}

}  // namespace everleaf
