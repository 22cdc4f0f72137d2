#include <everleaf/config/load.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/step_ca/step_ca.hpp>
#include <iostream>

int main() try {
  for (const auto& problem : everleaf::load_configuration("everleaf.toml").problems)
    std::cout << to_string(problem) << '\n';
  everleaf::fetch_root(everleaf::HttpsUrl::parse("https://127.0.0.1:1"), {}, {});
} catch (const everleaf::Error& error) {
  std::cout << error.what() << '\n';
}
