// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/leave_openssl.hpp>

#include <openssl/crypto.h>

namespace everleaf {

void leave_openssl_at_exit() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

}  // namespace everleaf
