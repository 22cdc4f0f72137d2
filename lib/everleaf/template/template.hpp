// SPDX-License-Identifier: Apache-2.0
// A part of Go's templates (https://pkg.go.dev/text/template), with the functions of Sprig that templates for
// certificates use: text, {{ }} with - on either side, comments, fields, variables, literals, pipelines, if, with,
// range, break, continue. What is here means the same as there, what is not is refused by its name
// (template/functions.cpp has the functions): define, template, block, methods, numbers that are not decimal, range
// over numbers.
#pragma once

#include <string>
#include <string_view>

#include <everleaf/template/value.hpp>

namespace everleaf::templates {

// What the template `text` writes of `data`, at most 1 MiB, in bounded time. Throws malformed: "<source>: line 3: ...".
std::string fill(std::string_view text, const Value& data, const std::string& source);

}  // namespace everleaf::templates
