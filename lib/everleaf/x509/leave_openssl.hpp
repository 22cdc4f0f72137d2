// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace everleaf {

// For programs, before anything else of the library: at exit OpenSSL does not take down its tables, which the end of
// the process does anyway, and which is a fiftieth of the time of a renewal.
void leave_openssl_at_exit();

}  // namespace everleaf
