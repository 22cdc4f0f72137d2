// SPDX-License-Identifier: Apache-2.0
// What the user reads and answers. The rules: data goes to stdout, everything else to stderr; an error is one line and
// at most one hint; no colour without a terminal or with NO_COLOR; questions go to the terminal, and each has a flag
// that answers it; without a terminal an unanswered question is an error.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/error/error.hpp>
#include <everleaf/secret/secret.hpp>

namespace everleaf::cli {

void show_error(const Error& error);
void say(const std::string& line);  // not with --quiet or --json
// "✔ CA: https://ca.internal", as step marks what was chosen or done.
void say_checked(std::string_view what, std::string_view value);

// Whether files that exist may be replaced.
enum class ExistingFiles { ask, replace };
// Asks for each of `files` that exists; throws conflict if one must not be replaced or nobody can be asked.
void require_replaceable(const std::vector<std::filesystem::path>& files, ExistingFiles existing);

bool has_terminal();  // to ask at

// Asks at the terminal until the answer is one; throws usage, with `hint`, if there is none.
bool ask_yes_or_no(const std::string& question, const std::string& hint);

// Which of `choices` is wanted, by the number that is typed. Throws usage, with `hint`, if it is none of them or there
// is no terminal.
std::size_t ask_choice(const std::string& question, const std::vector<std::string>& choices, const std::string& hint);

// Reads a password from the terminal without showing it. Throws usage, with `hint`, if there is no terminal.
Secret ask_password(const std::string& prompt, const std::string& hint);
// The same for one that is going to protect something: asks again while it is empty.
Secret ask_new_password(const std::string& prompt, const std::string& hint);

}  // namespace everleaf::cli
